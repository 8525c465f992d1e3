/// exec of programs made up here, byte by byte: loaders, load addresses, and files that lie.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <elf.h>
#include <fcntl.h>
#include <initializer_list>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr std::uint32_t text = 0x1000'0000;  // far from where anything else goes
constexpr std::uint32_t data = text + 0x1000;
constexpr const char* program_path = "/tmp/exec_test.program";
constexpr const char* loader_path = "/tmp/exec_test.loader";

/// An ELF file of two pages, text and data, with .bss behind the data. Its program ends with
/// `code`.
class Image {
public:
    Elf32_Ehdr header{};
    Elf32_Phdr segments[24]{};
    std::uint32_t size = 0x2000;
    unsigned char bytes[0x2000];

    explicit Image(std::uint8_t code) {
        std::memset(bytes, 0xcc, sizeof bytes);
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS32;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = ET_EXEC;
        header.e_machine = EM_386;
        header.e_version = EV_CURRENT;
        header.e_phoff = header.e_ehsize = sizeof header;
        header.e_phentsize = sizeof(Elf32_Phdr);
        add({PT_LOAD, 0, text, 0, 0x1000, 0x1000, PF_R | PF_X, 0x1000});
        add({PT_LOAD, 0x1000, data, 0, 0x100, 0x1900, PF_R | PF_W, 0x1000});
        add({PT_GNU_STACK, 0, 0, 0, 0, 0, PF_R | PF_W, 16});
        // mov $1, %eax; mov $code, %ebx; int $0x80: _exit(code)
        run({0xb8, 1, 0, 0, 0, 0xbb, code, 0, 0, 0, 0xcd, 0x80});
    }
    void add(const Elf32_Phdr& segment) { segments[header.e_phnum++] = segment; }
    /// A path as PT_INTERP; `count` bytes of it count.
    void add_loader(const char* path, std::uint32_t count) {
        std::memcpy(bytes + 0xa00, path, std::strlen(path) + 1);
        add({PT_INTERP, 0xa00, 0, 0, count, count, PF_R, 1});
    }
    void add_loader(const char* path) {
        add_loader(path, static_cast<std::uint32_t>(std::strlen(path)) + 1);
    }
    void run(std::initializer_list<unsigned> code) {
        header.e_entry = text + 0x800;
        unsigned char* to = bytes + 0x800;
        for (const unsigned byte : code) {
            *to++ = static_cast<unsigned char>(byte);
        }
    }
    /// The program ends with the byte at an address: movzbl address, %ebx; mov $1, %eax; int $0x80.
    void end_with_byte_at(std::uint32_t a) {
        run({0x0f, 0xb6, 0x1d, a & 0xff, a >> 8 & 0xff, a >> 16 & 0xff, a >> 24,  //
             0xb8, 1, 0, 0, 0, 0xcd, 0x80});
    }
    /// The program writes its stack, with the address of an instruction of its own on top, to its
    /// standard output: call .; mov %esp, %ecx; mov $4, %eax; mov $1, %ebx; mov $2048, %edx;
    /// int $0x80; then _exit(code).
    void tell_stack(std::uint8_t code) {
        run({0xe8, 0,    0, 0, 0,    0x89, 0xe1, 0xb8, 4, 0, 0, 0,    0xbb, 1, 0, 0, 0,    0xba,
             0,    0x08, 0, 0, 0xcd, 0x80, 0xb8, 1,    0, 0, 0, 0xbb, code, 0, 0, 0, 0xcd, 0x80});
    }
    /// Position-independent, linked to `start`.
    void relocate(std::uint32_t start) {
        header.e_type = ET_DYN;
        header.e_entry += start - text;
        for (Elf32_Phdr& segment : segments) {
            segment.p_vaddr += segment.p_type == PT_LOAD ? start - text : 0;
        }
    }
    void write_to(const char* path, mode_t mode = 0755) {
        std::memcpy(bytes, &header, sizeof header);
        std::memcpy(bytes + sizeof header, segments, header.e_phnum * sizeof(Elf32_Phdr));
        unlink(path);
        const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        EXPECT(fd >= 0);
        EXPECT_EQ(write(fd, bytes, size), size);
        EXPECT_EQ(fchmod(fd, mode), 0);
        close(fd);
    }
};

struct Files {
    ~Files() {
        unlink(program_path);
        unlink(loader_path);
    }
};

char name[] = "exec_test";
char* const arguments[] = {name, nullptr};
char* const environment[] = {nullptr};

void write_script(const char* text_of_it) {
    const int fd = open(program_path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    EXPECT_EQ(write(fd, text_of_it, std::strlen(text_of_it)), std::strlen(text_of_it));
    close(fd);
}

/// The wait status of execveat(), or minus its errno.
int outcome_at(int at, const char* path, int flags) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        syscall(SYS_execveat, at, path, arguments, environment, flags);
        const int error = errno;
        write(ends[1], &error, sizeof error);
        _Exit(0);
    }
    close(ends[1]);
    int error = 0;
    read(ends[0], &error, sizeof error);
    close(ends[0]);
    const int status = check::wait_status(pid);
    return error != 0 ? -error : status;
}
int outcome() {
    return outcome_at(AT_FDCWD, program_path, 0);
}
int outcome_of(Image& program) {
    program.write_to(program_path);
    return outcome();
}
int outcome_with(Image& loader) {
    loader.write_to(loader_path);
    Image program(42);
    program.add_loader(loader_path);
    return outcome_of(program);
}

/// What a program found on its stack.
struct Stack {
    std::uint32_t words[512]{};

    [[nodiscard]] std::uint32_t instruction() const { return words[0]; }
    [[nodiscard]] std::uint32_t auxiliary(std::uint32_t type) const {
        const std::uint32_t* at = words + 2;  // argc
        for (int nulls = 0; nulls < 2; ++at) {
            nulls += *at == 0 ? 1 : 0;
        }
        for (; at < words + 510 && *at != AT_NULL; at += 2) {
            if (*at == type) {
                return at[1];
            }
        }
        return 0xffff'ffff;
    }
};

/// Runs the program at program_path, which tells its stack and ends with `code`.
Stack stack_of_program(std::uint8_t code) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const int status = check::status_of_child([&] {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        static char room[4096] = "ROOM=";  // so that there are 2048 bytes to tell
        std::memset(room + 5, 'x', sizeof room - 6);
        char* const large[] = {room, nullptr};
        execve(program_path, arguments, large);
        _Exit(99);
    });
    close(ends[1]);
    Stack stack;
    EXPECT_EQ(read(ends[0], stack.words, sizeof stack.words), sizeof stack.words);
    close(ends[0]);
    EXPECT_EQ(status, code << 8);
    return stack;
}

CHECK_CASE(the_loader_runs_and_is_told_about_the_program) {
    const Files files;
    Image loader(0);
    loader.tell_stack(43);
    loader.relocate(0);
    loader.write_to(loader_path);
    Image program(42);
    program.add_loader(loader_path);
    program.write_to(program_path);
    const Stack stack = stack_of_program(43);
    const std::uint32_t base = stack.auxiliary(AT_BASE);
    EXPECT_EQ(base & 0xfff, 0);
    EXPECT_EQ(stack.instruction(), base + 0x805);
    EXPECT_EQ(stack.auxiliary(AT_ENTRY), text + 0x800);
    EXPECT_EQ(stack.auxiliary(AT_PHDR), text + sizeof(Elf32_Ehdr));
    EXPECT_EQ(stack.auxiliary(AT_PHNUM), 4);
    EXPECT_EQ(stack.auxiliary(AT_PHENT), sizeof(Elf32_Phdr));
}

CHECK_CASE(position_independent_programs_are_moved) {
    const Files files;
    Image loader(0);
    loader.tell_stack(43);
    loader.relocate(0x7000'0000);  // as linked; that does not matter
    loader.write_to(loader_path);
    Image program(42);
    program.add_loader(loader_path);
    program.relocate(0);
    program.write_to(program_path);
    const Stack stack = stack_of_program(43);
    const std::uint32_t bias = stack.auxiliary(AT_ENTRY) - 0x800;
    EXPECT_EQ(bias & 0xfff, 0);
    EXPECT(bias >= 0x10000);
    EXPECT_EQ(stack.auxiliary(AT_PHDR), bias + sizeof(Elf32_Ehdr));
    EXPECT_EQ(stack.auxiliary(AT_BASE), stack.instruction() - 0x7000'0805);
}

CHECK_CASE(programs_without_a_loader_have_no_base) {
    const Files files;
    for (const bool moves : {false, true}) {
        Image program(0);
        program.tell_stack(44);
        if (moves) {
            program.relocate(0);
        }
        program.write_to(program_path);
        const Stack stack = stack_of_program(44);
        EXPECT_EQ(stack.auxiliary(AT_BASE), 0);
        EXPECT_EQ(stack.auxiliary(AT_ENTRY), stack.instruction() - 5);
    }
}

CHECK_CASE(a_loader_may_have_a_place_of_its_own) {
    const Files files;
    Image loader(43);
    loader.header.e_entry += 0x1000'0000;
    loader.segments[0].p_vaddr += 0x1000'0000;
    loader.segments[1].p_vaddr += 0x1000'0000;
    EXPECT_EQ(outcome_with(loader), 43 << 8);
    Image over_the_program(44);
    EXPECT_EQ(outcome_with(over_the_program), 44 << 8);
}

CHECK_CASE(a_loader_that_cannot_be_used_is_an_error) {
    const Files files;
    const auto with = [](const char* path) {
        Image program(42);
        program.add_loader(path);
        return outcome_of(program);
    };
    EXPECT_EQ(with("/tmp/exec_test.missing"), -ENOENT);
    EXPECT_EQ(with("/tmp"), -EACCES);
    EXPECT_EQ(with("/tmp/exec_test.program/x"), -ENOTDIR);
    EXPECT_EQ(with(""), -ENOEXEC);  // a path of one byte cannot be
    Image loader(43);
    loader.relocate(0);
    loader.write_to(loader_path, 0644);
    EXPECT_EQ(with(loader_path), -EACCES);
    loader.size = 51;
    EXPECT_EQ(outcome_with(loader), -EIO);
    loader.size = 52;
    EXPECT_EQ(outcome_with(loader), -ELIBBAD);
    loader.size = 0x2000;
    loader.header.e_machine = EM_ARM;
    EXPECT_EQ(outcome_with(loader), -ELIBBAD);
    loader.header.e_machine = EM_386;
    loader.header.e_ident[EI_MAG0] = '#';
    EXPECT_EQ(outcome_with(loader), -ELIBBAD);
}

CHECK_CASE(a_loader_path_that_is_none_is_an_error) {
    const Files files;
    Image cut(42);
    cut.add_loader("/tmp/exec_test.loader", 8);  // no NUL
    EXPECT_EQ(outcome_of(cut), -ENOEXEC);
    Image long_path(42);
    long_path.add_loader("/tmp", 4097);
    EXPECT_EQ(outcome_of(long_path), -ENOEXEC);
    Image behind_the_file(42);
    behind_the_file.add_loader("/tmp");
    behind_the_file.segments[3].p_offset = 0x1fff;
    EXPECT_EQ(outcome_of(behind_the_file), -EIO);
}

CHECK_CASE(a_program_for_another_machine_is_an_error) {
    const Files files;
    const auto with = [](auto change) {
        Image program(42);
        change(program);
        return outcome_of(program);
    };
    EXPECT_EQ(with([](Image&) {}), 42 << 8);
    EXPECT_EQ(with([](Image& i) { i.header.e_machine = EM_ARM; }), -ENOEXEC);
    EXPECT_EQ(with([](Image& i) { i.header.e_type = ET_REL; }), -ENOEXEC);
    EXPECT_EQ(with([](Image& i) { i.header.e_phentsize = 33; }), -ENOEXEC);
    EXPECT_EQ(with([](Image& i) { i.header.e_phnum = 0; }), -ENOEXEC);
    EXPECT_EQ(with([](Image& i) { i.size = 40; }), -ENOEXEC);
    EXPECT_EQ(with([](Image& i) { i.header.e_phoff = 0x8000; }), -ENOEXEC);
}

CHECK_CASE(a_program_that_cannot_be_laid_out_is_killed) {
    const Files files;
    const auto with = [](auto change) {
        Image program(42);
        change(program);
        return outcome_of(program);
    };
    EXPECT_EQ(with([](Image& i) { i.segments[1].p_memsz = 0x80; }), SIGSEGV);
    EXPECT_EQ(with([](Image& i) { i.segments[1].p_offset = 0x1010; }), SIGSEGV);
    EXPECT_EQ(with([](Image& i) { i.segments[1].p_memsz = 0xffff'ffff; }), SIGSEGV);
    EXPECT_EQ(with([](Image& i) { i.header.e_entry = 0; }), SIGSEGV);
    EXPECT_EQ(with([](Image& i) { i.header.e_entry = 0x2000'0000; }), SIGSEGV);
    EXPECT_EQ(with([](Image& i) {
                  i.segments[0].p_type = i.segments[1].p_type = PT_NOTE;
                  i.header.e_type = ET_DYN;
              }),
              SIGSEGV);
    Image loader(43);
    loader.relocate(0);
    loader.segments[1].p_memsz = 8;
    EXPECT_EQ(outcome_with(loader), SIGSEGV);
}

CHECK_CASE(what_follows_the_data_is_zero) {
    const Files files;
    const auto byte_at = [](std::uint32_t address, std::uint32_t bss) {
        Image program(42);
        program.segments[1].p_memsz = 0x100 + bss;
        program.end_with_byte_at(address);
        return outcome_of(program);
    };
    EXPECT_EQ(byte_at(data + 0xff, 0x1800), 0xcc << 8);
    EXPECT_EQ(byte_at(data + 0x100, 0x1800), 0);
    EXPECT_EQ(byte_at(data + 0xfff, 0x1800), 0);
    EXPECT_EQ(byte_at(data + 0x1000, 0x1800), 0);
    EXPECT_EQ(byte_at(data + 0x1fff, 0x1800), 0);
    EXPECT_EQ(byte_at(data + 0xfff, 1), 0);
    EXPECT_EQ(byte_at(data + 0x100, 0), 0xcc << 8);  // without .bss, whatever the file has there
    EXPECT_EQ(byte_at(data + 0x1000, 0), SIGSEGV);
}

CHECK_CASE(odd_but_possible_programs_run) {
    const Files files;
    const auto with = [](auto change) {
        Image program(42);
        change(program);
        return outcome_of(program);
    };
    constexpr int ran = 42 << 8;
    EXPECT_EQ(with([](Image& i) { i.segments[1].p_align = 3; }), ran);
    EXPECT_EQ(with([](Image& i) {
                  i.relocate(0);
                  i.segments[1].p_align = 0x40'0000;
              }),
              ran);
    EXPECT_EQ(with([](Image& i) {  // data that the file does not have, and nobody touches
                  i.segments[1].p_filesz = i.segments[1].p_memsz = 0x3000;
              }),
              ran);
    EXPECT_EQ(with([](Image& i) {
                  const Elf32_Phdr first = i.segments[0];
                  i.segments[0] = i.segments[1];
                  i.segments[1] = first;
              }),
              ran);
    EXPECT_EQ(with([](Image& i) { i.segments[0].p_flags = PF_X; }), ran);
    EXPECT_EQ(with([](Image& i) {  // the later segment wins
                  i.add({PT_LOAD, 0x1000, 0x3000'0000, 0, 0x100, 0x100, PF_R, 0x1000});
                  i.add({PT_LOAD, 0, 0x3000'0000, 0, 0x100, 0x100, PF_R, 0x1000});
                  i.end_with_byte_at(0x3000'0001);
              }),
              'E' << 8);
    EXPECT_EQ(with([](Image& i) {
                  for (std::uint32_t n = 0; n < 20; ++n) {
                      i.add({PT_LOAD, 0x1000, 0x3000'0000 + n * 0x1000, 0, 16, 16, PF_R, 0x1000});
                  }
                  i.end_with_byte_at(0x3001'3000);
              }),
              0xcc << 8);
}

CHECK_CASE(a_script_may_name_a_program_with_a_loader) {
    const Files files;
    Image loader(43);
    loader.relocate(0);
    loader.write_to(loader_path);
    Image program(42);
    program.add_loader(loader_path);
    program.write_to("/tmp/exec_test.interpreter");
    write_script("#!/tmp/exec_test.interpreter argument\n");
    const int status = outcome();
    unlink("/tmp/exec_test.interpreter");
    EXPECT_EQ(status, 43 << 8);
}

CHECK_CASE(execveat_starts_what_a_descriptor_leads_to) {
    const Files files;
    Image(42).write_to(program_path);
    const int folder = open("/tmp", O_RDONLY | O_DIRECTORY);
    const int program = open(program_path, O_RDONLY | O_CLOEXEC);
    constexpr int ran = 42 << 8;
    EXPECT_EQ(outcome_at(AT_FDCWD, program_path, 0), ran);
    EXPECT_EQ(outcome_at(-1, program_path, 0), ran);
    EXPECT_EQ(outcome_at(folder, "exec_test.program", 0), ran);
    EXPECT_EQ(outcome_at(program, "", AT_EMPTY_PATH), ran);
    EXPECT_EQ(outcome_at(program, "", 0), -ENOENT);
    EXPECT_EQ(outcome_at(folder, "", AT_EMPTY_PATH), -EACCES);
    EXPECT_EQ(outcome_at(99, "x", 0), -EBADF);
    EXPECT_EQ(outcome_at(99, "", AT_EMPTY_PATH), -EBADF);
    EXPECT_EQ(outcome_at(program, "x", 0), -ENOTDIR);
    EXPECT_EQ(outcome_at(AT_FDCWD, program_path, 1), -EINVAL);
    EXPECT_EQ(symlink(program_path, loader_path), 0);
    EXPECT_EQ(outcome_at(AT_FDCWD, loader_path, 0), ran);
    EXPECT_EQ(outcome_at(AT_FDCWD, loader_path, AT_SYMLINK_NOFOLLOW), -ELOOP);
}

CHECK_CASE(a_script_needs_a_name_that_lasts) {
    const Files files;
    write_script("#!/bin/sh\ncase $0 in /dev/fd/*) exit 7;; esac\n");
    const int lasting = open(program_path, O_RDONLY);
    EXPECT_EQ(outcome_at(lasting, "", AT_EMPTY_PATH), 7 << 8);
    const int closing = open(program_path, O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(outcome_at(closing, "", AT_EMPTY_PATH), -ENOENT);
}

CHECK_CASE(the_line_of_a_script_is_cut_behind_its_interpreter) {
    const Files files;
    char line[400] = "#!/tmp/exec_test.loader ";
    Image(43).write_to(loader_path);
    std::memset(line + std::strlen(line), 'x', 300);
    write_script(line);
    EXPECT_EQ(outcome(), 43 << 8);
    line[23] = 'x';  // now the path is too long to be seen whole
    write_script(line);
    EXPECT_EQ(outcome(), -ENOEXEC);
    write_script("#! \n");
    EXPECT_EQ(outcome(), -ENOEXEC);
}

CHECK_CASE(scripts_may_be_run_by_scripts_five_deep) {
    const Files files;
    Image(44).write_to("/tmp/exec_test.0");
    int results[6]{};
    for (int depth = 1; depth <= 6; ++depth) {
        char path[32];
        char line[64];
        std::snprintf(path, sizeof path, "/tmp/exec_test.%d", depth);
        std::snprintf(line, sizeof line, "#!/tmp/exec_test.%d\n", depth - 1);
        write_script(line);
        EXPECT_EQ(rename(program_path, path), 0);
        results[depth - 1] = outcome_at(AT_FDCWD, path, 0);
    }
    for (int depth = 0; depth <= 6; ++depth) {
        char path[32];
        std::snprintf(path, sizeof path, "/tmp/exec_test.%d", depth);
        unlink(path);
    }
    EXPECT_EQ(results[0], 44 << 8);
    EXPECT_EQ(results[4], 44 << 8);
    EXPECT_EQ(results[5], -ELOOP);
}

/// Where a program finds its parts, as another one is told that it runs in its place.
struct Places {
    unsigned long heap = 0, library = 0, stack = 0;
};

/// Runs `cat /proc/self/maps`, which has a dynamic loader where that is installed.
Places places_of_program(unsigned long personality) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t child = check::fork_or_fail();
    if (child == 0) {
        EXPECT(syscall(SYS_personality, personality) != -1);
        dup2(ends[1], 1);
        execlp("cat", "cat", "/proc/self/maps", nullptr);
        _exit(127);
    }
    close(ends[1]);
    FILE* const maps = fdopen(ends[0], "r");
    Places places;
    char line[512];
    while (std::fgets(line, sizeof line, maps) != nullptr) {
        const unsigned long start = std::strtoul(line, nullptr, 16);
        if (std::strstr(line, "[heap]") != nullptr) {
            places.heap = start;
        } else if (std::strstr(line, "[stack]") != nullptr) {
            places.stack = start;
        } else if (std::strstr(line, "/ld") != nullptr && places.library == 0) {
            places.library = start;
        }
    }
    std::fclose(maps);
    EXPECT_EQ(check::wait_status(child), 0);
    return places;
}

CHECK_CASE(each_start_has_places_of_its_own_unless_told_otherwise) {
    constexpr unsigned long fixed = 0x0040000;  // ADDR_NO_RANDOMIZE
    const Places usual = places_of_program(fixed);
    bool heap_moves = false, library_moves = usual.library == 0, stack_moves = false;
    for (int i = 0; i < 12; ++i) {
        const Places again = places_of_program(fixed);
        EXPECT_EQ(again.heap, usual.heap);
        EXPECT_EQ(again.library, usual.library);
        EXPECT_EQ(again.stack, usual.stack);
        const Places drawn = places_of_program(0);
        heap_moves |= drawn.heap != usual.heap;
        library_moves |= drawn.library != usual.library;
        stack_moves |= drawn.stack != usual.stack;
    }
    EXPECT(heap_moves);
    EXPECT(library_moves);
    EXPECT(stack_moves);
}

/// Pairs of the auxiliary vector, which a C library reads in any order and some programs do not.
CHECK_CASE(the_auxiliary_vector_comes_in_order) {
    const Files files;
    Image program(0);
    program.tell_stack(44);
    program.write_to(program_path);
    const Stack stack = stack_of_program(44);
    EXPECT(stack.auxiliary(AT_MINSIGSTKSZ) >= 900 && stack.auxiliary(AT_MINSIGSTKSZ) < 20'000);
    EXPECT_EQ(stack.auxiliary(AT_CLKTCK), 100);
    const std::uint32_t* at = stack.words + 2;
    for (int nulls = 0; nulls < 2; ++at) {
        nulls += *at == 0 ? 1 : 0;
    }
    while (*at != AT_HWCAP) {
        at += 2;  // what a vDSO or an XSAVE frame brings
    }
    for (const unsigned type :
         {AT_HWCAP, AT_PAGESZ, AT_CLKTCK, AT_PHDR, AT_PHENT, AT_PHNUM, AT_BASE, AT_FLAGS, AT_ENTRY,
          AT_UID, AT_EUID, AT_GID, AT_EGID, AT_SECURE, AT_RANDOM, AT_HWCAP2}) {
        EXPECT_EQ(*at, type);
        at += 2;
    }
}

}  // namespace

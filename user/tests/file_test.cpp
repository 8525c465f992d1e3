/// Files and directories in /tmp: names, links, offsets, attributes, errors.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace {

/// A fresh folder that is the current one while a case runs.
struct Folder {
    char path[64];

    Folder() {
        std::snprintf(path, sizeof path, "/tmp/file_test.%d", getpid());
        EXPECT_EQ(mkdir(path, 0755), 0);
        EXPECT_EQ(chdir(path), 0);
    }
    ~Folder() {
        EXPECT_EQ(chdir("/"), 0);
        EXPECT_EQ(rmdir(path), 0);  // whatever a case creates it must be able to remove
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
};

void create(const char* path, const char* text) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    EXPECT(fd >= 0);
    EXPECT_EQ(write(fd, text, std::strlen(text)), std::strlen(text));
    EXPECT_EQ(close(fd), 0);
}

bool contains(const char* path, const char* text) {
    const int fd = open(path, O_RDONLY);
    EXPECT(fd >= 0);
    char buffer[256] = "";
    const ssize_t length = read(fd, buffer, sizeof buffer - 1);
    close(fd);
    return length == static_cast<ssize_t>(std::strlen(text)) && std::strcmp(buffer, text) == 0;
}

struct stat status_of(const char* path) {
    struct stat status{};
    EXPECT_EQ(lstat(path, &status), 0);
    return status;
}

/// A program that only waits for a signal.
void create_waiting_program(const char* path) {
    struct {
        Elf32_Ehdr header;
        Elf32_Phdr segment;
        unsigned char code[9];
    } file{};
    constexpr Elf32_Addr base = 0x8048000;
    std::memcpy(file.header.e_ident, ELFMAG, SELFMAG);
    file.header.e_ident[EI_CLASS] = ELFCLASS32;
    file.header.e_ident[EI_DATA] = ELFDATA2LSB;
    file.header.e_ident[EI_VERSION] = EV_CURRENT;
    file.header.e_type = ET_EXEC;
    file.header.e_machine = EM_386;
    file.header.e_version = EV_CURRENT;
    file.header.e_entry = base + offsetof(decltype(file), code);
    file.header.e_phoff = offsetof(decltype(file), segment);
    file.header.e_ehsize = sizeof file.header;
    file.header.e_phentsize = sizeof file.segment;
    file.header.e_phnum = 1;
    file.segment.p_type = PT_LOAD;
    file.segment.p_vaddr = base;
    file.segment.p_filesz = file.segment.p_memsz = sizeof file;
    file.segment.p_flags = PF_R | PF_X;
    file.segment.p_align = 4096;
    // movl $29 (pause), %eax; int $0x80; jmp to the beginning
    constexpr unsigned char code[] = {0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7};
    std::memcpy(file.code, code, sizeof code);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    EXPECT_EQ(write(fd, &file, sizeof file), sizeof file);
    EXPECT_EQ(close(fd), 0);
}

/// Why the file cannot be executed.
int execution_error(const char* path) {
    return WEXITSTATUS(check::status_of_child([&] {
        char* const arguments[] = {const_cast<char*>(path), nullptr};
        execv(path, arguments);
        _exit(errno);
    }));
}

long open_with_limits(const char* path, unsigned long long limits, unsigned long long flags = 0) {
    open_how how{};
    how.flags = flags;
    how.resolve = limits;
    return syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

}  // namespace

CHECK_CASE(create_write_read_remove) {
    Folder folder;
    create("a", "content");
    EXPECT(contains("a", "content"));
    EXPECT_EQ(status_of("a").st_size, 7);
    EXPECT(S_ISREG(status_of("a").st_mode));
    EXPECT_EQ(unlink("a"), 0);
    EXPECT_ERRNO(open("a", O_RDONLY), ENOENT);
    EXPECT_ERRNO(unlink("a"), ENOENT);
}

CHECK_CASE(opening_flags) {
    Folder folder;
    create("a", "0123456789");
    EXPECT_ERRNO(open("a", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    int fd = open("a", O_WRONLY | O_APPEND);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_EQ(write(fd, "x", 1), 1);
    char c = 0;
    EXPECT_ERRNO(read(fd, &c, 1), EBADF);
    close(fd);
    EXPECT(contains("a", "0123456789x"));
    fd = open("a", O_RDONLY);
    EXPECT_ERRNO(write(fd, "x", 1), EBADF);
    close(fd);
    close(open("a", O_WRONLY | O_TRUNC));
    EXPECT_EQ(status_of("a").st_size, 0);
    EXPECT_ERRNO(open("a", O_RDONLY | O_DIRECTORY), ENOTDIR);
    EXPECT_ERRNO(open(".", O_WRONLY), EISDIR);
    EXPECT_EQ(symlink("a", "link"), 0);
    EXPECT_ERRNO(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
    unlink("link");
    unlink("a");
}

CHECK_CASE(offsets_and_holes) {
    Folder folder;
    const int fd = open("a", O_RDWR | O_CREAT, 0600);
    EXPECT_EQ(lseek(fd, 100000, SEEK_SET), 100000);
    EXPECT_EQ(write(fd, "end", 3), 3);
    EXPECT_EQ(lseek(fd, 0, SEEK_END), 100003);
    EXPECT_EQ(lseek(fd, -3, SEEK_CUR), 100000);
    char buffer[8] = "";
    EXPECT_EQ(read(fd, buffer, 8), 3);
    EXPECT_EQ(read(fd, buffer, 8), 0);
    EXPECT_EQ(pread(fd, buffer, 8, 50000), 8);
    EXPECT(std::memcmp(buffer, "\0\0\0\0\0\0\0\0", 8) == 0);
    EXPECT_EQ(pwrite(fd, "mid", 3, 50000), 3);
    EXPECT_EQ(lseek(fd, 0, SEEK_CUR), 100003);
    EXPECT_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
    EXPECT_ERRNO(lseek(fd, 0, 99), EINVAL);
    EXPECT_EQ(ftruncate(fd, 50001), 0);
    EXPECT_EQ(ftruncate(fd, 50003), 0);
    EXPECT_EQ(pread(fd, buffer, 8, 50000), 3);
    EXPECT(std::memcmp(buffer, "m\0\0", 3) == 0);
    close(fd);
    unlink("a");
}

CHECK_CASE(an_unlinked_file_lives_until_it_is_closed) {
    Folder folder;
    const int fd = open("a", O_RDWR | O_CREAT, 0600);
    EXPECT_EQ(unlink("a"), 0);
    EXPECT_EQ(write(fd, "still here", 10), 10);
    char buffer[16] = "";
    EXPECT_EQ(pread(fd, buffer, 16, 0), 10);
    struct stat status{};
    EXPECT_EQ(fstat(fd, &status), 0);
    EXPECT_EQ(status.st_nlink, 0);
    close(fd);
}

CHECK_CASE(directories) {
    Folder folder;
    EXPECT_EQ(mkdir("d", 0755), 0);
    EXPECT_ERRNO(mkdir("d", 0755), EEXIST);
    EXPECT_ERRNO(mkdir("missing/d", 0755), ENOENT);
    create("d/f", "x");
    EXPECT_ERRNO(rmdir("d"), ENOTEMPTY);
    EXPECT_ERRNO(unlink("d"), EISDIR);
    EXPECT_ERRNO(rmdir("d/f"), ENOTDIR);
    EXPECT_ERRNO(open("d/f/g", O_RDONLY), ENOTDIR);
    EXPECT_ERRNO(rmdir("d/."), EINVAL);
    EXPECT_EQ(unlink("d/f"), 0);
    EXPECT_EQ(status_of("d").st_nlink, 2);
    EXPECT_EQ(mkdir("d/e", 0755), 0);
    EXPECT_EQ(status_of("d").st_nlink, 3);
    EXPECT_EQ(rmdir("d/e"), 0);
    EXPECT_EQ(rmdir("d"), 0);
}

CHECK_CASE(a_listing_has_everything_once) {
    Folder folder;
    char name[16];
    for (int i = 0; i < 200; ++i) {
        std::snprintf(name, sizeof name, "file%d", i);
        create(name, "");
    }
    static bool seen[200];
    int dots = 0;
    int entries = 0;
    DIR* directory = opendir(".");
    EXPECT(directory != nullptr);
    while (const dirent* entry = readdir(directory)) {
        ++entries;
        if (entry->d_name[0] == '.') {
            ++dots;
            continue;
        }
        const int number = std::atoi(entry->d_name + 4);
        EXPECT(!seen[number]);
        seen[number] = true;
        EXPECT_EQ(entry->d_ino, status_of(entry->d_name).st_ino);
    }
    closedir(directory);
    EXPECT_EQ(entries, 202);
    EXPECT_EQ(dots, 2);
    for (int i = 0; i < 200; ++i) {
        std::snprintf(name, sizeof name, "file%d", i);
        EXPECT_EQ(unlink(name), 0);
    }
}

CHECK_CASE(hard_links_share_the_file) {
    Folder folder;
    create("a", "one");
    EXPECT_EQ(link("a", "b"), 0);
    EXPECT_EQ(status_of("a").st_nlink, 2);
    EXPECT_EQ(status_of("a").st_ino, status_of("b").st_ino);
    create("b", "two");
    EXPECT(contains("a", "two"));
    EXPECT_ERRNO(link("a", "b"), EEXIST);
    EXPECT_EQ(unlink("a"), 0);
    EXPECT(contains("b", "two"));
    EXPECT_EQ(unlink("b"), 0);
}

CHECK_CASE(symbolic_links) {
    Folder folder;
    create("a", "text");
    EXPECT_EQ(symlink("a", "l"), 0);
    EXPECT(contains("l", "text"));
    EXPECT(S_ISLNK(status_of("l").st_mode));
    EXPECT_EQ(status_of("l").st_size, 1);
    char target[16] = "";
    EXPECT_EQ(readlink("l", target, sizeof target), 1);
    EXPECT_EQ(target[0], 'a');
    EXPECT_ERRNO(readlink("a", target, sizeof target), EINVAL);
    EXPECT_EQ(symlink("loop2", "loop1"), 0);
    EXPECT_EQ(symlink("loop1", "loop2"), 0);
    EXPECT_ERRNO(open("loop1", O_RDONLY), ELOOP);
    EXPECT_EQ(symlink("nowhere", "dangling"), 0);
    EXPECT_ERRNO(open("dangling", O_RDONLY), ENOENT);
    const int fd = open("dangling", O_WRONLY | O_CREAT, 0600);  // creates what it points to
    EXPECT(fd >= 0);
    close(fd);
    for (const char* name : {"nowhere", "dangling", "loop1", "loop2", "l", "a"}) {
        EXPECT_EQ(unlink(name), 0);
    }
}

CHECK_CASE(rename_moves_and_replaces) {
    Folder folder;
    create("a", "a");
    create("b", "b");
    EXPECT_EQ(rename("a", "b"), 0);
    EXPECT(contains("b", "a"));
    EXPECT_ERRNO(rename("a", "c"), ENOENT);
    EXPECT_EQ(mkdir("d", 0755), 0);
    EXPECT_EQ(rename("b", "d/b"), 0);
    EXPECT_ERRNO(rename("d", "d/inside"), EINVAL);
    EXPECT_EQ(mkdir("empty", 0755), 0);
    EXPECT_ERRNO(rename("d/b", "empty"), EISDIR);
    EXPECT_ERRNO(rename("empty", "d/b"), ENOTDIR);
    EXPECT_ERRNO(rename("empty", "d"), ENOTEMPTY);
    EXPECT_EQ(rmdir("empty"), 0);
    EXPECT_EQ(rename("d", "e"), 0);
    EXPECT(contains("e/b", "a"));
    EXPECT_EQ(unlink("e/b"), 0);
    EXPECT_EQ(rmdir("e"), 0);
}

CHECK_CASE(the_current_directory) {
    Folder folder;
    char buffer[256];
    EXPECT(std::strcmp(getcwd(buffer, sizeof buffer), folder.path) == 0);
    EXPECT_EQ(mkdir("d", 0755), 0);
    EXPECT_EQ(chdir("d/../d/./"), 0);
    EXPECT(std::strcmp(getcwd(buffer, sizeof buffer) + std::strlen(folder.path), "/d") == 0);
    EXPECT(getcwd(buffer, 4) == nullptr && errno == ERANGE);
    EXPECT_EQ(chdir(".."), 0);
    EXPECT_ERRNO(chdir("nowhere"), ENOENT);
    EXPECT_EQ(chdir("/"), 0);
    EXPECT(std::strcmp(getcwd(buffer, sizeof buffer), "/") == 0);
    EXPECT_EQ(chdir(".."), 0);
    EXPECT(std::strcmp(getcwd(buffer, sizeof buffer), "/") == 0);
    EXPECT_EQ(chdir(folder.path), 0);
    EXPECT_EQ(check::status_of_child([] { EXPECT_EQ(chdir("d"), 0); }), 0);
    EXPECT_EQ(rmdir("d"), 0);  // still our folder: the child moved alone
}

CHECK_CASE(modes_and_the_mask) {
    Folder folder;
    umask(027);
    close(open("a", O_WRONLY | O_CREAT, 0666));
    EXPECT_EQ(status_of("a").st_mode & 07777, 0640);
    EXPECT_EQ(chmod("a", 0751), 0);
    EXPECT_EQ(status_of("a").st_mode & 07777, 0751);
    EXPECT_EQ(umask(022), 027);
    EXPECT_EQ(access("a", R_OK | W_OK | X_OK), 0);
    EXPECT_EQ(chmod("a", 0600), 0);
    EXPECT_ERRNO(access("a", X_OK), EACCES);  // not even root may execute what nobody may
    EXPECT_ERRNO(access("b", F_OK), ENOENT);
    unlink("a");
}

CHECK_CASE(writing_takes_set_id_bits_away) {
    Folder folder;
    EXPECT_EQ(chmod(".", 0777), 0);
    const int status = check::status_of_child([] {
        // Root may keep them; anybody else loses them, even with a file of their own.
        EXPECT_EQ(setgid(1000), 0);
        EXPECT_EQ(setuid(1000), 0);
        create("f", "text");
        const auto mode = [] { return status_of("f").st_mode & 07777U; };
        const int fd = open("f", O_RDWR);
        EXPECT_EQ(fchmod(fd, 06755), 0);
        EXPECT_EQ(write(fd, "x", 1), 1);
        EXPECT_EQ(mode(), 0755);
        EXPECT_EQ(fchmod(fd, 06755), 0);
        EXPECT_EQ(pwrite(fd, "x", 1, 2), 1);
        EXPECT_EQ(mode(), 0755);
        EXPECT_EQ(fchmod(fd, 06755), 0);
        EXPECT_EQ(ftruncate(fd, 1), 0);
        EXPECT_EQ(mode(), 0755);
        EXPECT_EQ(fchmod(fd, 06755), 0);
        EXPECT_EQ(truncate("f", 0), 0);
        EXPECT_EQ(mode(), 0755);
        EXPECT_EQ(fchmod(fd, 06755), 0);
        create("f", "");  // opens with O_TRUNC
        EXPECT_EQ(mode(), 0755);
        EXPECT_EQ(fchmod(fd, 02745), 0);  // without execute for the group: a mark, and it stays
        EXPECT_EQ(write(fd, "x", 1), 1);
        EXPECT_EQ(mode(), 02745);
        EXPECT_EQ(fchmod(fd, 06755), 0);
        char byte = 0;
        EXPECT_EQ(pread(fd, &byte, 1, 0), 1);
        EXPECT_EQ(mode(), 06755);
        EXPECT_EQ(close(fd), 0);
        _exit(0);
    });
    EXPECT_EQ(status, 0);
    EXPECT_EQ(unlink("f"), 0);
}

CHECK_CASE(long_names) {
    Folder folder;
    char name[300];
    std::memset(name, 'n', sizeof name);
    name[255] = '\0';
    close(open(name, O_WRONLY | O_CREAT, 0600));
    EXPECT_EQ(unlink(name), 0);
    name[255] = 'n';
    name[256] = '\0';
    EXPECT_ERRNO(open(name, O_WRONLY | O_CREAT, 0600), ENAMETOOLONG);
    static char path[5000];
    std::memset(path, '/', sizeof path - 1);
    EXPECT_ERRNO(open(path, O_RDONLY), ENAMETOOLONG);
    EXPECT_ERRNO(open("", O_RDONLY), ENOENT);
}

CHECK_CASE(large_files_keep_their_content) {
    Folder folder;
    const int fd = open("big", O_RDWR | O_CREAT, 0600);
    static unsigned block[1024];
    for (unsigned number = 0; number < 512; ++number) {  // 2 MiB
        for (unsigned i = 0; i < 1024; ++i) {
            block[i] = number * 1024 + i;
        }
        EXPECT_EQ(write(fd, block, sizeof block), sizeof block);
    }
    for (unsigned number = 512; number-- > 0;) {
        EXPECT_EQ(pread(fd, block, sizeof block, number * 4096L), sizeof block);
        EXPECT_EQ(block[0], number * 1024);
        EXPECT_EQ(block[1023], number * 1024 + 1023);
    }
    close(fd);
    EXPECT_EQ(unlink("big"), 0);
}

CHECK_CASE(shared_memory_has_names) {
    struct stat status{};
    EXPECT_EQ(stat("/dev/shm", &status), 0);
    EXPECT_EQ(status.st_mode, S_IFDIR | 01777);
    char name[64];
    std::snprintf(name, sizeof name, "/file_test.%d", getpid());
    const int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    EXPECT(fd >= 0);
    EXPECT_EQ(ftruncate(fd, 4096), 0);
    auto* const here =
        static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    EXPECT(here != MAP_FAILED);
    const int again = shm_open(name, O_RDONLY, 0);
    EXPECT(again >= 0);
    EXPECT_EQ(shm_unlink(name), 0);
    EXPECT_ERRNO(shm_open(name, O_RDONLY, 0), ENOENT);
    here[17] = 'x';
    char there = 0;
    EXPECT_EQ(pread(again, &there, 1, 17), 1);
    EXPECT_EQ(there, 'x');
}

CHECK_CASE(paths_relative_to_an_open_directory) {
    Folder folder;
    EXPECT_EQ(mkdir("d", 0755), 0);
    const int directory = open("d", O_RDONLY | O_DIRECTORY);
    EXPECT(directory >= 0);
    const int fd = openat(directory, "f", O_WRONLY | O_CREAT, 0600);
    EXPECT(fd >= 0);
    close(fd);
    struct stat status{};
    EXPECT_EQ(fstatat(directory, "f", &status, 0), 0);
    EXPECT_EQ(stat("d/f", &status), 0);
    EXPECT_ERRNO(openat(199, "f", O_RDONLY), EBADF);
    EXPECT_ERRNO(openat(0x7fff, "f", O_RDONLY), EBADF);
    EXPECT(openat(199, "/dev/null", O_RDONLY) >= 0);  // absolute: the folder does not matter
    EXPECT_EQ(unlinkat(directory, "f", 0), 0);
    close(directory);
    EXPECT_EQ(rmdir("d"), 0);
}

CHECK_CASE(files_in_memory) {
    const int fd = memfd_create("name", MFD_CLOEXEC);
    EXPECT(fd >= 0);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    EXPECT_EQ(write(fd, "text", 4), 4);
    struct stat status{};
    EXPECT_EQ(fstat(fd, &status), 0);
    EXPECT(S_ISREG(status.st_mode) && status.st_size == 4 && status.st_nlink == 0);
    auto* const memory =
        static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    EXPECT(memory != MAP_FAILED);
    memory[0] = 'n';
    char back[4];
    EXPECT_EQ(pread(fd, back, 4, 0), 4);
    EXPECT(std::memcmp(back, "next", 4) == 0);
    EXPECT_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
    EXPECT_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
    EXPECT_ERRNO(fcntl(fd, F_ADD_SEALS, 0x4000), EINVAL);
    EXPECT_ERRNO(fcntl(open("/tmp", O_RDONLY), F_GET_SEALS), EINVAL);
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_ERRNO(fcntl(ends[1], F_ADD_SEALS, F_SEAL_GROW), EINVAL);
    EXPECT_ERRNO(fcntl(ends[0], F_ADD_SEALS, F_SEAL_GROW), EPERM);
    EXPECT_ERRNO(memfd_create("name", 0x8000), EINVAL);
    EXPECT_ERRNO(memfd_create(nullptr, 0), EFAULT);
    static char name[251];
    std::memset(name, 'n', 249);
    EXPECT(memfd_create(name, 0) >= 0);
    name[249] = 'n';
    EXPECT_ERRNO(memfd_create(name, 0), EINVAL);
}

CHECK_CASE(executed_files_are_not_written) {
    Folder folder;
    create_waiting_program("busy");
    const int writer = open("busy", O_WRONLY);
    EXPECT_EQ(execution_error("./busy"), ETXTBSY);
    EXPECT_EQ(close(writer), 0);

    int started[2];  // ends with the exec
    EXPECT_EQ(pipe2(started, O_CLOEXEC), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        char* const arguments[] = {const_cast<char*>("busy"), nullptr};
        execv("./busy", arguments);
        _exit(errno);
    }
    close(started[1]);
    char byte = 0;
    EXPECT_EQ(read(started[0], &byte, 1), 0);
    close(started[0]);
    EXPECT_ERRNO(open("busy", O_WRONLY), ETXTBSY);
    EXPECT_ERRNO(open("busy", O_RDWR | O_CREAT, 0600), ETXTBSY);
    EXPECT_ERRNO(open("busy", O_RDONLY | O_TRUNC), ETXTBSY);
    EXPECT_ERRNO(truncate("busy", 0), ETXTBSY);
    const int reader = open("busy", O_RDONLY);
    EXPECT(reader >= 0);
    close(reader);
    EXPECT_EQ(chmod("busy", 0700), 0);
    EXPECT_EQ(rename("busy", "moved"), 0);
    EXPECT_ERRNO(open("moved", O_WRONLY), ETXTBSY);
    EXPECT_EQ(kill(pid, SIGKILL), 0);
    check::wait_status(pid);
    const int after = open("moved", O_WRONLY);
    EXPECT(after >= 0);
    close(after);
    EXPECT_EQ(unlink("moved"), 0);
}

CHECK_CASE(path_descriptors_give_no_access) {
    Folder folder;
    create("f", "text");
    EXPECT_EQ(symlink("nowhere", "l"), 0);
    EXPECT_EQ(mkfifo("p", 0600), 0);
    EXPECT_ERRNO(open("l", O_PATH), ENOENT);
    EXPECT_ERRNO(open("f", O_PATH | O_DIRECTORY), ENOTDIR);
    const int file = open("f", O_PATH | O_CLOEXEC);
    char text[16];
    EXPECT_ERRNO(read(file, text, 1), EBADF);
    EXPECT_ERRNO(write(file, text, 1), EBADF);
    EXPECT_ERRNO(pread(file, text, 1, 0), EBADF);
    EXPECT_ERRNO(lseek(file, 0, SEEK_SET), EBADF);
    EXPECT_ERRNO(ftruncate(file, 0), EBADF);
    EXPECT_ERRNO(fchmod(file, 0600), EBADF);
    EXPECT_ERRNO(fchown(file, 0, 0), EBADF);
    EXPECT_ERRNO(fsync(file), EBADF);
    EXPECT_ERRNO(fcntl(file, F_SETFL, O_NONBLOCK), EBADF);
    EXPECT(mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, file, 0) == MAP_FAILED && errno == EBADF);
    EXPECT_EQ(fcntl(file, F_GETFL), O_PATH);
    EXPECT_EQ(fcntl(file, F_GETFD), FD_CLOEXEC);
    const int copy = dup(file);
    struct stat status{};
    EXPECT_EQ(fstat(copy, &status), 0);
    EXPECT_EQ(status.st_size, 4);
    char name[32];
    std::snprintf(name, sizeof name, "/proc/self/fd/%d", copy);
    EXPECT(contains(name, "text"));
    EXPECT_EQ(close(copy), 0);
    EXPECT_EQ(close(file), 0);

    const int link = open("l", O_PATH | O_NOFOLLOW);
    EXPECT_EQ(readlinkat(link, "", text, sizeof text), 7);
    EXPECT_EQ(fstatat(link, "", &status, AT_EMPTY_PATH), 0);
    EXPECT(S_ISLNK(status.st_mode));
    std::snprintf(name, sizeof name, "/proc/self/fd/%d", link);
    EXPECT_ERRNO(open(name, O_RDONLY), ELOOP);
    EXPECT_EQ(close(link), 0);

    const int fifo = open("p", O_PATH);  // waits for nobody
    EXPECT(fifo >= 0);
    EXPECT_EQ(close(fifo), 0);
    const int here = open(".", O_PATH | O_DIRECTORY);
    EXPECT_EQ(fcntl(here, F_GETFL), O_PATH | O_DIRECTORY);
    const int within = openat(here, "f", O_RDONLY);
    EXPECT_EQ(read(within, text, sizeof text), 4);
    EXPECT_EQ(close(within), 0);
    EXPECT_EQ(fchdir(here), 0);
    EXPECT_EQ(close(here), 0);
    EXPECT_EQ(unlink("f") | unlink("l") | unlink("p"), 0);
}

CHECK_CASE(files_without_a_name) {
    Folder folder;
    EXPECT_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
    const int fd = open(".", O_TMPFILE | O_RDWR, 0640);
    EXPECT(fd >= 0);
    struct stat status{};
    EXPECT_EQ(fstat(fd, &status), 0);
    EXPECT_EQ(status.st_nlink, 0);
    EXPECT_EQ(write(fd, "text", 4), 4);
    char name[32];
    std::snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    EXPECT_EQ(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), 0);
    EXPECT(contains("named", "text"));
    EXPECT_EQ(status_of("named").st_nlink, 1);
    EXPECT_EQ(unlink("named"), 0);
    EXPECT_ERRNO(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), ENOENT);
    EXPECT_EQ(close(fd), 0);
    const int never = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
    std::snprintf(name, sizeof name, "/proc/self/fd/%d", never);
    EXPECT_ERRNO(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), ENOENT);
    EXPECT_EQ(close(never), 0);
}

CHECK_CASE(names_are_exchanged) {
    Folder folder;
    create("a", "a");
    EXPECT_EQ(mkdir("d", 0755), 0);
    create("d/b", "b");
    const auto exchange = [](const char* a, const char* b) {
        return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
    };
    EXPECT_ERRNO(exchange("a", "nothing"), ENOENT);
    EXPECT_ERRNO(exchange("d", "d/b"), EINVAL);
    EXPECT_EQ(exchange("a", "d/b"), 0);
    EXPECT(contains("a", "b"));
    EXPECT(contains("d/b", "a"));
    EXPECT_EQ(exchange("a", "d"), 0);
    EXPECT(contains("a/b", "a"));
    EXPECT(contains("d", "b"));
    EXPECT_ERRNO(
        syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "d", RENAME_EXCHANGE | RENAME_NOREPLACE),
        EINVAL);
    EXPECT_ERRNO(rename("a/b", "a"), ENOTEMPTY);
    EXPECT_EQ(unlink("a/b") | rmdir("a") | unlink("d"), 0);
}

CHECK_CASE(holes_are_found_and_made) {
    Folder folder;
    const int fd = open("f", O_RDWR | O_CREAT, 0600);
    EXPECT_ERRNO(lseek(fd, 0, SEEK_DATA), ENXIO);
    EXPECT_ERRNO(lseek(fd, 0, SEEK_HOLE), ENXIO);
    EXPECT_EQ(pwrite(fd, "x", 1, 8192), 1);
    EXPECT_EQ(lseek(fd, 0, SEEK_DATA), 8192);
    EXPECT_EQ(lseek(fd, 100, SEEK_HOLE), 100);
    EXPECT_EQ(lseek(fd, 8192, SEEK_HOLE), 8193);
    EXPECT_ERRNO(lseek(fd, 8193, SEEK_DATA), ENXIO);
    EXPECT_ERRNO(lseek(fd, -1, SEEK_DATA), ENXIO);
    EXPECT_ERRNO(lseek(fd, 0, 5), EINVAL);
    char page[4096];
    std::memset(page, 'y', sizeof page);
    for (int n = 0; n < 4; ++n) {
        EXPECT_EQ(pwrite(fd, page, sizeof page, n * 4096), sizeof page);
    }
    EXPECT_EQ(lseek(fd, 0, SEEK_HOLE), 16384);
    EXPECT_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);
    EXPECT_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4000, 8300), 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_HOLE), 4096);
    EXPECT_EQ(lseek(fd, 4096, SEEK_DATA), 12288);
    EXPECT_EQ(pread(fd, page, sizeof page, 2000), sizeof page);
    EXPECT_EQ(page[1999], 'y');
    EXPECT_EQ(page[2000], 0);
    EXPECT_EQ(pread(fd, page, 13, 12288), 13);
    EXPECT_EQ(page[11], 0);
    EXPECT_EQ(page[12], 'y');
    EXPECT_EQ(status_of("f").st_blocks, 16);
    EXPECT_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 40960), 0);
    EXPECT_EQ(status_of("f").st_size, 16384);
    EXPECT_EQ(status_of("f").st_blocks, 80);
    EXPECT_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
    EXPECT_EQ(close(fd), 0);
    EXPECT_EQ(unlink("f"), 0);
}

CHECK_CASE(without_a_descriptor_nothing_happens) {
    Folder folder;
    create("kept", "text");
    const int status = check::status_of_child([] {
        int last = dup(0);
        for (int next = last; next >= 0; next = dup(0)) {
            last = next;
            rlimit limit{};
            getrlimit(RLIMIT_NOFILE, &limit);
            limit.rlim_cur = 32;
            setrlimit(RLIMIT_NOFILE, &limit);
        }
        EXPECT_EQ(errno, EMFILE);
        EXPECT_ERRNO(open("kept", O_WRONLY | O_TRUNC), EMFILE);
        EXPECT_ERRNO(open("new", O_WRONLY | O_CREAT, 0600), EMFILE);
        int ends[2] = {-7, -7};
        EXPECT_ERRNO(pipe(ends), EMFILE);
        EXPECT_EQ(close(last), 0);
        EXPECT_ERRNO(pipe(ends), EMFILE);  // one is not enough
        EXPECT_EQ(ends[0], -7);
        EXPECT_EQ(dup(0), last);  // and it is free again
        _exit(0);
    });
    EXPECT_EQ(status, 0);
    EXPECT(contains("kept", "text"));
    EXPECT_ERRNO(unlink("new"), ENOENT);
    EXPECT_EQ(unlink("kept"), 0);
}

CHECK_CASE(sizes_that_old_programs_do_not_know) {
    Folder folder;
    const int small = static_cast<int>(syscall(SYS_open, "f", O_RDWR | O_CREAT, 0600));
    EXPECT_EQ(fcntl(small, F_GETFL), O_RDWR);
    EXPECT_EQ(lseek64(small, 0x7ffffffe, SEEK_SET), 0x7ffffffe);
    EXPECT_EQ(write(small, "ab", 2), 1);
    EXPECT_ERRNO(write(small, "b", 1), EFBIG);
    const int large = open64("f", O_WRONLY);
    EXPECT_EQ(pwrite64(large, "b", 1, 0x80000000LL), 1);
    EXPECT_ERRNO(lseek(large, 0, SEEK_END), EOVERFLOW);
    EXPECT_ERRNO(lseek64(large, 0x7fffffffffffffffLL, SEEK_SET), EINVAL);
    char status[256];
    EXPECT_ERRNO(syscall(SYS_stat, "f", status), EOVERFLOW);
    EXPECT_EQ(ftruncate(large, 5), 0);
    EXPECT_EQ(syscall(SYS_stat, "f", status), 0);
    EXPECT_EQ(syscall(SYS_fstat, large, status), 0);
    EXPECT_EQ(close(small) | close(large) | unlink("f"), 0);
}

CHECK_CASE(a_removed_directory_leads_up) {
    Folder folder;
    EXPECT_EQ(mkdir("d", 0755), 0);
    EXPECT_EQ(chdir("d"), 0);
    EXPECT_EQ(rmdir("../d"), 0);
    char path[64];
    EXPECT(getcwd(path, sizeof path) == nullptr && errno == ENOENT);
    EXPECT_ERRNO(open("f", O_WRONLY | O_CREAT, 0600), ENOENT);
    EXPECT_EQ(chdir(".."), 0);
    EXPECT_EQ(mkdir("d", 0755), 0);
    EXPECT_EQ(rmdir("d"), 0);
}

CHECK_CASE(walks_keep_their_limits) {
    Folder folder;
    EXPECT_EQ(mkdir("d", 0755), 0);
    create("d/f", "inside");
    EXPECT_EQ(symlink("d/f", "l") | symlink("/d/f", "abs") | symlink("../x", "up"), 0);
    EXPECT_ERRNO(open_with_limits("../x", RESOLVE_BENEATH), EXDEV);
    EXPECT_ERRNO(open_with_limits("/", RESOLVE_BENEATH), EXDEV);
    EXPECT_ERRNO(open_with_limits("abs", RESOLVE_BENEATH), EXDEV);
    EXPECT_ERRNO(open_with_limits("up", RESOLVE_BENEATH), EXDEV);
    EXPECT_ERRNO(open_with_limits("l", RESOLVE_NO_SYMLINKS), ELOOP);
    EXPECT_ERRNO(open_with_limits("/proc/self/exe", RESOLVE_NO_MAGICLINKS), ELOOP);
    EXPECT_ERRNO(open_with_limits("/proc/version", RESOLVE_NO_XDEV), EXDEV);
    EXPECT_ERRNO(open_with_limits("f", RESOLVE_BENEATH | RESOLVE_IN_ROOT), EINVAL);
    EXPECT_ERRNO(open_with_limits("d/f", 0, 1ULL << 40), EINVAL);
    EXPECT_ERRNO(open_with_limits("d/f", 1 << 20), EINVAL);
    for (const char* path : {"l", "d/../d/f"}) {
        const long fd = open_with_limits(path, RESOLVE_BENEATH);
        EXPECT(fd >= 0);
        close(static_cast<int>(fd));
    }
    const long fd = open_with_limits("abs", RESOLVE_IN_ROOT);  // "/" is the folder
    EXPECT(fd >= 0);
    close(static_cast<int>(fd));
    EXPECT_EQ(unlink("l") | unlink("abs") | unlink("up") | unlink("d/f") | rmdir("d"), 0);
}

CHECK_CASE(unknown_flags_are_refused) {
    Folder folder;
    create("f", "");
    char buffer[256];
    const timespec omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    EXPECT_ERRNO(syscall(SYS_fstatat64, AT_FDCWD, "f", buffer, 1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_statx, AT_FDCWD, "f", AT_STATX_SYNC_TYPE, 0x7ff, buffer), EINVAL);
    EXPECT_ERRNO(syscall(SYS_statx, AT_FDCWD, "f", 0, 0x80000000U, buffer), EINVAL);
    EXPECT_ERRNO(syscall(439, AT_FDCWD, "f", F_OK, 1), EINVAL);  // faccessat2
    EXPECT_ERRNO(syscall(SYS_fchownat, AT_FDCWD, "f", -1, -1, 1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_utimensat, AT_FDCWD, "f", nullptr, 1), EINVAL);
    EXPECT_EQ(syscall(SYS_utimensat, AT_FDCWD, "nothing", omit, 0), 0);
    EXPECT_ERRNO(syscall(SYS_linkat, AT_FDCWD, "f", AT_FDCWD, "g", 1), EINVAL);
    EXPECT_ERRNO(open("d", O_RDONLY | O_CREAT | O_DIRECTORY, 0600), EINVAL);
    EXPECT_ERRNO(syscall(SYS_statfs64, "f", 80, buffer), EINVAL);
    struct statfs status{};
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(fstatfs(ends[0], &status), 0);
    EXPECT_EQ(status.f_type, 0x50495045);
    EXPECT_ERRNO(fallocate(ends[1], 0, 0, 1), ESPIPE);
    close(ends[0]);
    close(ends[1]);
    EXPECT_EQ(mknod("s", S_IFSOCK | 0600, 0), 0);
    EXPECT_ERRNO(open("s", O_RDWR), ENXIO);
    EXPECT_ERRNO(setxattr("s", "user.x", "v", 1, 0), EPERM);
    EXPECT_ERRNO(getxattr("s", "user.x", buffer, 1), ENODATA);
    EXPECT_ERRNO(getxattr("f", "", buffer, 1), ERANGE);
    EXPECT_ERRNO(setxattr("f", "user.x", "v", 1, 4), EINVAL);
    EXPECT_EQ(listxattr("s", nullptr, 0), 0);
    EXPECT_EQ(unlink("s") | unlink("f"), 0);
    // What is wrong with a call comes before what is wrong with its descriptor, and after its path.
    EXPECT_ERRNO(flock(-1, 3), EINVAL);
    EXPECT_ERRNO(flock(-1, LOCK_SH), EBADF);
    EXPECT_ERRNO(ftruncate(-1, -1), EINVAL);
    EXPECT_ERRNO(fsync(open("/dev/null", O_RDWR)), EINVAL);
    EXPECT_ERRNO(link("/dev/null", "/proc/nobody"), ENOENT);
    EXPECT_ERRNO(umount2("/nobody", 0x100), EINVAL);
    EXPECT_ERRNO(umount2("/nobody", 0), ENOENT);
    EXPECT_ERRNO(umount2("/usr", 0), geteuid() == 0 ? EINVAL : EPERM);
    EXPECT_ERRNO(mount(nullptr, "/nobody", nullptr, 0, nullptr), ENOENT);
    EXPECT_ERRNO(mount(nullptr, "/usr", "nosuchtype", 0, nullptr), geteuid() == 0 ? ENODEV : EPERM);
    EXPECT_ERRNO(chroot("/nobody"), ENOENT);
}

CHECK_CASE(sticky_directories_protect_names_and_from_links) {
    if (geteuid() != 0) {
        return;  // it takes two users
    }
    Folder folder;
    EXPECT_EQ(mkdir("s", 0755), 0);
    EXPECT_EQ(chmod("s", 01777), 0);
    create("s/roots", "root's");
    const auto as_user = [](uid_t user, auto body) {
        EXPECT_EQ(check::status_of_child([&] {
                      EXPECT_EQ(setgid(user) | setuid(user), 0);
                      body();
                  }),
                  0);
    };
    as_user(1000, [] {
        EXPECT_ERRNO(unlink("s/roots"), EPERM);
        EXPECT_ERRNO(rename("s/roots", "s/other"), EPERM);
        EXPECT_ERRNO(link("s/roots", "s/link"), EPERM);  // it could not write it
        create("s/mine", "");
        EXPECT_ERRNO(rename("s/mine", "s/roots"), EPERM);
        EXPECT_EQ(symlink("roots", "s/trap"), 0);
        EXPECT(contains("s/trap", "root's"));  // its own link
    });
    EXPECT_ERRNO(open("s/trap", O_RDONLY), EACCES);
    EXPECT_ERRNO(open("s/trap", O_WRONLY | O_CREAT, 0600), EACCES);
    EXPECT(S_ISLNK(status_of("s/trap").st_mode));
    EXPECT_EQ(chown("s", 1001, 1001), 0);
    as_user(1001, [] {
        EXPECT_ERRNO(open("s/trap", O_RDONLY), EACCES);
        EXPECT_EQ(unlink("s/roots"), 0);  // the directory is its own
    });
    EXPECT_EQ(chown("s", 1000, 1000), 0);
    EXPECT_ERRNO(open("s/trap", O_RDONLY), ENOENT);  // links of the directory's owner are good
    EXPECT_EQ(unlink("s/mine") | unlink("s/trap") | rmdir("s"), 0);
}

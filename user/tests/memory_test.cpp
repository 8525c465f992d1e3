/// brk, mmap, munmap, mprotect, copy on write, stack growth, and what the kernel does with our
/// pages.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr std::size_t page = 4096;

sigjmp_buf recovery;
void* volatile fault_address;

void on_fault(int, siginfo_t* info, void*) {
    fault_address = info->si_addr;
    siglongjmp(recovery, 1);
}

/// Whether touching the byte gives SIGSEGV at its very address; the program survives it.
bool faults(volatile char* at, bool write) {
    struct sigaction action{};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
    if (sigsetjmp(recovery, 1) != 0) {
        EXPECT(fault_address == at);
        return true;
    }
    if (write) {
        *at = 1;
    } else {
        (void)*at;
    }
    return false;
}

bool can_read(char* at) {
    return !faults(at, false);
}
bool can_write(char* at) {
    return !faults(at, true);
}

char* map(std::size_t size, int protection = PROT_READ | PROT_WRITE) {
    void* at = mmap(nullptr, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(at != MAP_FAILED);
    return static_cast<char*>(at);
}

int depth_reached(int depth) {
    volatile char frame[1024];
    frame[0] = static_cast<char>(depth);
    frame[1023] = frame[0];
    return depth == 0 ? frame[1023] : depth_reached(depth - 1) + (frame[0] != frame[1023] ? 1 : 0);
}

}  // namespace

CHECK_CASE(brk_grows_with_zeros_and_shrinks) {
    char* end = static_cast<char*>(sbrk(0));
    EXPECT(sbrk(10 * page) == end);
    for (std::size_t i = 0; i < 10 * page; ++i) {
        EXPECT_EQ(end[i], 0);
        end[i] = static_cast<char>(i);
    }
    EXPECT(brk(end) == 0);
    auto* above =
        reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(end) + page - 1) & ~(page - 1));
    EXPECT(!can_read(above));
    EXPECT(sbrk(page) == end);
    EXPECT_EQ(above[-1 + (above == end ? 1 : 0)], 0);
}

CHECK_CASE(anonymous_memory_is_zero_and_private) {
    char* at = map(64 * page);
    for (std::size_t i = 0; i < 64 * page; i += 61) {
        EXPECT_EQ(at[i], 0);
    }
    std::memset(at, 0x5a, 64 * page);
    EXPECT_EQ(check::status_of_child([=] {
                  EXPECT_EQ(at[63 * page], 0x5a);
                  std::memset(at, 1, 64 * page);
              }),
              0);
    for (std::size_t i = 0; i < 64 * page; ++i) {
        EXPECT_EQ(at[i], 0x5a);
    }
    EXPECT_EQ(munmap(at, 64 * page), 0);
}

CHECK_CASE(shared_anonymous_memory_is_shared) {
    auto* at = static_cast<volatile int*>(
        mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    EXPECT(at != MAP_FAILED);
    EXPECT_EQ(check::status_of_child([=] { *at = 1234; }), 0);
    EXPECT_EQ(*at, 1234);
}

namespace {

/// Two processes take turns by two semaphores that both see at `memory`.
void play_ping_pong(void* memory) {
    auto* ball = static_cast<sem_t*>(memory);  // [0] is in our half, [1] in the child's
    EXPECT_EQ(sem_init(&ball[0], 1, 0), 0);
    EXPECT_EQ(sem_init(&ball[1], 1, 0), 0);
    const auto receive = [](sem_t* own) {
        timespec end{};
        clock_gettime(CLOCK_REALTIME, &end);
        end.tv_sec += 60;
        EXPECT_EQ(sem_timedwait(own, &end), 0);
    };
    const pid_t pid = check::fork_or_fail();
    for (int round = 0; round < 50; ++round) {
        if (pid == 0) {
            receive(&ball[1]);
            EXPECT_EQ(sem_post(&ball[0]), 0);
        } else {
            EXPECT_EQ(sem_post(&ball[1]), 0);
            receive(&ball[0]);
        }
    }
    if (pid == 0) {
        _Exit(0);
    }
    EXPECT_EQ(check::wait_status(pid), 0);
}

}  // namespace

CHECK_CASE(processes_wait_for_each_other_in_shared_memory) {
    void* at = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT(at != MAP_FAILED);
    play_ping_pong(at);
    const int file = open("/tmp/semaphores", O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT(file >= 0);
    EXPECT_EQ(ftruncate(file, static_cast<off_t>(page)), 0);
    at = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    EXPECT(at != MAP_FAILED);
    play_ping_pong(at);
    unlink("/tmp/semaphores");
}

CHECK_CASE(munmap_takes_the_pages_away) {
    char* at = map(3 * page);
    at[0] = at[page] = at[2 * page] = 1;
    EXPECT_EQ(munmap(at + page, page), 0);
    EXPECT(can_read(at));
    EXPECT(!can_read(at + page));
    EXPECT(can_read(at + 2 * page));
    EXPECT_EQ(munmap(at + page, page), 0);  // nothing there: fine
    EXPECT_ERRNO(munmap(at + 1, page), EINVAL);
    EXPECT_ERRNO(munmap(at, 0), EINVAL);
}

CHECK_CASE(remapped_memory_does_not_show_old_content) {
    for (int round = 0; round < 50; ++round) {
        char* at = map(16 * page);
        for (std::size_t i = 0; i < 16; ++i) {
            EXPECT_EQ(at[i * page + 123], 0);
        }
        std::memset(at, 0xff, 16 * page);
        EXPECT_EQ(munmap(at, 16 * page), 0);
    }
}

CHECK_CASE(mprotect_takes_rights_and_gives_them_back) {
    char* at = map(3 * page);
    std::memset(at, 7, 3 * page);
    EXPECT_EQ(mprotect(at + page, page, PROT_READ), 0);
    EXPECT(can_write(at));
    EXPECT(!can_write(at + page));
    EXPECT(can_read(at + page));
    EXPECT(can_write(at + 2 * page));
    EXPECT_EQ(mprotect(at + page, page, PROT_NONE), 0);
    EXPECT(!can_read(at + page));
    EXPECT_EQ(mprotect(at + page, page, PROT_READ | PROT_WRITE), 0);
    EXPECT_EQ(at[page + 5], 7);
    EXPECT(can_write(at + page));
    EXPECT_ERRNO(mprotect(at + 1, page, PROT_READ), EINVAL);
    EXPECT_EQ(munmap(at + page, page), 0);
    EXPECT_ERRNO(mprotect(at, 3 * page, PROT_READ), ENOMEM);
}

CHECK_CASE(reserved_memory_costs_nothing_until_touched) {
    constexpr std::size_t size = 512UL << 20;
    void* reserved = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT(reserved != MAP_FAILED);
    char* at = static_cast<char*>(reserved);
    for (std::size_t i = 0; i < size; i += 16UL << 20) {
        EXPECT_EQ(at[i], 0);
        at[i] = 1;
    }
    EXPECT_EQ(munmap(at, size), 0);
}

CHECK_CASE(fixed_mapping_replaces_what_was_there) {
    char* at = map(4 * page);
    std::memset(at, 9, 4 * page);
    void* again =
        mmap(at + page, 2 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    EXPECT(again == at + page);
    EXPECT_EQ(at[0], 9);
    EXPECT_EQ(at[page], 0);
    EXPECT_EQ(at[3 * page], 9);
    EXPECT(!can_write(at + page));
}

CHECK_CASE(bad_mappings_are_refused) {
    EXPECT(mmap(nullptr, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
           errno == EINVAL);
    EXPECT(mmap(nullptr, page, PROT_READ, MAP_PRIVATE, 99, 0) == MAP_FAILED && errno == EBADF);
    EXPECT(mmap(nullptr, page, PROT_READ, MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    EXPECT(mmap(nullptr, 0xfffff000UL, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
               MAP_FAILED &&
           errno == ENOMEM);
    EXPECT(mmap(reinterpret_cast<void*>(0xC0000000UL), page, PROT_READ,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ||
           sizeof(void*) == 4);
}

CHECK_CASE(private_file_mapping_reads_the_file) {
    const int fd = open("/tmp/memory_test.file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT(fd >= 0);
    unlink("/tmp/memory_test.file");
    static char content[page + 100];
    std::memset(content, 'm', sizeof content);
    EXPECT_EQ(write(fd, content, sizeof content), sizeof content);
    void* mapped = mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    EXPECT(mapped != MAP_FAILED);
    char* at = static_cast<char*>(mapped);
    EXPECT_EQ(at[page + 99], 'm');
    EXPECT_EQ(at[page + 100], 0);  // behind the end, within the page
    at[0] = 'x';
    char first = 0;
    EXPECT_EQ(pread(fd, &first, 1, 0), 1);
    EXPECT_EQ(first, 'm');
}

CHECK_CASE(the_kernel_breaks_sharing_when_it_writes_for_us) {
    // read() into a page shared by fork: the copy must be made on the kernel's own write too.
    char* at = map(page);
    std::memset(at, 'p', page);
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], "kkkk", 4), 4);
    EXPECT_EQ(check::status_of_child([&] {
                  EXPECT_EQ(read(ends[0], at, 4), 4);
                  EXPECT(std::memcmp(at, "kkkkp", 5) == 0);
              }),
              0);
    EXPECT(std::memcmp(at, "ppppp", 5) == 0);
}

CHECK_CASE(the_kernel_faults_pages_in_when_it_uses_them) {
    char* at = map(8 * page);
    const int zero = open("/dev/zero", O_RDONLY);
    EXPECT_EQ(read(zero, at + 100, 5 * page), 5 * page);  // untouched until now
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], at + 7 * page, 100), 100);
}

CHECK_CASE(system_calls_refuse_bad_pointers) {
    char* at = map(2 * page);
    EXPECT_EQ(mprotect(at + page, page, PROT_NONE), 0);
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    char* const bad[] = {nullptr,
                         reinterpret_cast<char*>(1),
                         at + page,
                         reinterpret_cast<char*>(0xBFFFFFFFUL + 1),
                         reinterpret_cast<char*>(0xC0100000UL),
                         reinterpret_cast<char*>(0xFFFFF000UL),
                         reinterpret_cast<char*>(0xFFFFFFFFUL)};
    for (char* pointer : bad) {
        EXPECT_ERRNO(write(ends[1], pointer, 16), EFAULT);
    }
    EXPECT_EQ(write(ends[1], "0123456789", 10), 10);
    for (char* pointer : bad) {
        EXPECT_ERRNO(read(ends[0], pointer, 16), EFAULT);
        EXPECT_ERRNO(open(pointer, O_RDONLY), EFAULT);
    }
    EXPECT_EQ(mprotect(at, page, PROT_READ), 0);
    EXPECT_EQ(write(ends[1], "0123456789", 10), 10);
    EXPECT_ERRNO(read(ends[0], at, 10), EFAULT);  // read-only is as bad
}

CHECK_CASE(a_string_may_end_at_the_last_byte_of_a_mapping) {
    char* at = map(2 * page);
    EXPECT_EQ(munmap(at + page, page), 0);
    char* name = at + page - sizeof "/dev/null";
    std::memcpy(name, "/dev/null", sizeof "/dev/null");
    EXPECT(open(name, O_RDONLY) >= 0);
    at[page - 1] = 'x';  // not terminated any more
    EXPECT_ERRNO(open(name, O_RDONLY), EFAULT);
}

CHECK_CASE(the_stack_grows_when_used) {
    EXPECT_EQ(depth_reached(4000), 0);  // 4 MiB
    EXPECT_EQ(check::status_of_child([] { EXPECT_EQ(depth_reached(2000), 0); }), 0);
}

CHECK_CASE(program_text_is_read_only) {
    char* text = reinterpret_cast<char*>(reinterpret_cast<std::uintptr_t>(&depth_reached));
    EXPECT(can_read(text));
    EXPECT(!can_write(text));
}

CHECK_CASE(kernel_memory_is_out_of_reach) {
    for (const std::uintptr_t at :
         {0xC0000000UL, 0xC0100000UL, 0xF8000000UL, 0xFFC00000UL, 0xFFFFFFFCUL}) {
        EXPECT(check::status_of_child([=] { (void)*reinterpret_cast<volatile char*>(at); }) != 0);
    }
}

CHECK_CASE(a_whole_address_space_of_mappings) {
    // Many small regions with gaps, so that they cannot be merged; then all of them go.
    constexpr int count = 500;
    char* base = map(2 * count * page, PROT_NONE);
    for (int i = 0; i < count; ++i) {
        char* at = base + 2 * page * static_cast<std::size_t>(i);
        EXPECT_EQ(mprotect(at, page, PROT_READ | PROT_WRITE), 0);
        *at = static_cast<char>(i);
    }
    EXPECT_EQ(check::status_of_child([=] {
                  for (int i = 0; i < count; ++i) {
                      EXPECT_EQ(base[2 * page * static_cast<std::size_t>(i)], static_cast<char>(i));
                  }
              }),
              0);
    EXPECT_EQ(munmap(base, 2 * count * page), 0);
    EXPECT(!can_read(base));
}

CHECK_CASE(copy_on_write_through_three_generations) {
    constexpr std::size_t pages = 256;
    char* at = map(pages * page);
    std::memset(at, 1, pages * page);
    EXPECT_EQ(check::status_of_child([=] {
                  for (std::size_t i = 0; i < pages; i += 2) {
                      at[i * page] = 2;
                  }
                  EXPECT_EQ(check::status_of_child([=] {
                                for (std::size_t i = 0; i < pages; i += 3) {
                                    at[i * page] = 3;
                                }
                                for (std::size_t i = 0; i < pages; ++i) {
                                    EXPECT_EQ(at[i * page], i % 3 == 0 ? 3 : i % 2 == 0 ? 2 : 1);
                                }
                            }),
                            0);
                  for (std::size_t i = 0; i < pages; ++i) {
                      EXPECT_EQ(at[i * page], i % 2 == 0 ? 2 : 1);
                  }
              }),
              0);
    for (std::size_t i = 0; i < pages; ++i) {
        EXPECT_EQ(at[i * page], 1);
        at[i * page] = 4;
    }
}

CHECK_CASE(what_was_opened_for_reading_is_never_written) {
    const char* const path = "/tmp/memory_test_read_only";
    const int writer = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT_EQ(write(writer, "hello", 5), 5);
    const int reader = open(path, O_RDONLY);
    unlink(path);
    void* const shared = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, reader, 0);
    EXPECT(shared != MAP_FAILED);
    EXPECT_ERRNO(mprotect(shared, 4096, PROT_READ | PROT_WRITE), EACCES);
    EXPECT_EQ(mprotect(shared, 4096, PROT_NONE), 0);
    EXPECT_ERRNO(mprotect(shared, 4096, PROT_WRITE), EACCES);
    void* const own = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, reader, 0);
    EXPECT_EQ(mprotect(own, 4096, PROT_READ | PROT_WRITE), 0);
    static_cast<char*>(own)[0] = 'J';
    char byte = 0;
    EXPECT_EQ(pread(reader, &byte, 1, 0), 1);
    EXPECT_EQ(byte, 'h');
}

CHECK_CASE(shared_memory_may_begin_without_rights) {
    void* const at = mmap(nullptr, page, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT(at != MAP_FAILED);
    const int status = check::status_of_child([=] {
        EXPECT_EQ(mprotect(at, page, PROT_READ | PROT_WRITE), 0);
        *static_cast<volatile int*>(at) = 5;
    });
    EXPECT_EQ(status, 0);
    EXPECT_EQ(mprotect(at, page, PROT_READ), 0);
    EXPECT_EQ(*static_cast<volatile int*>(at), 5);
}

CHECK_CASE(pages_of_the_stack_can_move_away) {
    volatile char deep[65536];
    deep[0] = 1;  // the stack reaches down here
    const auto middle = reinterpret_cast<std::uintptr_t>(deep) + 32768;
    auto* const low = reinterpret_cast<void*>(middle & ~(page - 1));
    auto* const moved = static_cast<char*>(mremap(low, page, 3 * page, MREMAP_MAYMOVE));
    EXPECT(moved != MAP_FAILED);
    std::memset(moved, 7, 3 * page);
    void* const wish =
        mmap(moved, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(wish != moved);
    auto* const next = static_cast<char*>(
        mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT(next < moved || next >= moved + 3 * page);
    EXPECT_EQ(moved[0], 7);
}

namespace {

/// The signal that ends a child which writes to the byte, or 0.
int signal_of_write(volatile char* at) {
    const int status = check::status_of_child([=] {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        *at = 1;
    });
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

int file_of(std::size_t size) {
    const char* const path = "/tmp/memory_test_file";
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT(fd >= 0);
    unlink(path);
    EXPECT_EQ(ftruncate(fd, static_cast<off_t>(size)), 0);
    return fd;
}
char* map_file(int fd, std::size_t size, int sharing) {
    void* const at = mmap(nullptr, size, PROT_READ | PROT_WRITE, sharing, fd, 0);
    EXPECT(at != MAP_FAILED);
    return static_cast<char*>(at);
}
char byte_of(int fd, off_t at) {
    char byte = 0;
    EXPECT_EQ(pread(fd, &byte, 1, at), 1);
    return byte;
}

/// Runs `body` as a user with this limit of locked memory.
template <class Body>
void as_user_with_locks(rlim_t bytes, Body body) {
    EXPECT_EQ(check::status_of_child([=] {
                  const rlimit limit{bytes, bytes};
                  EXPECT_EQ(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
                  EXPECT_EQ(setuid(1000), 0);
                  body();
              }),
              0);
}

}  // namespace

CHECK_CASE(truncation_reaches_every_mapping) {
    const int fd = file_of(2 * page);
    char* const shared = map_file(fd, 2 * page, MAP_SHARED);
    char* const own = map_file(fd, 2 * page, MAP_PRIVATE);
    std::memset(shared, 'A', 2 * page);
    own[0] = own[page] = 'B';
    const pid_t child = check::fork_or_fail();
    if (child == 0) {
        pause();
    }
    EXPECT_EQ(ftruncate(fd, 10), 0);
    EXPECT_EQ(signal_of_write(shared + page), SIGBUS);
    EXPECT_EQ(signal_of_write(own + page), SIGBUS);
    EXPECT_EQ(shared[9], 'A');
    EXPECT_EQ(shared[10], 0);
    EXPECT_EQ(own[0], 'B');
    EXPECT_EQ(ftruncate(fd, 2 * page), 0);
    EXPECT_EQ(own[page], 0);
    shared[page] = 'C';
    EXPECT_EQ(byte_of(fd, page), 'C');
    EXPECT_EQ(pwrite(fd, "D", 1, page + 1), 1);
    EXPECT_EQ(shared[page + 1], 'D');
    kill(child, SIGKILL);
    check::wait_status(child);
    EXPECT_EQ(ftruncate(fd, 0), 0);
    EXPECT_EQ(signal_of_write(shared), SIGBUS);
}

CHECK_CASE(a_hole_reaches_every_mapping) {
    const int fd = file_of(3 * page);
    char* const shared = map_file(fd, 3 * page, MAP_SHARED);
    char* const own = map_file(fd, 3 * page, MAP_PRIVATE);
    std::memset(shared, 'A', 3 * page);
    own[page] = 'B';
    EXPECT_EQ(own[2 * page], 'A');
    EXPECT_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page - 1, 2 * page + 1), 0);
    EXPECT_EQ(shared[page - 2], 'A');
    EXPECT_EQ(shared[page - 1], 0);
    EXPECT_EQ(shared[page], 0);
    EXPECT_EQ(own[page], 'B');
    EXPECT_EQ(own[page + 1], 'A');
    EXPECT_EQ(own[2 * page], 0);
    shared[page] = 'C';
    EXPECT_EQ(byte_of(fd, page), 'C');
    EXPECT_EQ(madvise(shared, 2 * page, MADV_REMOVE), 0);
    EXPECT_EQ(byte_of(fd, 0), 0);
    EXPECT_EQ(shared[page], 0);
    EXPECT_EQ(own[page], 'B');
    EXPECT_ERRNO(madvise(own, page, MADV_REMOVE), EACCES);
    EXPECT_ERRNO(madvise(map(page), page, MADV_REMOVE), EINVAL);
}

CHECK_CASE(shared_memory_forgets_what_it_is_told_to) {
    void* const mapped =
        mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const int id = shmget(IPC_PRIVATE, 2 * page, 0600);
    EXPECT(id >= 0);
    void* const attached = shmat(id, nullptr, 0);
    EXPECT_EQ(shmctl(id, IPC_RMID, nullptr), 0);
    for (void* const memory : {mapped, attached}) {
        EXPECT(memory != MAP_FAILED);
        auto* const bytes = static_cast<char*>(memory);
        bytes[0] = bytes[page] = 'x';
        EXPECT_EQ(check::status_of_child([bytes] {
                      EXPECT_EQ(bytes[page], 'x');
                      EXPECT_EQ(madvise(bytes + page, page, MADV_REMOVE), 0);
                      EXPECT_EQ(bytes[page], 0);
                  }),
                  0);
        EXPECT_EQ(bytes[0], 'x');
        EXPECT_EQ(bytes[page], 0);
    }
}

CHECK_CASE(shared_memory_ends_where_it_was_made_to_end) {
    void* const at = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    auto* const more = static_cast<char*>(mremap(at, page, 2 * page, MREMAP_MAYMOVE));
    EXPECT(more != MAP_FAILED);
    EXPECT_EQ(signal_of_write(more), 0);
    EXPECT_EQ(more[0], 1);
    EXPECT_EQ(signal_of_write(more + page), SIGBUS);
}

CHECK_CASE(mremap_to_a_place) {
    char* const at = map(8 * page);
    at[0] = 1;
    at[page] = 2;
    EXPECT(mremap(at, 2 * page, 3 * page, MREMAP_MAYMOVE | MREMAP_FIXED, at + 4 * page) ==
           at + 4 * page);
    EXPECT_EQ(at[4 * page], 1);
    EXPECT_EQ(at[5 * page], 2);
    EXPECT(!can_read(at + page));
    EXPECT(can_read(at + 2 * page));
    EXPECT_ERRNO(reinterpret_cast<long>(mremap(at + 4 * page, page, page, MREMAP_FIXED, at)),
                 EINVAL);
    EXPECT_ERRNO(reinterpret_cast<long>(mremap(at + 4 * page, 2 * page, 2 * page,
                                               MREMAP_MAYMOVE | MREMAP_FIXED, at + 5 * page)),
                 EINVAL);
    char* const moved = static_cast<char*>(
        mremap(at + 4 * page, 2 * page, 2 * page, MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
    EXPECT(moved != MAP_FAILED);
    EXPECT_EQ(moved[page], 2);
    EXPECT_EQ(at[5 * page], 0);
    EXPECT_ERRNO(
        reinterpret_cast<long>(mremap(moved, page, 2 * page, MREMAP_MAYMOVE | MREMAP_DONTUNMAP)),
        EINVAL);
}

CHECK_CASE(mremap_of_nothing_maps_shared_memory_again) {
    auto* const at = static_cast<char*>(
        mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    at[page] = 5;
    auto* const again = static_cast<char*>(mremap(at, 0, 2 * page, MREMAP_MAYMOVE));
    EXPECT(again != MAP_FAILED && again != at);
    EXPECT_EQ(again[page], 5);
    again[0] = 6;
    EXPECT_EQ(at[0], 6);
    EXPECT_ERRNO(reinterpret_cast<long>(mremap(map(page), 0, page, MREMAP_MAYMOVE)), EINVAL);
    EXPECT_ERRNO(reinterpret_cast<long>(mremap(at, 0, page, 0)), ENOMEM);
}

CHECK_CASE(a_hole_ends_mprotect) {
    char* const at = map(4 * page);
    munmap(at + page, page);
    EXPECT_ERRNO(mprotect(at, 3 * page, PROT_READ), ENOMEM);
    EXPECT(!can_write(at));
    EXPECT(can_write(at + 2 * page));
    EXPECT_ERRNO(mprotect(at, page, 0x10), EINVAL);
    EXPECT_ERRNO(mprotect(at, page, PROT_READ | PROT_GROWSDOWN), EINVAL);
    EXPECT_ERRNO(mprotect(at, ~page + 2, PROT_READ), ENOMEM);
    EXPECT_EQ(mprotect(at, 0, 0x10), 0);
}

CHECK_CASE(advice_is_followed) {
    char* const at = map(4 * page);
    std::memset(at, 5, 4 * page);
    munmap(at + page, page);
    EXPECT_ERRNO(madvise(at, 4 * page, MADV_DONTNEED), ENOMEM);
    EXPECT_EQ(at[0], 0);
    EXPECT_EQ(at[3 * page], 0);
    EXPECT_ERRNO(madvise(at, page, 99), EINVAL);
    EXPECT_ERRNO(madvise(at, 0, 99), EINVAL);
    EXPECT_ERRNO(madvise(at + 1, page, MADV_DONTNEED), EINVAL);
    const int fd = file_of(page);
    char* const shared = map_file(fd, 2 * page, MAP_SHARED);
    EXPECT_ERRNO(madvise(shared, page, MADV_FREE), EINVAL);
    EXPECT_ERRNO(madvise(shared, page, MADV_WIPEONFORK), EINVAL);
    shared[0] = 7;
    EXPECT_EQ(madvise(shared, page, MADV_DONTNEED), 0);
    EXPECT_EQ(shared[0], 7);
    EXPECT_EQ(madvise(shared, page, MADV_POPULATE_WRITE), 0);
    EXPECT_ERRNO(madvise(shared + page, page, MADV_POPULATE_READ), EFAULT);
    EXPECT_ERRNO(madvise(map(page, PROT_READ), page, MADV_POPULATE_WRITE), EINVAL);
}

CHECK_CASE(children_get_what_advice_says) {
    char* const at = map(3 * page);
    at[0] = at[page] = at[2 * page] = 1;
    EXPECT_EQ(madvise(at, page, MADV_DONTFORK), 0);
    EXPECT_EQ(madvise(at + page, page, MADV_WIPEONFORK), 0);
    EXPECT_EQ(check::status_of_child([=] {
                  EXPECT(!can_read(at));
                  EXPECT_EQ(at[page], 0);
                  EXPECT_EQ(at[2 * page], 1);
              }),
              0);
    EXPECT_EQ(madvise(at, page, MADV_DOFORK), 0);
    EXPECT_EQ(madvise(at + page, page, MADV_KEEPONFORK), 0);
    EXPECT_EQ(check::status_of_child([=] { EXPECT_EQ(at[0] + at[page], 2); }), 0);
}

CHECK_CASE(locking_checks_its_arguments) {
    char* const at = map(4 * page);
    munmap(at + 2 * page, page);
    EXPECT_EQ(mlock(at + 1, 1), 0);
    EXPECT_ERRNO(madvise(at, page, MADV_DONTNEED), EINVAL);
    EXPECT_ERRNO(msync(at, page, MS_INVALIDATE), EBUSY);
    EXPECT_EQ(munlock(at, page), 0);
    EXPECT_EQ(madvise(at, page, MADV_DONTNEED), 0);
    EXPECT_ERRNO(mlock(at, 3 * page), ENOMEM);
    EXPECT_ERRNO(munlock(at, 3 * page), ENOMEM);
    EXPECT_ERRNO(mlock(map(page, PROT_NONE), page), ENOMEM);
    EXPECT_EQ(mlock2(at, page, MLOCK_ONFAULT), 0);
    EXPECT_ERRNO(mlock2(at, page, 2), EINVAL);
    EXPECT_ERRNO(mlockall(0), EINVAL);
    EXPECT_ERRNO(mlockall(MCL_ONFAULT), EINVAL);
    EXPECT_ERRNO(mlockall(8), EINVAL);
    EXPECT_EQ(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
    unsigned char resident = 0;
    EXPECT_EQ(mincore(map(page), page, &resident), 0);  // one of those that came later
    EXPECT_EQ(munlockall(), 0);
}

CHECK_CASE(users_lock_as_much_as_they_may) {
    as_user_with_locks(2 * page, [] {
        char* const at = map(4 * page);
        EXPECT_EQ(mlock(at, 2 * page), 0);
        EXPECT_EQ(mlock(at, 2 * page), 0);
        EXPECT_ERRNO(mlock(at + 2 * page, page), ENOMEM);
        EXPECT_ERRNO(mlock(at, 3 * page), ENOMEM);
        EXPECT_ERRNO(reinterpret_cast<long>(mmap(nullptr, page, PROT_READ,
                                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0)),
                     EAGAIN);
        EXPECT_ERRNO(reinterpret_cast<long>(mremap(at, 2 * page, 3 * page, MREMAP_MAYMOVE)),
                     EAGAIN);
        EXPECT_EQ(munlock(at, 2 * page), 0);
        EXPECT_ERRNO(mlockall(MCL_CURRENT), ENOMEM);
        EXPECT_EQ(mlockall(MCL_FUTURE), 0);
        map(2 * page);
        EXPECT_ERRNO(reinterpret_cast<long>(
                         mmap(nullptr, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
                     EAGAIN);
        EXPECT_ERRNO(reinterpret_cast<long>(sbrk(64 * page)), ENOMEM);
    });
    as_user_with_locks(0, [] {
        char* const at = map(page);
        EXPECT_ERRNO(mlock(at, page), EPERM);
        EXPECT_ERRNO(mlock(at, 0), EPERM);
        EXPECT_ERRNO(mlockall(MCL_CURRENT), EPERM);
        EXPECT_EQ(munlock(at, page), 0);
        EXPECT_EQ(munlockall(), 0);
    });
}

CHECK_CASE(mincore_tells_what_is_there) {
    unsigned char resident[4] = {};
    char* const at = map(3 * page);
    at[page] = 1;
    EXPECT_EQ(mincore(at, 3 * page, resident), 0);
    EXPECT_EQ(resident[0] & 1, 0);
    EXPECT_EQ(resident[1] & 1, 1);
    EXPECT_EQ(resident[2] & 1, 0);
    const int fd = file_of(2 * page);
    char* const shown = map_file(fd, 2 * page, MAP_PRIVATE);
    EXPECT_EQ(pwrite(fd, "x", 1, page), 1);
    EXPECT_EQ(mincore(shown, 2 * page, resident), 0);
    EXPECT_EQ(resident[1] & 1, 1);
    EXPECT_ERRNO(mincore(at + 1, page, resident), EINVAL);
    EXPECT_ERRNO(mincore(at, page, reinterpret_cast<unsigned char*>(16)), EFAULT);
    munmap(at, page);
    EXPECT_ERRNO(mincore(at, page, resident), ENOMEM);
    EXPECT_EQ(mincore(at, 0, resident), 0);
}

CHECK_CASE(msync_checks_its_arguments) {
    char* const at = map(2 * page);
    EXPECT_EQ(msync(at, 2 * page, MS_SYNC), 0);
    EXPECT_EQ(msync(at, 2 * page, MS_ASYNC | MS_INVALIDATE), 0);
    EXPECT_ERRNO(msync(at, page, MS_SYNC | MS_ASYNC), EINVAL);
    EXPECT_ERRNO(msync(at, page, 8), EINVAL);
    EXPECT_ERRNO(msync(at + 1, page, MS_SYNC), EINVAL);
    munmap(at, page);
    EXPECT_ERRNO(msync(at, 2 * page, MS_SYNC), ENOMEM);
}

CHECK_CASE(mappings_that_grow_down) {
    auto* const bottom = reinterpret_cast<char*>(0x3000'0000);
    void* const at = mmap(bottom, page, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
    EXPECT(at == bottom);
    EXPECT(can_write(bottom - 1));
    EXPECT(can_write(bottom - 100 * page));
    char* const below = bottom - 1024 * page;
    EXPECT(mmap(below, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == below);
    EXPECT(can_write(below + 300 * page));
    EXPECT(!can_write(below + 200 * page));  // too near to what lies below
    EXPECT_EQ(mprotect(bottom, page, PROT_READ | PROT_GROWSDOWN), 0);
    EXPECT(!can_write(bottom - 100 * page));
    EXPECT_ERRNO(reinterpret_cast<long>(mmap(nullptr, page, PROT_READ,
                                             MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0)),
                 EINVAL);
}

CHECK_CASE(mmap_checks_its_flags) {
    const int fd = file_of(page);
    const auto number = [](void* at) { return at == MAP_FAILED ? -1L : 0L; };
    EXPECT_ERRNO(number(mmap(nullptr, page, PROT_READ, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0)),
                 EINVAL);
    EXPECT_ERRNO(number(mmap(nullptr, page, PROT_READ, MAP_ANONYMOUS, -1, 0)), EINVAL);
    EXPECT_EQ(number(mmap(nullptr, page, PROT_READ, MAP_SHARED_VALIDATE, fd, 0)), 0);
    EXPECT_ERRNO(number(mmap(nullptr, page, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0)),
                 EOPNOTSUPP);
    EXPECT_ERRNO(number(mmap(nullptr, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), EINVAL);
    EXPECT_ERRNO(number(mmap(nullptr, ~page + 2, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
                 ENOMEM);
    EXPECT_ERRNO(number(mmap(nullptr, 0, PROT_READ, MAP_PRIVATE, 999, 0)), EBADF);
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_ERRNO(number(mmap(nullptr, page, PROT_READ, MAP_PRIVATE, ends[0], 0)), ENODEV);
    EXPECT_ERRNO(number(mmap(nullptr, page, PROT_READ, MAP_PRIVATE, open("/tmp", O_RDONLY), 0)),
                 ENODEV);
    char* const zeros = map_file(open("/dev/zero", O_RDWR), page, MAP_SHARED);
    EXPECT_EQ(check::status_of_child([=] { zeros[0] = 1; }), 0);
    EXPECT_EQ(zeros[0], 1);
    void* const ready = mmap(nullptr, page, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    unsigned char resident = 0;
    EXPECT_EQ(mincore(ready, page, &resident), 0);
    EXPECT_EQ(resident & 1, 1);
}

CHECK_CASE(mmap_checks_the_end_in_the_file) {
    // The last page of the largest file, and more.
    const int fd = memfd_create("short", 0);
    for (const int flags : {MAP_SHARED, MAP_PRIVATE | MAP_ANONYMOUS}) {
        EXPECT_ERRNO(syscall(SYS_mmap2, 0, 0xfffff000U, PROT_READ, flags, fd, 0xffffffffU),
                     EOVERFLOW);
        EXPECT_ERRNO(syscall(SYS_mmap2, 0, 2 * page, PROT_READ, flags, fd, 0xffffffffU), EOVERFLOW);
        EXPECT_ERRNO(syscall(SYS_mmap2, 0, 0xfffff000U, PROT_READ, flags, fd, 0), ENOMEM);
    }
    EXPECT_EQ(close(fd), 0);
}

CHECK_CASE(mapping_a_file_is_an_access) {
    const char* const name = "/tmp/memory_test_access";
    const int fd = open(name, O_CREAT | O_TRUNC | O_RDWR, 0600);
    EXPECT_EQ(write(fd, "text", 4), 4);
    struct stat before{};
    struct stat after{};
    EXPECT_EQ(fstat(fd, &before), 0);
    while (time(nullptr) <= before.st_atime) {
        usleep(10'000);
    }
    void* const at = mmap(nullptr, page, PROT_READ, MAP_SHARED, fd, 0);
    EXPECT(at != MAP_FAILED);
    EXPECT_EQ(fstat(fd, &after), 0);
    EXPECT(after.st_atime > before.st_atime);
    EXPECT_EQ(munmap(at, page), 0);
    EXPECT_EQ(close(fd), 0);
    EXPECT_EQ(unlink(name), 0);
}

CHECK_CASE(there_is_a_limit_to_mappings) {
    constexpr std::size_t most = 65530;
    std::size_t count = 0;
    auto* const first = reinterpret_cast<char*>(0x2000'0000);
    for (; count < most + 10; ++count) {
        // Neighbours differ, so that they stay apart.
        if (mmap(first + count * page, page, count % 2 == 0 ? PROT_READ : PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
            break;
        }
    }
    EXPECT_EQ(errno, ENOMEM);
    EXPECT(count > most - 100 && count <= most);
    EXPECT_EQ(munmap(first, count * page), 0);
}

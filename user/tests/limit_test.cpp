/// setrlimit: limits that the kernel holds a program to.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <initializer_list>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

constexpr rlim_t most = 1000;

void set_limit(int which, rlim_t soft, rlim_t hard) {
    const rlimit limit{soft, hard};
    EXPECT_EQ(setrlimit(static_cast<__rlimit_resource>(which), &limit), 0);
}

/// An open file without a name, and no more than `most` bytes for any file.
int limited_file() {
    char path[64];
    std::snprintf(path, sizeof path, "/tmp/limit_test.%d", getpid());
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    EXPECT(fd >= 0);
    EXPECT_EQ(unlink(path), 0);
    signal(SIGXFSZ, SIG_IGN);
    set_limit(RLIMIT_FSIZE, most, most);
    return fd;
}

off_t size_of(int fd) {
    struct stat status{};
    EXPECT_EQ(fstat(fd, &status), 0);
    return status.st_size;
}

char bytes[1500];

volatile sig_atomic_t warnings = 0;
void count_warning(int) {
    warnings = warnings + 1;
}

[[noreturn]] void spin() {
    for (volatile unsigned n = 0;; n = n + 1) {
    }
}

/// This case goes on as an ordinary user.
void become_user(uid_t user) {
    EXPECT_EQ(setgid(user), 0);
    EXPECT_EQ(setuid(user), 0);
}
pid_t children[16];
int child_count = 0;

/// Makes children that wait for end_children(); how many there could be is the answer.
int make_children(int wanted) {
    for (child_count = 0; child_count < wanted; ++child_count) {
        const pid_t child = fork();
        if (child < 0) {
            EXPECT_EQ(errno, EAGAIN);
            break;
        }
        if (child == 0) {
            pause();
            _exit(0);
        }
        children[child_count] = child;
    }
    return child_count;
}
void end_children() {
    for (int n = 0; n < child_count; ++n) {
        EXPECT_EQ(kill(children[n], SIGKILL), 0);
        check::wait_status(children[n]);
    }
}

}  // namespace

CHECK_CASE(writes_end_at_the_file_size_limit) {
    const int fd = limited_file();
    EXPECT_EQ(write(fd, bytes, 600), 600);
    EXPECT_EQ(write(fd, bytes, 600), 400);
    EXPECT_ERRNO(write(fd, bytes, 1), EFBIG);
    EXPECT_EQ(write(fd, bytes, 0), 0);
    EXPECT_EQ(pwrite(fd, bytes, 10, 995), 5);
    EXPECT_ERRNO(pwrite(fd, bytes, 10, most), EFBIG);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    const iovec pieces[] = {{bytes, 700}, {bytes, 700}};
    EXPECT_EQ(writev(fd, pieces, 2), most);
    EXPECT_ERRNO(writev(fd, pieces, 2), EFBIG);
    EXPECT_EQ(fcntl(fd, F_SETFL, O_APPEND), 0);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_ERRNO(write(fd, bytes, 1), EFBIG);
    EXPECT_EQ(size_of(fd), most);
}

CHECK_CASE(other_files_have_no_size_limit) {
    limited_file();
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], bytes, sizeof bytes), sizeof bytes);
    const int null = open("/dev/null", O_WRONLY);
    EXPECT_EQ(write(null, bytes, sizeof bytes), sizeof bytes);
}

CHECK_CASE(files_grow_no_further_than_the_limit) {
    const int fd = limited_file();
    EXPECT_EQ(ftruncate(fd, most), 0);
    EXPECT_ERRNO(ftruncate(fd, most + 1), EFBIG);
    EXPECT_EQ(posix_fallocate(fd, 0, most + 1), EFBIG);
    EXPECT_EQ(size_of(fd), most);
    EXPECT_EQ(ftruncate(fd, 0), 0);
}

CHECK_CASE(a_file_as_large_as_the_limit_can_be_copied) {
    const int fd = limited_file();
    EXPECT_EQ(write(fd, bytes, most), most);
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    const int copy = limited_file();
    EXPECT_EQ(sendfile(copy, fd, nullptr, 4096), most);
    EXPECT_EQ(sendfile(copy, fd, nullptr, 4096), 0);  // the end, and nothing too big about it
    EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
    EXPECT_ERRNO(sendfile(copy, fd, nullptr, 1), EFBIG);
}

CHECK_CASE(whoever_exceeds_the_file_size_hears_of_it) {
    const int status = check::status_of_child([] {
        const int fd = limited_file();
        signal(SIGXFSZ, SIG_DFL);
        EXPECT_EQ(write(fd, bytes, sizeof bytes), most);  // not yet
        write(fd, bytes, 1);
        _exit(1);
    });
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGXFSZ);
}

CHECK_CASE(a_program_out_of_cpu_time_ends) {
    const int status = check::status_of_child([] {
        set_limit(RLIMIT_CPU, 1, 1);
        spin();
    });
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

CHECK_CASE(the_soft_limit_of_cpu_time_warns_each_second) {
    const int status = check::status_of_child([] {
        signal(SIGXCPU, count_warning);
        set_limit(RLIMIT_CPU, 1, 10);
        while (warnings < 2) {
        }
        rlimit now{};
        EXPECT_EQ(getrlimit(RLIMIT_CPU, &now), 0);
        EXPECT_EQ(now.rlim_cur, 3);
        signal(SIGXCPU, SIG_DFL);
        spin();
    });
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGXCPU);
}

CHECK_CASE(memory_ends_at_the_limit) {
    constexpr std::size_t mebi = 1 << 20;
    const auto map = [](std::size_t size, int protection) {
        return mmap(nullptr, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    };
    void* const before = map(mebi, PROT_READ | PROT_WRITE);
    EXPECT(before != MAP_FAILED);
    for (const int which : {RLIMIT_AS, RLIMIT_DATA}) {
        set_limit(which, 32 * mebi, RLIM_INFINITY);
        EXPECT(map(64 * mebi, PROT_READ | PROT_WRITE) == MAP_FAILED);
        EXPECT_EQ(errno, ENOMEM);
        EXPECT(mremap(before, mebi, 64 * mebi, MREMAP_MAYMOVE) == MAP_FAILED);
        EXPECT_EQ(errno, ENOMEM);
        EXPECT(sbrk(64 * mebi) == reinterpret_cast<void*>(-1));
        // What cannot be written to is no data.
        const bool fits = map(64 * mebi, PROT_READ) != MAP_FAILED;
        EXPECT_EQ(fits, which == RLIMIT_DATA);
        set_limit(which, RLIM_INFINITY, RLIM_INFINITY);
    }
    EXPECT(map(64 * mebi, PROT_READ | PROT_WRITE) != MAP_FAILED);
}

CHECK_CASE(a_user_has_so_many_processes) {
    become_user(4711);
    set_limit(RLIMIT_NPROC, 5, 5);
    for (int round = 0; round < 2; ++round) {
        EXPECT_EQ(make_children(10), 4);  // and this one
        EXPECT_EQ(vfork(), -1);
        EXPECT_EQ(errno, EAGAIN);
        end_children();
    }
}

CHECK_CASE(root_has_as_many_as_there_are) {
    set_limit(RLIMIT_NPROC, 1, 1);
    EXPECT_EQ(make_children(10), 10);
    end_children();
}

CHECK_CASE(who_becomes_a_user_with_too_many_runs_nothing_new) {
    const pid_t other = check::fork_or_fail();
    if (other == 0) {
        become_user(4712);
        pause();
        _exit(0);
    }
    check::wait_until_asleep(other);
    const int status = check::status_of_child([] {
        set_limit(RLIMIT_NPROC, 1, 1);
        become_user(4712);  // succeeds
        char program[] = "/bin/true";
        char* const arguments[] = {program, nullptr};
        EXPECT_ERRNO(execv(program, arguments), EAGAIN);
    });
    EXPECT_EQ(status, 0);
    kill(other, SIGKILL);
    check::wait_status(other);
}

CHECK_CASE(more_than_there_is_cannot_be_mapped) {
    struct sysinfo machine{};
    EXPECT_EQ(sysinfo(&machine), 0);
    const unsigned long long total =
        static_cast<unsigned long long>(machine.totalram) * machine.mem_unit;
    const unsigned long long wanted = total + (64U << 20);
    if (wanted > (2U << 30)) {
        return;  // no room for it in the address space either
    }
    const auto map = [&](int protection, int flags) {
        void* const at =
            mmap(nullptr, wanted, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
        if (at != MAP_FAILED) {
            munmap(at, wanted);
        }
        return at;
    };
    EXPECT(map(PROT_READ | PROT_WRITE, 0) == MAP_FAILED);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT(map(PROT_READ | PROT_WRITE, MAP_NORESERVE) != MAP_FAILED);
    EXPECT(map(PROT_READ, 0) != MAP_FAILED);
}

CHECK_CASE(a_user_with_many_pipes_gets_small_ones) {
    become_user(4713);
    int report[2];
    EXPECT_EQ(pipe(report), 0);
    bool is_small = false;
    // Linux: 16384 pages, 1024 pipes. A process has descriptors for less than half of them.
    for (int n = 0; n < 4 && !is_small; ++n) {
        const pid_t child = check::fork_or_fail();
        if (child == 0) {
            static char text[65536];
            char last = 'l';
            int ends[2] = {-1, -1};
            for (int count = 0; count < 400 && last == 'l'; ++count) {
                EXPECT_EQ(pipe2(ends, O_NONBLOCK), 0);
                last = write(ends[1], text, sizeof text) < ssize_t{sizeof text} ? 's' : 'l';
            }
            EXPECT_EQ(write(report[1], &last, 1), 1);
            pause();
            _exit(0);
        }
        children[child_count++] = child;
        char last = 0;
        EXPECT_EQ(read(report[0], &last, 1), 1);
        is_small = last == 's';
    }
    EXPECT(is_small);
    end_children();
}

CHECK_CASE(limits_of_others_are_seen_and_set) {
    const pid_t child = check::fork_or_fail();
    if (child == 0) {
        pause();
        _exit(0);
    }
    rlimit before{};
    EXPECT_EQ(prlimit(child, RLIMIT_NOFILE, nullptr, &before), 0);
    const rlimit lower{50, before.rlim_max};
    EXPECT_EQ(prlimit(child, RLIMIT_NOFILE, &lower, nullptr), 0);
    rlimit after{};
    EXPECT_EQ(prlimit(child, RLIMIT_NOFILE, nullptr, &after), 0);
    EXPECT_EQ(after.rlim_cur, 50);
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
    EXPECT_EQ(after.rlim_cur, before.rlim_cur);
    const auto number = static_cast<__rlimit_resource>(16);
    EXPECT_ERRNO(prlimit(child, number, nullptr, &after), EINVAL);
    EXPECT_ERRNO(prlimit(0x3ffff0, RLIMIT_NOFILE, nullptr, &after), ESRCH);
    EXPECT_ERRNO(syscall(SYS_prlimit64, 0x3ffff0, RLIMIT_NOFILE, 1, nullptr), EFAULT);
    if (geteuid() == 0) {
        EXPECT_EQ(check::status_of_child([&] {
                      become_user(1004);
                      EXPECT_ERRNO(prlimit(child, RLIMIT_NOFILE, nullptr, &after), EPERM);
                  }),
                  0);
    }
    EXPECT_EQ(kill(child, SIGKILL), 0);
    check::wait_status(child);
}

CHECK_CASE(no_limit_lets_files_be_without_number) {
    const rlimit absurd{2000000, 2000000};
    EXPECT_ERRNO(setrlimit(RLIMIT_NOFILE, &absurd), EPERM);
}

CHECK_CASE(usage_tells_the_most_memory) {
    constexpr std::size_t much = 8 << 20;
    EXPECT_EQ(check::status_of_child([] {
                  void* const memory = mmap(nullptr, much, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
                  EXPECT(memory != MAP_FAILED);
                  EXPECT_EQ(munmap(memory, much), 0);
                  rusage own{};
                  EXPECT_EQ(getrusage(RUSAGE_SELF, &own), 0);
                  EXPECT(own.ru_maxrss >= long{much} / 1024);
                  EXPECT(own.ru_minflt > 0);
              }),
              0);
    rusage of_children{};
    EXPECT_EQ(getrusage(RUSAGE_CHILDREN, &of_children), 0);
    EXPECT(of_children.ru_maxrss >= long{much} / 1024);
}

CHECK_CASE(a_user_has_so_many_queued_signals) {
    if (geteuid() != 0) {
        return;
    }
    become_user(1005);
    set_limit(RLIMIT_SIGPENDING, 3, 3);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGRTMIN);
    EXPECT_EQ(sigprocmask(SIG_BLOCK, &blocked, nullptr), 0);
    EXPECT_EQ(sigqueue(getpid(), SIGRTMIN, {1}), 0);
    EXPECT_EQ(sigqueue(getpid(), SIGRTMIN, {2}), 0);
    // A child has no signals yet, but the user has.
    EXPECT_EQ(check::status_of_child([] {
                  EXPECT_EQ(sigqueue(getpid(), SIGRTMIN, {3}), 0);
                  EXPECT_ERRNO(sigqueue(getpid(), SIGRTMIN, {4}), EAGAIN);
              }),
              0);
    EXPECT_EQ(sigqueue(getpid(), SIGRTMIN, {3}), 0);  // the child's is gone
    EXPECT_ERRNO(sigqueue(getpid(), SIGRTMIN, {4}), EAGAIN);
    siginfo_t info{};
    EXPECT_EQ(sigwaitinfo(&blocked, &info), SIGRTMIN);
    EXPECT_EQ(info.si_value.sival_int, 1);
    EXPECT_EQ(sigqueue(getpid(), SIGRTMIN, {4}), 0);
}

CHECK_CASE(the_stack_ends_at_its_limit) {
    // The same case in a program that starts with the limit.
    const auto works_with = [](rlim_t limit) {
        return check::status_of_child([limit] {
                   set_limit(RLIMIT_STACK, limit, RLIM_INFINITY);
                   EXPECT_EQ(dup2(open("/dev/null", O_WRONLY), 1), 1);  // it may fail
                   execl("/usr/lib/kidney-tests/limit_test", "limit_test",
                         "two_megabytes_of_stack_are_there", nullptr);
               }) == 0;
    };
    EXPECT(!works_with(1 << 20));
    EXPECT(works_with(16 << 20));
}
CHECK_CASE(two_megabytes_of_stack_are_there) {
    volatile char much[2 << 20];
    for (std::size_t at = sizeof much; at != 0; at -= 4096) {
        much[at - 1] = 1;
    }
    EXPECT_EQ(much[4095], 1);
}

/// Files that carry events: eventfd, epoll.

#include "user/tests/check.hpp"
#include "user/tests/events/descriptor_text.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace {

constexpr std::uint64_t most = 0xfffffffffffffffeULL;

int add_number(int fd, std::uint64_t n) {
    return static_cast<int>(write(fd, &n, sizeof n));
}
std::uint64_t take_number(int fd) {
    std::uint64_t n = ~0ULL;
    return read(fd, &n, sizeof n) == sizeof n ? n : ~0ULL;
}
/// poll(2)'s answer now.
int ready(int fd) {
    pollfd p{fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0};
    poll(&p, 1, 0);
    return p.revents;
}

epoll_event event_of(std::uint32_t events, std::uint64_t data) {
    epoll_event e{};
    e.events = events;
    e.data.u64 = data;
    return e;
}
int add(int set, int fd, std::uint32_t events) {
    epoll_event e = event_of(events, static_cast<std::uint64_t>(fd));
    return epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
}
int change(int set, int fd, std::uint32_t events) {
    epoll_event e = event_of(events, static_cast<std::uint64_t>(fd));
    return epoll_ctl(set, EPOLL_CTL_MOD, fd, &e);
}
int take_out(int set, int fd) {
    return epoll_ctl(set, EPOLL_CTL_DEL, fd, nullptr);
}
/// The events of `fd` if it is the only one that is told; 0: nothing is; -1: something else.
int told(int set, int fd) {
    epoll_event e[4];
    const int count = epoll_wait(set, e, 4, 0);
    return count == 0 ? 0
           : count == 1 && e[0].data.u64 == static_cast<std::uint64_t>(fd)
               ? static_cast<int>(e[0].events)
               : -1;
}
void expect_anonymous(int fd, const char* name) {
    char path[32], target[64] = "";
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    EXPECT(readlink(path, target, sizeof target - 1) > 0);
    EXPECT_EQ(std::strcmp(target, name), 0);
    struct stat s;
    EXPECT_EQ(fstat(fd, &s), 0);
    EXPECT_EQ(s.st_mode, 0600);
    EXPECT_EQ(s.st_nlink, 1);
    EXPECT_EQ(s.st_size, 0);
    struct statfs f;
    EXPECT_EQ(fstatfs(fd, &f), 0);
    EXPECT_EQ(f.f_type, 0x09041934);
    EXPECT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    EXPECT_ERRNO(ftruncate(fd, 0), EINVAL);
    EXPECT_ERRNO(fsync(fd), EINVAL);
    char byte;
    EXPECT_ERRNO(pread(fd, &byte, 1, 0), ESPIPE);
}
struct Pipe {
    int reader = -1, writer = -1;
    Pipe() {
        int ends[2];
        EXPECT_EQ(pipe2(ends, O_NONBLOCK), 0);
        reader = ends[0];
        writer = ends[1];
    }
};

}  // namespace

CHECK_CASE(an_eventfd_counts) {
    const int fd = eventfd(3, EFD_NONBLOCK);
    EXPECT_EQ(add_number(fd, 4), 8);
    EXPECT_EQ(ready(fd), POLLIN | POLLOUT);
    EXPECT_EQ(take_number(fd), 7);
    EXPECT_EQ(ready(fd), POLLOUT);
    std::uint64_t n;
    EXPECT_ERRNO(read(fd, &n, 8), EAGAIN);
    EXPECT_EQ(add_number(fd, 0), 8);
    EXPECT_ERRNO(read(fd, &n, 8), EAGAIN);
    expect_anonymous(fd, "anon_inode:[eventfd]");
}

CHECK_CASE(an_eventfd_is_a_semaphore_if_asked) {
    const int fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    std::uint64_t n = 0;
    EXPECT_EQ(take_number(fd), 1);
    EXPECT_EQ(take_number(fd), 1);
    EXPECT_ERRNO(read(fd, &n, 8), EAGAIN);
}

CHECK_CASE(an_eventfd_does_not_overflow) {
    const int fd = eventfd(0, EFD_NONBLOCK);
    const std::uint64_t end = most + 1, one = 1;
    EXPECT_ERRNO(write(fd, &end, 8), EINVAL);
    EXPECT_EQ(add_number(fd, most), 8);
    EXPECT_EQ(ready(fd), POLLIN);
    EXPECT_ERRNO(write(fd, &one, 8), EAGAIN);
    EXPECT_EQ(take_number(fd), most);
    EXPECT_EQ(add_number(fd, 1), 8);
}

CHECK_CASE(an_eventfd_moves_eight_bytes) {
    const int fd = eventfd(5, EFD_NONBLOCK);
    std::uint64_t n[3] = {};
    EXPECT_ERRNO(read(fd, n, 7), EINVAL);
    EXPECT_ERRNO(write(fd, n, 4), EINVAL);
    EXPECT_ERRNO(write(fd, nullptr, 8), EFAULT);
    EXPECT_EQ(read(fd, n, sizeof n), 8);
    EXPECT_EQ(n[0], 5);
    EXPECT_ERRNO(eventfd(0, 0x10), EINVAL);
    EXPECT_EQ(syscall(SYS_eventfd, 1) > fd, 1);
}

CHECK_CASE(readers_and_writers_of_an_eventfd_wait) {
    const int fd = eventfd(0, 0);
    const pid_t reader = check::fork_or_fail();
    if (reader == 0) {
        _Exit(take_number(fd) == most ? 0 : 1);
    }
    check::wait_until_asleep(reader);
    EXPECT_EQ(add_number(fd, most), 8);
    EXPECT_EQ(check::wait_status(reader), 0);
    EXPECT_EQ(add_number(fd, most), 8);
    const pid_t writer = check::fork_or_fail();
    if (writer == 0) {
        _Exit(add_number(fd, 9) == 8 ? 0 : 1);
    }
    check::wait_until_asleep(writer);
    EXPECT_EQ(take_number(fd), most);
    EXPECT_EQ(check::wait_status(writer), 0);
    EXPECT_EQ(take_number(fd), 9);
}

CHECK_CASE(epoll_calls_check_what_they_are_given) {
    EXPECT_ERRNO(epoll_create(0), EINVAL);
    EXPECT_ERRNO(epoll_create1(1), EINVAL);
    const int set = epoll_create1(EPOLL_CLOEXEC);
    EXPECT_EQ(fcntl(set, F_GETFD), FD_CLOEXEC);
    expect_anonymous(set, "anon_inode:[eventpoll]");
    char byte = 0;
    EXPECT_ERRNO(read(set, &byte, 1), EINVAL);
    EXPECT_ERRNO(write(set, &byte, 1), EINVAL);
    const int fd = eventfd(0, 0);
    epoll_event e = event_of(EPOLLIN, 0);
    EXPECT_ERRNO(epoll_ctl(set, EPOLL_CTL_ADD, 99, &e), EBADF);
    EXPECT_ERRNO(epoll_ctl(99, EPOLL_CTL_ADD, fd, &e), EBADF);
    EXPECT_ERRNO(epoll_ctl(fd, EPOLL_CTL_ADD, fd, &e), EINVAL);
    EXPECT_ERRNO(epoll_ctl(set, EPOLL_CTL_ADD, set, &e), EINVAL);
    EXPECT_ERRNO(epoll_ctl(set, EPOLL_CTL_ADD, fd, nullptr), EFAULT);
    EXPECT_ERRNO(epoll_ctl(set, 7, fd, &e), EINVAL);
    EXPECT_ERRNO(change(set, fd, EPOLLIN), ENOENT);
    EXPECT_ERRNO(take_out(set, fd), ENOENT);
    EXPECT_EQ(add(set, fd, EPOLLIN), 0);
    EXPECT_ERRNO(add(set, fd, EPOLLIN), EEXIST);
    EXPECT_EQ(take_out(set, fd), 0);
    EXPECT_ERRNO(epoll_wait(set, &e, 0, 0), EINVAL);
    EXPECT_ERRNO(epoll_wait(fd, &e, 1, 0), EINVAL);
    EXPECT_ERRNO(epoll_wait(99, &e, 1, 0), EBADF);
    EXPECT_EQ(epoll_wait(set, &e, 1, 0), 0);
}

CHECK_CASE(what_is_always_ready_is_not_for_epoll) {
    const int set = epoll_create1(0);
    for (const char* path : {"/", "/etc/passwd", "/dev/null", "/dev/zero"}) {
        const int fd = open(path, O_RDONLY);
        EXPECT(fd >= 0);
        EXPECT_ERRNO(add(set, fd, EPOLLIN), EPERM);
        close(fd);
    }
}

CHECK_CASE(level_triggered_events_last) {
    const int set = epoll_create1(0);
    const Pipe p;
    EXPECT_EQ(add(set, p.reader, EPOLLIN), 0);
    EXPECT_EQ(told(set, p.reader), 0);
    EXPECT_EQ(write(p.writer, "abc", 3), 3);
    EXPECT_EQ(told(set, p.reader), EPOLLIN);
    EXPECT_EQ(told(set, p.reader), EPOLLIN);
    char buffer[4];
    EXPECT_EQ(read(p.reader, buffer, 4), 3);
    EXPECT_EQ(told(set, p.reader), 0);
    close(p.writer);
    EXPECT_EQ(told(set, p.reader), EPOLLHUP);
}

CHECK_CASE(edge_triggered_events_are_changes) {
    const int set = epoll_create1(0);
    const Pipe p;
    EXPECT_EQ(write(p.writer, "a", 1), 1);
    EXPECT_EQ(add(set, p.reader, EPOLLIN | EPOLLET), 0);
    EXPECT_EQ(told(set, p.reader), EPOLLIN);
    EXPECT_EQ(told(set, p.reader), 0);
    EXPECT_EQ(write(p.writer, "b", 1), 1);
    EXPECT_EQ(told(set, p.reader), EPOLLIN);
    EXPECT_EQ(told(set, p.reader), 0);
    char byte;
    EXPECT_EQ(read(p.reader, &byte, 1), 1);
    EXPECT_EQ(told(set, p.reader), 0);
    EXPECT_EQ(change(set, p.reader, EPOLLIN | EPOLLET), 0);
    EXPECT_EQ(told(set, p.reader), EPOLLIN);
    // Of an eventfd each write is one, and tells all that is the case.
    const int fd = eventfd(0, EFD_NONBLOCK);
    EXPECT_EQ(add(set, fd, EPOLLIN | EPOLLOUT | EPOLLET), 0);
    EXPECT_EQ(told(set, fd), EPOLLOUT);
    EXPECT_EQ(add_number(fd, 1), 8);
    EXPECT_EQ(told(set, fd), EPOLLIN | EPOLLOUT);
    EXPECT_EQ(add_number(fd, 1), 8);
    EXPECT_EQ(told(set, fd), EPOLLIN | EPOLLOUT);
    EXPECT_EQ(told(set, fd), 0);
}

CHECK_CASE(one_shot_events_are_told_once) {
    const int set = epoll_create1(0);
    const Pipe p;
    EXPECT_EQ(add(set, p.reader, EPOLLIN | EPOLLONESHOT), 0);
    EXPECT_EQ(write(p.writer, "a", 1), 1);
    EXPECT_EQ(told(set, p.reader), EPOLLIN);
    EXPECT_EQ(write(p.writer, "b", 1), 1);
    EXPECT_EQ(told(set, p.reader), 0);
    EXPECT_EQ(change(set, p.reader, EPOLLIN | EPOLLRDNORM | EPOLLONESHOT), 0);
    EXPECT_EQ(told(set, p.reader), EPOLLIN | EPOLLRDNORM);
    EXPECT_EQ(told(set, p.reader), 0);
}

CHECK_CASE(of_many_files_those_that_are_ready_are_told) {
    const int set = epoll_create1(0);
    constexpr int count = 100;
    int fds[count];
    for (int& fd : fds) {
        fd = eventfd(0, EFD_NONBLOCK);
        EXPECT_EQ(add(set, fd, EPOLLIN), 0);
    }
    for (int i = 0; i < count; i += 10) {
        EXPECT_EQ(add_number(fds[i], 1), 8);
    }
    epoll_event e[count];
    EXPECT_EQ(epoll_wait(set, e, count, -1), 10);
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(e[i].data.u64, fds[i * 10]);
    }
    // Those who find no room are first the next time.
    EXPECT_EQ(epoll_wait(set, e, 7, -1), 7);
    EXPECT_EQ(epoll_wait(set, e, 7, -1), 7);
    EXPECT_EQ(e[0].data.u64, fds[70]);
    EXPECT_EQ(e[3].data.u64, fds[0]);
}

CHECK_CASE(the_last_close_takes_a_file_out) {
    const int set = epoll_create1(0);
    const int fd = eventfd(1, 0);
    const int copy = dup(fd);
    EXPECT_EQ(add(set, fd, EPOLLIN), 0);
    EXPECT_EQ(add(set, copy, EPOLLIN), 0);  // another number of the same file
    EXPECT_EQ(take_out(set, copy), 0);
    EXPECT_EQ(told(set, fd), EPOLLIN);
    close(fd);
    EXPECT_EQ(told(set, fd), EPOLLIN);  // the file is still open
    EXPECT_ERRNO(take_out(set, fd), EBADF);
    close(copy);
    EXPECT_EQ(told(set, fd), 0);
    const int other = eventfd(1, 0);  // has its number
    EXPECT_EQ(other, fd);
    EXPECT_ERRNO(take_out(set, other), ENOENT);
    EXPECT_EQ(add(set, other, EPOLLIN), 0);
    EXPECT_EQ(told(set, other), EPOLLIN);
    close(set);
    EXPECT_EQ(take_number(other), 1);
}

CHECK_CASE(sets_may_be_nested) {
    const int outer = epoll_create1(0), inner = epoll_create1(0);
    const Pipe p;
    EXPECT_EQ(add(outer, inner, EPOLLIN), 0);
    EXPECT_EQ(add(inner, p.reader, EPOLLIN), 0);
    EXPECT_EQ(told(outer, inner), 0);
    EXPECT_EQ(ready(inner), 0);
    EXPECT_EQ(write(p.writer, "a", 1), 1);
    EXPECT_EQ(ready(inner), POLLIN);
    EXPECT_EQ(told(outer, inner), EPOLLIN);
    EXPECT_EQ(told(inner, p.reader), EPOLLIN);
    char byte;
    EXPECT_EQ(read(p.reader, &byte, 1), 1);
    EXPECT_EQ(told(outer, inner), 0);
    EXPECT_EQ(ready(outer), 0);
    EXPECT_ERRNO(add(inner, outer, EPOLLIN), ELOOP);
}

CHECK_CASE(sets_are_not_nested_too_deep) {
    int below = epoll_create1(0), depth = 0;
    for (; depth < 20; ++depth) {
        const int above = epoll_create1(0);
        if (add(above, below, EPOLLIN) != 0) {
            break;
        }
        below = above;
    }
    EXPECT(depth >= 4 && depth < 20);
    EXPECT_EQ(errno, ELOOP);
}

CHECK_CASE(sockets_tell_what_their_peers_do) {
    const int set = epoll_create1(0);
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    EXPECT_EQ(add(set, ends[0], EPOLLIN | EPOLLRDHUP | EPOLLET), 0);
    EXPECT_EQ(told(set, ends[0]), 0);
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(write(ends[1], "a", 1), 1);
        EXPECT_EQ(told(set, ends[0]), EPOLLIN);
        EXPECT_EQ(told(set, ends[0]), 0);
    }
    EXPECT_EQ(shutdown(ends[1], SHUT_WR), 0);
    EXPECT_EQ(told(set, ends[0]), EPOLLIN | EPOLLRDHUP);
    close(ends[1]);
    EXPECT_EQ(told(set, ends[0]), EPOLLIN | EPOLLRDHUP | EPOLLHUP);
    EXPECT_EQ(told(set, ends[0]), 0);
}

CHECK_CASE(exclusive_waits_have_rules) {
    const int set = epoll_create1(0), other = epoll_create1(0);
    const int fd = eventfd(0, EFD_NONBLOCK);
    EXPECT_EQ(add(set, fd, EPOLLIN | EPOLLEXCLUSIVE), 0);
    EXPECT_ERRNO(change(set, fd, EPOLLIN), EINVAL);
    EXPECT_ERRNO(change(set, fd, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
    EXPECT_ERRNO(add(other, fd, EPOLLIN | EPOLLONESHOT | EPOLLEXCLUSIVE), EINVAL);
    EXPECT_ERRNO(add(other, set, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
    EXPECT_EQ(add(other, fd, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE), 0);
    EXPECT_EQ(add_number(fd, 1), 8);
    EXPECT_EQ(told(set, fd), EPOLLIN);
    EXPECT_EQ(told(other, fd), EPOLLIN);
}

CHECK_CASE(a_wait_ends_with_a_change) {
    const int set = epoll_create1(0);
    const int fd = eventfd(0, 0);
    const pid_t waiter = check::fork_or_fail();
    if (waiter == 0) {
        EXPECT_EQ(add(set, fd, EPOLLIN), 0);
        epoll_event e;
        EXPECT_EQ(epoll_wait(set, &e, 1, -1), 1);
        EXPECT_EQ(e.events, EPOLLIN);
        _Exit(0);
    }
    check::wait_until_asleep(waiter);
    EXPECT_EQ(add_number(fd, 1), 8);
    EXPECT_EQ(check::wait_status(waiter), 0);
}

CHECK_CASE(an_event_wakes_one_of_those_who_wait) {
    const int set = epoll_create1(0);
    const int fd = eventfd(0, EFD_NONBLOCK), done = eventfd(0, EFD_SEMAPHORE);
    EXPECT_EQ(add(set, fd, EPOLLIN | EPOLLET), 0);
    pid_t waiters[2];
    for (pid_t& pid : waiters) {
        pid = check::fork_or_fail();
        if (pid == 0) {
            epoll_event e;
            EXPECT_EQ(epoll_wait(set, &e, 1, -1), 1);
            add_number(done, 1);
            _Exit(0);
        }
    }
    for (const pid_t pid : waiters) {
        check::wait_until_asleep(pid);
    }
    EXPECT_EQ(add_number(fd, 1), 8);
    EXPECT_EQ(take_number(done), 1);
    EXPECT_EQ(ready(done) & POLLIN, 0);
    EXPECT_EQ(add_number(fd, 1), 8);
    EXPECT_EQ(take_number(done), 1);
    for (const pid_t pid : waiters) {
        EXPECT_EQ(check::wait_status(pid), 0);
    }
}

CHECK_CASE(a_poll_of_a_set_ends_with_a_change) {
    const int set = epoll_create1(0);
    const int fd = eventfd(0, 0);
    EXPECT_EQ(add(set, fd, EPOLLIN), 0);
    const pid_t waiter = check::fork_or_fail();
    if (waiter == 0) {
        pollfd p{set, POLLIN, 0};
        _Exit(poll(&p, 1, -1) == 1 ? 0 : 1);
    }
    check::wait_until_asleep(waiter);
    EXPECT_EQ(add_number(fd, 1), 8);
    EXPECT_EQ(check::wait_status(waiter), 0);
}

CHECK_CASE(a_wait_has_an_end) {
    const int set = epoll_create1(0);
    epoll_event e;
    timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    EXPECT_EQ(epoll_wait(set, &e, 1, 20), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    const long passed =
        (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    EXPECT(passed >= 19);
    struct {
        long long seconds, nanoseconds;
    } timeout{0, 1000000};
    EXPECT_EQ(syscall(SYS_epoll_pwait2, set, &e, 1, &timeout, nullptr, 8), 0);
    timeout.nanoseconds = 1000000000;
    EXPECT_ERRNO(syscall(SYS_epoll_pwait2, set, &e, 1, &timeout, nullptr, 8), EINVAL);
    timeout = {0, 0};
    EXPECT_EQ(syscall(SYS_epoll_pwait2, set, &e, 1, &timeout, nullptr, 8), 0);
}

CHECK_CASE(a_signal_ends_a_wait) {
    signal(SIGUSR1, [](int) {});
    struct sigaction restarting{};
    restarting.sa_handler = [](int) {};
    restarting.sa_flags = SA_RESTART;
    sigaction(SIGUSR2, &restarting, nullptr);
    for (const int signal : {SIGUSR1, SIGUSR2}) {
        const pid_t waiter = check::fork_or_fail();
        if (waiter == 0) {
            const int set = epoll_create1(0);
            epoll_event e;
            EXPECT_ERRNO(epoll_wait(set, &e, 1, -1), EINTR);
            _Exit(0);
        }
        check::wait_until_asleep(waiter);
        kill(waiter, signal);
        EXPECT_EQ(check::wait_status(waiter), 0);
    }
}

CHECK_CASE(epoll_pwait_waits_with_another_mask) {
    signal(SIGUSR1, [](int) {});
    sigset_t usr1, before, now;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, &before);
    raise(SIGUSR1);
    const int set = epoll_create1(0);
    epoll_event e;
    EXPECT_EQ(epoll_pwait(set, &e, 1, 0, &before), 0);  // nothing to wait for: nothing interrupts
    sigprocmask(SIG_BLOCK, nullptr, &now);
    EXPECT_EQ(sigismember(&now, SIGUSR1), 1);
    raise(SIGUSR1);
    EXPECT_ERRNO(epoll_pwait(set, &e, 1, -1, &before), EINTR);
    sigprocmask(SIG_BLOCK, nullptr, &now);
    EXPECT_EQ(sigismember(&now, SIGUSR1), 1);
    EXPECT_ERRNO(syscall(SYS_epoll_pwait, set, &e, 1, 0, &before, 4), EINVAL);
}

CHECK_CASE(proc_tells_what_is_in_event_files) {
    const int counter = eventfd(0x1234, EFD_NONBLOCK);
    EXPECT(DescriptorText(counter).says("eventfd-count:             1234\n"));
    EXPECT_EQ(take_number(counter), 0x1234);
    EXPECT(DescriptorText(counter).says("eventfd-count:                0\n"));

    const int set = epoll_create1(0);
    int pipes[2];
    EXPECT_EQ(pipe(pipes), 0);
    EXPECT_EQ(add(set, counter, EPOLLIN | EPOLLET), 0);
    EXPECT_EQ(add(set, pipes[0], EPOLLIN | EPOLLONESHOT), 0);
    const DescriptorText info(set);
    char line[96];
    std::snprintf(line, sizeof line, "tfd: %8d events: 80000019 data: %16x  pos:0 ino:", counter,
                  static_cast<unsigned>(counter));
    EXPECT(info.says(line));
    std::snprintf(line, sizeof line, "tfd: %8d events: 40000019 data: %16x  pos:0 ino:", pipes[0],
                  static_cast<unsigned>(pipes[0]));
    EXPECT(info.says(line));
    EXPECT_EQ(take_out(set, counter), 0);
    EXPECT(!DescriptorText(set).says("events: 80000019"));
}

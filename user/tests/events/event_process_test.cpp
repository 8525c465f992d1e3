/// Files that carry events of timers, signals and processes: timerfd, signalfd, pidfd.

#include "user/tests/check.hpp"
#include "user/tests/events/descriptor_text.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace {

constexpr long million = 1'000'000;

int ready(int fd) {
    pollfd p{fd, POLLIN | POLLOUT, 0};
    poll(&p, 1, 0);
    return p.revents;
}
void expect_name(int fd, const char* name) {
    char path[32], target[64] = "";
    std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    EXPECT(readlink(path, target, sizeof target - 1) > 0);
    EXPECT_EQ(std::strcmp(target, name), 0);
}
std::uint64_t take_number(int fd) {
    std::uint64_t n = ~0ULL;
    return read(fd, &n, sizeof n) == sizeof n ? n : ~0ULL;
}
itimerspec timer_of(long nanoseconds, long interval = 0) {
    itimerspec t{};
    t.it_value.tv_sec = nanoseconds / 1000 / million;
    t.it_value.tv_nsec = nanoseconds % (1000 * million);
    t.it_interval.tv_sec = interval / 1000 / million;
    t.it_interval.tv_nsec = interval % (1000 * million);
    return t;
}
int set_timer(int fd, const itimerspec& t, int flags = 0) {
    return timerfd_settime(fd, flags, &t, nullptr);
}

sigset_t set_of(int a, int b = 0) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, a);
    if (b != 0) {
        sigaddset(&set, b);
    }
    return set;
}
/// Blocked and in a signalfd.
int signals_in_file(int a, int b, int flags) {
    const sigset_t set = set_of(a, b);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    return signalfd(-1, &set, flags);
}

int pidfd_open(pid_t pid, unsigned flags = 0) {
    return static_cast<int>(syscall(SYS_pidfd_open, pid, flags));
}
int pidfd_send_signal(int fd, int signal, siginfo_t* info = nullptr, unsigned flags = 0) {
    return static_cast<int>(syscall(SYS_pidfd_send_signal, fd, signal, info, flags));
}
constexpr auto by_pidfd = static_cast<idtype_t>(3);  // P_PIDFD

/// A child that ends with `code` when the eventfd says so.
pid_t child_until(int event, int code) {
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        take_number(event);
        _Exit(code);
    }
    return pid;
}
void tell(int event) {
    const std::uint64_t one = 1;
    EXPECT_EQ(write(event, &one, 8), 8);
}

}  // namespace

CHECK_CASE(a_timer_rings_once) {
    const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    expect_name(fd, "anon_inode:[timerfd]");
    EXPECT_EQ(ready(fd), 0);
    EXPECT_EQ(set_timer(fd, timer_of(5 * million)), 0);
    EXPECT_EQ(take_number(fd), 1);
    EXPECT_EQ(ready(fd), 0);
    itimerspec now;
    EXPECT_EQ(timerfd_gettime(fd, &now), 0);
    EXPECT_EQ(now.it_value.tv_sec + now.it_value.tv_nsec, 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    std::uint64_t n;
    EXPECT_ERRNO(read(fd, &n, 8), EAGAIN);
    EXPECT_ERRNO(read(fd, &n, 7), EINVAL);
    EXPECT_ERRNO(write(fd, &n, 8), EINVAL);
}

CHECK_CASE(a_timer_counts_its_rings) {
    const int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK);
    EXPECT_EQ(set_timer(fd, timer_of(1, 2 * million)), 0);
    pollfd p{fd, POLLIN, 0};
    EXPECT_EQ(poll(&p, 1, -1), 1);
    const timespec some{0, 20 * million};
    nanosleep(&some, nullptr);
    const std::uint64_t rings = take_number(fd);
    EXPECT(rings >= 10 && rings < 100000);
    itimerspec now;
    EXPECT_EQ(timerfd_gettime(fd, &now), 0);
    EXPECT_EQ(now.it_interval.tv_nsec, 2 * million);
    EXPECT(now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 2 * million);
    EXPECT_EQ(poll(&p, 1, -1), 1);
    EXPECT(take_number(fd) >= 1);
    EXPECT_EQ(set_timer(fd, timer_of(0)), 0);
    std::uint64_t n;
    EXPECT_ERRNO(read(fd, &n, 8), EAGAIN);
}

CHECK_CASE(a_timer_may_be_set_to_a_time) {
    for (const clockid_t clock : {CLOCK_MONOTONIC, CLOCK_REALTIME}) {
        const int fd = timerfd_create(clock, 0);
        timespec now;
        clock_gettime(clock, &now);
        itimerspec t{};
        t.it_value = now;
        t.it_value.tv_sec += 100;
        EXPECT_EQ(set_timer(fd, t, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET), 0);
        itimerspec before;
        t.it_value = now;  // has passed
        EXPECT_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, &before), 0);
        EXPECT(before.it_value.tv_sec == 99 || before.it_value.tv_sec == 100);
        EXPECT_EQ(take_number(fd), 1);
    }
}

CHECK_CASE(timer_calls_check_what_they_are_given) {
    EXPECT_ERRNO(timerfd_create(CLOCK_THREAD_CPUTIME_ID, 0), EINVAL);
    EXPECT_ERRNO(timerfd_create(99, 0), EINVAL);
    EXPECT_ERRNO(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    const int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    const int other = eventfd(0, 0);
    itimerspec t = timer_of(0);
    EXPECT_ERRNO(timerfd_settime(fd, 4, &t, nullptr), EINVAL);
    EXPECT_ERRNO(timerfd_settime(other, 0, &t, nullptr), EINVAL);
    EXPECT_ERRNO(timerfd_settime(99, 0, &t, nullptr), EBADF);
    EXPECT_ERRNO(timerfd_gettime(other, &t), EINVAL);
    t.it_value.tv_nsec = 1000 * million;
    EXPECT_ERRNO(timerfd_settime(fd, 0, &t, nullptr), EINVAL);
}

CHECK_CASE(a_timer_is_for_epoll) {
    const int set = epoll_create1(0);
    const int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    epoll_event e{};
    e.events = EPOLLIN | EPOLLET;
    EXPECT_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &e), 0);
    EXPECT_EQ(set_timer(fd, timer_of(3 * million)), 0);
    EXPECT_EQ(epoll_wait(set, &e, 1, -1), 1);
    EXPECT_EQ(e.events, EPOLLIN);
    EXPECT_EQ(epoll_wait(set, &e, 1, 0), 0);
}

CHECK_CASE(signals_are_read) {
    const int fd = signals_in_file(SIGUSR1, SIGUSR2, SFD_NONBLOCK | SFD_CLOEXEC);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    expect_name(fd, "anon_inode:[signalfd]");
    signalfd_siginfo info[3];
    EXPECT_ERRNO(read(fd, info, sizeof info), EAGAIN);
    EXPECT_EQ(ready(fd), 0);
    kill(getpid(), SIGUSR2);
    raise(SIGUSR1);
    EXPECT_EQ(ready(fd), POLLIN);
    EXPECT_ERRNO(read(fd, info, sizeof info[0] - 1), EINVAL);
    EXPECT_EQ(read(fd, info, sizeof info), 2 * sizeof info[0]);
    for (int i = 0; i < 2; ++i) {
        const bool first = info[i].ssi_signo == SIGUSR1;
        EXPECT(first || info[i].ssi_signo == SIGUSR2);
        EXPECT_EQ(info[i].ssi_code, first ? SI_TKILL : SI_USER);
        EXPECT_EQ(info[i].ssi_pid, getpid());
        EXPECT_EQ(info[i].ssi_uid, getuid());
    }
    EXPECT(info[0].ssi_signo != info[1].ssi_signo);
    EXPECT_EQ(ready(fd), 0);
}

CHECK_CASE(values_and_children_are_told) {
    const int fd = signals_in_file(SIGRTMIN, SIGCHLD, 0);
    sigval value{};
    value.sival_int = 42;
    EXPECT_EQ(sigqueue(getpid(), SIGRTMIN, value), 0);
    signalfd_siginfo info;
    EXPECT_EQ(read(fd, &info, sizeof info), sizeof info);
    EXPECT_EQ(info.ssi_signo, SIGRTMIN);
    EXPECT_EQ(info.ssi_code, SI_QUEUE);
    EXPECT_EQ(info.ssi_int, 42);
    EXPECT_EQ(info.ssi_ptr, 42);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        _Exit(7);
    }
    EXPECT_EQ(read(fd, &info, sizeof info), sizeof info);
    EXPECT_EQ(info.ssi_signo, SIGCHLD);
    EXPECT_EQ(info.ssi_code, CLD_EXITED);
    EXPECT_EQ(info.ssi_pid, pid);
    EXPECT_EQ(info.ssi_status, 7);
    EXPECT_EQ(check::wait_status(pid), 7 << 8);
}

CHECK_CASE(a_timers_signal_tells_its_overruns) {
    const int fd = signals_in_file(SIGALRM, 0, 0);
    timer_t timer;
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGALRM;
    event.sigev_value.sival_int = 5;
    EXPECT_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    const itimerspec t = timer_of(million, million);
    EXPECT_EQ(timer_settime(timer, 0, &t, nullptr), 0);
    const timespec some{0, 10 * million};
    nanosleep(&some, nullptr);
    signalfd_siginfo info;
    EXPECT_EQ(read(fd, &info, sizeof info), sizeof info);
    EXPECT_EQ(info.ssi_code, SI_TIMER);
    EXPECT_EQ(info.ssi_int, 5);
    EXPECT(info.ssi_overrun >= 5);
    timer_delete(timer);
}

CHECK_CASE(a_reader_waits_for_a_signal) {
    const int fd = signals_in_file(SIGUSR1, SIGUSR2, 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        signalfd_siginfo info;
        EXPECT_EQ(read(fd, &info, sizeof info), sizeof info);
        EXPECT_EQ(info.ssi_signo, SIGUSR2);
        pollfd p{fd, POLLIN, 0};
        EXPECT_EQ(poll(&p, 1, -1), 1);
        EXPECT_EQ(read(fd, &info, sizeof info), sizeof info);
        EXPECT_EQ(info.ssi_signo, SIGUSR1);
        const int set = epoll_create1(0);
        epoll_event e{};
        e.events = EPOLLIN;
        EXPECT_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &e), 0);
        EXPECT_EQ(epoll_wait(set, &e, 1, -1), 1);
        _Exit(0);
    }
    for (const int signal : {SIGUSR2, SIGUSR1, SIGUSR1}) {
        check::wait_until_asleep(pid);
        kill(pid, signal);
    }
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(another_signal_ends_the_wait) {
    signal(SIGUSR2, [](int) {});
    const sigset_t set = set_of(SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        struct sigaction action{};
        action.sa_handler = [](int) {};
        sigaction(SIGUSR2, &action, nullptr);
        signalfd_siginfo info;
        EXPECT_ERRNO(read(signalfd(-1, &set, 0), &info, sizeof info), EINTR);
        _Exit(0);
    }
    check::wait_until_asleep(pid);
    kill(pid, SIGUSR2);
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(the_set_of_a_signalfd_may_change) {
    const int fd = signals_in_file(SIGUSR1, SIGUSR2, SFD_NONBLOCK);
    sigset_t set = set_of(SIGUSR2, SIGKILL);
    EXPECT_EQ(signalfd(fd, &set, 0), fd);
    raise(SIGUSR1);
    EXPECT_EQ(ready(fd), 0);
    set = set_of(SIGUSR1);
    EXPECT_EQ(signalfd(fd, &set, 0), fd);
    EXPECT_EQ(ready(fd), POLLIN);
    EXPECT_ERRNO(signalfd(eventfd(0, 0), &set, 0), EINVAL);
    EXPECT_ERRNO(signalfd(99, &set, 0), EBADF);
    EXPECT_ERRNO(signalfd(-1, &set, 1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
}

CHECK_CASE(a_pidfd_is_ready_when_its_process_has_ended) {
    const int event = eventfd(0, 0);
    const pid_t pid = child_until(event, 3);
    const int fd = pidfd_open(pid);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    expect_name(fd, "anon_inode:[pidfd]");
    EXPECT_EQ(ready(fd), 0);
    const int set = epoll_create1(0);
    epoll_event e{};
    e.events = EPOLLIN;
    EXPECT_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &e), 0);
    tell(event);
    pollfd p{fd, POLLIN, 0};
    EXPECT_EQ(poll(&p, 1, -1), 1);
    EXPECT_EQ(epoll_wait(set, &e, 1, 0), 1);
    siginfo_t info{};
    EXPECT_EQ(waitid(by_pidfd, static_cast<id_t>(fd), &info, WEXITED), 0);
    EXPECT_EQ(info.si_pid, pid);
    EXPECT_EQ(info.si_status, 3);
    EXPECT_EQ(ready(fd) & POLLIN, POLLIN);
    EXPECT_ERRNO(waitid(by_pidfd, static_cast<id_t>(fd), &info, WEXITED), ECHILD);
    EXPECT_ERRNO(pidfd_send_signal(fd, 0), ESRCH);
}

CHECK_CASE(a_pidfd_may_wait_or_not) {
    const int event = eventfd(0, 0);
    const pid_t pid = child_until(event, 0);
    const int fd = pidfd_open(pid, O_NONBLOCK);
    EXPECT_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    siginfo_t info{};
    EXPECT_ERRNO(waitid(by_pidfd, static_cast<id_t>(fd), &info, WEXITED), EAGAIN);
    EXPECT_EQ(waitid(by_pidfd, static_cast<id_t>(fd), &info, WEXITED | WNOHANG), 0);
    fcntl(fd, F_SETFL, 0);
    tell(event);
    EXPECT_EQ(waitid(by_pidfd, static_cast<id_t>(fd), &info, WEXITED), 0);
    EXPECT_ERRNO(waitid(by_pidfd, static_cast<id_t>(event), &info, WEXITED), EBADF);
    EXPECT_ERRNO(waitid(by_pidfd, 99, &info, WEXITED), EBADF);
}

CHECK_CASE(signals_are_sent_by_pidfd) {
    const int event = eventfd(0, 0);
    const pid_t pid = child_until(event, 0);
    const int fd = pidfd_open(pid);
    EXPECT_EQ(pidfd_send_signal(fd, 0), 0);
    EXPECT_ERRNO(pidfd_send_signal(fd, 99), EINVAL);
    EXPECT_ERRNO(pidfd_send_signal(fd, 0, nullptr, 0x100), EINVAL);
    EXPECT_ERRNO(pidfd_send_signal(event, 0), EBADF);
    siginfo_t info{};
    info.si_signo = SIGUSR1;
    info.si_code = SI_QUEUE;
    EXPECT_ERRNO(pidfd_send_signal(fd, SIGUSR2, &info), EINVAL);
    info.si_code = SI_USER;
    EXPECT_ERRNO(pidfd_send_signal(fd, SIGUSR1, &info), EPERM);
    EXPECT_EQ(pidfd_send_signal(fd, SIGTERM), 0);
    const int status = check::wait_status(pid);
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

CHECK_CASE(pidfd_open_checks_what_it_is_given) {
    EXPECT_ERRNO(pidfd_open(0), EINVAL);
    EXPECT_ERRNO(pidfd_open(-1), EINVAL);
    EXPECT_ERRNO(pidfd_open(getpid(), 1), EINVAL);
    EXPECT_ERRNO(pidfd_open(0x3ffffff), ESRCH);
    EXPECT(pidfd_open(getpid()) >= 0);
}

CHECK_CASE(clone_gives_a_pidfd) {
    const int event = eventfd(0, 0);
    int fd = -1;
    clone_args arguments{};
    arguments.flags = CLONE_PIDFD;
    arguments.pidfd = reinterpret_cast<std::uintptr_t>(&fd);
    arguments.exit_signal = SIGCHLD;
    const int next = dup(event);
    close(next);
    const long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0) {
        // The child does not have it.
        const bool has_none = fcntl(next, F_GETFD) == -1;
        take_number(event);
        _Exit(has_none ? 4 : 5);
    }
    EXPECT(pid > 0);
    EXPECT_EQ(fd, next);
    EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(ready(fd), 0);
    tell(event);
    siginfo_t info{};
    EXPECT_EQ(waitid(by_pidfd, static_cast<id_t>(fd), &info, WEXITED), 0);
    EXPECT_EQ(info.si_pid, pid);
    EXPECT_EQ(info.si_status, 4);
    arguments.flags = CLONE_PIDFD | CLONE_PARENT_SETTID;
    arguments.parent_tid = arguments.pidfd;
    EXPECT_ERRNO(syscall(SYS_clone3, &arguments, sizeof arguments), EINVAL);
    arguments.flags = CLONE_PIDFD;
    arguments.pidfd = 16;
    EXPECT_ERRNO(syscall(SYS_clone3, &arguments, sizeof arguments), EFAULT);
    const int free = dup(event);
    EXPECT_EQ(free, fd + 1);  // nothing is left of the attempts
}

CHECK_CASE(a_descriptor_of_another_process_can_be_had) {
    const int event = eventfd(0, 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        const int own = eventfd(77, 0);
        dup2(own, 50);
        tell(event);
        pause();
        _Exit(0);
    }
    take_number(event);
    const int fd = pidfd_open(pid);
    const int copy = static_cast<int>(syscall(SYS_pidfd_getfd, fd, 50, 0));
    EXPECT(copy >= 0);
    EXPECT_EQ(fcntl(copy, F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(take_number(copy), 77);
    EXPECT_ERRNO(syscall(SYS_pidfd_getfd, fd, 51, 0), EBADF);
    EXPECT_ERRNO(syscall(SYS_pidfd_getfd, fd, 50, 1), EINVAL);
    EXPECT_ERRNO(syscall(SYS_pidfd_getfd, event, 50, 0), EBADF);
    kill(pid, SIGKILL);
    check::wait_status(pid);
    EXPECT_ERRNO(syscall(SYS_pidfd_getfd, fd, 50, 0), ESRCH);
}

CHECK_CASE(proc_tells_what_files_of_processes_are_about) {
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGINT);
    sigaddset(&wanted, SIGUSR1);
    sigaddset(&wanted, SIGKILL);  // is left out
    EXPECT(DescriptorText(signalfd(-1, &wanted, 0)).says("sigmask:\t0000000000000202\n"));

    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        _Exit(0);
    }
    const int fd = pidfd_open(pid);
    char line[64];
    std::snprintf(line, sizeof line, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
    EXPECT(DescriptorText(fd).says(line));
    check::wait_status(pid);
    EXPECT(DescriptorText(fd).says("Pid:\t-1\nNSpid:\t-1\n"));

    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    EXPECT(
        DescriptorText(timer).says("clockid: 1\nticks: 0\nsettime flags: 00\n"
                                   "it_value: (0, 0)\nit_interval: (0, 0)\n"));
    const itimerspec far{{7, 5}, {0x7fff'fff0, 0}};
    EXPECT_EQ(timerfd_settime(timer, TFD_TIMER_ABSTIME, &far, nullptr), 0);
    const DescriptorText info(timer);
    EXPECT(info.says("settime flags: 01\nit_value: (21"));
    EXPECT(info.says("it_interval: (7, 5)\n"));
}

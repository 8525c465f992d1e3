/// Clocks and sleeping. Only lower bounds and orders are checked: a slow machine is not an error.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <elf.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

long long now() {
    timespec at{};
    EXPECT_EQ(clock_gettime(CLOCK_MONOTONIC, &at), 0);
    EXPECT(at.tv_nsec >= 0 && at.tv_nsec < 1000000000);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

void sleep_for(long long nanoseconds) {
    const timespec time{static_cast<time_t>(nanoseconds / 1000000000),
                        static_cast<long>(nanoseconds % 1000000000)};
    EXPECT_EQ(nanosleep(&time, nullptr), 0);
}

}  // namespace

/// What a C library answers without a system call (by vDSO) must fit what the kernel says.
CHECK_CASE(clocks_are_the_same_with_and_without_a_system_call) {
    const auto by_call = [](clockid_t clock) {
        long long at[2]{};
        EXPECT_EQ(syscall(SYS_clock_gettime64, clock, at), 0);
        return at[0] * 1000000000 + (at[1] & 0xffffffff);
    };
    for (const clockid_t clock :
         {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME,
          CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_PROCESS_CPUTIME_ID}) {
        for (int i = 0; i < 100; ++i) {
            const long long before = by_call(clock);
            timespec at{};
            EXPECT_EQ(clock_gettime(clock, &at), 0);
            const long long between = at.tv_sec * 1000000000LL + at.tv_nsec;
            EXPECT(before <= between);
            EXPECT(between <= by_call(clock));
        }
    }
}

CHECK_CASE(the_older_calls_agree_with_the_clock) {
    const auto microseconds = [](const timeval& t) { return t.tv_sec * 1000000LL + t.tv_usec; };
    for (int i = 0; i < 100; ++i) {
        timeval before{}, between{}, after{};
        EXPECT_EQ(syscall(SYS_gettimeofday, &before, nullptr), 0);
        EXPECT_EQ(gettimeofday(&between, nullptr), 0);
        EXPECT_EQ(syscall(SYS_gettimeofday, &after, nullptr), 0);
        EXPECT(microseconds(before) <= microseconds(between));
        EXPECT(microseconds(between) <= microseconds(after));
        time_t told = 0;
        const long first = syscall(SYS_time, nullptr);
        EXPECT_EQ(time(&told), told);
        EXPECT(first <= told && told <= syscall(SYS_time, nullptr));
    }
    for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE,
                                  CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID}) {
        timespec own{};
        long long by_call[2]{};
        EXPECT_EQ(clock_getres(clock, &own), 0);
        EXPECT_EQ(syscall(SYS_clock_getres_time64, clock, by_call), 0);
        EXPECT_EQ(own.tv_sec, by_call[0]);
        EXPECT_EQ(own.tv_nsec, by_call[1] & 0xffffffff);
    }
    EXPECT_EQ(clock_getres(CLOCK_MONOTONIC, nullptr), 0);
    EXPECT_ERRNO(clock_getres(77, nullptr), EINVAL);
}

CHECK_CASE(the_shared_code_can_be_read_and_not_written) {
    auto* const image = reinterpret_cast<char*>(getauxval(AT_SYSINFO_EHDR));
    EXPECT(image != nullptr && std::memcmp(image, ELFMAG, SELFMAG) == 0);
    for (char* const page : {image, image - 4096}) {  // the code, and the clock that it reads
        const pid_t child = fork();
        if (child == 0) {
            *static_cast<volatile char*>(page) = 0;
            _exit(0);
        }
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, 0), child);
        EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    }
}

CHECK_CASE(the_monotonic_clock_never_goes_back) {
    long long last = now();
    const long long start = last;
    bool moved = false;
    for (int i = 0; i < 20000; ++i) {
        const long long next = now();
        EXPECT(next >= last);
        moved = moved || next > start;
        last = next;
    }
    EXPECT(moved);
}

CHECK_CASE(sleep_is_never_too_short) {
    for (const long long time : {0LL, 1LL, 1000LL, 100000LL, 1000000LL, 5000000LL, 30000000LL}) {
        const long long start = now();
        sleep_for(time);
        EXPECT(now() - start >= time);
    }
}

CHECK_CASE(sleepers_wake_in_order) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const char order[] = {5, 1, 4, 2, 3};
    for (const char steps : order) {
        if (check::fork_or_fail() == 0) {
            sleep_for(steps * 150000000LL);
            _Exit(write(ends[1], &steps, 1) == 1 ? 0 : 1);
        }
    }
    for (char expected = 1; expected <= 5; ++expected) {
        char steps = 0;
        EXPECT_EQ(read(ends[0], &steps, 1), 1);
        EXPECT_EQ(steps, expected);
    }
}

CHECK_CASE(many_sleepers_at_once) {
    const long long start = now();
    for (int i = 0; i < 50; ++i) {
        if (check::fork_or_fail() == 0) {
            sleep_for(20000000LL + i * 100000LL);
            _Exit(0);
        }
    }
    for (int i = 0; i < 50; ++i) {
        int status = -1;
        EXPECT(wait(&status) > 0);
        EXPECT_EQ(status, 0);
    }
    EXPECT(now() - start >= 24900000);
}

CHECK_CASE(an_interrupted_sleep_tells_what_is_left) {
    signal(SIGALRM, [](int) {});
    const itimerval often{{0, 50000}, {0, 50000}};  // the first may ring before the sleep
    EXPECT_EQ(setitimer(ITIMER_REAL, &often, nullptr), 0);
    const timespec long_time{100, 0};
    timespec left{};
    EXPECT_ERRNO(nanosleep(&long_time, &left), EINTR);
    EXPECT(left.tv_sec <= 99 && left.tv_sec >= 1);
}

CHECK_CASE(a_stop_does_not_shorten_sleeps) {
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        timespec end{};
        EXPECT_EQ(clock_gettime(CLOCK_MONOTONIC, &end), 0);
        end.tv_sec += 1;
        EXPECT_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, nullptr), 0);
        EXPECT(now() >= end.tv_sec * 1000000000LL + end.tv_nsec);
        const long long start = now();
        sleep_for(50000000);  // a new sleep, with an end of its own
        EXPECT(now() - start >= 50000000);
        _Exit(0);
    }
    int status = 0;
    check::wait_until_asleep(pid);
    EXPECT_EQ(kill(pid, SIGSTOP), 0);
    EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
    EXPECT_EQ(kill(pid, SIGCONT), 0);
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(bad_times_are_refused) {
    const timespec bad[] = {{0, -1}, {0, 1000000000}, {-1, 0}};
    for (const timespec& time : bad) {
        EXPECT_ERRNO(nanosleep(&time, nullptr), EINVAL);
    }
    timespec at{};
    EXPECT_ERRNO(clock_gettime(999, &at), EINVAL);
}

CHECK_CASE(an_alarm_rings_once_and_can_be_taken_back) {
    static volatile int rings;
    signal(SIGALRM, [](int) { rings = rings + 1; });
    const itimerval soon{{0, 0}, {0, 20000}};
    EXPECT_EQ(setitimer(ITIMER_REAL, &soon, nullptr), 0);
    const long long start = now();
    while (rings == 0) {
        EXPECT(now() - start < 60000000000LL);
    }
    EXPECT_EQ(alarm(100), 0);
    EXPECT(alarm(0) >= 60);
    EXPECT_EQ(rings, 1);
}

CHECK_CASE(a_periodic_timer_rings_again) {
    static volatile int rings;
    signal(SIGALRM, [](int) { rings = rings + 1; });
    const itimerval often{{0, 10000}, {0, 10000}};
    EXPECT_EQ(setitimer(ITIMER_REAL, &often, nullptr), 0);
    while (rings < 5) {
        pause();
    }
}

CHECK_CASE(computing_processes_share_the_processor) {
    // Two children that never sleep must both get on, and the parent must wake up meanwhile.
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    pid_t pids[3];
    for (int i = 0; i < 3; ++i) {
        pids[i] = check::fork_or_fail();
        if (pids[i] == 0) {
            for (volatile unsigned n = 0; n < 3000000; n = n + 1) {
            }
            const char name = static_cast<char>('0' + i);
            EXPECT_EQ(write(ends[1], &name, 1), 1);
            for (volatile unsigned n = 0;; n = n + 1) {
            }
        }
    }
    int seen = 0;
    for (int i = 0; i < 3; ++i) {
        char name = 0;
        EXPECT_EQ(read(ends[0], &name, 1), 1);
        seen |= 1 << (name - '0');
    }
    EXPECT_EQ(seen, 7);
    for (const pid_t pid : pids) {
        kill(pid, SIGKILL);
        check::wait_status(pid);
    }
}

CHECK_CASE(real_time_is_after_the_year_2000) {
    timespec at{};
    EXPECT_EQ(clock_gettime(CLOCK_REALTIME, &at), 0);
    EXPECT(at.tv_sec > 946684800);
    timeval day{};
    EXPECT_EQ(gettimeofday(&day, nullptr), 0);
    EXPECT(day.tv_sec - at.tv_sec <= 60 && day.tv_sec >= at.tv_sec);
    EXPECT(std::time(nullptr) - at.tv_sec <= 60);
}

namespace {

constexpr long futex_wait_bitset = 9, futex_clock_realtime = 256;

timespec time_of_day() {
    timespec at{};
    EXPECT_EQ(clock_gettime(CLOCK_REALTIME, &at), 0);
    return at;
}
bool is_before(const timespec& a, const timespec& b) {
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}
/// Sleeps until a time of day; returns the error.
int wait_on_futex(const timespec& until) {
    int word = 0;
    return syscall(SYS_futex, &word, futex_wait_bitset | futex_clock_realtime, 0, &until, nullptr,
                   -1) == -1
               ? errno
               : 0;
}

}  // namespace

CHECK_CASE(deadlines_of_the_time_of_day_come_when_they_are_due) {
    timespec end = time_of_day();
    end.tv_sec += 1;
    EXPECT_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &end, nullptr), 0);
    EXPECT(!is_before(time_of_day(), end));
    end.tv_sec += 1;
    EXPECT_EQ(wait_on_futex(end), ETIMEDOUT);
    EXPECT(!is_before(time_of_day(), end));
    EXPECT_EQ(wait_on_futex(end), ETIMEDOUT);  // it has passed
    EXPECT_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &end, nullptr), 0);
}

CHECK_CASE(very_long_sleeps_do_not_end_at_once) {
    // Longer than 292 years, which is what 64 bits of nanoseconds hold.
    struct {
        long long seconds;
        long nanoseconds, padding;
    } const for_ever{0x7fff'ffff'ffff'ffff, 999'999'999, 0};
    constexpr long clock_nanosleep_time64 = 407;
    for (const int flags : {0, TIMER_ABSTIME}) {
        for (const int clock : {CLOCK_REALTIME, CLOCK_MONOTONIC}) {
            const pid_t pid = check::fork_or_fail();
            if (pid == 0) {
                syscall(clock_nanosleep_time64, clock, flags, &for_ever, nullptr);
                _Exit(1);
            }
            check::wait_until_asleep(pid);
            EXPECT_EQ(kill(pid, SIGKILL), 0);
            EXPECT_EQ(WTERMSIG(check::wait_status(pid)), SIGKILL);
        }
    }
}

CHECK_CASE(setting_the_clock_wakes_who_waits_for_a_time_of_day) {
    const timespec before = time_of_day();
    const long long start = now();
    timespec end = before;
    end.tv_sec += 10'000;
    for (int way = 0; way < 2; ++way) {
        const pid_t pid = check::fork_or_fail();
        if (pid == 0) {
            _Exit(way == 0 ? clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &end, nullptr)
                  : wait_on_futex(end) == ETIMEDOUT ? 0
                                                    : 1);
        }
        check::wait_until_asleep(pid);
        timespec then = end;
        then.tv_sec += 1;
        EXPECT_EQ(clock_settime(CLOCK_REALTIME, &then), 0);
        EXPECT_EQ(check::wait_status(pid), 0);
        timespec back = before;
        back.tv_sec += static_cast<time_t>((now() - start) / 1'000'000'000);
        EXPECT_EQ(clock_settime(CLOCK_REALTIME, &back), 0);
    }
}

CHECK_CASE(times_of_day_that_cannot_be_are_refused) {
    const timespec bad[] = {{1'700'000'000, 1'000'000'000}, {1'700'000'000, -1}, {-5, 0}, {0, 0}};
    for (const timespec& time : bad) {
        EXPECT_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, &time), EINVAL);
    }
    const struct {
        long long seconds;
        long nanoseconds, padding;
    } late[] = {{1LL << 40, 0, 0}, {8'277'292'036, 0, 0}, {-1, 0, 0}};
    constexpr long clock_settime64 = 404;
    for (const auto& time : late) {
        EXPECT_ERRNO(syscall(clock_settime64, CLOCK_REALTIME, &time), EINVAL);
    }
    const timeval bad_days[] = {{1'700'000'000, 1'000'000}, {1'700'000'000, -1}, {-1, 0}};
    for (const timeval& day : bad_days) {
        EXPECT_ERRNO(syscall(SYS_settimeofday, &day, nullptr), EINVAL);
    }
    const timespec good{1'700'000'000, 0};
    EXPECT_ERRNO(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &good), EINVAL);
    EXPECT_ERRNO(syscall(SYS_clock_settime, -6, &good), EPERM);  // CPU time of this process
    EXPECT_EQ(setuid(1000), 0);
    EXPECT_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, &good), EPERM);
    EXPECT_ERRNO(syscall(SYS_clock_settime, CLOCK_REALTIME, &bad[0]), EINVAL);
    EXPECT_ERRNO(syscall(SYS_settimeofday, nullptr, nullptr), EPERM);
    timex state{};
    EXPECT(syscall(SYS_adjtimex, &state) >= 0);
    EXPECT_EQ(state.tick, 10'000);
    state.modes = ADJ_OFFSET;
    EXPECT_ERRNO(syscall(SYS_adjtimex, &state), EPERM);
}

CHECK_CASE(cpu_clocks_of_processes) {
    clockid_t mine = 0;
    EXPECT_EQ(clock_getcpuclockid(0, &mine), 0);
    timespec before{};
    EXPECT_EQ(clock_gettime(mine, &before), 0);
    timespec after = before;
    while (!is_before(before, after)) {
        EXPECT_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after), 0);
    }
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        for (;;) {
        }
    }
    clockid_t of_child = 0;
    EXPECT_EQ(clock_getcpuclockid(pid, &of_child), 0);
    const timespec a_little{0, 20'000'000};
    EXPECT_EQ(clock_nanosleep(of_child, TIMER_ABSTIME, &a_little, nullptr), 0);
    timespec used{};
    EXPECT_EQ(clock_gettime(of_child, &used), 0);
    EXPECT(!is_before(used, a_little));
    kill(pid, SIGKILL);
    check::wait_status(pid);
    EXPECT_ERRNO(clock_gettime(of_child, &used), EINVAL);
    EXPECT_ERRNO(clock_settime(of_child, &used), EINVAL);
    EXPECT_ERRNO(clock_settime(mine, &used), EPERM);
    EXPECT_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &a_little, nullptr), EINVAL);
    EXPECT_EQ(clock_nanosleep(CLOCK_MONOTONIC_RAW, 0, &a_little, nullptr), EOPNOTSUPP);
    EXPECT_EQ(clock_nanosleep(99, 0, &a_little, nullptr), EINVAL);
}

namespace {

volatile int rings[65];
void count_ring(int number) {
    rings[number] = rings[number] + 1;
}

int create_timer(int clock, int notify, int number, int value = 0) {
    sigevent event{};
    event.sigev_notify = notify;
    event.sigev_signo = number;
    event.sigev_value.sival_int = value;
    int id = -1;
    EXPECT_EQ(syscall(SYS_timer_create, clock, &event, &id), 0);
    return id;
}
struct Spec {
    timespec interval, value;
};
int set_timer(int id, timespec value, timespec interval = {}, int flags = 0) {
    const Spec spec{interval, value};
    return static_cast<int>(syscall(SYS_timer_settime, id, flags, &spec, nullptr));
}

}  // namespace

CHECK_CASE(timers_ring_on_every_clock) {
    signal(SIGUSR2, &count_ring);
    int expected = 0;
    for (const int clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
                            CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID}) {
        const int id = create_timer(clock, SIGEV_SIGNAL, SIGUSR2);
        timespec start{};
        timespec end{};
        EXPECT_EQ(clock_gettime(clock, &start), 0);
        EXPECT_EQ(set_timer(id, {0, 20'000'000}), 0);
        ++expected;
        while (rings[SIGUSR2] < expected) {
        }
        EXPECT_EQ(clock_gettime(clock, &end), 0);
        EXPECT((end.tv_sec - start.tv_sec) * 1'000'000'000LL + end.tv_nsec - start.tv_nsec >=
               20'000'000);
        EXPECT_EQ(syscall(SYS_timer_delete, id), 0);
        EXPECT_ERRNO(syscall(SYS_timer_delete, id), EINVAL);
    }
}

CHECK_CASE(a_timers_signal_tells_what_was_missed) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    EXPECT_EQ(sigprocmask(SIG_BLOCK, &set, nullptr), 0);
    const int id = create_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN, 77);
    EXPECT_EQ(set_timer(id, {0, 1'000'000}, {0, 1'000'000}), 0);
    sleep_for(50'000'000);
    siginfo_t info{};
    EXPECT_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
    EXPECT_EQ(info.si_code, SI_TIMER);
    EXPECT_EQ(info.si_timerid, id);
    EXPECT_EQ(info.si_value.sival_int, 77);
    EXPECT(info.si_overrun >= 40);
    EXPECT_EQ(syscall(SYS_timer_getoverrun, id), info.si_overrun);
    EXPECT_EQ(sigwaitinfo(&set, &info), SIGRTMIN);  // it goes on
    // Off, and the interval is forgotten.
    EXPECT_EQ(set_timer(id, {0, 0}, {5, 0}), 0);
    Spec now{};
    EXPECT_EQ(syscall(SYS_timer_gettime, id, &now), 0);
    EXPECT(now.value.tv_sec == 0 && now.value.tv_nsec == 0 && now.interval.tv_sec == 0);
    // Deleted while its signal is on the way: that still comes.
    const timespec at_once{};
    sigtimedwait(&set, &info, &at_once);
    EXPECT_EQ(set_timer(id, {0, 1}), 0);
    sigset_t pending;
    do {
        EXPECT_EQ(sigpending(&pending), 0);
    } while (sigismember(&pending, SIGRTMIN) == 0);
    EXPECT_EQ(syscall(SYS_timer_delete, id), 0);
    EXPECT_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
    EXPECT_ERRNO(sigtimedwait(&set, &info, &at_once), EAGAIN);
}

CHECK_CASE(a_signal_that_does_nothing_counts_what_was_missed) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCONT);
    const int id = create_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGCONT, 0);
    EXPECT_EQ(set_timer(id, {0, 1'000'000}, {0, 1'000'000}), 0);
    // Again while one more that came behind the first has been counted instead.
    for (int found = 0; found < 2;) {
        EXPECT_EQ(sigprocmask(SIG_BLOCK, &set, nullptr), 0);
        sleep_for(20'000'000);
        EXPECT_EQ(sigprocmask(SIG_UNBLOCK, &set, nullptr), 0);
        found += syscall(SYS_timer_getoverrun, id) >= 15 ? 1 : 0;
    }
    EXPECT_EQ(syscall(SYS_timer_delete, id), 0);
}

CHECK_CASE(setting_the_clock_moves_timers_that_follow_it) {
    signal(SIGUSR2, &count_ring);
    const timespec before = time_of_day();
    const long long start = now();
    const int absolute = create_timer(CLOCK_REALTIME, SIGEV_SIGNAL, SIGUSR2);
    const int relative = create_timer(CLOCK_REALTIME, SIGEV_NONE, 0);
    timespec end = before;
    end.tv_sec += 10'000;
    EXPECT_EQ(set_timer(absolute, end, {}, TIMER_ABSTIME), 0);
    EXPECT_EQ(set_timer(relative, {10'000, 0}), 0);
    timespec then = end;
    then.tv_sec += 1;
    EXPECT_EQ(clock_settime(CLOCK_REALTIME, &then), 0);
    while (rings[SIGUSR2] == 0) {
    }
    Spec left{};
    EXPECT_EQ(syscall(SYS_timer_gettime, relative, &left), 0);
    EXPECT(left.value.tv_sec > 9'000);
    timespec back = before;
    back.tv_sec += static_cast<time_t>((now() - start) / 1'000'000'000);
    EXPECT_EQ(clock_settime(CLOCK_REALTIME, &back), 0);
}

CHECK_CASE(interval_timers_of_cpu_time) {
    signal(SIGVTALRM, &count_ring);
    signal(SIGPROF, &count_ring);
    const itimerval often{{0, 10'000}, {0, 10'000}};
    EXPECT_EQ(setitimer(ITIMER_VIRTUAL, &often, nullptr), 0);
    EXPECT_EQ(setitimer(ITIMER_PROF, &often, nullptr), 0);
    while (rings[SIGVTALRM] < 2 || rings[SIGPROF] < 2) {
    }
    itimerval now_set{};
    EXPECT_EQ(getitimer(ITIMER_PROF, &now_set), 0);
    EXPECT_EQ(now_set.it_interval.tv_usec, 10'000);
    EXPECT(now_set.it_value.tv_usec > 0);
}

CHECK_CASE(bad_timers_are_refused) {
    int id = 0;
    sigevent event{};
    event.sigev_signo = SIGUSR1;
    EXPECT_ERRNO(syscall(SYS_timer_create, 99, &event, &id), EINVAL);
    EXPECT_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, &event, &id), EOPNOTSUPP);
    EXPECT_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, 1, &id), EFAULT);
    EXPECT_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, 1), EFAULT);
    event.sigev_signo = 65;
    EXPECT_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id), EINVAL);
    event.sigev_signo = SIGUSR1;
    event.sigev_notify = 3;
    EXPECT_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id), EINVAL);
    const int timer = create_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1);
    EXPECT_ERRNO(set_timer(timer, {0, 1'000'000'000}), EINVAL);
    EXPECT_ERRNO(set_timer(timer, {-1, 0}), EINVAL);
    EXPECT_ERRNO(set_timer(timer + 1000, {1, 0}), EINVAL);
    EXPECT_ERRNO(syscall(SYS_timer_settime, timer, 0, nullptr, nullptr), EINVAL);
    EXPECT_ERRNO(syscall(SYS_timer_gettime, timer, nullptr), EFAULT);
    // Not inherited; pending signals of a parent's timer are not a child's either.
    EXPECT_EQ(check::status_of_child([=] {
                  _Exit(syscall(SYS_timer_delete, timer) == -1 && errno == EINVAL ? 0 : 1);
              }),
              0);
}

CHECK_CASE(futex_operations) {
    int word = 5;
    int other = 7;
    const auto futex = [&](int operation, int value, long timeout, void* second, int value_3) {
        return syscall(SYS_futex, &word, operation, value, timeout, second, value_3);
    };
    constexpr int wake = 1, requeue = 3, compare_requeue = 4, wake_op = 5, wake_bitset = 10;
    EXPECT_ERRNO(futex(futex_wait_bitset, 5, 0, nullptr, 0), EINVAL);
    EXPECT_ERRNO(futex(wake_bitset, 5, 0, nullptr, 0), EINVAL);
    EXPECT_ERRNO(futex(requeue, -1, 1, &other, 0), EINVAL);
    EXPECT_ERRNO(futex(compare_requeue, 1, 1, &other, 4), EAGAIN);
    EXPECT_EQ(futex(compare_requeue, 1, 1, &other, 5), 0);
    EXPECT_ERRNO(futex(wake | futex_clock_realtime, 1, 0, nullptr, 0), ENOSYS);
    // other += 3, and whatever it was.
    EXPECT_EQ(futex(wake_op, 1, 1, &other, 1 << 28 | 3 << 12), 0);
    EXPECT_EQ(other, 10);
    EXPECT_ERRNO(futex(wake_op, 1, 1, nullptr, 1 << 28 | 3 << 12), EFAULT);
}

CHECK_CASE(a_moved_sleeper_is_woken_where_it_is) {
    int* const words = static_cast<int*>(
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    EXPECT(words != MAP_FAILED);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        _Exit(syscall(SYS_futex, &words[0], 0, 0, nullptr) == 0 ? 0 : 1);
    }
    while (syscall(SYS_futex, &words[0], 4, 0, 1, &words[1], 0) == 0) {
        usleep(1000);  // until it sleeps
    }
    EXPECT_EQ(syscall(SYS_futex, &words[0], 1, 9), 0);
    EXPECT_EQ(syscall(SYS_futex, &words[1], 1, 0), 1);  // none means one
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(the_more_urgent_sleeper_is_woken_first) {
    int* const words = static_cast<int*>(
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    EXPECT(words != MAP_FAILED);
    const auto start = [&](int priority) {
        const pid_t pid = check::fork_or_fail();
        if (pid == 0) {
            const sched_param how{priority};
            if (priority != 0 && sched_setscheduler(0, SCHED_FIFO, &how) != 0) {
                _Exit(2);
            }
            _Exit(syscall(SYS_futex, &words[0], 0, 0, nullptr) == 0 ? 0 : 1);
        }
        return pid;
    };
    // Moving those who sleep, there and back, tells how many they are.
    const auto wait_for_sleepers = [&](int count) {
        for (;;) {
            const long there = syscall(SYS_futex, &words[0], 3, 0, 9, &words[1]);
            if (syscall(SYS_futex, &words[1], 3, 0, 9, &words[0]) == count && there == count) {
                break;
            }
            usleep(1000);
        }
    };
    const pid_t usual = start(0);
    wait_for_sleepers(1);
    const pid_t urgent = start(5);
    wait_for_sleepers(2);
    for (const pid_t next : {urgent, usual}) {
        EXPECT_EQ(syscall(SYS_futex, &words[0], 1, 1), 1);
        EXPECT_EQ(waitpid(-1, nullptr, 0), next);
    }
}

/// Clocks and sleeping. Only lower bounds and orders are checked: a slow machine is not an error.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <sys/time.h>
#include <sys/times.h>
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

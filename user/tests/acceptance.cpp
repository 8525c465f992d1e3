/// Acceptance of a scheduler: alarms, preemption, shares, load, as teaching kernels check them,
/// seen from programs. The order of things must be exact; shares are those that the policy
/// promises.
///
/// Which policy this is, /proc/self/sched tells; what it does not promise is not checked. Linux has
/// another file there, and keeps every order. Shares are only to be compared where a second of the
/// machine is a number of instructions, whatever else the host does: tests/guest/acceptance_test.py
/// says `counted` then.

#include "user/tests/check.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

constexpr std::int64_t ms = 1'000'000;  // nanoseconds
constexpr std::int64_t second = 1000 * ms;

// --- What this scheduler promises ---

struct Promises {
    const char* name;
    bool urgent_first;       ///< SCHED_FIFO: the higher priority runs, at once
    bool slices;             ///< who computes does not keep others from it
    int share_error;         ///< per mille of a share by weight that may be missing; 0: no promise
    bool forgives_sleepers;  ///< who slept runs before who computed
};
constexpr Promises promises[] = {{"fifo", false, false, 0, false},
                                 {"round_robin", false, true, 0, false},
                                 {"fixed_priority", true, true, 0, false},
                                 {"mlfq", false, true, 0, true},
                                 {"bsd", false, true, 0, true},
                                 {"lottery", false, true, 250, false},
                                 {"stride", false, true, 20, false},
                                 {"cfs", false, true, 20, true},
                                 {"eevdf", false, true, 20, true},
                                 {"edf", false, true, 0, false},
                                 {"rate_monotonic", false, true, 0, false}};
constexpr Promises linux_promises{"linux", true, true, 0, false};

Promises promised() {
    const int fd = open("/proc/self/sched", O_RDONLY);
    char text[1024] = "";
    if (fd >= 0 && read(fd, text, sizeof text - 1) < 0) {
        check::fail(__FILE__, __LINE__, "/proc/self/sched: %s", std::strerror(errno));
    }
    close(fd);
    const char* const line = std::strstr(text, "\nscheduler ");
    if (line == nullptr) {
        return linux_promises;
    }
    char name[32] = "";
    EXPECT_EQ(std::sscanf(line, "\nscheduler : %31s", name), 1);
    for (const Promises& p : promises) {
        if (std::strcmp(p.name, name) == 0) {
            return p;
        }
    }
    check::fail(__FILE__, __LINE__, "what does the scheduler %s promise?", name);
}

// --- Time, and children that tell what they did ---

std::int64_t now(clockid_t clock = CLOCK_MONOTONIC) {
    timespec t{};
    EXPECT_EQ(clock_gettime(clock, &t), 0);
    return t.tv_sec * second + t.tv_nsec;
}
int sleep_until(std::int64_t at) {
    const timespec t{static_cast<time_t>(at / second), static_cast<long>(at % second)};
    return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr);
}
void compute_until(std::int64_t at) {
    while (now() < at) {
    }
}

/// What all children of a case write to.
struct Board {
    static constexpr std::size_t most = 512;
    std::atomic<unsigned> count{0};
    std::array<std::int64_t, most> entries{};
    std::atomic<bool> begins{false};

    void write(std::int64_t what) {
        const unsigned at = count.fetch_add(1);
        EXPECT(at < most);
        entries[at] = what;
    }
};
Board& new_board() {
    void* const pages =
        mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT(pages != MAP_FAILED);
    return *new (pages) Board;
}

/// All of a case on one processor: who is preferred there is the question.
void stay_on_one_processor() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    EXPECT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
}
void set_fifo(pid_t pid, int priority) {
    const sched_param p{priority};
    EXPECT_EQ(sched_setscheduler(pid, SCHED_FIFO, &p), 0);
}

template <class F>
pid_t child(F f) {
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        f();
        _exit(0);
    }
    return pid;
}
void wait_for_all(int children) {
    for (int n = 0; n < children; ++n) {
        int status = 0;
        EXPECT(wait(&status) > 0);
        EXPECT_EQ(status, 0);
    }
}

/// CPU time that each of the children with these nice values has got after so long, all on one
/// processor, in microseconds.
template <std::size_t N>
std::array<std::int64_t, N> shares(const std::array<int, N>& nice_values, std::int64_t duration) {
    stay_on_one_processor();
    Board& board = new_board();
    std::array<pid_t, N> children{};
    std::array<std::int64_t, N> got{};
    for (std::size_t n = 0; n < N; ++n) {
        children[n] = child([&board, nice = nice_values[n]] {
            EXPECT_EQ(setpriority(PRIO_PROCESS, 0, nice), 0);
            while (!board.begins.load()) {
                usleep(1000);
            }
            for (;;) {
            }
        });
    }
    usleep(50'000);
    board.begins.store(true);
    // The measurement must not wait for its turn.
    EXPECT_EQ(setpriority(PRIO_PROCESS, 0, -20), 0);
    EXPECT_EQ(sleep_until(now() + duration), 0);
    for (std::size_t n = 0; n < N; ++n) {
        EXPECT_EQ(kill(children[n], SIGSTOP), 0);
    }
    for (std::size_t n = 0; n < N; ++n) {
        clockid_t clock{};
        EXPECT_EQ(clock_getcpuclockid(children[n], &clock), 0);
        got[n] = now(clock) / 1000;
        EXPECT_EQ(kill(children[n], SIGKILL), 0);
        EXPECT_EQ(check::wait_status(children[n]), SIGKILL);
    }
    return got;
}
/// Each of them has its part of what all have got, but for so many thousandths of it.
template <std::size_t N>
void expect_parts(const std::array<std::int64_t, N>& got, const std::array<int, N>& parts,
                  int per_mille) {
    std::int64_t all = 0, all_parts = 0;
    for (std::size_t n = 0; n < N; ++n) {
        all += got[n];
        all_parts += parts[n];
    }
    for (std::size_t n = 0; n < N; ++n) {
        const std::int64_t expected = all * parts[n] / all_parts;
        const std::int64_t error = got[n] > expected ? got[n] - expected : expected - got[n];
        if (error * 1000 > expected * per_mille) {
            check::fail(__FILE__, __LINE__, "number %u has got %lld of %lld us, not %lld",
                        static_cast<unsigned>(n), static_cast<long long>(got[n]),
                        static_cast<long long>(all), static_cast<long long>(expected));
        }
    }
}

}  // namespace

// --- Alarms ---

CHECK_CASE(alarms_ring_never_early_and_all_of_them) {
    constexpr int sleepers = 5, alarms = 7;
    Board& board = new_board();
    const std::int64_t start = now() + 100 * ms;
    for (int who = 0; who < sleepers; ++who) {
        child([&board, who, start] {
            for (int n = 1; n <= alarms; ++n) {
                const std::int64_t at = start + (who + 1) * n * 10 * ms;
                EXPECT_EQ(sleep_until(at), 0);
                EXPECT(now() >= at);
                board.write(who);
            }
        });
    }
    wait_for_all(sleepers);
    EXPECT_EQ(board.count.load(), sleepers * alarms);
    int rang[sleepers] = {};
    for (unsigned n = 0; n < board.count.load(); ++n) {
        ++rang[board.entries[n]];
    }
    for (const int times : rang) {
        EXPECT_EQ(times, alarms);
    }
}

CHECK_CASE(an_alarm_of_the_past_is_no_sleep) {
    EXPECT_EQ(sleep_until(0), 0);
    EXPECT_EQ(sleep_until(now()), 0);
    EXPECT_EQ(usleep(0), 0);
    const timespec before_time{-1, 0};
    EXPECT_ERRNO(nanosleep(&before_time, nullptr), EINVAL);
}

CHECK_CASE(of_those_that_wake_at_once_the_urgent_one_is_first) {
    if (!promised().urgent_first) {
        return;
    }
    stay_on_one_processor();
    Board& board = new_board();
    constexpr int sleepers = 10;
    set_fifo(0, 90);
    const std::int64_t at = now() + 200 * ms;
    for (int n = 0; n < sleepers; ++n) {
        const int priority = 10 + 5 * ((n * 3 + 5) % sleepers);
        const pid_t pid = child([&board, at, priority] {
            EXPECT_EQ(sleep_until(at), 0);
            board.write(priority);
        });
        set_fifo(pid, priority);
    }
    usleep(100'000);  // all of them sleep now
    compute_until(at + 50 * ms);
    EXPECT_EQ(board.count.load(), 0);
    wait_for_all(sleepers);
    for (unsigned n = 0; n < sleepers; ++n) {
        EXPECT_EQ(board.entries[n], 55 - 5 * static_cast<int>(n));
    }
}

// --- Preemption ---

CHECK_CASE(whoever_becomes_more_urgent_runs_at_once) {
    if (!promised().urgent_first) {
        return;
    }
    stay_on_one_processor();
    Board& board = new_board();
    set_fifo(0, 50);
    const pid_t pid = child([&board] {
        board.write(1);
        set_fifo(0, 20);  // and from here on it waits
        board.write(2);
    });
    // It inherits 50, and gets no turn before this sleeps.
    compute_until(now() + 50 * ms);
    EXPECT_EQ(board.count.load(), 0);
    set_fifo(pid, 60);
    EXPECT_EQ(board.count.load(), 1);
    compute_until(now() + 50 * ms);
    EXPECT_EQ(board.count.load(), 1);
    wait_for_all(1);
    EXPECT_EQ(board.count.load(), 2);
}

CHECK_CASE(whoever_lowers_itself_gives_way) {
    if (!promised().urgent_first) {
        return;
    }
    stay_on_one_processor();
    Board& board = new_board();
    set_fifo(0, 50);
    child([&board] { board.write(1); });
    EXPECT_EQ(board.count.load(), 0);
    set_fifo(0, 40);
    EXPECT_EQ(board.count.load(), 1);
    wait_for_all(1);
}

CHECK_CASE(equals_take_turns_in_the_order_of_their_coming) {
    if (!promised().urgent_first) {
        return;
    }
    stay_on_one_processor();
    Board& board = new_board();
    constexpr int threads = 8, rounds = 8;
    set_fifo(0, 50);
    for (int who = 0; who < threads; ++who) {
        child([&board, who] {
            for (int n = 0; n < rounds; ++n) {
                board.write(who);
                sched_yield();
            }
        });
    }
    wait_for_all(threads);
    EXPECT_EQ(board.count.load(), threads * rounds);
    for (unsigned n = 0; n < board.count.load(); ++n) {
        EXPECT_EQ(board.entries[n], n % threads);
    }
}

// --- Shares ---

CHECK_CASE(counted_equals_get_equal_shares) {
    const Promises p = promised();
    if (p.slices) {
        const int error = p.share_error != 0 ? p.share_error : 50;  // two slices of the longest
        expect_parts(shares(std::array{0, 0}, 10 * second), {1, 1}, error);
        expect_parts(shares(std::array{0, 0, 0, 0, 0}, 10 * second), {1, 1, 1, 1, 1}, error);
    }
}

CHECK_CASE(counted_nice_values_are_weights) {
    const Promises p = promised();
    if (p.share_error != 0) {
        expect_parts(shares(std::array{0, 5}, 20 * second), {1024, 335}, p.share_error);
        expect_parts(shares(std::array{0, 19}, 60 * second), {1024, 15}, p.share_error);
        expect_parts(shares(std::array{-5, 0, 5}, 20 * second), {3121, 1024, 335}, p.share_error);
    }
}

/// The numbers of the ticks are those that a model of 4.4BSD gives for these nice values, at 100
/// ticks a second and slices of four.
CHECK_CASE(counted_nice_values_of_4_4bsd) {
    if (std::strcmp(promised().name, "bsd") == 0) {
        alarm(0);
        EXPECT_EQ(sleep_until(now() + 600 * second), 0);  // until the load of others is forgotten
        // When in the policy's second they begin makes two per cent of the larger share.
        expect_parts(shares(std::array{0, 5}, 30 * second), {1904, 1096}, 40);
    }
}

CHECK_CASE(counted_who_slept_runs_before_who_computed) {
    if (!promised().forgives_sleepers) {
        return;
    }
    stay_on_one_processor();
    const pid_t hog = child([] {
        for (;;) {
        }
    });
    usleep(1'000'000);
    std::int64_t latest = 0;
    for (int n = 0; n < 50; ++n) {
        const std::int64_t at = now() + 30 * ms;
        EXPECT_EQ(sleep_until(at), 0);
        const std::int64_t late = now() - at;
        latest = late > latest ? late : latest;
    }
    EXPECT_EQ(kill(hog, SIGKILL), 0);
    EXPECT_EQ(check::wait_status(hog), SIGKILL);
    EXPECT(latest < 11 * ms);  // a tick
}

// --- Load ---

/// After half a minute three that compute have made 1 - e^(-1/2) of their weight in the average
/// over a minute.
CHECK_CASE(counted_the_load_average_follows) {
    const auto load = [] {
        const int fd = open("/proc/loadavg", O_RDONLY);
        char text[64] = "";
        EXPECT(read(fd, text, sizeof text - 1) > 0);
        close(fd);
        int whole = 0, hundredths = 0;
        EXPECT_EQ(std::sscanf(text, "%d.%d", &whole, &hundredths), 2);
        return whole * 100 + hundredths;
    };
    if (!promised().slices) {
        return;
    }
    const int before = load();
    pid_t hogs[3];
    for (pid_t& hog : hogs) {
        hog = child([] {
            for (;;) {
            }
        });
    }
    EXPECT_EQ(sleep_until(now() + 30 * second), 0);
    const int after = load();
    for (const pid_t hog : hogs) {
        EXPECT_EQ(kill(hog, SIGKILL), 0);
        EXPECT_EQ(check::wait_status(hog), SIGKILL);
    }
    const int expected = before * 607 / 1000 + 118;
    EXPECT(after > expected - 15 && after < expected + 15);
}

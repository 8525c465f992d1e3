/// stress [SECONDS]: forks, pipes, locks, signals, sleeps and moves between processors, all at
/// once; nothing may get lost.
///
/// Every worker checks what it gets, and counts; what they counted must add up in the end, and
/// every one of them must have got on all the time. For a guest with several processors:
/// tests/guest/program_test.py.

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int ring_size = 4;
constexpr int locker_count = 4;
constexpr int sleeper_count = 4;
constexpr std::int64_t second = 1'000'000'000;

enum Worker : std::uint8_t {
    forker,
    second_forker,
    ring,
    ring_end = ring + ring_size,
    locker = ring_end,
    locker_end = locker + locker_count,
    asker = locker_end,
    answerer,
    sleeper,
    sleeper_end = sleeper + sleeper_count,
    poller = sleeper_end,
    teller,
    mover,
    busy,
    workers
};
constexpr const char* group_of(int worker) {
    return worker < ring          ? "forks"
           : worker < ring_end    ? "pipe"
           : worker < locker_end  ? "locks"
           : worker <= answerer   ? "signals"
           : worker < sleeper_end ? "sleeps"
           : worker <= teller     ? "poll"
           : worker == mover      ? "moves"
                                  : "computes";
}

/// What all of them share.
struct Board {
    std::array<std::atomic<std::uint32_t>, workers> done{};
    std::atomic<bool> is_over{false};
    std::atomic<std::uint32_t> failed{0};
    std::atomic<int> futex{0};  ///< 0 free, 1 held, 2 held and wanted
    // Not atomic: the locks are what makes them right.
    volatile std::uint32_t under_file_lock = 0;
    volatile std::uint32_t under_futex = 0;
};
Board* board = nullptr;
std::array<pid_t, workers> pids{};
char lock_path[] = "/tmp/stress.lock";

[[noreturn]] void fail(const char* what) {
    std::printf("not ok %s (%s)\n", what, std::strerror(errno));
    std::fflush(stdout);
    board->failed.fetch_add(1);
    _exit(1);
}
void expect(bool condition, const char* what) {
    if (!condition) {
        fail(what);
    }
}
std::int64_t now() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * second + t.tv_nsec;
}
struct Random {
    std::uint32_t state;
    std::uint32_t below(std::uint32_t n) {
        state = state * 1664525U + 1013904223U;
        return (state >> 8) % n;
    }
};
template <class F>
void until_over(int worker, F f) {
    while (!board->is_over.load()) {
        f();
        board->done[static_cast<std::size_t>(worker)].fetch_add(1);
    }
}

// --- The workers ---

void fork_children(int me) {
    Random random{static_cast<std::uint32_t>(me)};
    until_over(me, [&] {
        const int code = static_cast<int>(random.below(256));
        const pid_t child = fork();
        if (child == 0) {
            _exit(code);
        }
        expect(child > 0, "fork");
        int status = 0;
        expect(waitpid(child, &status, 0) == child, "waitpid");
        expect(WIFEXITED(status) && WEXITSTATUS(status) == code, "the status of a child");
    });
}

/// The token counts its steps; who begins looks whether there were as many as the ring is long.
void pass_token(int me, int from, int to) {
    std::uint32_t laps = 0;
    for (;;) {
        std::uint32_t token = 0;
        if (me == ring) {
            if (board->is_over.load()) {
                _exit(0);  // its end closes, and so do the others', one after the other
            }
            token = laps * ring_size;
            expect(write(to, &token, sizeof token) == sizeof token, "write to the ring");
        }
        const ssize_t got = read(from, &token, sizeof token);
        if (got == 0) {
            _exit(0);
        }
        expect(got == sizeof token, "read from the ring");
        ++token;
        if (me == ring) {
            expect(token == laps * ring_size + ring_size, "the token of the ring");
        } else {
            expect(write(to, &token, sizeof token) == sizeof token, "write to the ring");
        }
        ++laps;
        board->done[static_cast<std::size_t>(me)].fetch_add(1);
    }
}

void futex_lock() {
    int seen = 0;
    if (board->futex.compare_exchange_strong(seen, 1)) {
        return;
    }
    while (board->futex.exchange(2) != 0) {
        syscall(SYS_futex, &board->futex, FUTEX_WAIT, 2, nullptr, nullptr, 0);
    }
}
void futex_unlock() {
    if (board->futex.exchange(0) == 2) {
        syscall(SYS_futex, &board->futex, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }
}
void add_under_locks(int me) {
    const int fd = open(lock_path, O_RDWR);
    expect(fd >= 0, "the lock file");
    until_over(me, [&] {
        struct flock lock{};
        lock.l_type = F_WRLCK;
        expect(fcntl(fd, F_SETLKW, &lock) == 0, "F_SETLKW");
        board->under_file_lock = board->under_file_lock + 1;
        lock.l_type = F_UNLCK;
        expect(fcntl(fd, F_SETLK, &lock) == 0, "F_UNLCK");
        futex_lock();
        board->under_futex = board->under_futex + 1;
        futex_unlock();
    });
}

/// Numbers as signals that queue: each is answered by itself.
void ask_by_signal() {
    sigset_t answers;
    sigemptyset(&answers);
    sigaddset(&answers, SIGRTMIN + 1);
    int number = 0;
    until_over(asker, [&] {
        const sigval value{.sival_int = ++number};
        expect(sigqueue(pids[answerer], SIGRTMIN, value) == 0, "sigqueue");
        siginfo_t info{};
        while (sigwaitinfo(&answers, &info) < 0) {
            expect(errno == EINTR, "sigwaitinfo");
        }
        expect(info.si_value.sival_int == number, "the number in the answer");
    });
    kill(pids[answerer], SIGTERM);
}
void answer_signals() {
    sigset_t questions;
    sigemptyset(&questions);
    sigaddset(&questions, SIGRTMIN);
    for (;;) {
        siginfo_t info{};
        if (sigwaitinfo(&questions, &info) == SIGRTMIN) {
            expect(sigqueue(info.si_pid, SIGRTMIN + 1, info.si_value) == 0, "sigqueue back");
            board->done[answerer].fetch_add(1);
        }
    }
}

void sleep_a_little(int me) {
    Random random{static_cast<std::uint32_t>(me)};
    until_over(me, [&] {
        const std::int64_t at = now() + random.below(4'000'000);
        const timespec t{static_cast<time_t>(at / second), static_cast<long>(at % second)};
        expect(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) == 0, "a sleep");
        expect(now() >= at, "a sleep of the whole time");
    });
}

/// Bytes in their order, some of which come in time and some do not.
void poll_for_bytes(int from) {
    unsigned char expected = 0;
    for (;;) {
        pollfd p{from, POLLIN, 0};
        const int ready = poll(&p, 1, 1);
        expect(ready >= 0, "poll");
        if (ready == 0) {
            continue;
        }
        unsigned char byte = 0;
        const ssize_t got = read(from, &byte, 1);
        if (got == 0) {
            _exit(0);
        }
        expect(got == 1 && byte == expected++, "the next byte");
        board->done[poller].fetch_add(1);
    }
}
void tell_bytes(int to) {
    Random random{7};
    unsigned char byte = 0;
    until_over(teller, [&] {
        expect(write(to, &byte, 1) == 1, "write to who polls");
        ++byte;
        if (random.below(4) == 0) {
            usleep(random.below(2000));
        }
    });
}

/// Binds others to processors, again and again.
void move_others(const cpu_set_t& all) {
    Random random{11};
    until_over(mover, [&] {
        cpu_set_t some;
        CPU_ZERO(&some);
        for (int cpu = 0; cpu < 8; ++cpu) {
            if (CPU_ISSET(cpu, &all) && random.below(2) == 0) {
                CPU_SET(cpu, &some);
            }
        }
        const pid_t who = pids[random.below(mover)];
        expect(sched_setaffinity(who, sizeof some, CPU_COUNT(&some) != 0 ? &some : &all) == 0,
               "sched_setaffinity");
        usleep(500);
    });
}
/// Gives way by itself, for schedulers that never take a processor away.
void compute() {
    until_over(busy, [] {
        const std::int64_t end = now() + second / 50;
        while (now() < end) {
        }
        usleep(1000);
    });
}

template <class F>
void start(int worker, F f) {
    const pid_t pid = fork();
    expect(pid >= 0, "a worker");
    if (pid == 0) {
        f();
        _exit(0);
    }
    pids[static_cast<std::size_t>(worker)] = pid;
}

/// Lets them work until the time is over and every one has got on five times since it was looked at
/// last. One that does not for minutes, while the others go on, is stuck.
bool watch(int seconds) {
    constexpr int parts = 5, patience = 240;
    for (int part = 0; part < parts; ++part) {
        std::array<std::uint32_t, workers> before{};
        for (std::size_t n = 0; n < workers; ++n) {
            before[n] = board->done[n].load();
        }
        usleep(static_cast<useconds_t>(seconds) * (1'000'000 / parts));
        for (std::size_t n = 0; n < workers; ++n) {
            for (int tries = 0; board->done[n].load() == before[n]; ++tries) {
                if (board->failed.load() != 0) {
                    return false;
                }
                if (tries == 2 * patience) {
                    std::printf("not ok %s: worker %u, process %d, is stuck after %u\n",
                                group_of(static_cast<int>(n)), static_cast<unsigned>(n),
                                static_cast<int>(pids[n]), before[n]);
                    return false;
                }
                usleep(500'000);
            }
        }
    }
    return board->failed.load() == 0;
}

void start_ring() {
    int pipes[ring_size][2];
    for (auto& ends : pipes) {
        expect(pipe(ends) == 0, "pipe");
    }
    for (int n = 0; n < ring_size; ++n) {
        start(ring + n, [&, n] {
            const int from = pipes[(n + ring_size - 1) % ring_size][0];
            const int to = pipes[n][1];
            for (const auto& ends : pipes) {
                if (ends[0] != from) {
                    close(ends[0]);
                }
                if (ends[1] != to) {
                    close(ends[1]);
                }
            }
            pass_token(ring + n, from, to);
        });
    }
    for (const auto& ends : pipes) {
        close(ends[0]);
        close(ends[1]);
    }
}
void start_poller_and_teller() {
    int bytes[2];
    expect(pipe(bytes) == 0, "pipe");
    start(poller, [&] {
        close(bytes[1]);
        poll_for_bytes(bytes[0]);
    });
    start(teller, [&] {
        close(bytes[0]);
        tell_bytes(bytes[1]);
    });
    close(bytes[0]);
    close(bytes[1]);
}
void start_all() {
    cpu_set_t all;
    expect(sched_getaffinity(0, sizeof all, &all) == 0, "sched_getaffinity");
    sigset_t numbers;
    sigemptyset(&numbers);
    sigaddset(&numbers, SIGRTMIN);
    sigaddset(&numbers, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &numbers, nullptr);
    start(forker, [] { fork_children(forker); });
    start(second_forker, [] { fork_children(second_forker); });
    start_ring();
    for (int n = locker; n < locker_end; ++n) {
        start(n, [n] { add_under_locks(n); });
    }
    start(answerer, [] { answer_signals(); });
    start(asker, [] { ask_by_signal(); });
    for (int n = sleeper; n < sleeper_end; ++n) {
        start(n, [n] { sleep_a_little(n); });
    }
    start_poller_and_teller();
    start(mover, [&] { move_others(all); });
    start(busy, [] { compute(); });
}

/// All have ended, and what they counted adds up.
void settle() {
    for (int n = 0; n < workers; ++n) {
        int status = 0;
        expect(wait(&status) > 0, "wait for a worker");
        if (WIFSIGNALED(status) ? WTERMSIG(status) != SIGTERM : status != 0) {
            board->failed.fetch_add(1);
        }
    }
    expect(wait(nullptr) < 0 && errno == ECHILD, "no child is left");
    std::uint32_t locked = 0;
    for (int n = locker; n < locker_end; ++n) {
        locked += board->done[static_cast<std::size_t>(n)].load();
    }
    expect(locked == board->under_file_lock, "what was added under the lock of a file");
    expect(locked == board->under_futex, "what was added under a futex");
}
void tell_counts() {
    std::uint32_t total = 0;
    for (int n = 0; n < workers; ++n) {
        total += board->done[static_cast<std::size_t>(n)].load();
        if (n + 1 == workers || std::strcmp(group_of(n), group_of(n + 1)) != 0) {
            std::printf("%s %s %u\n", board->failed.load() == 0 ? "ok" : "not ok", group_of(n),
                        total);
            total = 0;
        }
    }
}

}  // namespace

int main(int count, char** arguments) {
    const int seconds = count > 1 ? std::atoi(arguments[1]) : 10;
    if (seconds < 1) {
        std::printf("usage: stress [SECONDS]\n");
        return 2;
    }
    void* const pages =
        mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        std::perror("stress");
        return 1;
    }
    board = new (pages) Board;
    close(open(lock_path, O_RDWR | O_CREAT, 0600));
    start_all();
    const bool all_got_on = watch(seconds);
    board->is_over.store(true);
    if (!all_got_on) {
        return 1;  // whoever runs this ends the rest
    }
    settle();
    tell_counts();
    unlink(lock_path);
    return board->failed.load() == 0 ? 0 : 1;
}

/// Who may run where: sched_setaffinity, and what it does to whoever runs, sleeps or waits for a
/// processor. With one processor there is not much to see.

#include "user/tests/check.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

cpu_set_t only(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return set;
}

int current_cpu() {
    unsigned cpu = 0;
    EXPECT_EQ(syscall(SYS_getcpu, &cpu, nullptr, nullptr), 0);
    return static_cast<int>(cpu);
}

void bind_to(pid_t pid, int cpu) {
    const cpu_set_t set = only(cpu);
    EXPECT_EQ(sched_setaffinity(pid, sizeof set, &set), 0);
}

cpu_set_t affinity(pid_t pid) {
    cpu_set_t set;
    CPU_ZERO(&set);
    EXPECT_EQ(sched_getaffinity(pid, sizeof set, &set), 0);
    return set;
}

/// Where a child was when it last looked.
struct Sighting {
    std::atomic<int> cpu{-1};
    std::atomic<unsigned> looks{0};
};

Sighting& shared_sighting() {
    void* const page =
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT(page != MAP_FAILED);
    return *new (page) Sighting;
}

void wait_for_looks(const Sighting& at, unsigned more) {
    const unsigned begin = at.looks.load();
    while (at.looks.load() - begin < more) {
        usleep(1000);
    }
}

}  // namespace

CHECK_CASE(whoever_binds_itself_is_there_at_once) {
    const cpu_set_t all = affinity(0);
    for (int round = 0; round < 20; ++round) {
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &all)) {
                bind_to(0, cpu);
                EXPECT_EQ(current_cpu(), cpu);
                sched_yield();
                EXPECT_EQ(current_cpu(), cpu);
                usleep(round == 0 ? 2000 : 0);
                EXPECT_EQ(current_cpu(), cpu);
            }
        }
    }
}

CHECK_CASE(the_set_is_told_and_inherited) {
    const cpu_set_t all = affinity(0);
    int last = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        last = CPU_ISSET(cpu, &all) ? cpu : last;
    }
    bind_to(0, last);
    EXPECT_EQ(CPU_COUNT(&all) == 0, false);
    EXPECT_EQ(check::status_of_child([last] {
                  const cpu_set_t inherited = affinity(0);
                  EXPECT_EQ(CPU_COUNT(&inherited), 1);
                  EXPECT(CPU_ISSET(last, &inherited));
                  EXPECT_EQ(current_cpu(), last);
                  char text[4096];
                  const int fd = open("/proc/self/status", O_RDONLY);
                  const ssize_t size = read(fd, text, sizeof text - 1);
                  EXPECT(size > 0);
                  text[size] = '\0';
                  char expected[64];
                  std::snprintf(expected, sizeof expected, "\nCpus_allowed_list:\t%d\n", last);
                  EXPECT(std::strstr(text, expected) != nullptr);
              }),
              0);
}

/// A processor that does not exist is no reason to fail, as long as there is one that does.
CHECK_CASE(sets_with_absent_processors) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    CPU_SET(31, &set);
    EXPECT_EQ(sched_setaffinity(0, sizeof set, &set), 0);
    EXPECT_EQ(current_cpu(), 0);
    set = only(31);
    EXPECT_ERRNO(sched_setaffinity(0, sizeof set, &set), EINVAL);
    EXPECT_EQ(current_cpu(), 0);
}

CHECK_CASE(others_are_moved_while_they_run) {
    const cpu_set_t all = affinity(0);
    Sighting& at = shared_sighting();
    const pid_t child = check::fork_or_fail();
    if (child == 0) {
        for (;;) {
            at.cpu = current_cpu();
            ++at.looks;
        }
    }
    for (int round = 0; round < 5; ++round) {
        for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &all)) {
                bind_to(child, cpu);
                wait_for_looks(at, 2);  // one may have been under way
                EXPECT_EQ(at.cpu.load(), cpu);
            }
        }
    }
    EXPECT_EQ(kill(child, SIGKILL), 0);
    static_cast<void>(check::wait_status(child));
}

/// `name: value` of /proc/PID/sched; of a time, its whole milliseconds.
long sched_figure(pid_t pid, const char* name) {
    char path[64], text[8192];
    std::snprintf(path, sizeof path, "/proc/%d/sched", pid);
    const int fd = open(path, O_RDONLY);
    EXPECT(fd >= 0);
    const ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    EXPECT(size > 0);
    text[size] = '\0';
    const char* const at = std::strstr(text, name);
    EXPECT(at != nullptr);
    return std::strtol(std::strchr(at, ':') + 1, nullptr, 10);
}

/// Two that want the same processor: each runs and waits, and leaves it against its will.
CHECK_CASE(what_waiting_is_like_is_told) {
    bind_to(0, 0);
    const pid_t rival = check::fork_or_fail();
    if (rival == 0) {
        for (;;) {
        }
    }
    unsigned long long ran = 0, waited = 0;
    unsigned long picks = 0;
    while (waited < 100'000'000) {
        char text[64];
        const int fd = open("/proc/self/schedstat", O_RDONLY);
        const ssize_t size = read(fd, text, sizeof text - 1);
        close(fd);
        EXPECT(size > 0);
        text[size] = '\0';
        EXPECT_EQ(std::sscanf(text, "%llu %llu %lu", &ran, &waited, &picks), 3);
    }
    EXPECT(ran > 10'000'000 && picks > 2);
    EXPECT(sched_figure(rival, "se.sum_exec_runtime") >= 50);
    EXPECT(sched_figure(rival, "nr_involuntary_switches") >= 2);
    EXPECT(sched_figure(getpid(), "nr_switches") > 2);
    rusage usage{};
    EXPECT_EQ(getrusage(RUSAGE_SELF, &usage), 0);
    EXPECT(usage.ru_nivcsw >= 2);
    EXPECT_EQ(kill(rival, SIGKILL), 0);
    static_cast<void>(check::wait_status(rival));
}

CHECK_CASE(processors_tell_what_they_did) {
    char text[4096];
    const int fd = open("/proc/schedstat", O_RDONLY);
    EXPECT(fd >= 0);
    const ssize_t size = read(fd, text, sizeof text - 1);
    EXPECT(size > 0);
    text[size] = '\0';
    int version = 0;
    EXPECT_EQ(std::sscanf(text, "version %d\ntimestamp", &version), 1);
    EXPECT(version >= 15);
    const char* const line = std::strstr(text, "\ncpu0 ");
    EXPECT(line != nullptr);
    unsigned yields = 0, zero = 0, switches = 0, idles = 0, wakeups = 0, here = 0;
    unsigned long long ran = 0, waited = 0;
    unsigned long turns = 0;
    EXPECT_EQ(std::sscanf(line, "\ncpu0 %u %u %u %u %u %u %llu %llu %lu", &yields, &zero, &switches,
                          &idles, &wakeups, &here, &ran, &waited, &turns),
              9);
    EXPECT(here <= wakeups && turns > 0 && ran > 0);
}

/// Two that may only be on the last processor, and one that was there before.
CHECK_CASE(others_are_moved_while_they_wait_for_a_processor) {
    const cpu_set_t all = affinity(0);
    int last = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        last = CPU_ISSET(cpu, &all) ? cpu : last;
    }
    Sighting* at[3];
    pid_t child[3];
    for (int i = 0; i < 3; ++i) {
        at[i] = &shared_sighting();
        child[i] = check::fork_or_fail();
        if (child[i] == 0) {
            bind_to(0, last);
            for (;;) {
                at[i]->cpu = current_cpu();
                ++at[i]->looks;
            }
        }
    }
    for (int i = 0; i < 3; ++i) {
        wait_for_looks(*at[i], 10);
        EXPECT_EQ(at[i]->cpu.load(), last);
    }
    bind_to(child[1], 0);
    wait_for_looks(*at[1], 2);
    EXPECT_EQ(at[1]->cpu.load(), 0);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(kill(child[i], SIGKILL), 0);
        static_cast<void>(check::wait_status(child[i]));
    }
}

/// Who may run where: sched_setaffinity, and what it does to whoever runs, sleeps or waits for a
/// processor. With one processor there is not much to see.

#include "user/tests/check.hpp"

#include <atomic>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
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

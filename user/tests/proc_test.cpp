/// /proc about other processes, which may end at any moment; and the times that processes used.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <unistd.h>

namespace {

/// Reads a whole file; -1 and errno if that fails.
int read_file(const char* path, char* to, int most) {
    const int fd = open(path, O_RDONLY);
    if (fd < 0) {
        return -1;
    }
    int total = 0;
    for (;;) {
        const ssize_t count = read(fd, to + total, static_cast<std::size_t>(most - total));
        if (count < 0) {
            const int why = errno;
            close(fd);
            errno = why;
            return -1;
        }
        if (count == 0) {
            break;
        }
        total += static_cast<int>(count);
    }
    close(fd);
    return total;
}

struct Path {
    char text[64];
    Path(pid_t pid, const char* name) {
        std::snprintf(text, sizeof text, "/proc/%d/%s", static_cast<int>(pid), name);
    }
};

/// A child that sleeps until it is killed.
template <class Body>
pid_t start_child(Body body) {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        body();
        if (write(ready[1], "x", 1) != 1) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    char c;
    EXPECT_EQ(read(ready[0], &c, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

void end_child(pid_t pid) {
    kill(pid, SIGKILL);
    check::wait_status(pid);
}

bool has_gone(int why) {
    return why == ENOENT || why == ESRCH || why == EACCES;
}

/// Looks at everything about a process that may be ending.
void look_at(pid_t pid) {
    static char text[16384];
    for (const char* name : {"stat", "status", "statm", "cmdline", "comm", "maps", "environ"}) {
        if (read_file(Path(pid, name).text, text, sizeof text) < 0) {
            EXPECT(has_gone(errno));
        }
    }
    for (const char* name : {"exe", "cwd", "root", "fd/0", "fd/1", "fd/30"}) {
        if (readlink(Path(pid, name).text, text, sizeof text) < 0) {
            EXPECT(has_gone(errno));
        }
    }
    DIR* const folder = opendir(Path(pid, "fd").text);
    if (folder == nullptr) {
        EXPECT(has_gone(errno));
        return;
    }
    while (const dirent* entry = readdir(folder)) {
        char path[80];
        std::snprintf(path, sizeof path, "/proc/%d/fd/%.16s", static_cast<int>(pid), entry->d_name);
        const int fd = open(path, O_RDONLY | O_NONBLOCK);
        if (fd >= 0) {
            close(fd);
        }
    }
    closedir(folder);
}

/// Changes all that others look at, and ends.
[[noreturn]] void live_fast(unsigned seed) {
    for (unsigned i = 0; i < 20; ++i) {
        const int fd = open("/dev/null", O_RDWR);
        dup2(fd, 30);
        close(fd);
        if (chdir((seed + i) % 2 == 0 ? "/proc" : "/") != 0) {
            _exit(1);
        }
        close(30);
        sched_yield();
    }
    if (seed % 3 == 0) {
        char name[] = "true";
        char variable[] = "A=B";
        char* const arguments[] = {name, nullptr};
        char* const environment[] = {variable, nullptr};
        execve("/bin/true", arguments, environment);
    }
    _exit(0);
}

double seconds_of(const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

/// Seconds of CPU time.
struct Times {
    double user, system;
};

Times times_so_far() {
    rusage used{};
    EXPECT_EQ(getrusage(RUSAGE_SELF, &used), 0);
    return {seconds_of(used.ru_utime), seconds_of(used.ru_stime)};
}

/// Works until a stretch of work took the times that it should. A few may not: a kernel that
/// samples at its ticks is far off at times, and makes up for it later.
template <class Work, class Right>
bool some_stretch_takes(Work work, Right right) {
    for (int stretch = 0; stretch < 20; ++stretch) {
        const Times before = times_so_far();
        Times used{};
        while (used.user + used.system < 0.5) {
            work();
            const Times now = times_so_far();
            used = {now.user - before.user, now.system - before.system};
            if (right(used)) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace

CHECK_CASE(another_process_can_be_looked_at) {
    const pid_t pid = start_child([] {
        EXPECT_EQ(chdir("/proc"), 0);
        EXPECT_EQ(dup2(open("/dev/zero", O_RDONLY), 30), 30);
    });
    char text[4096];
    const auto link = [&](const char* name) {
        const ssize_t count = readlink(Path(pid, name).text, text, sizeof text - 1);
        EXPECT(count > 0);
        text[count] = '\0';
        return text;
    };
    EXPECT_EQ(std::strcmp(link("cwd"), "/proc"), 0);
    EXPECT_EQ(std::strcmp(link("root"), "/"), 0);
    EXPECT_EQ(std::strcmp(link("fd/30"), "/dev/zero"), 0);
    EXPECT(std::strstr(link("exe"), "proc_test") != nullptr);
    EXPECT(read_file(Path(pid, "cmdline").text, text, sizeof text) > 0);
    EXPECT(std::strstr(text, "proc_test") != nullptr);
    const int size = read_file(Path(pid, "maps").text, text, sizeof text - 1);
    EXPECT(size > 0);
    text[size] = '\0';
    EXPECT(std::strstr(text, "r-xp") != nullptr);
    // It is our memory, too, as far as it is inherited.
    EXPECT(read_file(Path(pid, "environ").text, text, sizeof text) >= 0);
    check::wait_until_asleep(pid);  // as /proc tells; it may not have come to pause() yet
    end_child(pid);
    EXPECT_EQ(read_file(Path(pid, "stat").text, text, sizeof text), -1);
    EXPECT_EQ(errno, ENOENT);
}

CHECK_CASE(a_zombie_has_nothing_left) {
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        _exit(0);
    }
    siginfo_t info{};
    EXPECT_EQ(waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
    char text[4096];
    EXPECT_EQ(read_file(Path(pid, "cmdline").text, text, sizeof text), 0);
    EXPECT_EQ(read_file(Path(pid, "maps").text, text, sizeof text), 0);
    EXPECT_ERRNO(readlink(Path(pid, "exe").text, text, sizeof text), ENOENT);
    const int size = read_file(Path(pid, "stat").text, text, sizeof text - 1);
    EXPECT(size > 0);
    text[size] = '\0';
    EXPECT(std::strstr(text, ") Z ") != nullptr);
    look_at(pid);
    check::wait_status(pid);
}

CHECK_CASE(strangers_may_not_look_inside) {
    const pid_t pid = start_child([] {});
    const int status = check::status_of_child([pid] {
        EXPECT_EQ(setuid(65534), 0);
        char text[256];
        EXPECT_EQ(read_file(Path(pid, "environ").text, text, sizeof text), -1);
        EXPECT_ERRNO(readlink(Path(pid, "cwd").text, text, sizeof text), EACCES);
        EXPECT(opendir(Path(pid, "fd").text) == nullptr);
        EXPECT(read_file(Path(pid, "stat").text, text, sizeof text) > 0);
    });
    EXPECT_EQ(status, 0);
    end_child(pid);
}

CHECK_CASE(processes_that_end_while_they_are_looked_at) {
    constexpr int lookers = 2;
    constexpr unsigned lives = 150;
    pid_t watching[lookers];
    for (pid_t& looker : watching) {
        looker = check::fork_or_fail();
        if (looker == 0) {
            for (;;) {
                DIR* const proc = opendir("/proc");
                EXPECT(proc != nullptr);
                while (const dirent* entry = readdir(proc)) {
                    // Natively there are strangers, whose files are not for us to open.
                    const pid_t pid = std::atoi(entry->d_name);
                    if (pid > 1 && getpgid(pid) == getpgrp()) {
                        look_at(pid);
                    }
                }
                closedir(proc);
            }
        }
    }
    for (unsigned n = 0; n < lives; n += 3) {
        pid_t pids[3];
        for (unsigned i = 0; i < 3; ++i) {
            pids[i] = check::fork_or_fail();
            if (pids[i] == 0) {
                live_fast(n + i);
            }
        }
        for (const pid_t pid : pids) {
            EXPECT(WIFEXITED(check::wait_status(pid)));
        }
    }
    for (const pid_t looker : watching) {
        EXPECT_EQ(kill(looker, 0), 0);  // it has not failed
        kill(looker, SIGKILL);
        EXPECT_EQ(check::wait_status(looker), SIGKILL);
    }
}

// One case each, for a case is a process of its own: a kernel may share the exact whole of a
// process's time by its sampled parts, as Linux does, so one kind of work would blur the other.
CHECK_CASE(computing_is_user_time) {
    volatile unsigned sum = 0;
    EXPECT(some_stretch_takes(
        [&] {
            for (unsigned i = 0; i < 200'000; ++i) {
                sum = sum + i;
            }
        },
        [](Times used) { return used.user >= 0.2 && used.user > 4 * used.system; }));

    timespec whole{};
    EXPECT_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &whole), 0);
    const Times now = times_so_far();
    const double clock_says =
        static_cast<double>(whole.tv_sec) + static_cast<double>(whole.tv_nsec) / 1e9;
    EXPECT(clock_says <= now.user + now.system + 0.05 && clock_says > 0.2);
}

CHECK_CASE(calling_is_system_time) {
    // Ten system seconds per user second would do; three say that the split is not made up.
    static char much[256 * 1024];
    const int zero = open("/dev/zero", O_RDONLY);
    EXPECT(some_stretch_takes(
        [&] { EXPECT(read(zero, much, sizeof much) > 0); },
        [](Times used) { return used.system >= 0.1 && used.system > 3 * used.user; }));
    close(zero);
}

CHECK_CASE(a_childs_times_come_with_its_end) {
    const int status = check::status_of_child([] {
        volatile unsigned sum = 0;
        tms t{};
        do {
            for (unsigned i = 0; i < 200'000; ++i) {
                sum = sum + i;
            }
            times(&t);
        } while (t.tms_utime < 20);
    });
    EXPECT_EQ(status, 0);
    tms t{};
    times(&t);
    EXPECT(t.tms_cutime >= 20);
    EXPECT(t.tms_utime < 20);
    rusage children{};
    EXPECT_EQ(getrusage(RUSAGE_CHILDREN, &children), 0);
    EXPECT(seconds_of(children.ru_utime) >= 0.19);
}

CHECK_CASE(the_machine_tells_what_it_does) {
    char text[16384];
    const auto read_text = [&](const char* path) {
        const int size = read_file(path, text, sizeof text - 1);
        EXPECT(size > 0);
        text[size] = '\0';
    };
    double one = -1, five = -1, fifteen = -1;
    int runnable = 0, all = 0, last = 0;
    read_text("/proc/loadavg");
    EXPECT_EQ(
        std::sscanf(text, "%lf %lf %lf %d/%d %d", &one, &five, &fifteen, &runnable, &all, &last),
        6);
    EXPECT(one >= 0 && five >= 0 && fifteen >= 0 && runnable >= 1 && all >= runnable);
    EXPECT(last >= getpid());
    unsigned long user = 0, nice = 0, system = 0, idle = 0, first_idle = 0;
    read_text("/proc/stat");
    EXPECT_EQ(std::sscanf(text, "cpu  %lu %lu %lu %lu", &user, &nice, &system, &first_idle), 4);
    EXPECT(std::strstr(text, "\ncpu0 ") != nullptr && std::strstr(text, "\nbtime ") != nullptr);
    usleep(200'000);
    read_text("/proc/stat");
    EXPECT_EQ(std::sscanf(text, "cpu  %lu %lu %lu %lu", &user, &nice, &system, &idle), 4);
    EXPECT(idle > first_idle || sysconf(_SC_NPROCESSORS_ONLN) > 1);
    read_text("/proc/cpuinfo");
    EXPECT(std::strstr(text, "model name") != nullptr && std::strstr(text, "flags") != nullptr);
    // A CPU that has not had anything to do yet counts like the others.
    read_text("/proc/stat");
    int cpus = 0;
    for (const char* at = text; (at = std::strstr(at, "\ncpu")) != nullptr; ++at) {
        ++cpus;
    }
    cpu_set_t usable;
    EXPECT_EQ(sched_getaffinity(0, sizeof usable, &usable), 0);
    EXPECT(cpus >= CPU_COUNT(&usable));
}

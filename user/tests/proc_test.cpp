/// /proc about other processes, which may end at any moment; and the times that processes used.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

CHECK_CASE(descriptors_show_where_their_files_went) {
    char folder[] = "/tmp/proc_test.XXXXXX";
    EXPECT(mkdtemp(folder) != nullptr);
    EXPECT_EQ(chdir(folder), 0);
    char text[256];
    const auto name_of = [&](const char* link) {
        const ssize_t count = readlink(link, text, sizeof text - 1);
        EXPECT(count > 0);
        text[count] = '\0';
        return std::strrchr(text, '/');
    };
    EXPECT_EQ(dup2(open("kept", O_CREAT | O_RDWR, 0600), 30), 30);
    EXPECT_EQ(dup2(open("lost", O_CREAT | O_RDWR, 0600), 31), 31);
    EXPECT_EQ(dup2(open("over", O_CREAT | O_RDWR, 0600), 32), 32);
    EXPECT_EQ(rename("kept", "new"), 0);
    EXPECT_EQ(unlink("lost"), 0);
    EXPECT_EQ(std::strcmp(name_of("/proc/self/fd/30"), "/new"), 0);
    EXPECT_EQ(std::strcmp(name_of("/proc/self/fd/31"), "/lost (deleted)"), 0);
    EXPECT_EQ(rename("new", "over"), 0);
    EXPECT_EQ(std::strcmp(name_of("/proc/self/fd/30"), "/over"), 0);
    EXPECT_EQ(std::strcmp(name_of("/proc/self/fd/32"), "/over (deleted)"), 0);
    EXPECT(open("/proc/self/fd/31", O_RDWR) >= 0);
    EXPECT_EQ(unlink("over"), 0);
    EXPECT_EQ(mkdir("gone", 0700), 0);
    EXPECT_EQ(chdir("gone"), 0);
    EXPECT_EQ(rmdir("../gone"), 0);
    EXPECT_EQ(std::strcmp(name_of("/proc/self/cwd"), "/gone (deleted)"), 0);
    EXPECT(getcwd(text, sizeof text) == nullptr && errno == ENOENT);
    EXPECT_EQ(rmdir(folder), 0);
}

CHECK_CASE(memory_is_described_and_can_be_read) {
    static char text[65536];
    const auto read_text = [&](const char* path) {
        const int size = read_file(path, text, sizeof text - 1);
        EXPECT(size > 0);
        text[size] = '\0';
        return size;
    };
    read_text("/proc/self/maps");
    EXPECT(std::strstr(text, "proc_test\n") != nullptr);
    EXPECT(std::strstr(text, "[stack]\n") != nullptr);
    read_text("/proc/self/smaps");
    EXPECT(std::strstr(text, "proc_test\nSize:") != nullptr);
    EXPECT(std::strstr(text, "\nRss:") != nullptr);
    // Pairs of words; the last is AT_NULL.
    const int size = read_text("/proc/self/auxv");
    const auto* const words = reinterpret_cast<const unsigned*>(text);
    EXPECT_EQ(size % 8, 0);
    EXPECT_EQ(words[size / 4 - 2], 0);
    bool has_page_size = false;
    for (int n = 0; n < size / 4; n += 2) {
        has_page_size |= words[n] == 6 && words[n + 1] == 4096;
    }
    EXPECT(has_page_size);

    static char secret[] = "what is in memory";
    char found[sizeof secret] = {};
    const int mem = open("/proc/self/mem", O_RDWR);
    EXPECT(mem >= 0);
    const auto at = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(secret));
    EXPECT_EQ(pread(mem, found, sizeof found, at), sizeof found);
    EXPECT_EQ(std::strcmp(found, secret), 0);
    EXPECT_EQ(pwrite(mem, "W", 1, at), 1);
    EXPECT_EQ(secret[0], 'W');
    EXPECT_ERRNO(pread(mem, found, 1, 0), EIO);
    close(mem);
}

CHECK_CASE(maps_of_thousands_of_regions_are_whole) {
    constexpr int regions = 3000;
    constexpr std::size_t page = 4096;
    char* const base = static_cast<char*>(
        mmap(nullptr, 2 * regions * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT(base != MAP_FAILED);
    for (int n = 0; n < regions; ++n) {
        EXPECT_EQ(mprotect(base + 2 * static_cast<std::size_t>(n) * page, page, PROT_NONE), 0);
    }
    const int fd = open("/proc/self/maps", O_RDONLY);
    EXPECT(fd >= 0);
    static char text[4000];
    int lines = 0;
    ssize_t count = 0;
    while ((count = read(fd, text, sizeof text)) > 0) {
        for (ssize_t n = 0; n < count; ++n) {
            lines += text[n] == '\n' ? 1 : 0;
        }
    }
    EXPECT_EQ(count, 0);
    EXPECT(lines >= 2 * regions && lines < 2 * regions + 100);
    EXPECT_EQ(munmap(base, 2 * regions * page), 0);
}

CHECK_CASE(resident_pages_are_counted) {
    constexpr std::size_t pages = 512, page = 4096;
    const auto resident = [] {
        char text[256];
        const int size = read_file("/proc/self/statm", text, sizeof text - 1);
        EXPECT(size > 0);
        text[size] = '\0';
        long all = 0, present = 0;
        EXPECT_EQ(std::sscanf(text, "%ld %ld", &all, &present), 2);
        return present;
    };
    char* const base = static_cast<char*>(
        mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT(base != MAP_FAILED);
    const long before = resident();
    for (std::size_t n = 0; n < pages; ++n) {
        base[n * page] = 1;
    }
    const long touched = resident();
    // Linux counts some of it later.
    EXPECT(touched >= before + 384 && touched <= before + 640);
    EXPECT_EQ(munmap(base, pages * page), 0);
    EXPECT(resident() <= touched - 384);
}

/// Their parents have gone, and been freed, while they are looked at.
CHECK_CASE(children_of_the_gone_tell_who_has_them) {
    for (int round = 0; round < 30; ++round) {
        int ready[2];
        EXPECT_EQ(pipe(ready), 0);
        const pid_t parent = check::fork_or_fail();
        if (parent == 0) {
            signal(SIGCHLD, SIG_IGN);  // its children go at once, without a wait
            for (int n = 0; n < 4; ++n) {
                if (check::fork_or_fail() == 0) {
                    const pid_t self = getpid();
                    if (write(ready[1], &self, sizeof self) != sizeof self) {
                        _exit(1);
                    }
                    usleep(static_cast<useconds_t>(n) * 500);
                    _exit(0);
                }
            }
            _exit(0);
        }
        close(ready[1]);
        pid_t pid = 0;
        while (read(ready[0], &pid, sizeof pid) == sizeof pid) {
            char text[1024];
            for (int look = 0; look < 8; ++look) {
                const int size = read_file(Path(pid, "stat").text, text, sizeof text - 1);
                if (size <= 0) {
                    break;
                }
                text[size] = '\0';
                int above = -1;
                const char* const name_end = std::strrchr(text, ')');
                EXPECT(name_end != nullptr);
                EXPECT_EQ(std::sscanf(name_end + 4, "%d", &above), 1);
                EXPECT(above >= 0 && above < 1 << 22);
            }
        }
        close(ready[0]);
        EXPECT_EQ(check::wait_status(parent), 0);
    }
}

CHECK_CASE(names_and_scores_can_be_written) {
    const auto write_text = [](const char* path, const char* text) {
        const int fd = open(path, O_WRONLY);
        EXPECT(fd >= 0);
        const ssize_t count = write(fd, text, std::strlen(text));
        const int why = errno;
        close(fd);
        errno = why;
        return count;
    };
    char text[64] = {};
    EXPECT_EQ(write_text("/proc/self/oom_score_adj", "300\n"), 4);
    EXPECT_EQ(read_file("/proc/self/oom_score_adj", text, sizeof text), 4);
    EXPECT(std::strncmp(text, "300\n", 4) == 0);
    EXPECT_ERRNO(write_text("/proc/self/oom_score_adj", "1001"), EINVAL);
    EXPECT_ERRNO(write_text("/proc/self/oom_score_adj", "much"), EINVAL);
    EXPECT_EQ(write_text("/proc/self/comm", "another"), 7);
    EXPECT_EQ(read_file("/proc/self/comm", text, sizeof text), 8);
    EXPECT(std::strncmp(text, "another\n", 8) == 0);
    char path[32];
    std::snprintf(path, sizeof path, "/proc/%d/comm", getppid());
    EXPECT_ERRNO(write_text(path, "mine"), geteuid() == 0 ? EINVAL : EACCES);
    EXPECT_EQ(setuid(1000), 0);
    EXPECT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
    EXPECT_EQ(write_text("/proc/self/oom_score_adj", "301"), 3);
    EXPECT_ERRNO(write_text("/proc/self/oom_score_adj", "299"), EACCES);
}

CHECK_CASE(files_of_the_machine_are_there) {
    char text[4096];
    for (const char* path :
         {"/proc/self/mountinfo", "/proc/self/limits", "/proc/self/wchan", "/proc/mounts",
          "/proc/interrupts", "/proc/devices", "/proc/diskstats", "/proc/vmstat", "/proc/swaps",
          "/proc/cmdline", "/proc/sys/fs/pipe-max-size", "/proc/sys/vm/overcommit_memory"}) {
        const int fd = open(path, O_RDONLY);
        EXPECT(fd >= 0);
        EXPECT(read(fd, text, sizeof text) >= 0);
        close(fd);
    }
    ssize_t count = readlink("/proc/mounts", text, sizeof text);
    EXPECT_EQ(count, 11);
    EXPECT_EQ(std::memcmp(text, "self/mounts", 11), 0);
    count = readlink("/proc/thread-self", text, sizeof text - 1);
    EXPECT(count > 0);
    text[count] = '\0';
    char expected[64];
    std::snprintf(expected, sizeof expected, "%d/task/%d", getpid(), getpid());
    EXPECT_EQ(std::strcmp(text, expected), 0);
    const int size = read_file("/proc/self/mountinfo", text, sizeof text - 1);
    EXPECT(size > 0);
    text[size] = '\0';
    EXPECT(std::strstr(text, " / / ") != nullptr && std::strstr(text, " - ") != nullptr);
}

/// The free frames that /proc/kidney/frames tells of, or -1; checks that its lines fit each other.
long told_free_frames() {
    char text[4096];
    const int size = read_file("/proc/kidney/frames", text, sizeof text - 1);
    if (size < 0) {
        return -1;
    }
    text[size] = '\0';
    char policy[32];
    unsigned dma_total, dma_free, total, free, high_total, high_free, reserve;
    EXPECT_EQ(std::sscanf(text,
                          "policy %31s\nzone dma total %u free %u\nzone direct total %u free %u\n"
                          "zone high total %u free %u\nreserve %u\n",
                          policy, &dma_total, &dma_free, &total, &free, &high_total, &high_free,
                          &reserve),
              8);
    EXPECT(dma_free <= dma_total && free <= total && high_free <= high_total);
    EXPECT(dma_total < 4096 && reserve < dma_total + total);
    const unsigned all_free = dma_free + free + high_free;
    unsigned before = ~0U;
    int orders = 0;
    for (const char* line = std::strstr(text, "order "); line != nullptr;
         line = std::strstr(line + 1, "order ")) {
        unsigned order, dma, direct, high, whole, thousandths;
        const int fields = std::sscanf(line, "order %u dma %u direct %u high %u unusable %u.%u",
                                       &order, &dma, &direct, &high, &whole, &thousandths);
        if (fields == 0) {
            EXPECT(std::strstr(line, "order unknown") == line);  // a policy need not tell
            return all_free;
        }
        EXPECT_EQ(fields, 6);
        EXPECT_EQ(order, orders++);
        EXPECT_EQ(dma % (1U << order), 0);
        EXPECT_EQ(direct % (1U << order), 0);
        EXPECT_EQ(high % (1U << order), 0);
        EXPECT(dma <= dma_total && direct <= total && high <= high_total);
        EXPECT(dma + direct + high <= before);
        EXPECT(whole * 1000 + thousandths <= 1000);
        before = dma + direct + high;
    }
    EXPECT_EQ(orders, 11);
    return all_free;
}

CHECK_CASE(free_frames_are_told_by_size_of_block) {
    const long before = told_free_frames();
    if (before < 0) {
        return;  // Linux: it is our own file
    }
    constexpr std::size_t bytes = 8U << 20;
    void* const memory =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(memory != MAP_FAILED);
    std::memset(memory, 1, bytes);
    EXPECT(before - told_free_frames() > 1900);
    EXPECT_EQ(munmap(memory, bytes), 0);
    EXPECT(before - told_free_frames() < 150);
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
    do {
        usleep(10'000);
        read_text("/proc/stat");
        EXPECT_EQ(std::sscanf(text, "cpu  %lu %lu %lu %lu", &user, &nice, &system, &idle), 4);
    } while (idle <= first_idle && sysconf(_SC_NPROCESSORS_ONLN) == 1);
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

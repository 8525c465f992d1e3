/// exhaust [KIND...]: an ordinary user takes all there is of something, and root goes on working.
///
/// For each kind a process group of user 1000 hoards until it is refused or killed. Meanwhile root
/// starts programs and touches memory, which must succeed. Then the group is killed, and what it
/// held must be back: the second time exactly as much as after the first. Root's only, and for a
/// guest: tests/guest/exhaustion_test.py runs it on small machines.

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t mebi = 1 << 20;
constexpr uid_t user = 1000;
const char* const folder = "/tmp/exhaust";

[[noreturn]] void give_up(const char* what) {
    std::printf("not ok: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

// --- What a hoarder does. `tell` is written to once there is no more to be had. ---

int tell = -1;

void is_full() {
    static_cast<void>(!write(tell, "f", 1));
}
[[noreturn]] void stay() {
    for (;;) {
        pause();
    }
}
char* map(std::size_t size) {
    void* const at = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? nullptr : static_cast<char*>(at);
}

/// Starts children until no more are to be had, or `most`; each does f(). Tells when the first of
/// them ends (they are killed) or, if none does, when there are no more. Should the parent be the
/// one that is killed, its end of the pipe closes, which tells as well: no child has another.
template <class F>
[[noreturn]] void with_children(int most, F f) {
    int count = 0;
    for (; count < most; ++count) {
        const pid_t child = fork();
        if (child == 0) {
            close(tell);
            f();
            stay();
        }
        if (child < 0) {
            is_full();
            break;
        }
        if (waitpid(-1, nullptr, WNOHANG) > 0) {
            is_full();
        }
    }
    while (wait(nullptr) > 0) {
        is_full();
    }
    is_full();
    stay();
}

void processes() {
    for (;;) {
        if (fork() < 0) {
            is_full();
            usleep(1000);
        }
    }
}
void memory() {
    with_children(40, [] {
        for (char* at = nullptr;; at = map(mebi)) {
            for (std::size_t n = 0; at != nullptr && n < mebi; n += page) {
                at[n] = 'x';
            }
        }
    });
}
/// The kernel touches the pages, on its way through a call that holds a pipe.
void buffers() {
    with_children(40, [] {
        int ends[2];
        const int zero = open("/dev/zero", O_RDONLY);
        if (zero < 0 || pipe(ends) != 0) {
            return;
        }
        for (;;) {
            char* const at = map(mebi);
            if (at == nullptr || read(zero, at, mebi) < 0) {
                continue;
            }
            for (std::size_t n = 0; n + 65536 <= mebi; n += 65536) {
                char* const to = map(65536);
                if (write(ends[1], at + n, 65536) > 0 && to != nullptr) {
                    static_cast<void>(!read(ends[0], to, 65536));
                }
            }
        }
    });
}
void pipes() {
    with_children(4096, [] {
        static char text[65536];
        int ends[2];
        while (pipe2(ends, O_NONBLOCK) == 0) {
            while (write(ends[1], text, sizeof text) > 0) {
            }
        }
    });
}
void descriptors() {
    with_children(4096, [] {
        while (open("/dev/null", O_RDONLY) >= 0) {
        }
    });
}
/// A page of every table.
void tables() {
    with_children(4096, [] {
        constexpr std::size_t step = 4 * mebi;
        for (std::size_t size = 2048 * mebi; size >= step; size /= 2) {
            for (char* at = map(size); at != nullptr; at = map(size)) {
                for (std::size_t n = 0; n < size; n += step) {
                    at[n] = 'x';
                }
            }
        }
    });
}
void regions() {
    with_children(4096, [] {
        for (bool writable = false;
             mmap(nullptr, page, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
             writable = !writable) {
        }
    });
}
void stacks() {
    const rlimit limit{64 * mebi, 64 * mebi};
    setrlimit(RLIMIT_STACK, &limit);
    with_children(4096, [] {
        volatile char buffer[7 * mebi];
        for (std::size_t n = sizeof buffer; n >= page; n -= page) {
            buffer[n - page] = 'x';
        }
        stay();
    });
}
void locks() {
    with_children(4096, [] {
        char path[64];
        std::snprintf(path, sizeof path, "%s/lock%d", folder, getpid());
        const int fd = open(path, O_RDWR | O_CREAT, 0600);
        struct flock lock{};
        lock.l_type = F_WRLCK;
        lock.l_len = 1;
        while (fcntl(fd, F_SETLK, &lock) == 0) {
            lock.l_start += 2;
        }
    });
}

/// Makes files of a kind until there is no space.
template <class F>
[[noreturn]] void with_names(const char* where, std::size_t name_length, F make) {
    char path[400];
    for (unsigned n = 0;; ++n) {
        int length = std::snprintf(path, sizeof path, "%s/%u", where, n);
        const auto wanted = static_cast<int>(std::strlen(where) + 1 + name_length);
        while (length < wanted) {
            path[length++] = 'n';
        }
        path[length] = '\0';
        if (!make(path)) {
            is_full();
            stay();
        }
    }
}
bool make_file(const char* path, std::size_t size) {
    static char text[65536];
    const int fd = open(path, O_RDWR | O_CREAT, 0600);
    bool good = fd >= 0;
    for (std::size_t done = 0; good && done < size; done += sizeof text) {
        good = write(fd, text, size - done < sizeof text ? size - done : sizeof text) > 0;
    }
    close(fd);
    return good;
}
void files() {
    with_names(folder, 0, [](const char* path) { return make_file(path, mebi); });
}
void shared_files() {
    with_names("/dev/shm", 0, [](const char* path) {
        const int fd = open(path, O_RDWR | O_CREAT, 0600);
        const bool good = fd >= 0 && posix_fallocate(fd, 0, mebi) == 0;
        close(fd);
        return good;
    });
}
void names() {
    with_names(folder, 250, [](const char* path) { return make_file(path, 0); });
}
void links() {
    static char target[4000];
    std::memset(target, 't', sizeof target - 1);
    with_names(folder, 0, [](const char* path) { return symlink(target, path) == 0; });
}
void directories() {
    with_names(folder, 0, [](const char* path) { return mkdir(path, 0700) == 0; });
}

struct Kind {
    const char* name;
    void (*hoard)();
};
/// Processes first: the kernel keeps the stacks of as many as there once were.
constexpr Kind kinds[] = {{"processes", processes},
                          {"memory", memory},
                          {"buffers", buffers},
                          {"pipes", pipes},
                          {"descriptors", descriptors},
                          {"tables", tables},
                          {"regions", regions},
                          {"stacks", stacks},
                          {"locks", locks},
                          {"files", files},
                          {"shared_files", shared_files},
                          {"names", names},
                          {"links", links},
                          {"directories", directories}};

// --- What root does meanwhile. ---

/// MemFree and Cached, in KiB, once the caches have given back what they can.
long free_kib() {
    const int caches = open("/proc/sys/vm/drop_caches", O_WRONLY);
    if (caches < 0 || write(caches, "3", 1) != 1) {
        give_up("drop_caches");
    }
    close(caches);
    std::FILE* const info = std::fopen("/proc/meminfo", "r");
    if (info == nullptr) {
        give_up("/proc/meminfo");
    }
    char line[128];
    long sum = 0;
    while (std::fgets(line, sizeof line, info) != nullptr) {
        long kib = 0;
        if (std::sscanf(line, "MemFree: %ld", &kib) == 1 ||
            std::sscanf(line, "Cached: %ld", &kib) == 1) {
            sum += kib;
        }
    }
    std::fclose(info);
    return sum;
}

void run(const char* program, const char* option = nullptr, const char* argument = nullptr) {
    const pid_t child = fork();
    if (child < 0) {
        give_up("root cannot fork");
    }
    if (child == 0) {
        execl(program, program, option, argument, nullptr);
        _exit(126);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        std::printf("not ok: %s ends with %x\n", program, static_cast<unsigned>(status));
        std::exit(1);
    }
}
void work_as_root() {
    for (int n = 0; n < 10; ++n) {
        run("/bin/true");
    }
    char* const at = map(mebi / 4);
    if (at == nullptr) {
        give_up("root gets no memory");
    }
    for (std::size_t n = 0; n < mebi / 4; n += page) {
        at[n] = 'r';
    }
    munmap(at, mebi / 4);
    int ends[2];
    if (pipe(ends) != 0 || write(ends[1], "x", 1) != 1) {
        give_up("root gets no pipe");
    }
    close(ends[0]);
    close(ends[1]);
}

/// One group comes, takes what it can, and goes.
void exhaust(const Kind& kind) {
    int ends[2];
    if (pipe(ends) != 0) {
        give_up("pipe");
    }
    const pid_t leader = fork();
    if (leader < 0) {
        give_up("fork");
    }
    if (leader == 0) {
        close(ends[0]);
        tell = ends[1];
        fcntl(tell, F_SETFL, O_NONBLOCK);
        if (setpgid(0, 0) != 0 || setgid(user) != 0 || setuid(user) != 0) {
            _exit(1);
        }
        kind.hoard();
        _exit(0);
    }
    setpgid(leader, leader);
    close(ends[1]);
    char byte = 0;
    static_cast<void>(!read(ends[0], &byte, 1));  // or the end, if all of them are dead
    for (int n = 0; n < 5; ++n) {
        work_as_root();
    }
    // Some may be about to fork: again, until there is nobody.
    while (kill(-leader, SIGKILL) == 0 || errno != ESRCH) {
        waitpid(leader, nullptr, WNOHANG);
        sched_yield();
    }
    close(ends[0]);
    run("/bin/sh", "-c", "rm -rf /tmp/exhaust /dev/shm/*");
}

long exhaust_and_measure(const Kind& kind) {
    mkdir(folder, 0777);
    chmod(folder, 0777);
    exhaust(kind);
    return free_kib();
}

}  // namespace

int main(int count, char** arguments) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    std::signal(SIGPIPE, SIG_IGN);
    for (const Kind& kind : kinds) {
        bool wanted = count < 2;
        for (int n = 1; n < count; ++n) {
            wanted |= std::strcmp(arguments[n], kind.name) == 0;
        }
        if (!wanted) {
            continue;
        }
        // A leak comes every time. How many pages the remaining objects lie in differs from one
        // time to the next, by a few: then a further round loses nothing more.
        constexpr long tolerance = 64;
        constexpr int most_rounds = 3;
        long before = 0;
        long after = exhaust_and_measure(kind);
        for (int round = 1; round < most_rounds; ++round) {
            before = after;
            after = exhaust_and_measure(kind);
            if (after + tolerance >= before) {
                break;
            }
        }
        std::printf("%s %s: %ld KiB free, then %ld\n", after + tolerance < before ? "not ok" : "ok",
                    kind.name, before, after);
    }
}

/// Threads of a process, as the C library makes them: beginning and end, locks, signals, fork and
/// exec among them.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

pid_t own_number() {
    return static_cast<pid_t>(syscall(SYS_gettid));
}
long send_to(pid_t process, pid_t thread, int signal) {
    return syscall(SYS_tgkill, process, thread, signal);
}
void sleep_ms(long ms) {
    const timespec t{ms / 1000, ms % 1000 * 1'000'000};
    nanosleep(&t, nullptr);
}
pthread_t start(void* (*body)(void*), void* argument = nullptr) {
    pthread_t thread;
    EXPECT_EQ(pthread_create(&thread, nullptr, body, argument), 0);
    return thread;
}
void* join(pthread_t thread) {
    void* result = nullptr;
    EXPECT_EQ(pthread_join(thread, &result), 0);
    return result;
}
void* sleep_for_ever(void*) {
    for (;;) {
        pause();
    }
}
void* compute_for_ever(void*) {
    for (;;) {
        __asm__ volatile("");
    }
}

}  // namespace

CHECK_CASE(a_thread_has_a_number_of_its_own_and_returns_a_value) {
    static pid_t number;
    const pthread_t thread = start(
        [](void* argument) -> void* {
            number = own_number();
            return static_cast<char*>(argument) + 1;
        },
        reinterpret_cast<void*>(41));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(join(thread)), 42);
    EXPECT(number != getpid());
    EXPECT_EQ(own_number(), getpid());
}

CHECK_CASE(many_threads_begin_and_end) {
    for (int round = 0; round < 20; ++round) {
        pthread_t threads[8];
        for (pthread_t& t : threads) {
            t = start([](void* argument) { return argument; }, &t);
        }
        for (pthread_t& t : threads) {
            EXPECT(join(t) == &t);
        }
    }
}

namespace {
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
int counter;
}  // namespace

CHECK_CASE(a_mutex_lets_one_in) {
    pthread_t threads[4];
    for (pthread_t& t : threads) {
        t = start([](void*) -> void* {
            for (int n = 0; n < 5000; ++n) {
                pthread_mutex_lock(&mutex);
                ++counter;
                pthread_mutex_unlock(&mutex);
            }
            return nullptr;
        });
    }
    for (const pthread_t t : threads) {
        join(t);
    }
    EXPECT_EQ(counter, 20'000);
}

CHECK_CASE(a_condition_hands_turns_over) {
    const pthread_t other = start([](void*) -> void* {
        pthread_mutex_lock(&mutex);
        for (int n = 0; n < 200; ++n) {
            while (counter % 2 == 0) {
                pthread_cond_wait(&changed, &mutex);
            }
            ++counter;
            pthread_cond_broadcast(&changed);
        }
        pthread_mutex_unlock(&mutex);
        return nullptr;
    });
    pthread_mutex_lock(&mutex);
    for (int n = 0; n < 200; ++n) {
        while (counter % 2 == 1) {
            pthread_cond_wait(&changed, &mutex);
        }
        ++counter;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&mutex);
    join(other);
    EXPECT_EQ(counter, 400);
}

CHECK_CASE(a_barrier_lets_all_go_at_once) {
    static pthread_barrier_t barrier;
    static int arrived, serial;
    EXPECT_EQ(pthread_barrier_init(&barrier, nullptr, 4), 0);
    pthread_t threads[4];
    for (pthread_t& t : threads) {
        t = start([](void*) -> void* {
            __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
            const int result = pthread_barrier_wait(&barrier);
            EXPECT_EQ(__atomic_load_n(&arrived, __ATOMIC_SEQ_CST), 4);
            if (result == PTHREAD_BARRIER_SERIAL_THREAD) {
                __atomic_fetch_add(&serial, 1, __ATOMIC_SEQ_CST);
            }
            return nullptr;
        });
    }
    for (const pthread_t t : threads) {
        join(t);
    }
    EXPECT_EQ(serial, 1);
}

CHECK_CASE(a_cancelled_thread_cleans_up) {
    static int cleaned;
    const pthread_t thread = start([](void*) -> void* {
        pthread_cleanup_push([](void*) { ++cleaned; }, nullptr);
        for (;;) {
            pause();
        }
        pthread_cleanup_pop(0);
        return nullptr;
    });
    EXPECT_EQ(pthread_cancel(thread), 0);
    EXPECT(join(thread) == PTHREAD_CANCELED);
    EXPECT_EQ(cleaned, 1);
}

CHECK_CASE(each_thread_has_data_of_its_own) {
    static pthread_key_t key;
    static int destroyed;
    static thread_local int local = 7;
    EXPECT_EQ(pthread_key_create(&key, [](void*) { __atomic_fetch_add(&destroyed, 1, 5); }), 0);
    pthread_t threads[4];
    for (pthread_t& t : threads) {
        t = start(
            [](void* argument) -> void* {
                EXPECT_EQ(local, 7);
                EXPECT(pthread_getspecific(key) == nullptr);
                pthread_setspecific(key, argument);
                ++local;
                sched_yield();
                EXPECT(pthread_getspecific(key) == argument);
                EXPECT_EQ(local, 8);
                return nullptr;
            },
            &t);
    }
    for (const pthread_t t : threads) {
        join(t);
    }
    EXPECT_EQ(destroyed, 4);
    EXPECT_EQ(local, 7);
}

CHECK_CASE(threads_share_descriptors_directory_and_mask) {
    static int fd;
    join(start([](void*) -> void* {
        fd = open("/dev/null", O_RDONLY);
        EXPECT_EQ(chdir("/proc"), 0);
        umask(027);
        return nullptr;
    }));
    EXPECT(fcntl(fd, F_GETFD) >= 0);
    char name[16];
    EXPECT(getcwd(name, sizeof name) != nullptr && std::strcmp(name, "/proc") == 0);
    EXPECT_EQ(umask(0), 027);
    EXPECT_EQ(close(fd), 0);
}

CHECK_CASE(a_read_goes_on_when_another_thread_closes_the_descriptor) {
    static int ends[2];
    static volatile pid_t number;
    EXPECT_EQ(pipe(ends), 0);
    const pthread_t reader = start([](void*) -> void* {
        char c = 0;
        number = own_number();
        EXPECT_EQ(read(ends[0], &c, 1), 1);
        return reinterpret_cast<void*>(c);
    });
    while (number == 0) {
        sleep_ms(1);
    }
    check::wait_until_asleep(number);
    const int writer = dup(ends[1]);
    EXPECT_EQ(close(ends[0]), 0);
    EXPECT_EQ(write(writer, "x", 1), 1);
    EXPECT_EQ(reinterpret_cast<std::intptr_t>(join(reader)), 'x');
}

CHECK_CASE(masks_are_each_threads_own) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    EXPECT_EQ(pthread_sigmask(SIG_BLOCK, &set, nullptr), 0);
    join(start([](void*) -> void* {
        sigset_t now;
        pthread_sigmask(SIG_SETMASK, nullptr, &now);
        EXPECT_EQ(sigismember(&now, SIGUSR1), 1);  // its maker's
        sigemptyset(&now);
        pthread_sigmask(SIG_SETMASK, &now, nullptr);
        return nullptr;
    }));
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, nullptr, &now);
    EXPECT_EQ(sigismember(&now, SIGUSR1), 1);
}

namespace {
volatile pid_t heard_by;
void hear(int) {
    heard_by = own_number();
}
}  // namespace

CHECK_CASE(tgkill_reaches_one_thread) {
    signal(SIGUSR1, hear);
    static volatile pid_t number;
    const pthread_t thread = start([](void*) -> void* {
        number = own_number();
        while (heard_by == 0) {
            sleep_ms(1);
        }
        return nullptr;
    });
    while (number == 0) {
        sleep_ms(1);
    }
    EXPECT_ERRNO(send_to(getpid() + 1000, number, SIGUSR1), ESRCH);
    EXPECT_EQ(send_to(getpid(), number, SIGUSR1), 0);
    join(thread);
    EXPECT_EQ(heard_by, number);
    while (send_to(getpid(), number, 0) == 0) {
        sleep_ms(1);  // it may still be on its way out
    }
    EXPECT_EQ(errno, ESRCH);
}

CHECK_CASE(kill_reaches_a_thread_that_does_not_block_the_signal) {
    signal(SIGUSR1, hear);
    static volatile pid_t number;
    const pthread_t thread = start([](void*) -> void* {
        number = own_number();
        while (heard_by == 0) {
            sleep_ms(1);
        }
        return nullptr;
    });
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    kill(getpid(), SIGUSR1);
    join(thread);
    EXPECT_EQ(heard_by, number);
}

CHECK_CASE(a_thread_waits_for_a_signal_that_all_block) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    const pthread_t thread = start(
        [](void* argument) -> void* {
            int signal = 0;
            EXPECT_EQ(sigwait(static_cast<sigset_t*>(argument), &signal), 0);
            return reinterpret_cast<void*>(signal);
        },
        &set);
    sleep_ms(5);
    kill(getpid(), SIGUSR2);
    EXPECT_EQ(reinterpret_cast<std::intptr_t>(join(thread)), SIGUSR2);
}

/// Which of them says how: that depends on the version of Linux.
CHECK_CASE(the_process_ends_with_its_last_thread) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    static int out;
    out = ends[1];
    const int status = check::status_of_child([] {
        start([](void*) -> void* {
            sleep_ms(20);
            EXPECT_EQ(write(out, "x", 1), 1);
            syscall(SYS_exit, 3);
            return nullptr;
        });
        syscall(SYS_exit, 3);
    });
    EXPECT_EQ(status, 3 << 8);
    char c = 0;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    EXPECT_EQ(read(ends[0], &c, 1), 1);
}

CHECK_CASE(exit_group_ends_all) {
    for (void* (*const body)(void*) : {sleep_for_ever, compute_for_ever}) {
        EXPECT_EQ(check::status_of_child([body] {
                      start(body);
                      start(body);
                      sleep_ms(2);
                      _exit(5);
                  }),
                  5 << 8);
        EXPECT_EQ(check::status_of_child([body] {
                      start([](void*) -> void* { _exit(6); });
                      body(nullptr);
                  }),
                  6 << 8);
    }
}

CHECK_CASE(a_fault_of_one_ends_all) {
    const int status = check::status_of_child([] {
        start(compute_for_ever);
        start([](void*) -> void* {
            *static_cast<volatile int*>(nullptr) = 1;
            return nullptr;
        });
        sleep_for_ever(nullptr);
    });
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGSEGV);
}

CHECK_CASE(all_stop_and_all_go_on) {
    auto* const steps = static_cast<volatile int*>(
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        for (int n = 0; n < 2; ++n) {
            start(
                [](void* argument) -> void* {
                    for (;;) {
                        __atomic_fetch_add(static_cast<int*>(argument), 1, __ATOMIC_SEQ_CST);
                    }
                },
                const_cast<int*>(steps + n));
        }
        sleep_for_ever(nullptr);
    }
    while (steps[0] == 0 || steps[1] == 0) {
        sleep_ms(1);
    }
    kill(pid, SIGSTOP);
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
    EXPECT(WIFSTOPPED(status));
    const int first = steps[0], second = steps[1];
    sleep_ms(30);
    EXPECT_EQ(steps[0], first);
    EXPECT_EQ(steps[1], second);
    kill(pid, SIGCONT);
    EXPECT_EQ(waitpid(pid, &status, WCONTINUED), pid);
    while (steps[0] == first || steps[1] == second) {
        sleep_ms(1);
    }
    kill(pid, SIGKILL);
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

CHECK_CASE(fork_copies_the_calling_thread_only) {
    join(start([](void*) -> void* {
        EXPECT_EQ(check::status_of_child([] {
                      EXPECT_EQ(own_number(), getpid());
                      join(start([](void*) -> void* { return nullptr; }));
                      _exit(4);
                  }),
                  4 << 8);
        return nullptr;
    }));
}

CHECK_CASE(exec_by_a_thread_replaces_the_whole_program) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        start(compute_for_ever);
        start([](void*) -> void* {
            execl("/bin/sh", "sh", "-c", "echo $$", nullptr);
            _exit(1);
        });
        sleep_for_ever(nullptr);
    }
    close(ends[1]);
    char text[16] = "";
    EXPECT(read(ends[0], text, sizeof text - 1) > 0);
    EXPECT_EQ(std::atoi(text), pid);
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(the_end_of_an_owner_is_told_to_who_waits_for_its_lock) {
    static pthread_mutex_t robust;
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    EXPECT_EQ(pthread_mutex_init(&robust, &attributes), 0);
    static volatile bool is_held;
    const pthread_t owner = start([](void*) -> void* {
        EXPECT_EQ(pthread_mutex_lock(&robust), 0);
        is_held = true;
        sleep_ms(20);  // so that somebody waits for it; right without that, too
        return nullptr;
    });
    while (!is_held) {
        sleep_ms(1);
    }
    EXPECT_EQ(pthread_mutex_lock(&robust), EOWNERDEAD);
    EXPECT_EQ(pthread_mutex_consistent(&robust), 0);
    EXPECT_EQ(pthread_mutex_unlock(&robust), 0);
    EXPECT_EQ(pthread_mutex_lock(&robust), 0);
    join(owner);
}

CHECK_CASE(clone_wants_what_belongs_together) {
    constexpr int all = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND;
    EXPECT_ERRNO(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_clone, (all | CLONE_THREAD) & ~CLONE_VM, 0, 0, 0, 0), EINVAL);
}

CHECK_CASE(cpu_time_is_counted_for_the_thread_and_for_all) {
    const auto ms_of = [](clockid_t clock) {
        timespec t{};
        EXPECT_EQ(clock_gettime(clock, &t), 0);
        return t.tv_sec * 1000 + t.tv_nsec / 1'000'000;
    };
    join(start([](void*) -> void* {
        const clock_t end = clock() + CLOCKS_PER_SEC / 20;
        while (clock() < end) {
        }
        return nullptr;
    }));
    EXPECT(ms_of(CLOCK_PROCESS_CPUTIME_ID) >= 45);
    EXPECT(ms_of(CLOCK_THREAD_CPUTIME_ID) < 45);
    rusage usage{};
    EXPECT_EQ(getrusage(RUSAGE_SELF, &usage), 0);
    EXPECT(usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000 +
               usage.ru_stime.tv_sec * 1000 + usage.ru_stime.tv_usec / 1000 >=
           45);
}

CHECK_CASE(a_semaphore_counts_across_threads) {
    static sem_t available, taken;
    EXPECT_EQ(sem_init(&available, 0, 0), 0);
    EXPECT_EQ(sem_init(&taken, 0, 0), 0);
    const pthread_t consumer = start([](void*) -> void* {
        for (int n = 0; n < 200; ++n) {
            sem_wait(&available);
            sem_post(&taken);
        }
        return nullptr;
    });
    for (int n = 0; n < 200; ++n) {
        sem_post(&available);
        sem_wait(&taken);
    }
    join(consumer);
}

CHECK_CASE(proc_has_a_directory_for_each_thread) {
    static volatile pid_t number;
    const pthread_t thread = start([](void*) -> void* {
        pthread_setname_np(pthread_self(), "worker");
        number = own_number();
        return sleep_for_ever(nullptr);
    });
    while (number == 0) {
        sleep_ms(1);
    }
    const auto read_text = [](const char* path, char* to, std::size_t size) {
        const int fd = open(path, O_RDONLY);
        EXPECT(fd >= 0);
        const ssize_t length = read(fd, to, size - 1);
        EXPECT(length >= 0);
        to[length] = '\0';
        close(fd);
    };
    char path[64], text[2048];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/comm", number);
    read_text(path, text, sizeof text);
    EXPECT_EQ(std::strcmp(text, "worker\n"), 0);
    std::snprintf(path, sizeof path, "/proc/%d/status", number);
    read_text(path, text, sizeof text);
    char line[32];
    std::snprintf(line, sizeof line, "Tgid:\t%d\n", getpid());
    EXPECT(std::strstr(text, line) != nullptr);
    std::snprintf(line, sizeof line, "\nPid:\t%d\n", number);
    EXPECT(std::strstr(text, line) != nullptr);
    EXPECT(std::strstr(text, "\nThreads:\t2\n") != nullptr);
    pthread_cancel(thread);
    join(thread);
    std::snprintf(path, sizeof path, "/proc/self/task/%d", number);
    while (access(path, F_OK) == 0) {
        sleep_ms(1);
    }
    EXPECT_EQ(errno, ENOENT);
}

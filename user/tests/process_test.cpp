/// fork, exec, wait, exit: isolation, statuses, and what a new program finds.

#include "user/tests/check.hpp"

#include <asm/unistd_32.h>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

int global = 1;
thread_local int thread_variable = 5;

/// Runs this program again as `case_name`, which is not a case but a role of main's child.
void write_file(const char* path, const char* text, int mode) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    EXPECT(fd >= 0);
    EXPECT_EQ(write(fd, text, std::strlen(text)), std::strlen(text));
    close(fd);
    EXPECT_EQ(chmod(path, static_cast<mode_t>(mode)), 0);
}

void copy_file(const char* from, const char* to, int mode) {
    const int source = open(from, O_RDONLY);
    const int target = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    EXPECT(source >= 0 && target >= 0);
    static char bytes[16384];
    ssize_t count = 0;
    while ((count = read(source, bytes, sizeof bytes)) > 0) {
        EXPECT_EQ(write(target, bytes, static_cast<std::size_t>(count)), count);
    }
    EXPECT_EQ(count, 0);
    close(source);
    close(target);
    EXPECT_EQ(chmod(to, static_cast<mode_t>(mode)), 0);
}

}  // namespace

CHECK_CASE(fork_returns_twice_with_the_right_ids) {
    const pid_t parent = getpid();
    const int status = check::status_of_child([=] {
        EXPECT(getpid() != parent);
        EXPECT_EQ(getppid(), parent);
        _Exit(3);
    });
    EXPECT(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 3);
    EXPECT_EQ(getpid(), parent);
}

CHECK_CASE(a_child_inherits_its_niceness) {
    const int status = check::status_of_child([] {
        EXPECT_EQ(setpriority(PRIO_PROCESS, 0, 7), 0);
        const int grandchild = check::status_of_child([] {
            EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 7);
            _Exit(0);
        });
        EXPECT_EQ(grandchild, 0);
        _Exit(0);
    });
    EXPECT_EQ(status, 0);
}

CHECK_CASE(fork_copies_memory_both_ways) {
    int local = 10;
    int* heap = static_cast<int*>(std::malloc(sizeof(int)));
    *heap = 100;
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        char go = 0;
        EXPECT_EQ(read(ends[0], &go, 1), 1);  // the parent has written by now
        EXPECT(global == 1 && local == 10 && *heap == 100);
        global = 2;
        local = 20;
        *heap = 200;
        EXPECT(global == 2 && local == 20 && *heap == 200);
        _Exit(0);
    }
    global = 3;
    local = 30;
    *heap = 300;
    EXPECT_EQ(write(ends[1], "x", 1), 1);
    EXPECT_EQ(check::wait_status(pid), 0);
    EXPECT(global == 3 && local == 30 && *heap == 300);
}

CHECK_CASE(fork_of_a_fork_keeps_generations_apart) {
    volatile int generation = 0;
    const int status = check::status_of_child([&] {
        generation = 1;
        const int inner = check::status_of_child([&] {
            EXPECT_EQ(generation, 1);
            generation = 2;
            _Exit(generation);
        });
        EXPECT_EQ(WEXITSTATUS(inner), 2);
        EXPECT_EQ(generation, 1);
        _Exit(9);
    });
    EXPECT_EQ(WEXITSTATUS(status), 9);
    EXPECT_EQ(generation, 0);
}

CHECK_CASE(thread_local_storage_is_copied_by_fork) {
    thread_variable = 6;
    const int status = check::status_of_child([] {
        EXPECT_EQ(thread_variable, 6);
        thread_variable = 7;
        errno = EXDEV;  // errno is thread-local too
        _Exit(thread_variable);
    });
    EXPECT_EQ(WEXITSTATUS(status), 7);
    EXPECT_EQ(thread_variable, 6);
    EXPECT(errno != EXDEV);
}

CHECK_CASE(exit_status_keeps_eight_bits) {
    EXPECT_EQ(check::status_of_child([] { _Exit(255); }), 255 << 8);
    EXPECT_EQ(check::status_of_child([] { _Exit(256 + 7); }), 7 << 8);
    EXPECT_EQ(check::status_of_child([] { _Exit(-1); }), 255 << 8);
}

CHECK_CASE(death_by_signal_is_told_apart_from_exit) {
    const int status = check::status_of_child([] { raise(SIGKILL); });
    EXPECT(WIFSIGNALED(status) && !WIFEXITED(status));
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

CHECK_CASE(wait_without_children_is_echild) {
    EXPECT_ERRNO(waitpid(-1, nullptr, 0), ECHILD);
    EXPECT_ERRNO(waitpid(getppid(), nullptr, 0), ECHILD);  // not ours
    EXPECT_ERRNO(waitpid(-1, nullptr, 0x7000), EINVAL);
}

CHECK_CASE(wait_does_not_block_with_wnohang) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        close(ends[1]);
        char c = 0;
        _Exit(read(ends[0], &c, 1) == 0 ? 4 : 5);
    }
    int status = -1;
    EXPECT_EQ(waitpid(pid, &status, WNOHANG), 0);
    EXPECT_EQ(status, -1);
    close(ends[1]);
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 4 << 8);
    EXPECT_ERRNO(waitpid(pid, &status, 0), ECHILD);
}

CHECK_CASE(wait_for_one_leaves_the_others) {
    pid_t pids[3];
    for (int i = 0; i < 3; ++i) {
        pids[i] = check::fork_or_fail();
        if (pids[i] == 0) {
            _Exit(i + 1);
        }
    }
    EXPECT_EQ(check::wait_status(pids[1]), 2 << 8);
    int seen = 0;
    for (int i = 0; i < 2; ++i) {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, 0);
        EXPECT(pid == pids[0] || pid == pids[2]);
        seen |= 1 << WEXITSTATUS(status);
    }
    EXPECT_EQ(seen, (1 << 1) | (1 << 3));
    EXPECT_ERRNO(waitpid(-1, nullptr, 0), ECHILD);
}

/// More than a byte could count share each page that nobody writes.
CHECK_CASE(three_hundred_children_at_once) {
    constexpr int children = 300;
    static int untouched[2048] = {1};
    untouched[1500] = 7;
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    for (int i = 0; i < children; ++i) {
        if (check::fork_or_fail() == 0) {
            close(ends[1]);
            char c = 0;
            _Exit(read(ends[0], &c, 1) == 0 && untouched[1500] == 7 ? i % 100 : 200);
        }
    }
    close(ends[1]);
    close(ends[0]);
    int sum = 0;
    for (int i = 0; i < children; ++i) {
        int status = 0;
        EXPECT(waitpid(-1, &status, 0) > 0);
        sum += WEXITSTATUS(status);
    }
    EXPECT_EQ(sum, 3 * 99 * 100 / 2);
    untouched[1500] = 8;
    EXPECT_EQ(check::status_of_child([] { _Exit(untouched[1500]); }), 8 << 8);
}

CHECK_CASE(many_children_one_after_the_other) {
    for (int i = 0; i < 300; ++i) {
        EXPECT_EQ(check::status_of_child([i] { _Exit(i & 127); }), (i & 127) << 8);
    }
}

CHECK_CASE(an_orphan_gets_another_parent) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    check::status_of_child([&] {
        const pid_t middle = getpid();
        if (check::fork_or_fail() == 0) {
            while (getppid() == middle) {
                usleep(1000);
            }
            const pid_t adopter = getppid();
            EXPECT_EQ(write(ends[1], &adopter, sizeof adopter), sizeof adopter);
            _Exit(0);
        }
        _Exit(0);
    });
    pid_t adopter = 0;
    EXPECT_EQ(read(ends[0], &adopter, sizeof adopter), sizeof adopter);
    EXPECT(adopter >= 1 && adopter != getpid());
}

CHECK_CASE(vfork_suspends_the_parent_and_shares_memory) {
    static volatile int shared = 0;
    const pid_t pid = vfork();
    if (pid == 0) {
        shared = 77;
        _exit(6);
    }
    EXPECT_EQ(shared, 77);
    EXPECT_EQ(check::wait_status(pid), 6 << 8);
}

/// While a vfork child has its parent's memory, the parent can be killed; the child keeps the
/// memory.
CHECK_CASE(a_parent_in_vfork_can_be_killed) {
    for (const int signal : {SIGKILL, SIGTERM}) {
        int to_child[2], from_child[2];
        EXPECT_EQ(pipe(to_child), 0);
        EXPECT_EQ(pipe(from_child), 0);
        const pid_t parent = check::fork_or_fail();
        if (parent == 0) {
            static volatile char memory[65536];
            close(to_child[1]);
            if (vfork() == 0) {
                char c = 'a';
                memory[5] = 'm';
                if (write(from_child[1], &c, 1) != 1 || read(to_child[0], &c, 1) != 1) {
                    _exit(1);
                }
                c = memory[5];
                _exit(write(from_child[1], &c, 1) == 1 ? 0 : 1);
            }
            _exit(0);
        }
        char c = 0;
        EXPECT_EQ(read(from_child[0], &c, 1), 1);
        EXPECT_EQ(kill(parent, signal), 0);
        EXPECT_EQ(check::wait_status(parent), signal);
        EXPECT_EQ(write(to_child[1], "x", 1), 1);
        EXPECT_EQ(read(from_child[0], &c, 1), 1);
        EXPECT_EQ(c, 'm');
        for (const int fd : {to_child[0], to_child[1], from_child[0], from_child[1]}) {
            close(fd);
        }
    }
}

/// Stops and handlers wait until the parent has its memory back: its stack is the child's.
CHECK_CASE(a_handler_waits_for_the_end_of_vfork) {
    static volatile sig_atomic_t handled = 0;
    struct sigaction action{};
    action.sa_handler = [](int) { handled = 1; };
    EXPECT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
    static volatile int in_child = -1;
    const pid_t pid = vfork();
    if (pid == 0) {
        kill(getppid(), SIGUSR1);
        sched_yield();
        in_child = handled;
        _exit(0);
    }
    EXPECT_EQ(check::wait_status(pid), 0);
    EXPECT_EQ(in_child, 0);
    EXPECT_EQ(handled, 1);
}

CHECK_CASE(clone_shares_memory_without_waiting) {
    static volatile int shared = 0;
    static char stack[65536];
    const pid_t pid = clone(
        [](void*) -> int {
            while (shared != 1) {
                sched_yield();
            }
            shared = 2;
            return 7;
        },
        stack + sizeof stack, CLONE_VM, nullptr);
    EXPECT(pid > 0);
    shared = 1;
    while (shared != 2) {
        sched_yield();
    }
    int status = 0;
    EXPECT_ERRNO(waitpid(pid, &status, 0), ECHILD);  // it sends no SIGCHLD: a clone
    EXPECT_EQ(waitpid(pid, &status, __WCLONE), pid);
    EXPECT_EQ(status, 7 << 8);
}

CHECK_CASE(clone3_knows_how_long_its_arguments_are) {
    alignas(8) static unsigned char arguments[8192];
    const auto clone3 = [](unsigned size) { return syscall(__NR_clone3, arguments, size); };
    EXPECT_ERRNO(clone3(0), EINVAL);
    EXPECT_ERRNO(clone3(63), EINVAL);
    EXPECT_ERRNO(clone3(5000), E2BIG);
    arguments[200] = 1;
    EXPECT_ERRNO(clone3(256), E2BIG);
    arguments[200] = 0;
    arguments[32] = 65;  // exit_signal
    EXPECT_ERRNO(clone3(64), EINVAL);
    arguments[32] = SIGCHLD;
    for (const unsigned size : {64U, 88U, 256U}) {
        const pid_t pid = static_cast<pid_t>(clone3(size));
        if (pid == 0) {
            _exit(3);
        }
        EXPECT_EQ(check::wait_status(pid), 3 << 8);
    }
    arguments[32] = 0;
    arguments[41] = 1;  // a stack without a size
    EXPECT_ERRNO(clone3(64), EINVAL);
}

CHECK_CASE(a_sister_is_the_parents_child) {
    EXPECT_EQ(check::status_of_child([] {
                  const pid_t grandparent = getpid();
                  const pid_t middle = check::fork_or_fail();
                  if (middle == 0) {
                      if (syscall(__NR_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0) == 0) {
                          _exit(getppid() == grandparent ? 4 : 5);
                      }
                      _exit(4);
                  }
                  for (int n = 0; n < 2; ++n) {
                      int status = 0;
                      EXPECT(waitpid(-1, &status, 0) > 0);
                      EXPECT_EQ(status, 4 << 8);
                  }
              }),
              0);
}

CHECK_CASE(waits_name_only_what_there_can_be) {
    int status = 0;
    EXPECT_ERRNO(waitpid(INT_MIN, &status, 0), ESRCH);
    siginfo_t info{};
    EXPECT_ERRNO(waitid(P_ALL, 0, &info, 0), EINVAL);
    EXPECT_ERRNO(waitid(P_ALL, 0, &info, WEXITED | 0x100), EINVAL);
    EXPECT_ERRNO(waitid(P_PGID, static_cast<id_t>(-5), &info, WEXITED), EINVAL);
    EXPECT_ERRNO(waitid(P_PID, 0, &info, WEXITED), EINVAL);
    EXPECT_ERRNO(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
}

/// No set-user-ID program changes who does not want new rights.
CHECK_CASE(new_rights_can_be_given_up) {
    constexpr unsigned nobody = 65534;
    if (std::getenv("IS_THE_SET_ID_PROGRAM") != nullptr) {
        EXPECT_EQ(geteuid(), nobody);
        return;
    }
    const char* const path = "/tmp/process_test.no-rights";
    copy_file("/proc/self/exe", path, 04755);
    const int status = check::status_of_child([=] {
        const int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        EXPECT_EQ(setuid(nobody), 0);
        EXPECT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        char variable[] = "IS_THE_SET_ID_PROGRAM=1";
        char name[] = "new_rights_can_be_given_up";
        char* const arguments[] = {name, name, nullptr};
        char* const environment[] = {variable, nullptr};
        execve(path, arguments, environment);
        _Exit(9);
    });
    unlink(path);
    EXPECT_EQ(status, 0);
}

CHECK_CASE(exec_hands_arguments_and_environment_over) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const int status = check::status_of_child([&] {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        char* argv[] = {const_cast<char*>("bare"), const_cast<char*>("one two"),
                        const_cast<char*>(""), nullptr};
        char* environment[] = {nullptr};
        execve("/bin/bare", argv, environment);
        _Exit(99);
    });
    close(ends[1]);
    EXPECT_EQ(status, 0);
    char text[400] = "";
    ssize_t length = 0;
    for (ssize_t count = 0; (count = read(ends[0], text + length, sizeof text - 1 - length)) > 0;) {
        length += count;
    }
    EXPECT(std::strncmp(text,
                        "argument 0: bare\nargument 1: one two\nargument 2: \npage size: 4096\n"
                        "heap: 64 KiB of zeros\n",
                        30) == 0);
    EXPECT(std::strstr(text, "parent: the child exited with 7\n") != nullptr);
}

CHECK_CASE(exec_errors_leave_the_program_running) {
    char* argv[] = {const_cast<char*>("x"), nullptr};
    EXPECT_ERRNO(execve("/nonexistent/program", argv, environ), ENOENT);
    EXPECT_ERRNO(execve("/etc/passwd", argv, environ), EACCES);
    EXPECT_ERRNO(execve("/etc/passwd/program", argv, environ), ENOTDIR);
    EXPECT_ERRNO(execve("/tmp", argv, environ), EACCES);
    write_file("/tmp/process_test.text", "just some text\n", 0755);
    EXPECT_ERRNO(execve("/tmp/process_test.text", argv, environ), ENOEXEC);
    write_file("/tmp/process_test.text",
               "\x7f"
               "ELF cut short",
               0755);
    EXPECT_ERRNO(execve("/tmp/process_test.text", argv, environ), ENOEXEC);
    unlink("/tmp/process_test.text");
    EXPECT_ERRNO(execve(reinterpret_cast<char*>(8), argv, environ), EFAULT);
}

CHECK_CASE(exec_runs_the_interpreter_of_a_script) {
    write_file("/tmp/process_test.sh", "#!/bin/sh -e\nexit $(($1 + 1))\n", 0755);
    const int status = check::status_of_child([] {
        char* argv[] = {const_cast<char*>("ignored"), const_cast<char*>("41"), nullptr};
        execve("/tmp/process_test.sh", argv, environ);
        _Exit(99);
    });
    unlink("/tmp/process_test.sh");
    EXPECT_EQ(status, 42 << 8);
}

CHECK_CASE(auxiliary_vector_describes_the_program) {
    EXPECT_EQ(getauxval(AT_PAGESZ), 4096);
    EXPECT(getauxval(AT_ENTRY) >= 0x08048000 && getauxval(AT_ENTRY) < 0xC0000000);
    EXPECT_EQ(getauxval(AT_PHENT), 32);
    EXPECT(getauxval(AT_PHNUM) > 1 && getauxval(AT_PHDR) != 0);
    EXPECT_EQ(getauxval(AT_UID), getuid());
    EXPECT_EQ(getauxval(AT_SECURE), 0);
    const auto* random = reinterpret_cast<const unsigned char*>(getauxval(AT_RANDOM));
    EXPECT(random != nullptr);
    int zeros = 0;
    for (int i = 0; i < 16; ++i) {
        zeros += random[i] == 0 ? 1 : 0;
    }
    EXPECT(zeros < 8);
}

/// The C library believes the vector: a set-user-ID program that is not told what it is trusts its
/// caller's environment.
CHECK_CASE(auxiliary_vector_tells_a_set_id_program_what_it_is) {
    constexpr unsigned nobody = 65534;
    if (std::getenv("IS_THE_SET_ID_PROGRAM") != nullptr) {
        EXPECT_EQ(getuid(), nobody);
        EXPECT_EQ(geteuid(), 0);
        EXPECT_EQ(getauxval(AT_UID), nobody);
        EXPECT_EQ(getauxval(AT_EUID), 0);
        EXPECT_EQ(getauxval(AT_GID), getgid());
        EXPECT_EQ(getauxval(AT_EGID), getegid());
        EXPECT_EQ(getauxval(AT_SECURE), 1);
        return;
    }
    const char* const path = "/tmp/process_test.set-id";
    copy_file("/proc/self/exe", path, 04755);
    const int status = check::status_of_child([=] {
        const int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        EXPECT_EQ(setuid(nobody), 0);
        char variable[] = "IS_THE_SET_ID_PROGRAM=1";
        char name[] = "auxiliary_vector_tells_a_set_id_program_what_it_is";
        char* const arguments[] = {name, name, nullptr};
        char* const environment[] = {variable, nullptr};
        execve(path, arguments, environment);
        _Exit(9);
    });
    unlink(path);
    EXPECT_EQ(status, 0);
}

CHECK_CASE(pid_numbers_are_not_reused_at_once) {
    const pid_t first = check::fork_or_fail();
    if (first == 0) {
        _Exit(0);
    }
    check::wait_status(first);
    const pid_t second = check::fork_or_fail();
    if (second == 0) {
        _Exit(0);
    }
    check::wait_status(second);
    EXPECT(first != second);
}

CHECK_CASE(process_groups_and_sessions) {
    const int status = check::status_of_child([] {
        EXPECT_EQ(setpgid(0, 0), 0);
        EXPECT_EQ(getpgrp(), getpid());
        EXPECT_ERRNO(setsid(), EPERM);  // a group leader may not
        const int inner = check::status_of_child([] {
            EXPECT_EQ(getpgrp(), getppid());
            EXPECT_EQ(setsid(), getpid());
            EXPECT_EQ(getsid(0), getpid());
            EXPECT_EQ(getpgrp(), getpid());
        });
        EXPECT_EQ(inner, 0);
        EXPECT_ERRNO(setpgid(getppid(), 0), ESRCH);  // neither we nor our child
        EXPECT_ERRNO(setpgid(0, -1), EINVAL);
    });
    EXPECT_EQ(status, 0);
}

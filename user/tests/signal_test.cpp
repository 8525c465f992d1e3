/// Signals: delivery, masks, interruption of calls, inheritance, children.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <elf.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

namespace {

volatile sig_atomic_t handled = 0;
volatile sig_atomic_t last_signal = 0;

void count(int number) {
    handled = handled + 1;
    last_signal = number;
}

void install(int number, void (*handler)(int), int flags = 0) {
    struct sigaction action{};
    action.sa_handler = handler;
    action.sa_flags = flags;
    EXPECT_EQ(sigaction(number, &action, nullptr), 0);
}

sigset_t set_of(int number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    return set;
}

}  // namespace

CHECK_CASE(a_handler_runs_and_the_program_goes_on) {
    install(SIGUSR1, count);
    for (int i = 1; i <= 100; ++i) {
        EXPECT_EQ(kill(getpid(), SIGUSR1), 0);
        EXPECT_EQ(handled, i);
    }
    EXPECT_EQ(last_signal, SIGUSR1);
}

CHECK_CASE(default_actions) {
    for (const int deadly :
         {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGALRM, SIGPIPE, SIGQUIT, SIGKILL}) {
        const int status = check::status_of_child([=] {
            if (deadly != SIGKILL) {
                signal(deadly,
                       SIG_DFL);  // busybox's shell ignores SIGQUIT, and we may be its child
            }
            kill(getpid(), deadly);
        });
        EXPECT(WIFSIGNALED(status));
        EXPECT_EQ(WTERMSIG(status), deadly);
    }
    for (const int harmless : {SIGCHLD, SIGWINCH, SIGURG, SIGCONT}) {
        EXPECT_EQ(check::status_of_child([=] { kill(getpid(), harmless); }), 0);
    }
}

CHECK_CASE(a_blocked_signal_waits) {
    install(SIGUSR1, count);
    const sigset_t set = set_of(SIGUSR1);
    sigset_t old;
    EXPECT_EQ(sigprocmask(SIG_BLOCK, &set, &old), 0);
    EXPECT(sigismember(&old, SIGUSR1) == 0);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR1);
    EXPECT_EQ(handled, 0);
    sigset_t pending;
    EXPECT_EQ(sigpending(&pending), 0);
    EXPECT_EQ(sigismember(&pending, SIGUSR1), 1);
    EXPECT_EQ(sigprocmask(SIG_UNBLOCK, &set, nullptr), 0);
    EXPECT_EQ(handled, 1);  // ordinary signals do not queue
}

CHECK_CASE(an_ignored_signal_is_lost) {
    signal(SIGUSR1, SIG_IGN);
    kill(getpid(), SIGUSR1);
    const sigset_t set = set_of(SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    kill(getpid(), SIGUSR1);
    install(SIGUSR1, count);
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
    EXPECT(handled <= 1);
}

CHECK_CASE(a_signal_is_blocked_in_its_own_handler) {
    static volatile int depth;
    static volatile int deepest;
    struct sigaction action{};
    action.sa_handler = [](int number) {
        depth = depth + 1;
        deepest = depth > deepest ? depth : deepest;
        handled = handled + 1;
        if (handled <= 2) {
            raise(number);
        }
        depth = depth - 1;
    };
    EXPECT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
    raise(SIGUSR1);
    EXPECT_EQ(deepest, 1);
    EXPECT_EQ(handled, 3);
    deepest = 0;
    depth = 0;
    handled = 0;
    action.sa_flags = SA_NODEFER;
    EXPECT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
    raise(SIGUSR1);
    EXPECT_EQ(deepest, 3);
}

CHECK_CASE(the_mask_of_an_action_holds_in_its_handler) {
    static volatile int order[2];
    static volatile int next;
    install(SIGUSR2, [](int) {
        order[next] = 2;
        next = next + 1;
    });
    struct sigaction action{};
    action.sa_handler = [](int) {
        raise(SIGUSR2);
        order[next] = 1;
        next = next + 1;
    };
    sigaddset(&action.sa_mask, SIGUSR2);
    EXPECT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
    raise(SIGUSR1);
    EXPECT_EQ(next, 2);
    EXPECT_EQ(order[0], 1);
    EXPECT_EQ(order[1], 2);
    sigset_t now;
    sigprocmask(SIG_BLOCK, nullptr, &now);
    EXPECT(sigismember(&now, SIGUSR1) == 0 && sigismember(&now, SIGUSR2) == 0);
}

CHECK_CASE(one_shot_handlers_reset) {
    install(SIGUSR1, count, static_cast<int>(SA_RESETHAND));
    raise(SIGUSR1);
    EXPECT_EQ(handled, 1);
    struct sigaction now{};
    EXPECT_EQ(sigaction(SIGUSR1, nullptr, &now), 0);
    EXPECT(now.sa_handler == SIG_DFL);
}

CHECK_CASE(handlers_with_information) {
    static volatile int code;
    static volatile pid_t sender;
    static volatile unsigned long stack_pointer;
    struct sigaction action{};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t* info, void* context) {
        code = info->si_code;
        sender = info->si_pid;
        stack_pointer = static_cast<unsigned long>(
            static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_ESP]);
    };
    EXPECT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
    const pid_t parent = getpid();
    EXPECT_EQ(check::status_of_child([=] { kill(parent, SIGUSR1); }), 0);
    while (sender == 0) {
        usleep(1000);
    }
    EXPECT_EQ(code, SI_USER);
    EXPECT(sender != parent);
    const auto here = reinterpret_cast<unsigned long>(__builtin_frame_address(0));
    EXPECT(stack_pointer < here && here - stack_pointer < 65536);
}

CHECK_CASE(a_handler_may_change_where_the_program_goes_on) {
    struct sigaction action{};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t*, void* context) {
        static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EIP] += 2;  // over the ud2
        handled = handled + 1;
    };
    EXPECT_EQ(sigaction(SIGILL, &action, nullptr), 0);
    asm volatile("ud2");
    EXPECT_EQ(handled, 1);
}

CHECK_CASE(an_alternate_stack_is_used) {
    static char stack[32768];
    static volatile unsigned long where;
    stack_t alternate{};
    alternate.ss_sp = stack;
    alternate.ss_size = sizeof stack;
    EXPECT_EQ(sigaltstack(&alternate, nullptr), 0);
    install(
        SIGUSR1, [](int) { where = reinterpret_cast<unsigned long>(__builtin_frame_address(0)); },
        SA_ONSTACK);
    raise(SIGUSR1);
    EXPECT(where >= reinterpret_cast<unsigned long>(stack) &&
           where < reinterpret_cast<unsigned long>(stack + sizeof stack));
    install(SIGUSR1,
            [](int) { where = reinterpret_cast<unsigned long>(__builtin_frame_address(0)); });
    raise(SIGUSR1);
    EXPECT(where > reinterpret_cast<unsigned long>(stack + sizeof stack));
}

CHECK_CASE(a_handler_on_a_ruined_stack_kills_the_program_only) {
    const int status = check::status_of_child([] {
        install(SIGSEGV, count);
        asm volatile("movl $16, %%esp; pushl %%eax" : : : "memory");
        __builtin_unreachable();
    });
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGSEGV);
}

CHECK_CASE(a_forged_return_frame_kills_the_program_only) {
    for (const int number : {119, 173}) {
        const int status = check::status_of_child([=] {
            static unsigned char garbage[4096];
            std::memset(garbage, 0xff, sizeof garbage);
            asm volatile("movl %1, %%esp; int $0x80"
                         :
                         : "a"(number), "r"(garbage + 2048)
                         : "memory");
            __builtin_unreachable();
        });
        EXPECT(status != 0);
    }
}

CHECK_CASE(a_call_is_interrupted_or_restarted) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t reader = getpid();
    install(SIGUSR1, count);
    const pid_t sender = check::fork_or_fail();
    if (sender == 0) {
        check::wait_until_asleep(reader);
        _Exit(kill(reader, SIGUSR1));
    }
    char c = 0;
    EXPECT_ERRNO(read(ends[0], &c, 1), EINTR);
    EXPECT_EQ(handled, 1);
    EXPECT_EQ(check::wait_status(sender), 0);

    install(SIGUSR1, count, SA_RESTART);
    const pid_t writer = check::fork_or_fail();
    if (writer == 0) {
        check::wait_until_asleep(reader);
        EXPECT_EQ(kill(reader, SIGUSR1), 0);
        check::wait_until_asleep(reader);
        _Exit(write(ends[1], "w", 1) == 1 ? 0 : 1);
    }
    EXPECT_EQ(read(ends[0], &c, 1), 1);
    EXPECT_EQ(c, 'w');
    EXPECT_EQ(handled, 2);
    EXPECT_EQ(check::wait_status(writer), 0);
}

CHECK_CASE(suspend_waits_with_another_mask) {
    install(SIGUSR1, count);
    const sigset_t blocked = set_of(SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, nullptr);
    const pid_t parent = getpid();
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        _Exit(kill(parent, SIGUSR1));
    }
    check::wait_status(pid);
    EXPECT_EQ(handled, 0);
    sigset_t none;
    sigemptyset(&none);
    EXPECT_ERRNO(sigsuspend(&none), EINTR);
    EXPECT_EQ(handled, 1);
    sigset_t now;
    sigprocmask(SIG_BLOCK, nullptr, &now);
    EXPECT_EQ(sigismember(&now, SIGUSR1), 1);
}

CHECK_CASE(the_death_of_a_child_sends_sigchld) {
    static volatile int child_status;
    static volatile int child_code;
    static volatile pid_t child;
    struct sigaction action{};
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    action.sa_sigaction = [](int, siginfo_t* info, void*) {
        child_status = info->si_status;
        child_code = info->si_code;
        child = info->si_pid;
    };
    EXPECT_EQ(sigaction(SIGCHLD, &action, nullptr), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        _Exit(12);
    }
    check::wait_status(pid);
    EXPECT_EQ(child, pid);
    EXPECT_EQ(child_code, CLD_EXITED);
    EXPECT_EQ(child_status, 12);
}

CHECK_CASE(ignoring_sigchld_leaves_no_zombies) {
    signal(SIGCHLD, SIG_IGN);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        _Exit(1);
    }
    EXPECT_ERRNO(waitpid(pid, nullptr, 0), ECHILD);
}

CHECK_CASE(kill_reaches_a_group) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    pid_t group = 0;
    pid_t pids[3];
    for (pid_t& pid : pids) {
        pid = check::fork_or_fail();
        if (pid == 0) {
            setpgid(0, group);
            EXPECT_EQ(write(ends[1], "r", 1), 1);
            for (;;) {
                pause();
            }
        }
        group = group == 0 ? pid : group;
        setpgid(pid, group);
    }
    char ready[3];
    for (char& c : ready) {
        EXPECT_EQ(read(ends[0], &c, 1), 1);
    }
    EXPECT_EQ(kill(-group, 0), 0);
    EXPECT_EQ(kill(-group, SIGTERM), 0);
    for (const pid_t pid : pids) {
        EXPECT_EQ(WTERMSIG(check::wait_status(pid)), SIGTERM);
    }
    EXPECT_ERRNO(kill(-group, SIGTERM), ESRCH);
}

CHECK_CASE(kill_reaches_members_that_are_being_made) {
    // Much memory makes fork slow, so that the signal comes in the middle of one.
    constexpr std::size_t size = 8 << 20;
    char* const memory = static_cast<char*>(std::malloc(size));
    for (int round = 0; round < 20; ++round) {
        std::memset(memory, round, size);
        int life[2];  // open while a member lives
        int ready[2];
        EXPECT_EQ(pipe(life), 0);
        EXPECT_EQ(pipe(ready), 0);
        const pid_t leader = check::fork_or_fail();
        if (leader == 0) {
            EXPECT_EQ(setpgid(0, 0), 0);
            for (int members = 1; members < 50; ++members) {
                if (check::fork_or_fail() == 0) {
                    for (;;) {
                        pause();
                    }
                }
                EXPECT_EQ(write(ready[1], "r", 1), 1);
            }
            for (;;) {
                pause();
            }
        }
        char c = 0;
        for (int members = 0; members <= round % 3; ++members) {
            EXPECT_EQ(read(ready[0], &c, 1), 1);
        }
        EXPECT_EQ(kill(-leader, SIGTERM), 0);
        EXPECT_EQ(WTERMSIG(check::wait_status(leader)), SIGTERM);
        close(life[1]);
        pollfd survivors{life[0], POLLIN, 0};
        const int ended = poll(&survivors, 1, 20'000);
        kill(-leader, SIGKILL);  // they would outlive the test
        EXPECT_EQ(ended, 1);
        close(life[0]);
        close(ready[0]);
        close(ready[1]);
    }
}

CHECK_CASE(stop_and_continue_are_seen_by_the_parent) {
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        raise(SIGSTOP);
        _Exit(8);
    }
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
    EXPECT(WIFSTOPPED(status));
    EXPECT_EQ(WSTOPSIG(status), SIGSTOP);
    EXPECT_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
    EXPECT_EQ(kill(pid, SIGCONT), 0);
    EXPECT_EQ(check::wait_status(pid), 8 << 8);
}

CHECK_CASE(a_stopped_process_can_be_killed) {
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        raise(SIGSTOP);
        _Exit(8);
    }
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
    EXPECT_EQ(kill(pid, SIGKILL), 0);
    EXPECT_EQ(waitpid(pid, &status, WCONTINUED), pid);  // it has not continued
    EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

CHECK_CASE(a_loop_without_calls_can_be_killed) {
    auto* const turns = static_cast<volatile unsigned*>(
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    EXPECT(turns != MAP_FAILED);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        for (;;) {
            *turns = *turns + 1;
        }
    }
    while (*turns == 0) {
        sched_yield();
    }
    EXPECT_EQ(kill(pid, SIGTERM), 0);
    EXPECT_EQ(WTERMSIG(check::wait_status(pid)), SIGTERM);
}

CHECK_CASE(exec_resets_handlers_and_keeps_ignored_signals) {
    install(SIGUSR1, count);
    signal(SIGUSR2, SIG_IGN);
    const int status = check::status_of_child([] {
        execl("/bin/sh", "sh", "-c", "kill -USR2 $$; kill -USR1 $$; exit 3",
              static_cast<char*>(nullptr));
        _Exit(99);
    });
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGUSR1);
}

CHECK_CASE(errors_of_the_signal_calls) {
    struct sigaction action{};
    action.sa_handler = count;
    EXPECT_ERRNO(sigaction(SIGKILL, &action, nullptr), EINVAL);
    EXPECT_ERRNO(sigaction(SIGSTOP, &action, nullptr), EINVAL);
    EXPECT_ERRNO(sigaction(65, &action, nullptr), EINVAL);
    EXPECT_ERRNO(kill(getpid(), 65), EINVAL);
    EXPECT_ERRNO(kill(getpid(), -1), EINVAL);
    EXPECT_ERRNO(kill(0x3ffffff, 0), ESRCH);
    EXPECT_EQ(kill(getpid(), 0), 0);
    sigset_t all;
    sigfillset(&all);
    EXPECT_EQ(sigprocmask(SIG_SETMASK, &all, nullptr), 0);
    sigset_t now;
    EXPECT_EQ(sigprocmask(SIG_BLOCK, nullptr, &now), 0);
    EXPECT(sigismember(&now, SIGKILL) == 0 && sigismember(&now, SIGSTOP) == 0);
}

CHECK_CASE(faults_carry_their_signal) {
    static const struct {
        int number;
        void (*cause)();
    } faults[] = {
        {SIGFPE, [] { asm volatile("divl %0"
                                   :
                                   : "r"(0), "a"(1), "d"(0)
                                   : "cc"); }},
        {SIGILL, [] { asm volatile("ud2"); }},
        {SIGSEGV, [] { asm volatile("hlt"); }},
        {SIGSEGV, [] { asm volatile("cli"); }},
        {SIGSEGV, [] { asm volatile("inb $0x64, %%al"
                                    :
                                    :
                                    : "eax"); }},
        {SIGSEGV, [] { asm volatile("int $0x0e"); }},
        {SIGTRAP, [] { asm volatile("int3"); }},
    };
    for (const auto& fault : faults) {
        const int status = check::status_of_child([&] { fault.cause(); });
        EXPECT(WIFSIGNALED(status));
        EXPECT_EQ(WTERMSIG(status), fault.number);
    }
}

CHECK_CASE(sigtimedwait_gets_a_child_that_is_ignored_by_default) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    EXPECT_EQ(sigprocmask(SIG_BLOCK, &set, nullptr), 0);
    const pid_t pid = check::fork_or_fail();
    if (pid == 0) {
        check::wait_until_asleep(getppid());
        _Exit(3);
    }
    const timespec long_enough{20, 0};
    siginfo_t info{};
    EXPECT_EQ(sigtimedwait(&set, &info, &long_enough), SIGCHLD);
    EXPECT_EQ(info.si_pid, pid);
    EXPECT_EQ(check::wait_status(pid), 3 << 8);
}

namespace {

void block(const sigset_t& set) {
    EXPECT_EQ(sigprocmask(SIG_BLOCK, &set, nullptr), 0);
}
int queue_value(int number, int value) {
    sigval v{};
    v.sival_int = value;
    return sigqueue(getpid(), number, v);
}

}  // namespace

CHECK_CASE(real_time_signals_queue_with_their_values) {
    const int low = SIGRTMIN + 1;
    const int high = SIGRTMIN + 2;
    sigset_t set = set_of(low);
    sigaddset(&set, high);
    sigaddset(&set, SIGUSR1);
    block(set);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(queue_value(high, 30 + i), 0);
        EXPECT_EQ(queue_value(low, 20 + i), 0);
        EXPECT_EQ(queue_value(SIGUSR1, 10 + i), 0);  // once only
    }
    EXPECT_EQ(kill(getpid(), low), 0);
    const struct {
        int number, value, code;
    } expected[] = {{SIGUSR1, 10, SI_QUEUE}, {low, 20, SI_QUEUE}, {low, 21, SI_QUEUE},
                    {low, 22, SI_QUEUE},     {low, 0, SI_USER},   {high, 30, SI_QUEUE},
                    {high, 31, SI_QUEUE},    {high, 32, SI_QUEUE}};
    for (const auto& e : expected) {
        siginfo_t info{};
        EXPECT_EQ(sigwaitinfo(&set, &info), e.number);
        EXPECT_EQ(info.si_code, e.code);
        EXPECT_EQ(info.si_pid, getpid());
        EXPECT(e.code == SI_USER || info.si_value.sival_int == e.value);
    }
    const timespec at_once{};
    EXPECT_ERRNO(sigtimedwait(&set, nullptr, &at_once), EAGAIN);
}

CHECK_CASE(the_queue_of_signals_is_limited) {
    const sigset_t set = set_of(SIGRTMIN);
    block(set);
    const rlimit five{5, 5};
    EXPECT_EQ(setrlimit(RLIMIT_SIGPENDING, &five), 0);
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(queue_value(SIGRTMIN, i), 0);
    }
    EXPECT_ERRNO(queue_value(SIGRTMIN, 5), EAGAIN);
    EXPECT_EQ(kill(getpid(), SIGRTMIN), 0);  // lost among the others
    const timespec at_once{};
    int taken = 0;
    while (sigtimedwait(&set, nullptr, &at_once) == SIGRTMIN) {
        ++taken;
    }
    EXPECT_EQ(taken, 5);
    EXPECT_EQ(queue_value(SIGRTMIN, 5), 0);
    signal(SIGRTMIN, SIG_IGN);  // discards it
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(queue_value(SIGRTMIN, i), 0);
        EXPECT_EQ(signal(SIGRTMIN, SIG_DFL) == SIG_ERR, 0);
        EXPECT_EQ(signal(SIGRTMIN, SIG_IGN) == SIG_ERR, 0);
    }
}

CHECK_CASE(nobody_forges_the_kernels_signals) {
    siginfo_t info{};
    info.si_code = SI_USER;
    EXPECT_EQ(syscall(SYS_rt_sigqueueinfo, getpid(), 0, &info), 0);
    EXPECT_ERRNO(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &info), EPERM);
    info.si_code = SI_TKILL;
    EXPECT_ERRNO(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &info), EPERM);
    info.si_code = SI_QUEUE;
    EXPECT_EQ(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &info), 0);
    EXPECT_ERRNO(syscall(SYS_rt_sigqueueinfo, getpid(), 65, &info), EINVAL);
    EXPECT_ERRNO(syscall(SYS_rt_sigqueueinfo, 0x3ffffff, 65, &info), ESRCH);
    EXPECT_ERRNO(syscall(SYS_rt_sigqueueinfo, -1, 0, &info), ESRCH);
    EXPECT_ERRNO(syscall(SYS_rt_tgsigqueueinfo, getpid(), -4, 0, &info), EINVAL);
    EXPECT_ERRNO(syscall(SYS_rt_tgsigqueueinfo, getppid(), getpid(), 0, &info), ESRCH);
    EXPECT_ERRNO(kill(0x3ffffff, 65), ESRCH);
    EXPECT_ERRNO(kill(static_cast<pid_t>(0x80000000), 0), ESRCH);
    EXPECT_ERRNO(syscall(SYS_tkill, -1, 0), EINVAL);
    EXPECT_ERRNO(syscall(SYS_tgkill, getpid(), -1, 0), EINVAL);
}

CHECK_CASE(unknown_action_flags_are_forgotten) {
    struct {
        std::uint32_t handler, flags, restorer, mask[2];
    } action{0, 0xdeadbeef, 0, {~0U, ~0U}}, now{};
    EXPECT_EQ(syscall(SYS_rt_sigaction, SIGUSR1, &action, &now, 8), 0);
    EXPECT_EQ(syscall(SYS_rt_sigaction, SIGUSR1, nullptr, &now, 8), 0);
    EXPECT_EQ(now.flags, 0xdc000807U);
    EXPECT_EQ(now.mask[0], 0xfffbfeffU);
}

volatile std::uintptr_t returns_to = 0;
void note_return_address(int signal) {
    returns_to = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
    count(signal);
}

/// The stack need not be executable: the way back is in the vDSO.
CHECK_CASE(a_handler_without_a_restorer_returns_by_shared_code) {
    const std::uintptr_t shared = getauxval(AT_SYSINFO_EHDR);
    struct {
        void (*handler)(int);
        std::uint32_t flags, restorer, mask[2];
    } action{note_return_address, 0, 0, {0, 0}};
    for (const std::uint32_t flags : {0U, 4U}) {  // SA_SIGINFO
        action.flags = flags;
        handled = 0;
        EXPECT_EQ(syscall(SYS_rt_sigaction, SIGUSR1, &action, nullptr, 8), 0);
        kill(getpid(), SIGUSR1);
        EXPECT_EQ(handled, 1);
        EXPECT(returns_to - shared < 8192);
    }
}

CHECK_CASE(calls_from_before_real_time_signals) {
    struct {
        std::uint32_t handler, mask, flags, restorer;
    } action{0, ~0U, 0xf8fffffb, 0}, now{};
    EXPECT_EQ(syscall(SYS_sigaction, SIGUSR1, &action, nullptr), 0);
    EXPECT_EQ(syscall(SYS_sigaction, SIGUSR1, nullptr, &now), 0);
    EXPECT_EQ(now.mask, 0xfffbfeffU);
    EXPECT_ERRNO(syscall(SYS_sigaction, SIGKILL, &action, nullptr), EINVAL);
    EXPECT_EQ(syscall(SYS_ssetmask, 0x200), 0);
    EXPECT_EQ(syscall(SYS_sgetmask), 0x200);
    std::uint32_t set = 0x800;
    std::uint32_t old = 0;
    EXPECT_EQ(syscall(SYS_sigprocmask, SIG_BLOCK, &set, &old), 0);
    EXPECT_EQ(old, 0x200U);
    EXPECT_ERRNO(syscall(SYS_sigprocmask, 9, &set, &old), EINVAL);
    kill(getpid(), SIGUSR1);
    EXPECT_EQ(syscall(SYS_sigpending, &old), 0);
    EXPECT_EQ(old, 0x200U);
    install(SIGUSR1, count);
    EXPECT_ERRNO(syscall(SYS_sigsuspend, 0, 0, 0), EINTR);
    EXPECT_EQ(handled, 1);
    EXPECT_EQ(syscall(SYS_sgetmask), 0xa00);
}

CHECK_CASE(an_alternate_stack_that_disarms_itself) {
    static char stack[32768];
    static char other[32768];
    stack_t wanted{};
    wanted.ss_sp = stack;
    wanted.ss_size = sizeof stack;
    wanted.ss_flags = 4;
    EXPECT_ERRNO(sigaltstack(&wanted, nullptr), EINVAL);
    constexpr int disarm = static_cast<int>(1U << 31);
    wanted.ss_flags = disarm;
    EXPECT_EQ(sigaltstack(&wanted, nullptr), 0);
    install(
        SIGUSR1,
        [](int) {
            stack_t now{};
            EXPECT_EQ(sigaltstack(nullptr, &now), 0);
            EXPECT_EQ(now.ss_flags, SS_DISABLE);
            now.ss_sp = other;
            now.ss_size = sizeof other;
            now.ss_flags = 0;
            EXPECT_EQ(sigaltstack(&now, nullptr), 0);
            handled = handled + 1;
        },
        SA_ONSTACK | SA_SIGINFO);
    raise(SIGUSR1);
    EXPECT_EQ(handled, 1);
    stack_t after{};
    EXPECT_EQ(sigaltstack(nullptr, &after), 0);
    EXPECT(after.ss_sp == stack && after.ss_flags == disarm);
}

CHECK_CASE(a_frame_does_not_run_over_the_alternate_stack) {
    const int status = check::status_of_child([] {
        static char stack[4096];
        stack_t wanted{};
        wanted.ss_sp = stack + 1024;
        wanted.ss_size = 2048;
        EXPECT_EQ(sigaltstack(&wanted, nullptr), 0);
        // Each handler puts another frame on the small stack, until one does not fit.
        install(SIGUSR1, [](int) { raise(SIGUSR1); }, SA_ONSTACK | SA_NODEFER);
        raise(SIGUSR1);
    });
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGSEGV);
}

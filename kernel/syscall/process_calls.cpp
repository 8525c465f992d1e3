/// fork, exec, exit, wait.
#include "kernel/syscall/process_calls.hpp"

#include "kernel/exec/exec.hpp"
#include "kernel/process/exit.hpp"
#include "kernel/process/fork.hpp"
#include "kernel/process/thread_area.hpp"
#include "kernel/process/wait.hpp"
#include "kernel/syscall/rusage.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <algorithm>
#include <array>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/wait.h>

namespace kidney::kernel::calls {

Reply fork(Process& self, hal::TrapFrame& frame) noexcept {
    return TRY(fork_process(self, frame, {})).word();
}

Reply vfork(Process& self, hal::TrapFrame& frame) noexcept {
    ForkRequest request;
    request.share_memory = request.wait_until_released = true;
    return TRY(fork_process(self, frame, request)).word();
}

Reply clone(Process& self, hal::TrapFrame& frame, std::uint32_t flags, std::uint32_t stack,
            UserPtr<std::uint32_t> parent_word, UserPtr<const std::byte> tls,
            UserPtr<std::uint32_t> child_word) noexcept {
    // Threads that share more than memory for the time of a vfork are a later tier.
    constexpr std::uint32_t unsupported =
        CLONE_THREAD | CLONE_SIGHAND | CLONE_FILES | CLONE_FS | CLONE_NEWNS | CLONE_NEWPID |
        CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PARENT | CLONE_PTRACE;
    const bool shares = (flags & CLONE_VM) != 0;
    const bool waits = (flags & CLONE_VFORK) != 0;
    if ((flags & unsupported) != 0 || (shares && !waits)) {
        return fail(Errc::invalid_argument);
    }
    const std::uint32_t signal = flags & CSIGNAL;
    if (signal > abi::signal_count) {
        return fail(Errc::invalid_argument);
    }
    ForkRequest request;
    request.share_memory = shares;
    request.wait_until_released = waits;
    request.stack = stack;
    request.exit_signal = signal;
    if ((flags & CLONE_PARENT_SETTID) != 0) {
        request.parent_word = parent_word;
    }
    if ((flags & CLONE_CHILD_SETTID) != 0) {
        request.child_word = child_word;
    }
    if ((flags & CLONE_CHILD_CLEARTID) != 0) {
        request.child_clear_word = child_word;
    }
    if ((flags & CLONE_SETTLS) != 0) {
        request.tls = tls;
    }
    return TRY(fork_process(self, frame, request)).word();
}

Reply execve(Process& self, hal::TrapFrame& frame, UserPtr<const char> path,
             UserPtr<const std::uint32_t> arguments,
             UserPtr<const std::uint32_t> environment) noexcept {
    UserPath name;
    TRY(name.read(path));
    ArgumentBlock block(TRY(self.limits.get(abi::limit_stack)).current);
    TRY(block.add_arguments(arguments));
    if (block.argument_count() == 0) {
        TRY(block.add_argument(""));  // programs rely on argv[0]
    }
    TRY(block.add_environment(environment));
    TRY(execute(self, frame, self.path_context(), name.view(), block));
    return 0U;
}

Reply exit(Process& self, std::uint32_t code) noexcept {
    exit_process(self, ExitStatus::exited(code));
}

Reply wait4(Process& self, Pid which, UserPtr<std::uint32_t> status, std::uint32_t options,
            VirtAddr usage) noexcept {
    constexpr std::uint32_t known =
        WNOHANG | WUNTRACED | WCONTINUED | __WALL | __WCLONE | __WNOTHREAD;
    if ((options & ~known) != 0) {
        return fail(Errc::invalid_argument);
    }
    WaitRequest request;
    request.which = which;
    request.no_hang = (options & WNOHANG) != 0;
    request.stopped = (options & WUNTRACED) != 0;
    request.continued = (options & WCONTINUED) != 0;
    const WaitReport report = TRY(wait_for_child(self, request));
    if (report.pid.value() != 0) {
        TRY(put_user_if(status, report.status.word()));
        if (usage != VirtAddr(0)) {
            TRY(put_rusage(usage, report.times));
        }
    }
    return report.pid.word();
}

Reply waitpid(Process& self, Pid which, UserPtr<std::uint32_t> status,
              std::uint32_t options) noexcept {
    return wait4(self, which, status, options, VirtAddr(0));
}

Reply waitid(Process& self, std::uint32_t type, Pid id, VirtAddr to, std::uint32_t options,
             VirtAddr usage) noexcept {
    WaitRequest request;
    request.no_hang = (options & WNOHANG) != 0;
    request.exited = (options & WEXITED) != 0;
    request.stopped = (options & WSTOPPED) != 0;
    request.continued = (options & WCONTINUED) != 0;
    request.leave_waitable = (options & WNOWAIT) != 0;
    switch (type) {
        case P_ALL:
            request.which = Pid(-1);
            break;
        case P_PID:
            request.which = id;
            break;
        case P_PGID:
            request.which = Pid(-id.value());
            break;
        default:
            return fail(Errc::invalid_argument);
    }
    if ((!request.exited && !request.stopped && !request.continued) ||
        (type == P_PID && id.value() <= 0)) {
        return fail(Errc::invalid_argument);
    }
    const WaitReport report = TRY(wait_for_child(self, request));
    abi::SigInfo info{};
    if (report.pid.value() != 0) {
        info.signo = abi::sig_chld;
        info.code = report.code;
        info.pid_or_address = report.pid.word();
        info.uid = report.uid;
        const bool exited = report.code == abi::cld_exited;
        const bool stopped = report.code == abi::cld_stopped;
        info.status = static_cast<std::int32_t>(exited || stopped ? report.status.code()
                                                                  : report.status.signal());
        if (report.code == abi::cld_continued) {
            info.status = abi::sig_cont;
        }
    }
    if (to != VirtAddr(0)) {
        TRY(put_user(UserPtr<abi::SigInfo>(to), info));
    }
    if (usage != VirtAddr(0)) {
        TRY(put_rusage(usage, report.times));
    }
    return 0U;
}

Reply set_tid_address(Process& self, UserPtr<std::uint32_t> word) noexcept {
    self.clear_on_exit = word;
    return self.pid.word();
}

Reply set_thread_area(Process& self, VirtAddr user_desc) noexcept {
    TRY(kernel::set_thread_area(*self.thread, user_desc));
    return 0U;
}
Reply get_thread_area(Process& self, VirtAddr user_desc) noexcept {
    TRY(kernel::get_thread_area(*self.thread, user_desc));
    return 0U;
}

Reply prctl(Process& self, std::uint32_t option, VirtAddr argument) noexcept {
    constexpr std::size_t name_size = 16;
    switch (option) {
        case PR_SET_NAME: {
            std::array<char, name_size> name{};
            const Result<std::size_t> length =
                copy_string(name, UserPtr<const char>(argument.value()));
            if (!length && length.error() != Errc::name_too_long) {
                return fail(length.error());
            }
            self.thread->set_name({name.data(), length.value_or(name_size - 1)});
            return 0U;
        }
        case PR_GET_NAME: {
            std::array<char, name_size> name{};
            self.name().copy(name.data(), name.size() - 1);
            TRY(copy_out(argument, std::as_bytes(std::span(name))));
            return 0U;
        }
        case PR_SET_PDEATHSIG:
        case PR_SET_DUMPABLE:
        case PR_SET_NO_NEW_PRIVS:
            return 0U;
        case PR_GET_DUMPABLE:
            return 1U;
        default:
            return fail(Errc::invalid_argument);
    }
}

}  // namespace kidney::kernel::calls

#include "kernel/process/wait.hpp"

#include "kernel/process/process_table.hpp"
#include "kernel/signal/send.hpp"

namespace kidney::kernel {
namespace {

std::int32_t exit_code_of(ExitStatus status) noexcept {
    return status.is_exited() ? abi::cld_exited : abi::cld_killed;
}

/// Looks once. A report with pid 0: nothing yet. `reaped` keeps a zombie alive until the lock is
/// released.
Result<WaitReport> look(Process& self, const WaitRequest& request, Ref<Process>& reaped) noexcept
    REQUIRES(process_lock) {
    bool has_candidate = false;
    for (Process& child : self.children) {
        if (!match_child(request, self.group, {child.pid, child.group, child.exit_signal})) {
            continue;
        }
        has_candidate = true;
        WaitReport report{child.pid, child.status, 0, child.identity.user.real, {}};
        if (child.state == Process::State::zombie && request.exited) {
            report.code = exit_code_of(child.status);
            report.usage = child.final_usage + child.children_usage;
            if (!request.leave_waitable) {
                self.children_usage = self.children_usage + report.usage;
                reaped = processes().remove(child);
            }
            return report;
        }
        if (child.state == Process::State::stopped && request.stopped && !child.stop_reported) {
            report.code = abi::cld_stopped;
            child.stop_reported = !request.leave_waitable;
            return report;
        }
        if (request.continued && child.continue_pending) {
            report.code = abi::cld_continued;
            report.status = ExitStatus::continued();
            child.continue_pending = request.leave_waitable;
            return report;
        }
    }
    if (!has_candidate) {
        return fail(Errc::no_child);
    }
    return WaitReport{};
}

void signal_parent(Process& child, std::int32_t code, std::int32_t status) noexcept
    REQUIRES(process_lock) {
    Process& parent = *child.parent;
    if (child.exit_signal != 0 && child.exit_signal <= abi::signal_count) {
        send_signal(parent, child.exit_signal,
                    {.code = code,
                     .pid = child.pid.value(),
                     .uid = child.identity.user.real,
                     .status = status});
    }
    // Even an ignored SIGCHLD ends a wait4.
    if (parent.thread != nullptr) {
        dispatcher().wake(*parent.thread, sched::WakeHint::sync);
    }
}

}  // namespace

Result<WaitReport> wait_for_child(Process& self, const WaitRequest& request) noexcept {
    for (;;) {
        Ref<Process> reaped;
        {
            LockGuard guard(process_lock);
            const WaitReport report = TRY(look(self, request, reaped));
            if (report.pid.value() != 0 || request.no_hang) {
                return report;
            }
        }
        if (self.is_interrupted()) {
            return fail(Errc::restart);
        }
        dispatcher().block();  // a change after look() has left a mark: this returns at once
    }
}

void tell_parent_about_stop(Process& child, std::int32_t code, std::uint32_t signal) noexcept {
    Process& parent = *child.parent;
    const Disposition& d = parent.signals.disposition(abi::sig_chld);
    if ((d.flags & abi::sa_nocldstop) == 0) {
        signal_parent(child, code, static_cast<std::int32_t>(signal));
    } else if (parent.thread != nullptr) {
        dispatcher().wake(*parent.thread);
    }
}

bool tell_parent_about_exit(Process& zombie) noexcept {
    const Disposition& d = zombie.parent->signals.disposition(abi::sig_chld);
    const ExitStatus status = zombie.status;
    const bool unwanted = zombie.exit_signal == abi::sig_chld &&
                          (d.is_ignored() || (d.flags & abi::sa_nocldwait) != 0);
    signal_parent(zombie, exit_code_of(status),
                  static_cast<std::int32_t>(status.is_exited() ? status.code() : status.signal()));
    return unwanted;
}

}  // namespace kidney::kernel

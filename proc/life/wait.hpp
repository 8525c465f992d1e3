/// What parents learn about their children: SIGCHLD and wait4(2).
///
/// Sleeping needs no wait queue: a thread of the parent looks at its children, says that it awaits
/// one, then blocks; a child changes, then wakes it. A wake that comes in between leaves a mark,
/// and block() returns at once.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "kidney/sched/waiting.hpp"
#include "proc/family_rules.hpp"
#include "proc/process.hpp"
#include "proc/process_table.hpp"
#include "proc/signal/send.hpp"

#include <cstdint>

namespace kidney::proc {

struct WaitReport {
    Pid pid;  ///< 0: nothing to report (no_hang)
    ExitStatus status;
    std::int32_t code = 0;  ///< CLD_*
    std::uint32_t uid = 0;
    Usage usage;  ///< of a zombie, and of the children it has waited for
};

[[nodiscard]] constexpr std::int32_t exit_code_of(ExitStatus status) noexcept {
    return status.is_exited() ? abi::cld_exited : abi::cld_killed;
}

/// Looks once. A report with pid 0: nothing yet. `reaped` keeps a zombie alive until the lock is
/// released. Error: no_child.
template <class P>
Result<WaitReport> look_for_change(P& self, const WaitRequest& request, Ref<P>& reaped) noexcept
    REQUIRES(P::World::process_lock) {
    bool has_candidate = false;
    for (P& child : self.children) {
        if (!match_child(request, self.group, {child.pid, child.group, child.exit_signal})) {
            continue;
        }
        has_candidate = true;
        WaitReport report{child.pid, child.status, 0, child.identity.user.real, {}};
        if (child.is_zombie() && request.exited) {
            report.code = exit_code_of(child.status);
            report.usage = child.final_usage + child.children_usage;
            if (!request.leave_waitable) {
                self.children_usage = self.children_usage + report.usage;
                reaped = P::World::processes().remove(child);
            }
            return report;
        }
        if (child.state == ProcessState::stopped && request.stopped && !child.stop_reported) {
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

/// Waits for a child to change and takes the change (a zombie is gone afterwards).
/// Errors: no_child, restart.
template <class P>
[[nodiscard]] Result<WaitReport> wait_for_child(P& self, const WaitRequest& request) noexcept
    EXCLUDES(P::World::process_lock) {
    auto& thread = self.this_thread();
    for (;;) {
        Ref<P> reaped;
        {
            LockGuard guard(P::World::process_lock);
            thread.awaits_child = false;
            const WaitReport report = TRY(look_for_change(self, request, reaped));
            if (report.pid.value() != 0 || request.no_hang) {
                return report;
            }
            if (self.is_interrupted()) {
                return fail(Errc::restart);
            }
            thread.awaits_child = true;
        }
        P::World::Threads::block();
    }
}

/// SIGCHLD, and a wake-up for a parent in wait4. True if nobody will wait for it (SIGCHLD ignored
/// or SA_NOCLDWAIT): then the caller reaps it.
template <class P>
[[nodiscard]] bool tell_parent_about_exit(P& zombie) noexcept REQUIRES(P::World::process_lock) {
    const Disposition& d = zombie.parent->signals.disposition(abi::sig_chld);
    const ExitStatus status = zombie.status;
    const bool unwanted = zombie.exit_signal == abi::sig_chld &&
                          (d.is_ignored() || (d.flags & abi::sa_nocldwait) != 0);
    signal_parent(zombie, exit_code_of(status),
                  static_cast<std::int32_t>(status.is_exited() ? status.code() : status.signal()));
    return unwanted;
}

}  // namespace kidney::proc

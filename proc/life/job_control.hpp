/// Stopping, continuing, process groups, sessions and the terminal's foreground.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "proc/family_rules.hpp"
#include "proc/life/wait.hpp"
#include "proc/process.hpp"
#include "proc/process_table.hpp"
#include "proc/signal/send.hpp"

#include <cstdint>

namespace kidney::proc {

template <class W>
[[nodiscard]] GroupPlace place_of(const ProcessBase<W>& p) noexcept REQUIRES(W::process_lock) {
    return {p.group, p.session};
}

/// True if no member of the group has a parent in another group of the same session: nobody could
/// continue it, so terminal stop signals must not stop it. `without` does not count as a member.
template <class W>
[[nodiscard]] bool is_orphaned(Pid group, const typename W::Process* without = nullptr) noexcept
    REQUIRES(W::process_lock) {
    for (const auto& p : W::processes().all()) {
        if (&p == without || p.group != group || p.is_zombie() || p.parent == nullptr ||
            p.parent->pid == init_pid) {
            continue;
        }
        if (anchors_group(place_of(p), place_of(*p.parent))) {
            return false;
        }
    }
    return true;
}

/// All threads that are left have come to rest: now the process has stopped. Tells the parent.
template <class P>
void complete_stop(P& self) noexcept REQUIRES(P::World::process_lock) {
    if (self.stop_signal == 0 || self.state == ProcessState::stopped) {
        return;
    }
    for (const auto& t : self.threads) {
        if (!t.has_stopped) {
            return;
        }
    }
    self.state = ProcessState::stopped;
    self.status = ExitStatus::stopped(self.stop_signal);
    self.stop_reported = false;
    self.continue_pending = false;
    tell_parent_about_stop(self, abi::cld_stopped, self.stop_signal);
}

/// The calling thread takes part in a stop of its process, until that is over or the thread has to
/// end.
template <class P>
void take_part_in_stop(P& self) noexcept EXCLUDES(P::World::process_lock) {
    auto& thread = self.this_thread();
    for (;;) {
        {
            LockGuard guard(P::World::process_lock);
            thread.has_stopped = self.stop_signal != 0 && !self.must_end(thread);
            if (!thread.has_stopped) {
                return;
            }
            complete_stop(self);
        }
        P::World::Threads::block();
    }
}

/// Stops the calling process, all its threads, until SIGCONT or SIGKILL.
template <class P>
void stop_self(P& self, std::uint32_t signal) noexcept EXCLUDES(P::World::process_lock) {
    {
        LockGuard guard(P::World::process_lock);
        // A SIGCONT or SIGKILL that came after the stop signal was taken out has won.
        const SignalSet pending = self.signals.pending(self.this_thread().signals);
        if (pending.contains(abi::sig_kill) || pending.contains(abi::sig_cont)) {
            return;
        }
        if (signal != abi::sig_stop && is_orphaned<typename P::World>(self.group)) {
            return;
        }
        if (self.stop_signal == 0) {
            self.stop_signal = signal;
            interrupt_others(self);
        }
    }
    take_part_in_stop(self);
}

template <class W>
[[nodiscard]] bool has_stopped_member(Pid group) noexcept REQUIRES(W::process_lock) {
    for (const auto& p : W::processes().all()) {
        if (p.group == group && p.state == ProcessState::stopped) {
            return true;
        }
    }
    return false;
}

/// Nobody is left who would continue the group, or its terminal has hung up.
template <class W>
void release_group(Pid group) noexcept REQUIRES(W::process_lock) {
    send_signal_to_group<W>(group, abi::sig_hup, {});
    send_signal_to_group<W>(group, abi::sig_cont, {});
}

/// A process ends: its group, or one of its children's, that becomes orphaned by that and has
/// stopped members gets SIGHUP and SIGCONT.
template <class P>
void release_newly_orphaned_groups(P& leaving) noexcept REQUIRES(P::World::process_lock) {
    using W = typename P::World;
    // Only if this very relation kept the group from being orphaned.
    if (leaving.parent != nullptr && anchors_group(place_of(leaving), place_of(*leaving.parent)) &&
        has_stopped_member<W>(leaving.group) && is_orphaned<W>(leaving.group, &leaving)) {
        release_group<W>(leaving.group);
    }
    for (P& child : leaving.children) {
        if (!anchors_group(place_of(child), place_of(leaving)) ||
            !has_stopped_member<W>(child.group)) {
            continue;
        }
        // The child's parent is about to become init, which continues nobody.
        P* const parent = std::exchange(child.parent, W::processes().init());
        const bool orphaned = is_orphaned<W>(child.group, &leaving);
        child.parent = parent;
        if (orphaned) {
            release_group<W>(child.group);
        }
    }
}

/// setpgid(2). Errors: no_process, not_permitted, permission_denied, invalid_argument.
template <class P>
Status set_group(P& self, Pid target_pid, Pid group) noexcept EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    // Group 0 is the one with the target's number, which must be one then.
    if (group.value() < 0 || (group.value() == 0 && target_pid.value() < 0)) {
        return fail(Errc::invalid_argument);
    }
    LockGuard guard(W::process_lock);
    P* const target = target_pid.value() == 0 ? &self : W::processes().find(target_pid);
    if (target == nullptr || (target != &self && target->parent != &self)) {
        return fail(Errc::no_process);
    }
    const Pid wanted = group.value() == 0 ? target->pid : group;
    if (target != &self) {
        if (target->session != self.session) {
            return fail(Errc::not_permitted);
        }
        if (target->has_executed) {
            return fail(Errc::permission_denied);
        }
    }
    if (target->session == target->pid) {
        return fail(Errc::not_permitted);  // a session leader stays where it is
    }
    if (wanted != target->pid && !W::processes().group_exists(wanted, self.session)) {
        return fail(Errc::not_permitted);
    }
    target->group = wanted;
    return {};
}

/// setsid(2). Error: not_permitted for a group leader.
template <class P>
Result<Pid> create_session(P& self) noexcept EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    LockGuard guard(W::process_lock);
    if (self.group == self.pid || W::processes().group_exists(self.pid, self.session)) {
        return fail(Errc::not_permitted);
    }
    self.session = self.group = self.pid;
    self.terminal = nullptr;
    return self.pid;
}

}  // namespace kidney::proc

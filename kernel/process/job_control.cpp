#include "kernel/process/job_control.hpp"

#include "kernel/process/process_table.hpp"
#include "kernel/process/wait.hpp"
#include "kernel/signal/send.hpp"

namespace kidney::kernel {

void stop_self(Process& self, std::uint32_t signal) noexcept {
    {
        LockGuard guard(process_lock);
        // A SIGCONT or SIGKILL that came after the stop signal was taken out has won.
        const SignalSet pending = self.signals.pending();
        if (pending.contains(abi::sig_kill) || pending.contains(abi::sig_cont)) {
            return;
        }
        if (signal != abi::sig_stop && is_orphaned(self.group)) {
            return;
        }
        self.state = Process::State::stopped;
        self.status = ExitStatus::stopped(signal);
        self.stop_reported = false;
        self.continue_pending = false;
        tell_parent_about_stop(self, abi::cld_stopped, signal);
    }
    for (;;) {
        {
            LockGuard guard(process_lock);
            if (self.state != Process::State::stopped) {
                return;
            }
        }
        dispatcher().block();
    }
}

void resume_stopped(Process& target, std::uint32_t signal) noexcept {
    if (target.state != Process::State::stopped) {
        return;
    }
    target.state = Process::State::running;
    target.stop_reported = true;
    if (signal == abi::sig_cont) {  // who is killed does not go on
        target.continue_pending = true;
        tell_parent_about_stop(target, abi::cld_continued, signal);
    }
    dispatcher().wake(*target.thread);
}

namespace {

GroupPlace place_of(const Process& p) noexcept {
    return {p.group, p.session};
}

}  // namespace

bool is_orphaned(Pid group, const Process* without) noexcept {
    bool orphaned = true;
    processes().for_each([&](Process& p) {
        if (&p == without || p.group != group || p.state == Process::State::zombie ||
            p.parent == nullptr || p.parent->pid == init_pid) {
            return;
        }
        if (anchors_group(place_of(p), place_of(*p.parent))) {
            orphaned = false;
        }
    });
    return orphaned;
}

namespace {

bool has_stopped_member(Pid group) noexcept REQUIRES(process_lock) {
    bool found = false;
    processes().for_each(
        [&](Process& p) { found |= p.group == group && p.state == Process::State::stopped; });
    return found;
}

void release_group(Pid group) noexcept REQUIRES(process_lock) {
    send_signal_to_group(group, abi::sig_hup, {});
    send_signal_to_group(group, abi::sig_cont, {});
}

}  // namespace

void release_newly_orphaned_groups(Process& leaving) noexcept {
    const auto check = [&](Process& member, Process* parent) KIDNEY_NO_TSA("lock held") {
        // Only if this very relation kept the group from being orphaned.
        if (parent == nullptr || !anchors_group(place_of(member), place_of(*parent))) {
            return;
        }
        const Pid group = member.group;
        if (has_stopped_member(group) && is_orphaned(group, &leaving)) {
            release_group(group);
        }
    };
    check(leaving, leaving.parent);
    for (Process& child : leaving.children) {
        if (anchors_group(place_of(child), place_of(leaving)) && has_stopped_member(child.group)) {
            // The child's parent is about to become init, which continues nobody.
            Process* const parent = child.parent;
            child.parent = processes().init();
            const bool orphaned = is_orphaned(child.group, &leaving);
            child.parent = parent;
            if (orphaned) {
                release_group(child.group);
            }
        }
    }
}

Status set_group(Process& self, Pid target_pid, Pid group) noexcept {
    // Group 0 is the one with the target's number, which must be one then.
    if (group.value() < 0 || (group.value() == 0 && target_pid.value() < 0)) {
        return fail(Errc::invalid_argument);
    }
    LockGuard guard(process_lock);
    Process* const target = target_pid.value() == 0 ? &self : processes().find(target_pid);
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
    if (wanted != target->pid && !processes().group_exists(wanted, self.session)) {
        return fail(Errc::not_permitted);
    }
    target->group = wanted;
    return {};
}

Result<Pid> create_session(Process& self) noexcept {
    LockGuard guard(process_lock);
    if (self.group == self.pid || processes().group_exists(self.pid, self.session)) {
        return fail(Errc::not_permitted);
    }
    self.session = self.group = self.pid;
    self.terminal = nullptr;
    return self.pid;
}

}  // namespace kidney::kernel

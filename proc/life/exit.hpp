/// The end of a process.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/sched/waiting.hpp"
#include "proc/life/job_control.hpp"
#include "proc/life/wait.hpp"
#include "proc/process.hpp"
#include "proc/process_table.hpp"
#include "proc/signal/send.hpp"
#include "proc/world.hpp"

#include <utility>

namespace kidney::proc {

/// vfork: the address space is the child's own business now (exec, exit); the parent goes on.
/// `hint`: does the child go on as well?
template <class P>
void return_borrowed_memory(P& self, sched::WakeHint hint) noexcept
    EXCLUDES(P::World::process_lock) {
    LockGuard guard(P::World::process_lock);
    if (P* const lender = std::exchange(self.lender, nullptr); lender != nullptr) {
        P::World::Threads::wake(*lender->thread, hint);
    }
}

/// What it held. May sleep: the last close of a file can write to a disk.
template <class P>
void release_resources(P& self) noexcept EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    if (!self.clear_on_exit.is_null() && self.memory) {
        ignore_error(W::put_word(self.clear_on_exit, 0U), "the program is gone; nobody to tell");
    }
    // Memory first: others may wait for it, and the files may wait for others.
    W::leave_memory(self);
    W::let_go(self);
    self.files.close_all();
    self.replace(self.directory, fs::Place());
    self.replace(self.root, fs::Place());
    self.replace(self.executable, Ref<fs::Vnode>());
    self.execution.end();
    return_borrowed_memory(self, sched::WakeHint::sync);
}

/// The nearest ancestor that asked for orphans (PR_SET_CHILD_SUBREAPER), or the first process.
template <class P>
[[nodiscard]] P& guardian_of_children(P& self) noexcept REQUIRES(P::World::process_lock) {
    for (P* p = self.parent; p != nullptr; p = p->parent) {
        if (p->adopts_orphans && p->thread != nullptr) {
            return *p;
        }
    }
    return *P::World::processes().init();
}

template <class P>
void hand_children_on(P& self) noexcept REQUIRES(P::World::process_lock) {
    P& guardian = guardian_of_children(self);
    bool has_zombie = false;
    while (!self.children.empty()) {
        P& child = self.children.front();
        self.children.pop_front();
        child.parent = &guardian;
        child.exit_signal = abi::sig_chld;
        guardian.children.push_back(child);
        has_zombie |= child.is_zombie();
        if (child.death_signal != 0) {
            send_signal(child, child.death_signal, {});
        }
    }
    if (has_zombie) {
        send_signal(guardian, abi::sig_chld, {});
        wake_parent(guardian, sched::WakeHint::none);
    }
}

/// Becomes a zombie, or nothing if nobody will wait: then the reference is the caller's. From here
/// on the thread is its own: nobody wakes it, and another may reap and free the process.
template <class P>
[[nodiscard]] Ref<P> leave_family(P& self, ExitStatus status, SignalQueue& undelivered) noexcept
    EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    LockGuard guard(W::process_lock);
    self.final_usage = W::usage_of(self);
    self.final_name.assign(self.name());
    if (self.terminal != nullptr && self.session == self.pid) {
        W::hang_up_session(self);
    }
    release_newly_orphaned_groups(self);
    hand_children_on(self);
    self.status = status;
    self.state = ProcessState::zombie;
    self.signals.discard_all();
    while (QueuedSignal* const queued = self.signals.take_discarded()) {
        undelivered.append(*queued);
    }
    Ref<P> reaped;
    if (tell_parent_about_exit(self)) {
        reaped = W::processes().remove(self);
    }
    self.thread->process = nullptr;
    self.thread = nullptr;
    return reaped;
}

/// Ends the calling process: gives everything back, hands its children to init, leaves a zombie for
/// its parent. When the first process ends, the machine does.
template <class P>
[[noreturn]] void exit_process(P& self, ExitStatus status) noexcept
    EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    if (self.pid == init_pid) {
        release_resources(self);
        W::init_has_exited(status);
    }
    W::process_ends(self, status);
    self.is_ending.store(true, std::memory_order_relaxed);
    release_resources(self);
    SignalQueue undelivered;
    leave_family(self, status, undelivered).reset();
    SpareSignalOf<W>::destroy_all(undelivered);
    W::end_thread();
}

}  // namespace kidney::proc

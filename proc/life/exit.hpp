/// The end of threads, and of the process whose last thread ends.
///
/// A thread runs no more of its program when it calls exit(2), or notices on its way back to user
/// mode that it must: somebody ends the whole process, or replaces its program (exec).
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/sched/waiting.hpp"
#include "proc/life/job_control.hpp"
#include "proc/life/thread_words.hpp"
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
    if (auto* const lender = std::exchange(self.lender, nullptr); lender != nullptr) {
        P::World::Threads::wake(*lender, hint);
    }
}

/// What it held. May sleep: the last close of a file can write to a disk.
template <class P>
void release_resources(P& self) noexcept EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
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

/// The last thread goes: the process becomes a zombie, or nothing if nobody will wait: then the
/// reference is the caller's. From here on the thread is its own: nobody wakes it, and another may
/// reap and free the process.
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
    for (ExitListener& listener : self.exit_listeners) {
        listener.ended();
    }
    self.signals.discard_all(self.threads);
    while (QueuedSignal* const queued = self.signals.take_discarded()) {
        undelivered.append(*queued);
    }
    auto& thread = self.this_thread();
    W::processes().remove_thread(self, thread);
    Ref<P> reaped;
    if (tell_parent_about_exit(self)) {
        reaped = W::processes().remove(self);
    }
    W::leave_process(thread);
    return reaped;
}

/// What is left of the process when its last thread ends: everything goes back, its children go to
/// init, a zombie stays for its parent. When the first process ends, the machine does.
template <class P>
[[noreturn]] void end_process(P& self, ExitStatus status) noexcept
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

/// The calling thread goes, its process does not: whatever waited for this thread goes on. From
/// here on it touches nothing of the process, which may end and be freed.
template <class P>
void leave_others(P& self, typename P::Thread& thread) noexcept REQUIRES(P::World::process_lock) {
    using W = typename P::World;
    self.ended_threads = self.ended_threads + W::usage_of_thread(thread);
    self.signals.discard_all_of(thread.signals);
    W::processes().remove_thread(self, thread);
    self.account->give_back(Holding::processes, 1);
    complete_stop(self);
    if (self.sole != nullptr) {
        W::Threads::wake(*self.sole, sched::WakeHint::none);
    }
    for (auto& t : self.threads) {
        notify_if_pending(self, t);  // with what this one was to take
    }
    W::leave_process(thread);
}

/// exit(2): ends the calling thread, and with the last one the process, as that one does.
template <class P>
[[noreturn]] void exit_thread(P& self, ExitStatus status) noexcept
    EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    auto& thread = self.this_thread();
    release_words(self);
    bool is_last = false;
    {
        LockGuard guard(W::process_lock);
        is_last = &self.threads.front() == &self.threads.back();
        status = self.ends ? self.end_status : status;
        if (!is_last) {
            leave_others(self, thread);
        }
    }
    if (is_last) {
        end_process(self, status);
    }
    W::end_thread();
}

/// exit_group(2), a signal that nobody handles: ends all threads. The first to say so says how.
template <class P>
[[noreturn]] void exit_process(P& self, ExitStatus status) noexcept
    EXCLUDES(P::World::process_lock) {
    {
        LockGuard guard(P::World::process_lock);
        if (!self.must_end(self.this_thread())) {
            self.ends = true;
            self.end_status = status;
            self.is_ending.store(true, std::memory_order_relaxed);
            interrupt_others(self);
        }
    }
    exit_thread(self, status);
}

/// exec: all other threads end, and the calling one goes on under the process's number. Nothing
/// interrupts that. Error: restart (the calling one has to end itself).
template <class P>
[[nodiscard]] Status end_other_threads(P& self) noexcept EXCLUDES(P::World::process_lock) {
    using W = typename P::World;
    auto& thread = self.this_thread();
    for (bool is_told = false;; is_told = true) {
        {
            LockGuard guard(W::process_lock);
            if (self.must_end(thread)) {
                return fail(Errc::restart);
            }
            if (&self.threads.front() == &self.threads.back()) {
                self.sole = nullptr;
                W::processes().renumber(thread, self.pid);
                return {};
            }
            if (!is_told) {
                self.sole = &thread;
                interrupt_others(self);
            }
        }
        W::Threads::block();
    }
}

}  // namespace kidney::proc

#include "kernel/process/exit.hpp"

#include "kernel/event_trace.hpp"
#include "kernel/process/address_spaces.hpp"
#include "kernel/process/cpu_times.hpp"
#include "kernel/process/init.hpp"
#include "kernel/process/job_control.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/process/wait.hpp"
#include "kernel/signal/send.hpp"
#include "kernel/syscall/trace/trace.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kernel/system_v.hpp"
#include "kernel/tty/terminal.hpp"
#include "kidney/core/log.hpp"
#include "kidney/mm/make.hpp"

#include <utility>

namespace kidney::kernel {
namespace {

/// What a thread library asked for: the word at clear_child_tid becomes 0.
void clear_thread_word(Process& self) noexcept {
    if (!self.clear_on_exit.is_null() && self.memory) {
        ignore_error(put_user(self.clear_on_exit, 0U), "the program is gone; nobody to tell");
    }
}

/// Files and memory. May sleep: the last close of a file can write to a disk.
void release_resources(Process& self) noexcept {
    self.interval_timers.cancel();
    self.posix_timers.remove_all();
    clear_thread_word(self);
    // Memory first: others may wait for it, and the files may wait for others.
    leave_address_space(self);
    give_up_semaphores(self);
    self.files.close_all();
    self.replace(self.directory, fs::Place());
    self.replace(self.root, fs::Place());
    self.replace(self.executable, Ref<fs::Vnode>());
    self.execution.end();
    return_borrowed_memory(self, sched::WakeHint::sync);
}

/// The nearest ancestor that asked for orphans (PR_SET_CHILD_SUBREAPER), or the first process.
Process& guardian_of_children(Process& self) noexcept REQUIRES(process_lock) {
    for (Process* p = self.parent; p != nullptr; p = p->parent) {
        if (p->adopts_orphans && p->thread != nullptr) {
            return *p;
        }
    }
    return *processes().init();
}

void hand_children_on(Process& self) noexcept REQUIRES(process_lock) {
    Process& guardian = guardian_of_children(self);
    bool has_zombie = false;
    while (!self.children.empty()) {
        Process& child = self.children.front();
        self.children.pop_front();
        child.parent = &guardian;
        child.exit_signal = abi::sig_chld;
        guardian.children.push_back(child);
        has_zombie |= child.state == Process::State::zombie;
        if (child.death_signal != 0) {
            send_signal(child, child.death_signal, {});
        }
    }
    if (has_zombie) {
        send_signal(guardian, abi::sig_chld, {});
        if (guardian.thread != nullptr) {
            dispatcher().wake(*guardian.thread);
        }
    }
}

}  // namespace

void return_borrowed_memory(Process& self, sched::WakeHint hint) noexcept {
    LockGuard guard(process_lock);
    if (Process* const lender = std::exchange(self.lender, nullptr); lender != nullptr) {
        dispatcher().wake(*lender->thread, hint);
    }
}

void exit_process(Process& self, ExitStatus status) noexcept {
    if (self.pid == init_pid) {
        release_resources(self);
        init_has_exited(status);
    }
    show_end(self, status);
    if (traces_events()) [[unlikely]] {
        trace_name();
    }
    self.is_ending.store(true, std::memory_order_relaxed);
    release_resources(self);
    SignalQueue undelivered;
    Ref<Process> reaped;  // by nobody: no wait4 will come
    {
        LockGuard guard(process_lock);
        self.final_usage = usage_of(self);
        self.final_name.assign(self.name());
        if (self.terminal != nullptr && self.session == self.pid) {
            hang_up_session(self);
        }
        release_newly_orphaned_groups(self);
        hand_children_on(self);
        self.status = status;
        self.state = Process::State::zombie;
        self.signals.discard_all();
        while (QueuedSignal* const queued = self.signals.take_discarded()) {
            undelivered.append(*queued);
        }
        if (tell_parent_about_exit(self)) {
            reaped = processes().remove(self);
        }
        // From here on the thread is its own: nobody wakes it, and the Process may be reaped and
        // freed before this function has ended.
        self.thread->process = nullptr;
        self.thread = nullptr;
    }
    reaped.reset();
    SpareSignal::destroy_all(undelivered);
    dispatcher().exit();
}

void Process::dispose() noexcept {
    mm::destroy(heap(), this);
}

}  // namespace kidney::kernel

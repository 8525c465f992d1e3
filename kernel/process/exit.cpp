#include "kernel/process/exit.hpp"

#include "kernel/process/address_spaces.hpp"
#include "kernel/process/cpu_times.hpp"
#include "kernel/process/init.hpp"
#include "kernel/process/job_control.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/process/wait.hpp"
#include "kernel/signal/send.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kernel/tty/terminal.hpp"
#include "kidney/core/log.hpp"
#include "kidney/mm/make.hpp"

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
    self.real_timer.cancel();
    clear_thread_word(self);
    self.files.close_all();
    self.replace(self.directory, Ref<fs::Vnode>());
    self.replace(self.root, Ref<fs::Vnode>());
    self.replace(self.executable, Ref<fs::Vnode>());
    leave_address_space(self);
    return_borrowed_memory(self, sched::WakeHint::sync);
}

void hand_children_to_init(Process& self) noexcept REQUIRES(process_lock) {
    Process& init = *processes().init();
    bool has_zombie = false;
    while (!self.children.empty()) {
        Process& child = self.children.front();
        self.children.pop_front();
        child.parent = &init;
        child.exit_signal = abi::sig_chld;
        init.children.push_back(child);
        has_zombie |= child.state == Process::State::zombie;
    }
    if (has_zombie) {
        send_signal(init, abi::sig_chld, {});
        if (init.thread != nullptr) {
            dispatcher().wake(*init.thread);
        }
    }
}

}  // namespace

void return_borrowed_memory(Process& self, sched::WakeHint hint) noexcept {
    LockGuard guard(process_lock);
    if (self.borrows_memory) {
        self.borrows_memory = false;
        if (self.parent->thread != nullptr) {
            dispatcher().wake(*self.parent->thread, hint);
        }
    }
}

void exit_process(Process& self, ExitStatus status) noexcept {
    if (self.pid == init_pid) {
        init_has_exited(status);
    }
    release_resources(self);
    Ref<Process> reaped;  // by nobody: no wait4 will come
    {
        LockGuard guard(process_lock);
        self.final_times = cpu_times(self);
        self.final_name.assign(self.name());
        if (self.terminal != nullptr && self.session == self.pid) {
            hang_up_session(self);
        }
        release_newly_orphaned_groups(self);
        hand_children_to_init(self);
        self.status = status;
        self.state = Process::State::zombie;
        if (tell_parent_about_exit(self)) {
            self.parent->children.erase(self.parent->children.iterator_to(self));
            reaped = processes().remove(self);
        }
        // From here on the thread is its own: nobody wakes it, and the Process may be reaped and
        // freed before this function has ended.
        self.thread->process = nullptr;
        self.thread = nullptr;
    }
    reaped.reset();
    dispatcher().exit();
}

void Process::dispose() noexcept {
    mm::destroy(heap(), this);
}

}  // namespace kidney::kernel

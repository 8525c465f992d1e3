#include "kernel/process/fork.hpp"

#include "arch/i686/context/user_mode.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/process/thread_area.hpp"
#include "kernel/signal/send.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kernel/threads.hpp"
#include "kidney/mm/make.hpp"

namespace kidney::kernel {
namespace {

constexpr std::size_t max_processes = 4096;

/// First function of every user thread.
void run_child(void* argument) noexcept {
    Process& self = *static_cast<Process*>(argument);
    if (!self.set_at_start.is_null()) {
        ignore_error(put_user(self.set_at_start, self.pid.word()),
                     "clone(2) does not report a bad address of the child either");
    }
    const hal::TrapFrame frame = self.start_frame;
    arch::enter_user_mode(&frame);
}

/// A half-made child, taken apart again unless it is completed.
class ChildInTheMaking {
public:
    explicit ChildInTheMaking(Process& p) noexcept : process_(&p) {}
    ~ChildInTheMaking() {
        if (process_ == nullptr) {
            return;
        }
        if (process_->thread != nullptr) {
            destroy_thread(*process_->thread);
        }
        Ref<Process>::adopt(process_).reset();
    }
    ChildInTheMaking(const ChildInTheMaking&) = delete;
    ChildInTheMaking& operator=(const ChildInTheMaking&) = delete;
    void complete() noexcept { process_ = nullptr; }

private:
    Process* process_;
};

Status copy_memory(const Process& parent, Process& child, bool share) noexcept {
    if (share) {
        child.memory = parent.memory;
        return {};
    }
    child.memory = TRY(parent.memory->fork());
    return {};
}

Status prepare_registers(Process& child, const hal::TrapFrame& frame,
                         const ForkRequest& request) noexcept {
    child.start_frame = frame;
    child.start_frame.eax = 0;
    if (request.stack != 0) {
        child.start_frame.esp = request.stack;
    }
    {
        hal::InterruptGuard<Cpu> guard;
        child.thread->user_state.copy_current();
    }
    if (!request.tls.is_null()) {
        TRY(set_thread_area_of_child(*child.thread, request.tls.address()));
    }
    return {};
}

void inherit(const Process& parent, Process& child) noexcept {
    child.files.copy_from(parent.files);
    child.root = parent.root;
    child.directory = parent.directory;
    child.umask = parent.umask;
    child.io_priority = parent.io_priority;
    child.limits = parent.limits;
    child.executable = parent.executable;
    child.executable_path = parent.executable_path;
    child.identity = parent.identity;
}

/// Enters the child in the table and in the family.
Status adopt(Process& parent, Process& child, const ForkRequest& request) noexcept {
    LockGuard guard(process_lock);
    if (processes().count() >= max_processes) {
        return fail(Errc::would_block);
    }
    child.pid = processes().allocate_pid();
    child.parent = &parent;
    child.group = parent.group;
    child.session = parent.session;
    child.terminal = parent.terminal;
    child.exit_signal = request.exit_signal;
    child.borrows_memory = request.wait_until_released;
    child.signals.copy_for_fork(parent.signals);
    child.arguments = parent.arguments;
    child.environment = parent.environment;
    child.thread->nice = parent.thread->nice;
    child.thread->weight = parent.thread->weight;
    parent.children.push_back(child);
    processes().add(child);
    if (child.signals.has_deliverable()) {
        notify(child);
    }
    return {};
}

void wait_until_released(Process& child) noexcept {
    for (;;) {
        {
            LockGuard guard(process_lock);
            if (!child.borrows_memory) {
                return;
            }
        }
        dispatcher().block();
    }
}

}  // namespace

Result<Pid> fork_process(Process& parent, const hal::TrapFrame& frame,
                         const ForkRequest& request) noexcept {
    {
        LockGuard guard(process_lock);
        if (parent.signals.has_deliverable()) {
            // It may have gone to the whole group, of which the child is not yet a member.
            parent.restart_mode = RestartMode::always;
            return fail(Errc::restart);
        }
        parent.signals.begin_fork();
    }
    Process& child = *TRY(mm::make<Process>(heap()));
    ChildInTheMaking making(child);
    child.thread = TRY(create_thread(parent.name()));
    child.thread->process = &child;
    TRY(copy_memory(parent, child, request.share_memory));
    TRY(prepare_registers(child, frame, request));
    inherit(parent, child);
    child.set_at_start = request.child_word;
    child.clear_on_exit = request.child_clear_word;
    TRY(adopt(parent, child, request));
    making.complete();

    const Pid pid = child.pid;
    const Ref<Process> kept = request.wait_until_released ? Ref<Process>::share(child) : nullptr;
    ignore_error(put_user_if(request.parent_word, pid.word()), "as Linux: the child exists");
    Thread& thread = *child.thread;
    dispatcher().start(thread, thread.stack, &run_child, &child);
    // `child` may be gone by now, unless it is kept.
    if (kept) {
        wait_until_released(*kept);
    }
    return pid;
}

}  // namespace kidney::kernel

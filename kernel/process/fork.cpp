#include "kernel/process/fork.hpp"

#include "arch/i686/context/user_mode.hpp"
#include "kernel/process/exit.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/process/thread_area.hpp"
#include "kernel/resource/accounts.hpp"
#include "kernel/signal/send.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kernel/threads.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>

namespace kidney::kernel {
namespace {

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

/// A half-made child, taken apart again unless it is completed. It is in its user's books already.
class ChildInTheMaking {
public:
    ChildInTheMaking(Process& p, const Process& parent) noexcept : process_(&p) {
        p.account = parent.account;
    }
    ~ChildInTheMaking() {
        if (process_ == nullptr) {
            return;
        }
        if (process_->thread != nullptr) {
            destroy_thread(*process_->thread);
        }
        process_->account->give_back(Holding::processes, 1);
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
    child.personality = parent.personality;
    child.timer_slack = parent.timer_slack;
    child.keeps_capabilities = parent.keeps_capabilities;
    child.limits = parent.limits;
    child.executable = parent.executable;
    child.execution = parent.execution;
    child.identity = parent.identity;
}

void inherit_scheduling(const Process& parent, Process& child) noexcept REQUIRES(process_lock) {
    child.scheduling = parent.scheduling.inherited();
    sched::SchedulingParameters& parameters = *child.thread;
    parameters = *parent.thread;
    if (parent.scheduling.reset_on_fork) {
        const CpuSet allowed = parameters.allowed;
        parameters =
            scheduling_parameters(child.scheduling, std::max(parameters.nice, std::int8_t{0}));
        parameters.allowed = allowed;
    }
}

/// Enters the child in the table and in the family.
Status adopt(Process& parent, Process& child, const ForkRequest& request) noexcept {
    LockGuard guard(process_lock);
    // As Linux: who has a reservation must say that its children have none.
    if (parent.scheduling.is_deadline() && !parent.scheduling.reset_on_fork) {
        return fail(Errc::would_block);
    }
    if (!has_process_slot(processes().count(), *child.account)) {
        return fail(Errc::would_block);
    }
    child.pid = processes().allocate_pid();
    // The first process has no sisters.
    if (request.sister && parent.parent == nullptr) {
        return fail(Errc::invalid_argument);
    }
    Process& family = request.sister ? *parent.parent : parent;
    child.parent = &family;
    child.group = parent.group;
    child.session = parent.session;
    child.terminal = parent.terminal;
    child.exit_signal = request.sister ? parent.exit_signal : request.exit_signal;
    child.lender = request.wait_until_released ? &parent : nullptr;
    child.memory_adjustment = parent.memory_adjustment;
    child.least_adjustment = parent.least_adjustment;
    child.signals.copy_for_fork(parent.signals);
    child.arguments = parent.arguments;
    child.environment = parent.environment;
    child.auxiliary = parent.auxiliary;
    child.dumpable = parent.dumpable;
    child.no_new_rights = parent.no_new_rights;
    inherit_scheduling(parent, child);
    family.children.push_back(child);
    processes().add(child);
    if (child.signals.has_deliverable()) {
        notify(child);
    }
    return {};
}

/// Until the child has let go of the memory. The number of a signal if one ends the parent first:
/// then nothing more may be written to the memory that the child is using.
std::uint32_t wait_until_released(Process& parent, Process& child) noexcept {
    for (;;) {
        {
            LockGuard guard(process_lock);
            if (child.lender == nullptr) {
                return 0;
            }
            if (const std::uint32_t fatal = parent.signals.fatal(); fatal != 0) {
                child.lender = nullptr;
                return fatal;
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
    TRY(book_process(parent));
    const Result<Process*> made = mm::make<Process>(heap());
    if (!made) {
        parent.account->give_back(Holding::processes, 1);
        return fail(made.error());
    }
    Process& child = **made;
    ChildInTheMaking making(child, parent);
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
    Ref<Process> kept = request.wait_until_released ? Ref<Process>::share(child) : nullptr;
    ignore_error(put_user_if(request.parent_word, pid.word()), "as Linux: the child exists");
    Thread& thread = *child.thread;
    dispatcher().start(thread, thread.stack, &run_child, &child);
    // `child` may be gone by now, unless it is kept.
    if (kept) {
        const std::uint32_t fatal = wait_until_released(parent, *kept);
        kept.reset();
        if (fatal != 0) {
            exit_process(parent, ExitStatus::killed(fatal));
        }
    }
    return pid;
}

}  // namespace kidney::kernel

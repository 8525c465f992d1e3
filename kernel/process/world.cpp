#include "kernel/process/world.hpp"

#include "arch/i686/context/user_mode.hpp"
#include "kernel/event_trace.hpp"
#include "kernel/process/address_spaces.hpp"
#include "kernel/process/cpu_times.hpp"
#include "kernel/process/init.hpp"
#include "kernel/process/process.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/process/thread_area.hpp"
#include "kernel/resource/accounts.hpp"
#include "kernel/syscall/trace/trace.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "kernel/system_v.hpp"
#include "kernel/threads.hpp"
#include "kernel/tty/terminal.hpp"
#include "kidney/mm/make.hpp"
#include "proc/life/fork.hpp"

#include <algorithm>

namespace kidney::kernel {

static_assert(proc::World<World>);

constinit SpinLock<ranks::signals> World::process_lock;

Result<Thread*> World::create_thread(std::string_view name) noexcept {
    return kernel::create_thread(name);
}
void World::destroy_thread(Thread& thread) noexcept {
    kernel::destroy_thread(thread);
}

namespace {

/// First function of every user thread.
void run_child(void* argument) noexcept {
    Process& self = *static_cast<Process*>(argument);
    proc::write_own_number(self);
    const hal::TrapFrame frame = self.start_frame;
    arch::enter_user_mode(&frame);
}

}  // namespace

void World::start_child(Process& child) noexcept {
    Thread& thread = *child.thread;
    dispatcher().start(thread, thread.stack, &run_child, &child);
}
void World::end_thread() noexcept {
    dispatcher().exit();
}

void World::leave_memory(Process& self) noexcept {
    leave_address_space(self);
}
Status World::put_word(UserPtr<std::uint32_t> to, std::uint32_t value) noexcept {
    return put_user(to, value);
}

Status World::begin_child(Process& child, const hal::TrapFrame& start,
                          const ForkRequest& request) noexcept {
    child.start_frame = start;
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

Status World::book_process(Process& self) noexcept {
    return kernel::book_process(self);
}

Status World::may_join(const Process& parent, const Process& child) noexcept {
    // As Linux: who has a reservation must say that its children have none.
    const bool may_inherit = !parent.scheduling.is_deadline() || parent.scheduling.reset_on_fork;
    return may_inherit && has_process_slot(kernel::processes().count(), *child.account)
               ? Status()
               : Status(fail(Errc::would_block));
}

namespace {

void inherit_scheduling(const Process& parent, Process& child) noexcept {
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

}  // namespace

void World::inherit(const Process& parent, Process& child) noexcept {
    child.io_priority = parent.io_priority;
    child.personality = parent.personality;
    child.timer_slack = parent.timer_slack;
    child.keeps_capabilities = parent.keeps_capabilities;
    child.memory_adjustment = parent.memory_adjustment;
    child.least_adjustment = parent.least_adjustment;
    child.arguments = parent.arguments;
    child.environment = parent.environment;
    child.auxiliary = parent.auxiliary;
    inherit_scheduling(parent, child);
}

void World::let_go(Process& self) noexcept {
    self.interval_timers.cancel();
    self.posix_timers.remove_all();
    give_up_semaphores(self);
}

void World::process_ends(const Process& self, ExitStatus status) noexcept {
    show_end(self, status);
    if (traces_events()) [[unlikely]] {
        trace_name();
    }
}
void World::init_has_exited(ExitStatus status) noexcept {
    kernel::init_has_exited(status);
}
void World::hang_up_session(Process& leader) noexcept {
    kernel::hang_up_session(leader);
}
Usage World::usage_of(Process& self) noexcept {
    return kernel::usage_of(self);
}

void Process::dispose() noexcept {
    mm::destroy(heap(), this);
}

}  // namespace kidney::kernel

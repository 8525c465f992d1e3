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
#include "kernel/syscall/futex_calls.hpp"
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

/// First function of every thread of a program.
void run_program(void* argument) noexcept {
    const Thread& self = *static_cast<Thread*>(argument);
    proc::write_own_number(*self.process);
    const hal::TrapFrame frame = self.start_frame;
    arch::enter_user_mode(&frame);
}

}  // namespace

void World::start_thread(Thread& thread) noexcept {
    dispatcher().start(thread, thread.stack, &run_program, &thread);
}
void World::leave_process(Thread& self) noexcept {
    leave_threads_address_space(self);
    self.process = nullptr;
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

Result<std::uint32_t> World::get_word(UserPtr<std::uint32_t> from) noexcept {
    return get_user(UserPtr<const std::uint32_t>(from.address()));
}
Result<std::uint32_t> World::compare_exchange_word(UserPtr<std::uint32_t> at,
                                                   std::uint32_t expected,
                                                   std::uint32_t desired) noexcept {
    return kernel::compare_exchange_word(at.address(), expected, desired);
}
void World::wake_word(UserPtr<std::uint32_t> word) noexcept {
    wake_futex(current_process(), word.address());
}

Status World::begin_thread(Thread& thread, const hal::TrapFrame& start,
                           const ForkRequest& request) noexcept {
    thread.start_frame = start;
    thread.start_frame.eax = 0;
    if (request.stack != 0) {
        thread.start_frame.esp = request.stack;
    }
    {
        hal::InterruptGuard<Cpu> guard;
        thread.user_state.copy_current();
    }
    if (!request.tls.is_null()) {
        TRY(set_thread_area_of_child(thread, request.tls.address()));
    }
    return {};
}

Result<Ref<UserAccount>> World::book_process(Process& self) noexcept {
    return kernel::book_process(self);
}

Status World::may_join(const Process& parent, const UserAccount& payer) noexcept {
    // As Linux: who has a reservation must say that its children have none.
    const SchedulingClass& own = parent.this_thread().scheduling;
    const bool may_inherit = !own.is_deadline() || own.reset_on_fork;
    return may_inherit && has_process_slot(kernel::processes().tasks(), payer)
               ? Status()
               : Status(fail(Errc::would_block));
}

void World::inherit_thread(const Thread& maker, Thread& thread) noexcept {
    thread.scheduling = maker.scheduling.inherited();
    thread.io_priority = maker.io_priority;
    sched::SchedulingParameters& parameters = thread;
    parameters = maker;
    if (maker.scheduling.reset_on_fork) {
        const CpuSet allowed = parameters.allowed;
        parameters =
            scheduling_parameters(thread.scheduling, std::max(parameters.nice, std::int8_t{0}));
        parameters.allowed = allowed;
    }
}

void World::inherit(const Process& parent, Process& child) noexcept {
    child.personality = parent.personality;
    child.timer_slack = parent.timer_slack;
    child.keeps_capabilities = parent.keeps_capabilities;
    child.memory_adjustment = parent.memory_adjustment;
    child.least_adjustment = parent.least_adjustment;
    child.arguments = parent.arguments;
    child.environment = parent.environment;
    child.auxiliary = parent.auxiliary;
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
Usage World::usage_of_thread(Thread& thread) noexcept {
    return kernel::usage_of(thread);
}

void Process::dispose() noexcept {
    mm::destroy(heap(), this);
}

}  // namespace kidney::kernel

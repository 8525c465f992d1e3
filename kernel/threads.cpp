#include "kernel/threads.hpp"

#include "arch/i686/cpu/tables.hpp"
#include "kernel/event_trace.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process/address_spaces.hpp"
#include "kernel/process/cpu_usage.hpp"
#include "kernel/syscall/trace/trace.hpp"
#include "kidney/mm/make.hpp"

#include <array>
#include <atomic>

namespace kidney::kernel {
namespace {

/// Idle threads exist before the heap's first user and for ever; one per CPU, never in a run queue.
constinit std::array<BootObject<Thread>, max_cpus> idle_threads;

/// Names threads in decision traces; 0 is nobody.
constinit std::atomic<std::uint32_t> last_thread_id{0};

/// Stacks take their frames under a spin lock: nobody reclaims there, so here.
Result<std::span<std::byte>> allocate_stack() noexcept {
    auto stack = stacks().allocate();
    while (!stack && reclaiming_frames().reclaim(ReclaimingFrames::batch) > 0) {
        stack = stacks().allocate();
    }
    return stack;
}

}  // namespace

Result<Thread*> create_thread(std::string_view name) noexcept {
    auto thread = TRY(mm::make_box<Thread>(heap()));
    thread->stack = TRY(allocate_stack());
    thread->set_name(name);
    if (Status admitted = dispatcher().admit(*thread, heap()); !admitted) {
        stacks().free(thread->stack);
        return fail(admitted.error());
    }
    thread->id = last_thread_id.fetch_add(1, std::memory_order_relaxed) + 1;
    return thread.release();
}

void destroy_thread(Thread& thread) noexcept {
    dispatcher().dismiss(thread);
    stacks().free(thread.stack);
    mm::destroy(heap(), &thread);
}

Status start_kernel_thread(std::string_view name, void (*entry)(void*) noexcept,
                           void* argument) noexcept {
    Thread* const thread = TRY(create_thread(name));
    dispatcher().start(*thread, thread->stack, entry, argument);
    return {};
}

void adopt_this_cpu() noexcept {
    Thread& idle = idle_threads[Cpu::id().value()].create();
    idle.set_name("idle");
    dispatcher().adopt_cpu(idle);
}

void become_idle_thread() noexcept {
    if (!idle_threads[Cpu::id().value()].is_created()) {
        adopt_this_cpu();
    }
    dispatcher().run_idle();
}

Dispatcher& DispatcherPlace::dispatcher() noexcept {
    return kernel::dispatcher();
}

void Preemption::disable() noexcept {
    Dispatcher::preempt_disable();
}
void Preemption::enable() noexcept {
    dispatcher().preempt_enable();
}

/// Runs on the old thread's stack, interrupts off, the run-queue lock held.
void SwitchHooks::switching(Thread& from, Thread& to) noexcept {
    if (traces_events()) [[unlikely]] {
        trace_switch(from, to);
    }
    // Kernel threads have no user state, and leave the last program's where it is.
    if (from.process != nullptr) {
        from.user_state.save();
        if (from.watched_call != nullptr) [[unlikely]] {
            show_unfinished_call(from);
        }
    }
    book_user_time(from);
    note_running(to);
    if (to.process != nullptr) {
        to.user_state.load();
        arch::set_user_time(to.user_time);
    }
    if (!to.stack.empty()) {
        const auto top = reinterpret_cast<std::uintptr_t>(to.stack.data() + to.stack.size());
        arch::set_kernel_stack(VirtAddr(static_cast<std::uint32_t>(top)));
    }
    switch_address_space(from, to);
}

void SwitchHooks::woken(Thread& thread, CpuId cpu, bool is_new) noexcept {
    if (traces_events()) [[unlikely]] {
        trace_event(sched::CpuEvent::Kind::woken, thread.id, cpu.value(), is_new ? 1 : 0);
    }
}

void SwitchHooks::moved(Thread& thread, CpuId from, CpuId to) noexcept {
    if (traces_events()) [[unlikely]] {
        trace_event(sched::CpuEvent::Kind::moved, thread.id, from.value() << 8 | to.value());
    }
}

void SwitchHooks::exited(Thread& thread) noexcept {
    destroy_thread(thread);
}

}  // namespace kidney::kernel

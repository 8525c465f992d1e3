/// Where traps arrive in the kernel. See include/kidney/hal/upcalls.hpp for what each promises.
#include "kidney/hal/upcalls.hpp"

#include "arch/i686/cpu/cpu.hpp"
#include "arch/i686/trap/trap_frame.hpp"
#include "arch/i686/trap/vectors.hpp"
#include "kernel/event_trace.hpp"
#include "kernel/hardware/random.hpp"
#include "kernel/kernel.hpp"
#include "kernel/magic/backtrace.hpp"
#include "kernel/memory/stack_faults.hpp"
#include "kernel/panic.hpp"
#include "kernel/process/cpu_limit.hpp"
#include "kernel/process/cpu_usage.hpp"
#include "kernel/process/traps.hpp"

#include <array>
#include <cstddef>

namespace kidney::hal {

namespace {

constexpr std::array<const char*, 32> exception_names{"division error",
                                                      "debug exception",
                                                      "non-maskable interrupt",
                                                      "breakpoint",
                                                      "overflow",
                                                      "bound range exceeded",
                                                      "invalid opcode",
                                                      "device not available",
                                                      "double fault",
                                                      "coprocessor segment overrun",
                                                      "invalid TSS",
                                                      "segment not present",
                                                      "stack-segment fault",
                                                      "general protection fault",
                                                      "page fault",
                                                      "exception 15",
                                                      "x87 floating-point error",
                                                      "alignment check",
                                                      "machine check",
                                                      "SIMD floating-point error",
                                                      "virtualization exception",
                                                      "control protection exception",
                                                      "exception 22",
                                                      "exception 23",
                                                      "exception 24",
                                                      "exception 25",
                                                      "exception 26",
                                                      "exception 27",
                                                      "hypervisor injection",
                                                      "VMM communication",
                                                      "security exception",
                                                      "exception 31"};

}  // namespace

bool on_page_fault(TrapFrame& frame, const PageFault& fault) noexcept {
    if (!kernel::traces_events()) [[likely]] {
        return kernel::resolve_page_fault(frame, fault);
    }
    kernel::trace_event(sched::CpuEvent::Kind::fault, fault.address.value());
    const bool is_resolved = kernel::resolve_page_fault(frame, fault);
    kernel::trace_event(sched::CpuEvent::Kind::resolved);
    return is_resolved;
}

void on_exception(TrapFrame& frame, std::uint32_t vector) noexcept {
    const bool is_about_the_machine =
        vector == arch::vector::non_maskable || vector == arch::vector::machine_check;
    if (frame.from_user() && !is_about_the_machine) {
        kernel::signal_exception(frame, vector);
        return;
    }
    if (vector == arch::vector::non_maskable && kernel::answer_snapshot(frame)) {
        return;
    }
    TextBuffer<160> culprit;
    if (kernel::describe_stack_fault(frame, vector, culprit)) {
        kernel::panic(culprit.view(), frame);
    }
    kernel::panic(exception_names[vector < exception_names.size() ? vector : 15], frame);
}

void on_timer() noexcept {
    const kernel::TracedInterrupt traced(kernel::TracedInterrupt::timer);
    kernel::note_interrupt_time(kernel::TracedInterrupt::timer);
    kernel::book_user_time_at_tick();
    kernel::enforce_cpu_limit();
    kernel::dispatcher().on_timer();
}

void on_reschedule() noexcept {
    const kernel::TracedInterrupt traced(kernel::TracedInterrupt::reschedule);
    kernel::dispatcher().on_reschedule();
}

void on_return_to_user(TrapFrame& frame) noexcept {
    kernel::finish_return_to_user(frame);
}

void on_preemption_point() noexcept {
    kernel::dispatcher().on_preemption_point();
}

}  // namespace kidney::hal

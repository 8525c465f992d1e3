/// From the entry code to the upcalls: decodes what the processor reported, no policy.
#include "arch/i686/context/user_time.hpp"
#include "arch/i686/cpu/cpu_local.hpp"
#include "arch/i686/cpu/descriptors.hpp"
#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/smp/messages.hpp"
#include "arch/i686/time/timer.hpp"
#include "arch/i686/trap/exception_table.hpp"
#include "arch/i686/trap/interrupts.hpp"
#include "arch/i686/trap/trap_frame.hpp"
#include "arch/i686/trap/vectors.hpp"
#include "kidney/hal/upcalls.hpp"
#include "kidney/hal/user_memory.hpp"

namespace kidney::arch {

struct ExceptionTableEntry {
    std::uint32_t at;
    std::uint32_t fixup;
};
extern "C" const ExceptionTableEntry exception_table_start[];
extern "C" const ExceptionTableEntry exception_table_end[];

std::uint32_t fixup_for(std::uint32_t eip) noexcept {
    for (const auto* e = exception_table_start; e != exception_table_end; ++e) {
        if (e->at == eip) {
            return e->fixup;
        }
    }
    return 0;
}

namespace {

/// The error code of a page fault (Intel SDM volume 3, 4.7).
hal::PageFault decode_page_fault(const hal::TrapFrame& frame, std::uint32_t address) noexcept {
    constexpr std::uint32_t present = 1U << 0;
    constexpr std::uint32_t write = 1U << 1;
    constexpr std::uint32_t user = 1U << 2;
    constexpr std::uint32_t fetch = 1U << 4;
    hal::PageFault fault;
    fault.address = VirtAddr(address);
    fault.was_present = (frame.error_code & present) != 0;
    fault.from_user = (frame.error_code & user) != 0;
    if ((frame.error_code & fetch) != 0) {
        fault.access = hal::Access::execute;
    } else if ((frame.error_code & write) != 0) {
        fault.access = hal::Access::write;
    }
    return fault;
}

/// One writer, so no locked instruction; relaxed: a number for people.
void count_interrupt(std::uint32_t vector) noexcept {
    std::atomic<std::uint32_t>& count = this_cpu().interrupts[vector & 0xff];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

/// CR2 must be read before interrupts go on: an interrupt could fault, too.
void page_fault(hal::TrapFrame& frame) noexcept {
    const hal::PageFault fault = decode_page_fault(frame, read_cr2());
    count_interrupt(vector::page_fault);
    const std::uint32_t fixup = frame.from_user() ? 0 : fixup_for(frame.eip);
    // A kernel access to a user address that is not a user copy is a bug, not a demand for a page.
    const bool is_user_copy = fixup != 0 && fault.address < hal::user_end;
    if ((frame.eflags & eflags::interrupt) != 0) {
        sti();
    }
    if ((frame.from_user() || is_user_copy) && hal::on_page_fault(frame, fault)) {
        return;
    }
    if (fixup != 0) {
        frame.eip = fixup;
        return;
    }
    hal::on_exception(frame, vector::page_fault);
}

/// By the rules no program gets into virtual 8086 mode, but QEMU's interpreter lets IRET set that
/// flag in any ring. What it interrupted would look like the kernel. It goes on as a program that
/// faults: in protected mode again, at an address that it may not execute.
bool leave_virtual_8086(hal::TrapFrame& frame) noexcept {
    if ((frame.eflags & eflags::virtual_8086) == 0) [[likely]] {
        return false;
    }
    frame.eflags &= ~(eflags::virtual_8086 | eflags::io_privilege | eflags::nested_task);
    frame.eflags |= eflags::interrupt;
    frame.cs = selector::user_code;
    frame.ss = frame.ds = frame.es = selector::user_data;
    frame.fs = 0;
    frame.eip = hal::user_end.value();
    return true;
}

/// Debug kernels know that they are in a handler (locks: hal/lock_watch.hpp).
class HandlerScope {
public:
    HandlerScope() noexcept { count(1); }
    ~HandlerScope() { count(~0U); }
    HandlerScope(const HandlerScope&) = delete;
    HandlerScope& operator=(const HandlerScope&) = delete;

private:
    static void count(std::uint32_t more) noexcept {
        if constexpr (checks_lock_ranks) {
            this_cpu().interrupt_depth += more;
        }
    }
};

}  // namespace

// Called by entry.S.

extern "C" void trap_system_call(hal::TrapFrame& frame) noexcept {
    user_mode_ended();
    hal::on_system_call(frame);
}

extern "C" void trap_return_work(hal::TrapFrame& frame) noexcept {
    hal::on_return_to_user(frame);
}

extern "C" void trap_preemption_point() noexcept {
    hal::on_preemption_point();
}

extern "C" void trap_exception(hal::TrapFrame& frame) noexcept {
    const bool was_virtual = leave_virtual_8086(frame);
    if (frame.from_user()) {
        user_mode_ended();
    }
    if (frame.vector == vector::page_fault && !was_virtual) {
        page_fault(frame);
        return;
    }
    if (frame.vector == vector::non_maskable && stop_requested()) {
        stop_this_cpu();
    }
    // These two say something about the machine, not about the instruction they happened to meet:
    // no fixup is meant for them, and no program is to blame.
    const bool is_about_the_machine =
        frame.vector == vector::non_maskable || frame.vector == vector::machine_check;
    if (is_about_the_machine) {
        hal::on_exception(frame, frame.vector);
        return;
    }
    if (was_virtual) {
        return;
    }
    if (!frame.from_user()) {
        if (const std::uint32_t fixup = fixup_for(frame.eip); fixup != 0) {
            frame.eip = fixup;
            return;
        }
    } else {
        sti();  // the program had them on; arranging a signal may sleep
    }
    hal::on_exception(frame, frame.vector);
}

extern "C" void trap_interrupt(hal::TrapFrame& frame) noexcept {
    leave_virtual_8086(frame);
    if (frame.from_user()) {
        user_mode_ended();
    }
    count_interrupt(frame.vector);
    const HandlerScope handler;
    switch (frame.vector) {
        case vector::timer:
            acknowledge_message();
            timer_interrupt();
            return;
        case vector::reschedule:
            acknowledge_message();
            hal::on_reschedule();
            return;
        case vector::shoot_down:
            acknowledge_message();
            answer_shoot_downs();
            return;
        case vector::spurious:
            return;  // by definition not acknowledged
        default:
            line_interrupt(frame.vector);
            return;
    }
}

extern "C" [[noreturn]] void trap_double_fault() noexcept {
    // The processor has saved the victim's registers in the TSS it left. Rebuild a frame from them.
    const TaskState& t = this_cpu().task_state;
    hal::TrapFrame frame;
    frame.edi = t.edi;
    frame.esi = t.esi;
    frame.ebp = t.ebp;
    frame.ebx = t.ebx;
    frame.edx = t.edx;
    frame.ecx = t.ecx;
    frame.eax = t.eax;
    frame.ds = t.ds;
    frame.es = t.es;
    frame.fs = t.fs;
    frame.vector = vector::double_fault;
    frame.eip = t.eip;
    frame.cs = t.cs;
    frame.eflags = t.eflags;
    frame.esp = t.esp;
    frame.ss = t.ss;
    hal::on_exception(frame, vector::double_fault);
    for (;;) {
        hlt();
    }
}

}  // namespace kidney::arch

/// What the processor tells the kernel: declared here, called by `arch`, defined in `kernel/`.
///
/// Arrows point downwards everywhere else; a trap is the one thing that travels up. Each function
/// is one event, already decoded to arch-free values. A `TrapFrame` is the interrupted program's
/// registers; its layout belongs to `arch` (arch/i686/trap/trap_frame.hpp).
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/hal/interrupt_controller.hpp"
#include "kidney/hal/lock_watch.hpp"
#include "kidney/hal/page_fault.hpp"

#include <cstdint>

namespace kidney::hal {

struct TrapFrame;

/// A page fault of a user program, or of a user copy on its behalf (any other fault of the kernel
/// goes to on_exception). Interrupts are as they were at the fault, so it may sleep.
/// True: retry the access, or a signal is on its way. False, for a user copy only: nothing there;
/// the copy then stops short.
[[nodiscard]] bool on_page_fault(TrapFrame& frame, const PageFault& fault) noexcept;

/// Any other exception. `vector` is the processor's number; the frame has the error code.
/// From user mode: returns after arranging a signal. From the kernel, or if it tells about the
/// machine and not about the program (a non-maskable interrupt, a machine check): panics.
void on_exception(TrapFrame& frame, std::uint32_t vector) noexcept;

/// A system call; interrupts on. The result goes into the frame.
void on_system_call(TrapFrame& frame) noexcept;

/// A device interrupt; interrupts off. The line is acknowledged when it returns.
void on_interrupt(IrqLine line) noexcept;

/// This CPU's one-shot timer has reached its deadline; interrupts off.
void on_timer() noexcept;

/// Another CPU asked this one to look at its run queue; interrupts off.
void on_reschedule() noexcept;

/// On the way back to user mode with work flagged for this CPU (`Cpu::flag_work`), interrupts off:
/// reschedule, deliver signals. It clears the flag (`Cpu::clear_work`); called again while it is
/// set.
void on_return_to_user(TrapFrame& frame) noexcept;

/// An interrupt of kernel code is about to return to it with work flagged, interrupts off: a
/// preemptible kernel switches threads here. It may leave the flag set.
void on_preemption_point() noexcept;

/// What a debug kernel hears about locks (lock_watch.hpp). Not about those in its own books.
struct LockUpcalls {
    static void wanted(const HeldRanks& held, const LockRank& rank, LockKind kind) noexcept;
    static void taken(HeldRanks& held, LockKind kind, bool tried) noexcept;
    static void released(const HeldRanks& held, const LockRank& rank, LockKind kind,
                         const HeldRanks::Taking& taking, bool interrupts_come) noexcept;
    static void may_sleep() noexcept;
};
static_assert(LockWatcher<LockUpcalls>);

/// For the trace of events: somebody waits for a lock.
struct LockWaitUpcalls {
    static void begins(const LockRank& rank) noexcept;
    static void ends(const LockRank& rank) noexcept;
};

}  // namespace kidney::hal

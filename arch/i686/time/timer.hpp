/// This CPU's one-shot timer: the local APIC's, or channel 0 of the PIT on a machine without APIC.
#pragma once

#include "kidney/core/time.hpp"
#include "kidney/hal/clock.hpp"

namespace kidney::arch {

/// Call with interrupts off: the deadline belongs to the CPU.
struct Timer {
    static void arm(Instant deadline) noexcept;
    static void disarm() noexcept;
};
static_assert(hal::Timer<Timer>);

/// The timer's interrupt: the upcall if the deadline has come; re-arms if the hardware could not
/// count that far.
void timer_interrupt() noexcept;

}  // namespace kidney::arch

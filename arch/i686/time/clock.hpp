/// The monotonic clock: the time-stamp counter, scaled.
///
/// All CPUs' counters start together at reset (QEMU, Bochs, and hardware with an invariant TSC), so
/// one offset serves all. Before calibrate() the clock stands at 0.
#pragma once

#include "arch/i686/cpu/instructions.hpp"
#include "drivers/timer/tick_scale.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/sequenced.hpp"
#include "kidney/hal/clock.hpp"

#include <cstdint>

namespace kidney::arch {

/// Alone in its page, which programs may read (arch/i686/vdso).
struct alignas(page_size) ClockState {
    std::uint64_t tsc_at_zero = 0;
    std::uint64_t tsc_hertz = 0;
    drivers::TickScale nanoseconds;
    Sequenced64 time_of_day;  ///< minus what the clock says; kept by the kernel's wall clock
};
extern ClockState clock_state;  // time/clock.cpp; the clock's part is written once, at calibration

struct Clock {
    [[nodiscard]] static Instant now() noexcept {
        return Instant(clock_state.nanoseconds(rdtsc() - clock_state.tsc_at_zero));
    }
};
static_assert(hal::Clock<Clock>);

/// Notes the time-stamp counter at the kernel's entry: the clock's zero.
void start_clock() noexcept;
/// Measures the TSC against the PIT; takes 5 ms. From then on the clock runs.
void calibrate_clock() noexcept;
/// Measures this CPU's local APIC timer against the clock; takes 1 ms. Good for all CPUs.
void calibrate_local_apic_timer() noexcept;

}  // namespace kidney::arch

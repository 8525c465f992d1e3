#include "arch/i686/time/clock.hpp"

#include "arch/i686/cpu/port_io.hpp"
#include "arch/i686/time/local_apic_timer.hpp"
#include "arch/i686/trap/interrupts.hpp"
#include "drivers/timer/pit8254.hpp"
#include "kidney/core/log.hpp"

namespace kidney::arch {

constinit ClockState clock_state;
constinit LocalApicTimer local_apic_timer;

namespace {

constexpr std::uint32_t measurement_ticks = drivers::pit_hertz / 200;  // 5 ms

struct Measurement {
    std::uint64_t tsc = 0;
    std::uint32_t apic = 0;
};

/// How far the counters run while the PIT counts measurement_ticks.
Measurement measure(drivers::LocalApic<MmioBus>* apic) noexcept {
    drivers::Pit8254<PortIo> pit{PortIo{}};
    if (apic != nullptr) {
        apic->start_timer(~0U);
    }
    pit.start_measurement(measurement_ticks);
    Measurement m;
    const std::uint64_t tsc_before = rdtsc();
    const std::uint32_t apic_before = apic != nullptr ? apic->timer_remaining() : 0;
    // A PIT that never answers would hang the boot; ten thousand million cycles is long enough.
    constexpr std::uint64_t patience = 10'000'000'000;
    while (!pit.measurement_done() && rdtsc() - tsc_before < patience) {
    }
    m.tsc = rdtsc() - tsc_before;
    if (apic != nullptr) {
        m.apic = apic_before - apic->timer_remaining();
        apic->stop_timer();
    }
    return m;
}

constexpr std::uint64_t to_hertz(std::uint64_t counted) noexcept {
    return counted * drivers::pit_hertz / measurement_ticks;
}

}  // namespace

void start_clock() noexcept {
    clock_state.tsc_at_zero = rdtsc();
}

void calibrate_clock() noexcept {
    drivers::LocalApic<MmioBus>* const apic = local_apic();
    const Measurement m = measure(apic);
    clock_state.tsc_hertz = to_hertz(m.tsc);
    clock_state.nanoseconds = drivers::TickScale::nanoseconds(clock_state.tsc_hertz);
    log::info<"time">("time-stamp counter at {} kHz", clock_state.tsc_hertz / 1000);
    if (apic != nullptr) {
        const std::uint64_t hertz = to_hertz(m.apic == 0 ? 1 : m.apic);
        local_apic_timer.ticks = drivers::TickScale::ticks(hertz);
        log::info<"time">("local APIC timer at {} kHz", hertz / 1000);
    }
}

}  // namespace kidney::arch

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

/// A counter's value, and when it was read.
struct Sample {
    std::uint64_t tsc = 0;
    std::uint32_t count = 0;
};

/// Reads a counter several times and keeps the reading that took least time: a virtual CPU can lose
/// the processor for milliseconds between any two instructions.
template <class Counter>
Sample best_sample(Counter read) noexcept {
    constexpr int tries = 8;
    Sample best;
    std::uint64_t best_width = ~std::uint64_t{0};
    for (int i = 0; i < tries; ++i) {
        const std::uint64_t before = rdtsc();
        const std::uint32_t count = read();
        const std::uint64_t width = rdtsc() - before;
        if (width < best_width) {
            best_width = width;
            best = {before + width / 2, count};
        }
    }
    return best;
}

/// TSC ticks per second, measured while the PIT counts 5 ms. 0: the measurement was disturbed.
std::uint64_t measure_tsc() noexcept {
    constexpr std::uint32_t enough = drivers::pit_hertz / 200;
    drivers::Pit8254<PortIo> pit{PortIo{}};
    pit.start_measurement(drivers::Pit8254<PortIo>::longest);
    const auto read = [&pit] { return pit.measurement_count(); };
    const Sample start = best_sample(read);
    constexpr std::uint64_t patience = 10'000'000'000;  // cycles; for a machine without a PIT
    while (start.count - pit.measurement_count() < enough && rdtsc() - start.tsc < patience) {
    }
    const Sample end = best_sample(read);
    if (pit.measurement_done() || start.count <= end.count) {
        return 0;  // 55 ms have passed: the counter has gone round
    }
    return (end.tsc - start.tsc) * drivers::pit_hertz / (start.count - end.count);
}

}  // namespace

void start_clock() noexcept {
    clock_state.tsc_at_zero = rdtsc();
}

void calibrate_clock() noexcept {
    constexpr std::uint64_t usual_hertz = 1'000'000'000;
    constexpr int tries = 10;
    std::uint64_t hertz = 0;
    for (int i = 0; i < tries && hertz == 0; ++i) {
        hertz = measure_tsc();
    }
    if (hertz == 0) {
        log::warning<"time">("cannot measure the time-stamp counter");
        hertz = usual_hertz;
    }
    clock_state.tsc_hertz = hertz;
    clock_state.nanoseconds = drivers::TickScale::nanoseconds(hertz);
    log::info<"time">("time-stamp counter at {} kHz", hertz / 1000);
}

void calibrate_local_apic_timer() noexcept {
    auto& apic = *local_apic();
    const auto read = [&apic] { return apic.timer_remaining(); };
    const std::uint64_t interval = clock_state.tsc_hertz / 1000;
    apic.start_timer(~0U);
    const Sample start = best_sample(read);
    while (rdtsc() - start.tsc < interval) {
    }
    const Sample end = best_sample(read);
    apic.stop_timer();
    const std::uint32_t ticks = start.count > end.count ? start.count - end.count : 1;
    const std::uint64_t elapsed = clock_state.nanoseconds(end.tsc - start.tsc);
    local_apic_timer.ticks = drivers::TickScale::ratio(ticks, elapsed);
    log::info<"time">("local APIC timer at {} kHz", ticks * std::uint64_t{1'000'000} / elapsed);
}

}  // namespace kidney::arch

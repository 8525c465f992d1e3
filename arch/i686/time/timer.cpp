#include "arch/i686/time/timer.hpp"

#include "arch/i686/cpu/cpu_local.hpp"
#include "arch/i686/cpu/port_io.hpp"
#include "arch/i686/time/clock.hpp"
#include "arch/i686/time/local_apic_timer.hpp"
#include "arch/i686/trap/interrupts.hpp"
#include "drivers/timer/pit8254.hpp"
#include "kidney/hal/upcalls.hpp"

#include <algorithm>

namespace kidney::arch {

namespace {

constexpr drivers::TickScale pit_ticks = drivers::TickScale::ticks(drivers::pit_hertz);

/// Starts the hardware for `wait` nanoseconds, or for as long as it can.
void start(std::uint64_t wait) noexcept {
    // The conversion to ticks wraps some day; whoever waits that long can bear a look every hour.
    constexpr std::uint64_t longest = 3'600'000'000'000;
    wait = std::min(wait, longest);
    if (auto* const apic = local_apic(); apic != nullptr) {
        // A little longer than measured: coming early costs a second interrupt, a microsecond late
        // costs nothing.
        const std::uint64_t exact = local_apic_timer.ticks(wait);
        const std::uint64_t ticks = exact + exact / 4096 + 1;
        apic->start_timer(static_cast<std::uint32_t>(std::min<std::uint64_t>(ticks, ~0U)));
        return;
    }
    const std::uint64_t ticks = pit_ticks(wait) + 1;
    drivers::Pit8254<PortIo> pit{PortIo{}};
    pit.start_one_shot(static_cast<std::uint32_t>(
        std::min<std::uint64_t>(ticks, drivers::Pit8254<PortIo>::longest)));
}

void start_until(Instant deadline) noexcept {
    const Instant now = Clock::now();
    start(deadline > now ? static_cast<std::uint64_t>((deadline - now).count()) : 0);
}

}  // namespace

void Timer::arm(Instant deadline) noexcept {
    CpuLocal& cpu = this_cpu();
    if (deadline == Instant::never()) {
        disarm();
        return;
    }
    cpu.timer_deadline = deadline;
    start_until(deadline);
}

void Timer::disarm() noexcept {
    CpuLocal& cpu = this_cpu();
    if (cpu.timer_deadline == Instant::never()) {
        return;
    }
    cpu.timer_deadline = Instant::never();
    if (auto* const apic = local_apic(); apic != nullptr) {
        apic->stop_timer();
    } else {
        drivers::Pit8254<PortIo>{PortIo{}}.stop();
    }
}

void timer_interrupt() noexcept {
    CpuLocal& cpu = this_cpu();
    if (cpu.timer_deadline == Instant::never()) {
        return;  // disarmed while the interrupt was on its way
    }
    if (Clock::now() < cpu.timer_deadline) {
        start_until(cpu.timer_deadline);
        return;
    }
    cpu.timer_deadline = Instant::never();
    hal::on_timer();
}

}  // namespace kidney::arch

/// The boot option `trace_events`: what happens on each CPU, for `./kidney run --trace FILE`.
///
/// A trace point is one comparison with a flag that is nearly always 0:
///
///     if (traces_events()) [[unlikely]] {
///         trace_event(sched::CpuEvent::Kind::fault, address);
///     }
#pragma once

#include "kernel/kernel.hpp"
#include "kidney/hal/upcalls.hpp"
#include "sched/trace/event.hpp"

#include <atomic>
#include <cstdint>

namespace kidney::kernel {

extern constinit std::atomic<bool> event_trace_is_on;

[[nodiscard]] inline bool traces_events() noexcept {
    return event_trace_is_on.load(std::memory_order_relaxed);
}

/// Into this CPU's ring, with the time. Any context but a non-maskable interrupt.
void trace_event(sched::CpuEvent::Kind kind, std::uint32_t first = 0, std::uint32_t second = 0,
                 std::uint8_t detail = 0) noexcept;
/// And who they are, if that is not known there. Interrupts off.
void trace_switch(Thread& from, Thread& to) noexcept;

/// What the calling thread is called now, if that is new: when it becomes another program, and at
/// its end. (Switches see to it else.)
void trace_name() noexcept;

/// Does a system call, and traces it. While events are traced, handler_of() leads here: else calls
/// cost nothing for it.
[[nodiscard]] std::int32_t traced_call(Process& self, hal::TrapFrame& frame) noexcept;

/// A handler that runs.
class TracedInterrupt {
public:
    static constexpr std::uint32_t timer = 0, reschedule = 1, first_line = 16;

    explicit TracedInterrupt(std::uint32_t which) noexcept {
        if (traces_events()) [[unlikely]] {
            trace_event(sched::CpuEvent::Kind::interrupt, which);
        }
    }
    ~TracedInterrupt() {
        if (traces_events()) [[unlikely]] {
            trace_event(sched::CpuEvent::Kind::handled);
        }
    }
    TracedInterrupt(const TracedInterrupt&) = delete;
    TracedInterrupt& operator=(const TracedInterrupt&) = delete;
};

/// Makes the rings of these CPUs, as long as memory allows, and begins. Before the first thread.
/// Without memory it says so and traces nothing.
void start_event_trace(CpuSet cpus) noexcept;
void stop_event_trace() noexcept;
/// After that: writes what was recorded to the log; nothing if nothing was.
void write_event_trace() noexcept;

}  // namespace kidney::kernel

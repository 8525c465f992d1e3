#include "kernel/event_trace.hpp"

#include "kernel/interrupts.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process/process.hpp"
#include "kernel/syscall/table.hpp"
#include "kidney/core/log.hpp"
#include "kidney/hal/upcalls.hpp"
#include "sched/trace/event_ring.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string_view>

namespace kidney::kernel {

constinit std::atomic<bool> event_trace_is_on{false};

namespace {

using sched::CpuEvent;
using Ring = sched::EventRing<Cpu>;

constexpr std::size_t most_slots = 1U << 16;  // 1 MiB, seconds of a busy CPU
constexpr std::size_t least_slots = 1U << 10;

constinit std::array<Ring, max_cpus> rings;

/// Never given back: it is for runs that end with the trace.
std::span<Ring::Slot> allocate_slots(std::size_t count) noexcept {
    const Result<void*> memory = heap().allocate(count * sizeof(Ring::Slot));
    if (!memory) {
        return {};
    }
    auto* const slots = static_cast<Ring::Slot*>(*memory);
    for (std::size_t i = 0; i < count; ++i) {
        ::new (&slots[i]) Ring::Slot();
    }
    return {slots, count};
}

/// Interrupts off: they are the other writers of this CPU's ring.
void record(Ring& ring, const CpuEvent& event) noexcept {
    if (ring.is_started()) {
        ring.record(event);
    }
}
Ring& ring_here() noexcept {
    return rings[Cpu::id().value()];
}

/// A name is recorded when it is new, and again when the last time may soon be overwritten.
void record_name(Ring& ring, Thread& thread) noexcept {
    const bool is_idle = thread.id == 0;
    const bool has_left_its_process = thread.process == nullptr && thread.traced_name != 0;
    if (!ring.is_started() || is_idle || has_left_its_process) {
        return;
    }
    const sched::EventName name{
        .id = thread.id,
        .pid =
            thread.process == nullptr ? 0 : static_cast<std::uint32_t>(thread.process->pid.value()),
        .text = thread.name_text,
    };
    const auto quarter = ring.written() / static_cast<std::uint32_t>(ring.capacity() / 4);
    const std::uint32_t stands = (name.hash() ^ quarter) | 1;  // 0: no name was recorded
    if (thread.traced_name != stands) {
        thread.traced_name = stands;
        for (std::uint8_t n = 0; n < sched::EventName::parts; ++n) {
            record(ring, name.part(n, Clock::now()));
        }
    }
}

CpuEvent::Left how_it_left(const Thread& thread) noexcept {
    switch (thread.state) {
        case sched::ThreadState::waiting:
            return CpuEvent::Left::waiting;
        case sched::ThreadState::exited:
            return CpuEvent::Left::ended;
        default:
            return CpuEvent::Left::ready;
    }
}

void write_line(std::string_view line) noexcept {
    log::info<"events">("{}", line);
}

/// What the numbers in the trace mean.
void write_names() noexcept {
    std::array<const char*, 256> locks{};
    std::array<bool, call_limit> calls{};
    for (const Ring& ring : rings) {
        static_cast<void>(ring.read([&](const CpuEvent& event) noexcept {
            if (event.kind == CpuEvent::Kind::lock_wanted) {
                locks[event.first & 0xffU] = reinterpret_cast<const char*>(event.second);
            }
            if (event.kind == CpuEvent::Kind::call && event.first < call_limit) {
                calls[event.first] = true;
            }
        }));
    }
    log::info<"events">("{} names", sched::event_trace_magic);
    for (std::uint32_t number = 0; number < call_limit; ++number) {
        if (const SystemCall* const call = calls[number] ? call_of(number) : nullptr) {
            log::info<"events">("call {} {}", number, call->name);
        }
    }
    for (std::uint32_t rank = 0; rank < locks.size(); ++rank) {
        if (locks[rank] != nullptr) {
            log::info<"events">("lock {} {}", rank, locks[rank]);
        }
    }
    for (std::uint8_t line = 0; line < 64; ++line) {
        if (const char* const name = interrupt_name(hal::IrqLine(line)); name != nullptr) {
            log::info<"events">("line {} {}", line, name);
        }
    }
    write_line("end");
}

}  // namespace

void trace_event(CpuEvent::Kind kind, std::uint32_t first, std::uint32_t second,
                 std::uint8_t detail) noexcept {
    const hal::InterruptGuard<Cpu> off;
    record(ring_here(),
           {.kind = kind, .detail = detail, .at = Clock::now(), .first = first, .second = second});
}

void trace_switch(Thread& from, Thread& to) noexcept {
    Ring& ring = ring_here();
    record_name(ring, from);
    record_name(ring, to);
    record(ring, {.kind = CpuEvent::Kind::switched,
                  .detail = static_cast<std::uint8_t>(how_it_left(from)),
                  .at = Clock::now(),
                  .first = from.id,
                  .second = to.id});
}

void trace_name() noexcept {
    const hal::InterruptGuard<Cpu> off;
    record_name(ring_here(), current_thread());
}

std::int32_t traced_call(Process& self, hal::TrapFrame& frame) noexcept {
    const std::uint32_t number = frame.error_code;
    trace_event(CpuEvent::Kind::call, number);
    const std::int32_t result = call_of(number)->handler(self, frame);
    trace_event(CpuEvent::Kind::returned, static_cast<std::uint32_t>(result));
    return result;
}

void start_event_trace(CpuSet cpus) noexcept {
    for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
        std::span<Ring::Slot> slots;
        for (std::size_t count = most_slots;
             cpus.contains(CpuId(cpu)) && slots.empty() && count >= least_slots; count /= 2) {
            slots = allocate_slots(count);
        }
        if (!slots.empty()) {
            rings[cpu].start(slots);
        } else if (cpus.contains(CpuId(cpu))) {
            log::warning<"events">("no memory to trace CPU {}", cpu);
        }
    }
    event_trace_is_on.store(true);
    for (std::uint32_t number = 0; number < call_limit; ++number) {
        set_detour(number, nullptr);
    }
}

void stop_event_trace() noexcept {
    event_trace_is_on.store(false);
}

void write_event_trace() noexcept {
    bool is_any = false;
    for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
        if (rings[cpu].is_started()) {
            sched::write_ring(rings[cpu], CpuId(cpu), &write_line);
            is_any = true;
        }
    }
    if (is_any) {
        write_names();
    }
}

}  // namespace kidney::kernel

void kidney::hal::LockWaitUpcalls::begins(const LockRank& rank) noexcept {
    if (kernel::traces_events()) [[unlikely]] {
        kernel::trace_event(sched::CpuEvent::Kind::lock_wanted, rank.value,
                            reinterpret_cast<std::uint32_t>(rank.name));
    }
}

void kidney::hal::LockWaitUpcalls::ends(const LockRank& rank) noexcept {
    if (kernel::traces_events()) [[unlikely]] {
        kernel::trace_event(sched::CpuEvent::Kind::lock_got, rank.value);
    }
}

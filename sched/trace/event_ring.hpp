/// Where a CPU writes down what happens on it: the newest events, in a ring of its own, without a
/// lock.
///
///   T1 what is read was written so: no half of an event
///   T2 in the order of writing
///   T3 read + lost = written: whatever is missing was overwritten, the oldest first, and is
///   counted
///
/// The oldest give way because what one wants to see is mostly what came last, and because a writer
/// that never waits and never asks is a short one.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/format.hpp"
#include "kidney/core/time.hpp"
#include "kidney/hal/cpu.hpp"
#include "sched/trace/event.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <tuple>

namespace kidney::sched {

/// Concurrency: one writer, which another writer must not interrupt (a CPU with its interrupts
/// off); readers at any time. Cost: six stores; read(): O(events).
template <hal::AtomicsProvider C>
class EventRing {
    template <class T>
    using Atomic = typename C::template Atomic<T>;

public:
    struct Slot {
        std::array<Atomic<std::uint32_t>, std::tuple_size_v<CpuEvent::Words>> words{};
    };

    /// Before the first record() and read(). At most 2^31, a power of two.
    void start(std::span<Slot> slots) noexcept {
        KIDNEY_INVARIANT(std::has_single_bit(slots.size()), "a ring has a power of two of slots");
        slots_ = slots;
    }
    [[nodiscard]] bool is_started() const noexcept { return !slots_.empty(); }
    [[nodiscard]] std::size_t capacity() const noexcept { return slots_.size(); }
    /// So far; goes round after 2^32.
    [[nodiscard]] std::uint32_t written() const noexcept {
        return ended_.load(std::memory_order_acquire);
    }

    void record(const CpuEvent& event) noexcept {
        const std::uint32_t n = ended_.load(std::memory_order_relaxed);
        begun_.store(n + 1, std::memory_order_relaxed);
        Slot& slot = slot_of(n);
        const CpuEvent::Words words = event.words();
        for (std::size_t i = 0; i < words.size(); ++i) {
            // release: who reads a new word sees that it was begun.
            slot.words[i].store(words[i], std::memory_order_release);
        }
        ended_.store(n + 1, std::memory_order_release);
    }

    /// Calls f(CpuEvent) with each event that is still there, the oldest first. Returns how many
    /// were overwritten, before that or meanwhile; those that come meanwhile are left for the next
    /// time.
    template <class F>
    std::uint32_t read(F&& f) const noexcept {
        const std::uint32_t end = written();
        const auto most = static_cast<std::uint32_t>(slots_.size());
        // After 2^32 events nobody can tell any more whether the ring was ever filled.
        std::uint32_t lost = end > most ? end - most : 0;
        for (std::uint32_t n = lost; n != end; ++n) {
            const Slot& slot = slot_of(n);
            CpuEvent::Words words{};
            for (std::size_t i = 0; i < words.size(); ++i) {
                words[i] = slot.words[i].load(std::memory_order_acquire);
            }
            // acquire above: had a word been of the next round, this would show that it was begun.
            if (begun_.load(std::memory_order_relaxed) - n <= most) {
                f(CpuEvent::of(words));
            } else {
                ++lost;
            }
        }
        return lost;
    }

private:
    [[nodiscard]] Slot& slot_of(std::uint32_t n) const noexcept {
        return slots_[n & (slots_.size() - 1)];
    }

    std::span<Slot> slots_;
    Atomic<std::uint32_t> begun_{0};  ///< events whose writing has begun
    Atomic<std::uint32_t> ended_{0};  ///< events that are whole
};

/// A whole ring as text. Calls line(text) with each line.
template <hal::AtomicsProvider C, class Line>
void write_ring(const EventRing<C>& ring, CpuId cpu, Line&& line) noexcept {
    constexpr std::size_t line_length = 200;
    TextBuffer<line_length> text;
    format_to(text, "{} cpu={}", event_trace_magic, cpu);
    line(text.view());
    text.clear();
    std::uint32_t events = 0;
    Instant before;
    const std::uint32_t lost = ring.read([&](const CpuEvent& event) noexcept {
        ++events;
        TextBuffer<64> word;
        write_event(word, event, before);
        before = event.at;
        if (text.view().size() + word.view().size() + 1 > line_length) {
            line(text.view());
            text.clear();
        }
        if (!text.view().empty()) {
            text.write(" ");
        }
        text.write(word.view());
    });
    if (!text.view().empty()) {
        line(text.view());
    }
    text.clear();
    format_to(text, "end events={} lost={}", events, lost);
    line(text.view());
}

}  // namespace kidney::sched

/// What happens on a CPU, as records of 16 bytes; and their text form.
///
/// Text form, version 1: a header for each CPU, its events as words, `end`; then what the numbers
/// in them mean. A word is the time since the event before it on that CPU (of the first one: since
/// boot) in nanoseconds, a letter, and numbers. Lines may break between any words.
///
///     kidney-event-trace 1 cpu=0
///     48211s1,0,3   from thread 1, which is ready (0), waits (1) or has ended (2), to thread 3
///     700w5,1,0     thread 5 is woken and will run on CPU 1; 1: it is new
///     90m5,0,1      thread 5 moves from CPU 0 to CPU 1
///     120c4 300r1   a system call: its number; what it returns, if it does
///     90f8049f10 800g     a page fault, at that address; it was seen to
///     10i0 40j      an interrupt: 0 the timer, 1 another CPU's, 16 and on a device's line; its end
///     10l50 300u50  somebody waits for a lock of that rank; and has it
///     0n0,3,7 0n1,6c6c6568,6f 0n2,0,0     thread 3 is process 7 (0: none), called "hello"
///     end events=15 lost=0
///     kidney-event-trace 1 names
///     call 4 write
///     lock 50 wall clock
///     line 4 serial port
///     end
#pragma once

#include "kidney/core/format.hpp"
#include "kidney/core/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kidney::sched {

inline constexpr std::string_view event_trace_magic = "kidney-event-trace 1";

struct CpuEvent {
    enum class Kind : std::uint8_t {
        switched,  ///< detail: how the first one left (Left); first, second: ids
        woken,     ///< detail: 1 if it is new; first: id, second: CPU
        moved,     ///< first: id, second: from << 8 | to
        call,      ///< first: its number
        returned,  ///< first: the result
        fault,     ///< first: the address
        resolved,
        interrupt,  ///< first: which
        handled,
        lock_wanted,  ///< first: the rank; second: its name, for whoever has the same memory
        lock_got,     ///< first: the rank
        name,         ///< detail: which part of it
    };
    enum class Left : std::uint8_t { ready, waiting, ended };

    Kind kind = Kind::switched;
    std::uint8_t detail = 0;  ///< below 8
    Instant at;               ///< below 2^56 ns, two years
    std::uint32_t first = 0, second = 0;

    using Words = std::array<std::uint32_t, 4>;
    [[nodiscard]] constexpr Words words() const noexcept {
        const std::uint64_t ns = at.nanoseconds();
        return {static_cast<std::uint32_t>(ns),
                (static_cast<std::uint32_t>(ns >> 32) & 0xff'ffffU) | std::uint32_t{detail} << 24 |
                    static_cast<std::uint32_t>(kind) << 27,
                first, second};
    }
    [[nodiscard]] static constexpr CpuEvent of(const Words& words) noexcept {
        return {.kind = static_cast<Kind>(words[1] >> 27),
                .detail = static_cast<std::uint8_t>(words[1] >> 24 & 7),
                .at = Instant(std::uint64_t{words[1] & 0xff'ffffU} << 32 | words[0]),
                .first = words[2],
                .second = words[3]};
    }
    friend constexpr bool operator==(const CpuEvent&, const CpuEvent&) noexcept = default;
};

/// The parts of a name, to be recorded one after the other: it has three records.
struct EventName {
    static constexpr std::uint8_t parts = 3;
    std::uint32_t id = 0, pid = 0;
    std::array<char, 16> text{};  ///< ends with 0

    [[nodiscard]] constexpr CpuEvent part(std::uint8_t n, Instant now) const noexcept {
        return n == 0 ? CpuEvent{CpuEvent::Kind::name, 0, now, id, pid}
                      : CpuEvent{CpuEvent::Kind::name, n, now, letters(n * 8U - 8),
                                 letters(n * 8U - 4)};
    }
    /// To tell whether it has changed.
    [[nodiscard]] constexpr std::uint32_t hash() const noexcept {
        std::uint32_t hash = 2166136261U;  // FNV-1a
        for (const std::uint32_t word :
             {id, pid, letters(0), letters(4), letters(8), letters(12)}) {
            hash = (hash ^ word) * 16777619U;
        }
        return hash;
    }

private:
    [[nodiscard]] constexpr std::uint32_t letters(std::size_t from) const noexcept {
        std::uint32_t word = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            word |= std::uint32_t{static_cast<unsigned char>(text[from + i])} << 8 * i;
        }
        return word;
    }
};

/// One event as a word.
template <TextSink S>
void write_event(S& sink, const CpuEvent& event, Instant before) noexcept {
    using Kind = CpuEvent::Kind;
    constexpr std::string_view letters = "swmcrfgijlun";
    format_to(sink, "{}{}", (event.at - before).count(),
              letters[static_cast<std::size_t>(event.kind)]);
    switch (event.kind) {
        case Kind::switched:
            format_to(sink, "{},{},{}", event.first, std::uint32_t{event.detail}, event.second);
            return;
        case Kind::woken:
            format_to(sink, "{},{},{}", event.first, event.second, std::uint32_t{event.detail});
            return;
        case Kind::moved:
            format_to(sink, "{},{},{}", event.first, event.second >> 8, event.second & 0xffU);
            return;
        case Kind::call:
        case Kind::interrupt:
        case Kind::lock_wanted:
        case Kind::lock_got:
            format_to(sink, "{}", event.first);
            return;
        case Kind::returned:
            format_to(sink, "{}", static_cast<std::int32_t>(event.first));
            return;
        case Kind::fault:
            format_to(sink, "{:x}", event.first);
            return;
        case Kind::resolved:
        case Kind::handled:
            return;
        case Kind::name:
            if (event.detail == 0) {
                format_to(sink, "0,{},{}", event.first, event.second);
            } else {
                format_to(sink, "{},{:x},{:x}", std::uint32_t{event.detail}, event.first,
                          event.second);
            }
            return;
    }
}

}  // namespace kidney::sched

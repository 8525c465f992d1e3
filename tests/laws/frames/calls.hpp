/// What the laws of `mm::FrameAllocator` ask and what comes back, as data. Freestanding.
///
/// A *plan* is a short list of steps that a seed has made. The *director* (director.hpp) turns it
/// into calls one at a time, the *player* (player.hpp) makes them on an allocator, and the *shadow*
/// (shadow.hpp), which never sees the allocator, judges the answers. So player and judge can be in
/// different processes (tests/judge), and the same plans run in one process and in the kernel.
#pragma once

#include "kidney/core/format.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::laws::frames {

enum class Law : std::uint8_t { f1, f2, f3, f4, f5, f6, f7, f8 };
inline constexpr std::size_t law_count = 8;
inline constexpr const char* law_names[law_count] = {"F1", "F2", "F3", "F4",
                                                     "F5", "F6", "F7", "F8"};
inline constexpr const char* law_texts[law_count] = {
    "F1 a block lies in added frames, aligned to its size",
    "F2 live blocks are disjoint",
    "F3 free_frames() moves by exactly 2^order",
    "F4 allocate() fails only with no_memory, changing nothing, and only if there is no such block",
    "F5 when everything is freed, the largest aligned blocks are available again",
    "F6 freeing a block that is not live is an invariant failure",
    "F7 metadata depends on the span alone, and only it is written; holes stay holes",
    "F8 allocators share nothing, and answers depend neither on addresses nor on an earlier life",
};

/// The first five are calls. The others are steps that the director turns into calls.
enum class Op : std::uint8_t {
    attach,       ///< to the plan's span
    add_region,   ///< a: first frame, b: count
    measure,      ///< metadata_bytes(); a: first frame, b: count
    allocate,     ///< a: name of the block to come, or `unnamed`
    free,         ///< a: name of a block, b: frames behind its start; or `unnamed` and a frame
    free_any,     ///< a: which live block, modulo their number
    free_wrong,   ///< a: which live block, b: a WrongFree
    fill,         ///< allocate until refused; a: at most so often, 0: without limit
    free_all,     ///< a: a FreeOrder, b: seed
    free_others,  ///< all but the block that has frame a
    churn,        ///< a: calls, b: seed
    every_order,  ///< one attempt at each order; a: not 0: and at some that are too large
};
inline constexpr unsigned op_count = 12;

inline constexpr std::uint32_t unnamed = ~0U;

enum class WrongFree : std::uint8_t {
    smaller,
    larger,
    another_order,
    tail,
    inside,
    beside,
    before,
    twice,
    behind_span,
    before_span,
    far_away,
    order_too_large,
    order_far_too_large,
};
inline constexpr unsigned wrong_free_count = 13;

enum class FreeOrder : std::uint8_t { oldest_first, newest_first, random };

struct Step {
    Op op = Op::attach;
    std::uint8_t instance = 0;
    std::uint8_t order = 0;
    std::uint32_t a = 0;
    std::uint32_t b = 0;
};

/// What exactly is called, on one of the two allocators.
struct Call {
    Op op = Op::attach;
    std::uint8_t instance = 0;
    std::uint8_t order = 0;
    FrameRange range;            ///< attach, add_region, measure; free: `first` alone
    std::uint32_t id = unnamed;  ///< allocate: the block's name; free: of which block
    std::uint32_t offset = 0;    ///< free: frames behind its start
};

struct Answer {
    enum class Outcome : std::uint8_t {
        done,
        served,     ///< `frame` is the block
        refused,    ///< with `error`
        trapped,    ///< an invariant failure
        oversized,  ///< attach: wants `size` bytes of metadata, which is out of all proportion
        endless,    ///< made too many steps in this call
        worn_out,   ///< has no steps left that it could make
    };
    Outcome outcome = Outcome::done;
    Errc error = Errc::no_memory;
    bool before_intact = true;  ///< the bytes before the metadata
    bool behind_intact = true;
    FrameNumber frame;
    std::uint32_t free_frames = 0;  ///< after the call
    std::uint32_t size = 0;         ///< of metadata
};

/// It was ended: what it was about to do is neither done nor undone.
[[nodiscard]] constexpr bool has_no_end(const Answer& answer) noexcept {
    return answer.outcome == Answer::Outcome::endless ||
           answer.outcome == Answer::Outcome::worn_out;
}

inline constexpr unsigned max_instances = 2;
/// Blocks that an allocator is asked for in one plan, at most.
inline constexpr std::size_t plan_blocks = 1U << 15;

/// Of a life before the plan's: neither as long as any map, nor at the same place in a chunk.
inline constexpr FrameRange earlier_span{FrameNumber(0x3003), 700};

struct Plan {
    Law law = Law::f1;  ///< which it is made for
    std::array<FrameRange, max_instances> spans{};
    std::span<const Step> steps;
    std::uint8_t instances = 1;   ///< bit i: allocator i takes part
    bool interleaved = false;     ///< the steps of both by turns, else in their order
    std::uint32_t shift = 0;      ///< added to every frame that the allocator sees
    std::uint32_t place = 0;      ///< bytes by which metadata begins later; a multiple of 16
    std::uint8_t pattern = 0xA5;  ///< what memory holds before
    bool lived_before = false;    ///< the allocators have had a life, over `earlier_span`
};

/// More bytes of metadata than this are a fault, not a design.
[[nodiscard]] constexpr std::uint64_t metadata_limit(FrameRange span) noexcept {
    constexpr std::uint64_t chunk = mm::max_order.frames();
    const std::uint64_t first = span.first.value() / chunk * chunk;
    const std::uint64_t end =
        (std::uint64_t{span.first.value()} + span.count + chunk - 1) / chunk * chunk;
    return (end - first) * 64 + 4096;
}

/// "allocate(2) -> 0x210", as messages and reports show it.
template <TextSink S>
void write_call(S& sink, const Call& call, const Answer* answer, bool two) noexcept {
    if (two) {
        format_to(sink, "{}.", call.instance == 0 ? "a" : "b");
    }
    const std::uint32_t first = call.range.first.value();
    switch (call.op) {
        case Op::attach:
            format_to(sink, "attach(0x{:x}, {})", first, call.range.count);
            break;
        case Op::add_region:
            format_to(sink, "add_region(0x{:x}, {})", first, call.range.count);
            break;
        case Op::measure:
            format_to(sink, "metadata_bytes(0x{:x}, {})", first, call.range.count);
            break;
        case Op::allocate:
            format_to(sink, "allocate({})", call.order);
            break;
        default:
            format_to(sink, "free(0x{:x}, {})", first, call.order);
            break;
    }
    if (answer == nullptr) {
        return;
    }
    switch (answer->outcome) {
        case Answer::Outcome::served:
            format_to(sink, " -> 0x{:x}", answer->frame.value());
            break;
        case Answer::Outcome::refused:
            format_to(sink, " -> {}", answer->error);
            break;
        case Answer::Outcome::trapped:
            format_to(sink, " -> invariant failure");
            break;
        case Answer::Outcome::endless:
            format_to(sink, " -> does not come back");
            break;
        case Answer::Outcome::worn_out:
            format_to(sink, " -> does not come back within the steps that are left");
            break;
        default:
            if (call.op == Op::measure) {
                format_to(sink, " -> {}", answer->size);
            }
            break;
    }
}

}  // namespace kidney::laws::frames

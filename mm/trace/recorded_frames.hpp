/// A frame policy whose calls are recorded while a trace is on: what `./kidney run --record-frames`
/// writes and `./kidney lab frames --trace` repeats on all policies.
///
/// A wrapper that models the concept it wraps. It stands below the lock, so that the calls are
/// recorded in the order in which they are answered (of a policy that needs no lock they may change
/// places where that makes no difference to who has a block when), and below the magazines, whose
/// fast path must not know about it.
#pragma once

#include "kidney/mm/frame_allocator.hpp"
#include "mm/trace/frame_trace.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::mm {

/// Says where calls are recorded: `static FrameTrace trace`, as there are several policies (zones)
/// and one order of their calls.
template <class R>
concept FrameRecorder = requires {
    { (R::trace) } -> std::same_as<FrameTrace&>;
};

namespace detail {
template <class Policy>
struct SharedLike {};
template <SharedFrameAllocator Policy>
struct SharedLike<Policy> {
    static constexpr bool is_shared = true;
};
}  // namespace detail

/// Concurrency: as the policy. Cost: the policy's, and FrameTrace::record(); while it is off, once
/// for a batch.
template <FrameAllocator Policy, FrameRecorder Recorder>
class RecordedFrames : public detail::SharedLike<Policy> {
    using Kind = FrameEvent::Kind;

public:
    static constexpr const char* name = Policy::name;
    static constexpr FrameOrder largest_order = largest_order_of<Policy>;

    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        record(Kind::span_first, Kind::span_last, span);
        policy_.attach(span, metadata);
    }
    void add_region(FrameRange region) noexcept {
        record(Kind::region_first, Kind::region_last, region);
        policy_.add_region(region);
    }
    // always_inline: so that the policy goes into the loop of a batch as it does without the
    // wrapper.
    [[nodiscard, gnu::always_inline]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const Result<FrameNumber> block = policy_.allocate(order);
        if (Recorder::trace.is_on()) [[unlikely]] {
            Recorder::trace.record(block ? Kind::granted : Kind::refused,
                                   block ? *block : FrameNumber(0), order);
        }
        return block;
    }
    [[gnu::always_inline]] void free(FrameNumber first, FrameOrder order) noexcept {
        Recorder::trace.record(Kind::freed, first, order);
        policy_.free(first, order);
    }

    [[nodiscard]] std::size_t take_some(std::span<FrameNumber> out) noexcept
        requires FrameBatches<Policy>
    {
        const std::size_t n = policy_.take_some(out);
        record_each(Kind::granted, out.first(n));
        return n;
    }
    void give_back_some(std::span<const FrameNumber> in) noexcept
        requires FrameBatches<Policy>
    {
        record_each(Kind::freed, in);
        policy_.give_back_some(in);
    }
    /// Recorded as the blocks that it consists of; so it may come out in pieces elsewhere.
    [[nodiscard]] Result<FrameNumber> take_range(std::uint32_t count, FrameOrder alignment) noexcept
        requires FrameRanges<Policy>
    {
        const Result<FrameNumber> range = policy_.take_range(count, alignment);
        if (range) {
            for_each_block({*range, count}, [](FrameNumber first, FrameOrder order) {
                Recorder::trace.record(Kind::granted, first, order);
            });
        }
        return range;
    }

    // Questions change nothing: there is nothing to record.
    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return Policy::metadata_bytes(span);
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return policy_.free_frames(); }
    [[nodiscard]] bool reuse_at_once(FrameNumber first, FrameOrder order) const noexcept
        requires ReuseHint<Policy>
    {
        return policy_.reuse_at_once(first, order);
    }
    [[nodiscard]] std::uint32_t free_row(FrameNumber frame) const noexcept
        requires FreeRows<Policy>
    {
        return policy_.free_row(frame);
    }

private:
    static void record(Kind first, Kind last, FrameRange range) noexcept {
        if (range.count != 0) {
            Recorder::trace.record(first, range.first, FrameOrder(0));
            Recorder::trace.record(last, range.first + (range.count - 1), FrameOrder(0));
        }
    }

    static void record_each(Kind kind, std::span<const FrameNumber> frames) noexcept {
        if (Recorder::trace.is_on()) [[unlikely]] {
            for (const FrameNumber frame : frames) {
                Recorder::trace.record(kind, frame, FrameOrder(0));
            }
        }
    }

    Policy policy_;
};

}  // namespace kidney::mm

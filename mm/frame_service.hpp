/// The kernel's frames: two zones (memory inside and outside the direct map), and a reference count
/// for every frame.
///
/// The zones decide which frame, and let any CPU in: this engine picks the zone, keeps some for
/// those who need them more, and takes no lock; reference_counts.hpp counts. Models `CountedFrames`
/// for single frames and `FrameSource` / `FrameSink` for contiguous blocks from the direct zone
/// (heap, DMA). Everything it needs to remember lies in memory that boot hands over
/// (frame_setup.hpp).
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "kidney/mm/frame_service.hpp"
#include "mm/frame_reserve.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::mm {

/// Frames in numbers, for /proc/meminfo and the boot log.
struct FrameCounts {
    std::size_t total = 0;         ///< frames under management
    std::size_t free = 0;          ///< of these, free
    std::size_t total_direct = 0;  ///< in the direct map
    std::size_t free_direct = 0;
};

/// Concurrency: any thread, any CPU. Cost: allocate() and release() the zone's cost and a count;
/// retain() a count. `Counts` is a ReferenceCounts. `Claims` is asked only when memory is short.
template <SharedFrameAllocator Zone, class Counts, FrameClaims Claims = NoFrameClaims>
class FrameService {
public:
    static constexpr const char* name = Zone::name;

    /// Bytes that attach() needs to manage `span`, aligned to 16. Frames from `direct_end` on are
    /// outside the direct map.
    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span,
                                                    FrameNumber direct_end) noexcept {
        return counts_bytes(span) + aligned(Zone::metadata_bytes(below(span, direct_end))) +
               aligned(Zone::metadata_bytes(above(span, direct_end)));
    }

    /// Takes charge of `span`, in which no frame is free yet. `phys` reaches the direct frames.
    void attach(FrameRange span, FrameNumber direct_end, std::span<std::byte> metadata,
                typename Counts::PhysMap& phys) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span, direct_end),
                         "frames: metadata too small");
        span_ = span;
        direct_end_ = direct_end;
        counts_.attach(span, metadata, phys);
        metadata = metadata.subspan(counts_bytes(span));
        const std::size_t direct_bytes = aligned(Zone::metadata_bytes(below(span, direct_end)));
        direct_.attach(below(span, direct_end), metadata.first(direct_bytes));
        high_.attach(above(span, direct_end), metadata.subspan(direct_bytes));
        totals_ = {};
    }

    /// Frames of `region` become free.
    void add_region(FrameRange region) noexcept {
        const FrameRange low = below(region, direct_end_);
        const FrameRange high = above(region, direct_end_);
        if (low.count != 0) {
            direct_.add_region(low);
        }
        if (high.count != 0) {
            high_.add_region(high);
        }
        totals_.total += region.count;
        totals_.total_direct += low.count;
        has_high_ = has_high_ || high.count != 0;
        reserve_ = FrameReserve::of(totals_.total_direct);
        if constexpr (FramesAtHand<Zone>) {
            direct_.keep(reserve_.highest());
        }
    }

    /// One frame with one reference. Errors: no_memory.
    [[nodiscard]] Result<FrameNumber> allocate(FrameZone zone) noexcept {
        FrameNumber frame;
        if (!take_at_hand(zone, frame)) [[unlikely]] {
            frame = TRY(take(zone));
        }
        counts_.begin(frame);
        return frame;
    }

    /// Errors: no_memory, if many share it.
    [[nodiscard, gnu::always_inline]] Status retain(FrameNumber frame) noexcept {
        return counts_.add(frame, *this);
    }

    void release(FrameNumber frame) noexcept {
        if (counts_.remove(frame, *this)) {
            (frame < direct_end_ ? direct_ : high_).free(frame, FrameOrder(0));
        }
    }

    [[nodiscard]] std::uint32_t references(FrameNumber frame) const noexcept {
        return counts_.of(frame);
    }

    /// 2^order contiguous frames of the direct zone; only a single one is counted. Errors:
    /// no_memory.
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        return order == FrameOrder(0) ? allocate(FrameZone::direct) : take_direct(order, false);
    }
    void free(FrameNumber first, FrameOrder order) noexcept {
        KIDNEY_ASSERT(first < direct_end_);
        if (order == FrameOrder(0)) {
            KIDNEY_INVARIANT(references(first) == 1, "frames: freed block is not live");
            release(first);
        } else {
            direct_.free(first, order);
        }
    }

    [[nodiscard]] std::size_t free_frames() const noexcept {
        return direct_.free_frames() + high_.free_frames();
    }
    [[nodiscard]] FrameCounts counts() const noexcept {
        FrameCounts c = totals_;
        c.free_direct = direct_.free_frames();
        c.free = c.free_direct + high_.free_frames();
        return c;
    }
    [[nodiscard]] FrameReserve reserve() const noexcept { return reserve_; }
    /// From now on every request goes down to the zones' policies, for those who observe them. Boot
    /// only, after add_region().
    void keep_none_at_hand() noexcept {
        if constexpr (FramesAtHand<Zone>) {
            direct_.keep(more_than_there_are);
            high_.keep(more_than_there_are);
        }
    }
    /// For FreeBlocks: 32 frames of one zone. Those at hand on some CPU count as taken.
    [[nodiscard]] std::uint32_t free_row(FrameNumber frame) const noexcept
        requires FreeRows<Zone>
    {
        return (frame < direct_end_ ? direct_ : high_).free_row(frame);
    }
    /// Where the frames of a zone lie, with holes between them.
    [[nodiscard]] FrameRange direct_span() const noexcept { return below(span_, direct_end_); }
    [[nodiscard]] FrameRange high_span() const noexcept { return above(span_, direct_end_); }

    /// Is this a frame of managed RAM (and not, say, a device's memory)?
    [[nodiscard]] bool manages(FrameNumber frame) const noexcept { return span_.contains(frame); }

private:
    static constexpr std::size_t more_than_there_are = std::size_t{1} << 30;

    [[nodiscard]] static constexpr std::size_t aligned(std::size_t bytes) noexcept {
        return (bytes + 15) & ~std::size_t{15};
    }
    [[nodiscard]] static constexpr std::size_t counts_bytes(FrameRange span) noexcept {
        return aligned(Counts::metadata_bytes(span));
    }
    /// The parts of a range on either side of the end of the direct map.
    [[nodiscard]] static constexpr FrameRange below(FrameRange range, FrameNumber end) noexcept {
        return {range.first,
                range.first >= end ? 0 : std::min<std::uint32_t>(range.count, end - range.first)};
    }
    [[nodiscard]] static constexpr FrameRange above(FrameRange range, FrameNumber end) noexcept {
        const std::uint32_t low = below(range, end).count;
        return {range.first + low, range.count - low};
    }

    /// A frame that nobody needs to be asked for.
    [[nodiscard]] bool take_at_hand(FrameZone zone, FrameNumber& frame) noexcept {
        if constexpr (FramesAtHand<Zone>) {
            const bool in_high = zone == FrameZone::any && has_high_;
            return (in_high ? high_ : direct_).take_at_hand(frame);
        } else {
            return false;
        }
    }
    [[nodiscard, gnu::noinline]] Result<FrameNumber> take(FrameZone zone) noexcept {
        const bool is_user_memory = zone == FrameZone::any;
        if (is_user_memory && has_high_) {
            if (high_.free_frames() != 0) {
                if (const Result<FrameNumber> frame = high_.allocate(FrameOrder(0))) {
                    return frame;
                }
            }
            FrameNumber frame;
            if (take_at_hand(FrameZone::direct, frame)) {
                return frame;
            }
        }
        return take_direct(FrameOrder(0), is_user_memory);
    }
    [[nodiscard]] Result<FrameNumber> take_direct(FrameOrder order, bool is_user_memory) noexcept {
        const std::size_t wanted = order.frames();
        if (falls_short(wanted, is_user_memory)) [[unlikely]] {
            if constexpr (FramesAtHand<Zone>) {
                direct_.drain();
            }
            if (falls_short(wanted, is_user_memory)) {
                return fail(Errc::no_memory);
            }
        }
        const Result<FrameNumber> block = direct_.allocate(order);
        // Another CPU may have taken some since we looked: what is kept stays, and one of us asks
        // again.
        if (block && falls_short(0, is_user_memory)) [[unlikely]] {
            direct_.free(*block, order);
            return fail(Errc::no_memory);
        }
        return block;
    }
    /// With `wanted` fewer, would there be less than the caller has to leave to others? What is at
    /// hand of some CPU is anybody's, so it does not count.
    [[nodiscard]] bool falls_short(std::size_t wanted, bool is_user_memory) const noexcept {
        std::size_t free = 0;
        if constexpr (FramesAtHand<Zone>) {
            free = direct_.free_below();
        } else {
            free = direct_.free_frames();
        }
        return free < reserve_.highest() + wanted &&
               free < reserve_.floor(Claims::current(), is_user_memory) + wanted;
    }

    Zone direct_;
    Zone high_;
    Counts counts_;
    // Written at boot, before a second CPU runs.
    FrameCounts totals_;
    FrameReserve reserve_;
    bool has_high_ = false;
    FrameRange span_;
    FrameNumber direct_end_;
};

}  // namespace kidney::mm

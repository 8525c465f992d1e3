/// The kernel's frames: three zones (below 16 MiB, the rest of the direct map, memory outside of
/// it), and a reference count for every frame.
///
/// The zones decide which frame, and let any CPU in: this engine picks the zone, keeps some for
/// those who need them more, and takes no lock; reference_counts.hpp counts. Models `CountedFrames`
/// for single frames and `FrameSource` / `FrameSink` for contiguous blocks from the direct zone
/// (heap); ranges of any length are for devices. Everything it needs to remember lies in memory
/// that boot hands over (frame_setup.hpp).
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "kidney/mm/frame_service.hpp"
#include "mm/frame_reserve.hpp"
#include "mm/frames/frame_ranges.hpp"

#include <algorithm>
#include <array>
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
    std::size_t total_dma = 0;  ///< of those in the direct map, below 16 MiB
    std::size_t free_dma = 0;
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
        std::size_t bytes = counts_bytes(span);
        for (const FrameZone zone : all_zones) {
            bytes += aligned(Zone::metadata_bytes(part(span, zone, direct_end)));
        }
        return bytes;
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
        for (const FrameZone zone : all_zones) {
            const FrameRange mine = zone_span(zone);
            const std::size_t bytes = aligned(Zone::metadata_bytes(mine));
            of(zone).attach(mine, metadata.first(bytes));
            metadata = metadata.subspan(bytes);
        }
        totals_ = {};
        first_.fill(&of(FrameZone::dma));
    }

    /// Frames of `region` become free.
    void add_region(FrameRange region) noexcept {
        for (const FrameZone zone : all_zones) {
            const FrameRange mine = part(region, zone, direct_end_);
            if (mine.count != 0) {
                of(zone).add_region(mine);
                totals_.total += mine.count;
                totals_.total_direct += zone != FrameZone::any ? mine.count : 0;
                totals_.total_dma += zone == FrameZone::dma ? mine.count : 0;
                first_[index(zone)] = &of(zone);
            }
        }
        // Where a zone has nothing, what comes first is that of the zone before it.
        for (std::size_t zone = 1; zone < frame_zones; ++zone) {
            if (first_[zone] != &zones_[zone]) {
                first_[zone] = first_[zone - 1];
            }
        }
        reserve_ = FrameReserve::of(totals_.total_direct);
        // Both, though what is kept is kept of their sum: so there are frames at hand of neither
        // unless one alone has more.
        keep_of_direct(reserve_.highest());
    }

    /// One frame with one reference. Errors: no_memory.
    [[nodiscard]] Result<FrameNumber> allocate(FrameZone zone) noexcept {
        FrameNumber frame;
        if (!take_at_hand(*first_[index(zone)], frame)) [[unlikely]] {
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
            of(zone_of(frame)).free(frame, FrameOrder(0));
        }
    }

    [[nodiscard]] std::uint32_t references(FrameNumber frame) const noexcept {
        return counts_.of(frame);
    }

    /// 2^order contiguous frames of the direct map; only a single one is counted. Errors:
    /// no_memory.
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        if (order == FrameOrder(0)) {
            return allocate(FrameZone::direct);
        }
        const FrameNumber block = TRY(take_direct(
            FrameZone::direct, false, order.frames(),
            [order](Zone& zone) { return zone.allocate(order); },
            [order](Zone& zone, FrameNumber taken) { zone.free(taken, order); }));
        counts_.begin_block(block, order);
        return block;
    }
    void free(FrameNumber first, FrameOrder order) noexcept {
        KIDNEY_ASSERT(first < direct_end_);
        if (order == FrameOrder(0)) {
            KIDNEY_INVARIANT(references(first) == 1, "frames: freed block is not live");
            release(first);
        } else {
            counts_.end_block(first, order);
            of(zone_of(first)).free(first, order);
        }
    }

    /// `count` contiguous frames, at least one, from a multiple of 2^alignment on, of the direct
    /// map or below 16 MiB. Errors: no_memory, for example if a range is longer than the largest
    /// block and the policy has no others (frame_ranges.hpp).
    [[nodiscard]] Result<FrameNumber> allocate_range(FrameZone zone, std::uint32_t count,
                                                     FrameOrder alignment) noexcept {
        KIDNEY_ASSERT(zone != FrameZone::any && count != 0);
        const FrameNumber first = TRY(take_direct(
            zone, false, count, [=](Zone& from) { return take_range(from, count, alignment); },
            [=](Zone& from, FrameNumber range) {
                give_back_range(from, {range, count}, alignment);
            }));
        for_each_block_of<Zone>({first, count}, alignment, [&](FrameNumber at, FrameOrder order) {
            if (order == FrameOrder(0)) {
                counts_.begin(at);  // as every single frame
            } else {
                counts_.begin_block(at, order);
            }
        });
        return first;
    }
    /// A range of allocate_range(), with the alignment that it was asked for with.
    void free_range(FrameRange range, FrameOrder alignment) noexcept {
        for_each_block_of<Zone>(range, alignment,
                                [&](FrameNumber at, FrameOrder order) { free(at, order); });
    }

    [[nodiscard]] std::size_t free_frames() const noexcept {
        std::size_t free = 0;
        for (const Zone& zone : zones_) {
            free += zone.free_frames();
        }
        return free;
    }
    [[nodiscard]] FrameCounts counts() const noexcept {
        FrameCounts c = totals_;
        c.free_dma = of(FrameZone::dma).free_frames();
        c.free_direct = c.free_dma + of(FrameZone::direct).free_frames();
        c.free = c.free_direct + of(FrameZone::any).free_frames();
        return c;
    }
    /// counts().total, for those who want no other number: it does not change.
    [[nodiscard]] std::size_t total_frames() const noexcept { return totals_.total; }
    [[nodiscard]] FrameReserve reserve() const noexcept { return reserve_; }
    /// From now on every request goes down to the zones' policies, for those who observe them. Boot
    /// only, after add_region().
    void keep_none_at_hand() noexcept {
        constexpr std::size_t more_than_there_are = std::size_t{1} << 30;
        keep_of_direct(more_than_there_are);
        if constexpr (FramesAtHand<Zone>) {
            of(FrameZone::any).keep(more_than_there_are);
        }
    }
    /// For FreeBlocks: 32 frames of one zone. Those at hand on some CPU count as taken.
    [[nodiscard]] std::uint32_t free_row(FrameNumber frame) const noexcept
        requires FreeRows<Zone>
    {
        return of(zone_of(frame)).free_row(frame);
    }
    /// Where the frames lie that no zone before this one has, with holes between them.
    [[nodiscard]] FrameRange zone_span(FrameZone zone) const noexcept {
        return part(span_, zone, direct_end_);
    }

    /// For FrameSites: frames of the block that begins here and is out; 0: none does.
    [[nodiscard]] std::uint32_t frames_out(FrameNumber frame) const noexcept {
        return counts_.frames_out(frame);
    }

    /// Is this a frame of managed RAM (and not, say, a device's memory)?
    [[nodiscard]] bool manages(FrameNumber frame) const noexcept { return span_.contains(frame); }

private:
    static constexpr std::array all_zones{FrameZone::dma, FrameZone::direct, FrameZone::any};

    [[nodiscard]] static constexpr std::size_t index(FrameZone zone) noexcept {
        return static_cast<std::size_t>(zone);
    }
    [[nodiscard]] static constexpr std::size_t aligned(std::size_t bytes) noexcept {
        return (bytes + 15) & ~std::size_t{15};
    }
    [[nodiscard]] static constexpr std::size_t counts_bytes(FrameRange span) noexcept {
        return aligned(Counts::metadata_bytes(span));
    }
    /// The frames of a range that belong to a zone.
    [[nodiscard]] static constexpr FrameRange part(FrameRange range, FrameZone zone,
                                                   FrameNumber direct_end) noexcept {
        const FrameNumber low = std::min(dma_end, direct_end);
        const FrameNumber from = zone == FrameZone::dma      ? FrameNumber(0)
                                 : zone == FrameZone::direct ? low
                                                             : direct_end;
        const FrameNumber to = zone == FrameZone::dma      ? low
                               : zone == FrameZone::direct ? direct_end
                                                           : range.end();
        const FrameNumber first = std::max(range.first, from);
        const FrameNumber end = std::min(range.end(), to);
        return {first, first < end ? end - first : 0};
    }
    [[nodiscard]] Zone& of(FrameZone zone) noexcept { return zones_[index(zone)]; }
    [[nodiscard]] const Zone& of(FrameZone zone) const noexcept { return zones_[index(zone)]; }
    [[nodiscard]] FrameZone zone_of(FrameNumber frame) const noexcept {
        return frame >= direct_end_ ? FrameZone::any
               : frame < dma_end    ? FrameZone::dma
                                    : FrameZone::direct;
    }

    /// A frame that nobody needs to be asked for.
    [[nodiscard]] static bool take_at_hand(Zone& zone, FrameNumber& frame) noexcept {
        if constexpr (FramesAtHand<Zone>) {
            return zone.take_at_hand(frame);
        } else {
            return false;
        }
    }
    [[nodiscard, gnu::noinline]] Result<FrameNumber> take(FrameZone zone) noexcept {
        const bool is_user_memory = zone == FrameZone::any;
        if (is_user_memory && of(zone).free_frames() != 0) {
            if (const Result<FrameNumber> frame = of(zone).allocate(FrameOrder(0))) {
                return frame;
            }
        }
        return take_direct(
            zone, is_user_memory, 1, [](Zone& from) { return from.allocate(FrameOrder(0)); },
            [](Zone& from, FrameNumber frame) { from.free(frame, FrameOrder(0)); });
    }
    /// `count` frames by take(zone), from the direct zone or else below 16 MiB.
    template <class Take, class GiveBack>
    [[nodiscard]] Result<FrameNumber> take_direct(FrameZone zone, bool is_user_memory,
                                                  std::size_t count, Take&& take,
                                                  GiveBack&& give_back) noexcept {
        if (falls_short(count, is_user_memory)) [[unlikely]] {
            drain_direct();
            if (falls_short(count, is_user_memory)) {
                return fail(Errc::no_memory);
            }
        }
        for (std::size_t n = std::min(index(zone), index(FrameZone::direct)) + 1; n-- > 0;) {
            // Nobody empties magazines for a zone that has too little anyway.
            Zone& from = zones_[n];
            if (from.free_frames() < count) {
                continue;
            }
            if (const Result<FrameNumber> taken = take(from)) {
                // Another CPU may have taken some since we looked: what is kept stays, and one of
                // us asks again.
                if (falls_short(0, is_user_memory)) [[unlikely]] {
                    give_back(from, *taken);
                    break;
                }
                return taken;
            }
        }
        return fail(Errc::no_memory);
    }
    void drain_direct() noexcept {
        if constexpr (FramesAtHand<Zone>) {
            of(FrameZone::dma).drain();
            of(FrameZone::direct).drain();
        }
    }
    void keep_of_direct(std::size_t frames) noexcept {
        if constexpr (FramesAtHand<Zone>) {
            of(FrameZone::dma).keep(frames);
            of(FrameZone::direct).keep(frames);
        }
    }
    /// With `wanted` fewer, would there be less than the caller has to leave to others? What is at
    /// hand of some CPU is anybody's, so it does not count.
    [[nodiscard]] bool falls_short(std::size_t wanted, bool is_user_memory) const noexcept {
        const auto below = [&](FrameZone zone) {
            if constexpr (FramesAtHand<Zone>) {
                return of(zone).free_below();
            } else {
                return of(zone).free_frames();
            }
        };
        const std::size_t free = below(FrameZone::dma) + below(FrameZone::direct);
        return free < reserve_.highest() + wanted &&
               free < reserve_.floor(Claims::current(), is_user_memory) + wanted;
    }

    std::array<Zone, frame_zones> zones_;
    Counts counts_;
    // Written at boot, before a second CPU runs.
    std::array<Zone*, frame_zones> first_{};  ///< where a request of each zone looks first
    FrameCounts totals_;
    FrameReserve reserve_;
    FrameRange span_;
    FrameNumber direct_end_;
};

}  // namespace kidney::mm

/// Single frames without lock or atomic operation: each CPU keeps some at hand.
///
/// A wrapper that models the concept it wraps and works over every shared policy. A frame that is
/// freed is handed out next, unless the policy says that it had better heal the block around it
/// (`ReuseHint`); then it goes back with others. Frames come and go in batches (`FrameBatches`),
/// so that the policy's work, and the lock around it, is shared by many. Longer blocks are the
/// policy's business.
///
/// What lies in magazines is free, and counts as free. Nothing is refused because of it: before
/// that all magazines are emptied, those of sleeping CPUs as well (doorway.hpp says how).
///
///     using Frames = mm::Magazines<mm::SharedFrames<Policy, SpinLock>, Cpu, InterruptGuard<Cpu>>;
///
/// Source: Bonwick, Adams, "Magazines and Vmem", USENIX 2001, for the idea; there they hold
/// objects of a slab.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/hal/doorway.hpp"
#include "kidney/hal/per_cpu.hpp"
#include "kidney/mm/frame_allocator.hpp"
#include "mm/magazine.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::mm {

/// A byte for each frame: is it a live single frame? So F6 holds for frames in magazines, which
/// the policy below takes for live.
class SingleMarks {
public:
    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept { return span.count; }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        span_ = span;
        marks_ = metadata.data();
        std::fill_n(marks_, span.count, std::byte{0});
    }
    void allocated(FrameNumber frame) noexcept { marks_[frame - span_.first] = std::byte{1}; }
    void freed(FrameNumber frame) noexcept {
        KIDNEY_INVARIANT(span_.contains(frame) && marks_[frame - span_.first] != std::byte{0},
                         "frames: freed block is not live");
        marks_[frame - span_.first] = std::byte{0};
    }

private:
    FrameRange span_;
    std::byte* marks_ = nullptr;
};

/// For callers who count references of every single frame, and so know which is live.
struct NoMarks {
    [[nodiscard]] static std::size_t metadata_bytes(FrameRange) noexcept { return 0; }
    void attach(FrameRange, std::span<std::byte>) noexcept {}
    void allocated(FrameNumber) noexcept {}
    void freed(FrameNumber) noexcept {}
};

/// Concurrency: any thread, any CPU; `Pin` keeps others of this CPU out for a few instructions, and
/// interrupt handlers as well if they use it. Whoever is refused waits for the others' magazines
/// with whatever locks it holds, so each CPU must pass the barrier even while it waits for a lock
/// (`hal::RemoteFence`). Cost: O(1) for single frames, a batch each 64 calls at most. Metadata:
/// less than 1 KiB a CPU; that of `Marks`.
template <SharedFrameAllocator Shared, class Cpu, hal::CpuPin Pin, class Marks = SingleMarks>
    requires hal::CpuIdentity<Cpu> && hal::AtomicsProvider<Cpu>
class Magazines {
public:
    static constexpr const char* name = Shared::name;
    static constexpr bool is_shared = true;

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return aligned(Shared::metadata_bytes(span)) + Marks::metadata_bytes(span);
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        const std::size_t below = aligned(Shared::metadata_bytes(span));
        shared_.attach(span, metadata.first(below));
        marks_.attach(span, metadata.subspan(below));
        magazines_.for_each([](OneMagazine& m) { m.reset(); });
    }
    void add_region(FrameRange region) noexcept { shared_.add_region(region); }

    /// The last so many frames below are handed out one by one, and returned at once: for those who
    /// decide who may have them.
    void keep(std::size_t frames) noexcept { keep_ = frames; }

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        if (order != FrameOrder(0)) {
            return allocate_block(order);
        }
        FrameNumber frame;
        if (!take_at_hand(frame)) [[unlikely]] {
            frame = TRY(allocate_more());
        }
        marks_.allocated(frame);
        return frame;
    }
    void free(FrameNumber first, FrameOrder order) noexcept {
        if (order != FrameOrder(0)) {
            shared_.free(first, order);
            note_more();
            return;
        }
        marks_.freed(first);
        const bool reuse = is_reused(first);
        {
            const Pin pin;
            OneMagazine& mine = magazines_.mine();
            if (mine.enter()) [[likely]] {
                const bool kept = reuse ? mine.push(first) : mine.push_leaving(first);
                mine.leave();
                if (kept) [[likely]] {
                    return;
                }
            }
        }
        free_more(first, reuse);
    }
    [[nodiscard]] Result<FrameNumber> take_range(std::uint32_t count, FrameOrder alignment) noexcept
        requires FrameRanges<Shared>
    {
        const Result<FrameNumber> range =
            take_below([&] { return shared_.take_range(count, alignment); });
        if (range) {
            for_each_block({*range, count}, [&](FrameNumber first, FrameOrder order) {
                if (order == FrameOrder(0)) {
                    marks_.allocated(first);
                }
            });
        }
        return range;
    }
    /// Exact when nobody else is inside.
    [[nodiscard]] std::size_t free_frames() const noexcept {
        std::size_t n = shared_.free_frames();
        magazines_.for_each([&](const OneMagazine& m) { n += m.size(); });
        return n;
    }

    /// Frames in magazines count as taken.
    [[nodiscard]] std::uint32_t free_row(FrameNumber frame) const noexcept
        requires FreeRows<Shared>
    {
        return shared_.free_row(frame);
    }

    /// A frame that is at hand on this CPU, with nobody asked. False: call allocate().
    [[nodiscard]] bool take_at_hand(FrameNumber& frame) noexcept {
        const Pin pin;
        OneMagazine& mine = magazines_.mine();
        if (!mine.enter()) [[unlikely]] {
            return false;
        }
        const bool taken = mine.pop(frame);
        mine.leave();
        return taken;
    }
    /// Free frames that are in no magazine.
    [[nodiscard]] std::size_t free_below() const noexcept { return shared_.free_frames(); }

    /// Empties the magazines of all CPUs.
    [[gnu::noinline]] void drain() noexcept {
        const Pin pin;
        const LockGuard guard(visits_);
        visits_.to_all(magazines_, [this](OneMagazine& m) { empty(m); });
    }

private:
    using OneMagazine = Magazine<Cpu>;

    [[nodiscard]] static constexpr std::size_t aligned(std::size_t bytes) noexcept {
        return (bytes + 15) & ~std::size_t{15};
    }
    [[nodiscard]] bool is_reused(FrameNumber frame) const noexcept {
        if constexpr (ReuseHint<Shared>) {
            return shared_.reuse_at_once(frame);
        } else {
            return true;
        }
    }
    [[nodiscard]] std::size_t take_some(std::span<FrameNumber> out) noexcept {
        std::size_t n = 0;
        while (n < out.size()) {
            std::size_t more = 0;
            if constexpr (FrameBatches<Shared>) {
                more = shared_.take_some(out.subspan(n));
            } else if (const Result<FrameNumber> frame = shared_.allocate(FrameOrder(0))) {
                out[n] = *frame;
                more = 1;
            }
            if (more == 0) {
                break;
            }
            n += more;
        }
        return n;
    }
    void give_back(std::span<const FrameNumber> frames) noexcept {
        if constexpr (FrameBatches<Shared>) {
            shared_.give_back_some(frames);
        } else {
            for (const FrameNumber frame : frames) {
                shared_.free(frame, FrameOrder(0));
            }
        }
    }
    void empty(OneMagazine& m) noexcept {
        m.empty_into([&](std::span<const FrameNumber> frames) { give_back(frames); });
    }

    [[nodiscard]] Result<FrameNumber> allocate_block(FrameOrder order) noexcept {
        return take_below([&] { return shared_.allocate(order); });
    }
    /// What take() says, before or after nobody has a frame at hand.
    template <class F>
    [[nodiscard]] Result<FrameNumber> take_below(F&& take) noexcept {
        Result<FrameNumber> taken = take();
        if (!taken) [[unlikely]] {
            drain();
            taken = take();
        }
        note_less();
        return taken;
    }
    /// Nothing was at hand.
    [[nodiscard, gnu::noinline]] Result<FrameNumber> allocate_more() noexcept {
        {
            const Pin pin;
            OneMagazine& mine = magazines_.mine();
            mine.enter_patiently();
            FrameNumber frame;
            bool taken = mine.pop(frame);
            if (const std::uint32_t most = taken ? 0 : refill_size(); most > 1) {
                mine.fill(most, [&](std::span<FrameNumber> out) { return take_some(out); });
                taken = mine.pop(frame);
            }
            mine.leave();
            if (taken) {
                return frame;
            }
        }
        return allocate_block(FrameOrder(0));
    }
    /// No room in the magazine, or frames are short.
    [[gnu::noinline]] void free_more(FrameNumber frame, bool reuse) noexcept {
        bool kept = false;
        {
            const Pin pin;
            OneMagazine& mine = magazines_.mine();
            mine.enter_patiently();
            if (!mine.is_closed()) {
                kept = reuse ? mine.push(frame) : mine.push_leaving(frame);
                if (!kept) {
                    mine.make_room([&](std::span<const FrameNumber> in) { give_back(in); });
                    kept = reuse ? mine.push(frame) : mine.push_leaving(frame);
                }
            }
            mine.leave();
        }
        if (!kept) {
            shared_.free(frame, FrameOrder(0));
            note_more();
        }
    }
    /// So that all CPUs together leave something: the less there is, the fewer at once.
    [[nodiscard]] std::uint32_t refill_size() const noexcept {
        const std::size_t free = shared_.free_frames();
        const std::size_t spare = free > keep_ ? (free - keep_) / (2 * magazines_.size()) : 0;
        return static_cast<std::uint32_t>(std::min<std::size_t>(spare, OneMagazine::batch));
    }

    /// Frames were taken from below.
    void note_less() noexcept {
        if (is_short_.load(std::memory_order_relaxed) == 0 && shared_.free_frames() <= keep_) {
            say_short(true);
        }
    }
    /// Frames were returned below.
    void note_more() noexcept {
        if (is_short_.load(std::memory_order_relaxed) != 0 &&
            shared_.free_frames() > keep_ + 2 * OneMagazine::batch) {
            say_short(false);
        }
    }
    void say_short(bool is_short) noexcept {
        const Pin pin;
        const LockGuard guard(visits_);
        if ((is_short_.load(std::memory_order_relaxed) != 0) != is_short) {
            is_short_.store(is_short ? 1U : 0U, std::memory_order_relaxed);
            magazines_.for_each([&](OneMagazine& m) { m.close(is_short); });
        }
    }

    template <class T>
    using Atomic = typename Cpu::template Atomic<T>;

    Shared shared_;
    [[no_unique_address]] Marks marks_;
    std::size_t keep_ = 0;               ///< written at boot
    Atomic<std::uint32_t> is_short_{0};  ///< all magazines have been told
    hal::Visits<Cpu> visits_;            ///< held by whoever takes from magazines, or tells them
    hal::PerCpu<OneMagazine, Cpu> magazines_;
};

}  // namespace kidney::mm

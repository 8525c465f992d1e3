/// Frames without lock or atomic operation: each CPU keeps some at hand.
///
/// A wrapper that models the concept it wraps and works over every shared policy. A frame that is
/// freed is handed out next, unless the policy says that it had better heal the block around it
/// (`ReuseHint`); then it goes back with others. Frames come and go in batches (`FrameBatches`),
/// so that the policy's work, and the lock around it, is shared by many. Longer blocks come from
/// the policy, which has to search for them; those that it wants to see reused stay here, a few of
/// each order.
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

/// A byte for each frame: of what order is the live block that begins there? So F6 holds for what
/// lies in magazines, and for the policy below is live.
class LiveMarks {
public:
    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept { return span.count; }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        span_ = span;
        marks_ = metadata.data();
        std::fill_n(marks_, span.count, std::byte{0});
    }
    void allocated(FrameNumber first, FrameOrder order) noexcept {
        marks_[first - span_.first] = mark(order);
    }
    void freed(FrameNumber first, FrameOrder order) noexcept {
        KIDNEY_INVARIANT(span_.contains(first) && marks_[first - span_.first] == mark(order),
                         "frames: freed block is not live");
        marks_[first - span_.first] = std::byte{0};
    }

private:
    [[nodiscard]] static constexpr std::byte mark(FrameOrder order) noexcept {
        return static_cast<std::byte>(order.value() + 1);
    }

    FrameRange span_;
    std::byte* marks_ = nullptr;
};

/// For callers who know themselves which blocks are live, because they count references.
struct NoMarks {
    [[nodiscard]] static std::size_t metadata_bytes(FrameRange) noexcept { return 0; }
    void attach(FrameRange, std::span<std::byte>) noexcept {}
    void allocated(FrameNumber, FrameOrder) noexcept {}
    void freed(FrameNumber, FrameOrder) noexcept {}
};

/// Concurrency: any thread, any CPU; `Pin` keeps others of this CPU out for a few instructions, and
/// interrupt handlers as well if they use it. Whoever is refused waits for the others' magazines
/// with whatever locks it holds, so each CPU must pass the barrier even while it waits for a lock
/// (`hal::RemoteFence`). Cost: O(1) for single frames, a batch each 64 calls at most; for others
/// O(1) or the policy's. Metadata: 1 KiB a CPU; that of `Marks`.
template <SharedFrameAllocator Shared, class Cpu, hal::CpuPin Pin, class Marks = LiveMarks>
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
        marks_.allocated(frame, order);
        return frame;
    }
    /// A part of its callers: a call would cost a third of it.
    [[gnu::always_inline]] void free(FrameNumber first, FrameOrder order) noexcept {
        if (order != FrameOrder(0)) {
            free_block(first, order);
            return;
        }
        marks_.freed(first, order);
        const bool reuse = is_reused(first, order);
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
                marks_.allocated(first, order);
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
    [[nodiscard]] bool is_reused(FrameNumber first, FrameOrder order) const noexcept {
        if constexpr (ReuseHint<Shared>) {
            return shared_.reuse_at_once(first, order);
        } else {
            return order == FrameOrder(0);
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
        m.empty_into([&](std::span<const FrameNumber> frames) { give_back(frames); },
                     [&](FrameNumber first, FrameOrder order) { shared_.free(first, order); });
    }

    // Longer blocks are no part of allocate() and free(): the many registers that a policy needs
    // would have to be saved for each frame.

    [[nodiscard, gnu::noinline]] Result<FrameNumber> allocate_block(FrameOrder order) noexcept {
        FrameNumber first;
        if (!take_block_at_hand(order, first)) {
            first = TRY(allocate_below(order));
        }
        marks_.allocated(first, order);
        return first;
    }
    [[gnu::noinline]] void free_block(FrameNumber first, FrameOrder order) noexcept {
        marks_.freed(first, order);
        if (!is_reused(first, order) || !keep_block_at_hand(first, order)) {
            free_below(first, order);
        }
    }
    [[nodiscard]] bool take_block_at_hand(FrameOrder order, FrameNumber& first) noexcept {
        const Pin pin;
        OneMagazine& mine = magazines_.mine();
        if (!mine.enter()) [[unlikely]] {
            return false;
        }
        const bool taken = mine.pop_block(order, first);
        mine.leave();
        return taken;
    }
    [[nodiscard]] bool keep_block_at_hand(FrameNumber first, FrameOrder order) noexcept {
        const Pin pin;
        OneMagazine& mine = magazines_.mine();
        if (!mine.enter()) [[unlikely]] {
            return false;
        }
        const bool kept = mine.push_block(order, first);
        mine.leave();
        return kept;
    }

    [[nodiscard]] Result<FrameNumber> allocate_below(FrameOrder order) noexcept {
        return take_below([&] { return shared_.allocate(order); });
    }
    void free_below(FrameNumber first, FrameOrder order) noexcept {
        shared_.free(first, order);
        note_more();
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
        return allocate_below(FrameOrder(0));
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
            free_below(frame, FrameOrder(0));
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
    static_assert(sizeof(OneMagazine) <= 1024, "a power of two finds this CPU's by a shift");
};

}  // namespace kidney::mm

/// How many references every frame has, in a byte each.
///
/// The byte says how many are *here*, up to 117, and whether there are *more*: batches of 64, a
/// word per frame in a page that the frame shares with its neighbours and that exists only while
/// one of them has more. A retain that finds 117 here takes a batch away, a release that finds none
/// here brings one back; both under a lock, and at most once in 53 calls. All others are a
/// compare-and-swap of the byte, and those of a frame's only owner plain loads and stores.
///
/// What is above 117 is no number: it says that a longer block begins with this frame, and of what
/// order it is. Nobody counts the references of those, but what is freed must be live.
///
/// A kernel that runs few programs has no such page. In the worst case there is one for each group
/// of 1024 frames: then a frame costs five bytes.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/hal/phys_map.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

namespace kidney::mm {

/// Concurrency: any thread, any CPU. Pages come from and go back to the `frames` of a call, under
/// the lock. Correct below 2^32 references, which is more than there are page-table entries.
template <hal::AtomicsProvider Atomics, hal::PhysMap Phys, BasicLockable Lock>
class ReferenceCounts {
public:
    using PhysMap = Phys;

    [[nodiscard]] static constexpr std::size_t metadata_bytes(FrameRange span) noexcept {
        return groups_of(span) * sizeof(Group) + span.count * sizeof(Count);
    }
    /// All frames of `span` are free. `frames` of later calls are direct ones of `phys`.
    void attach(FrameRange span, std::span<std::byte> metadata, Phys& phys) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        span_ = span;
        phys_ = &phys;
        groups_ = reinterpret_cast<Group*>(metadata.data());
        counts_ = reinterpret_cast<Count*>(groups_ + groups_of(span));
        for (std::size_t n = 0; n < groups_of(span); ++n) {
            ::new (static_cast<void*>(&groups_[n])) Group();
        }
        for (std::size_t n = 0; n < span.count; ++n) {
            ::new (static_cast<void*>(&counts_[n])) Count(0);
        }
    }
    [[nodiscard]] bool covers(FrameNumber frame) const noexcept { return span_.contains(frame); }

    /// The first reference of a frame that nobody else knows yet.
    void begin(FrameNumber frame) noexcept { count(frame).store(1, std::memory_order_relaxed); }

    /// A longer block begins or ends its life.
    void begin_block(FrameNumber first, FrameOrder order) noexcept {
        count(first).store(block(order), std::memory_order_relaxed);
    }
    void end_block(FrameNumber first, FrameOrder order) noexcept {
        Count& here = count(first);
        KIDNEY_INVARIANT(here.load(std::memory_order_relaxed) == block(order),
                         "frames: freed block is not live");
        here.store(0, std::memory_order_relaxed);
    }

    /// One more. Errors: no_memory; then nothing has changed. A part of its caller: fork() does it
    /// for every page.
    [[nodiscard, gnu::always_inline]] Status add(FrameNumber frame,
                                                 FrameSource auto& frames) noexcept {
        Count& here = count(frame);
        // relaxed: made from an existing reference, which keeps the frame alive.
        std::uint8_t now = here.load(std::memory_order_relaxed);
        KIDNEY_INVARIANT(now != 0, "frames: retained a free frame");
        if ((now & here_mask) < most_here &&
            here.compare_exchange_strong(now, static_cast<std::uint8_t>(now + 1),
                                         std::memory_order_relaxed)) [[likely]] {
            return {};
        }
        return add_in_competition(frame, frames);
    }

    /// One less. True: it was the last, and the frame is the caller's to free.
    [[nodiscard]] bool remove(FrameNumber frame, FrameSink auto& frames) noexcept {
        Count& here = count(frame);
        // A sole owner needs no read-modify-write: nobody else can change the count.
        // acquire / acq_rel: the next owner comes after every use of this one.
        std::uint8_t now = here.load(std::memory_order_acquire);
        while (now != 1) {
            // None is here, or it is a block.
            if (((now - 1U) & here_mask) >= most_here) [[unlikely]] {
                KIDNEY_INVARIANT(now == more, "frames: released a free frame");
                bring_batch_back(frame, frames);
                now = here.load(std::memory_order_acquire);
            } else if (here.compare_exchange_strong(now, static_cast<std::uint8_t>(now - 1),
                                                    std::memory_order_acq_rel)) {
                return false;
            }
        }
        here.store(0, std::memory_order_relaxed);
        return true;
    }

    /// 0: free, or part of a longer block. 1: the caller is its only owner. Cost: a lock if there
    /// are more than a byte says.
    [[nodiscard]] std::uint32_t of(FrameNumber frame) const noexcept EXCLUDES(lock_) {
        const std::uint8_t now = count(frame).load(std::memory_order_acquire);
        return now <= most_here ? now : of_others(frame);
    }

    /// Frames of the block that begins here and is out; 0: none does.
    [[nodiscard]] std::uint32_t frames_out(FrameNumber frame) const noexcept {
        const std::uint8_t now = count(frame).load(std::memory_order_relaxed);
        const bool is_block = (now & more) == 0 && now > most_here;
        return is_block ? 1U << (now - most_here) : now != 0 ? 1 : 0;
    }

private:
    using Count = typename Atomics::template Atomic<std::uint8_t>;

    static constexpr std::uint8_t more = 0x80;  ///< changes under the lock only
    static constexpr std::uint8_t here_mask = 0x7f;
    static constexpr std::uint8_t most_here = here_mask - max_order.value();
    /// About half of it, so that a frame at the limit does not go back and forth.
    static constexpr std::uint8_t batch = 64;
    static constexpr std::size_t words_per_page = page_size / sizeof(std::uint32_t);

    /// Neighbours that share a page. Under the lock.
    struct Group {
        std::uint32_t users = 0;  ///< frames with batches; without any there is no page
        FrameNumber page;
    };

    [[nodiscard]] static constexpr std::uint8_t block(FrameOrder order) noexcept {
        return static_cast<std::uint8_t>(most_here + order.value());
    }
    [[nodiscard]] static constexpr std::size_t groups_of(FrameRange span) noexcept {
        return (span.count + words_per_page - 1) / words_per_page;
    }
    [[nodiscard]] Count& count(FrameNumber frame) const noexcept {
        KIDNEY_INVARIANT(covers(frame), "frames: not a frame of RAM");
        return counts_[frame - span_.first];
    }
    [[nodiscard]] Group& group(FrameNumber frame) const noexcept REQUIRES(lock_) {
        return groups_[(frame - span_.first) / words_per_page];
    }
    /// How many batches there are of a frame whose group has its page.
    [[nodiscard]] std::uint32_t& batches(FrameNumber frame) const noexcept REQUIRES(lock_) {
        auto* const words =
            reinterpret_cast<std::uint32_t*>(phys_->direct(group(frame).page).data());
        return words[(frame - span_.first) % words_per_page];
    }

    /// A block, or a frame with more.
    [[nodiscard, gnu::noinline]] std::uint32_t of_others(FrameNumber frame) const noexcept
        EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        const std::uint8_t now = count(frame).load(std::memory_order_acquire);
        if ((now & more) == 0 && now > most_here) {
            return 0;
        }
        return (now & here_mask) + ((now & more) == 0 ? 0 : batch * batches(frame));
    }

    /// The byte is full, or others change it.
    [[nodiscard, gnu::noinline]] Status add_in_competition(FrameNumber frame,
                                                           auto& frames) noexcept {
        Count& here = count(frame);
        std::uint8_t now = here.load(std::memory_order_relaxed);
        do {
            while ((now & here_mask) >= most_here) {
                KIDNEY_INVARIANT((now & here_mask) == most_here, "frames: retained a block");
                TRY(take_batch_away(frame, frames));
                now = here.load(std::memory_order_relaxed);
            }
        } while (!here.compare_exchange_strong(now, static_cast<std::uint8_t>(now + 1),
                                               std::memory_order_relaxed));
        return {};
    }
    /// Unless somebody else has made room meanwhile.
    [[nodiscard, gnu::noinline]] Status take_batch_away(FrameNumber frame, auto& frames) noexcept
        EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        Count& here = count(frame);
        std::uint8_t now = here.load(std::memory_order_relaxed);
        if ((now & here_mask) != most_here) {
            return {};
        }
        Group& mine = group(frame);
        if (mine.users == 0) {
            mine.page = TRY(frames.allocate(FrameOrder(0)));
            hal::clear_page(*phys_, phys_->direct(mine.page));
        }
        if (here.compare_exchange_strong(now, static_cast<std::uint8_t>((now - batch) | more),
                                         std::memory_order_relaxed)) {
            mine.users += batches(frame)++ == 0 ? 1 : 0;
        }
        give_back_unused(mine, frames);
        return {};
    }
    /// Unless somebody else has, or has added a reference meanwhile.
    [[gnu::noinline]] void bring_batch_back(FrameNumber frame, auto& frames) noexcept
        EXCLUDES(lock_) {
        const LockGuard guard(lock_);
        Count& here = count(frame);
        std::uint8_t now = here.load(std::memory_order_relaxed);
        if (now != more) {
            return;
        }
        const std::uint32_t left = batches(frame) - 1;
        if (here.compare_exchange_strong(
                now, static_cast<std::uint8_t>(left == 0 ? batch : batch | more),
                std::memory_order_relaxed)) {
            batches(frame) = left;
            Group& mine = group(frame);
            mine.users -= left == 0 ? 1 : 0;
            give_back_unused(mine, frames);
        }
    }
    void give_back_unused(const Group& mine, auto& frames) noexcept REQUIRES(lock_) {
        if (mine.users == 0) {
            frames.free(mine.page, FrameOrder(0));
        }
    }

    mutable Lock lock_;
    // Written at boot, before a second CPU runs.
    FrameRange span_;
    Phys* phys_ = nullptr;
    Count* counts_ = nullptr;
    Group* groups_ = nullptr;
};

}  // namespace kidney::mm

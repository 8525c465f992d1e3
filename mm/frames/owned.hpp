/// Remembers who has each block and since when. A wrapper that models the contract.
///
/// For the questions "who holds all this memory?" and "what was taken since then and never came
/// back?". Who asks is said by `Owner::current()`, because the contract of allocation has no name
/// for it: a process, a call site, whatever a number can stand for.
///
///     mm::Owned<mm::NextFit, CallSite> frames;
///     const std::uint32_t mark = frames.now();
///     ... work that should leave nothing behind ...
///     frames.for_each_since(mark, [](const mm::OwnedBlock& leak) { ... });
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/mm/frame_allocator.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::mm {

/// Says on whose behalf the caller takes frames. May be called with the lock of the frames held.
template <class W>
concept FrameOwner = requires {
    { W::current() } noexcept -> std::same_as<std::uint32_t>;
};

/// A block that is out.
struct OwnedBlock {
    FrameNumber first;
    FrameOrder order;
    std::uint32_t owner;  ///< what Owner::current() was
    std::uint32_t when;   ///< the number of the call that took it
};

/// Cost: the policy's and one entry of a table; a question looks at every frame. Metadata: the
/// policy's and 96 bits per frame. Concurrency: none, as the policy it wraps.
template <FrameAllocator Policy, FrameOwner Owner>
class Owned {
public:
    static constexpr const char* name = Policy::name;

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const Result<FrameNumber> block = policy_.allocate(order);
        if (block) {
            entries_[*block - span_.first] = {Owner::current(), ++now_,
                                              static_cast<std::uint32_t>(order.value()) + 1};
        }
        return block;
    }
    void free(FrameNumber first, FrameOrder order) noexcept {
        policy_.free(first, order);  // says so, if the block is not live
        entries_[first - span_.first].orders = 0;
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return policy_.free_frames(); }

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return policy_bytes(span) + std::size_t{span.count} * sizeof(Entry);
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        KIDNEY_INVARIANT(metadata.size() >= metadata_bytes(span), "frames: metadata too small");
        policy_.attach(span, metadata.first(Policy::metadata_bytes(span)));
        span_ = span;
        entries_ = reinterpret_cast<Entry*>(metadata.data() + policy_bytes(span));
        std::fill_n(entries_, span.count, Entry{});
        now_ = 0;
    }
    void add_region(FrameRange region) noexcept { policy_.add_region(region); }

    /// The number of the last successful call.
    [[nodiscard]] std::uint32_t now() const noexcept { return now_; }
    /// Calls visit(OwnedBlock) for every block that is out, by address.
    template <class F>
    void for_each(F&& visit) const {
        for (std::uint32_t i = 0; i < span_.count; ++i) {
            if (const Entry& e = entries_[i]; e.orders != 0) {
                visit(OwnedBlock{span_.first + i,
                                 FrameOrder(static_cast<std::uint8_t>(e.orders - 1)), e.owner,
                                 e.when});
            }
        }
    }
    /// For those that were taken later than call number `mark`.
    template <class F>
    void for_each_since(std::uint32_t mark, F&& visit) const {
        for_each([&](const OwnedBlock& block) {
            // The counter may have wrapped around in between.
            if (static_cast<std::int32_t>(block.when - mark) > 0) {
                visit(block);
            }
        });
    }
    /// Frames that are out on behalf of `owner`.
    [[nodiscard]] std::size_t frames_of(std::uint32_t owner) const {
        std::size_t frames = 0;
        for_each([&](const OwnedBlock& block) {
            frames += block.owner == owner ? block.order.frames() : 0;
        });
        return frames;
    }
    [[nodiscard]] Policy& policy() noexcept { return policy_; }

private:
    struct Entry {
        std::uint32_t owner = 0;
        std::uint32_t when = 0;
        std::uint32_t orders = 0;  ///< one more than the block's order; 0: no block starts here
    };
    [[nodiscard]] static std::size_t policy_bytes(FrameRange span) noexcept {
        return (Policy::metadata_bytes(span) + 15) & ~std::size_t{15};
    }

    Policy policy_;
    FrameRange span_;
    Entry* entries_ = nullptr;
    std::uint32_t now_ = 0;
};

}  // namespace kidney::mm

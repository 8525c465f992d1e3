/// Counts what is asked of a frame policy and what it gives. A wrapper that models the contract.
///
///     mm::Measured<mm::NextFit> frames;
///     ...
///     frames.statistics().refused[9]    // requests for 2 MiB that were not served
#pragma once

#include "kidney/mm/frame_allocator.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

/// Since attach(). Calls by order of block; they wrap around, as counters do.
struct FrameStatistics {
    using ByOrder = std::array<std::uint32_t, max_order.value() + 1>;

    ByOrder granted{};          ///< allocate() gave a block
    ByOrder refused{};          ///< it said no_memory
    ByOrder freed{};            ///< blocks that came back
    std::size_t in_use = 0;     ///< frames handed out now
    std::size_t most_used = 0;  ///< and at most

    /// Blocks of this order that are out.
    [[nodiscard]] std::uint32_t live(FrameOrder order) const noexcept {
        return granted[order.value()] - freed[order.value()];
    }
};

/// Cost: the policy's and a few additions. Concurrency: none, as the policy it wraps.
template <FrameAllocator Policy>
class Measured {
public:
    static constexpr const char* name = Policy::name;

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        const Result<FrameNumber> block = policy_.allocate(order);
        if (!block) {
            if (order <= max_order) {  // larger ones nobody serves
                ++statistics_.refused[order.value()];
            }
            return block;
        }
        ++statistics_.granted[order.value()];
        statistics_.in_use += order.frames();
        statistics_.most_used = std::max(statistics_.most_used, statistics_.in_use);
        return block;
    }
    void free(FrameNumber first, FrameOrder order) noexcept {
        policy_.free(first, order);
        ++statistics_.freed[order.value()];
        statistics_.in_use -= order.frames();
    }
    [[nodiscard]] std::size_t free_frames() const noexcept { return policy_.free_frames(); }

    [[nodiscard]] static std::size_t metadata_bytes(FrameRange span) noexcept {
        return Policy::metadata_bytes(span);
    }
    void attach(FrameRange span, std::span<std::byte> metadata) noexcept {
        policy_.attach(span, metadata);
        statistics_ = {};
    }
    void add_region(FrameRange region) noexcept { policy_.add_region(region); }

    [[nodiscard]] const FrameStatistics& statistics() const noexcept { return statistics_; }
    [[nodiscard]] Policy& policy() noexcept { return policy_; }

private:
    Policy policy_;
    FrameStatistics statistics_;
};

}  // namespace kidney::mm

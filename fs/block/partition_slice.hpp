/// A run of blocks of a device as a device of its own: a partition.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/fs/block_request.hpp"

#include <cstdint>

namespace kidney::fs {

/// Where a part of a device lies.
struct BlockRun {
    BlockIndex first;
    std::uint64_t blocks = 0;
    friend bool operator==(const BlockRun&, const BlockRun&) = default;
};
/// Have they a block in common?
[[nodiscard]] constexpr bool overlap(const BlockRun& a, const BlockRun& b) noexcept {
    return a.first < b.first + b.blocks && b.first < a.first + a.blocks;
}

/// Models `RequestDevice`. A flush flushes the whole device. Concurrency: as the device's.
template <RequestDevice Device>
class PartitionSlice {
public:
    /// `run` lies inside the device.
    PartitionSlice(Device& device, const BlockRun& run) noexcept : device_(device), run_(run) {
        KIDNEY_ASSERT(run.first.value() <= device.block_count() &&
                      run.blocks <= device.block_count() - run.first.value());
    }

    void submit(BlockRequest& request) noexcept {
        if (const Status allowed = check_request(*this, request); !allowed) {
            request.complete(allowed);
            return;
        }
        if (request.operation != BlockOperation::flush) {
            request.first = request.first + run_.first.value();
            request.on_completion(&shift_back, this);
        }
        device_.submit(request);
    }
    void poll() noexcept { device_.poll(); }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return device_.block_size(); }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return run_.blocks; }
    [[nodiscard]] bool is_read_only() const noexcept { return fs::is_read_only(device_); }

private:
    static void shift_back(void* who, BlockRequest& request, Status outcome) noexcept {
        const auto& run = static_cast<PartitionSlice*>(who)->run_;
        request.first = BlockIndex(request.first.value() - run.first.value());
        request.complete(outcome);
    }

    Device& device_;
    const BlockRun run_;
};

}  // namespace kidney::fs

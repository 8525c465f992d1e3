/// The list-based buddy as a kernel uses it: behind a lock, and with lists of each CPU in front.
///
/// Measuring rods as in frame_lists.hpp, not policies: they believe every free.
#pragma once

#include "bench/baselines/frame_lists.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/cpu_id.hpp"
#include "kidney/core/result.hpp"
#include "tests/support/std_cpu.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace kidney::bench {

/// Test and set; what an uncontended lock costs.
class PlainSpinLock {
public:
    void lock() noexcept {
        while (taken_.exchange(true, std::memory_order_acquire)) {
            while (taken_.load(std::memory_order_relaxed)) {
            }
        }
    }
    void unlock() noexcept { taken_.store(false, std::memory_order_release); }

private:
    std::atomic<bool> taken_{false};
};

class LockedLinuxBuddy {
public:
    static constexpr const char* name = "linux_buddy_lock";
    [[nodiscard]] static double metadata_bits_per_frame(std::uint32_t frames) noexcept {
        return LinuxStyleBuddy::metadata_bits_per_frame(frames);
    }
    explicit LockedLinuxBuddy(std::uint32_t frames) : buddy_(frames) {}
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        lock_.lock();
        const Result<FrameNumber> block = buddy_.allocate(order);
        lock_.unlock();
        return block;
    }
    void free(FrameNumber first, FrameOrder order) noexcept {
        lock_.lock();
        buddy_.free(first, order);
        lock_.unlock();
    }

protected:
    PlainSpinLock lock_;
    LinuxStyleBuddy buddy_;
};

/// And in front of it for each CPU a stack of blocks of orders 0 to 3, filled and emptied by 63, as
/// Linux's per-CPU pages.
class LinuxBuddyWithCpuLists : LockedLinuxBuddy {
public:
    static constexpr const char* name = "linux_buddy_pcp";
    using LockedLinuxBuddy::LockedLinuxBuddy;
    using LockedLinuxBuddy::metadata_bits_per_frame;

    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {
        if (order.value() >= orders) {
            return LockedLinuxBuddy::allocate(order);
        }
        Blocks& mine = lists_[test::StdCpu::id().value()].of_order[order.value()];
        if (mine.count == 0) {
            refill(mine, order);
        }
        return mine.count == 0 ? Result<FrameNumber>(fail(Errc::no_memory))
                               : Result<FrameNumber>(mine.blocks[--mine.count]);
    }
    void free(FrameNumber first, FrameOrder order) noexcept {
        if (order.value() >= orders) {
            LockedLinuxBuddy::free(first, order);
            return;
        }
        Blocks& mine = lists_[test::StdCpu::id().value()].of_order[order.value()];
        if (mine.count == mine.blocks.size()) {
            // The oldest go.
            lock_.lock();
            for (std::size_t i = 0; i < batch; ++i) {
                buddy_.free(mine.blocks[i], order);
            }
            lock_.unlock();
            std::copy(mine.blocks.begin() + batch, mine.blocks.end(), mine.blocks.begin());
            mine.count -= batch;
        }
        mine.blocks[mine.count++] = first;
    }

private:
    static constexpr unsigned orders = 4;
    static constexpr std::size_t batch = 63;
    struct Blocks {
        std::size_t count = 0;
        std::array<FrameNumber, 4 * batch> blocks{};
    };
    struct alignas(64) OneCpu {
        std::array<Blocks, orders> of_order{};
    };
    void refill(Blocks& mine, FrameOrder order) noexcept {
        lock_.lock();
        while (mine.count < batch) {
            const Result<FrameNumber> block = buddy_.allocate(order);
            if (!block.has_value()) {
                break;
            }
            mine.blocks[mine.count++] = *block;
        }
        lock_.unlock();
    }
    std::array<OneCpu, 2> lists_{};
};

}  // namespace kidney::bench

/// When interrupts came, folded together: nobody outside knows that to the tick.
#pragma once

#include "kidney/core/cpu_id.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::drivers {

/// note() is a dozen instructions without a lock, because every interrupt pays it; the thorough
/// stirring is left to RandomPool::mix().
class InterruptTimes {
public:
    using Words = std::array<std::uint32_t, 2 * max_cpus>;

    /// On this CPU, interrupts off. `ticks` of the finest clock there is; `source` tells which
    /// interrupt it was.
    void note(CpuId cpu, std::uint64_t ticks, std::uint32_t source) noexcept {
        // relaxed: one writer; who reads a half that is new and a half that is old loses nothing.
        PerCpu& mine = cpus_[cpu.value()];
        const std::uint32_t low = mine.low.load(std::memory_order_relaxed);
        const std::uint32_t high = mine.high.load(std::memory_order_relaxed);
        const std::uint32_t mixed =
            (std::rotl(low, 7) ^ static_cast<std::uint32_t>(ticks)) + (high ^ source);
        mine.low.store(mixed, std::memory_order_relaxed);
        mine.high.store(std::rotl(high, 19) ^ mixed ^ static_cast<std::uint32_t>(ticks >> 32U),
                        std::memory_order_relaxed);
        mine.count.store(mine.count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    /// Interrupts noted on all CPUs, modulo 2^32.
    [[nodiscard]] std::uint32_t count() const noexcept {
        std::uint32_t sum = 0;
        for (const PerCpu& cpu : cpus_) {
            sum += cpu.count.load(std::memory_order_relaxed);
        }
        return sum;
    }
    /// Any thread.
    [[nodiscard]] Words words() const noexcept {
        Words words{};
        for (std::size_t n = 0; n < max_cpus; ++n) {
            words[2 * n] = cpus_[n].low.load(std::memory_order_relaxed);
            words[2 * n + 1] = cpus_[n].high.load(std::memory_order_relaxed);
        }
        return words;
    }

private:
    struct alignas(64) PerCpu {
        std::atomic<std::uint32_t> low = 0, high = 0, count = 0;
    };
    std::array<PerCpu, max_cpus> cpus_{};
};

}  // namespace kidney::drivers

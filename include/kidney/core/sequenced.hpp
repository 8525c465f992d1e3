/// A 64-bit number that changes rarely and is read all the time, also on processors that read 64
/// bits in two steps.
#pragma once

#include <atomic>
#include <cstdint>

namespace kidney {

/// Readers take no lock: they read again if a write came between. Writers must exclude each other
/// and, where a reader may interrupt them on their own CPU, the interrupt: a spin lock does both.
class Sequenced64 {
public:
    constexpr Sequenced64() noexcept = default;

    [[nodiscard]] std::int64_t load() const noexcept {
        for (;;) {
            const std::uint32_t before = sequence_.load(std::memory_order_acquire);
            const std::uint32_t low = low_.load(std::memory_order_acquire);
            const std::uint32_t high = high_.load(std::memory_order_acquire);
            // Acquire above keeps this load behind the two.
            if (sequence_.load(std::memory_order_relaxed) == before && before % 2 == 0) [[likely]] {
                return static_cast<std::int64_t>(std::uint64_t{high} << 32 | low);
            }
        }
    }

    void store(std::int64_t value) noexcept {
        const std::uint32_t before = sequence_.load(std::memory_order_relaxed);
        sequence_.store(before + 1, std::memory_order_relaxed);  // odd: under way
        // Release: who sees a new half sees that the sequence has moved.
        low_.store(static_cast<std::uint32_t>(value), std::memory_order_release);
        high_.store(static_cast<std::uint32_t>(static_cast<std::uint64_t>(value) >> 32),
                    std::memory_order_release);
        sequence_.store(before + 2, std::memory_order_release);
    }

private:
    std::atomic<std::uint32_t> sequence_{0};
    std::atomic<std::uint32_t> low_{0};
    std::atomic<std::uint32_t> high_{0};
};

}  // namespace kidney

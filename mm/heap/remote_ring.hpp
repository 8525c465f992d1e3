/// Objects on their way from the CPU that freed them to the one that owns their slab.
///
/// One ring for each pair of CPUs: one producer, one consumer, so neither needs an atomic
/// read-modify-write, and the pointers travel packed, 16 to a cache line, where a list through the
/// objects would cost its reader a dependent miss for each.
#pragma once

#include "kidney/hal/cpu.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::mm {

/// Concurrency: push() by the one producer, take() by the one consumer, any CPU each.
template <hal::AtomicsProvider Cpu, std::size_t Slots = 128>
class RemoteRing {
public:
    /// False: it is full.
    [[nodiscard]] bool push(void* object) noexcept {
        const std::uint32_t tail = tail_.load(std::memory_order_relaxed);  // ours
        // acquire: the consumer has read the slot before it moved on.
        if (tail - head_.load(std::memory_order_acquire) == Slots) {
            return false;
        }
        slots_[tail % Slots] = object;
        tail_.store(tail + 1, std::memory_order_release);  // with the slot, and the object
        return true;
    }
    /// The oldest objects, at most out.size(); returns how many.
    [[nodiscard]] std::size_t take(std::span<void*> out) noexcept {
        const std::uint32_t head = head_.load(std::memory_order_relaxed);  // ours
        const std::uint32_t tail = tail_.load(std::memory_order_acquire);
        const std::size_t n = std::min<std::size_t>(tail - head, out.size());
        for (std::uint32_t i = 0; i < n; ++i) {
            out[i] = slots_[(head + i) % Slots];
        }
        if (n != 0) {
            head_.store(head + static_cast<std::uint32_t>(n), std::memory_order_release);
        }
        return n;
    }

private:
    static_assert((Slots & (Slots - 1)) == 0, "indices wrap");
    template <class T>
    using Atomic = typename Cpu::template Atomic<T>;

    alignas(64) Atomic<std::uint32_t> tail_{0};
    alignas(64) Atomic<std::uint32_t> head_{0};
    alignas(64) std::array<void*, Slots> slots_{};
};

}  // namespace kidney::mm

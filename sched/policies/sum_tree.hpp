/// Numbers of tickets by slot, and who holds the n-th: what a lottery is drawn from.
///
/// The slots' tickets are the leaves of a tree in which each node is the sum of its 16 children;
/// a level is an array. So a change walks up, and a search walks down, comparing neighbours of one
/// cache line at each level.
///
/// Cost: O(log n) for both. Memory: 4 bytes a slot for the leaves and half a byte for the rest.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

class SumTree {
public:
    [[nodiscard]] static constexpr std::size_t bytes_for(std::uint32_t capacity) noexcept {
        std::size_t bytes = 0;
        for (std::uint32_t n = capacity; n > 1; n = parents_of(n)) {
            bytes += parents_of(n) * sizeof(std::uint64_t);
        }
        return bytes + padded(capacity) * sizeof(std::uint32_t);
    }
    /// `memory` is aligned to 8; what was there before is not used any more after this.
    void use(std::span<std::byte> memory, std::uint32_t capacity) noexcept {
        const SumTree old = *this;
        std::fill(memory.begin(), memory.end(), std::byte{0});
        std::size_t at = 0;
        levels_ = 0;
        for (std::uint32_t n = capacity; n > 1; n = parents_of(n)) {
            sums_[levels_++] = reinterpret_cast<std::uint64_t*>(memory.data() + at);
            at += parents_of(n) * sizeof(std::uint64_t);
        }
        tickets_ = reinterpret_cast<std::uint32_t*>(memory.data() + at);
        capacity_ = capacity;
        total_ = 0;
        for (std::uint32_t slot = 0; slot < old.capacity_; ++slot) {
            set(slot, old.tickets_[slot]);
        }
    }

    void set(std::uint32_t slot, std::uint32_t tickets) noexcept {
        // As a difference modulo 2^64, which is right in either direction.
        const std::uint64_t change = std::uint64_t{tickets} - tickets_[slot];
        tickets_[slot] = tickets;
        total_ += change;
        std::uint32_t n = slot;
        for (std::uint32_t level = 0; level < levels_; ++level) {
            n /= fan;
            sums_[level][n] += change;
        }
    }
    [[nodiscard]] std::uint32_t tickets(std::uint32_t slot) const noexcept {
        return tickets_[slot];
    }
    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

    /// The slot that ticket number `n` belongs to, below total(); slots are in order.
    [[nodiscard]] std::uint32_t find(std::uint64_t n) const noexcept {
        std::uint32_t node = 0;
        for (std::uint32_t level = levels_; level-- > 1;) {
            node *= fan;  // first child, in the level below
            while (n >= sums_[level - 1][node]) {
                n -= sums_[level - 1][node++];
            }
        }
        node *= levels_ != 0 ? fan : 1;
        while (n >= tickets_[node]) {
            n -= tickets_[node++];
        }
        return node;
    }

private:
    static constexpr std::uint32_t fan = 16;
    static constexpr std::size_t most_levels = 6;  // 2^24 slots

    [[nodiscard]] static constexpr std::uint32_t parents_of(std::uint32_t n) noexcept {
        return (n + fan - 1) / fan;
    }
    [[nodiscard]] static constexpr std::size_t padded(std::uint32_t n) noexcept {
        return (std::size_t{n} + 1) & ~std::size_t{1};
    }

    std::array<std::uint64_t*, most_levels> sums_{};  ///< [0] is right above the tickets
    std::uint32_t* tickets_ = nullptr;
    std::uint32_t levels_ = 0;
    std::uint32_t capacity_ = 0;
    std::uint64_t total_ = 0;
};

}  // namespace kidney::sched

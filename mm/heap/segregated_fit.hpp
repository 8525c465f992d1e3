/// Segregated fit: a list of free blocks for every power of two.
///
/// Theory: Wilson, Johnstone, Neely and Boles, "Dynamic storage allocation" (1995), section 3.6. A
/// request looks for the first block that is long enough on the list of its own size, where some
/// are, and else takes any from the next list that has one, where all are. WHY it looks at eight
/// blocks only: after a long run the list is full of those that are just too short, and a search
/// through all of them took a thousand times as long as the rest. Cost: O(1); when memory is short,
/// the length of the list. Memory: 8 bytes an object (16 on a 64-bit host), no rounding to classes.
#pragma once

#include "kidney/mm/object_allocator.hpp"
#include "mm/heap/block.hpp"
#include "mm/heap/block_heap.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

class SegregatedIndex {
public:
    static constexpr const char* name = "segregated_fit";
    /// How long a block must be so that find(length) certainly finds it.
    [[nodiscard]] static constexpr std::size_t room_for(std::size_t length) noexcept {
        return length;
    }

    void insert(Block& block) noexcept {
        const std::size_t n = list_of(block.length());
        lists_[n].push(block);
        has_block_ |= 1U << n;
    }
    void remove(Block& block) noexcept {
        const std::size_t n = list_of(block.length());
        lists_[n].remove(block);
        if (lists_[n].front() == nullptr) {
            has_block_ &= ~(1U << n);
        }
    }
    [[nodiscard]] Block* find(std::size_t length) const noexcept {
        const std::size_t own = list_of(length);
        if (Block* const block = first_fit(own, length, 8); block != nullptr) {
            return block;
        }
        const std::uint32_t longer = has_block_ & ~std::uint32_t{1} << own;
        return longer == 0 ? nullptr
                           : lists_[static_cast<std::size_t>(std::countr_zero(longer))].front();
    }

    /// When there are no more frames: any that will do.
    [[nodiscard]] Block* find_thoroughly(std::size_t length) const noexcept {
        return first_fit(list_of(length), length, ~std::size_t{0});
    }

private:
    [[nodiscard]] Block* first_fit(std::size_t list, std::size_t length,
                                   std::size_t most) const noexcept {
        Block* block = lists_[list].front();
        while (block != nullptr && block->length() < length && --most != 0) {
            block = block->links().next;
        }
        return block != nullptr && block->length() >= length ? block : nullptr;
    }
    [[nodiscard]] static std::size_t list_of(std::size_t length) noexcept {
        return static_cast<std::size_t>(std::bit_width(length)) - 1;
    }
    std::array<BlockList, 24> lists_;  ///< n: lengths from 2^n to below 2^(n + 1)
    std::uint32_t has_block_ = 0;      ///< a bit for each list that is not empty
};

/// The slot's entry.
struct SegregatedFit {
    static constexpr const char* name = SegregatedIndex::name;
    template <HeapEnvironment E>
    using Heap = BlockHeap<SegregatedIndex, E>;
};

}  // namespace kidney::mm

/// Two-level segregated fit: a good fit in constant time.
///
/// Theory: Masmano, Ripoll, Crespo and Real, "TLSF: a new dynamic memory allocator for real-time
/// systems" (2004). Free blocks are sorted by the leading bit of their length and the four bits
/// below it, into 16 lists for each doubling; two levels of bitmaps find the first list all of
/// whose blocks are long enough. Rounding up to the next list is what saves the search: a block of
/// the own list that might have done, up to 6 % longer than needed, is passed over.
/// Cost: O(1) without exception, but for the frames of a new pool. Memory: as segregated fit.
#pragma once

#include "kidney/mm/object_allocator.hpp"
#include "mm/heap/block.hpp"
#include "mm/heap/block_heap.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace kidney::mm {

class TlsfIndex {
    static constexpr std::size_t steps = 16;  ///< lists for each doubling
    /// Below it, one list for each length: there are no more than `steps`.
    static constexpr std::size_t linear = steps * Block::granule;
    static constexpr std::size_t linear_width = std::bit_width(linear);
    static constexpr std::size_t levels = 16;

    struct Place {
        std::size_t first;
        std::size_t second;
    };

public:
    static constexpr const char* name = "tlsf";
    /// How long a block must be so that find(length) certainly finds it.
    [[nodiscard]] static constexpr std::size_t room_for(std::size_t length) noexcept {
        return rounded(length);
    }

    void insert(Block& block) noexcept {
        const Place place = place_of(block.length());
        lists_[place.first][place.second].push(block);
        has_list_ |= 1U << place.first;
        has_block_[place.first] |= 1U << place.second;
    }
    void remove(Block& block) noexcept {
        const Place place = place_of(block.length());
        BlockList& list = lists_[place.first][place.second];
        list.remove(block);
        if (list.front() == nullptr) {
            has_block_[place.first] &= ~(1U << place.second);
            if (has_block_[place.first] == 0) {
                has_list_ &= ~(1U << place.first);
            }
        }
    }
    [[nodiscard]] Block* find(std::size_t length) const noexcept {
        return first_of(place_of(rounded(length)));
    }
    /// When there are no more frames: the first block of the list that find() passed over.
    [[nodiscard]] Block* find_thoroughly(std::size_t length) const noexcept {
        const Place place = place_of(length);
        Block* const block = lists_[place.first][place.second].front();
        return block != nullptr && block->length() >= length ? block : nullptr;
    }

private:
    [[nodiscard]] Block* first_of(const Place& place) const noexcept {
        std::size_t first = place.first;
        std::uint32_t bits = has_block_[first] & ~std::uint32_t{0} << place.second;
        if (bits == 0) {
            const std::uint32_t longer = has_list_ & ~std::uint32_t{1} << first;
            if (longer == 0) {
                return nullptr;
            }
            first = static_cast<std::size_t>(std::countr_zero(longer));
            bits = has_block_[first];
        }
        return lists_[first][static_cast<std::size_t>(std::countr_zero(bits))].front();
    }

    /// Leading bits: from which bit on a length is looked at.
    [[nodiscard]] static constexpr std::size_t shift_of(std::size_t length) noexcept {
        return static_cast<std::size_t>(std::bit_width(length)) - std::bit_width(steps);
    }
    [[nodiscard]] static constexpr Place place_of(std::size_t length) noexcept {
        if (length < linear) {
            return {0, length / Block::granule};
        }
        return {static_cast<std::size_t>(std::bit_width(length)) - linear_width + 1,
                (length >> shift_of(length)) % steps};
    }
    /// The start of the first list all of whose blocks are at least so long.
    [[nodiscard]] static constexpr std::size_t rounded(std::size_t length) noexcept {
        if (length < linear) {
            return length;
        }
        const std::size_t below = (std::size_t{1} << shift_of(length)) - 1;
        return (length + below) & ~below;
    }

    std::uint32_t has_list_ = 0;                     ///< a bit for each level
    std::array<std::uint32_t, levels> has_block_{};  ///< a bit for each list of it
    std::array<std::array<BlockList, steps>, levels> lists_;
};

/// The slot's entry.
struct Tlsf {
    static constexpr const char* name = TlsfIndex::name;
    template <HeapEnvironment E>
    using Heap = BlockHeap<TlsfIndex, E>;
};

}  // namespace kidney::mm

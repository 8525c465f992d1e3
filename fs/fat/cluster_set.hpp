/// A set of clusters in memory: a bit for each.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/result.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>

namespace kidney::fs::fat {

/// Numbers from 0 to a limit. In pieces of 4 KiB, because no heap gives megabytes in a row.
/// Concurrency: none.
template <mm::ObjectAllocator Heap>
class ClusterSet {
public:
    explicit ClusterSet(Heap& heap) noexcept : heap_(heap) {}
    ~ClusterSet() { clear(); }
    ClusterSet(const ClusterSet&) = delete;
    ClusterSet& operator=(const ClusterSet&) = delete;

    /// Empty, for numbers below `limit`. Error: no_memory.
    [[nodiscard]] Status create(std::uint32_t limit) noexcept {
        clear();
        const std::size_t wanted = (std::size_t{limit} + piece_bits - 1) / piece_bits;
        void* const table = TRY(heap_.allocate(wanted * sizeof(Piece*)));
        pieces_ = static_cast<Piece**>(table);
        std::fill_n(pieces_, wanted, nullptr);
        count_ = wanted;
        limit_ = limit;
        for (std::size_t n = 0; n < wanted; ++n) {
            Result<void*> piece = heap_.allocate(sizeof(Piece));
            if (!piece) {
                clear();
                return fail(piece.error());
            }
            pieces_[n] = ::new (*piece) Piece{};
        }
        return {};
    }
    void clear() noexcept {
        for (std::size_t n = 0; n < count_; ++n) {
            if (pieces_[n] != nullptr) {
                heap_.free(pieces_[n], sizeof(Piece));
            }
        }
        if (pieces_ != nullptr) {
            heap_.free(pieces_, count_ * sizeof(Piece*));
        }
        pieces_ = nullptr;
        count_ = 0;
        limit_ = 0;
    }

    [[nodiscard]] bool has(std::uint32_t number) const noexcept {
        return (word(number) >> number % word_bits & 1U) != 0;
    }
    void add(std::uint32_t number) noexcept { word(number) |= 1U << number % word_bits; }
    void remove(std::uint32_t number) noexcept { word(number) &= ~(1U << number % word_bits); }

    /// The first number in [from, end) that is not in the set and begins `run` of them; if there is
    /// no such run, the first that is not in the set.
    [[nodiscard]] std::optional<std::uint32_t> find_missing(std::uint32_t from, std::uint32_t end,
                                                            std::uint32_t run) const noexcept {
        std::optional<std::uint32_t> first;
        std::uint32_t length = 0;
        for (std::uint32_t at = from; at < end;) {
            const std::uint32_t rest = word(at) >> at % word_bits;
            if (const auto taken = static_cast<std::uint32_t>(std::countr_one(rest)); taken > 0) {
                at += taken;
                length = 0;
                continue;
            }
            const std::uint32_t left = std::min(word_bits - at % word_bits, end - at);
            const std::uint32_t free =
                std::min(left, static_cast<std::uint32_t>(std::countr_zero(rest)));
            first = first.value_or(at);
            length += free;
            if (length >= run) {
                return at + free - length;
            }
            at += free;
        }
        return first;
    }

private:
    static constexpr std::uint32_t word_bits = 32;
    static constexpr std::uint32_t piece_words = 1024;
    static constexpr std::uint32_t piece_bits = piece_words * word_bits;
    using Piece = std::array<std::uint32_t, piece_words>;

    [[nodiscard]] std::uint32_t& word(std::uint32_t number) const noexcept {
        KIDNEY_ASSERT(number < limit_);
        return (*pieces_[number / piece_bits])[number % piece_bits / word_bits];
    }

    Heap& heap_;
    Piece** pieces_ = nullptr;
    std::size_t count_ = 0;
    std::uint32_t limit_ = 0;
};

}  // namespace kidney::fs::fat

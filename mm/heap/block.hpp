/// Blocks with boundary tags: the memory of a pool cut into pieces of any size, where each knows
/// how long it and the one before it are (Knuth 1973, "boundary tag method").
///
///     | pool | tag  bytes of an object | tag  free: two links ... | tag  ... | last tag: length 0
///     |
///
/// So both neighbours of a freed block are found in O(1), and free ones melt into it.
#pragma once

#include "kidney/core/assert.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

namespace kidney::mm {

/// The tag at the start of a block. What follows belongs to the object, or holds the links of a
/// free block.
class Block {
public:
    static constexpr std::size_t granule = 16;  ///< of lengths, and the alignment of objects
    static constexpr std::size_t tag_bytes = 2 * sizeof(std::size_t);
    static constexpr std::size_t least = tag_bytes + 2 * sizeof(void*);  ///< a free one's links fit

    /// The length of a block for an object.
    [[nodiscard]] static constexpr std::size_t length_for(std::size_t bytes) noexcept {
        const std::size_t length = (bytes + tag_bytes + granule - 1) & ~(granule - 1);
        return length < least ? least : length;
    }
    [[nodiscard]] static Block& of(void* object) noexcept {
        return *reinterpret_cast<Block*>(static_cast<std::byte*>(object) - tag_bytes);
    }
    [[nodiscard]] void* object() noexcept { return address() + tag_bytes; }

    [[nodiscard]] std::size_t length() const noexcept { return word_ & ~used_bit; }
    [[nodiscard]] bool is_used() const noexcept { return (word_ & used_bit) != 0; }
    [[nodiscard]] bool is_first() const noexcept { return length_before_ == 0; }
    [[nodiscard]] bool is_whole_pool() noexcept { return is_first() && next().length() == 0; }
    [[nodiscard]] Block& next() noexcept { return at(address() + length()); }
    /// Not of the first one.
    [[nodiscard]] Block& before() noexcept { return at(address() - length_before_); }

    void set_used(bool used) noexcept { word_ = length() | (used ? used_bit : 0); }
    /// The rest behind the first `length` bytes becomes a free block, if it is long enough; else
    /// null.
    Block* split(std::size_t length) noexcept {
        const std::size_t rest = this->length() - length;
        if (rest < least) {
            return nullptr;
        }
        set_length(length);
        Block& second = next();
        second.word_ = 0;
        second.set_length(rest);
        return &second;
    }
    /// Becomes one with the next one.
    void merge_next() noexcept { set_length(length() + next().length()); }

    /// Makes one free block of [start, end), with the end's tag; all tags end at a granule.
    [[nodiscard]] static Block& fill(std::byte* start, std::byte* end) noexcept {
        auto* const block = ::new (static_cast<void*>(start)) Block;
        auto* const last = ::new (static_cast<void*>(end - tag_bytes)) Block;
        last->set_used(true);  // nobody melts into it
        block->set_length(static_cast<std::size_t>(end - tag_bytes - start));
        return *block;
    }

    /// Of a free block: its place on a list.
    struct Links {
        Block* next;
        Block* previous;
    };
    [[nodiscard]] Links& links() noexcept { return *static_cast<Links*>(object()); }

private:
    static constexpr std::size_t used_bit = 1;

    [[nodiscard]] std::byte* address() noexcept { return reinterpret_cast<std::byte*>(this); }
    [[nodiscard]] static Block& at(std::byte* address) noexcept {
        return *reinterpret_cast<Block*>(address);
    }
    void set_length(std::size_t length) noexcept {
        word_ = length | (word_ & used_bit);
        next().length_before_ = length;
    }

    std::size_t length_before_ = 0;  ///< 0: the first one of its pool
    std::size_t word_ = 0;           ///< length and used_bit
};
static_assert(sizeof(Block) == Block::tag_bytes);

/// Free blocks, last in first out.
class BlockList {
public:
    [[nodiscard]] Block* front() const noexcept { return first_; }
    void push(Block& block) noexcept {
        block.links() = {first_, nullptr};
        if (first_ != nullptr) {
            first_->links().previous = &block;
        }
        first_ = &block;
    }
    void remove(Block& block) noexcept {
        const Block::Links links = block.links();
        if (links.next != nullptr) {
            links.next->links().previous = links.previous;
        }
        (links.previous != nullptr ? links.previous->links().next : first_) = links.next;
    }

private:
    Block* first_ = nullptr;
};

}  // namespace kidney::mm

/// Who has the smallest key: what policies with virtual times or deadlines keep their entities in.
///
/// A 4-ary heap of single words: a key of 40 bits above an entity's slot of 24. One subtraction
/// orders two of them; it goes by the slot where keys are equal, so ties are broken the same way
/// in every run, and it is right when keys wrap around, as long as they are less than 2^39 apart.
///
/// A scheduler takes the first and soon adds the one that ran before. So the place that the first
/// leaves stays empty, and the next to come sinks from there: one descent instead of a descent and
/// a climb.
///
/// Theory: d-ary heaps (Johnson 1975): wider nodes make the tree flatter and keep the children that
/// are compared in one cache line. Cost: O(log n) for push() and remove(), O(1) for the others.
/// Memory: 12 bytes for each slot, from whoever owns the policy.
#pragma once

#include "kidney/core/assert.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

class KeyHeap {
public:
    static constexpr std::uint32_t no_slot = (1U << 24) - 1;

    [[nodiscard]] static constexpr std::size_t bytes_for(std::uint32_t capacity) noexcept {
        return capacity * (sizeof(std::uint64_t) + sizeof(std::uint32_t));
    }
    /// `memory` is aligned to 8; what was there before is not used any more after this.
    void use(std::span<std::byte> memory, std::uint32_t capacity) noexcept {
        auto* const entries = reinterpret_cast<std::uint64_t*>(memory.data());
        auto* const places = reinterpret_cast<std::uint32_t*>(entries + capacity);
        std::copy_n(entries_, count_, entries);
        std::copy_n(places_, capacity_, places);
        std::fill(places + capacity_, places + capacity, nowhere);
        entries_ = entries;
        places_ = places;
        capacity_ = capacity;
    }

    [[nodiscard]] bool is_empty() const noexcept { return count_ == (has_gap_ ? 1 : 0); }
    [[nodiscard]] std::uint32_t size() const noexcept { return count_ - (has_gap_ ? 1 : 0); }

    /// Only the lower 40 bits of a key count.
    void push(std::uint32_t slot, std::uint64_t key) noexcept {
        KIDNEY_INVARIANT(slot < capacity_ && places_[slot] == nowhere, "enqueued twice");
        const std::uint64_t entry = key << 24 | slot;
        if (has_gap_) {
            has_gap_ = false;
            sink(0, entry);
        } else {
            climb(count_++, entry);
        }
    }
    /// The slot with the smallest key. There must be one.
    [[nodiscard]] std::uint32_t first() const noexcept {
        return static_cast<std::uint32_t>(entries_[first_place()]) & no_slot;
    }
    /// The smallest key, in the lower 40 bits.
    [[nodiscard]] std::uint64_t first_key() const noexcept { return entries_[first_place()] >> 24; }
    /// Slot number `n` below size(), in no order but that the smallest key comes first.
    [[nodiscard]] std::uint32_t at(std::uint32_t n) noexcept {
        close_gap();
        return static_cast<std::uint32_t>(entries_[n]) & no_slot;
    }
    std::uint32_t pop() noexcept {
        close_gap();
        const std::uint32_t slot = first();
        places_[slot] = nowhere;
        has_gap_ = true;
        return slot;
    }
    void remove(std::uint32_t slot) noexcept {
        close_gap();
        KIDNEY_INVARIANT(slot < capacity_ && places_[slot] != nowhere,
                         "removing what is not queued");
        const std::uint32_t place = places_[slot];
        places_[slot] = nowhere;
        const std::uint64_t last = entries_[--count_];
        if (place == count_) {
            return;
        }
        if (place != 0 && is_before(last, entries_[parent(place)])) {
            climb(place, last);
        } else {
            sink(place, last);
        }
    }

private:
    static constexpr std::uint32_t nowhere = ~0U;
    static constexpr std::uint32_t fan = 4;

    [[nodiscard]] static bool is_before(std::uint64_t a, std::uint64_t b) noexcept {
        return static_cast<std::int64_t>(a - b) < 0;
    }
    [[nodiscard]] static std::uint32_t parent(std::uint32_t place) noexcept {
        return (place - 1) / fan;
    }
    void put(std::uint32_t place, std::uint64_t entry) noexcept {
        entries_[place] = entry;
        places_[static_cast<std::uint32_t>(entry) & no_slot] = place;
    }
    void climb(std::uint32_t place, std::uint64_t entry) noexcept {
        while (place != 0 && is_before(entry, entries_[parent(place)])) {
            put(place, entries_[parent(place)]);
            place = parent(place);
        }
        put(place, entry);
    }
    void sink(std::uint32_t place, std::uint64_t entry) noexcept {
        for (;;) {
            const std::uint32_t child = smallest_child(place);
            if (child == nowhere || !is_before(entries_[child], entry)) {
                break;
            }
            put(place, entries_[child]);
            place = child;
        }
        put(place, entry);
    }
    [[nodiscard]] std::uint32_t smallest_child(std::uint32_t place) const noexcept {
        const std::uint32_t begin = place * fan + 1;
        if (begin >= count_) {
            return nowhere;
        }
        std::uint32_t smallest = begin;
        const std::uint32_t end = std::min(begin + fan, count_);
        for (std::uint32_t child = begin + 1; child < end; ++child) {
            smallest = is_before(entries_[child], entries_[smallest]) ? child : smallest;
        }
        return smallest;
    }
    [[nodiscard]] std::uint32_t first_place() const noexcept {
        return has_gap_ ? smallest_child(0) : 0;
    }
    void close_gap() noexcept {
        if (has_gap_) {
            has_gap_ = false;
            if (const std::uint64_t last = entries_[--count_]; count_ != 0) {
                sink(0, last);
            }
        }
    }

    std::uint64_t* entries_ = nullptr;
    std::uint32_t* places_ = nullptr;  ///< by slot: where its entry is
    std::uint32_t capacity_ = 0;
    std::uint32_t count_ = 0;  ///< entries, the one that has left included
    bool has_gap_ = false;     ///< entries_[0] has left
};

}  // namespace kidney::sched

/// Who has the smallest key: what policies with virtual times or deadlines keep their entities in.
///
/// A knock-out tournament. Each slot has a place of its own in the first round; of two neighbours
/// the one with the smaller key goes on to the next round, and the last to win is first in the
/// queue. Who leaves has its own matches played again, from its place upwards, and nobody else's:
/// which places those are does not depend on keys, so a processor reads all the opponents at once,
/// where in a heap it must know who won before it can read the next ones. Who comes plays until it
/// loses, and whoever has just run nearly always loses its first match. Nobody else moves, so there
/// is no table of who is where.
///
///       round 3               2:5
///       round 2         2:5         6:7
///       round 1      3:9   2:5   -     6:7      slot:key
///       slots        3 -   2 1   - -   6 -
///
/// A match is one subtraction of two words: a key of 40 bits above the slot of 24. Equal keys are
/// decided by the slot, so the order is the same in every run, whatever happened before; and keys
/// may wrap around as long as they are less than 2^39 apart.
///
/// Theory: tournament sorting and replacement selection, Knuth, The Art of Computer Programming 3,
/// 5.2.3 and 5.4.1. Cost: O(log of the largest slot in use) for push() and remove(), at most one
/// comparison a round; push() of a large key and remove() of a random one O(1) on the average; O(1)
/// for the others. Memory: 16 bytes for each slot, in powers of two, from whoever owns the policy.
#pragma once

#include "kidney/core/assert.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

class Tournament {
public:
    static constexpr std::uint32_t no_slot = (1U << 24) - 1;

    [[nodiscard]] static constexpr std::size_t bytes_for(std::uint32_t capacity) noexcept {
        return std::size_t{2} * std::bit_ceil(capacity) * sizeof(Entry);
    }
    /// `memory` is aligned to 8; what was there before is not used any more after this.
    void use(std::span<std::byte> memory, std::uint32_t capacity) noexcept {
        const Tournament old = *this;
        winners_ = reinterpret_cast<Entry*>(memory.data());
        slots_ = std::bit_ceil(capacity);
        final_ = slots_;
        reach_ = 1;
        size_ = 0;
        std::fill_n(winners_, std::size_t{2} * slots_, nobody);
        for (std::uint32_t slot = 0; slot < old.reach_ && old.slots_ != 0; ++slot) {
            if (old.holds(slot)) {
                push(slot, old.winners_[old.slots_ + slot] >> slot_bits);
            }
        }
    }

    /// Of a push() and a pop(), if slots are below this: the static bound for a decision.
    [[nodiscard]] static constexpr std::uint32_t most_comparisons(std::uint32_t slots) noexcept {
        return 2 * static_cast<std::uint32_t>(std::bit_width(slots - 1));
    }

    [[nodiscard]] bool is_empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
    /// Room for so many slots; a power of two, or none at all.
    [[nodiscard]] std::uint32_t capacity() const noexcept { return slots_; }
    /// All that are in have slots below this.
    [[nodiscard]] std::uint32_t end() const noexcept { return reach_; }
    [[nodiscard]] bool holds(std::uint32_t slot) const noexcept {
        return slot < reach_ && winners_[slots_ + slot] != nobody;
    }

    /// Only the lower 40 bits of a key count.
    void push(std::uint32_t slot, std::uint64_t key) noexcept {
        KIDNEY_INVARIANT(slot < slots_, "an entity without a slot");
        make_reach(slot);
        ++size_;
        const Entry entry = key << slot_bits | slot;
        std::uint32_t place = slots_ + slot;
        KIDNEY_INVARIANT(winners_[place] == nobody, "enqueued twice");
        winners_[place] = entry;
        // Two matches at a time: how the first one ends nobody can tell, that the second is lost
        // is nearly certain.
        while (place != final_) {
            const std::uint32_t next = place / 2;
            const std::uint32_t second = next == final_ ? next : next / 2;
            const Entry rival = winners_[next];
            winners_[next] = __builtin_unpredictable(beats(entry, rival)) ? entry : rival;
            if (!beats(entry, winners_[second])) {
                return;
            }
            winners_[second] = entry;
            place = second;
        }
    }
    /// The slot with the smallest key. There must be one.
    [[nodiscard]] std::uint32_t first() const noexcept { return slot_of(winners_[final_]); }
    /// The smallest key, in the lower 40 bits.
    [[nodiscard]] std::uint64_t first_key() const noexcept { return winners_[final_] >> slot_bits; }
    /// One that lost against the first late, or the first if it is alone. There must be one.
    [[nodiscard]] std::uint32_t runner_up() const noexcept {
        std::uint32_t place = final_;
        while (place < slots_) {
            place *= 2;
            const bool left_has_won = winners_[place] == winners_[place / 2];
            const Entry loser = winners_[place + (left_has_won ? 1 : 0)];
            place += left_has_won == (loser != nobody) ? 1 : 0;
        }
        return place - slots_;
    }
    std::uint32_t pop() noexcept {
        const std::uint32_t slot = first();
        leave(slot, [](Entry) { return true; });  // it has won them all
        return slot;
    }
    void remove(std::uint32_t slot) noexcept {
        KIDNEY_INVARIANT(holds(slot), "removing what is not queued");
        leave(slot, [slot](Entry winner) { return slot_of(winner) == slot; });
    }

private:
    using Entry = std::uint64_t;
    static constexpr unsigned slot_bits = 24;
    static constexpr Entry nobody = ~Entry{0};

    [[nodiscard]] static bool is_before(Entry a, Entry b) noexcept {
        return static_cast<std::int64_t>(a - b) < 0;
    }
    [[nodiscard]] static bool beats(Entry a, Entry b) noexcept {
        return (b == nobody) | is_before(a, b);
    }
    [[nodiscard]] static std::uint32_t slot_of(Entry entry) noexcept {
        return static_cast<std::uint32_t>(entry) & no_slot;
    }
    /// Plays again what `has_won`, from the first match that has an opponent.
    template <class F>
    void leave(std::uint32_t slot, F&& has_won) noexcept {
        --size_;
        // Instead of nobody, so that a match is always one subtraction: later than all keys.
        const Entry late = winners_[final_] + (~Entry{0} >> 1);
        std::uint32_t place = slots_ + slot;
        winners_[place] = nobody;
        while (place != final_ && winners_[place ^ 1] == nobody) {
            place /= 2;
            winners_[place] = nobody;
        }
        Entry winner = late;
        while (place != final_ && has_won(winners_[place / 2])) {
            const Entry other = winners_[place ^ 1];
            const Entry opponent = __builtin_unpredictable(other == nobody) ? late : other;
            winner = __builtin_unpredictable(is_before(opponent, winner)) ? opponent : winner;
            place /= 2;
            winners_[place] = winner;
        }
    }
    /// The final is only as high as the largest slot needs it.
    void make_reach(std::uint32_t slot) noexcept {
        while (slot >= reach_) {
            winners_[final_ / 2] = winners_[final_];
            final_ /= 2;
            reach_ *= 2;
        }
    }

    /// Place n is won by the winner of place 2n or of place 2n + 1; a slot's own is slots_ + slot.
    Entry* winners_ = nullptr;
    std::uint32_t slots_ = 0;  ///< a power of two
    std::uint32_t final_ = 0;  ///< the place whose winner is first
    std::uint32_t reach_ = 0;  ///< slots below this take part in it
    std::uint32_t size_ = 0;
};

}  // namespace kidney::sched

/// Entities in the order of a key each: a Tournament that knows whose slots they are.
#pragma once

#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/policies/tournament.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

/// Keeps `Entity::queued`. Cost and the meaning of keys: tournament.hpp. Memory: 20 bytes a slot,
/// 24 with 64-bit addresses.
class KeyedQueue {
public:
    /// Of one queue.
    [[nodiscard]] static constexpr std::size_t bytes_for(std::uint32_t capacity) noexcept {
        return Tournament::bytes_for(capacity) +
               ((std::bit_ceil(capacity) * sizeof(Entity*) + 7) & ~std::size_t{7});
    }
    /// Gives each of `queues` its part of the tables of a policy (`KeepsTables`).
    template <class... Queues>
    static void share(std::span<std::byte> memory, std::uint32_t capacity,
                      Queues&... queues) noexcept {
        std::size_t n = 0;
        (queues.use(memory.subspan(bytes_for(capacity) * n++), capacity), ...);
    }
    void use(std::span<std::byte> memory, std::uint32_t capacity) noexcept {
        auto* const by_slot =
            reinterpret_cast<Entity**>(memory.data() + Tournament::bytes_for(capacity));
        std::copy_n(by_slot_, order_.capacity(), by_slot);
        by_slot_ = by_slot;
        order_.use(memory, capacity);
    }

    void insert(Entity& entity, std::uint64_t key) noexcept {
        order_.push(entity.slot, key);
        by_slot_[entity.slot] = &entity;
        entity.queued = true;
    }
    void remove(Entity& entity) noexcept {
        order_.remove(entity.slot);
        entity.queued = false;
    }
    /// The one with the smallest key, with a fresh slice; null if nobody waits.
    [[nodiscard]] Entity* take_first() noexcept {
        if (order_.is_empty()) {
            return nullptr;
        }
        Entity* const first = by_slot_[order_.pop()];
        if (!order_.is_empty()) {
            __builtin_prefetch(by_slot_[order_.first()]);  // whom charge() compares with, and next
        }
        return left(*first);
    }
    /// One that may go and is not about to run, if there is such a one; null if none may go. Cost:
    /// O(log n) if all may, else O(slots).
    [[nodiscard]] Entity* take_last(const Taker& taker) noexcept {
        if (order_.is_empty()) {
            return nullptr;
        }
        const std::uint32_t first = order_.first();
        std::uint32_t chosen = order_.runner_up();
        for (std::uint32_t slot = order_.end(); !may_go(chosen, taker) && slot-- != 0;) {
            chosen = slot != first ? slot : chosen;
        }
        chosen = may_go(chosen, taker) ? chosen : first;
        if (!may_go(chosen, taker)) {
            return nullptr;
        }
        order_.remove(chosen);
        return left(*by_slot_[chosen]);
    }
    /// There must be one.
    [[nodiscard]] const Entity& first() const noexcept { return *by_slot_[order_.first()]; }
    [[nodiscard]] bool is_empty() const noexcept { return order_.is_empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return order_.size(); }

private:
    [[nodiscard]] bool may_go(std::uint32_t slot, const Taker& taker) const noexcept {
        return order_.holds(slot) && taker.takes(*by_slot_[slot]);
    }
    [[nodiscard]] static Entity* left(Entity& entity) noexcept {
        entity.queued = false;
        entity.slice_used = Duration();
        return &entity;
    }

    Tournament order_;
    Entity** by_slot_ = nullptr;
};

}  // namespace kidney::sched

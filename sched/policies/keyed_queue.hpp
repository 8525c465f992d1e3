/// Entities in the order of a key each: a KeyHeap that knows whose slots they are.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/policies/key_heap.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

/// Keeps `Entity::queued`. Cost and the meaning of keys: key_heap.hpp. Memory: 16 bytes a slot, 20
/// with 64-bit addresses.
class KeyedQueue {
public:
    [[nodiscard]] static constexpr std::size_t bytes_for(std::uint32_t capacity) noexcept {
        return KeyHeap::bytes_for(capacity) + capacity * sizeof(Entity*) + sizeof(Entity*);
    }
    void use(std::span<std::byte> memory, std::uint32_t capacity) noexcept {
        heap_.use(memory, capacity);
        const std::size_t at = (KeyHeap::bytes_for(capacity) + 7) & ~std::size_t{7};
        auto* const by_slot = reinterpret_cast<Entity**>(memory.data() + at);
        std::copy_n(by_slot_, capacity_, by_slot);
        by_slot_ = by_slot;
        capacity_ = capacity;
    }

    void insert(Entity& entity, std::uint64_t key) noexcept {
        KIDNEY_INVARIANT(entity.slot < capacity_, "an entity without a slot");
        heap_.push(entity.slot, key);
        by_slot_[entity.slot] = &entity;
        entity.queued = true;
    }
    void remove(Entity& entity) noexcept {
        heap_.remove(entity.slot);
        entity.queued = false;
    }
    /// The one with the smallest key, with a fresh slice; null if nobody waits.
    [[nodiscard]] Entity* take_first() noexcept {
        return heap_.is_empty() ? nullptr : left(*by_slot_[heap_.pop()]);
    }
    /// One that may go and is not about to run, if there is such a one; null if none may go. Cost:
    /// O(1) if all may, else O(n).
    [[nodiscard]] Entity* take_last(const Taker& taker) noexcept {
        for (std::uint32_t n = heap_.size(); n-- != 0;) {
            Entity& entity = *by_slot_[heap_.at(n)];
            if (taker.takes(entity)) {
                heap_.remove(entity.slot);
                return left(entity);
            }
        }
        return nullptr;
    }
    /// There must be one.
    [[nodiscard]] const Entity& first() const noexcept { return *by_slot_[heap_.first()]; }
    [[nodiscard]] bool is_empty() const noexcept { return heap_.is_empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }

private:
    [[nodiscard]] static Entity* left(Entity& entity) noexcept {
        entity.queued = false;
        entity.slice_used = Duration();
        return &entity;
    }

    KeyHeap heap_;
    Entity** by_slot_ = nullptr;
    std::uint32_t capacity_ = 0;
};

}  // namespace kidney::sched

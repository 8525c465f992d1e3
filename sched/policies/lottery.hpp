/// Lottery scheduling: each time, a ticket is drawn; whoever holds it runs for a quantum.
///
/// An entity's weight is the number of its tickets, so its share of the CPU is right on the
/// average: after n draws it is off by about the square root of n p (1 - p) quanta, where stride
/// scheduling is off by one. In return nothing needs to be remembered: who comes, leaves or gets
/// another weight is treated right from the next draw on, and nobody starves who has a ticket.
///
/// Theory: Waldspurger and Weihl, "Lottery Scheduling: Flexible Proportional-Share Resource
/// Management", OSDI 1994. Without their compensation tickets: whoever sleeps before its quantum
/// ends gets less than its share.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/format.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/policies/entity_queue.hpp"
#include "sched/policies/sum_tree.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::sched {

/// Where draws come from: 32 bits each, the same ones from the same seed.
template <class D>
concept DrawSource = std::constructible_from<D, std::uint64_t> && requires(D& draws) {
    { draws.next() } noexcept -> std::same_as<std::uint32_t>;
};

/// An xorshift generator (Marsaglia 2003): three shifts, no multiplication, a period of 2^64 - 1.
class Xorshift {
public:
    explicit Xorshift(std::uint64_t seed) noexcept : state_(seed * 0x9E37'79B9'7F4A'7C15U | 1U) {}
    [[nodiscard]] std::uint32_t next() noexcept {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<std::uint32_t>(state_ >> 32);
    }

private:
    std::uint64_t state_;
};

/// Cost: O(log n) for enqueue(), remove() and pick_next(), O(1) for the others.
template <DrawSource Draws = Xorshift>
class LotteryBy {
public:
    static constexpr const char* name = "lottery";
    static constexpr PolicyTraits traits{
        .draws_lots = true, .shares_by_weight = true, .fresh_slices = true};
    static constexpr Duration default_quantum = Duration::milliseconds(10);

    LotteryBy() noexcept : LotteryBy(PolicySetup()) {}
    explicit LotteryBy(const PolicySetup& setup) noexcept
        : draws_(setup.seed), quantum_(setup.quantum_or(default_quantum)) {}

    void enqueue(Entity& entity, EnqueueReason, Instant) noexcept {
        KIDNEY_INVARIANT(entity.slot < tickets_.capacity(), "an entity without a slot");
        KIDNEY_INVARIANT(!entity.queued, "enqueued twice");
        entity.queued = true;
        by_slot_[entity.slot] = &entity;
        tickets_.set(entity.slot, entity.weight);
        ++size_;
    }
    void remove(Entity& entity) noexcept {
        KIDNEY_INVARIANT(entity.queued, "removing what is not queued");
        entity.queued = false;
        tickets_.set(entity.slot, 0);
        --size_;
    }
    [[nodiscard]] Entity* pick_next(Instant) noexcept {
        if (size_ == 0) {
            return nullptr;
        }
        Entity& winner = *by_slot_[tickets_.find(draw())];
        remove(winner);
        winner.slice_used = Duration();
        return &winner;
    }
    [[nodiscard]] TickVerdict charge(Entity& running, Duration ran, Instant) noexcept {
        return charge_slice(running, ran, quantum_, size_ != 0);
    }
    [[nodiscard]] bool preempts(const Entity&, const Entity&) const noexcept { return false; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    // --- Refinements ---

    /// Whoever holds the first ticket of those that may go: no lot is spent on it.
    [[nodiscard]] Entity* give_away(const Taker& taker, Instant) noexcept {
        for (std::uint64_t ticket = 0; ticket < tickets_.total();) {
            const std::uint32_t slot = tickets_.find(ticket);
            if (taker.takes(*by_slot_[slot])) {
                remove(*by_slot_[slot]);
                return by_slot_[slot];
            }
            ticket += tickets_.tickets(slot);
        }
        return nullptr;
    }
    void reconsider(Entity& entity, const SchedulingParameters&, Instant) noexcept {
        if (entity.queued) {
            tickets_.set(entity.slot, entity.weight);
        }
    }
    [[nodiscard]] static constexpr std::size_t table_bytes(std::uint32_t capacity) noexcept {
        return SumTree::bytes_for(capacity) + capacity * sizeof(Entity*);
    }
    void use_tables(std::span<std::byte> memory, std::uint32_t capacity) noexcept {
        auto* const by_slot =
            reinterpret_cast<Entity**>(memory.data() + SumTree::bytes_for(capacity));
        std::copy_n(by_slot_, tickets_.capacity(), by_slot);
        by_slot_ = by_slot;
        tickets_.use(memory.first(SumTree::bytes_for(capacity)), capacity);
    }
    /// What it goes by (`Explains`).
    template <TextSink S>
    void explain(S& text, const Entity& entity, Instant) const noexcept {
        format_to(text, "{} tickets", entity.weight);
    }

private:
    /// A number below the total. WHY a multiplication: a remainder needs a division, and favours
    /// low numbers besides.
    [[nodiscard]] std::uint64_t draw() noexcept {
        const std::uint64_t lot = draws_.next();
        const std::uint64_t total = tickets_.total();
        return (lot * (total & 0xFFFF'FFFFU) >> 32) + lot * (total >> 32);
    }

    SumTree tickets_;
    Entity** by_slot_ = nullptr;
    std::size_t size_ = 0;
    Draws draws_;
    Duration quantum_;
};

using Lottery = LotteryBy<>;

static_assert(SchedulerPolicy<Lottery> && GivesAway<Lottery> && Reconsiders<Lottery> &&
              KeepsTables<Lottery> && SetUpPolicy<Lottery>);

}  // namespace kidney::sched

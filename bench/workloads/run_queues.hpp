/// What a run queue does all day, on queues of any kind: policies, and the same by hand.
///
/// Entities lie in memory in another order than in the queue, as threads do.
#pragma once

#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <random>
#include <type_traits>
#include <vector>

namespace kidney::bench {

/// What a queue's items are: entities, or what a queue by hand makes of them.
template <class Queue>
struct ItemsOf {
    using Type = sched::Entity;
};
template <class Queue>
    requires requires { typename Queue::Item; }
struct ItemsOf<Queue> {
    using Type = typename Queue::Item;
};

/// Do all ask for the same and run equally long, or not?
enum class Crowding { equal, mixed };

/// n + 1 entities and the order in which they come to the queue; how long they run each time.
template <class Item>
class Crowd {
public:
    explicit Crowd(std::size_t n, Crowding how) : entities_(n + 1), order_(n + 1) {
        std::mt19937 random(1);
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        std::ranges::shuffle(order_, random);
        for (std::size_t i = 0; i < entities_.size(); ++i) {
            Item& e = entities_[i];
            e.id = static_cast<std::uint32_t>(i + 1);
            e.slot = static_cast<std::uint32_t>(i);
            if (how == Crowding::mixed) {
                e.priority = sched::Priority(static_cast<std::uint8_t>(random() % 64));
                e.weight = 335 + random() % 2787;  // nice 5 to -5
            }
        }
        for (Duration& time : times_) {
            time = how == Crowding::equal
                       ? run_time
                       : Duration::nanoseconds(run_time.count() / 2 + random() % run_time.count());
        }
    }
    /// Each asks for its longest run, in periods so short that all of them are late from the
    /// beginning: whoever comes back begins a new one, and nobody is stopped.
    void reserve(Crowding how) {
        std::mt19937 random(2);
        const auto n = static_cast<std::int64_t>(entities_.size());
        for (Item& e : entities_) {
            const std::int64_t part = how == Crowding::equal ? 1024 : 512 + random() % 512;
            const Duration period = Duration::nanoseconds(run_time.count() * n / 1024 * part / 2);
            e.reservation = {
                .runtime = Duration::nanoseconds(1), .deadline = period, .period = period};
        }
    }
    [[nodiscard]] Item& at(std::size_t i) noexcept { return entities_[order_[i]]; }
    [[nodiscard]] Item& in_memory(std::size_t i) noexcept { return entities_[i]; }
    [[nodiscard]] std::size_t size() const noexcept { return entities_.size(); }
    [[nodiscard]] Duration next_time() noexcept { return times_[next_++ % times_.size()]; }

private:
    static constexpr Duration run_time = Duration::milliseconds(20);  // beyond any quantum

    std::vector<Item> entities_;
    std::vector<std::size_t> order_;
    std::array<Duration, 256> times_{};
    std::size_t next_ = 0;
};

/// A queue that nearly all of a crowd wait in, and who runs.
template <class Queue>
class BusyQueue {
public:
    using Item = typename ItemsOf<Queue>::Type;
    BusyQueue(std::size_t n, Crowding how) : crowd(n, how) {
        if constexpr (has_deadlines) {
            crowd.reserve(how);
        }
        if constexpr (sched::KeepsTables<Queue>) {
            const auto slots = static_cast<std::uint32_t>(crowd.size());
            tables_.resize(Queue::table_bytes(slots));
            queue.use_tables(tables_, slots);
        }
        fill();
        if constexpr (has_deadlines) {
            for (std::size_t i = 0; i < crowd.size(); ++i) {
                now = now + crowd.next_time();
            }
        }
    }
    void fill() noexcept {
        for (std::size_t i = 0; i < crowd.size(); ++i) {
            queue.enqueue(crowd.at(i), sched::EnqueueReason::started, now);
        }
        running = queue.pick_next(now);
    }
    sched::TickVerdict charge(Duration ran) noexcept {
        now = now + ran;
        const sched::TickVerdict verdict = queue.charge(*running, ran, now);
        benchmark::DoNotOptimize(verdict);
        return verdict;
    }
    /// Whoever runs is charged and goes to the queue, the next one leaves it.
    sched::Entity* switch_over() noexcept {
        charge(crowd.next_time());
        queue.enqueue(*running, comes_back, now);
        running = queue.pick_next(now);
        return running;
    }
    /// Until the order is one that comes of running, and not of how all began; where there is any
    /// but that of arrival.
    void settle() noexcept {
        if constexpr (!sched::KeepsTables<Queue> && std::is_same_v<Item, sched::Entity>) {
            return;
        }
        for (std::size_t i = 0; i < 4 * crowd.size(); ++i) {
            switch_over();
        }
    }
    void leave(sched::Entity& e) noexcept {
        if constexpr (sched::HearsOfLeaving<Queue>) {
            queue.leave(e, sched::LeaveReason::blocked, now);
        }
    }

    // Whoever goes by deadlines has a new one for each job only.
    static constexpr bool has_deadlines = sched::traits_of<Queue>().takes_reservations;
    static constexpr auto comes_back =
        has_deadlines ? sched::EnqueueReason::woken : sched::EnqueueReason::preempted;

    Crowd<Item> crowd;
    Queue queue;
    Instant now;
    sched::Entity* running = nullptr;

private:
    std::vector<std::byte> tables_;
};

/// Whoever runs is charged and goes to the queue, the next one leaves it.
template <class Queue>
struct Switch : BusyQueue<Queue> {
    Switch(std::size_t n, Crowding how) : BusyQueue<Queue>(n, how) { this->settle(); }
    static constexpr std::size_t calls(std::size_t) { return 1; }
    sched::Entity* round() noexcept { return this->switch_over(); }
};

/// Whoever runs is charged a millisecond and goes on.
template <class Queue>
struct Charge : BusyQueue<Queue> {
    Charge(std::size_t n, Crowding how) : BusyQueue<Queue>(n, how) { this->settle(); }
    static constexpr std::size_t calls(std::size_t) { return 1; }
    sched::TickVerdict round() noexcept { return this->charge(Duration::milliseconds(1)); }
};

/// An entity from anywhere in the queue leaves it and comes back: setting a priority, binding to
/// another CPU, the end of a wait that others want too.
template <class Queue>
struct Remove : BusyQueue<Queue> {
    Remove(std::size_t n, Crowding how) : BusyQueue<Queue>(n, how) { this->settle(); }
    static constexpr std::size_t calls(std::size_t) { return 1; }
    sched::Entity* round() noexcept {
        sched::Entity* entity = nullptr;
        do {
            random_ = random_ * 1664525U + 1013904223U;
            // The high bits, scaled: no division in what is measured.
            entity = &this->crowd.in_memory(std::uint64_t{random_} * this->crowd.size() >> 32);
        } while (entity == this->running);
        this->queue.remove(*entity);
        this->queue.enqueue(*entity, sched::EnqueueReason::woken, this->now);
        return entity;
    }

private:
    std::uint32_t random_ = 1;
};

/// Whoever runs falls asleep, another one runs, and then the sleeper wakes up: should it run?
template <class Queue>
struct Wake : BusyQueue<Queue> {
    Wake(std::size_t n, Crowding how) : BusyQueue<Queue>(n, how) { this->settle(); }
    static constexpr std::size_t calls(std::size_t) { return 1; }
    bool round() noexcept {
        sched::Entity& sleeper = *this->running;
        this->charge(this->crowd.next_time());
        this->leave(sleeper);
        this->running = this->queue.pick_next(this->now);
        this->charge(this->crowd.next_time());
        this->queue.enqueue(sleeper, sched::EnqueueReason::woken, this->now);
        return this->queue.preempts(sleeper, *this->running);
    }
};

/// So many queues that what is measured of each is not the clock.
template <class Queue>
struct ManyQueues {
    ManyQueues(std::size_t n, Crowding how) {
        for (std::size_t i = 0; i < queues_for(n); ++i) {
            queues.push_back(std::make_unique<BusyQueue<Queue>>(n, how));
            drain(*queues.back());
        }
    }
    [[nodiscard]] static std::size_t calls(std::size_t n) { return queues_for(n) * (n + 1); }
    static void fill(BusyQueue<Queue>& q) noexcept {
        for (std::size_t i = 0; i < q.crowd.size(); ++i) {
            q.queue.enqueue(q.crowd.at(i), sched::EnqueueReason::started, q.now);
        }
    }
    static sched::Entity* drain(BusyQueue<Queue>& q) noexcept {
        sched::Entity* last = nullptr;
        while (sched::Entity* const e = q.queue.pick_next(q.now)) {
            q.leave(*e);
            last = e;
        }
        return last;
    }
    std::vector<std::unique_ptr<BusyQueue<Queue>>> queues;

private:
    [[nodiscard]] static std::size_t queues_for(std::size_t n) { return 1 + 1000 / n; }
};

/// An empty queue is filled.
template <class Queue>
struct Enqueue : ManyQueues<Queue> {
    using ManyQueues<Queue>::ManyQueues;
    std::size_t round() noexcept {
        for (auto& q : this->queues) {
            this->fill(*q);
        }
        return this->queues.size();
    }
    void rewind() noexcept {
        for (auto& q : this->queues) {
            static_cast<void>(this->drain(*q));
        }
    }
};

/// A full queue is emptied.
template <class Queue>
struct Pick : ManyQueues<Queue> {
    Pick(std::size_t n, Crowding how) : ManyQueues<Queue>(n, how) { rewind(); }
    sched::Entity* round() noexcept {
        sched::Entity* last = nullptr;
        for (auto& q : this->queues) {
            last = this->drain(*q);
        }
        return last;
    }
    void rewind() noexcept {
        for (auto& q : this->queues) {
            this->fill(*q);
        }
    }
};

}  // namespace kidney::bench

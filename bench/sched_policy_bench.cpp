/// What a scheduling decision costs: every policy of the slot, beside queues made by hand.
///
///   switch    the running entity is charged and goes to the queue, the next one leaves it
///   mixed     as `switch`, with random priorities
///   remove    an entity from anywhere in the queue leaves and comes back (wait, set priority)
///
/// n is the number of queued entities. Entities lie in memory in another order than in the queue,
/// as threads do.
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "policies/scheduler.hpp"
#include "sched/trace/traced.hpp"

#include <benchmark/benchmark.h>
#include <boost/intrusive/list.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace kidney {
namespace {

constexpr Duration run_time = Duration::milliseconds(20);  // beyond any quantum
constexpr std::uint32_t seed = 1;

/// n + 1 entities and the order in which they come to the queue.
struct Crowd {
    explicit Crowd(std::size_t n, bool mixed = false) : entities(n + 1), order(n + 1) {
        std::mt19937 random(seed);
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::shuffle(order.begin(), order.end(), random);
        for (std::size_t i = 0; i < entities.size(); ++i) {
            entities[i].id = static_cast<std::uint32_t>(i + 1);
            entities[i].slot = static_cast<std::uint32_t>(i);
            if (mixed) {
                entities[i].priority = sched::Priority(static_cast<std::uint8_t>(random() % 64));
            }
        }
    }
    [[nodiscard]] sched::Entity& at(std::size_t i) { return entities[order[i]]; }
    [[nodiscard]] std::size_t size() const { return entities.size(); }

    std::vector<sched::Entity> entities;
    std::vector<std::size_t> order;
};

/// The hand-made queues have the policies' interface as far as the workloads need it.
class DequeByHand {
public:
    void enqueue(sched::Entity& e, sched::EnqueueReason, Instant) { queue_.push_back(&e); }
    sched::Entity* pick_next(Instant) {
        sched::Entity* const first = queue_.front();
        queue_.pop_front();
        return first;
    }
    sched::TickVerdict charge(sched::Entity& e, Duration ran, Instant) {
        e.slice_used += ran;
        return sched::TickVerdict::preempt;
    }
    void remove(sched::Entity& e) { queue_.erase(std::find(queue_.begin(), queue_.end(), &e)); }

private:
    std::deque<sched::Entity*> queue_;
};

class ListByHand {
public:
    void enqueue(sched::Entity& e, sched::EnqueueReason, Instant) { list_.push_back(e); }
    sched::Entity* pick_next(Instant) {
        sched::Entity& first = list_.front();
        list_.pop_front();
        return &first;
    }
    sched::TickVerdict charge(sched::Entity& e, Duration ran, Instant) {
        e.slice_used += ran;
        return sched::TickVerdict::preempt;
    }
    void remove(sched::Entity& e) { list_.erase(list_.iterator_to(e)); }

private:
    boost::intrusive::list<
        sched::Entity, boost::intrusive::member_hook<sched::Entity, decltype(sched::Entity::hook),
                                                     &sched::Entity::hook>>
        list_;
};

/// A policy, or a queue by hand, with room for a crowd.
template <class Queue>
class Roomy : public Queue {
public:
    explicit Roomy(const Crowd& crowd) {
        if constexpr (sched::KeepsTables<Queue>) {
            const auto slots = static_cast<std::uint32_t>(crowd.size());
            tables_.resize(Queue::table_bytes(slots));
            Queue::use_tables(tables_, slots);
        }
    }

private:
    std::vector<std::byte> tables_;
};

template <class Queue>
void fill(Queue& queue, Crowd& crowd) {
    for (std::size_t i = 0; i < crowd.size(); ++i) {
        queue.enqueue(crowd.at(i), sched::EnqueueReason::started, Instant());
    }
}

template <class Queue>
void switch_threads(benchmark::State& state, bool mixed) {
    Crowd crowd(static_cast<std::size_t>(state.range(0)), mixed);
    Roomy<Queue> queue(crowd);
    fill(queue, crowd);
    Instant now;
    sched::Entity* running = queue.pick_next(now);
    for (auto _ : state) {
        now = now + run_time;
        benchmark::DoNotOptimize(queue.charge(*running, run_time, now));
        queue.enqueue(*running, sched::EnqueueReason::preempted, now);
        running = queue.pick_next(now);
        benchmark::DoNotOptimize(running);
    }
}

template <class Queue>
void remove_any(benchmark::State& state) {
    Crowd crowd(static_cast<std::size_t>(state.range(0)), true);
    Roomy<Queue> queue(crowd);
    fill(queue, crowd);
    std::uint32_t random = seed;
    for (auto _ : state) {
        random = random * 1664525U + 1013904223U;
        // The high bits, scaled: no division in what is measured.
        const auto i = static_cast<std::size_t>(std::uint64_t{random} * crowd.size() >> 32);
        sched::Entity& entity = crowd.entities[i];
        queue.remove(entity);
        queue.enqueue(entity, sched::EnqueueReason::woken, Instant());
    }
}

template <class Queue>
void add(const std::string& name) {
    const auto sizes = [](benchmark::internal::Benchmark* b) {
        b->Arg(10)->Arg(1000)->Arg(100000);
    };
    sizes(benchmark::RegisterBenchmark(("switch/" + name).c_str(), switch_threads<Queue>, false));
    sizes(benchmark::RegisterBenchmark(("mixed/" + name).c_str(), switch_threads<Queue>, true));
    sizes(benchmark::RegisterBenchmark(("remove/" + name).c_str(), remove_any<Queue>));
}

/// Before main(), as BENCHMARK() does it, because the policies are a list of types.
const bool registered = [] {
    add<DequeByHand>("baseline_deque");
    add<ListByHand>("boost_list");
    policies::scheduler::All::for_each([]<class P>() { add<P>(P::name); });
    using Selected = policies::scheduler::Selected;
    add<sched::Traced<Selected>>(std::string("traced_") + Selected::name);
    return true;
}();

}  // namespace
}  // namespace kidney

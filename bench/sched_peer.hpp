/// One line that compares a scheduler with all of its kind:
///
///     SCHED_PEER(YoungestFirst, "youngest_first");
///
/// in a file of one's own, bench/mine_bench.cpp; then `./kidney bench mine`. Schedulers are
/// measured beside others that promise as much, because nobody sorts for nothing:
///
///   _in_turn   queues in the order of arrival: lists
///   _by_level  queues for each of 64 levels, and a bitmap
///   _by_key    whoever has the smallest key: trees and heaps
///   _by_lot    draws by weight: sums
///
/// A policy of the build is in the group that its traits put it in; a peer is in all of them.
#pragma once

#include "bench/baselines/queues_by_key.hpp"
#include "bench/baselines/queues_in_turn.hpp"
#include "bench/workloads/count_instructions.hpp"
#include "bench/workloads/run_queues.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "policies/scheduler.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace kidney::bench {

struct SchedulerGroup {
    std::string_view name;
    friend constexpr bool operator==(SchedulerGroup, SchedulerGroup) noexcept = default;
};
inline constexpr SchedulerGroup in_turn{"in_turn"};
inline constexpr SchedulerGroup by_level{"by_level"};
inline constexpr SchedulerGroup by_key{"by_key"};
inline constexpr SchedulerGroup by_lot{"by_lot"};
inline constexpr std::array scheduler_groups{in_turn, by_level, by_key, by_lot};

template <sched::SchedulerPolicy P>
[[nodiscard]] constexpr SchedulerGroup group_of() noexcept {
    constexpr sched::PolicyTraits traits = sched::traits_of<P>();
    return traits.draws_lots                                      ? by_lot
           : traits.shares_by_weight || traits.takes_reservations ? by_key
           : sched::LendsUrgency<P>                               ? by_level
                                                                  : in_turn;
}

template <template <class> class Work, class Queue>
void measure_scheduler(benchmark::State& state, Crowding how) {
    const auto n = static_cast<std::size_t>(state.range(0));
    Work<Queue> work(n, how);
    for (auto _ : state) {
        benchmark::DoNotOptimize(work.round());
        benchmark::ClobberMemory();
        if constexpr (requires { work.rewind(); }) {
            state.PauseTiming();
            work.rewind();
            state.ResumeTiming();
        }
    }
    state.counters["call"] = benchmark::Counter(
        static_cast<double>(state.iterations()) * static_cast<double>(work.calls(n)),
        benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    if constexpr (sched::BoundsComparisons<Queue>) {
        state.counters["most_comparisons"] =
            Queue::most_comparisons(static_cast<std::uint32_t>(n) + 1);
    }
    if constexpr (!requires { work.rewind(); }) {
        if (std::getenv("KIDNEY_BENCH_INSTRUCTIONS") != nullptr) {
            static std::map<std::pair<std::size_t, Crowding>, double> counted;
            const auto [place, is_new] = counted.try_emplace({n, how}, 0.0);
            if (is_new) {
                place->second =
                    instructions_per_call([&] { benchmark::DoNotOptimize(work.round()); });
            }
            state.counters["instructions"] = place->second;
        }
    }
}

template <class Queue>
void add_scheduler(const std::string& name, SchedulerGroup group) {
    const auto add = [&](const char* what, auto function, Crowding how) {
        auto* const benchmark = benchmark::RegisterBenchmark(
            (std::string(what) + "_" + std::string(group.name) + "/" + name).c_str(), function,
            how);
        benchmark->Arg(10)->Arg(1000);
        if (std::getenv("KIDNEY_BENCH_SMALL") == nullptr) {
            benchmark->Arg(100'000);
        }
    };
    add("switch", measure_scheduler<Switch, Queue>, Crowding::equal);
    add("mixed", measure_scheduler<Switch, Queue>, Crowding::mixed);
    add("wake", measure_scheduler<Wake, Queue>, Crowding::mixed);
    add("charge", measure_scheduler<Charge, Queue>, Crowding::mixed);
    add("remove", measure_scheduler<Remove, Queue>, Crowding::mixed);
    add("enqueue", measure_scheduler<Enqueue, Queue>, Crowding::mixed);
    add("pick", measure_scheduler<Pick, Queue>, Crowding::mixed);
}

/// What policies are measured against, once in each program.
inline bool add_stand_ins() {
    add_scheduler<ListByHand>(ListByHand::name, in_turn);
    add_scheduler<DequeByHand>(DequeByHand::name, in_turn);
    add_scheduler<BoostListByHand>(BoostListByHand::name, in_turn);
    add_scheduler<BitmapByHand>(BitmapByHand::name, by_level);
    add_scheduler<FairByHand<RedBlackTree>>(RedBlackTree::name, by_key);
    add_scheduler<FairByHand<StdSet>>(StdSet::name, by_key);
    add_scheduler<FairByHand<HeapOfFour>>(HeapOfFour::name, by_key);
    add_scheduler<FairByHand<PairingHeap>>(PairingHeap::name, by_key);
    add_scheduler<FairByHand<SkipList>>(SkipList::name, by_key);
    add_scheduler<DrawByHand<FenwickTree>>(FenwickTree::name, by_lot);
    add_scheduler<DrawByHand<TicketList>>(TicketList::name, by_lot);
    return true;
}
inline const bool has_stand_ins = add_stand_ins();

template <sched::SchedulerPolicy P>
bool add_peer(const std::string& name) {
    for (const SchedulerGroup group : scheduler_groups) {
        add_scheduler<P>(name, group);
    }
    return true;
}

// Two steps, so that the line's number is put in.
#define SCHED_PEER_NAME_(line) sched_peer_of_line_##line
#define SCHED_PEER_ON_(Policy, name, line) \
    static const bool SCHED_PEER_NAME_(line) = ::kidney::bench::add_peer<Policy>(name)
#define SCHED_PEER(Policy, name) SCHED_PEER_ON_(Policy, name, __LINE__)

}  // namespace kidney::bench

/// Frame allocators: how much of free memory they keep in large blocks, and what their books cost.
/// Not times: the figures are the same on every machine, so each protocol runs once.
#include "bench/baselines/frame_lists.hpp"
#include "bench/workloads/fragmentation.hpp"
#include "bench/workloads/ready.hpp"
#include "kidney/core/type_list.hpp"
#include "policies/frame_allocator.hpp"

#include <benchmark/benchmark.h>

#include <memory>
#include <string>

namespace kidney::bench {
namespace {

// 4 GiB; a build for tests only shows that the protocols run.
#ifdef NDEBUG
constexpr std::uint32_t frames = 1U << 20;
#else
constexpr std::uint32_t frames = 1U << 14;
#endif

template <class Protocol, class Allocator>
void run(benchmark::State& state) {
    for (auto _ : state) {
        const auto allocator = std::make_unique<Allocator>(frames);
        const FreeShape shape = fragment<Protocol>(*allocator, {FrameNumber(0), frames}, 1);
        state.counters["2M%"] = shape.whole_share(order_2_mib);
        state.counters["4M%"] = shape.whole_share(order_4_mib);
        state.counters["granted2M%"] = shape.granted_share(order_2_mib);
        state.counters["granted4M%"] = shape.granted_share(order_4_mib);
        state.counters["bits/frame"] = Allocator::metadata_bits_per_frame(frames);
        state.counters["refused"] = static_cast<double>(shape.refused);
    }
}

template <class Protocol, class Allocator>
void add() {
    benchmark::RegisterBenchmark((std::string(Protocol::name) + "/" + Allocator::name).c_str(),
                                 run<Protocol, Allocator>)
        ->Iterations(1)
        ->Repetitions(1)
        ->Unit(benchmark::kMillisecond);
}

[[maybe_unused]] const bool registered = [] {
    TypeList<Breathe<40, 60>, Breathe<75, 95>, Paper, MixedOrders>::for_each([]<class Protocol>() {
        if constexpr (!std::same_as<Protocol, MixedOrders>) {
            add<Protocol, FreeListStack>();
        }
        add<Protocol, LinuxStyleBuddy>();
        policies::frame_allocator::All::for_each(
            []<class Policy>() { add<Protocol, Ready<Policy>>(); });
    });
    return true;
}();

}  // namespace
}  // namespace kidney::bench

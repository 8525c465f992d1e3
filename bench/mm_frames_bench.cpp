/// Frame allocators: every policy of the build under the workloads of bench/workloads/frames.hpp,
/// beside the same job by hand. Times are per call.
#include "bench/baselines/frame_lists.hpp"
#include "bench/workloads/frames.hpp"
#include "bench/workloads/ready.hpp"
#include "kidney/core/type_list.hpp"
#include "policies/frame_allocator.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <memory>
#include <string>

namespace kidney::bench {
namespace {

template <class Workload, class Allocator>
void measure(benchmark::State& state) {
    const auto allocator = std::make_unique<Allocator>(frame_count);
    Workload workload;
    workload.prepare(*allocator);
    for (auto _ : state) {
        workload.round(*allocator);
        benchmark::ClobberMemory();
    }
    const auto calls = static_cast<double>(state.iterations()) * Workload::operations;
    state.counters["call"] =
        benchmark::Counter(calls, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    state.counters["refused"] = static_cast<double>(workload.refused());
}

template <class Workload, class Allocator>
void add(const char* subject) {
    benchmark::RegisterBenchmark((std::string(Workload::name) + "/" + subject).c_str(),
                                 measure<Workload, Allocator>);
}

template <class Workload>
void add_singles() {
    add<Workload, FreeListStack>(FreeListStack::name);
    add<Workload, LinuxStyleBuddy>(LinuxStyleBuddy::name);
    policies::frame_allocator::All::for_each(
        []<class Policy>() { add<Workload, Ready<Policy>>(Policy::name); });
}

/// A stack cannot serve blocks, so here the list-based buddy is what others are compared with.
template <class Workload>
void add_blocks() {
    add<Workload, LinuxStyleBuddy>("baseline_linux_style_buddy");
    policies::frame_allocator::All::for_each(
        []<class Policy>() { add<Workload, Ready<Policy>>(Policy::name); });
}

[[maybe_unused]] const bool registered = [] {
    TypeList<Pair, Burst64, Bulk, Mix<50>, Mix<90>>::for_each(
        []<class Workload>() { add_singles<Workload>(); });
    TypeList<Orders<false, true>, Orders<true, true>, Orders<false, false>,
             Orders<true, false>>::for_each([]<class Workload>() { add_blocks<Workload>(); });
    return true;
}();

}  // namespace
}  // namespace kidney::bench

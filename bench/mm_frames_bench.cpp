/// Frame allocators: every policy of the build under the workloads of bench/workloads/frames.hpp,
/// by itself and with magazines in front, beside the same job by hand. Times are per call.
///
/// What the magazines cost here is what they cost in the kernel, but for the one instruction that a
/// program may not execute: a lock round the policy, a flag that is saved, cleared and restored,
/// and a mark for each frame that catches wrong frees.
#include "bench/baselines/frame_bitmap.hpp"
#include "bench/baselines/frame_linux.hpp"
#include "bench/baselines/frame_lists.hpp"
#include "bench/workloads/frames.hpp"
#include "bench/workloads/ready.hpp"
#include "kidney/core/type_list.hpp"
#include "kidney/hal/cpu.hpp"
#include "mm/locked_frames.hpp"
#include "mm/magazines.hpp"
#include "policies/frame_allocator.hpp"
#include "tests/support/std_cpu.hpp"

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

namespace kidney::bench {
namespace {

using test::StdCpu;

template <class Policy>
using Shared = mm::SharedFrames<mm::FramesOf<Policy, StdCpu>, PlainSpinLock>;
template <class Policy>
using Alone = Ready<mm::FramesOf<Policy, StdCpu>>;
template <class Policy>
using WithMagazines = Ready<mm::Magazines<Shared<Policy>, StdCpu, hal::InterruptGuard<StdCpu>>>;

void report(benchmark::State& state, double calls, std::uint64_t refused) {
    state.counters["call"] =
        benchmark::Counter(calls, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    state.counters["refused"] = static_cast<double>(refused);
}

template <class Workload, class Allocator>
void measure(benchmark::State& state) {
    StdCpu::become(CpuId(0));
    const auto allocator = std::make_unique<Allocator>(frame_count);
    Workload workload;
    workload.prepare(*allocator);
    for (auto _ : state) {
        workload.round(*allocator);
        benchmark::ClobberMemory();
        if constexpr (requires { workload.rewind(*allocator); }) {
            state.PauseTiming();
            workload.rewind(*allocator);
            state.ResumeTiming();
        }
    }
    report(state, static_cast<double>(state.iterations()) * Workload::operations,
           workload.refused());
}

// --- Two threads on one allocator ---

constexpr int threads = 2;
constexpr std::uint32_t frames_of_thread = frame_count / threads / 2;

template <class Allocator>
std::unique_ptr<Allocator> common;  // set up and torn down outside of the timed part

/// Each for itself: take a frame and give it back.
template <class Allocator>
void pair_of_threads(benchmark::State& state) {
    StdCpu::become(CpuId(static_cast<std::uint32_t>(state.thread_index())));
    Pair workload;
    for (auto _ : state) {
        workload.round(*common<Allocator>);
    }
    report(state, static_cast<double>(state.iterations()) * Pair::operations, workload.refused());
}

/// Each takes half of its half of memory; then each gives back, in random order, what it took, or
/// what the other one took.
template <class Allocator, bool Crossed>
void bulk_of_threads(benchmark::State& state) {
    static std::array<Shuffled, threads> halves;
    static std::atomic<unsigned> arrived;
    const auto all_arrive = [] {
        const unsigned mine = arrived.fetch_add(1);
        while (arrived.load() / threads == mine / threads) {
        }
    };
    const auto me = static_cast<std::uint32_t>(state.thread_index());
    StdCpu::become(CpuId(me));
    Allocator& allocator = *common<Allocator>;
    halves[me].resize(frames_of_thread, me + 1);
    for (auto _ : state) {
        halves[me].take_all(allocator);
        if constexpr (Crossed) {
            all_arrive();
        }
        halves[Crossed ? threads - 1 - me : me].give_back_all(allocator);
        if constexpr (Crossed) {
            all_arrive();
        }
    }
    report(state, static_cast<double>(state.iterations()) * 2 * frames_of_thread,
           halves[me].refused());
}

template <class Allocator>
void add_of_threads(const std::string& subject) {
    const auto add = [&](const char* workload, void (*function)(benchmark::State&)) {
        benchmark::RegisterBenchmark((workload + subject).c_str(), function)
            ->Threads(threads)
            ->Setup([](const benchmark::State&) {
                common<Allocator> = std::make_unique<Allocator>(frame_count);
            })
            ->Teardown([](const benchmark::State&) { common<Allocator>.reset(); });
    };
    add("frames.2_threads.pair/", pair_of_threads<Allocator>);
    add("frames.2_threads.bulk/", bulk_of_threads<Allocator, false>);
    add("frames.2_threads.cross_free/", bulk_of_threads<Allocator, true>);
}

// --- Who is measured with what ---

template <class Workload, class Allocator>
void add(const std::string& subject) {
    benchmark::RegisterBenchmark((std::string(Workload::name) + "/" + subject).c_str(),
                                 measure<Workload, Allocator>);
}

template <class Workload>
void add_policies() {
    policies::frame_allocator::All::for_each([]<class Policy>() {
        add<Workload, Alone<Policy>>(Policy::name);
        add<Workload, WithMagazines<Policy>>(std::string(Policy::name) + "+magazines");
    });
}

template <class Workload>
void add_singles() {
    add<Workload, FreeListStack>(FreeListStack::name);
    add<Workload, ArrayStack>(ArrayStack::name);
    add<Workload, PlainBitmap>(PlainBitmap::name);
    add<Workload, LockedLinuxBuddy>(LockedLinuxBuddy::name);
    add<Workload, LinuxBuddyWithCpuLists>(LinuxBuddyWithCpuLists::name);
    add_policies<Workload>();
}

/// A stack cannot serve blocks, so here the buddy with lists for each CPU is what others are
/// compared with.
template <class Workload>
void add_blocks() {
    add<Workload, PlainBitmap>("bitmap");
    add<Workload, LockedLinuxBuddy>(LockedLinuxBuddy::name);
    add<Workload, LinuxBuddyWithCpuLists>("baseline_linux_buddy_pcp");
    add_policies<Workload>();
}

[[maybe_unused]] const bool registered = [] {
    TypeList<Pair, Burst64, Bulk<false>, Bulk<true>, Mix<50>, Mix<90>>::for_each(
        []<class Workload>() { add_singles<Workload>(); });
    TypeList<Orders<false>, Orders<true>>::for_each(
        []<class Workload>() { add_blocks<Workload>(); });
    add_of_threads<LockedLinuxBuddy>(LockedLinuxBuddy::name);
    add_of_threads<LinuxBuddyWithCpuLists>("baseline_linux_buddy_pcp");
    policies::frame_allocator::All::for_each([]<class Policy>() {
        add_of_threads<Ready<Shared<Policy>>>(Policy::name);
        add_of_threads<WithMagazines<Policy>>(std::string(Policy::name) + "+magazines");
    });
    return true;
}();

}  // namespace
}  // namespace kidney::bench

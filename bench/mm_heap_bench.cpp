/// Heaps: every policy of the build under the workloads of bench/workloads/objects.hpp, beside the
/// same job by hand. Times are per call; `memory` is frames taken for each byte asked for.
#include "bench/baselines/object_lists.hpp"
#include "bench/workloads/objects.hpp"
#include "bench/workloads/remote_objects.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/type_list.hpp"
#include "mm/early_frames.hpp"
#include "mm/frame_service.hpp"
#include "mm/frame_setup.hpp"
#include "mm/frames/buddy_bitmap.hpp"
#include "mm/locked_frames.hpp"
#include "mm/reference_counts.hpp"
#include "policies/heap.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sim/ram_arena.hpp"
#include "tests/support/heap_environment.hpp"
#include "tests/support/std_cpu.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>

namespace kidney::bench {
namespace {

constexpr std::uint32_t frame_total = 1U << 18;  // 1 GiB
constexpr LockRank heap_rank{90, "heap"};
constexpr LockRank frames_rank{98, "frames"};

/// A policy over memory of its own. With one thread the locks cost nothing, as in the stand-ins.
template <class Policy, BasicLockable HeapLock, BasicLockable FramesLock>
class ReadyHeap {
public:
    ReadyHeap() {
        const FrameRange all{FrameNumber(0), frame_total};
        mm::EarlyFrames early({&all, 1}, {});
        MUST(mm::set_up_frames(frames_, early, ram_, FrameNumber(frame_total)));
        free_before_ = frames_.free_frames();
        heap_ = std::make_unique<Heap>(frames_, ram_);
    }
    void* allocate(std::size_t bytes) noexcept {
        const Result<void*> object = heap_->allocate(bytes);
        return object ? *object : nullptr;
    }
    void free(void* object, std::size_t bytes) noexcept { heap_->free(object, bytes); }
    static void become(std::uint32_t cpu) noexcept { test::StdCpu::become(CpuId(cpu)); }
    [[nodiscard]] std::size_t footprint() const noexcept {
        return (free_before_ - frames_.free_frames()) * page_size;
    }

private:
    using Frames = mm::FrameService<mm::Locked<mm::BuddyBitmap, FramesLock>,
                                    mm::ReferenceCounts<test::StdCpu, sim::RamArena, NullLock>>;
    using Heap = typename Policy::template Heap<test::TestHeapEnvironment<Frames, HeapLock>>;
    sim::RamArena ram_{frame_total};
    Frames frames_;
    std::size_t free_before_;
    std::unique_ptr<Heap> heap_;
};
template <class Policy>
using Single = ReadyHeap<Policy, NullLock, NullLock>;
template <class Policy>
using Shared = ReadyHeap<Policy, sched::SpinLock<heap_rank, test::StdCpu>,
                         sched::SpinLock<frames_rank, test::StdCpu>>;

/// What the host's programs use.
struct HostHeap {
    void* allocate(std::size_t bytes) noexcept { return std::malloc(bytes); }
    void free(void* object, std::size_t) noexcept { std::free(object); }
    static void become(std::uint32_t) noexcept {}
};

template <class Workload, class Heap>
void measure(benchmark::State& state) {
    const auto heap = std::make_unique<Heap>();
    const auto workload = std::make_unique<Workload>();
    workload->prepare(*heap);
    workload->round(*heap);  // the first one touches memory that nobody has touched yet
    if constexpr (requires { workload->restore(*heap); }) {
        workload->restore(*heap);
    }
    for (auto _ : state) {
        workload->round(*heap);
        benchmark::ClobberMemory();
        if constexpr (requires { workload->restore(*heap); }) {
            state.PauseTiming();
            workload->restore(*heap);
            state.ResumeTiming();
        }
    }
    if constexpr (requires { workload->finish(*heap); }) {
        workload->finish(*heap);
    }
    const auto calls = static_cast<double>(state.iterations()) * Workload::operations;
    state.counters["call"] =
        benchmark::Counter(calls, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

template <class Workload, class Heap>
void add(const char* subject) {
    benchmark::RegisterBenchmark((std::string(Workload::name) + "/" + subject).c_str(),
                                 measure<Workload, Heap>);
}

/// Objects of sizes from 16 to `Most`, until 64 MiB are asked for.
template <std::size_t Most, class Heap>
void measure_memory(benchmark::State& state) {
    for (auto _ : state) {
        const auto heap = std::make_unique<Heap>();
        const Sizes sizes(16, Most, 1 << 16);
        std::size_t asked = 0;
        for (std::size_t i = 0; asked < std::size_t{64} << 20; ++i) {
            const std::size_t bytes = sizes.bytes[i % sizes.bytes.size()];
            benchmark::DoNotOptimize(heap->allocate(bytes));
            asked += bytes;
        }
        state.counters["granted/asked"] =
            static_cast<double>(heap->footprint()) / static_cast<double>(asked);
    }
}

template <std::size_t Most, class Heap>
void add_memory(const char* subject) {
    benchmark::RegisterBenchmark(("heap.memory16_" + std::to_string(Most) + "/" + subject).c_str(),
                                 measure_memory<Most, Heap>)
        ->Iterations(1);
}

template <std::size_t Most>
void add_memories() {
    add_memory<Most, ObjectLists>(ObjectLists::name);
    policies::heap::All::for_each(
        []<class Policy>() { add_memory<Most, Single<Policy>>(Policy::name); });
}

[[maybe_unused]] const bool registered = [] {
    TypeList<ObjectPair, ObjectBurst, ObjectBulk<false>, ObjectBulk<true>, ObjectChurn>::for_each(
        []<class Workload>() {
            add<Workload, ObjectLists>(ObjectLists::name);
            policies::heap::All::for_each(
                []<class Policy>() { add<Workload, Single<Policy>>(Policy::name); });
        });
    add<RemoteObjectPair, HostHeap>("baseline_malloc");
    policies::heap::All::for_each(
        []<class Policy>() { add<RemoteObjectPair, Shared<Policy>>(Policy::name); });
    add_memories<2048>();
    add_memories<128>();
    return true;
}();

}  // namespace
}  // namespace kidney::bench

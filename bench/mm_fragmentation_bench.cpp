/// Frame allocators: how much of free memory they keep in large blocks, and what their books cost.
/// Not times: the figures are the same on every machine, so each protocol runs once.
#include "bench/baselines/frame_bitmap.hpp"
#include "bench/baselines/frame_linux.hpp"
#include "bench/baselines/frame_lists.hpp"
#include "bench/workloads/fragmentation.hpp"
#include "bench/workloads/ready.hpp"
#include "kidney/core/type_list.hpp"
#include "kidney/hal/per_cpu.hpp"
#include "mm/locked_frames.hpp"
#include "mm/magazines.hpp"
#include "policies/frame_allocator.hpp"
#include "tests/support/std_cpu.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

namespace kidney::bench {
namespace {

/// 4 GiB, or what the environment says: the tests only show that the protocols run.
const std::uint32_t frames = [] {
    const char* const wanted = std::getenv("KIDNEY_BENCH_FRAMES");
    return wanted == nullptr ? 1U << 20 : static_cast<std::uint32_t>(std::atoi(wanted));
}();

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

template <class Policy>
using Alone = Ready<mm::FramesOf<Policy, test::StdCpu>>;
/// Which frames are double-checked by a count of references, as in the kernel.
template <class Policy>
using WithMagazines =
    Ready<mm::Magazines<mm::SharedFrames<mm::FramesOf<Policy, test::StdCpu>, NullLock>,
                        test::StdCpu, hal::NoPin, mm::NoMarks>>;

template <class Protocol, class Allocator>
void add(const std::string& subject) {
    benchmark::RegisterBenchmark((std::string(Protocol::name) + "/" + subject).c_str(),
                                 run<Protocol, Allocator>)
        ->Iterations(1)
        ->Repetitions(1)
        ->Unit(benchmark::kMillisecond);
}

[[maybe_unused]] const bool registered = [] {
    TypeList<Breathe<40, 60>, Breathe<75, 95>, Paper, MixedOrders>::for_each([]<class Protocol>() {
        if constexpr (!std::same_as<Protocol, MixedOrders>) {
            add<Protocol, FreeListStack>(FreeListStack::name);
            add<Protocol, ArrayStack>(ArrayStack::name);
        }
        add<Protocol, PlainBitmap>(PlainBitmap::name);
        add<Protocol, LockedLinuxBuddy>(LockedLinuxBuddy::name);
        add<Protocol, LinuxBuddyWithCpuLists>(LinuxBuddyWithCpuLists::name);
        policies::frame_allocator::All::for_each([]<class Policy>() {
            add<Protocol, Alone<Policy>>(Policy::name);
            add<Protocol, WithMagazines<Policy>>(std::string(Policy::name) + "+magazines");
        });
    });
    return true;
}();

}  // namespace
}  // namespace kidney::bench

/// Laws of the policies of this image. Those of all others run on the host, and in their own images
/// (`./kidney test --matrix`); here they would have to be built whenever one of them changes.
#include "kernel/kernel.hpp"
#include "kernel/selftest/self_test.hpp"
#include "kidney/mm/make.hpp"
#include "tests/laws/cache_replacement_laws.hpp"
#include "tests/laws/disk_scheduler_laws.hpp"
#include "tests/laws/frame_allocator_laws.hpp"
#include "tests/laws/load_balancer_laws.hpp"
#include "tests/laws/scheduler_policy_laws.hpp"

namespace kidney::kernel {
namespace {

template <mm::FrameAllocator A>
void frame_allocator_laws(laws::Report& report) noexcept {
    auto workspace = mm::make_box<laws::FrameLawWorkspace>(heap());
    const std::size_t bytes = laws::frame_law_metadata_bytes<A>();
    const Result<void*> metadata = heap().allocate(bytes);
    LAW_CHECK(report, workspace.has_value() && metadata.has_value());
    if (!workspace || !metadata) {
        return;
    }
    (*workspace)->metadata = {static_cast<std::byte*>(*metadata), bytes};
    laws::run_laws<laws::FrameAllocatorLaws<A>>(report, **workspace, 1U);
    heap().free(*metadata, bytes);
}

template <sched::SchedulerPolicy P>
void scheduler_laws(laws::Report& report) noexcept {
    auto arena = mm::make_box<laws::SchedulerArena>(heap());
    LAW_CHECK(report, arena.has_value());
    if (arena) {
        laws::run_laws<laws::SchedulerPolicyLaws<P>>(report, **arena);
    }
}

void load_balancer_laws(laws::Report& report) noexcept {
    laws::run_laws<laws::LoadBalancerLaws<LoadBalancer>>(report);
}

void disk_scheduler_laws(laws::Report& report) noexcept {
    laws::run_laws<laws::disk_scheduler::Suite<DiskPolicy>>(report);
}

void cache_replacement_laws(laws::Report& report) noexcept {
    auto arena = mm::make_box<laws::cache_replacement::Arena>(heap());
    LAW_CHECK(report, arena.has_value());
    if (arena) {
        laws::cache_replacement::run_all<CachePolicy>(report, **arena);
    }
}

constexpr SelfTest all[] = {{FramePolicy::name, &frame_allocator_laws<FramePolicy>},
                            {SchedulerPolicy::name, &scheduler_laws<SchedulerPolicy>},
                            {LoadBalancer::name, &load_balancer_laws},
                            {DiskPolicy::name, &disk_scheduler_laws},
                            {CachePolicy::name, &cache_replacement_laws}};

}  // namespace

std::span<const SelfTest> policy_self_tests() noexcept {
    return all;
}

}  // namespace kidney::kernel

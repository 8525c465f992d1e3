/// Laws of every policy that the build knows, whichever this image has selected.
#include "kernel/kernel.hpp"
#include "kernel/selftest/self_test.hpp"
#include "kidney/mm/make.hpp"
#include "policies/frame_allocator.hpp"
#include "policies/scheduler.hpp"
#include "tests/laws/frame_allocator_laws.hpp"
#include "tests/laws/scheduler_policy_laws.hpp"

#include <array>

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
    for (std::uint32_t seed = 1; seed <= 3; ++seed) {
        laws::run_laws<laws::FrameAllocatorLaws<A>>(report, **workspace, seed);
    }
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

template <class... As>
constexpr auto frame_tests(TypeList<As...>) noexcept {
    return std::array{SelfTest{As::name, &frame_allocator_laws<As>}...};
}
template <class... Ps>
constexpr auto scheduler_tests(TypeList<Ps...>) noexcept {
    return std::array{SelfTest{Ps::name, &scheduler_laws<Ps>}...};
}

constexpr auto frames_list = frame_tests(policies::frame_allocator::All());
constexpr auto scheduler_list = scheduler_tests(policies::scheduler::All());

constexpr auto all = [] {
    std::array<SelfTest, frames_list.size() + scheduler_list.size()> joined{};
    std::size_t n = 0;
    for (const SelfTest& t : frames_list) {
        joined[n++] = t;
    }
    for (const SelfTest& t : scheduler_list) {
        joined[n++] = t;
    }
    return joined;
}();

}  // namespace

std::span<const SelfTest> policy_self_tests() noexcept {
    return all;
}

}  // namespace kidney::kernel

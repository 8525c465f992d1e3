/// Types that break one requirement of `sched::LoadBalancer` each.
#include "kidney/sched/load_balancer.hpp"
#include "sched/balancers/work_stealing.hpp"

namespace kidney::sched {
namespace {

struct Good : WorkStealing {};
static_assert(LoadBalancer<Good>);

struct PlacesByNumber : WorkStealing {
    std::uint32_t place(const Arrival&, std::span<const CpuLoad>) noexcept;
};
struct PlaceMayThrow : WorkStealing {
    CpuId place(const Arrival&, std::span<const CpuLoad>);
};
struct AlwaysPulls : WorkStealing {
    Pull when_idle(CpuId, std::span<const CpuLoad>) noexcept;
};
struct TickWithoutTime : WorkStealing {
    std::optional<Pull> on_tick(CpuId, std::span<const CpuLoad>) noexcept;
};
struct Nameless : WorkStealing {
    static const int name;
};
struct NotAtHand : WorkStealing {
    explicit NotAtHand(int) noexcept;
};

static_assert(!LoadBalancer<PlacesByNumber>, "a CPU is not a number");
static_assert(!LoadBalancer<PlaceMayThrow>, "an engine cannot catch");
static_assert(!LoadBalancer<AlwaysPulls>, "there may be nobody to pull");
static_assert(!LoadBalancer<TickWithoutTime>, "a balancer has no clock");
static_assert(!LoadBalancer<Nameless>, "builds and reports name it");
static_assert(!LoadBalancer<NotAtHand>, "every CPU makes its own");

static_assert(leaves_cpus_idle<WorkStealing>() == false);

}  // namespace
}  // namespace kidney::sched

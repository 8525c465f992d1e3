/// Each class here breaks one requirement of SchedulerPolicy, and the concept must notice.
#include "kidney/sched/policy.hpp"
#include "tests/archetypes/scheduler_policy.hpp"

namespace kidney::sched {
namespace {

using Model = archetypes::SchedulerPolicy;

struct NoDefaultConstructor : Model {
    explicit NoDefaultConstructor(int) noexcept {}
};
static_assert(!SchedulerPolicy<NoDefaultConstructor>);

struct EnqueueMayThrow : Model {
    void enqueue(Entity&, EnqueueReason, Instant) {}
};
static_assert(!SchedulerPolicy<EnqueueMayThrow>);

struct EnqueueForgetsReason : Model {
    void enqueue(Entity&, Instant) noexcept {}
};
static_assert(!SchedulerPolicy<EnqueueForgetsReason>);

struct RemoveAnswers : Model {
    bool remove(Entity&) noexcept { return true; }
};
static_assert(!SchedulerPolicy<RemoveAnswers>);

struct PickGivesReference : Model {
    Entity& pick_next(Instant) noexcept { return entity; }
    Entity entity;
};
static_assert(!SchedulerPolicy<PickGivesReference>);

struct PickReadsAClock : Model {
    Entity* pick_next() noexcept { return nullptr; }
};
static_assert(!SchedulerPolicy<PickReadsAClock>);

struct ChargeIsBool : Model {
    bool charge(Entity&, Duration, Instant) noexcept { return false; }
};
static_assert(!SchedulerPolicy<ChargeIsBool>);

struct ChargeTakesTicks : Model {
    TickVerdict charge(Entity&, int, Instant) noexcept { return TickVerdict::keep_running; }
};
static_assert(!SchedulerPolicy<ChargeTakesTicks>);

struct PreemptsChangesThePolicy : Model {
    bool preempts(const Entity&, const Entity&) noexcept { return false; }
};
static_assert(!SchedulerPolicy<PreemptsChangesThePolicy>);

struct PreemptsChangesEntities : Model {
    bool preempts(Entity&, Entity&) const noexcept { return false; }
};
static_assert(!SchedulerPolicy<PreemptsChangesEntities>);

struct SizeIsInt : Model {
    int size() const noexcept { return 0; }
};
static_assert(!SchedulerPolicy<SizeIsInt>);

struct NoName {
    void enqueue(Entity&, EnqueueReason, Instant) noexcept {}
    void remove(Entity&) noexcept {}
    Entity* pick_next(Instant) noexcept { return nullptr; }
    TickVerdict charge(Entity&, Duration, Instant) noexcept { return TickVerdict::keep_running; }
    bool preempts(const Entity&, const Entity&) const noexcept { return false; }
    std::size_t size() const noexcept { return 0; }
};
static_assert(!SchedulerPolicy<NoName>);

}  // namespace
}  // namespace kidney::sched

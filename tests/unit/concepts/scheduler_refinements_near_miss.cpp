/// What looks like a refinement of a scheduler policy and is not would be passed over in silence:
/// each class here has one such member.
#include "tests/archetypes/scheduler_policy.hpp"

namespace kidney::sched {
namespace {

using Model = archetypes::RefinedSchedulerPolicy;

struct LeaveForgetsWhy : Model {
    void leave(Entity&, Instant) noexcept {}
};
static_assert(!HearsOfLeaving<LeaveForgetsWhy>);

struct LeaveMayThrow : Model {
    void leave(Entity&, LeaveReason, Instant) {}
};
static_assert(!HearsOfLeaving<LeaveMayThrow>);

struct GivesAReference : Model {
    Entity& give_away(const Taker&, Instant) noexcept;
};
static_assert(!GivesAway<GivesAReference>);

struct MovesOutOnly : archetypes::SchedulerPolicy {
    void move_out(Entity&, Instant) noexcept {}
};
static_assert(!MovesState<MovesOutOnly>);

struct ReconsidersWithoutOld : Model {
    void reconsider(Entity&, Instant) noexcept {}
};
static_assert(!Reconsiders<ReconsidersWithoutOld>);

struct LendsPriorities : Model {
    void lend(Entity&, Priority, Instant) noexcept {}
};
static_assert(!LendsUrgency<LendsPriorities>);

struct KnowsNoUrgency : archetypes::SchedulerPolicy {
    void lend(Entity&, Urgency, Instant) noexcept {}
};
static_assert(!LendsUrgency<KnowsNoUrgency>, "what would one lend?");

struct LooksAgainInADuration : Model {
    Duration look_again(const Entity*, Instant) const noexcept { return {}; }
};
static_assert(!LooksAgain<LooksAgainInADuration>);

struct LookingChangesIt : Model {
    Instant look_again(const Entity*, Instant) noexcept { return {}; }
};
static_assert(!LooksAgain<LookingChangesIt>);

struct ThrottlesForEver : archetypes::SchedulerPolicy {
    void replenish(Instant) noexcept {}
    std::size_t eligible() const noexcept { return 0; }
};
static_assert(!Throttles<ThrottlesForEver>, "it must say when it has something to spend again");

struct TablesOfUnknownSize : archetypes::SchedulerPolicy {
    std::size_t table_bytes(std::uint32_t) const noexcept { return 0; }
    void use_tables(std::span<std::byte>, std::uint32_t) noexcept {}
};
static_assert(!KeepsTables<TablesOfUnknownSize>, "the size is asked for without a policy");

}  // namespace
}  // namespace kidney::sched

/// Exactly what `sched::SchedulerPolicy` promises and nothing else: an engine that compiles with it
/// uses nothing that a policy need not have.
#pragma once

#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::archetypes {

class SchedulerPolicy {
public:
    static constexpr const char* name = "archetype";
    SchedulerPolicy() noexcept = default;
    SchedulerPolicy(const SchedulerPolicy&) = delete;
    SchedulerPolicy& operator=(const SchedulerPolicy&) = delete;

    void enqueue(sched::Entity&, sched::EnqueueReason, Instant) noexcept {}
    void remove(sched::Entity&) noexcept {}
    sched::Entity* pick_next(Instant) noexcept { return nullptr; }
    sched::TickVerdict charge(sched::Entity&, Duration, Instant) noexcept {
        return sched::TickVerdict::keep_running;
    }
    bool preempts(const sched::Entity&, const sched::Entity&) const noexcept { return false; }
    std::size_t size() const noexcept { return 0; }
};

static_assert(sched::SchedulerPolicy<SchedulerPolicy>);

/// The same with every refinement.
class RefinedSchedulerPolicy : public SchedulerPolicy {
public:
    RefinedSchedulerPolicy() noexcept = default;
    explicit RefinedSchedulerPolicy(const sched::PolicySetup&) noexcept {}
    void leave(sched::Entity&, sched::LeaveReason, Instant) noexcept {}
    sched::Entity* give_away(const sched::Taker&, Instant) noexcept { return nullptr; }
    void move_out(sched::Entity&, Instant) noexcept {}
    void move_in(sched::Entity&, Instant) noexcept {}
    void reconsider(sched::Entity&, const sched::SchedulingParameters&, Instant) noexcept {}
    sched::Urgency urgency(const sched::Entity&) const noexcept { return sched::Urgency::none; }
    void lend(sched::Entity&, sched::Urgency, Instant) noexcept {}
    Instant look_again(const sched::Entity*, Instant) const noexcept { return Instant::never(); }
    void replenish(Instant) noexcept {}
    std::size_t eligible() const noexcept { return 0; }
    static std::size_t table_bytes(std::uint32_t) noexcept { return 0; }
    void use_tables(std::span<std::byte>, std::uint32_t) noexcept {}
};

static_assert(
    sched::SetUpPolicy<RefinedSchedulerPolicy> && sched::HearsOfLeaving<RefinedSchedulerPolicy> &&
    sched::GivesAway<RefinedSchedulerPolicy> && sched::MovesState<RefinedSchedulerPolicy> &&
    sched::Reconsiders<RefinedSchedulerPolicy> && sched::LooksAgain<RefinedSchedulerPolicy> &&
    sched::Throttles<RefinedSchedulerPolicy> && sched::KeepsTables<RefinedSchedulerPolicy> &&
    sched::LendsUrgency<RefinedSchedulerPolicy>);

}  // namespace kidney::archetypes

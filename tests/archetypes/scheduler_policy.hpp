/// Exactly what `sched::SchedulerPolicy` promises and nothing else: an engine that compiles with it
/// uses nothing that a policy need not have.
#pragma once

#include "kidney/sched/policy.hpp"

#include <cstddef>

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

}  // namespace kidney::archetypes

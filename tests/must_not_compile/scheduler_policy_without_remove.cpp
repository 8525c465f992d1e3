/// A policy that forgot remove(): the compiler names the call that is missing.
#include "kidney/sched/policy.hpp"

using namespace kidney;

struct NoRemove {
    static constexpr const char* name = "no_remove";
    void enqueue(sched::Entity&, sched::EnqueueReason, Instant) noexcept;
    sched::Entity* pick_next(Instant) noexcept;
    sched::TickVerdict charge(sched::Entity&, Duration, Instant) noexcept;
    bool preempts(const sched::Entity&, const sched::Entity&) const noexcept;
    std::size_t size() const noexcept;
};

// EXPECT: because 'p.remove(entity)' would be invalid: no member named 'remove'
static_assert(sched::SchedulerPolicy<NoRemove>);

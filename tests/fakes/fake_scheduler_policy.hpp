/// A scheduler policy with knobs: a test says what it answers. By default it is first in, first
/// out and passes the laws itself.
#pragma once

#include "kidney/sched/policy.hpp"
#include "sched/policies/entity_queue.hpp"

#include <cstddef>

namespace kidney::fakes {

class FakeSchedulerPolicy {
public:
    static constexpr const char* name = "fake";

    // Knobs.
    bool always_preempt = false;     ///< charge() preempts whenever the contract allows it
    bool newcomers_preempt = false;  ///< preempts() says yes to whoever has the larger id

    // What happened.
    std::size_t enqueued = 0;
    std::size_t picked = 0;
    std::size_t charged = 0;
    Duration service;  ///< sum of all charges
    sched::EnqueueReason last_reason = sched::EnqueueReason::started;

    void enqueue(sched::Entity& entity, sched::EnqueueReason why, Instant) noexcept {
        ++enqueued;
        last_reason = why;
        queue_.append(entity);
        ++size_;
    }
    void remove(sched::Entity& entity) noexcept {
        queue_.remove(entity);
        --size_;
    }
    sched::Entity* pick_next(Instant) noexcept {
        sched::Entity* const first = queue_.take_first();
        picked += first != nullptr ? 1 : 0;
        size_ -= first != nullptr ? 1 : 0;
        return first;
    }
    sched::TickVerdict charge(sched::Entity& running, Duration ran, Instant) noexcept {
        ++charged;
        service += ran;
        return sched::charge_slice(running, ran,
                                   always_preempt ? Duration() : Duration::milliseconds(10),
                                   !queue_.is_empty());
    }
    bool preempts(const sched::Entity& candidate, const sched::Entity& running) const noexcept {
        return newcomers_preempt && candidate.id > running.id;
    }
    std::size_t size() const noexcept { return size_; }

private:
    sched::EntityQueue queue_;
    std::size_t size_ = 0;
};

static_assert(sched::SchedulerPolicy<FakeSchedulerPolicy>);

}  // namespace kidney::fakes

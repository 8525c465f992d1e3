/// One CPU as the dispatcher runs it, without threads: a policy, whoever runs, and time that passes
/// in steps of a millisecond.
#pragma once

#include "kidney/core/time.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "tests/laws/scheduler/arena.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::laws {

/// Entities are those of an arena. Calls go as those of sched/switcher.hpp and
/// sched/dispatcher.hpp do: whoever runs is charged before anything is decided.
template <sched::SchedulerPolicy P>
class OneCpu {
public:
    explicit OneCpu(const sched::PolicySetup& setup = {}) noexcept : policy_(setup) {}

    void start(sched::Entity& entity) noexcept { add(entity, sched::EnqueueReason::started); }
    void wake(sched::Entity& entity) noexcept { add(entity, sched::EnqueueReason::woken); }
    /// Of an entity that slept on another CPU.
    void wake_from(OneCpu& other, sched::Entity& entity) noexcept {
        sched::or_default::move<P>(other.policy_, policy_, entity, now_);
        wake(entity);
    }
    /// Takes over a queued entity; null: the other has none to give.
    sched::Entity* steal_from(OneCpu& other) noexcept {
        sched::Entity* const taken = sched::or_default::give_away<P>(other.policy_, {}, now_);
        if (taken != nullptr) {
            sched::or_default::move<P>(other.policy_, policy_, *taken, now_);
            add(*taken, sched::EnqueueReason::migrated);
        }
        return taken;
    }

    /// Whoever runs, or would run now; null: nobody.
    sched::Entity* running() noexcept {
        if (running_ == nullptr) {
            pick();
        }
        return running_;
    }
    /// One millisecond. Returns who had it.
    sched::Entity* step() noexcept {
        constexpr Duration tick = Duration::milliseconds(1);
        sched::Entity* const served = running();
        now_ = now_ + tick;
        sched::or_default::replenish<P>(policy_, now_);
        if (served == nullptr) {
            return nullptr;
        }
        ++served_[served->id];
        if (policy_.charge(*served, tick, now_) == sched::TickVerdict::preempt) {
            requeue(sched::EnqueueReason::preempted);
        }
        return served;
    }
    void run(std::size_t milliseconds) noexcept {
        for (; milliseconds != 0; --milliseconds) {
            step();
        }
    }
    /// Whoever runs falls asleep, ends, or lets others go first. Returns who that was.
    sched::Entity* block() noexcept { return leave(sched::LeaveReason::blocked); }
    sched::Entity* exit() noexcept { return leave(sched::LeaveReason::exited); }
    sched::Entity* yield() noexcept {
        sched::Entity* const self = running();
        if (self != nullptr) {
            requeue(sched::EnqueueReason::yielded);
        }
        return self;
    }
    template <class F>
    void change(sched::Entity& entity, F&& change) noexcept {
        sched::or_default::reconsider<P>(policy_, entity, change, now_);
    }

    [[nodiscard]] std::size_t served(const sched::Entity& entity) const noexcept {
        return served_[entity.id];
    }
    /// How often somebody was picked, the same one again included.
    [[nodiscard]] std::size_t picks() const noexcept { return picks_; }
    void forget_served() noexcept { served_ = {}; }
    /// Who wants to run here.
    [[nodiscard]] std::size_t population() const noexcept {
        return policy_.size() + (running_ != nullptr ? 1 : 0);
    }
    [[nodiscard]] bool is_running(const sched::Entity& entity) const noexcept {
        return running_ == &entity;
    }
    [[nodiscard]] P& policy() noexcept { return policy_; }
    [[nodiscard]] Instant now() const noexcept { return now_; }

private:
    void add(sched::Entity& entity, sched::EnqueueReason why) noexcept {
        policy_.enqueue(entity, why, now_);
        if (running_ != nullptr && policy_.preempts(entity, *running_)) {
            requeue(sched::EnqueueReason::preempted);
        }
    }
    void requeue(sched::EnqueueReason why) noexcept {
        sched::Entity& self = *running_;
        running_ = nullptr;
        policy_.enqueue(self, why, now_);
        pick();
    }
    void pick() noexcept {
        running_ = policy_.pick_next(now_);
        ++picks_;
    }
    sched::Entity* leave(sched::LeaveReason why) noexcept {
        sched::Entity* const self = running();
        if (self != nullptr) {
            sched::or_default::leave<P>(policy_, *self, why, now_);
            running_ = nullptr;
        }
        return self;
    }

    Subject<P> policy_;
    sched::Entity* running_ = nullptr;
    Instant now_{1'000'000'000};
    std::size_t picks_ = 0;
    std::array<std::size_t, SchedulerArena::count + 1> served_{};  ///< milliseconds by id
};

}  // namespace kidney::laws

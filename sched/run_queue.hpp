/// What the dispatcher keeps per CPU: who runs there, who waits for it, and the books about both.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/thread_safety.hpp"
#include "kidney/core/time.hpp"
#include "kidney/sched/load_balancer.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/cpu_timers.hpp"
#include "sched/dispatcher_config.hpp"
#include "sched/statistics.hpp"
#include "sched/sync/ranked_lock.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace kidney::sched {

/// The lock guards the policy and who runs; the timers have their own. The atomics are hints for
/// other CPUs.
template <DispatcherConfig Config>
struct alignas(64) RunQueue {  // a cache line is one CPU's
    using Cpu = typename Config::Cpu;
    using Thread = typename Config::Thread;
    template <class T>
    using Atomic = typename Cpu::template Atomic<T>;

    explicit RunQueue(CpuId cpu) noexcept
        : id(cpu.value()),
          policy(or_default::make<typename Config::Policy>(Config::policy_setup(cpu))) {}

    RankedLock<Cpu> lock;  ///< run queues rank by CPU number among themselves
    const std::uint32_t id;
    typename Config::Policy policy GUARDED_BY(lock);
    typename Config::Balancer balancer{};  ///< this CPU's, with interrupts off
    bool searched_in_vain = false;  ///< this CPU's: nobody may come from where it looked last
    Thread* current GUARDED_BY(lock) = nullptr;
    Thread* previous GUARDED_BY(lock) = nullptr;  ///< who was left, until the switch is complete
    Thread* idle = nullptr;
    Instant charged_until GUARDED_BY(lock);
    std::uint64_t switches GUARDED_BY(lock) = 0;
    Duration idle_time GUARDED_BY(lock);
    CpuStatistics statistics GUARDED_BY(lock);

    // relaxed everywhere: stale answers cost a detour, never a lost thread.
    Atomic<std::uint32_t> queued{0};            ///< who waits and may run: the policy's eligible()
    Atomic<std::uint32_t> weight{0};            ///< of all that are ready or run here
    Atomic<std::uint32_t> is_idle{0};           ///< the idle thread runs and nothing is queued
    Atomic<std::uint32_t> needs_reschedule{0};  ///< written under the lock

    CpuTimers<Config> timers;

    [[nodiscard]] CpuLoad load() const noexcept {
        return {.queued = queued.load(std::memory_order_relaxed),
                .weight = weight.load(std::memory_order_relaxed),
                .is_idle = is_idle.load(std::memory_order_relaxed) != 0};
    }
    /// A thread begins, or ceases, to be one of those that wait or run here.
    void take_in(const Entity& entity) noexcept REQUIRES(lock) { weigh(entity.weight); }
    void let_go(const Entity& entity) noexcept REQUIRES(lock) { weigh(0 - entity.weight); }
    void weigh(std::uint32_t more) noexcept REQUIRES(lock) {
        weight.store(weight.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
    }

    /// Others see how long the queue is now.
    void note_size() noexcept REQUIRES(lock) {
        queued.store(static_cast<std::uint32_t>(or_default::eligible(policy)),
                     std::memory_order_relaxed);
    }

    /// Books the time since the last charge on whoever runs.
    TickVerdict charge(Instant now) noexcept REQUIRES(lock) {
        // Whoever read the clock before it waited for the lock comes too late.
        now = std::max(now, charged_until);
        const Duration ran = now - charged_until;
        charged_until = now;
        if (current == idle) {
            idle_time += ran;
            return TickVerdict::keep_running;
        }
        current->statistics.ran += ran;
        statistics.ran += ran;
        return policy.charge(*current, ran, now);
    }
    /// Should `candidate` run instead of whoever does? That one has been charged.
    [[nodiscard]] bool preempts(const Entity& candidate, Instant now) noexcept REQUIRES(lock) {
        return current == idle || charge(now) == TickVerdict::preempt ||
               policy.preempts(candidate, *current);
    }
    /// When the timer shall come for the policy: after a tick at the latest if somebody runs.
    [[nodiscard]] Instant next_look(Instant now) const noexcept REQUIRES(lock) {
        const bool idles = current == idle;
        return std::min(or_default::look_again(policy, idles ? nullptr : current, now),
                        idles ? Instant::never() : now + Config::tick);
    }

    /// A request, not a switch. True if the queue belongs to another CPU, which must be told by an
    /// interrupt.
    [[nodiscard]] bool request_reschedule() noexcept REQUIRES(lock) {
        if (needs_reschedule.exchange(1, std::memory_order_relaxed) != 0) {
            return false;  // somebody has told it already
        }
        if (id == Cpu::id().value()) {
            Config::Local::flag_work();
            return false;
        }
        return true;
    }
};

}  // namespace kidney::sched

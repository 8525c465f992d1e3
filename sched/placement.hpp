/// On which CPU: the run queues of all CPUs, where a woken thread goes, and what an idle CPU takes
/// from the others.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/thread_safety.hpp"
#include "kidney/core/time.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/dispatcher_config.hpp"
#include "sched/run_queue.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace kidney::sched {

/// What others' queues hold is read without their locks: a stale answer costs a detour.
template <DispatcherConfig Config>
class Placement {
public:
    using Cpu = typename Config::Cpu;
    using Thread = typename Config::Thread;
    using Queue = RunQueue<Config>;

    Placement() noexcept {
        for (std::uint32_t i = 0; i < max_cpus; ++i) {
            queues_[i].lock.set_rank({static_cast<std::uint8_t>(Config::run_queue_rank.value + i),
                                      Config::run_queue_rank.name});
        }
    }

    /// This CPU's queue; it stays that while interrupts are off.
    [[nodiscard]] Queue& here() noexcept { return of(Cpu::id()); }
    [[nodiscard]] Queue& of(CpuId cpu) noexcept { return queues_[cpu.value()]; }
    [[nodiscard]] const Queue& of(CpuId cpu) const noexcept { return queues_[cpu.value()]; }

    /// A CPU is up. They may come in any order and at the same time.
    void add(const Queue& queue) noexcept {
        std::uint32_t end = cpus_end_.load(std::memory_order_relaxed);
        while (end <= queue.id && !cpus_end_.compare_exchange_strong(end, queue.id + 1)) {
        }
    }

    /// Locks the queue that the thread belongs to now. Interrupts are off.
    [[nodiscard]] Queue& lock_queue_of(const Thread& thread) noexcept
        KIDNEY_NO_TSA("which lock is only known at run time")
    {
        for (;;) {
            Queue& queue = queues_[thread.cpu.load(std::memory_order_acquire)];
            queue.lock.lock();
            if (thread.cpu.load(std::memory_order_relaxed) == queue.id) {
                return queue;
            }
            queue.lock.unlock();  // it migrated meanwhile
        }
    }

    /// Where a thread of queue `home` should run: there if that CPU idles, else on an idle one.
    [[nodiscard]] Queue& choose_for(Queue& home) noexcept {
        if (home.is_idle.load(std::memory_order_relaxed) != 0) {
            return home;
        }
        Queue* const idle = idle_other(home);
        return idle != nullptr ? *idle : home;
    }

    /// A CPU that halts, but not `self`'s; null: all are busy.
    [[nodiscard]] Queue* idle_other(const Queue& self) noexcept {
        for (Queue& queue : running()) {
            if (&queue != &self && queue.is_idle.load(std::memory_order_relaxed) != 0) {
                return &queue;
            }
        }
        return nullptr;
    }

    /// The longest queue but for `self`; null: all are empty.
    [[nodiscard]] Queue* busiest_other(const Queue& self) noexcept {
        Queue* busiest = nullptr;
        std::uint32_t most = 0;
        for (Queue& queue : running()) {
            const std::uint32_t n = queue.queued.load(std::memory_order_relaxed);
            // An idle CPU with work in its queue is about to take it.
            if (&queue != &self && n > most) {
                most = n;
                busiest = &queue;
            }
        }
        return busiest;
    }

    /// Moves one thread from the busiest other queue to this one.
    void steal(Queue& queue, Instant now) noexcept REQUIRES(queue.lock)
        KIDNEY_NO_TSA("the victim's lock is only attempted")
    {
        Queue* const victim = busiest_other(queue);
        if (victim == nullptr || !victim->lock.try_lock()) {
            return;  // the idle thread looks again
        }
        if (Entity* const entity = or_default::give_away(victim->policy, now); entity != nullptr) {
            victim->note_size();
            move(static_cast<Thread&>(*entity), *victim, queue, now);
            queue.policy.enqueue(*entity, EnqueueReason::migrated, now);
        }
        victim->lock.unlock_tried();
    }

    /// A thread that is in neither queue changes from one to the other.
    static void move(Thread& thread, Queue& from, Queue& to, Instant now) noexcept
        REQUIRES(from.lock, to.lock) {
        or_default::move(from.policy, to.policy, thread, now);
        thread.cpu.store(to.id, std::memory_order_release);
    }

private:
    template <std::size_t... I>
    [[nodiscard]] static std::array<Queue, max_cpus> one_for_each_cpu(
        std::index_sequence<I...>) noexcept {
        return {{Queue(CpuId(I))...}};
    }
    /// Those of the CPUs that are up; one that comes up just now may be missing.
    [[nodiscard]] std::span<Queue> running() noexcept {
        return std::span(queues_).first(cpus_end_.load(std::memory_order_relaxed));
    }

    std::array<Queue, max_cpus> queues_{one_for_each_cpu(std::make_index_sequence<max_cpus>())};
    typename Cpu::template Atomic<std::uint32_t> cpus_end_{0};
};

}  // namespace kidney::sched

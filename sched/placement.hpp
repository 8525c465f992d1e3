/// On which CPU: the run queues of all CPUs, how a ready thread gets into one of them, and how a
/// CPU takes threads over from another. Which CPU it shall be, a LoadBalancer decides.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/thread_safety.hpp"
#include "kidney/core/time.hpp"
#include "kidney/sched/load_balancer.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"
#include "sched/dispatcher_config.hpp"
#include "sched/run_queue.hpp"
#include "sched/thread.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace kidney::sched {

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

    enum class Arrived : std::uint8_t {
        no,  ///< the thread was not in that state
        yes,
        urgently,  ///< and it is the one that should run there
    };

    /// Puts a thread that is in `state` into a queue. Otherwise that leaves the mark. Interrupts
    /// are off.
    Arrived make_ready(Thread& thread, ThreadState state, EnqueueReason why, WakeHint hint) noexcept
        KIDNEY_NO_TSA("which locks is only known at run time")
    {
        Queue* home = &lock_queue_of(thread);
        Queue* target = nullptr;
        for (;;) {
            if (thread.state != state) {
                thread.wake_pending = true;
                home->lock.unlock();
                return Arrived::no;
            }
            target = &choose_for(thread, *home, why, hint);
            if (target == home || target->lock.try_lock()) {
                break;
            }
            if (thread.allowed.contains(CpuId(home->id))) {
                target = home;
                break;
            }
            home->lock.unlock();
            Cpu::relax();
            home = &lock_queue_of(thread);
        }
        thread.state = ThreadState::ready;
        const Instant now = Config::Clock::now();
        if (state != ThreadState::moving) {
            thread.ready_since = now;
        }
        if (target != home) {
            move(thread, *home, *target, now);
        }
        if constexpr (traces) {
            if (state != ThreadState::moving) {
                Config::Hooks::woken(thread, CpuId(target->id), state == ThreadState::created);
            }
        }
        target->take_in(thread);
        if (state == ThreadState::waiting) {
            ++target->statistics.wakeups;
            target->statistics.wakeups_here += target->id == Cpu::id().value() ? 1 : 0;
        }
        target->policy.enqueue(thread, why, now);
        target->note_size();
        const bool urgent = target->preempts(thread, now);
        target->is_idle.store(0, std::memory_order_relaxed);
        const bool remote = urgent && target->request_reschedule();
        if (target != home) {
            target->lock.unlock_tried();
        }
        home->lock.unlock();
        if (remote) {
            Cpu::send_reschedule(CpuId(target->id));
        }
        return urgent ? Arrived::urgently : Arrived::yes;
    }

    /// Whether this CPU, which has nobody to run, wants somebody from another one.
    [[nodiscard]] bool wants_when_idle(Queue& queue) noexcept {
        return !queue.searched_in_vain && wish_when_idle(queue).has_value();
    }
    void pull_when_idle(Queue& queue, Instant now) noexcept REQUIRES(queue.lock) {
        if (const std::optional<Pull> wish = wish_when_idle(queue)) {
            // Nobody there may come: no use in asking again before something happens.
            queue.searched_in_vain = pull(queue, *wish, now) == Pulled::nobody;
        }
    }
    void pull_on_tick(Queue& queue, Instant now) noexcept REQUIRES(queue.lock) {
        if (is_alone()) {
            return;
        }
        Loads loads;
        if (const std::optional<Pull> wish =
                queue.balancer.on_tick(CpuId(queue.id), look(loads), now)) {
            static_cast<void>(pull(queue, *wish, now));
        }
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

private:
    using Loads = std::array<CpuLoad, max_cpus>;
    static constexpr bool traces = TraceHooks<typename Config::Hooks, Thread>;
    enum class Pulled : std::uint8_t { somebody, nobody, locked };

    template <std::size_t... I>
    [[nodiscard]] static std::array<Queue, max_cpus> one_for_each_cpu(
        std::index_sequence<I...>) noexcept {
        return {{Queue(CpuId(I))...}};
    }
    /// Those of the CPUs that are up; one that comes up just now may be missing.
    [[nodiscard]] std::span<Queue> running() noexcept {
        return std::span(queues_).first(cpus_end_.load(std::memory_order_relaxed));
    }
    [[nodiscard]] bool is_alone() const noexcept {
        return cpus_end_.load(std::memory_order_relaxed) <= 1;
    }
    [[nodiscard]] std::span<const CpuLoad> look(Loads& loads) noexcept {
        const std::span<Queue> queues = running();
        for (std::size_t i = 0; i < queues.size(); ++i) {
            loads[i] = queues[i].load();
        }
        return std::span(loads).first(queues.size());
    }

    [[nodiscard]] Queue& choose_for(const Thread& thread, Queue& home, EnqueueReason why,
                                    WakeHint hint) noexcept {
        if (is_alone()) {
            return home;
        }
        Loads loads;
        const std::span<const CpuLoad> seen = look(loads);
        const Arrival arrival{
            .home = CpuId(home.id),
            .here = Cpu::id(),
            .allowed = thread.allowed.in_common_with(
                CpuSet::first(static_cast<std::uint32_t>(seen.size()))),
            .weight = thread.weight,
            .why = why,
            .hint = hint,
        };
        return arrival.allowed.is_empty() ? home : of(here().balancer.place(arrival, seen));
    }

    [[nodiscard]] std::optional<Pull> wish_when_idle(Queue& queue) noexcept {
        if (is_alone()) {
            return std::nullopt;
        }
        Loads loads;
        return queue.balancer.when_idle(CpuId(queue.id), look(loads));
    }
    /// Moves one thread to this queue.
    Pulled pull(Queue& queue, const Pull& wish, Instant now) noexcept REQUIRES(queue.lock)
        KIDNEY_NO_TSA("the victim's lock is only attempted")
    {
        Queue& victim = of(wish.from);
        if (&victim == &queue || !victim.lock.try_lock()) {
            return Pulled::locked;  // the idle thread looks again
        }
        Entity* const entity =
            or_default::give_away(victim.policy, {CpuId(queue.id), wish.most_weight}, now);
        if (entity != nullptr) {
            auto& thread = static_cast<Thread&>(*entity);
            victim.note_size();
            victim.let_go(thread);
            move(thread, victim, queue, now);
            queue.take_in(thread);
            queue.policy.enqueue(thread, EnqueueReason::migrated, now);
            queue.note_size();
        }
        victim.lock.unlock_tried();
        return entity != nullptr ? Pulled::somebody : Pulled::nobody;
    }

    /// A thread that is in neither queue changes from one to the other.
    static void move(Thread& thread, Queue& from, Queue& to, Instant now) noexcept
        REQUIRES(from.lock, to.lock) {
        if constexpr (traces) {
            Config::Hooks::moved(thread, CpuId(from.id), CpuId(to.id));
        }
        or_default::move(from.policy, to.policy, thread, now);
        ++thread.statistics.migrations;
        thread.cpu.store(to.id, std::memory_order_release);
    }

    std::array<Queue, max_cpus> queues_{one_for_each_cpu(std::make_index_sequence<max_cpus>())};
    typename Cpu::template Atomic<std::uint32_t> cpus_end_{0};
};

}  // namespace kidney::sched

/// What a world tells the dispatcher: its hardware, its policy, its threads, and what else happens
/// on a switch.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"
#include "kidney/hal/clock.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/sched/load_balancer.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"

#include <concepts>

namespace kidney::sched {

/// Per-CPU storage, and the flag that makes the next return from a trap look at the run queue.
template <class L>
concept CpuLocalThread = requires(void* thread) {
    { L::thread() } noexcept -> std::same_as<void*>;
    { L::set_thread(thread) } noexcept -> std::same_as<void>;
    { L::flag_work() } noexcept -> std::same_as<void>;
};

/// What else happens on a switch. Both run with interrupts off and must not sleep.
///   switching(from, to): just before the registers change (address space, FPU, TLS)
///   exited(thread): on the next thread, when nothing refers to the exited one's stack any more
template <class H, class Thread>
concept SwitchHooks = requires(Thread& thread) {
    { H::switching(thread, thread) } noexcept -> std::same_as<void>;
    { H::exited(thread) } noexcept -> std::same_as<void>;
};

/// What else Hooks may have, for a trace; with a run queue locked and interrupts off.
///   woken(thread, cpu, is_new): it was waiting, or is new, and is ready on that CPU now
///   moved(thread, from, to): it was ready on one CPU and is on another
template <class H, class Thread>
concept TraceHooks = requires(Thread& thread, CpuId cpu, bool is_new) {
    { H::woken(thread, cpu, is_new) } noexcept -> std::same_as<void>;
    { H::moved(thread, cpu, cpu) } noexcept -> std::same_as<void>;
};

/// The choices of one world, as a class with these members (tests/support/sim_world.hpp and
/// kernel/config.hpp).
template <class C>
concept DispatcherConfig =
    hal::Cpu<typename C::Cpu> && hal::Clock<typename C::Clock> && hal::Timer<typename C::Timer> &&
    SchedulerPolicy<typename C::Policy> && LoadBalancer<typename C::Balancer> &&
    CpuLocalThread<typename C::Local> && requires {
        typename C::Thread;  // derived from ThreadBase<Cpu>
        typename C::Hooks;   // SwitchHooks for it
        { C::policy_setup(CpuId(0)) } noexcept -> std::same_as<PolicySetup>;
        { C::tick } -> std::convertible_to<Duration>;  // a busy CPU charges at least so often
        { C::run_queue_rank } -> std::convertible_to<LockRank>;  // this value and the next seven
        { C::timer_rank } -> std::convertible_to<LockRank>;
        { C::inheritance_rank } -> std::convertible_to<const LockRank&>;  // as well
        { C::roster_rank } -> std::convertible_to<LockRank>;              // below the run queues
    };

}  // namespace kidney::sched

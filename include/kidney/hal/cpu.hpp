/// The CPU as a contract: identity, interrupt flag, atomics, context switch, inter-processor
/// interrupt.
///
/// Locks, wait queues and the dispatcher reach the processor only through a model of `Cpu`, so the
/// same code runs on `arch::Cpu` (real instructions), `sim::Cpu` (fibers and virtual time) and
/// `sim::ExploredCpu` (every atomic operation is a point where the explorer may switch). All
/// members are static: "the CPU" is always the one that executes the call.
#pragma once

#include "kidney/core/cpu_id.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/time.hpp"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::hal {

/// Interrupt flag as it was before `interrupts_disable()`; only good for `interrupts_restore()`.
enum class InterruptState : bool { disabled, enabled };

/// First function of a new context; must never return.
using ContextEntry = void (*)(void* argument) noexcept;

/// Who am I.
///   C1 constant while interrupts are disabled
template <class C>
concept CpuIdentity = requires {
    { C::id() } noexcept -> std::same_as<CpuId>;
};

/// This CPU's interrupt flag.
///   C2 after interrupts_disable() no interrupt runs here until the matching restore
///   C3 disable/restore nest: restore(disable()) leaves the flag as it was
///   C4 wait_for_interrupt(), called with interrupts disabled, returns with them disabled, after at
///   least
///      one interrupt ran; one that was pending before the call counts (no lost wake-up)
template <class C>
concept InterruptFlag = requires(InterruptState state) {
    { C::interrupts_disable() } noexcept -> std::same_as<InterruptState>;
    { C::interrupts_restore(state) } noexcept -> std::same_as<void>;
    { C::interrupts_enabled() } noexcept -> std::same_as<bool>;
    { C::wait_for_interrupt() } noexcept -> std::same_as<void>;
    { C::relax() } noexcept -> std::same_as<void>;  // one turn of a spin loop
};

/// Atomics with std::atomic's members.
///   C5 C::Atomic<T> has the C++20 memory model; operations are the explorer's switch points
template <class C>
concept AtomicsProvider = requires(typename C::template Atomic<std::uint32_t>& a, std::uint32_t v) {
    { a.load() } noexcept -> std::same_as<std::uint32_t>;
    { a.store(v) } noexcept -> std::same_as<void>;
    { a.exchange(v) } noexcept -> std::same_as<std::uint32_t>;
    { a.fetch_add(v) } noexcept -> std::same_as<std::uint32_t>;
    { a.fetch_and(v) } noexcept -> std::same_as<std::uint32_t>;
    { a.fetch_or(v) } noexcept -> std::same_as<std::uint32_t>;
    { a.compare_exchange_strong(v, v) } noexcept -> std::same_as<bool>;
};

/// Stackful contexts.
///   C6 the first switch to a prepared context calls entry(argument) on the given stack, interrupts
///   disabled C7 switch_context(from, to) returns when somebody switches back to `from`, all
///   callee-saved state intact
template <class C>
concept ContextSwitcher = requires(typename C::Context& context, std::span<std::byte> stack,
                                   ContextEntry entry, void* argument) {
    { C::prepare_context(context, stack, entry, argument) } noexcept -> std::same_as<void>;
    { C::switch_context(context, context) } noexcept -> std::same_as<void>;
};

/// Asks another CPU to look at its run queue.
///   C8 the target runs its reschedule handler soon after; asking twice before it looks may count
///   once
template <class C>
concept Rescheduler = requires(CpuId target) {
    { C::send_reschedule(target) } noexcept -> std::same_as<void>;
};

/// A memory barrier that others pass, so that they need none of their own in a path that is taken
/// often.
///   C9 when fence_everywhere() returns, every CPU has passed a full memory barrier since the call
/// A CPU answers even if its interrupts are off, as long as it is not for ever: while it waits in
/// relax(), or when it lets interrupts in. So the caller may hold spin locks.
template <class C>
concept RemoteFence = requires {
    { C::fence_everywhere() } noexcept -> std::same_as<void>;
};

/// The lock ranks that this CPU holds; debug bookkeeping of spin locks.
template <class C>
concept RankKeeper = requires {
    { C::held_ranks() } noexcept -> std::same_as<HeldRanks&>;
};

template <class C>
concept Cpu = CpuIdentity<C> && InterruptFlag<C> && AtomicsProvider<C> && ContextSwitcher<C> &&
              Rescheduler<C> && RankKeeper<C>;

/// Interrupts off for a scope. Protects against this CPU's interrupts only, never against other
/// CPUs.
template <InterruptFlag C>
class SCOPED_CAPABILITY InterruptGuard {
public:
    InterruptGuard() noexcept ACQUIRE(interrupts_off) : state_(C::interrupts_disable()) {}
    ~InterruptGuard() RELEASE() { C::interrupts_restore(state_); }
    InterruptGuard(const InterruptGuard&) = delete;
    InterruptGuard& operator=(const InterruptGuard&) = delete;

private:
    InterruptState state_;
};

}  // namespace kidney::hal

/// How another CPU may come to take away what one CPU keeps for itself.
///
/// The owner comes and goes with plain loads and stores: it says that it is inside, looks whether
/// anybody wants its attention, and says when it has left. Whoever comes from outside first asks
/// for attention, then makes every CPU pass a memory barrier, then waits until the owner is out.
/// After that barrier the owner either has seen the question, or has been seen inside: the rare
/// visitor pays for the order that the owner does without. (An asymmetric Dekker handshake: Dice,
/// Huang, Yang, "Asymmetric Dekker synchronization", 2001; membarrier(2) does it for programs.)
#pragma once

#include "kidney/core/thread_safety.hpp"
#include "kidney/hal/cpu.hpp"
#include "kidney/hal/per_cpu.hpp"

#include <atomic>
#include <cstdint>

namespace kidney::hal {

/// The base of what has one. Between enter() and leave() the owner is pinned and takes no interrupt
/// that comes here as well; or a visitor is inside (`Visits`). Cost: O(1) each.
template <AtomicsProvider Cpu>
class Doorway {
public:
    /// False: somebody wants attention, and this CPU is not inside.
    [[nodiscard]] bool enter() noexcept {
        inside_.store(1, own_order);
        if constexpr (RemoteFence<Cpu>) {
            std::atomic_signal_fence(std::memory_order_seq_cst);
        }
        // acquire: a visitor that has gone has left everything as it is now.
        if (attention_.load(own_acquire) != 0) [[unlikely]] {
            leave();
            return false;
        }
        return true;
    }
    /// As enter(), but waits for visitors, and comes in although it is closed.
    void enter_patiently() noexcept {
        for (;;) {
            inside_.store(1, own_order);
            if constexpr (RemoteFence<Cpu>) {
                std::atomic_signal_fence(std::memory_order_seq_cst);
            }
            if (attention_.load(own_acquire) < claimed) {
                return;
            }
            leave();
            while (attention_.load(std::memory_order_acquire) >= claimed) {
                Cpu::relax();
            }
        }
    }
    /// release: a visitor that finds the owner gone finds everything as it left it.
    void leave() noexcept { inside_.store(0, std::memory_order_release); }

    /// May be out of date.
    [[nodiscard]] bool is_owner_inside() const noexcept {
        return inside_.load(std::memory_order_relaxed) != 0;
    }

    /// One at a time. From now on enter() is refused, or no longer.
    void close(bool closed) noexcept { attention_.fetch_add(closed ? 1U : 0U - 1U); }
    [[nodiscard]] bool is_closed() const noexcept {
        return (attention_.load(std::memory_order_relaxed) & 1U) != 0;
    }

private:
    template <AtomicsProvider>
    friend class Visits;

    void claim() noexcept { attention_.fetch_add(claimed); }
    void unclaim() noexcept { attention_.fetch_add(0U - claimed); }
    [[nodiscard]] bool owner_has_left() const noexcept {
        return inside_.load(std::memory_order_acquire) == 0;
    }

    static constexpr std::uint32_t claimed = 1U << 16;
    // Where nobody can make this CPU pass a barrier, it passes one each time.
    static constexpr std::memory_order own_order =
        RemoteFence<Cpu> ? std::memory_order_relaxed : std::memory_order_seq_cst;
    static constexpr std::memory_order own_acquire =
        RemoteFence<Cpu> ? std::memory_order_acquire : std::memory_order_seq_cst;

    template <class T>
    using Atomic = typename Cpu::template Atomic<T>;

    Atomic<std::uint32_t> inside_{0};     ///< 1: the owner is
    Atomic<std::uint32_t> attention_{0};  ///< bit 0: closed; from bit 16: visitors
};

/// The visitors of the places of all CPUs: a lock, so that there is one at a time. Whoever holds it
/// is pinned; who is inside of a place does not ask for it. Each CPU must pass the barrier even
/// while it waits for a lock (`RemoteFence`), so a visitor may hold locks that are not wanted
/// inside.
template <AtomicsProvider Cpu>
class CAPABILITY("visits") Visits {
public:
    void lock() noexcept ACQUIRE() KIDNEY_NO_TSA("the capability is this object")
    {
        while (taken_.exchange(1) != 0) {
            Cpu::relax();
        }
    }
    void unlock() noexcept RELEASE() KIDNEY_NO_TSA("the capability is this object")
    {
        taken_.store(0, std::memory_order_release);
    }

    /// Calls f(place) for every CPU's place with nobody else inside: `Place` is a `Doorway` that
    /// says whether it is_worth_a_visit(). Cost: a barrier everywhere, if any of the others' is.
    template <class Place, class F>
    void to_all(PerCpu<Place, Cpu>& places, F&& f) noexcept REQUIRES(this) {
        Place& mine = places.mine();
        f(mine);  // nobody claims it now, and this CPU is here
        CpuSet visited;
        for (std::uint32_t cpu = 0; cpu < places.size(); ++cpu) {
            Place& place = places.of(CpuId(cpu));
            if (&place != &mine && (place.is_worth_a_visit() || place.is_owner_inside())) {
                place.claim();
                visited.insert(CpuId(cpu));
            }
        }
        if (visited.is_empty()) {
            return;
        }
        if constexpr (RemoteFence<Cpu>) {
            Cpu::fence_everywhere();
        }
        for (std::uint32_t cpu = 0; cpu < places.size(); ++cpu) {
            if (visited.contains(CpuId(cpu))) {
                Place& place = places.of(CpuId(cpu));
                while (!place.owner_has_left()) {
                    Cpu::relax();
                }
                f(place);
                place.unclaim();
            }
        }
    }

private:
    typename Cpu::template Atomic<std::uint32_t> taken_{0};  ///< 1: somebody is on a visit
};

}  // namespace kidney::hal

/// The bare ticket lock under `SpinLock` and the run queues: first come, first served.
///
/// It leaves the interrupt flag and the rank check to its user. Take a `SpinLock` unless you have
/// to hold a lock across a context switch.
#pragma once

#include "kidney/core/thread_safety.hpp"
#include "kidney/hal/cpu.hpp"

#include <atomic>
#include <cstdint>

namespace kidney::sched {

/// Two counters: the next ticket to give out, and the one being served. Wraps around harmlessly:
/// there are far fewer than 2^32 waiters.
template <hal::Cpu C>
class CAPABILITY("ticket lock") TicketLock {
public:
    void lock() noexcept ACQUIRE() {
        lock([](auto&& wait) noexcept { wait(); });
    }
    /// If one has to wait, around(wait) is called and calls wait() once.
    template <class Around>
    void lock(Around&& around) noexcept ACQUIRE() {
        // relaxed: drawing a ticket orders nothing; seeing it served does.
        const std::uint32_t ticket = next_.fetch_add(1, std::memory_order_relaxed);
        if (serving_.load(std::memory_order_acquire) != ticket) [[unlikely]] {
            around([&]() noexcept {
                do {
                    C::relax();
                } while (serving_.load(std::memory_order_acquire) != ticket);
            });
        }
    }

    /// Never waits, so it cannot deadlock whatever the caller holds.
    [[nodiscard]] bool try_lock() noexcept TRY_ACQUIRE(true) {
        std::uint32_t ticket = serving_.load(std::memory_order_acquire);
        return next_.compare_exchange_strong(ticket, ticket + 1, std::memory_order_relaxed);
    }

    // release: the next holder sees what this one wrote. Only the holder writes `serving_`.
    void unlock() noexcept RELEASE() {
        serving_.store(serving_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }

private:
    typename C::template Atomic<std::uint32_t> next_{0};
    typename C::template Atomic<std::uint32_t> serving_{0};
};

}  // namespace kidney::sched

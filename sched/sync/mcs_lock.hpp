/// The bare MCS lock: a queue of waiters each of which spins on a word of its own.
///
/// Under a `TicketLock` all waiters look at one word, and each release takes its cache line from
/// all of them; here it takes one, however many wait. That is worth something from a handful of
/// CPUs on that fight for one lock; alone, both cost one atomic operation.
///
/// Theory: Mellor-Crummey and Scott 1991. In theirs the holder keeps its node until it releases, so
/// lock() and unlock() have to be given one; in this form, known from the K42 system, the holder's
/// place is taken by a node in the lock, and waiters have theirs on their stacks.
#pragma once

#include "kidney/core/thread_safety.hpp"
#include "kidney/hal/cpu.hpp"

#include <atomic>
#include <cstdint>

namespace kidney::sched {

/// First come, first served, in the order in which they became the tail. As `TicketLock`, it leaves
/// the interrupt flag and the rank check to its user: SpinLock<rank, Cpu, McsLock>.
template <hal::Cpu C>
class CAPABILITY("MCS lock") McsLock {
    struct Node {
        typename C::template Atomic<Node*> next{nullptr};
        typename C::template Atomic<std::uint32_t> waits{0};
    };

public:
    constexpr McsLock() noexcept = default;
    McsLock(const McsLock&) = delete;
    McsLock& operator=(const McsLock&) = delete;

    void lock() noexcept ACQUIRE() {
        lock([](auto&& wait) noexcept { wait(); });
    }
    /// If one has to wait, around(wait) is called and calls wait() once.
    template <class Around>
    void lock(Around&& around) noexcept ACQUIRE() {
        Node self;
        Node* before = tail_.load(std::memory_order_relaxed);
        for (;;) {
            if (before == nullptr) {
                // acquire: see what the previous holder wrote.
                if (tail_.compare_exchange_strong(before, &holder_, std::memory_order_acquire)) {
                    return;
                }
                continue;
            }
            self.waits.store(1, std::memory_order_relaxed);
            // release: who becomes the tail after us finds our node made.
            if (tail_.compare_exchange_strong(before, &self, std::memory_order_acq_rel)) {
                break;
            }
        }
        before->next.store(&self, std::memory_order_release);
        around([&]() noexcept {
            while (self.waits.load(std::memory_order_acquire) != 0) {
                C::relax();
            }
        });
        take_place_of(self);
    }

    /// Never waits.
    [[nodiscard]] bool try_lock() noexcept TRY_ACQUIRE(true) {
        Node* nobody = nullptr;
        return tail_.compare_exchange_strong(nobody, &holder_, std::memory_order_acquire);
    }

    void unlock() noexcept RELEASE() {
        Node* after = holder_.next.load(std::memory_order_acquire);
        if (after == nullptr) {
            Node* last = &holder_;
            // release: the next holder sees what this one wrote.
            if (tail_.compare_exchange_strong(last, nullptr, std::memory_order_release)) {
                return;
            }
            after = linked_after(holder_);
        }
        after->waits.store(0, std::memory_order_release);
    }

private:
    /// The lock is ours, and our node goes with our stack frame: whoever follows shall follow the
    /// node in the lock.
    void take_place_of(Node& self) noexcept {
        Node* after = self.next.load(std::memory_order_acquire);
        if (after == nullptr) {
            holder_.next.store(nullptr, std::memory_order_relaxed);
            Node* last = &self;
            if (tail_.compare_exchange_strong(last, &holder_, std::memory_order_acq_rel)) {
                return;
            }
            after = linked_after(self);
        }
        holder_.next.store(after, std::memory_order_relaxed);
    }
    /// Somebody has become the tail after `node` and is about to say so.
    [[nodiscard]] static Node* linked_after(Node& node) noexcept {
        for (;;) {
            if (Node* const after = node.next.load(std::memory_order_acquire); after != nullptr) {
                return after;
            }
            C::relax();
        }
    }

    Node holder_;  ///< stands for whoever holds it
    typename C::template Atomic<Node*> tail_{nullptr};
};

}  // namespace kidney::sched

/// What a lock is, how it is held, and the order in which locks may be taken.
///
/// Engines take their lock as a template parameter: a spin lock or a mutex in the kernel
/// (sched/sync), `NullLock` where one thread owns everything, wrappers of std::mutex in host stress
/// tests.
#pragma once

#include "kidney/core/assert.hpp"
#include "kidney/core/thread_safety.hpp"
#include "kidney/core/time.hpp"

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace kidney {

/// Mutual exclusion.
///   L1 between lock() and the matching unlock() no other holder exists
///   L2 what one holder wrote, the next one sees (acquire / release)
///   L3 unlock() is called by the holder
template <class L>
concept BasicLockable = requires(L& lock) {
    { lock.lock() } noexcept -> std::same_as<void>;
    { lock.unlock() } noexcept -> std::same_as<void>;
};

/// The only way to hold a lock.
template <BasicLockable L>
class SCOPED_CAPABILITY LockGuard {
public:
    explicit LockGuard(L& lock) noexcept ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
    ~LockGuard() RELEASE() { lock_.unlock(); }
    LockGuard(const LockGuard&) = delete;
    LockGuard& operator=(const LockGuard&) = delete;

private:
    L& lock_;
};
template <class L>
LockGuard(L&) -> LockGuard<L>;

/// For single-owner contexts: costs nothing, protects nothing.
class CAPABILITY("null lock") NullLock {
public:
    void lock() noexcept ACQUIRE() {}
    void unlock() noexcept RELEASE() {}
};

/// Place of a lock in the global order: a thread may only take locks of increasing rank.
/// kernel/lock_ranks.hpp lists them with reasons. There is no "unranked".
struct LockRank {
    std::uint8_t value;
    const char* name;
};

/// Whether locks are watched: their order, where and for how long they are held. Debug builds.
#ifdef KIDNEY_DEBUG
inline constexpr bool checks_lock_ranks = true;
#else
inline constexpr bool checks_lock_ranks = false;
#endif

/// The spin locks that one CPU, or the mutexes that one thread, holds right now; the debug check of
/// the global order. Owned by its CPU or thread, so it needs no lock itself.
class HeldRanks {
public:
    static constexpr std::size_t capacity = 16;

    /// How one of them was got, where somebody watches (kidney/hal/lock_watch.hpp).
    struct Taking {
        /// Addresses in the code, the innermost first: the function, or a guard in it, and who
        /// called that. 0: nobody watches, or there are no more.
        std::array<std::uintptr_t, 3> places{};
        Instant since;
        bool tried = false;  ///< by try_lock(): nobody waited for it
    };

    void push(const LockRank& rank) noexcept {
        KIDNEY_INVARIANT(depth_ == 0 || held_[depth_ - 1]->value < rank.value,
                         "lock order: a lock of equal or higher rank is already held");
        KIDNEY_INVARIANT(depth_ < capacity, "lock order: too many locks held");
        held_[depth_++] = &rank;
    }
    /// Of the one that was pushed last.
    void note(const Taking& taking) noexcept {
        if constexpr (checks_lock_ranks) {
            takings_[depth_ - 1] = taking;
        }
    }
    /// Locks may be released in any order.
    Taking pop(const LockRank& rank) noexcept {
        for (std::size_t i = depth_; i-- > 0;) {
            if (held_[i] == &rank || held_[i]->value == rank.value) {
                const Taking taking = taking_of(i);
                for (; i + 1 < depth_; ++i) {
                    held_[i] = held_[i + 1];
                    if constexpr (checks_lock_ranks) {
                        takings_[i] = takings_[i + 1];
                    }
                }
                --depth_;
                return taking;
            }
        }
        KIDNEY_INVARIANT(false, "lock order: releasing a lock that is not held");
        return {};
    }
    [[nodiscard]] std::size_t depth() const noexcept { return depth_; }
    /// For reports; of another CPU's what it was a moment ago.
    [[nodiscard]] const LockRank* at(std::size_t n) const noexcept {
        return n < depth_ && n < capacity ? held_[n] : nullptr;
    }
    /// Of at(n), which is there. Nothing in release builds.
    [[nodiscard]] Taking taking_of(std::size_t n) const noexcept {
        if constexpr (checks_lock_ranks) {
            return takings_[n];
        } else {
            return {};
        }
    }
    [[nodiscard]] const char* innermost() const noexcept {
        return depth_ == 0 ? "none" : held_[depth_ - 1]->name;
    }

private:
    std::array<const LockRank*, capacity> held_{};
    std::size_t depth_ = 0;
    [[no_unique_address]] std::array<Taking, checks_lock_ranks ? capacity : 0> takings_{};
};

static_assert(BasicLockable<NullLock>);

}  // namespace kidney

/// futex: sleeping until a word in user memory changes. What locks of the C library fall back to.
#include "kernel/process/process.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/syscall/resumable_wait.hpp"
#include "kernel/syscall/system_calls.hpp"
#include "kernel/syscall/time_values.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <linux/futex.h>

namespace kidney::kernel::calls {
namespace {

/// Which word, whoever names it: by its place in memory if processes share it, else by its address
/// in the one address space that it belongs to.
struct FutexKey {
    const AddressSpace* space = nullptr;  ///< null: shared
    FrameNumber frame;                    ///< if shared
    std::uint32_t address = 0;            ///< in `space`, or within the frame

    friend bool operator==(const FutexKey&, const FutexKey&) noexcept = default;
};

/// Error: bad_address.
Result<FutexKey> key_of(const Process& self, VirtAddr word, bool is_private) noexcept {
    if (!is_private) {
        TRY(get_user(UserPtr<const std::uint32_t>(word)));  // its page is present now
        const auto page = self.memory->query(word);
        if (page && page->shared) {
            return FutexKey{nullptr, page->frame, word.page_offset()};
        }
    }
    return FutexKey{self.memory.get(), {}, word.value()};
}

/// A thread that sleeps on a word; lives on its stack.
struct FutexWaiter {
    FutexWaiter* next = nullptr;
    FutexKey key;
    Thread* thread = nullptr;
    bool woken = false;
};

/// One list for all: processes have one thread each, so there is hardly ever a waiter.
constinit SpinLock<ranks::futex> waiters_lock;
constinit FutexWaiter* waiters GUARDED_BY(waiters_lock) = nullptr;

void link(FutexWaiter& waiter) noexcept REQUIRES(waiters_lock) {
    FutexWaiter** at = &waiters;
    while (*at != nullptr) {
        at = &(*at)->next;  // behind the others: first come, first woken
    }
    *at = &waiter;
}
void unlink(FutexWaiter& waiter) noexcept REQUIRES(waiters_lock) {
    FutexWaiter** at = &waiters;
    while (*at != &waiter) {
        at = &(*at)->next;
    }
    *at = waiter.next;
}

Reply wait(Process& self, VirtAddr word, const FutexKey& key, std::uint32_t expected,
           Instant deadline) noexcept {
    FutexWaiter waiter;
    waiter.key = key;
    waiter.thread = self.thread;
    {
        LockGuard guard(waiters_lock);
        link(waiter);
    }
    // Linked first, then looked: a change and a wake between the two are not missed.
    const Result<std::uint32_t> value = get_user(UserPtr<const std::uint32_t>(word));
    bool in_time = true;
    bool interrupted = false;
    for (;;) {
        {
            LockGuard guard(waiters_lock);
            const bool done =
                waiter.woken || !value || *value != expected || !in_time || interrupted;
            if (done) {
                if (!waiter.woken) {
                    unlink(waiter);
                }
                break;
            }
        }
        interrupted = self.is_interrupted();
        if (!interrupted) {
            in_time = dispatcher().block_until(deadline);
        }
    }
    if (waiter.woken) {
        return 0U;
    }
    if (!value) {
        return fail(value.error());
    }
    if (*value != expected) {
        return fail(Errc::would_block);
    }
    if (!in_time) {
        return fail(Errc::timed_out);
    }
    // Without a timeout as every call that a handler may restart.
    return deadline == Instant::never() ? Reply(fail(Errc::restart)) : resume_later(self, deadline);
}

std::uint32_t wake(const FutexKey& key, std::uint32_t most) noexcept {
    std::uint32_t woken = 0;
    LockGuard guard(waiters_lock);
    for (FutexWaiter* at = waiters; at != nullptr && woken < most;) {
        FutexWaiter& w = *at;
        at = w.next;
        if (w.key == key) {
            unlink(w);
            w.woken = true;
            dispatcher().wake(*w.thread);
            ++woken;
        }
    }
    return woken;
}

/// `read_timeout` knows which timespec the caller has.
template <class ReadTimeout>
Reply run(Process& self, VirtAddr word, std::uint32_t operation, std::uint32_t value,
          VirtAddr timeout, ReadTimeout&& read_timeout) noexcept {
    if (word.value() % sizeof(std::uint32_t) != 0) {
        return fail(Errc::invalid_argument);
    }
    const FutexKey key = TRY(key_of(self, word, (operation & FUTEX_PRIVATE_FLAG) != 0));
    switch (operation & FUTEX_CMD_MASK) {
        case FUTEX_WAIT: {
            Instant deadline = Instant::never();
            if (timeout != VirtAddr(0)) {
                deadline = end_of_wait(self, TRY(read_timeout(timeout)));
            }
            return wait(self, word, key, value, deadline);
        }
        case FUTEX_WAIT_BITSET: {
            // The timeout is absolute here.
            Instant deadline = Instant::never();
            if (timeout != VirtAddr(0)) {
                const Duration absolute = TRY(read_timeout(timeout));
                deadline = (operation & FUTEX_CLOCK_REALTIME) != 0
                               ? Deadline::of_day(absolute).instant()
                               : Instant() + absolute;
            }
            return wait(self, word, key, value, deadline);
        }
        case FUTEX_WAKE:
        case FUTEX_WAKE_BITSET:
            return wake(key, value);
        default:
            return fail(Errc::not_implemented);
    }
}

}  // namespace

Reply futex(Process& self, VirtAddr word, std::uint32_t operation, std::uint32_t value,
            VirtAddr timeout) noexcept {
    return run(self, word, operation, value, timeout, get_timespec32);
}
Reply futex_time64(Process& self, VirtAddr word, std::uint32_t operation, std::uint32_t value,
                   VirtAddr timeout) noexcept {
    return run(self, word, operation, value, timeout, get_timespec64);
}

}  // namespace kidney::kernel::calls

/// futex: sleeping until a word in user memory changes. Decoding; the sleeping is sched/sync/futex.
///
/// The operations with priority inheritance (FUTEX_LOCK_PI and its kin) are ENOSYS, as on a Linux
/// without CONFIG_FUTEX_PI: our mutexes hand priorities on, words in user memory do not.
#include "kernel/syscall/futex_calls.hpp"

#include "kernel/process/process.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/syscall/resumable_wait.hpp"
#include "kernel/syscall/system_calls.hpp"
#include "kernel/syscall/time_values.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "sched/sync/futex.hpp"

#include <algorithm>
#include <linux/futex.h>

namespace kidney::kernel::calls {
namespace {

/// Which word, whoever names it: by its place in memory if processes share it, else by its address
/// in the one address space that it belongs to.
struct FutexKey {
    const AddressSpace* space = nullptr;  ///< null: shared
    FrameNumber frame;                    ///< if shared
    std::uint32_t address = 0;            ///< in `space`, or within the frame

    [[nodiscard]] std::uint32_t hash() const noexcept {
        constexpr std::uint32_t golden = 0x9e37'79b9;
        const auto where =
            space == nullptr ? frame.value() : reinterpret_cast<std::uint32_t>(space) >> 4;
        return ((address >> 2) + where * golden) * golden >> 16;
    }
    friend bool operator==(const FutexKey&, const FutexKey&) noexcept = default;
};

constexpr std::uint32_t robust_list_head_size = 12;

constinit sched::FutexTable<Threads, FutexKey, ranks::futex> futexes;

using FutexWord = UserPtr<const std::uint32_t>;

/// Errors: invalid_argument (not aligned), bad_address.
Result<FutexKey> key_of(const Process& self, VirtAddr word, std::uint32_t operation) noexcept {
    if (word.value() % sizeof(std::uint32_t) != 0) {
        return fail(Errc::invalid_argument);
    }
    if (word >= hal::user_end) {
        return fail(Errc::bad_address);
    }
    if ((operation & FUTEX_PRIVATE_FLAG) == 0) {
        TRY(get_user(FutexWord(word)));  // its page is present now
        const auto page = self.memory->query(word);
        if (page && page->shared) {
            return FutexKey{nullptr, page->frame, word.page_offset()};
        }
    }
    return FutexKey{self.memory.get(), {}, word.value()};
}

/// The look at the word, for the table.
auto is_at(VirtAddr word, std::uint32_t expected) noexcept {
    return [word, expected]() noexcept -> Result<bool> {
        return TRY(get_user(FutexWord(word))) == expected;
    };
}

/// What Linux makes of a count of waiters to wake: none, and fewer, are one.
constexpr std::uint32_t at_least_one(std::uint32_t count) noexcept {
    return static_cast<std::uint32_t>(std::max(static_cast<std::int32_t>(count), 1));
}

Reply wait(Process& self, VirtAddr word, std::uint32_t operation, std::uint32_t expected,
           std::uint32_t bits, const Deadline& deadline) noexcept {
    if (bits == 0) {
        return fail(Errc::invalid_argument);
    }
    const FutexKey key = TRY(key_of(self, word, operation));
    const DeadlineWatch watch(self.this_thread(), deadline);
    const auto give_up_at = [&deadline]() noexcept { return deadline.instant(); };
    const Status status = futexes.wait(key, bits, is_at(word, expected), give_up_at,
                                       self.this_thread().scheduling.priority);
    if (status) {
        return 0U;
    }
    if (status.error() != Errc::interrupted) {
        return fail(status.error());
    }
    if (deadline.follows_wall_clock()) {
        return run_again_later(self);
    }
    // Without a timeout as every call that a handler may restart.
    const Instant end = deadline.instant();
    return end == Instant::never() ? Reply(fail(Errc::restart)) : resume_later(self, end);
}

Reply requeue(Process& self, VirtAddr word, std::uint32_t operation, std::uint32_t wake_count,
              std::uint32_t move_count, VirtAddr other, const std::uint32_t* expected) noexcept {
    if (static_cast<std::int32_t>(wake_count) < 0 || static_cast<std::int32_t>(move_count) < 0) {
        return fail(Errc::invalid_argument);
    }
    const FutexKey from = TRY(key_of(self, word, operation));
    const FutexKey to = TRY(key_of(self, other, operation));
    return futexes.requeue(from, to, wake_count, move_count, [&]() noexcept -> Result<bool> {
        return expected == nullptr || TRY(is_at(word, *expected)());
    });
}

/// FUTEX_WAKE_OP's sixth argument: how to change the second word, and what to compare its old value
/// with.
struct WordOperation {
    std::uint32_t change, comparison, operand, comparand;

    explicit constexpr WordOperation(std::uint32_t code) noexcept
        : change(code >> 28 & 7U),
          comparison(code >> 24 & 15U),
          operand(sign_extended(code >> 12)),
          comparand(sign_extended(code)) {
        if (code >> 31 != 0) {  // FUTEX_OP_OPARG_SHIFT
            operand = 1U << (operand & 31U);
        }
    }
    [[nodiscard]] constexpr bool is_known() const noexcept {
        return change <= FUTEX_OP_XOR && comparison <= FUTEX_OP_CMP_GE;
    }
    [[nodiscard]] constexpr std::uint32_t changed(std::uint32_t old) const noexcept {
        switch (change) {
            case FUTEX_OP_SET:
                return operand;
            case FUTEX_OP_ADD:
                return old + operand;
            case FUTEX_OP_OR:
                return old | operand;
            case FUTEX_OP_ANDN:
                return old & ~operand;
            default:
                return old ^ operand;
        }
    }
    [[nodiscard]] constexpr bool holds(std::uint32_t old) const noexcept {
        const auto a = static_cast<std::int32_t>(old);
        const auto b = static_cast<std::int32_t>(comparand);
        switch (comparison) {
            case FUTEX_OP_CMP_EQ:
                return a == b;
            case FUTEX_OP_CMP_NE:
                return a != b;
            case FUTEX_OP_CMP_LT:
                return a < b;
            case FUTEX_OP_CMP_LE:
                return a <= b;
            case FUTEX_OP_CMP_GT:
                return a > b;
            default:
                return a >= b;
        }
    }

private:
    /// Of the lowest 12 bits.
    static constexpr std::uint32_t sign_extended(std::uint32_t bits) noexcept {
        return static_cast<std::uint32_t>(static_cast<std::int32_t>(bits << 20) >> 20);
    }
};
static_assert(WordOperation(0x0100'1002).operand == 1 && WordOperation(0x0100'1002).comparand == 2);
static_assert(WordOperation(0x00ff'f000).operand == ~0U && WordOperation(0x9000'3000).operand == 8);
static_assert(WordOperation(0x1000'1000).changed(4) == 5 &&
              WordOperation(0x3000'5000).changed(7) == 2);
static_assert(WordOperation(0x0200'0fff).holds(0xffff'fff0) &&
              !WordOperation(0x0200'0fff).holds(0));

Reply wake_and_operate(Process& self, VirtAddr word, std::uint32_t operation, std::uint32_t count,
                       std::uint32_t other_count, VirtAddr other, std::uint32_t code) noexcept {
    const FutexKey first = TRY(key_of(self, word, operation));
    const FutexKey second = TRY(key_of(self, other, operation));
    const WordOperation what(code);
    if (!what.is_known()) {
        return fail(Errc::not_implemented);
    }
    std::uint32_t old = TRY(get_user(FutexWord(other)));
    for (std::uint32_t seen = old;; old = seen) {
        if (!UserMemory::compare_exchange(other, old, what.changed(old), seen)) {
            return fail(Errc::bad_address);
        }
        if (seen == old) {
            break;
        }
    }
    std::uint32_t woken = futexes.wake(first, at_least_one(count));
    if (what.holds(old)) {
        woken += futexes.wake(second, at_least_one(other_count));
    }
    return woken;
}

struct Arguments {
    VirtAddr word;
    std::uint32_t operation, value;
    VirtAddr timeout;  ///< or a second count
    VirtAddr other;
    std::uint32_t value_3;
};

/// When a wait ends. Errors: bad_address, invalid_argument.
template <class Timespec>
Result<Deadline> deadline_of(Process& self, const Arguments& a) noexcept {
    if (a.timeout == VirtAddr(0)) {
        return Deadline::never();
    }
    const Duration timeout = TRY(get_timespec<Timespec>(a.timeout));
    if ((a.operation & FUTEX_CMD_MASK) == FUTEX_WAIT) {
        return Deadline(end_of_wait(self, timeout));
    }
    return (a.operation & FUTEX_CLOCK_REALTIME) != 0 ? Deadline::of_day(timeout)
                                                     : Deadline(Instant() + timeout);
}

template <class Timespec>
Reply run(Process& self, const Arguments& a) noexcept {
    const std::uint32_t command = a.operation & FUTEX_CMD_MASK;
    const bool waits = command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET;
    const Deadline deadline = waits ? TRY(deadline_of<Timespec>(self, a)) : Deadline::never();
    if ((a.operation & FUTEX_CLOCK_REALTIME) != 0 && command != FUTEX_WAIT_BITSET) {
        return fail(Errc::not_implemented);
    }
    const std::uint32_t second_count = a.timeout.value();
    switch (command) {
        case FUTEX_WAIT:
            return wait(self, a.word, a.operation, a.value, FUTEX_BITSET_MATCH_ANY, deadline);
        case FUTEX_WAIT_BITSET:
            return wait(self, a.word, a.operation, a.value, a.value_3, deadline);
        case FUTEX_WAKE:
        case FUTEX_WAKE_BITSET: {
            const std::uint32_t bits = command == FUTEX_WAKE ? FUTEX_BITSET_MATCH_ANY : a.value_3;
            if (bits == 0) {
                return fail(Errc::invalid_argument);
            }
            return futexes.wake(TRY(key_of(self, a.word, a.operation)), at_least_one(a.value),
                                bits);
        }
        case FUTEX_REQUEUE:
            return requeue(self, a.word, a.operation, a.value, second_count, a.other, nullptr);
        case FUTEX_CMP_REQUEUE:
            return requeue(self, a.word, a.operation, a.value, second_count, a.other, &a.value_3);
        case FUTEX_WAKE_OP:
            return wake_and_operate(self, a.word, a.operation, a.value, second_count, a.other,
                                    a.value_3);
        default:
            return fail(Errc::not_implemented);
    }
}

}  // namespace

Reply set_robust_list(Process& self, VirtAddr head, std::uint32_t size) noexcept {
    if (size != robust_list_head_size) {
        return fail(Errc::invalid_argument);
    }
    self.this_thread().robust_list = head;
    return 0U;
}

Reply get_robust_list(Process& self, Pid number, UserPtr<std::uint32_t> head,
                      UserPtr<std::uint32_t> size) noexcept {
    VirtAddr list;
    {
        LockGuard guard(World::process_lock);
        const Thread* const thread =
            number.value() == 0 ? &self.this_thread() : processes().find_thread(number);
        if (thread == nullptr) {
            return fail(Errc::no_process);
        }
        const Process& owner = *thread->process;
        if (&owner != &self && !self.identity.may_inspect(owner.identity, owner.dumpable)) {
            return fail(Errc::not_permitted);
        }
        list = thread->robust_list;
    }
    TRY(put_user(size, robust_list_head_size));
    TRY(put_user(head, list.value()));
    return 0U;
}

Reply futex(Process& self, VirtAddr word, std::uint32_t operation, std::uint32_t value,
            VirtAddr timeout, VirtAddr other, std::uint32_t value_3) noexcept {
    return run<Timespec32>(self, {word, operation, value, timeout, other, value_3});
}
Reply futex_time64(Process& self, VirtAddr word, std::uint32_t operation, std::uint32_t value,
                   VirtAddr timeout, VirtAddr other, std::uint32_t value_3) noexcept {
    return run<Timespec64>(self, {word, operation, value, timeout, other, value_3});
}

}  // namespace kidney::kernel::calls

namespace kidney::kernel {

void wake_futex(Process& self, VirtAddr word) noexcept {
    if (const auto key = calls::key_of(self, word, 0)) {
        calls::futexes.wake(*key, 1);
    }
}

Result<std::uint32_t> compare_exchange_word(VirtAddr word, std::uint32_t expected,
                                            std::uint32_t desired) noexcept {
    std::uint32_t seen = expected;
    if (word.value() % sizeof(std::uint32_t) != 0 || word >= hal::user_end ||
        !UserMemory::compare_exchange(word, expected, desired, seen)) {
        return fail(Errc::bad_address);
    }
    return seen;
}

}  // namespace kidney::kernel

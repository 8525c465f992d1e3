/// One set of semaphores: what operations do to it.
#pragma once

#include "ipc/permission.hpp"
#include "kidney/core/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::ipc {

inline constexpr std::int32_t highest_semaphore = 32767;  ///< SEMVMX
inline constexpr std::uint32_t most_in_set = 32000;       ///< SEMMSL
inline constexpr std::uint32_t most_operations = 500;     ///< SEMOPM

/// As sembuf, decoded.
struct SemaphoreOperation {
    std::uint16_t number = 0;
    std::int16_t change = 0;
    bool no_wait = false;
    bool undo = false;
};

struct SemaphoreValue {
    std::uint16_t value = 0;
    std::int32_t pid = 0;              ///< who changed it last
    std::uint32_t waits_for_more = 0;  ///< threads
    std::uint32_t waits_for_zero = 0;
};

/// What a process would have to add to each semaphore of a set. The numbers follow in memory.
struct SemaphoreUndo {
    std::int32_t pid = 0;
    SemaphoreUndo* next = nullptr;
    [[nodiscard]] std::int16_t* changes() noexcept {
        return reinterpret_cast<std::int16_t*>(this + 1);
    }
};

/// The semaphores follow in memory. Concurrency: none, the caller's lock.
struct SemaphoreSet {
    Permission permission;
    std::int32_t id = 0;
    std::uint32_t count = 0;
    std::int64_t operated = 0, changed = 0;
    SemaphoreUndo* undos = nullptr;

    [[nodiscard]] SemaphoreValue* values() noexcept {
        return reinterpret_cast<SemaphoreValue*>(this + 1);
    }
    [[nodiscard]] SemaphoreUndo* undo_of(std::int32_t pid) noexcept {
        SemaphoreUndo* undo = undos;
        while (undo != nullptr && undo->pid != pid) {
            undo = undo->next;
        }
        return undo;
    }

    /// Errors: file_too_big (no such semaphore), permission_denied.
    [[nodiscard]] Status check(std::span<const SemaphoreOperation> operations,
                               const Caller& who) const noexcept {
        bool alters = false;
        for (const SemaphoreOperation& operation : operations) {
            if (operation.number >= count) {
                return fail(Errc::file_too_big);
            }
            alters |= operation.change != 0;
        }
        return permission.check(who, alters ? Access::write : Access::read);
    }
    /// All or nothing; the operations were checked, and who wants to undo has the memory for it.
    /// Errors: out_of_range; would_block, then `blocked` is the operation that has to wait.
    [[nodiscard]] Status attempt(std::span<const SemaphoreOperation> operations, const Caller& who,
                                 std::size_t& blocked) noexcept {
        SemaphoreUndo* const undo = undo_of(who.pid);
        Status status;
        std::size_t n = 0;
        for (; n < operations.size(); ++n) {
            status = apply(undo, operations[n]);
            if (!status) {
                break;
            }
        }
        if (!status) {
            blocked = n;
            while (n-- > 0) {
                revert(undo, operations[n]);
            }
            return status;
        }
        for (const SemaphoreOperation& operation : operations) {
            values()[operation.number].pid = who.pid;
        }
        operated = who.now;
        return {};
    }
    /// The process has ended: what it did is taken back, as far as that goes.
    void take_back(SemaphoreUndo& undo, const Caller& who) noexcept {
        for (std::uint32_t n = 0; n < count; ++n) {
            if (const std::int16_t change = undo.changes()[n]; change != 0) {
                SemaphoreValue& semaphore = values()[n];
                semaphore.value = static_cast<std::uint16_t>(
                    std::clamp<std::int32_t>(semaphore.value + change, 0, highest_semaphore));
                semaphore.pid = who.pid;
                operated = who.now;
            }
        }
    }
    /// A value that is set by hand makes all that was to be undone meaningless.
    void assign(std::size_t number, std::uint16_t value, const Caller& who) noexcept {
        values()[number].value = value;
        values()[number].pid = who.pid;
        for (SemaphoreUndo* undo = undos; undo != nullptr; undo = undo->next) {
            undo->changes()[number] = 0;
        }
    }
    void count_waiter(const SemaphoreOperation& operation, int more) noexcept {
        SemaphoreValue& semaphore = values()[operation.number];
        std::uint32_t& waits =
            operation.change == 0 ? semaphore.waits_for_zero : semaphore.waits_for_more;
        waits += static_cast<std::uint32_t>(more);
    }

private:
    [[nodiscard]] Status apply(SemaphoreUndo* undo, const SemaphoreOperation& operation) noexcept {
        std::uint16_t& value = values()[operation.number].value;
        const std::int32_t next = value + operation.change;
        if (next < 0 || (operation.change == 0 && value != 0)) {
            return fail(Errc::would_block);
        }
        if (next > highest_semaphore) {
            return fail(Errc::out_of_range);
        }
        if (operation.undo) {
            const std::int32_t back = undo->changes()[operation.number] - operation.change;
            if (back < -highest_semaphore - 1 || back > highest_semaphore) {
                return fail(Errc::out_of_range);
            }
            undo->changes()[operation.number] = static_cast<std::int16_t>(back);
        }
        value = static_cast<std::uint16_t>(next);
        return {};
    }
    void revert(SemaphoreUndo* undo, const SemaphoreOperation& operation) noexcept {
        std::uint16_t& value = values()[operation.number].value;
        value = static_cast<std::uint16_t>(value - operation.change);
        if (operation.undo) {
            std::int16_t& back = undo->changes()[operation.number];
            back = static_cast<std::int16_t>(back + operation.change);
        }
    }
};
static_assert(sizeof(SemaphoreSet) % alignof(SemaphoreValue) == 0);

}  // namespace kidney::ipc

/// Causes of signals, and the queue of those that come as often as they were sent.
#pragma once

#include "kidney/abi/signal.hpp"
#include "kidney/core/user_account.hpp"
#include "proc/signal/signal_set.hpp"

#include <cstdint>

namespace kidney::proc {

/// Who sent a queued signal and wants it back: a timer, which sends no second one before the first
/// has been taken.
class SignalSource {
public:
    /// Its signal has been taken out of the queue, and is its own again. Returns the overruns.
    virtual std::uint32_t signal_taken() noexcept = 0;

protected:
    ~SignalSource() = default;
};

/// Why a signal was sent; becomes siginfo_t.
struct SignalCause {
    std::int32_t code = abi::si_kernel;
    std::int32_t pid = 0;       ///< of a timer: its id
    std::uint32_t uid = 0;      ///< of a timer: its overruns
    std::int32_t status = 0;    ///< SIGCHLD; of a queued signal and a timer: the value sent along
    std::uint32_t address = 0;  ///< faults
    std::uint32_t trap = 0;     ///< faults: exception number, for the signal frame
    std::uint32_t error = 0;    ///< faults: error code, for the signal frame
    std::int32_t si_errno = 0;  ///< of a queued signal: whatever its sender wrote there
};

[[nodiscard]] constexpr abi::SigInfo info_of(std::uint32_t signal,
                                             const SignalCause& cause) noexcept {
    abi::SigInfo info{};
    info.signo = static_cast<std::int32_t>(signal);
    info.error = cause.si_errno;
    info.code = cause.code;
    const bool is_fault = cause.trap != 0 || cause.address != 0;
    info.pid_or_address = is_fault ? cause.address : static_cast<std::uint32_t>(cause.pid);
    info.uid = cause.uid;
    info.status = cause.status;
    return info;
}

/// One occurrence of a pending signal that must not be lost in others of its number: a real-time
/// signal, or one of a timer. Whoever sends it brings it along; whoever takes it out of the queue
/// disposes of it.
struct QueuedSignal {
    SignalCause cause;
    SignalSource* source = nullptr;  ///< which waits for the delivery; null: nobody does
    std::uint32_t signal = 0;
    bool of_source = false;  ///< constant: a source had it made
    bool is_queued = false;  ///< one of a source: also from being taken until it is settled
    QueuedSignal* next = nullptr;
    Share room;  ///< in what the receiver's user may have queued
};

/// First in, first out for each number. Cost: O(1) to append, O(queued) to take; the sender's
/// RLIMIT_SIGPENDING bounds it. Concurrency: callers serialise.
class SignalQueue {
public:
    constexpr SignalQueue() noexcept = default;
    SignalQueue(const SignalQueue&) = delete;
    SignalQueue& operator=(const SignalQueue&) = delete;

    [[nodiscard]] bool is_empty() const noexcept { return first_ == nullptr; }

    void append(QueuedSignal& q) noexcept {
        q.next = nullptr;
        q.is_queued = true;
        *end_ = &q;
        end_ = &q.next;
    }
    /// The oldest whose number is in `set`; null if there is none.
    [[nodiscard]] QueuedSignal* take(SignalSet set) noexcept {
        for (QueuedSignal** at = &first_; *at != nullptr; at = &(*at)->next) {
            if (set.contains((*at)->signal)) {
                QueuedSignal* const found = *at;
                *at = found->next;
                if (end_ == &found->next) {
                    end_ = at;
                }
                found->next = nullptr;
                found->is_queued = found->of_source;
                return found;
            }
        }
        return nullptr;
    }
    [[nodiscard]] bool contains(std::uint32_t signal) const noexcept {
        const QueuedSignal* at = first_;
        while (at != nullptr && at->signal != signal) {
            at = at->next;
        }
        return at != nullptr;
    }

private:
    QueuedSignal* first_ = nullptr;
    QueuedSignal** end_ = &first_;
};

}  // namespace kidney::proc

/// Signals that wait to be taken: by any thread of a process, or by one of them.
#pragma once

#include "proc/signal/signal_queue.hpp"
#include "proc/signal/signal_set.hpp"

#include <array>
#include <cstdint>

namespace kidney::proc {

/// Concurrency: callers serialise. Cost: O(1), and O(queued) where a queued signal is taken.
class PendingSignals {
public:
    [[nodiscard]] SignalSet set() const noexcept { return set_; }

    /// A standard signal that is pending already is not queued twice; what comes with a `queued`
    /// of its own always is. A real-time signal without one is lost among those that have one;
    /// alone it is pending once, without its cause.
    void insert(std::uint32_t signal, const SignalCause& cause, QueuedSignal* queued) noexcept {
        if (queued != nullptr) {
            queued->signal = signal;
            queued->cause = cause;
            queue_.append(*queued);
            set_.insert(signal);
            single_ = single_.without(SignalSet::of(signal) & real_time);
        } else if (!single_.contains(signal) && !(set_ & real_time).contains(signal)) {
            set_.insert(signal);
            single_.insert(signal);
            forced_.erase(signal);
            remember(signal, cause);
        }
    }
    /// A fault of the program itself, which counts whatever else is pending.
    void insert_forced(std::uint32_t signal, const SignalCause& cause) noexcept {
        set_.insert(signal);
        single_.insert(signal);
        forced_.insert(signal);
        remember(signal, cause);
    }
    [[nodiscard]] bool is_forced(std::uint32_t signal) const noexcept {
        return forced_.contains(signal);
    }

    /// Takes one occurrence of a pending signal out.
    [[nodiscard]] QueuedSignal* take(std::uint32_t signal, SignalCause& cause) noexcept {
        QueuedSignal* queued = nullptr;
        forced_.erase(signal);
        if (single_.contains(signal)) {
            single_.erase(signal);
            cause = signal <= standard_signals ? causes_[signal - 1].cause
                                               : SignalCause{.code = abi::si_user};
        } else {
            queued = queue_.take(SignalSet::of(signal));
            cause = queued->cause;
        }
        if (queue_.is_empty() || !queue_.contains(signal)) {
            set_.erase(signal);
        }
        return queued;
    }
    /// Nothing of `gone` is pending any more. What was queued goes to `discarded`.
    void discard(SignalSet gone, SignalQueue& discarded) noexcept {
        if ((set_ & gone).is_empty()) [[likely]] {
            return;
        }
        set_ = set_.without(gone);
        single_ = single_.without(gone);
        forced_ = forced_.without(gone);
        while (QueuedSignal* const q = queue_.take(gone)) {
            discarded.append(*q);
        }
    }

private:
    static constexpr std::uint32_t standard_signals = 31;
    static constexpr SignalSet real_time{~std::uint64_t{0} << standard_signals};

    void remember(std::uint32_t signal, const SignalCause& cause) noexcept {
        if (signal <= standard_signals) {
            causes_[signal - 1].cause = cause;
        }
    }

    /// WHY a union: a thread is made often, and nobody looks at most causes of most threads.
    union Remembered {
        Remembered() noexcept {}
        SignalCause cause;
    };
    std::array<Remembered, standard_signals> causes_;  // valid where single_ says so
    SignalSet set_;                                    ///< single_, and the numbers in queue_
    SignalSet single_;                                 ///< pending once, however often it was sent
    SignalSet forced_;  ///< pending by the program's own fault: even the first process ends
    SignalQueue queue_;
};

}  // namespace kidney::proc

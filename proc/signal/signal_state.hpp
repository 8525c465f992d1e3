/// What one process knows about its signals: actions, what is pending for it as a whole, and the
/// rules by which its threads share them.
///
/// Pure logic, no locks: the process table's lock protects it in the kernel, tests call it
/// directly. A `Thread` is whatever has `signals` (thread_signals.hpp); the threads of a process
/// come as a range, the one that stands for it first. "Deliver" means: choose_next() takes one
/// pending signal out and says what has to happen; proc/signal/delivery.hpp does it on the way back
/// to user mode.
#pragma once

#include "kidney/abi/signal.hpp"
#include "kidney/core/result.hpp"
#include "proc/signal/pending_signals.hpp"
#include "proc/signal/signal_set.hpp"
#include "proc/signal/thread_signals.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace kidney::proc {

/// What sigaction(2) sets.
struct Disposition {
    std::uint32_t handler = abi::handler_default;
    std::uint32_t flags = 0;
    std::uint32_t restorer = 0;
    SignalSet mask{};

    [[nodiscard]] constexpr bool is_default() const noexcept {
        return handler == abi::handler_default;
    }
    [[nodiscard]] constexpr bool is_ignored() const noexcept {
        return handler == abi::handler_ignore;
    }
    /// Blocked while the handler of `signal` runs.
    [[nodiscard]] constexpr SignalSet blocks(std::uint32_t signal) const noexcept {
        return (flags & abi::sa_nodefer) == 0 ? mask | SignalSet::of(signal) : mask;
    }
};

/// What has to happen to the thread, or to the process, now.
struct Delivery {
    enum class Kind : std::uint8_t { handler, terminate, core, stop };
    Kind kind = Kind::terminate;
    std::uint32_t signal = 0;
    SignalCause cause;
    Disposition disposition;         ///< of a handler, as it was before SA_RESETHAND
    QueuedSignal* queued = nullptr;  ///< the receiver's now; null if it was not a queued one
};

/// What the sender of a signal must do next.
enum class PostResult : std::uint8_t {
    discarded,  ///< ignored: nothing changed
    pending,    ///< blocked: it waits
    wake,       ///< somebody has something to do: wake it if it sleeps interruptibly
};

class SignalState {
public:
    static constexpr SignalSet unblockable = ThreadSignals::unblockable;
    static constexpr SignalSet stops =
        SignalSet::of_all(abi::sig_stop, abi::sig_tstp, abi::sig_ttin, abi::sig_ttou);

    template <class Thread>
    struct Posted {
        PostResult result = PostResult::discarded;
        Thread* receiver = nullptr;  ///< whom to wake
    };

    /// Makes a signal pending for the process: the first thread that accepts it is the receiver,
    /// though any may take it. Stop signals and SIGCONT cancel each other, whatever their
    /// disposition. What comes with a `queued` is the process's unless it is discarded.
    template <class Threads, class Thread = typename Threads::value_type>
    Posted<Thread> post(Threads& threads, std::uint32_t signal, const SignalCause& cause,
                        QueuedSignal* queued = nullptr) noexcept {
        discard(threads, opposites_of(signal));
        Thread* receiver = nullptr;
        bool keeps = false;
        for (Thread& t : threads) {
            keeps = keeps || t.signals.keeps(signal);
            if (receiver == nullptr && t.signals.accepts(signal)) {
                receiver = &t;
            }
        }
        return insert(shared_, receiver, keeps, signal, cause, queued);
    }
    /// The same for one of them (tgkill).
    template <class Threads, class Thread = typename Threads::value_type>
    Posted<Thread> post_to(Thread& one, Threads& threads, std::uint32_t signal,
                           const SignalCause& cause, QueuedSignal* queued = nullptr) noexcept {
        discard(threads, opposites_of(signal));
        return insert(one.signals.pending, one.signals.accepts(signal) ? &one : nullptr,
                      one.signals.keeps(signal), signal, cause, queued);
    }

    /// A fault of the program itself: cannot be blocked or ignored, not even by the first process.
    /// If it is, the default action is restored first, so that the program ends instead of faulting
    /// for ever.
    void force(ThreadSignals& self, std::uint32_t signal, const SignalCause& cause) noexcept {
        Disposition& d = dispositions_[signal - 1];
        if (self.blocked().contains(signal) || d.is_ignored()) {
            d = Disposition{};
            self.set_blocked(self.blocked().without(SignalSet::of(signal)));
        }
        self.pending.insert_forced(signal, cause);
    }

    /// `signal` goes to others besides this process, to its group say. A child that it is making at
    /// this moment is one of them, and hears of it from copy_for_fork().
    void hand_on(std::uint32_t signal) noexcept {
        handed_on_ = handed_on_.without(opposites_of(signal));
        handed_on_.insert(signal);
    }
    /// What came before this moment is not for the next child.
    void begin_fork() noexcept { handed_on_ = {}; }

    /// What a thread may take, blocked or not.
    [[nodiscard]] SignalSet pending(const ThreadSignals& self) const noexcept {
        return self.pending.set() | shared_.set();
    }
    [[nodiscard]] SignalSet shared_pending() const noexcept { return shared_.set(); }
    /// True if choose_next() has something. Cheap: asked on every return to user mode.
    [[nodiscard]] bool has_deliverable(const ThreadSignals& self) const noexcept {
        return !pending(self).without(self.blocked()).is_empty();
    }

    /// A deliverable signal that ends the process without a core: whatever else waits, a process
    /// that cannot run a handler now may as well end. 0: there is none.
    [[nodiscard]] std::uint32_t fatal(const ThreadSignals& self) const noexcept {
        SignalSet open = pending(self).without(self.blocked());
        if (open.contains(abi::sig_kill)) {
            return abi::sig_kill;
        }
        for (; !open.is_empty(); open.erase(open.lowest())) {
            const std::uint32_t signal = open.lowest();
            if (dispositions_[signal - 1].is_default() && !is_ignored(signal) &&
                default_action(signal) == DefaultAction::terminate) {
                return signal;
            }
        }
        return 0;
    }

    /// Takes the next signal that `self` may deliver out; nullopt if none is left. Faults and
    /// SIGKILL first, then what was sent to this thread, then the lowest number. Applies
    /// SA_RESETHAND. Does not change the blocked set: the caller does that with enter_handler()
    /// once the frame stands on the user's stack.
    [[nodiscard]] std::optional<Delivery> choose_next(ThreadSignals& self) noexcept {
        while (has_deliverable(self)) {
            const std::uint32_t signal = most_urgent(self);
            PendingSignals& from = self.pending.set().contains(signal) ? self.pending : shared_;
            const bool is_forced = from.is_forced(signal);
            Disposition& d = dispositions_[signal - 1];
            const DefaultAction action = default_action(signal);
            // Continuing happened when the signal was sent.
            const bool is_done = d.is_default() && action == DefaultAction::resume;
            if (!is_forced && (is_done || is_ignored(signal))) {
                from.discard(SignalSet::of(signal), discarded_);
                continue;
            }
            Delivery delivery;
            delivery.signal = signal;
            delivery.disposition = d;
            delivery.queued = from.take(signal, delivery.cause);
            delivery.kind = Delivery::Kind::handler;
            if (!d.is_default()) {
                if ((d.flags & abi::sa_resethand) != 0) {
                    d.handler = abi::handler_default;
                }
                return delivery;
            }
            delivery.kind = action == DefaultAction::stop   ? Delivery::Kind::stop
                            : action == DefaultAction::core ? Delivery::Kind::core
                                                            : Delivery::Kind::terminate;
            return delivery;
        }
        return std::nullopt;
    }

    /// Takes a pending signal of `set` without delivering it.
    struct Taken {
        std::uint32_t signal = 0;
        SignalCause cause;
        QueuedSignal* queued = nullptr;  ///< as in a Delivery
    };
    [[nodiscard]] std::optional<Taken> take(ThreadSignals& self, SignalSet set) noexcept {
        const SignalSet own = self.pending.set() & set;
        PendingSignals& from = own.is_empty() ? shared_ : self.pending;
        const SignalSet found = from.set() & set;
        if (found.is_empty()) {
            return std::nullopt;
        }
        Taken taken;
        taken.signal = found.lowest();
        taken.queued = from.take(taken.signal, taken.cause);
        return taken;
    }

    /// Queued signals that were discarded, for the process to dispose of; null: none.
    [[nodiscard]] QueuedSignal* take_discarded() noexcept { return discarded_.take(every_signal); }
    [[nodiscard]] bool has_discarded() const noexcept { return !discarded_.is_empty(); }
    /// Nothing is pending any more: the process has ended.
    template <class Threads>
    void discard_all(Threads& threads) noexcept {
        discard(threads, every_signal);
    }
    /// Nor for a thread that ends.
    void discard_all_of(ThreadSignals& leaving) noexcept {
        leaving.pending.discard(every_signal, discarded_);
    }

    [[nodiscard]] const Disposition& disposition(std::uint32_t signal) const noexcept {
        return dispositions_[signal - 1];
    }
    /// Error invalid_argument: SIGKILL and SIGSTOP keep their default. Ignoring a signal discards a
    /// pending one. Flags that mean nothing are forgotten: a program can ask which are known.
    template <class Threads>
    Status set_disposition(Threads& threads, std::uint32_t signal, const Disposition& d) noexcept {
        if (signal == abi::sig_kill || signal == abi::sig_stop) {
            return fail(Errc::invalid_argument);
        }
        dispositions_[signal - 1] = {.handler = d.handler,
                                     .flags = d.flags & abi::sa_known,
                                     .restorer = d.restorer,
                                     .mask = d.mask.without(unblockable)};
        if (is_ignored(signal)) [[unlikely]] {
            discard(threads, SignalSet::of(signal));
        }
        return {};
    }

    [[nodiscard]] bool is_ignored(std::uint32_t signal) const noexcept {
        const Disposition& d = dispositions_[signal - 1];
        if (d.is_ignored()) {
            return true;
        }
        if (!d.is_default()) {
            return false;
        }
        // Nobody can end the first process by a signal that it does not expect.
        return default_action(signal) == DefaultAction::ignore || is_init_;
    }

    /// A forked child has the parent's actions, and nothing pending but what was handed on since
    /// begin_fork().
    template <class Threads>
    void copy_for_fork(const SignalState& parent, Threads& threads) noexcept {
        dispositions_ = parent.dispositions_;
        for (SignalSet left = parent.handed_on_; !left.is_empty(); left.erase(left.lowest())) {
            post(threads, left.lowest(), {.code = abi::si_user});
        }
    }
    /// exec: handlers become default (their code is gone), ignored ones stay ignored.
    void reset_for_exec() noexcept {
        for (Disposition& d : dispositions_) {
            d = Disposition{.handler = d.is_ignored() ? abi::handler_ignore : abi::handler_default};
        }
    }
    void become_init() noexcept { is_init_ = true; }

private:
    static constexpr SignalSet every_signal{~std::uint64_t{0}};

    [[nodiscard]] static constexpr SignalSet opposites_of(std::uint32_t signal) noexcept {
        return signal == abi::sig_cont  ? stops
               : stops.contains(signal) ? SignalSet::of(abi::sig_cont)
                                        : SignalSet();
    }
    template <class Thread>
    Posted<Thread> insert(PendingSignals& to, Thread* receiver, bool keeps, std::uint32_t signal,
                          const SignalCause& cause, QueuedSignal* queued) noexcept {
        if (!keeps && is_ignored(signal)) {
            return {};
        }
        to.insert(signal, cause, queued);
        return {receiver == nullptr ? PostResult::pending : PostResult::wake, receiver};
    }
    template <class Threads>
    void discard(Threads& threads, SignalSet gone) noexcept {
        if (gone.is_empty()) {
            return;
        }
        shared_.discard(gone, discarded_);
        for (auto& t : threads) {
            t.signals.pending.discard(gone, discarded_);
        }
    }
    [[nodiscard]] std::uint32_t most_urgent(const ThreadSignals& self) const noexcept {
        constexpr SignalSet urgent =
            SignalSet::of_all(abi::sig_kill, abi::sig_segv, abi::sig_bus, abi::sig_fpe,
                              abi::sig_ill, abi::sig_trap, abi::sig_sys);
        const SignalSet open = pending(self).without(self.blocked());
        if (open.contains(abi::sig_kill)) {
            return abi::sig_kill;
        }
        if (const SignalSet first = open & urgent; !first.is_empty()) {
            return first.lowest();
        }
        const SignalSet own = open & self.pending.set();
        return (own.is_empty() ? open : own).lowest();
    }

    std::array<Disposition, abi::signal_count> dispositions_{};
    PendingSignals shared_;  ///< any thread may take these
    SignalQueue discarded_;
    SignalSet handed_on_;
    bool is_init_ = false;
};

}  // namespace kidney::proc

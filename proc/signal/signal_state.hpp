/// What one process knows about its signals: dispositions, blocked set, pending set, and the rules.
///
/// Pure logic, no locks and no threads: the process table's lock protects it in the kernel, tests
/// call it directly. "Deliver" means: choose_next() takes one pending signal out and says what has
/// to happen; proc/signal/delivery.hpp does it on the way back to user mode.
#pragma once

#include "kidney/abi/signal.hpp"
#include "kidney/core/result.hpp"
#include "proc/signal/signal_queue.hpp"
#include "proc/signal/signal_set.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

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
};

/// What has to happen to the process now.
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
    wake,       ///< the target has something to do: wake it if it sleeps interruptibly
};

class SignalState {
public:
    static constexpr SignalSet unblockable = SignalSet::of_all(abi::sig_kill, abi::sig_stop);
    static constexpr SignalSet stops =
        SignalSet::of_all(abi::sig_stop, abi::sig_tstp, abi::sig_ttin, abi::sig_ttou);

    /// Makes a signal pending. A standard signal that is pending already is not queued twice; what
    /// comes with a `queued` of its own always is, unless it is discarded. A real-time signal
    /// without one is lost among those that have one; alone it is pending once, without its cause.
    /// Stop signals and SIGCONT cancel each other, whatever their disposition.
    PostResult post(std::uint32_t signal, const SignalCause& cause,
                    QueuedSignal* queued = nullptr) noexcept {
        cancel_opposites(signal);
        const bool is_awaited = awaited_.contains(signal);
        const bool is_blocked = blocked_.contains(signal);
        // A blocked signal is kept even if it is ignored now: the action may change before it is
        // unblocked. (sigsuspend relies on that.)
        if (!is_blocked && !is_awaited && is_ignored(signal)) {
            return PostResult::discarded;
        }
        if (queued != nullptr) {
            queued->signal = signal;
            queued->cause = cause;
            queue_.append(*queued);
            pending_.insert(signal);
            single_ = single_.without(SignalSet::of(signal) & real_time);
        } else if (!single_.contains(signal) && !(pending_ & real_time).contains(signal)) {
            pending_.insert(signal);
            single_.insert(signal);
            forced_.erase(signal);
            remember(signal, cause);
        }
        return is_blocked && !is_awaited ? PostResult::pending : PostResult::wake;
    }

    /// `signal` goes to others besides this process, to its group say. A child that it is making at
    /// this moment is one of them, and hears of it from copy_for_fork().
    void hand_on(std::uint32_t signal) noexcept {
        handed_on_ = handed_on_.without(opposites_of(signal));
        handed_on_.insert(signal);
    }
    /// What came before this moment is not for the next child.
    void begin_fork() noexcept { handed_on_ = {}; }

    /// A fault of the program itself: cannot be blocked or ignored, not even by the first process.
    /// If it is, the default action is restored first, so that the program ends instead of faulting
    /// for ever.
    void force(std::uint32_t signal, const SignalCause& cause) noexcept {
        Disposition& d = dispositions_[signal - 1];
        if (blocked_.contains(signal) || d.is_ignored()) {
            d = Disposition{};
            blocked_.erase(signal);
        }
        pending_.insert(signal);
        single_.insert(signal);
        forced_.insert(signal);
        remember(signal, cause);
    }

    /// True if choose_next() has something. Cheap: asked on every return to user mode.
    [[nodiscard]] bool has_deliverable() const noexcept {
        return !pending_.without(blocked_).is_empty();
    }

    /// A deliverable signal that ends the process without a core: whatever else waits, a process
    /// that cannot run a handler now may as well end. 0: there is none.
    [[nodiscard]] std::uint32_t fatal() const noexcept {
        SignalSet open = pending_.without(blocked_);
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

    /// Takes the next deliverable signal out; nullopt if none is left. Faults and SIGKILL first,
    /// then the lowest number. Applies SA_RESETHAND. Does not change the blocked set: the caller
    /// does that with enter_handler() once the frame stands on the user's stack.
    [[nodiscard]] std::optional<Delivery> choose_next() noexcept {
        constexpr SignalSet urgent =
            SignalSet::of_all(abi::sig_kill, abi::sig_segv, abi::sig_bus, abi::sig_fpe,
                              abi::sig_ill, abi::sig_trap, abi::sig_sys);
        while (has_deliverable()) {
            const SignalSet open = pending_.without(blocked_);
            const SignalSet first = open & urgent;
            const std::uint32_t signal = first.is_empty() ? open.lowest() : pick_urgent(first);
            const bool is_forced = forced_.contains(signal);
            forced_.erase(signal);
            Disposition& d = dispositions_[signal - 1];
            const DefaultAction action = default_action(signal);
            // Continuing happened when the signal was sent.
            const bool is_done = d.is_default() && action == DefaultAction::resume;
            if (!is_forced && (is_done || is_ignored(signal))) {
                discard(SignalSet::of(signal));
                continue;
            }
            Delivery delivery;
            delivery.signal = signal;
            delivery.disposition = d;
            delivery.queued = take_one(signal, delivery.cause);
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

    /// sigtimedwait: until the next call, signals of `set` wake their target even if they are
    /// blocked, and are kept even if they are ignored: somebody waits to take() them.
    void await(SignalSet set) noexcept { awaited_ = set; }
    /// Takes a pending signal of `set` without delivering it.
    struct Taken {
        std::uint32_t signal = 0;
        SignalCause cause;
        QueuedSignal* queued = nullptr;  ///< as in a Delivery
    };
    [[nodiscard]] std::optional<Taken> take(SignalSet set) noexcept {
        const SignalSet found = pending_ & set;
        if (found.is_empty()) {
            return std::nullopt;
        }
        Taken taken;
        taken.signal = found.lowest();
        taken.queued = take_one(taken.signal, taken.cause);
        return taken;
    }

    /// Queued signals that were discarded, for the owner to dispose of; null: none.
    [[nodiscard]] QueuedSignal* take_discarded() noexcept {
        return discarded_.take(SignalSet(~std::uint64_t{0}));
    }
    [[nodiscard]] bool has_discarded() const noexcept { return !discarded_.is_empty(); }
    /// Nothing is pending any more: the process has ended.
    void discard_all() noexcept { discard(SignalSet(~std::uint64_t{0})); }

    /// The blocked set while a handler runs.
    void enter_handler(const Delivery& d) noexcept {
        SignalSet next = blocked_ | d.disposition.mask;
        if ((d.disposition.flags & abi::sa_nodefer) == 0) {
            next.insert(d.signal);
        }
        set_blocked(next);
        suspended_mask_.reset();
    }

    [[nodiscard]] SignalSet blocked() const noexcept { return blocked_; }
    void set_blocked(SignalSet s) noexcept { blocked_ = s.without(unblockable); }
    [[nodiscard]] SignalSet pending() const noexcept { return pending_; }

    /// sigsuspend: `mask` counts until a handler has run; then the old one comes back.
    void suspend(SignalSet mask) noexcept {
        suspended_mask_ = blocked_;
        set_blocked(mask);
    }
    /// The mask that sigreturn shall restore: the one from before sigsuspend if there was one.
    [[nodiscard]] SignalSet mask_to_restore() const noexcept {
        return suspended_mask_.value_or(blocked_);
    }
    /// No handler ran: put the mask back at once.
    void end_suspend() noexcept {
        if (suspended_mask_) {
            blocked_ = *suspended_mask_;
            suspended_mask_.reset();
        }
    }

    [[nodiscard]] const Disposition& disposition(std::uint32_t signal) const noexcept {
        return dispositions_[signal - 1];
    }
    /// Error invalid_argument: SIGKILL and SIGSTOP keep their default. Ignoring a signal discards a
    /// pending one. Flags that mean nothing are forgotten: a program can ask which are known.
    Status set_disposition(std::uint32_t signal, const Disposition& d) noexcept {
        if (signal == abi::sig_kill || signal == abi::sig_stop) {
            return fail(Errc::invalid_argument);
        }
        dispositions_[signal - 1] = {.handler = d.handler,
                                     .flags = d.flags & abi::sa_known,
                                     .restorer = d.restorer,
                                     .mask = d.mask.without(unblockable)};
        if (is_ignored(signal)) [[unlikely]] {
            discard(SignalSet::of(signal));
        }
        return {};
    }

    /// sigaltstack(2) of a program whose stack pointer is `sp`. Errors: not_permitted (it is on
    /// that stack), invalid_argument (flags), no_memory (too small).
    Status set_alternate_stack(const abi::SigAltStack& wanted, std::uint32_t sp) noexcept {
        constexpr std::uint32_t smallest = 2048;  // MINSIGSTKSZ
        const std::uint32_t mode = wanted.flags & ~abi::ss_autodisarm;
        if (is_on_alternate_stack(sp)) {
            return fail(Errc::not_permitted);
        }
        if (mode != abi::ss_disable && mode != abi::ss_onstack && mode != 0) {
            return fail(Errc::invalid_argument);
        }
        if (mode == abi::ss_disable) {
            alternate_stack = {0, wanted.flags, 0};
        } else if (wanted.size < smallest) {
            return fail(Errc::no_memory);
        } else {
            alternate_stack = wanted;
        }
        return {};
    }
    /// A stack that disarms itself is never "in use": the handler may set another one.
    [[nodiscard]] bool is_on_alternate_stack(std::uint32_t sp) const noexcept {
        const std::uint32_t depth = sp - alternate_stack.pointer;
        return (alternate_stack.flags & abi::ss_autodisarm) == 0 && depth != 0 &&
               depth <= alternate_stack.size;
    }
    /// As sigaltstack(2) reports it.
    [[nodiscard]] abi::SigAltStack alternate_stack_at(std::uint32_t sp) const noexcept {
        abi::SigAltStack s = alternate_stack;
        s.flags = (s.flags & abi::ss_autodisarm) | (s.size == 0                 ? abi::ss_disable
                                                    : is_on_alternate_stack(sp) ? abi::ss_onstack
                                                                                : 0);
        return s;
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

    /// A forked child has the parent's actions and mask, and nothing pending but what was handed on
    /// since begin_fork().
    void copy_for_fork(const SignalState& parent) noexcept {
        dispositions_ = parent.dispositions_;
        blocked_ = parent.mask_to_restore();
        alternate_stack = parent.alternate_stack;
        for (SignalSet left = parent.handed_on_; !left.is_empty(); left.erase(left.lowest())) {
            post(left.lowest(), {.code = abi::si_user});
        }
    }
    /// exec: handlers become default (their code is gone), ignored ones stay ignored.
    void reset_for_exec() noexcept {
        for (Disposition& d : dispositions_) {
            d = Disposition{.handler = d.is_ignored() ? abi::handler_ignore : abi::handler_default};
        }
        alternate_stack = {0, abi::ss_disable, 0};
    }
    void become_init() noexcept { is_init_ = true; }

    abi::SigAltStack alternate_stack{0, abi::ss_disable, 0};

private:
    [[nodiscard]] static constexpr SignalSet opposites_of(std::uint32_t signal) noexcept {
        return signal == abi::sig_cont  ? stops
               : stops.contains(signal) ? SignalSet::of(abi::sig_cont)
                                        : SignalSet();
    }
    void cancel_opposites(std::uint32_t signal) noexcept {
        const SignalSet gone = opposites_of(signal) & pending_;
        if (!gone.is_empty()) {
            discard(gone);
        }
    }
    /// `set` is not pending any more.
    [[gnu::noinline]] void discard(SignalSet set) noexcept {
        pending_ = pending_.without(set);
        single_ = single_.without(set);
        while (QueuedSignal* const q = queue_.take(set)) {
            discarded_.append(*q);
        }
    }
    void remember(std::uint32_t signal, const SignalCause& cause) noexcept {
        if (signal <= standard_signals) {
            causes_[signal - 1] = cause;
        }
    }
    /// Takes one occurrence of a pending signal out.
    [[nodiscard]] QueuedSignal* take_one(std::uint32_t signal, SignalCause& cause) noexcept {
        QueuedSignal* queued = nullptr;
        if (single_.contains(signal)) {
            single_.erase(signal);
            cause = signal <= standard_signals ? causes_[signal - 1]
                                               : SignalCause{.code = abi::si_user};
        } else {
            queued = queue_.take(SignalSet::of(signal));
            cause = queued->cause;
        }
        if (queue_.is_empty() || !queue_.contains(signal)) {
            pending_.erase(signal);
        }
        return queued;
    }
    [[nodiscard]] static std::uint32_t pick_urgent(SignalSet set) noexcept {
        return set.contains(abi::sig_kill) ? std::uint32_t{abi::sig_kill} : set.lowest();
    }

    std::array<Disposition, abi::signal_count> dispositions_{};
    static constexpr std::uint32_t standard_signals = 31;
    static constexpr SignalSet real_time{~std::uint64_t{0} << standard_signals};
    std::array<SignalCause, standard_signals> causes_;  // valid where single_ says so
    SignalSet blocked_;
    SignalSet pending_;  ///< single_, and the numbers in queue_
    SignalSet single_;   ///< pending once, however often it was sent
    SignalQueue queue_;
    SignalQueue discarded_;
    SignalSet handed_on_;
    SignalSet awaited_;
    SignalSet forced_;  ///< pending by the program's own fault: even the first process ends
    std::optional<SignalSet> suspended_mask_;
    bool is_init_ = false;
};

}  // namespace kidney::proc

/// What one process knows about its signals: dispositions, blocked set, pending set, and the rules.
///
/// Pure logic, no locks and no threads: the process table's lock protects it in the kernel, tests
/// call it directly. "Deliver" means: choose_next() takes one pending signal out and says what has
/// to happen; kernel/signal/delivery.cpp does it on the way back to user mode.
#pragma once

#include "kidney/abi/signal.hpp"
#include "kidney/core/result.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

namespace kidney::kernel {

/// A set of signals 1..64, in the layout that programs pass: bit n-1 stands for signal n.
class SignalSet {
public:
    constexpr SignalSet() noexcept = default;
    explicit constexpr SignalSet(std::uint64_t bits) noexcept : bits_(bits) {}
    [[nodiscard]] static constexpr SignalSet of(std::uint32_t signal) noexcept {
        return SignalSet(std::uint64_t{1} << (signal - 1));
    }
    template <class... Signals>
    [[nodiscard]] static constexpr SignalSet of_all(Signals... signals) noexcept {
        return SignalSet((of(signals).bits() | ...));
    }
    [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }
    [[nodiscard]] constexpr bool contains(std::uint32_t s) const noexcept {
        return (bits_ >> (s - 1) & 1U) != 0;
    }
    constexpr void insert(std::uint32_t s) noexcept { bits_ |= of(s).bits_; }
    constexpr void erase(std::uint32_t s) noexcept { bits_ &= ~of(s).bits_; }
    [[nodiscard]] constexpr bool is_empty() const noexcept { return bits_ == 0; }
    [[nodiscard]] constexpr std::uint32_t lowest() const noexcept {
        return static_cast<std::uint32_t>(std::countr_zero(bits_)) + 1;
    }
    friend constexpr SignalSet operator|(SignalSet a, SignalSet b) noexcept {
        return SignalSet(a.bits_ | b.bits_);
    }
    friend constexpr SignalSet operator&(SignalSet a, SignalSet b) noexcept {
        return SignalSet(a.bits_ & b.bits_);
    }
    [[nodiscard]] constexpr SignalSet without(SignalSet b) const noexcept {
        return SignalSet(bits_ & ~b.bits_);
    }
    friend constexpr bool operator==(SignalSet, SignalSet) noexcept = default;

private:
    std::uint64_t bits_ = 0;
};

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

/// Why a signal was sent; becomes siginfo_t.
struct SignalCause {
    std::int32_t code = abi::si_kernel;
    std::int32_t pid = 0;
    std::uint32_t uid = 0;
    std::int32_t status = 0;    ///< SIGCHLD
    std::uint32_t address = 0;  ///< faults
    std::uint32_t trap = 0;     ///< faults: exception number, for the signal frame
    std::uint32_t error = 0;    ///< faults: error code, for the signal frame
};

enum class DefaultAction : std::uint8_t { terminate, core, ignore, stop, resume };

[[nodiscard]] constexpr DefaultAction default_action(std::uint32_t signal) noexcept {
    using namespace abi;
    constexpr SignalSet core = SignalSet::of_all(sig_quit, sig_ill, sig_trap, sig_abrt, sig_bus,
                                                 sig_fpe, sig_segv, sig_xcpu, sig_xfsz, sig_sys);
    constexpr SignalSet ignore = SignalSet::of_all(sig_chld, sig_urg, sig_winch);
    constexpr SignalSet stop = SignalSet::of_all(sig_stop, sig_tstp, sig_ttin, sig_ttou);
    if (core.contains(signal)) {
        return DefaultAction::core;
    }
    if (ignore.contains(signal)) {
        return DefaultAction::ignore;
    }
    if (stop.contains(signal)) {
        return DefaultAction::stop;
    }
    return signal == sig_cont ? DefaultAction::resume : DefaultAction::terminate;
}

/// What has to happen to the process now.
struct Delivery {
    enum class Kind : std::uint8_t { handler, terminate, core, stop };
    Kind kind = Kind::terminate;
    std::uint32_t signal = 0;
    SignalCause cause;
    Disposition disposition;  ///< of a handler, as it was before SA_RESETHAND
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

    /// Makes a signal pending. A standard signal that is pending already is not queued twice.
    /// Stop signals and SIGCONT cancel each other, whatever their disposition.
    PostResult post(std::uint32_t signal, const SignalCause& cause) noexcept {
        cancel_opposites(pending_, signal);
        const bool is_awaited = awaited_.contains(signal);
        const bool is_blocked = blocked_.contains(signal);
        // A blocked signal is kept even if it is ignored now: the action may change before it is
        // unblocked. (sigsuspend relies on that.)
        if (!is_blocked && !is_awaited && is_ignored(signal)) {
            return PostResult::discarded;
        }
        if (!pending_.contains(signal)) {
            pending_.insert(signal);
            forced_.erase(signal);
            causes_[signal - 1] = cause;
        }
        return is_blocked && !is_awaited ? PostResult::pending : PostResult::wake;
    }

    /// `signal` goes to others besides this process, to its group say. A child that it is making at
    /// this moment is one of them, and hears of it from copy_for_fork().
    void hand_on(std::uint32_t signal) noexcept {
        cancel_opposites(handed_on_, signal);
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
        forced_.insert(signal);
        causes_[signal - 1] = cause;
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
            pending_.erase(signal);
            const bool is_forced = forced_.contains(signal);
            forced_.erase(signal);
            if (!is_forced && is_ignored(signal)) {
                continue;
            }
            Disposition& d = dispositions_[signal - 1];
            Delivery delivery{Delivery::Kind::handler, signal, causes_[signal - 1], d};
            if (!d.is_default()) {
                if ((d.flags & abi::sa_resethand) != 0) {
                    d.handler = abi::handler_default;
                }
                return delivery;
            }
            const DefaultAction action = default_action(signal);
            if (action == DefaultAction::resume) {
                continue;  // continuing happened when the signal was sent
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
    };
    [[nodiscard]] std::optional<Taken> take(SignalSet set) noexcept {
        const SignalSet found = pending_ & set;
        if (found.is_empty()) {
            return std::nullopt;
        }
        const std::uint32_t signal = found.lowest();
        pending_.erase(signal);
        return Taken{signal, causes_[signal - 1]};
    }

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
    /// pending one.
    Status set_disposition(std::uint32_t signal, const Disposition& d) noexcept {
        if (unblockable.contains(signal)) {
            return fail(Errc::invalid_argument);
        }
        dispositions_[signal - 1] = d;
        if (is_ignored(signal)) {
            pending_.erase(signal);
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
        alternate_stack = {};
    }
    void become_init() noexcept { is_init_ = true; }

    abi::SigAltStack alternate_stack{0, abi::ss_disable, 0};

private:
    static constexpr void cancel_opposites(SignalSet& set, std::uint32_t signal) noexcept {
        if (signal == abi::sig_cont) {
            set = set.without(stops);
        } else if (stops.contains(signal)) {
            set.erase(abi::sig_cont);
        }
    }
    [[nodiscard]] static std::uint32_t pick_urgent(SignalSet set) noexcept {
        return set.contains(abi::sig_kill) ? std::uint32_t{abi::sig_kill} : set.lowest();
    }

    std::array<Disposition, abi::signal_count> dispositions_{};
    std::array<SignalCause, abi::signal_count> causes_;  // valid where pending_ says so
    SignalSet blocked_;
    SignalSet pending_;
    SignalSet handed_on_;
    SignalSet awaited_;
    SignalSet forced_;  ///< pending by the program's own fault: even the first process ends
    std::optional<SignalSet> suspended_mask_;
    bool is_init_ = false;
};

}  // namespace kidney::kernel

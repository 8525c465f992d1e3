/// What one thread knows about its signals: what it blocks, what waits for it alone, and the stack
/// that its handlers run on.
#pragma once

#include "kidney/abi/signal.hpp"
#include "kidney/core/result.hpp"
#include "proc/signal/pending_signals.hpp"
#include "proc/signal/signal_set.hpp"

#include <cstdint>
#include <optional>

namespace kidney::proc {

/// Concurrency: as SignalState. Masks and the alternate stack are written by their thread only,
/// which reads them without a lock.
class ThreadSignals {
public:
    static constexpr SignalSet unblockable = SignalSet::of_all(abi::sig_kill, abi::sig_stop);

    /// Sent to this thread: its own faults, tgkill(2).
    PendingSignals pending;

    [[nodiscard]] SignalSet blocked() const noexcept { return blocked_; }
    void set_blocked(SignalSet s) noexcept { blocked_ = s.without(unblockable); }

    /// sigtimedwait: until the next call, signals of `set` wake their target even if they are
    /// blocked, and are kept even if they are ignored: somebody waits to take() them.
    void await(SignalSet set) noexcept { awaited_ = set; }
    [[nodiscard]] bool awaits(std::uint32_t signal) const noexcept {
        return awaited_.contains(signal);
    }
    /// It would do something about this one, now.
    [[nodiscard]] bool accepts(std::uint32_t signal) const noexcept {
        return !blocked_.contains(signal) || awaits(signal);
    }
    /// A blocked signal is kept even if it is ignored now: the action may change before it is
    /// unblocked. (sigsuspend relies on that.)
    [[nodiscard]] bool keeps(std::uint32_t signal) const noexcept {
        return blocked_.contains(signal) || awaits(signal);
    }

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
    /// While a handler runs, `more` is blocked too.
    void enter_handler(SignalSet more) noexcept {
        set_blocked(blocked_ | more);
        suspended_mask_.reset();
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
    void disable_alternate_stack() noexcept { alternate_stack = {0, abi::ss_disable, 0}; }
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

    /// A new thread has its maker's mask and nothing pending; the stack is the maker's alone,
    /// unless the thread has a memory of its own (fork).
    void copy_from(const ThreadSignals& maker, bool keeps_stack) noexcept {
        blocked_ = maker.mask_to_restore();
        if (keeps_stack) {
            alternate_stack = maker.alternate_stack;
        }
    }

    abi::SigAltStack alternate_stack{0, abi::ss_disable, 0};

private:
    SignalSet blocked_;
    SignalSet awaited_;
    std::optional<SignalSet> suspended_mask_;
};

}  // namespace kidney::proc

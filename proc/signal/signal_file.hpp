/// A file that pending signals are read from: signalfd(2).
#pragma once

#include "fs/event/anonymous_file.hpp"
#include "fs/poll_list.hpp"
#include "fs/procfs/text.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/poll.hpp"
#include "kidney/sched/waiting.hpp"
#include "proc/process_table.hpp"
#include "proc/signal/send.hpp"
#include "proc/signal/signal_listener.hpp"
#include "proc/signal/signal_set.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace kidney::proc {

/// Whoever reads it, or asks whether it is ready, does so for itself: its own signals and those of
/// its process. `PollLock` is a spin lock; `Format` writes a signal and its cause into a buffer.
/// Concurrency: any thread of a process.
template <class P, BasicLockable PollLock, class Format>
class SignalFile final
    : public fs::AnonymousFile<SignalFile<P, PollLock, Format>, typename P::World::Heap>,
      SignalListener {
    using W = typename P::World;
    using Base = fs::AnonymousFile<SignalFile<P, PollLock, Format>, typename W::Heap>;

public:
    static constexpr std::string_view name = "anon_inode:[signalfd]";

    SignalFile(SignalSet set, bool non_blocking) noexcept
        : Base(W::heap(), {.read = true, .write = true, .non_blocking = non_blocking}),
          set_(set.without(SignalState::unblockable)) {
        LockGuard guard(W::process_lock);
        W::processes().add_listener(*this);
    }
    /// From now on it is about other signals.
    void change(SignalSet set) noexcept EXCLUDES(W::process_lock) {
        LockGuard guard(W::process_lock);
        set_ = set.without(SignalState::unblockable);
        pollers_.notify();
    }

    /// As many signals as there are and as there is room for; waits for the first. Errors:
    /// invalid_argument (no room for one), would_block, interrupted, bad_address: the signal is
    /// taken all the same.
    [[nodiscard]] Result<std::size_t> read(fs::ReadBuffer& to) noexcept override {
        const std::size_t wanted = to.remaining();
        if (wanted < Format::size) {
            return fail(Errc::invalid_argument);
        }
        for (;;) {
            const Status status = take_all(to);
            const std::size_t done = (wanted - to.remaining()) / Format::size * Format::size;
            if (done != 0) {
                return done;
            }
            if (!status) {
                return fail(status.error());
            }
            if (this->is_non_blocking()) {
                return fail(Errc::would_block);
            }
            TRY(wait());
        }
    }
    [[nodiscard]] fs::Readiness poll(fs::PollWaiter* waiter) noexcept override
        EXCLUDES(W::process_lock) {
        pollers_.enter(waiter);
        auto& thread = W::Threads::current();
        LockGuard guard(W::process_lock);
        const SignalSet pending = thread.process->signals.pending(thread.signals);
        return {.readable = !(pending & set_).is_empty()};
    }
    [[nodiscard]] std::string_view label() const noexcept override { return name; }
    void describe(fs::TextOutput& out) noexcept override EXCLUDES(W::process_lock) {
        SignalSet set;
        {
            LockGuard guard(W::process_lock);
            set = set_;
        }
        format_to(out, "sigmask:\t{:016x}\n", set.bits());
    }
    void dispose() noexcept override {
        {
            LockGuard guard(W::process_lock);
            W::processes().remove_listener(*this);
        }
        Base::dispose();
    }

private:
    class Waiter final : public fs::PollWaiter {
    public:
        Waiter() noexcept : PollWaiter(entries_), thread_(W::Threads::current()) {}
        ~Waiter() { leave_all(); }
        void wake() noexcept override { W::Threads::wake(thread_, sched::WakeHint::none); }

    private:
        std::array<fs::PollEntry, 1> entries_;
        typename W::Thread& thread_;
    };

    void signal_came(std::uint32_t signal) noexcept override
        KIDNEY_NO_TSA("called with process_lock held")
    {
        if (set_.contains(signal)) {
            pollers_.notify({.readable = true});
        }
    }
    [[nodiscard]] Status take_all(fs::ReadBuffer& to) noexcept EXCLUDES(W::process_lock) {
        P& self = *W::Threads::current().process;
        while (to.remaining() >= Format::size) {
            std::optional<SignalState::Taken> taken;
            {
                LockGuard guard(W::process_lock);
                taken = self.signals.take(self.this_thread().signals, set_);
            }
            if (!taken) {
                break;
            }
            settle(self, taken->queued, taken->cause);
            TRY(Format::put(to, taken->signal, taken->cause));
        }
        return {};
    }
    /// Until there may be a signal. Error: interrupted.
    [[nodiscard]] Status wait() noexcept {
        Waiter waiter;
        if (poll(&waiter).readable) {
            return {};
        }
        if (W::Threads::current().process->is_interrupted()) {
            return fail(Errc::interrupted);
        }
        W::Threads::block();
        return {};
    }

    SignalSet set_;  ///< guarded by process_lock
    fs::PollList<PollLock> pollers_;
};

}  // namespace kidney::proc

/// Whose terminal it is: a session's, one of whose groups is in the foreground. POSIX, 11.1.3 and
/// 11.1.4.
#pragma once

#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"
#include "proc/life/job_control.hpp"
#include "proc/process.hpp"
#include "proc/process_table.hpp"
#include "proc/signal/send.hpp"

#include <cstdint>

namespace kidney::proc {

/// The part of a Terminal that is under the process lock. A process points to its terminal without
/// owning it: hang_up() comes before a terminal goes, and leaves nobody who points to it.
template <class W>
class ControllingTerminal {
    using P = typename W::Process;

public:
    ControllingTerminal(const ControllingTerminal&) = delete;
    ControllingTerminal& operator=(const ControllingTerminal&) = delete;

    [[nodiscard]] Pid foreground() const noexcept REQUIRES(W::process_lock) { return foreground_; }
    [[nodiscard]] Pid session() const noexcept REQUIRES(W::process_lock) { return session_; }
    /// tcsetpgrp(3). Errors: invalid_argument, not_a_terminal (of another session), not_permitted
    /// (the group is), no_process, and check_foreground()'s.
    [[nodiscard]] Status set_foreground(P& self, Pid group) noexcept EXCLUDES(W::process_lock) {
        if (group.value() < 0) {
            return fail(Errc::invalid_argument);
        }
        TRY(check_foreground(self, abi::sig_ttou));
        LockGuard guard(W::process_lock);
        if (self.terminal != own() || self.session != session_) {
            return fail(Errc::not_a_terminal);
        }
        if (!W::processes().group_exists(group, self.session)) {
            return fail(W::processes().is_in_use(group) ? Errc::not_permitted : Errc::no_process);
        }
        foreground_ = group;
        return {};
    }
    /// It becomes the terminal of the session that `self` leads. Errors: io_error (it has hung up),
    /// not_permitted (it leads none, has a terminal, or this one has a session, which only root may
    /// `steal` it from).
    [[nodiscard]] Status set_controlling(P& self, bool steal) noexcept EXCLUDES(W::process_lock) {
        LockGuard guard(W::process_lock);
        if (self.terminal == own() && session_ == self.session) {
            return {};
        }
        if (is_gone_) {
            return fail(Errc::io_error);
        }
        if (!leads_without_terminal(self)) {
            return fail(Errc::not_permitted);
        }
        if (session_ != Pid()) {
            if (!steal || !self.identity.is_privileged()) {
                return fail(Errc::not_permitted);
            }
            leave_session();
        }
        take(self);
        return {};
    }
    /// open(2) without O_NOCTTY: a session leader without a terminal gets this one if nobody has
    /// it.
    void offer_to(P& self) noexcept EXCLUDES(W::process_lock) {
        LockGuard guard(W::process_lock);
        if (!is_gone_ && session_ == Pid() && leads_without_terminal(self)) {
            take(self);
        }
    }
    /// TIOCNOTTY. Error: not_a_terminal (not its own).
    [[nodiscard]] Status give_up(P& self) noexcept EXCLUDES(W::process_lock) {
        LockGuard guard(W::process_lock);
        if (self.terminal != own()) {
            return fail(Errc::not_a_terminal);
        }
        if (self.session == self.pid) {
            hang_up();
        } else {
            self.terminal = nullptr;
        }
        return {};
    }
    /// Its session leader has ended: SIGHUP to the foreground, and nobody's terminal any more.
    void hang_up() noexcept REQUIRES(W::process_lock) {
        if (foreground_ != Pid()) {
            release_group<W>(foreground_);
        }
        leave_session();
    }
    /// Stops a background process. Success: it may go on with what it wanted. Errors: io_error (it
    /// cannot be stopped), restart.
    [[nodiscard]] Status check_foreground(P& self, std::uint32_t signal) noexcept
        EXCLUDES(W::process_lock) {
        LockGuard guard(W::process_lock);
        if (self.terminal != own() || self.group == foreground_ || foreground_ == Pid()) {
            return {};
        }
        if (self.this_thread().signals.blocked().contains(signal) ||
            self.signals.is_ignored(signal)) {
            // A background writer that does not care may write; a reader gets nothing.
            return signal == abi::sig_ttou ? Status() : Status(fail(Errc::io_error));
        }
        if (is_orphaned<W>(self.group)) {
            return fail(Errc::io_error);
        }
        send_signal_to_group<W>(self.group, signal, {});
        return fail(Errc::restart);
    }

protected:
    ControllingTerminal() noexcept = default;
    ~ControllingTerminal() = default;

    void signal_foreground(std::uint32_t signal) noexcept EXCLUDES(W::process_lock) {
        LockGuard guard(W::process_lock);
        if (foreground_ != Pid()) {
            send_signal_to_group<W>(foreground_, signal, {});
        }
    }
    /// The device has gone: the session's leader hears of it wherever it is, and the foreground.
    /// From now on it becomes nobody's, and may end.
    void hang_up_all() noexcept EXCLUDES(W::process_lock) {
        LockGuard guard(W::process_lock);
        is_gone_ = true;
        if (P* const leader = session_ == Pid() ? nullptr : W::processes().find(session_);
            leader != nullptr && leader->terminal == own() && leader->group != foreground_) {
            send_signal(*leader, abi::sig_hup, {});
            send_signal(*leader, abi::sig_cont, {});
        }
        hang_up();
    }

private:
    [[nodiscard]] typename W::Terminal* own() noexcept {
        return static_cast<typename W::Terminal*>(this);
    }
    [[nodiscard]] static bool leads_without_terminal(const P& self) noexcept
        REQUIRES(W::process_lock) {
        return self.session == self.pid && self.terminal == nullptr;
    }
    void take(P& leader) noexcept REQUIRES(W::process_lock) {
        session_ = leader.session;
        foreground_ = leader.group;
        leader.terminal = own();
    }
    void leave_session() noexcept REQUIRES(W::process_lock) {
        const Pid session = session_;
        session_ = foreground_ = Pid();
        for (P& p : W::processes().all()) {
            if (p.session == session && p.terminal == own()) {
                p.terminal = nullptr;
            }
        }
    }

    Pid session_ GUARDED_BY(W::process_lock);     ///< 0: nobody's controlling terminal
    Pid foreground_ GUARDED_BY(W::process_lock);  ///< process group
    bool is_gone_ GUARDED_BY(W::process_lock) = false;
};

}  // namespace kidney::proc

#include "kernel/signal/delivery.hpp"

#include "kernel/signal/handler_frame.hpp"
#include "kernel/syscall/errno_map.hpp"
#include "kernel/syscall/trace/trace.hpp"
#include "kernel/user_backtrace.hpp"
#include "kidney/core/log.hpp"
#include "proc/life/exit.hpp"
#include "proc/life/job_control.hpp"
#include "proc/signal/send.hpp"

#include <asm/errno.h>
#include <optional>
#include <utility>

namespace kidney::kernel {
namespace {

/// Length of `int $0x80`: how far back a restarted call begins.
constexpr std::uint32_t trap_instruction_size = 2;

/// The interrupted call runs again as if it had not begun.
void restart(hal::TrapFrame& frame) noexcept {
    frame.eax = frame.error_code;  // the call's number
    frame.eip -= trap_instruction_size;
}

/// A handler runs first: what the call that it interrupted returns.
void end_interrupted_call(Process& self, hal::TrapFrame& frame, RestartMode mode,
                          const Disposition& d) noexcept {
    if (mode == RestartMode::none) {
        return;
    }
    if (mode == RestartMode::always ||
        (mode == RestartMode::by_flag && (d.flags & abi::sa_restart) != 0)) {
        restart(frame);
        return;
    }
    frame.eax = static_cast<std::uint32_t>(-EINTR);
    self.resumed_deadline = Instant::never();
}

/// The next signal, and the mark cleared if it was the last.
std::optional<Delivery> take_next(Process& self) noexcept {
    std::optional<Delivery> next;
    {
        LockGuard guard(World::process_lock);
        // Cleared before the look: a signal that comes later sets it again.
        self.thread->interrupted.store(0, std::memory_order_seq_cst);
        next = self.signals.choose_next();
        if (next && self.signals.has_deliverable()) {
            self.thread->interrupted.store(1, std::memory_order_relaxed);
        }
    }
    if (next) {
        settle<World>(next->queued, next->cause);
    }
    return next;
}

const char* text_of(std::uint32_t signal) noexcept {
    switch (signal) {
        case abi::sig_segv:
            return "segmentation fault";
        case abi::sig_bus:
            return "bus error";
        case abi::sig_ill:
            return "illegal instruction";
        case abi::sig_fpe:
            return "arithmetic error";
        case abi::sig_abrt:
            return "aborted";
        default:
            return "killed";
    }
}

[[noreturn]] void end_by_signal(Process& self, const Delivery& d,
                                const hal::TrapFrame& frame) noexcept {
    if (d.kind == Delivery::Kind::core) {
        log::info<"process">("{} ({}): {}, signal {} at eip {:08x}, address {:08x}", self.name(),
                             self.pid.value(), text_of(d.signal), d.signal, frame.eip,
                             d.cause.address);
        log_user_backtrace(frame);
    }
    exit_process(self, ExitStatus::killed(d.signal));
}

/// True: the handler's frame stands. False: the stack was no good, and SIGSEGV is pending now.
bool enter_handler(Process& self, hal::TrapFrame& frame, const Delivery& d) noexcept {
    const SignalSet mask = self.signals.mask_to_restore();
    if (const Status built = build_handler_frame(self, frame, d, mask); !built) {
        // A handler for SIGSEGV cannot run without a stack either.
        if (d.signal == abi::sig_segv) {
            exit_process(self, ExitStatus::killed(abi::sig_segv));
        }
        force_signal(self, abi::sig_segv, {.code = abi::si_kernel});
        return false;
    }
    LockGuard guard(World::process_lock);
    self.signals.enter_handler(d);
    if (self.signals.has_deliverable()) {
        notify(self);
    }
    return true;
}

}  // namespace

void deliver_signals(Process& self, hal::TrapFrame& frame) noexcept {
    RestartMode mode = std::exchange(self.restart_mode, RestartMode::none);
    while (self.is_interrupted()) {
        const std::optional<Delivery> d = take_next(self);
        if (!d) {
            break;
        }
        show_delivery(self, *d);
        switch (d->kind) {
            case Delivery::Kind::terminate:
            case Delivery::Kind::core:
                end_by_signal(self, *d, frame);
            case Delivery::Kind::stop:
                stop_self(self, d->signal);
                break;
            case Delivery::Kind::handler:
                // The frame must hold what the program shall see after the handler.
                end_interrupted_call(self, frame, mode, d->disposition);
                mode = RestartMode::none;
                enter_handler(self, frame, *d);
                break;
        }
    }
    if (mode != RestartMode::none) {
        restart(frame);
    }
    bool has_discarded = false;
    {
        LockGuard guard(World::process_lock);
        self.signals.end_suspend();  // sigsuspend was woken, but no handler ran
        has_discarded = self.signals.has_discarded();
    }
    if (has_discarded) {
        settle_discarded(self);
    }
}

std::uint32_t return_from_handler(Process& self, hal::TrapFrame& frame) noexcept {
    if (const auto mask = undo_handler_frame(self, frame)) {
        set_blocked_signals(self, *mask);
        return frame.eax;
    }
    force_signal(self, abi::sig_segv, {.code = abi::si_kernel});
    return frame.eax;
}

std::uint32_t return_from_rt_handler(Process& self, hal::TrapFrame& frame) noexcept {
    if (const auto mask = undo_rt_handler_frame(self, frame)) {
        set_blocked_signals(self, *mask);
        return frame.eax;
    }
    force_signal(self, abi::sig_segv, {.code = abi::si_kernel});
    return frame.eax;
}

}  // namespace kidney::kernel

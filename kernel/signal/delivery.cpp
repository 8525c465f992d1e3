#include "kernel/signal/delivery.hpp"

#include "kernel/signal/handler_frame.hpp"
#include "kernel/syscall/errno_map.hpp"
#include "kernel/syscall/trace/trace.hpp"
#include "kernel/user_backtrace.hpp"
#include "kidney/core/log.hpp"
#include "proc/signal/delivery.hpp"

#include <asm/errno.h>
#include <optional>
#include <utility>

namespace kidney::kernel {
namespace {

/// Length of `int $0x80`: how far back a restarted call begins.
constexpr std::uint32_t trap_instruction_size = 2;

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

}  // namespace

void World::restart_call(hal::TrapFrame& frame) noexcept {
    frame.eax = frame.error_code;  // the call's number
    frame.eip -= trap_instruction_size;
}
void World::fail_call(Process& self, hal::TrapFrame& frame) noexcept {
    frame.eax = static_cast<std::uint32_t>(-EINTR);
    self.this_thread().resumed_deadline = Instant::never();
}
Status World::build_handler(Process& self, hal::TrapFrame& frame, const Delivery& d,
                            SignalSet mask) noexcept {
    return build_handler_frame(self, frame, d, mask);
}

void World::delivers(const Process& self, const Delivery& d) noexcept {
    show_delivery(self, d);
}
void World::ends_by_signal(const Process& self, const Delivery& d,
                           const hal::TrapFrame& frame) noexcept {
    if (d.kind == Delivery::Kind::core) {
        log::info<"process">("{} ({}): {}, signal {} at eip {:08x}, address {:08x}", self.name(),
                             self.pid.value(), text_of(d.signal), d.signal, frame.eip,
                             d.cause.address);
        log_user_backtrace(frame);
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

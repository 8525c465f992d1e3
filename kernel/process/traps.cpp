#include "kernel/process/traps.hpp"

#include "arch/i686/trap/vectors.hpp"
#include "kernel/process/process.hpp"
#include "kernel/resource/out_of_memory.hpp"
#include "kidney/core/log.hpp"
#include "proc/signal/delivery.hpp"
#include "proc/signal/send.hpp"

#include <atomic>
#include <cstdint>

namespace kidney::kernel {
namespace {

/// What the fault engine's error means to the program.
SignalCause cause_of(const hal::TrapFrame& frame, const hal::PageFault& fault, Errc why,
                     std::uint32_t& signal) noexcept {
    signal =
        why == Errc::bad_address || why == Errc::permission_denied ? abi::sig_segv : abi::sig_bus;
    const std::int32_t code = signal == abi::sig_bus           ? abi::bus_adrerr
                              : why == Errc::permission_denied ? abi::segv_accerr
                                                               : abi::segv_maperr;
    return {.code = code,
            .address = fault.address.value(),
            .trap = arch::vector::page_fault,
            .error = frame.error_code};
}

struct ExceptionSignal {
    std::uint32_t signal;
    std::int32_t code;
};

/// The most severe error of the program's registers; 0: none, the processor was mistaken.
std::int32_t floating_point_code(bool of_sse) noexcept {
    arch::FpuState registers;
    registers.save();
    const std::uint32_t errors = of_sse ? registers.sse_errors() : registers.x87_errors();
    const auto has = [errors](std::uint32_t bits) noexcept { return (errors & bits) != 0; };
    constexpr std::uint32_t invalid = 1, by_zero = 4, overflow = 8, underflow_or_denormal = 0x12,
                            inexact = 0x20;
    return has(invalid)                 ? abi::fpe_fltinv
           : has(by_zero)               ? abi::fpe_fltdiv
           : has(overflow)              ? abi::fpe_fltovf
           : has(underflow_or_denormal) ? abi::fpe_fltund
           : has(inexact)               ? abi::fpe_fltres
                                        : 0;
}

ExceptionSignal signal_of(const hal::TrapFrame& frame, std::uint32_t vector) noexcept {
    switch (vector) {
        case 0:  // division error
            return {abi::sig_fpe, abi::fpe_intdiv};
        case 1: {  // debug: a single step, or the instruction int1
            const bool steps = (frame.eflags & arch::eflags::trap) != 0;
            return {abi::sig_trap, steps ? abi::trap_trace : abi::trap_brkpt};
        }
        case 3:  // breakpoint
            return {abi::sig_trap, abi::si_kernel};
        case 6:  // invalid opcode
            return {abi::sig_ill, abi::ill_illopn};
        case 11:  // segment not present
        case 12:  // stack segment
            return {abi::sig_bus, abi::si_kernel};
        case 16:  // x87
        case 19:  // SSE
            return {abi::sig_fpe, floating_point_code(vector == 19)};
        case 17:  // alignment check
            return {abi::sig_bus, abi::bus_adraln};
        default:  // overflow, bound, general protection
            return {abi::sig_segv, abi::si_kernel};
    }
}

/// There was no page. A program touches it again a little later, when somebody has ended; signals
/// come in between. The kernel on its way through a system call may hold what a victim waits for:
/// after a while it takes the page from the reserve, and in the end it gives up.
Status resolve_without_memory(Process& self, const hal::PageFault& fault, bool from_user) noexcept {
    constexpr int patience = 20;
    if (from_user) {
        make_room(self);
        return {};
    }
    Status status = fail(Errc::no_memory);
    for (int n = 0; n < 2 * patience && !status && status.error() == Errc::no_memory; ++n) {
        if (self.is_ending.load(std::memory_order_relaxed)) {
            return fail(Errc::bad_address);
        }
        make_room(self);
        self.this_thread().uses_reserve = n >= patience;
        status = self.memory->handle_fault(fault);
        self.this_thread().uses_reserve = false;
    }
    return status;
}

}  // namespace

bool resolve_page_fault(hal::TrapFrame& frame, const hal::PageFault& fault) noexcept {
    Thread& thread = current_thread();
    Process* const self = thread.process;
    if (self == nullptr || !self->memory) {
        return false;
    }
    ++thread.faults;
    Status resolved = self->memory->handle_fault(fault);
    if (resolved) [[likely]] {
        return true;
    }
    if (resolved.error() == Errc::no_memory) {
        resolved = resolve_without_memory(*self, fault, frame.from_user());
        if (resolved) {
            return true;
        }
    }
    if (!frame.from_user()) {
        return false;  // a system call reports EFAULT
    }
    std::uint32_t signal = 0;
    const SignalCause cause = cause_of(frame, fault, resolved.error(), signal);
    force_signal(*self, signal, cause);
    return true;
}

void signal_exception(hal::TrapFrame& frame, std::uint32_t vector) noexcept {
    const ExceptionSignal what = signal_of(frame, vector);
    if (what.signal == abi::sig_fpe && what.code == 0) {
        return;
    }
    force_signal(current_process(), what.signal,
                 {.code = what.code,
                  .address = what.code == abi::si_kernel ? 0 : frame.eip,
                  .trap = vector,
                  .error = frame.error_code});
}

void finish_return_to_user(hal::TrapFrame& frame) noexcept {
    // Interrupts are off. Cleared first: whatever comes after this line flags it again, and the way
    // out looks once more.
    Cpu::clear_work();
    dispatcher().on_preemption_point();
    const Thread& thread = current_thread();
    Process* const self = thread.process;
    if (self != nullptr && (self->is_interrupted() || thread.restart_mode != RestartMode::none)) {
        Cpu::interrupts_restore(hal::InterruptState::enabled);
        deliver_signals(*self, frame);
        static_cast<void>(Cpu::interrupts_disable());
    }
}

}  // namespace kidney::kernel

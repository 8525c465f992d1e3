#include "kernel/signal/handler_frame.hpp"

#include "kernel/signal/fpu_frame.hpp"
#include "kernel/signal/frame.hpp"
#include "kernel/signal/send.hpp"
#include "kernel/syscall/user_copy.hpp"

#include <cstring>

namespace kidney::kernel {
namespace {

bool is_on(const abi::SigAltStack& stack, std::uint32_t sp) noexcept {
    return sp - stack.pointer < stack.size;
}

/// Where the frame starts to grow down from.
std::uint32_t stack_for(const Process& self, const hal::TrapFrame& frame,
                        const Disposition& d) noexcept {
    const abi::SigAltStack& alternate = self.signals.alternate_stack;
    const bool usable = (d.flags & abi::sa_onstack) != 0 && alternate.size != 0 &&
                        (alternate.flags & abi::ss_disable) == 0;
    return usable && !is_on(alternate, frame.esp) ? alternate.pointer + alternate.size : frame.esp;
}

SignalContext context_of(const hal::TrapFrame& f, const Delivery& d, std::uint32_t fpstate,
                         SignalSet mask) noexcept {
    SignalContext c{};
    c.gs = arch::user_gs();
    c.fs = static_cast<std::uint16_t>(f.fs);
    c.es = static_cast<std::uint16_t>(f.es);
    c.ds = static_cast<std::uint16_t>(f.ds);
    c.edi = f.edi;
    c.esi = f.esi;
    c.ebp = f.ebp;
    c.esp = c.esp_at_signal = f.esp;
    c.ebx = f.ebx;
    c.edx = f.edx;
    c.ecx = f.ecx;
    c.eax = f.eax;
    c.trapno = d.cause.trap;
    c.err = d.cause.error;
    c.eip = f.eip;
    c.cs = static_cast<std::uint16_t>(f.cs);
    c.eflags = f.eflags;
    c.ss = static_cast<std::uint16_t>(f.ss);
    c.fpstate = fpstate;
    c.oldmask = static_cast<std::uint32_t>(mask.bits());
    c.cr2 = d.cause.address;
    return c;
}

abi::SigInfo info_of(const Delivery& d) noexcept {
    abi::SigInfo info{};
    info.signo = static_cast<std::int32_t>(d.signal);
    info.code = d.cause.code;
    const bool is_fault = d.cause.trap != 0 || d.cause.address != 0;
    info.pid_or_address = is_fault ? d.cause.address : static_cast<std::uint32_t>(d.cause.pid);
    info.uid = d.cause.uid;
    info.status = d.cause.status;
    return info;
}

/// Saves the FPU above the frame; returns its user address and lowers `sp`.
Result<std::uint32_t> push_fpu(std::uint32_t& sp) noexcept {
    sp = place_fpstate(sp);
    arch::FpuState registers;
    registers.save();
    FpState state{};
    if (arch::has_fxsave()) {
        fill_x87(state, registers.bytes());
        state.magic = FpState::magic_fxsr;
        std::memcpy(state.fxsave, registers.bytes().data(), sizeof state.fxsave);
    } else {
        std::memcpy(&state, registers.bytes().data(), offsetof(FpState, status));
        state.magic = FpState::magic_plain;
    }
    state.status = static_cast<std::uint16_t>(state.sw);
    TRY(put_user(UserPtr<FpState>(sp), state));
    return sp;
}

Status restore_fpu(std::uint32_t address) noexcept {
    if (address == 0) {
        arch::FpuState::initial().load();
        return {};
    }
    FpState state = TRY(get_user(UserPtr<const FpState>(address)));
    if (arch::has_fxsave()) {
        take_x87(std::as_writable_bytes(std::span(state.fxsave)), state);
    } else {
        std::memcpy(state.fxsave, &state, offsetof(FpState, status));
    }
    arch::FpuState registers;
    registers.assign(std::as_bytes(std::span(state.fxsave)));
    registers.load();
    return {};
}

/// What every frame has in common on the way back. Selectors keep their privilege, flags those that
/// a program may set.
Status restore_context(hal::TrapFrame& f, const SignalContext& c) noexcept {
    TRY(restore_fpu(c.fpstate));
    arch::set_user_gs(c.gs);
    f.fs = c.fs;
    f.es = c.es;
    f.ds = c.ds;
    f.edi = c.edi;
    f.esi = c.esi;
    f.ebp = c.ebp;
    f.esp = c.esp;
    f.ebx = c.ebx;
    f.edx = c.edx;
    f.ecx = c.ecx;
    f.eax = c.eax;
    f.eip = c.eip;
    f.cs = c.cs | 3U;
    f.ss = c.ss | 3U;
    constexpr std::uint32_t changeable = arch::eflags::user_changeable;
    f.eflags = (f.eflags & ~changeable) | (c.eflags & changeable);
    return {};
}

void enter(hal::TrapFrame& frame, const Delivery& d, std::uint32_t sp) noexcept {
    frame.esp = sp;
    frame.eip = d.disposition.handler;
    frame.eax = d.signal;  // for handlers compiled with register arguments
    frame.edx = frame.ecx = 0;
    frame.ds = frame.es = frame.ss = arch::selector::user_data;
    frame.cs = arch::selector::user_code;
    frame.eflags &= ~(arch::eflags::direction | arch::eflags::trap);
}

Status build_plain(hal::TrapFrame& frame, const Delivery& d, SignalSet mask,
                   std::uint32_t sp) noexcept {
    const std::uint32_t fpstate = TRY(push_fpu(sp));
    const std::uint32_t at = place_frame(sp, sizeof(SignalFrame));
    // In pieces: the unused 624 bytes in the middle stay what they are.
    struct Head {
        std::uint32_t return_address, signal;
        SignalContext context;
    };
    struct Tail {
        std::uint32_t mask_high;
        std::uint8_t code[8];
    };
    const std::uint32_t code = at + offsetof(SignalFrame, return_code);
    const bool has_restorer = (d.disposition.flags & abi::sa_restorer) != 0;
    const Head head{has_restorer ? d.disposition.restorer : code, d.signal,
                    context_of(frame, d, fpstate, mask)};
    Tail tail{static_cast<std::uint32_t>(mask.bits() >> 32), {}};
    std::memcpy(tail.code, sigreturn_code, sizeof tail.code);
    TRY(put_user(UserPtr<Head>(at), head));
    TRY(put_user(UserPtr<Tail>(at + offsetof(SignalFrame, mask_high)), tail));
    enter(frame, d, at);
    return {};
}

Status build_rt(const Process& self, hal::TrapFrame& frame, const Delivery& d, SignalSet mask,
                std::uint32_t sp) noexcept {
    const std::uint32_t fpstate = TRY(push_fpu(sp));
    const std::uint32_t at = place_frame(sp, sizeof(RtSignalFrame));
    RtSignalFrame f{};
    const bool has_restorer = (d.disposition.flags & abi::sa_restorer) != 0;
    f.return_address =
        has_restorer ? d.disposition.restorer : at + offsetof(RtSignalFrame, return_code);
    f.signal = d.signal;
    f.info_address = at + offsetof(RtSignalFrame, info);
    f.context_address = at + offsetof(RtSignalFrame, user_context);
    f.info = info_of(d);
    f.user_context.stack = self.signals.alternate_stack;
    f.user_context.context = context_of(frame, d, fpstate, mask);
    f.user_context.mask[0] = static_cast<std::uint32_t>(mask.bits());
    f.user_context.mask[1] = static_cast<std::uint32_t>(mask.bits() >> 32);
    std::memcpy(f.return_code, rt_sigreturn_code, sizeof f.return_code);
    TRY(put_user(UserPtr<RtSignalFrame>(at), f));
    enter(frame, d, at);
    frame.edx = f.info_address;
    frame.ecx = f.context_address;
    return {};
}

constexpr SignalSet set_of(std::uint32_t low, std::uint32_t high) noexcept {
    return SignalSet(std::uint64_t{high} << 32 | low);
}

}  // namespace

Status build_handler_frame(Process& self, hal::TrapFrame& frame, const Delivery& d,
                           SignalSet mask) noexcept {
    const std::uint32_t sp = stack_for(self, frame, d.disposition);
    TRY((d.disposition.flags & abi::sa_siginfo) != 0 ? build_rt(self, frame, d, mask, sp)
                                                     : build_plain(frame, d, mask, sp));
    // A handler begins like a program. It must not find the x87 stack half full, nor the error that
    // it is called for still pending.
    arch::FpuState::initial().load();
    return {};
}

Result<SignalSet> undo_handler_frame(Process&, hal::TrapFrame& frame) noexcept {
    const std::uint32_t at = frame.esp - sigreturn_offset;
    const auto context =
        TRY(get_user(UserPtr<const SignalContext>(at + offsetof(SignalFrame, context))));
    const auto high =
        TRY(get_user(UserPtr<const std::uint32_t>(at + offsetof(SignalFrame, mask_high))));
    TRY(restore_context(frame, context));
    return set_of(context.oldmask, high);
}

Result<SignalSet> undo_rt_handler_frame(Process& self, hal::TrapFrame& frame) noexcept {
    const std::uint32_t at = frame.esp - rt_sigreturn_offset;
    const auto user =
        TRY(get_user(UserPtr<const UserContext>(at + offsetof(RtSignalFrame, user_context))));
    TRY(restore_context(frame, user.context));
    if (!is_on(self.signals.alternate_stack, frame.esp)) {
        self.signals.alternate_stack = user.stack;
    }
    return set_of(user.mask[0], user.mask[1]);
}

void set_blocked_signals(Process& self, SignalSet blocked) noexcept {
    LockGuard guard(process_lock);
    self.signals.set_blocked(blocked);
    if (self.signals.has_deliverable()) {
        notify(self);
    }
}

}  // namespace kidney::kernel

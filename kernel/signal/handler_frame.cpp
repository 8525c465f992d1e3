#include "kernel/signal/handler_frame.hpp"

#include "arch/i686/vdso/vdso.hpp"
#include "kernel/signal/fpu_frame.hpp"
#include "kernel/signal/frame.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "proc/signal/send.hpp"

#include <cstring>

namespace kidney::kernel {
namespace {

/// Where the frame starts to grow down from, and whether it must not leave the alternate stack.
struct Place {
    std::uint32_t sp = 0;
    bool on_alternate = false;
};
Place place_for(const Process& self, const hal::TrapFrame& frame, const Disposition& d) noexcept {
    const ThreadSignals& signals = self.this_thread().signals;
    const abi::SigAltStack& alternate = signals.alternate_stack;
    const bool is_on_it = signals.is_on_alternate_stack(frame.esp);
    if ((d.flags & abi::sa_onstack) == 0 || alternate.size == 0 || is_on_it) {
        return {frame.esp, is_on_it};
    }
    return {alternate.pointer + alternate.size, true};
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

/// Saves the FPU above the frame; returns its user address and lowers `sp`.
Result<std::uint32_t> push_fpu(Thread& self, std::uint32_t& sp) noexcept {
    sp = place_fpstate(sp);
    const std::span<const std::byte, arch::FpuState::size> image =
        self.user_state.save_fpu().bytes();
    X87State x87;
    if (arch::has_fxsave()) {
        fill_x87(x87, image);
        x87.magic = FpState::magic_fxsr;
    } else {
        std::memcpy(&x87, image.data(), offsetof(X87State, status));
        x87.magic = FpState::magic_plain;
    }
    x87.status = static_cast<std::uint16_t>(x87.sw);
    TRY(copy_out(VirtAddr(sp), std::as_bytes(std::span(&x87, 1))));
    if (arch::has_fxsave()) {
        TRY(copy_out(VirtAddr(sp) + sizeof x87, image));
    }
    return sp;
}

Status restore_fpu(std::uint32_t address) noexcept {
    if (address == 0) {
        arch::FpuState::load_initial();
        return {};
    }
    FpState state;
    const std::span image = std::as_writable_bytes(std::span(state.fxsave));
    if (arch::has_fxsave()) {
        TRY(copy_in(std::as_writable_bytes(std::span(&state, 1)), VirtAddr(address)));
        take_x87(image, state);
    } else {
        TRY(copy_in(image.first(offsetof(X87State, status)), VirtAddr(address)));
    }
    arch::FpuState::load_foreign(image);
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

/// A frame at `at` would run over the end of the alternate stack.
bool overflows(const Process& self, const Place& place, std::uint32_t at) noexcept {
    const abi::SigAltStack& alternate = self.this_thread().signals.alternate_stack;
    return place.on_alternate && at - alternate.pointer - 1 >= alternate.size;
}

/// The code on the stack is for debuggers, which know a frame by it: a stack need not be
/// executable.
std::uint32_t return_address(const Delivery& d, VirtAddr usual) noexcept {
    const bool has_restorer = (d.disposition.flags & abi::sa_restorer) != 0;
    return has_restorer ? d.disposition.restorer : usual.value();
}

Status build_plain(const Process& self, hal::TrapFrame& frame, const Delivery& d, SignalSet mask,
                   Place place) noexcept {
    std::uint32_t sp = place.sp;
    const std::uint32_t fpstate = TRY(push_fpu(self.this_thread(), sp));
    const std::uint32_t at = place_frame(sp, sizeof(SignalFrame));
    if (overflows(self, place, at)) {
        return fail(Errc::bad_address);
    }
    // In pieces: the unused 624 bytes in the middle stay what they are.
    struct Head {
        std::uint32_t return_address, signal;
        SignalContext context;
    };
    struct Tail {
        std::uint32_t mask_high;
        std::uint8_t code[8];
    };
    const Head head{return_address(d, arch::vdso_sigreturn()), d.signal,
                    context_of(frame, d, fpstate, mask)};
    Tail tail{static_cast<std::uint32_t>(mask.bits() >> 32), {}};
    std::memcpy(tail.code, sigreturn_code, sizeof tail.code);
    TRY(put_user(UserPtr<Head>(at), head));
    TRY(put_user(UserPtr<Tail>(at + offsetof(SignalFrame, mask_high)), tail));
    enter(frame, d, at);
    return {};
}

Status build_rt(const Process& self, hal::TrapFrame& frame, const Delivery& d, SignalSet mask,
                Place place) noexcept {
    std::uint32_t sp = place.sp;
    const std::uint32_t fpstate = TRY(push_fpu(self.this_thread(), sp));
    const std::uint32_t at = place_frame(sp, sizeof(RtSignalFrame));
    if (overflows(self, place, at)) {
        return fail(Errc::bad_address);
    }
    RtSignalFrame f{};
    f.return_address = return_address(d, arch::vdso_rt_sigreturn());
    f.signal = d.signal;
    f.info_address = at + offsetof(RtSignalFrame, info);
    f.context_address = at + offsetof(RtSignalFrame, user_context);
    f.info = info_of(d.signal, d.cause);
    f.user_context.stack = self.this_thread().signals.alternate_stack;
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
    const Place place = place_for(self, frame, d.disposition);
    TRY((d.disposition.flags & abi::sa_siginfo) != 0 ? build_rt(self, frame, d, mask, place)
                                                     : build_plain(self, frame, d, mask, place));
    ThreadSignals& own = self.this_thread().signals;
    if ((own.alternate_stack.flags & abi::ss_autodisarm) != 0) {
        own.disable_alternate_stack();  // sigreturn brings it back
    }
    // A handler begins like a program. It must not find the x87 stack half full, nor the error that
    // it is called for still pending.
    arch::FpuState::load_initial();
    return {};
}

Result<SignalSet> undo_handler_frame(Process&, hal::TrapFrame& frame) noexcept {
    const VirtAddr at(frame.esp - sigreturn_offset);
    SignalContext context;
    TRY(copy_in(std::as_writable_bytes(std::span(&context, 1)),
                at + offsetof(SignalFrame, context)));
    const auto high =
        TRY(get_user(UserPtr<const std::uint32_t>(at + offsetof(SignalFrame, mask_high))));
    TRY(restore_context(frame, context));
    return set_of(context.oldmask, high);
}

Result<SignalSet> undo_rt_handler_frame(Process& self, hal::TrapFrame& frame) noexcept {
    const VirtAddr at(frame.esp - rt_sigreturn_offset);
    UserContext user;
    TRY(copy_in(std::as_writable_bytes(std::span(&user, 1)),
                at + offsetof(RtSignalFrame, user_context)));
    TRY(restore_context(frame, user.context));
    ignore_error(self.this_thread().signals.set_alternate_stack(user.stack, frame.esp),
                 "as Linux: the handler may have left anything there");
    return set_of(user.mask[0], user.mask[1]);
}

}  // namespace kidney::kernel

/// The two signal frames of Linux i386, bit for bit: what a handler finds on its stack and what
/// sigreturn / rt_sigreturn read back. Layouts measured on Linux; docs/spec names the sources.
#pragma once

#include "kidney/abi/signal.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::kernel {

/// struct sigcontext: the registers at the moment of the signal.
struct SignalContext {
    std::uint16_t gs, gs_high, fs, fs_high, es, es_high, ds, ds_high;
    std::uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
    std::uint32_t trapno, err;
    std::uint32_t eip;
    std::uint16_t cs, cs_high;
    std::uint32_t eflags;
    std::uint32_t esp_at_signal;
    std::uint16_t ss, ss_high;
    std::uint32_t fpstate;  ///< user address of an FpState, or 0
    std::uint32_t oldmask;  ///< low word of the blocked set
    std::uint32_t cr2;
};
static_assert(sizeof(SignalContext) == 88);
static_assert(offsetof(SignalContext, edi) == 16 && offsetof(SignalContext, eax) == 44 &&
              offsetof(SignalContext, trapno) == 48 && offsetof(SignalContext, eip) == 56 &&
              offsetof(SignalContext, eflags) == 64 && offsetof(SignalContext, ss) == 72 &&
              offsetof(SignalContext, fpstate) == 76 && offsetof(SignalContext, oldmask) == 80 &&
              offsetof(SignalContext, cr2) == 84);

/// struct _fpstate_32: x87 state for old programs.
struct X87State {
    std::uint32_t cw, sw, tag, ipoff, cssel, dataoff, datasel;
    std::uint8_t st[80];
    std::uint16_t status, magic;
};
static_assert(sizeof(X87State) == 112);

/// Behind it the FXSAVE image: all of it, for those that look for the magic.
struct alignas(16) FpState : X87State {
    static constexpr std::uint16_t magic_plain = 0xffff;  ///< only the x87 part counts
    static constexpr std::uint16_t magic_fxsr = 0x0000;   ///< the FXSAVE image counts

    std::uint8_t fxsave[512];
};
static_assert(sizeof(FpState) == 624);

/// Frame of a handler without SA_SIGINFO. The handler returns to `return_address`, which pops the
/// signal number and calls sigreturn(119): then esp points at `context`.
struct SignalFrame {
    std::uint32_t return_address;
    std::uint32_t signal;  ///< the handler's argument
    SignalContext context;
    std::uint8_t unused_fpstate[624];
    std::uint32_t mask_high;
    std::uint8_t return_code[8];
};
static_assert(offsetof(SignalFrame, context) == 8 && offsetof(SignalFrame, mask_high) == 720);

/// struct ucontext.
struct UserContext {
    std::uint32_t flags;
    std::uint32_t link;
    abi::SigAltStack stack;
    SignalContext context;
    std::uint32_t mask[2];
};
static_assert(offsetof(UserContext, context) == 20 && offsetof(UserContext, mask) == 108);

/// Frame of a handler with SA_SIGINFO; returns through rt_sigreturn(173) with esp at `signal`.
struct RtSignalFrame {
    std::uint32_t return_address;
    std::uint32_t signal;
    std::uint32_t info_address;
    std::uint32_t context_address;
    abi::SigInfo info;
    UserContext user_context;
    std::uint8_t return_code[8];
};
static_assert(offsetof(RtSignalFrame, info) == 16 && offsetof(RtSignalFrame, user_context) == 144 &&
              offsetof(RtSignalFrame, user_context) + offsetof(UserContext, mask) == 252);

/// How far esp is above the frame when sigreturn (`popl` and `ret` taken) and rt_sigreturn (`ret`
/// taken) trap.
inline constexpr std::uint32_t sigreturn_offset = 8;
inline constexpr std::uint32_t rt_sigreturn_offset = 4;

/// Places an object of `size` bytes below `sp` so that the handler is entered as after a call:
/// (esp + 4) % 16 == 0.
[[nodiscard]] constexpr std::uint32_t place_frame(std::uint32_t sp, std::uint32_t size) noexcept {
    return ((sp - size + 4) & ~15U) - 4;
}
/// The FXSAVE area wants 16-byte alignment of its own image, which lies 112 bytes into FpState.
[[nodiscard]] constexpr std::uint32_t place_fpstate(std::uint32_t sp) noexcept {
    return (sp - static_cast<std::uint32_t>(sizeof(FpState))) & ~15U;
}

/// Most stack that entering a handler takes, for AT_MINSIGSTKSZ: as Linux reckons it, with what
/// aligning the larger frame (to 16 bytes) and the registers (to 64) may cost.
inline constexpr std::uint32_t max_frame_size =
    (static_cast<std::uint32_t>(sizeof(SignalFrame) + sizeof(FpState)) + 15 + 63 + 15) & ~15U;
static_assert(sizeof(SignalFrame) > sizeof(RtSignalFrame) && max_frame_size == 1440);

/// `popl %eax; movl $119, %eax; int $0x80` for programs that give no restorer (needs a stack that
/// may be executed, which two-level paging cannot forbid).
inline constexpr std::uint8_t sigreturn_code[8] = {0x58, 0xb8, 0x77, 0, 0, 0, 0xcd, 0x80};
/// `movl $173, %eax; int $0x80; nop`
inline constexpr std::uint8_t rt_sigreturn_code[8] = {0xb8, 0xad, 0, 0, 0, 0xcd, 0x80, 0x90};

}  // namespace kidney::kernel

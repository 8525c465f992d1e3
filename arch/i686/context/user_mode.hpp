/// The first way out to a program.
#pragma once

#include "arch/i686/trap/trap_frame.hpp"

namespace kidney::arch {

/// Goes to user mode with the registers of `frame`, which lies on the current kernel stack (a local
/// is fine: nothing below it is needed again). Everything pending is done first, as on any way out.
extern "C" [[noreturn]] void enter_user_mode(const hal::TrapFrame* frame) noexcept;  // entry.S

}  // namespace kidney::arch

/// Kernel threads of execution: callee-saved registers on the stack, and the stack pointer here.
///
/// Saved by switch_context(): EBX, ESI, EDI, EBP, and where to go on. Not saved: the interrupt flag
/// (the switch happens with interrupts off), segment registers (the kernel's are constant; the
/// user's %gs and TLS entries belong to the thread, see user_state.hpp), the FPU (ditto).
#pragma once

#include "kidney/hal/cpu.hpp"

#include <cstddef>
#include <span>

namespace kidney::arch {

struct Context {
    void* stack_pointer = nullptr;
};

/// `stack` is used from its end downwards. The first switch calls entry(argument), interrupts off.
void prepare_context(Context& context, std::span<std::byte> stack, hal::ContextEntry entry,
                     void* argument) noexcept;

extern "C" void switch_stacks(void** save, void* load) noexcept;  // switch.S

/// Interrupts off. Returns when somebody switches back to `from`.
inline void switch_context(Context& from, Context& to) noexcept {
    switch_stacks(&from.stack_pointer, to.stack_pointer);
}

}  // namespace kidney::arch

/// Where code has come from, on a machine that goes on: of this CPU, of a thread that waits, of
/// another CPU. (A panic has its own walk, which trusts less: kernel/panic.cpp.)
#pragma once

#include "kernel/kernel.hpp"
#include "kidney/core/bounded.hpp"
#include "kidney/hal/upcalls.hpp"

#include <cstdint>

namespace kidney::kernel {

/// Addresses in the kernel, innermost first; where a program was interrupted, that ends it.
struct Backtrace {
    BoundedList<std::uint32_t, 24> calls;
    std::uint32_t user_address = 0;
};

/// What this CPU does, and below that what was interrupted for it.
[[nodiscard]] Backtrace backtrace_of_here() noexcept;
/// From the caller of a function whose frame is at `frame`.
[[nodiscard]] Backtrace backtrace_from(const void* frame) noexcept;
/// Of a thread that does not run; if it begins to meanwhile, nonsense, but no fault. It must not
/// end meanwhile.
[[nodiscard]] Backtrace backtrace_of(const Thread& thread) noexcept;

/// Asks another CPU by a non-maskable interrupt, so that it answers even when its interrupts are
/// off. False: it has not answered within `patience`.
[[nodiscard]] bool backtrace_of_cpu(CpuId cpu, Duration patience, Backtrace& trace) noexcept;
/// The other side. False: nobody has asked this CPU.
[[nodiscard]] bool answer_snapshot(const hal::TrapFrame& frame) noexcept;

}  // namespace kidney::kernel

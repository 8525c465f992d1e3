/// Messages between CPUs: look at your run queue, forget translations, stop.
#pragma once

#include "kidney/core/address.hpp"
#include "kidney/core/cpu_id.hpp"

namespace kidney::arch {

void send_reschedule(CpuId target) noexcept;

/// A non-maskable interrupt for a CPU that may have its interrupts off: hal::on_exception there.
void send_non_maskable(CpuId target) noexcept;

/// Makes every CPU of `targets` forget its translations of `range`, and returns when all have.
/// While it waits it answers the others' requests, and so does who waits for a lock (Cpu::relax),
/// so CPUs may do this to each other with interrupts off and spin locks held. Returns at once for
/// targets that are not running.
void shoot_down(CpuSet targets, VirtRange range) noexcept;
/// Does what the others have asked of this CPU.
void answer_shoot_downs() noexcept;

/// Returns when every running CPU has passed a memory barrier. As shoot_down(), of nothing.
void fence_everywhere() noexcept;

/// Panic: stops all other CPUs for good, by NMI, so that even one that spins with interrupts off
/// stops. False if another CPU has asked first: then the caller is to stop as well.
[[nodiscard]] bool stop_other_cpus() noexcept;
[[nodiscard]] bool stop_requested() noexcept;
[[noreturn]] void stop_this_cpu() noexcept;

}  // namespace kidney::arch

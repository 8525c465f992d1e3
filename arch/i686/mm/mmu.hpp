/// The model of `hal::Mmu`: CR3 and TLB of this CPU, and messages to the others.
#pragma once

#include "arch/i686/mm/translation.hpp"
#include "arch/i686/smp/messages.hpp"
#include "kidney/hal/mmu.hpp"

namespace kidney::arch {

struct Mmu {
    /// Loading CR3 throws away every translation that is not global, so a switch between threads of
    /// one address space skips it.
    static void activate(PhysAddr root) noexcept {
        if (read_cr3() != root.value()) {
            write_cr3(root.value());
        }
    }
    static void invalidate(VirtRange range) noexcept { forget_translations(range); }
    static void invalidate_all() noexcept { forget_all_user_translations(); }
    static void shoot_down(CpuSet cpus, VirtRange range) noexcept { arch::shoot_down(cpus, range); }
};
static_assert(hal::Mmu<Mmu>);

}  // namespace kidney::arch

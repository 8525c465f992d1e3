/// What the kernel shows to every program: code that answers some calls without a system call
/// ("vDSO") and that handlers of signals return to, and the page of the clock that it reads.
///
/// Both are at fixed places in the kernel's quarter (kernel/memory/layout.hpp), so that they cost
/// no address space anything. The code is an ELF image, as C libraries expect it (image/).
#pragma once

#include "arch/i686/time/clock.hpp"

#include <cstddef>
#include <elf.h>

namespace kidney::arch {

extern "C" const std::byte vdso_image[];  // embed.S; one page

/// Where __kernel_vsyscall is: for AT_SYSINFO.
[[nodiscard]] inline VirtAddr vdso_entry() noexcept {
    return VirtAddr(reinterpret_cast<const Elf32_Ehdr*>(vdso_image)->e_entry);
}

/// Where handlers return to that name no place of their own: frames of either kind.
[[nodiscard]] inline VirtAddr vdso_sigreturn() noexcept {
    return vdso_entry() + 17;
}
[[nodiscard]] inline VirtAddr vdso_rt_sigreturn() noexcept {
    return vdso_entry() + 33;
}

}  // namespace kidney::arch

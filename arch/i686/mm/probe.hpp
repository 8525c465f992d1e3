/// Asks the page tables by trying.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kidney::arch {

/// Writes the byte that is there, in one instruction; false if that faults.
[[nodiscard]] inline bool can_write(const void* at) noexcept {
    std::uint32_t written = 1;
    asm volatile(
        "1: lock orb $0, (%1)\n"
        "2:\n"
        ".pushsection .text.fixup, \"ax\"\n"
        "3: xorl %0, %0\n"
        "jmp 2b\n"
        ".popsection\n"
        ".pushsection .exception_table, \"a\"\n"
        ".long 1b, 3b\n"
        ".popsection\n"
        : "+r"(written)
        : "r"(at)
        : "memory");
    return written != 0;
}

}  // namespace kidney::arch

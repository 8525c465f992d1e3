/// From checked headers to a new address space.
#pragma once

#include "kernel/exec/elf_file.hpp"
#include "kernel/process/process.hpp"
#include "proc/exec/layout_shifts.hpp"

#include <cstdint>

namespace kidney::kernel {

/// Where the first stack ends if it is not shifted, and how large it may become at most.
inline constexpr VirtAddr stack_top{0xbfff'f000};
inline constexpr std::uint32_t largest_stack =
    stack_top - mm::user_layout::mmap_ceiling - mm::growth_guard - proc::largest_shifts.stack;
/// Most that arguments and environment may take.
inline constexpr std::uint32_t stack_limit = 2 << 20;

/// A program in memory: what starts it, and what the auxiliary vector says about it.
struct LoadedProgram {
    Ref<AddressSpace> memory;
    VirtAddr start;             ///< of execution: the interpreter's entry if there is one
    VirtAddr entry;             ///< the program's own
    VirtAddr interpreter_base;  ///< 0 without one
    VirtAddr program_headers;
    VirtAddr stack_top;
    std::uint32_t program_header_count = 0;
};

/// A new address space with the segments of the program and of its interpreter (none if that file
/// is not open), its heap and its stack mapped. Of the files only the pages where .bss begins are
/// read, because their rest must be zero; the others are the page faults' business. The stack may
/// grow to `stack` bytes. `shifts` moves what may lie anywhere. Errors: invalid_argument (they
/// cannot be laid out), no_memory, io_error.
[[nodiscard]] Result<LoadedProgram> load_program(const ElfFile& program, const ElfFile& interpreter,
                                                 std::uint32_t stack,
                                                 const proc::LayoutShifts& shifts) noexcept;

}  // namespace kidney::kernel

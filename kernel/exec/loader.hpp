/// Carrying out a LoadPlan.
#pragma once

#include "kernel/exec/elf.hpp"
#include "kernel/process/process.hpp"

#include <cstdint>

namespace kidney::kernel {

/// Where the first stack ends, and how large it may become.
inline constexpr VirtAddr stack_top{0xbfff'f000};
inline constexpr std::uint32_t stack_size = 8U << 20;
/// Most that arguments and environment may take.
inline constexpr std::uint32_t stack_limit = 2 << 20;

/// A new address space with the program's segments, its heap and its stack mapped. Of the file only
/// the pages where .bss begins are read, because their rest must be zero; the others are the page
/// faults' business. Errors: no_memory, not_executable, io_error.
[[nodiscard]] Result<Ref<AddressSpace>> build_address_space(fs::Vnode& file,
                                                            const LoadPlan& plan) noexcept;

}  // namespace kidney::kernel

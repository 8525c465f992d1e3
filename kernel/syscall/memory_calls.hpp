/// Calls about the address space.
#pragma once

#include "kernel/syscall/adapt.hpp"

namespace kidney::kernel::calls {

/// RLIMIT_AS and RLIMIT_DATA: may the program have `more` bytes? Error: no_memory. Mappings that a
/// fixed one would replace still count.
[[nodiscard]] Status check_growth(Process& self, std::uint32_t more, bool more_is_data) noexcept;

Reply brk(Process& self, VirtAddr end) noexcept;
Reply mmap2(Process& self, VirtAddr address, std::uint32_t size, std::uint32_t protection,
            std::uint32_t flags, Fd fd, std::uint32_t page) noexcept;
/// mmap(90): the six arguments in memory, the offset in bytes.
Reply old_mmap(Process& self, VirtAddr arguments) noexcept;
Reply munmap(Process& self, VirtAddr address, std::uint32_t size) noexcept;
Reply mprotect(Process& self, VirtAddr address, std::uint32_t size,
               std::uint32_t protection) noexcept;
Reply mremap(Process& self, VirtAddr address, std::uint32_t old_size, std::uint32_t new_size,
             std::uint32_t flags, VirtAddr target) noexcept;
Reply madvise(Process& self, VirtAddr address, std::uint32_t size, std::uint32_t advice) noexcept;
Reply mincore(Process& self, VirtAddr address, std::uint32_t size, VirtAddr pages) noexcept;
Reply msync(Process& self, VirtAddr address, std::uint32_t size, std::uint32_t flags) noexcept;
Reply mlock(Process& self, VirtAddr address, std::uint32_t size) noexcept;
Reply mlock2(Process& self, VirtAddr address, std::uint32_t size, std::uint32_t flags) noexcept;
Reply munlock(Process& self, VirtAddr address, std::uint32_t size) noexcept;
Reply mlockall(Process& self, std::uint32_t flags) noexcept;
Reply munlockall(Process& self) noexcept;

/// Whole pages of a range that a call is about. Error: no_memory (wraps, or beyond the end).
[[nodiscard]] Result<VirtRange> mapped_range(VirtAddr start, std::uint32_t size) noexcept;
/// RLIMIT_MEMLOCK: may the program lock anything? Error: not_permitted.
[[nodiscard]] Status check_may_lock(const Process& self) noexcept;
/// ... and `more` bytes? Error: would_block.
[[nodiscard]] Status check_locked_growth(Process& self, std::uint32_t more) noexcept;

}  // namespace kidney::kernel::calls

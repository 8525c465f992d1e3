/// Calls about the address space.
#pragma once

#include "kernel/syscall/adapt.hpp"

namespace kidney::kernel::calls {

Reply brk(Process& self, VirtAddr end) noexcept;
Reply mmap2(Process& self, VirtAddr address, std::uint32_t size, std::uint32_t protection,
            std::uint32_t flags, Fd fd, std::uint32_t page) noexcept;
/// mmap(90): the six arguments in memory, the offset in bytes.
Reply old_mmap(Process& self, VirtAddr arguments) noexcept;
Reply munmap(Process& self, VirtAddr address, std::uint32_t size) noexcept;
Reply mprotect(Process& self, VirtAddr address, std::uint32_t size,
               std::uint32_t protection) noexcept;
Reply mremap(Process& self, VirtAddr address, std::uint32_t old_size, std::uint32_t new_size,
             std::uint32_t flags) noexcept;
Reply madvise(Process& self, VirtAddr address, std::uint32_t size, std::uint32_t advice) noexcept;
Reply msync(Process& self, VirtAddr address, std::uint32_t size, std::uint32_t flags) noexcept;
Reply mlock(Process& self) noexcept;

}  // namespace kidney::kernel::calls

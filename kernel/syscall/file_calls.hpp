/// Calls on open files: data, positions, descriptors.
#pragma once

#include "kernel/syscall/adapt.hpp"

namespace kidney::kernel::calls {

// Data.
Reply read(Process& self, Fd fd, VirtAddr to, std::uint32_t size) noexcept;
Reply write(Process& self, Fd fd, VirtAddr from, std::uint32_t size) noexcept;
Reply pread64(Process& self, Fd fd, VirtAddr to, std::uint32_t size, std::uint32_t low,
              std::uint32_t high) noexcept;
Reply pwrite64(Process& self, Fd fd, VirtAddr from, std::uint32_t size, std::uint32_t low,
               std::uint32_t high) noexcept;
Reply readv(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count) noexcept;
Reply writev(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count) noexcept;
Reply preadv(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count, std::uint32_t low,
             std::uint32_t high) noexcept;
Reply pwritev(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count, std::uint32_t low,
              std::uint32_t high) noexcept;
Reply preadv2(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count, std::uint32_t low,
              std::uint32_t high, std::uint32_t flags) noexcept;
Reply pwritev2(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count, std::uint32_t low,
               std::uint32_t high, std::uint32_t flags) noexcept;

// From file to file.
Reply sendfile(Process& self, Fd to, Fd from, UserPtr<std::int32_t> offset,
               std::uint32_t count) noexcept;
Reply sendfile64(Process& self, Fd to, Fd from, UserPtr<std::int64_t> offset,
                 std::uint32_t count) noexcept;
Reply splice(Process& self, Fd from, UserPtr<std::int64_t> from_offset, Fd to,
             UserPtr<std::int64_t> to_offset, std::uint32_t count, std::uint32_t flags) noexcept;
Reply tee(Process& self, Fd from, Fd to, std::uint32_t count, std::uint32_t flags) noexcept;
Reply vmsplice(Process& self, Fd fd, VirtAddr vectors, std::uint32_t count,
               std::uint32_t flags) noexcept;
Reply copy_file_range(Process& self, Fd from, UserPtr<std::int64_t> from_offset, Fd to,
                      UserPtr<std::int64_t> to_offset, std::uint32_t count,
                      std::uint32_t flags) noexcept;

// Position and size.
Reply lseek(Process& self, Fd fd, std::int32_t offset, std::uint32_t whence) noexcept;
Reply llseek(Process& self, Fd fd, std::uint32_t high, std::uint32_t low,
             UserPtr<std::uint64_t> result, std::uint32_t whence) noexcept;
Reply ftruncate(Process& self, Fd fd, std::uint32_t size) noexcept;
Reply ftruncate64(Process& self, Fd fd, std::uint32_t low, std::uint32_t high) noexcept;
Reply fallocate(Process& self, Fd fd, std::uint32_t mode, std::uint32_t offset_low,
                std::uint32_t offset_high, std::uint32_t length_low,
                std::uint32_t length_high) noexcept;
/// RLIMIT_FSIZE, for truncate and its like: may the process give this node `size` bytes? Error:
/// file_too_big, and the process is told by a SIGXFSZ.
Status check_new_size(Process& self, fs::Vnode& node, std::uint64_t size) noexcept;
Reply fsync(Process& self, Fd fd) noexcept;
Reply fadvise64(Process& self, Fd fd, std::uint32_t low, std::uint32_t high, std::uint32_t size,
                std::uint32_t advice) noexcept;
Reply fadvise64_64(Process& self, Fd fd, std::uint32_t offset_low, std::uint32_t offset_high,
                   std::uint32_t low, std::uint32_t high, std::uint32_t advice) noexcept;
Reply readahead(Process& self, Fd fd) noexcept;
Reply sync_file_range(Process& self, Fd fd, std::uint32_t offset_low, std::uint32_t offset_high,
                      std::uint32_t size_low, std::uint32_t size_high,
                      std::uint32_t flags) noexcept;

// Descriptors.
Reply close(Process& self, Fd fd) noexcept;
Reply memfd_create(Process& self, UserPtr<const char> name, std::uint32_t flags) noexcept;
Reply close_range(Process& self, std::uint32_t first, std::uint32_t last,
                  std::uint32_t flags) noexcept;
Reply dup(Process& self, Fd fd) noexcept;
Reply dup2(Process& self, Fd fd, Fd to) noexcept;
Reply dup3(Process& self, Fd fd, Fd to, std::uint32_t flags) noexcept;
Reply pipe(Process& self, UserPtr<std::uint32_t> fds) noexcept;
Reply pipe2(Process& self, UserPtr<std::uint32_t> fds, std::uint32_t flags) noexcept;
Reply fcntl64(Process& self, Fd fd, std::uint32_t command, std::uint32_t argument) noexcept;
Reply flock(Process& self, Fd fd, std::uint32_t operation) noexcept;
Reply ioctl(Process& self, Fd fd, std::uint32_t request, std::uint32_t argument) noexcept;
Reply getdents64(Process& self, Fd fd, VirtAddr to, std::uint32_t size) noexcept;
Reply getdents(Process& self, Fd fd, VirtAddr to, std::uint32_t size) noexcept;
Reply old_readdir(Process& self, Fd fd, VirtAddr to) noexcept;

}  // namespace kidney::kernel::calls

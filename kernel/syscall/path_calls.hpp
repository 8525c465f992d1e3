/// Calls that take a path.
#pragma once

#include "kernel/syscall/adapt.hpp"
#include "kernel/syscall/old_ids.hpp"

namespace kidney::kernel::calls {

using Path = UserPtr<const char>;

// Opening.
Reply open(Process& self, Path path, std::uint32_t flags, std::uint32_t mode) noexcept;
Reply creat(Process& self, Path path, std::uint32_t mode) noexcept;
Reply openat(Process& self, std::int32_t at, Path path, std::uint32_t flags,
             std::uint32_t mode) noexcept;
Reply openat2(Process& self, std::int32_t at, Path path, VirtAddr how, std::uint32_t size) noexcept;

// Names.
Reply mkdir(Process& self, Path path, std::uint32_t mode) noexcept;
Reply mkdirat(Process& self, std::int32_t at, Path path, std::uint32_t mode) noexcept;
Reply mknod(Process& self, Path path, std::uint32_t mode, std::uint32_t device) noexcept;
Reply mknodat(Process& self, std::int32_t at, Path path, std::uint32_t mode,
              std::uint32_t device) noexcept;
Reply link(Process& self, Path from, Path to) noexcept;
Reply linkat(Process& self, std::int32_t from_at, Path from, std::int32_t to_at, Path to,
             std::uint32_t flags) noexcept;
Reply symlink(Process& self, Path target, Path path) noexcept;
Reply symlinkat(Process& self, Path target, std::int32_t at, Path path) noexcept;
Reply readlink(Process& self, Path path, VirtAddr to, std::uint32_t size) noexcept;
Reply readlinkat(Process& self, std::int32_t at, Path path, VirtAddr to,
                 std::uint32_t size) noexcept;
Reply unlink(Process& self, Path path) noexcept;
Reply rmdir(Process& self, Path path) noexcept;
Reply unlinkat(Process& self, std::int32_t at, Path path, std::uint32_t flags) noexcept;
Reply rename(Process& self, Path from, Path to) noexcept;
Reply renameat(Process& self, std::int32_t from_at, Path from, std::int32_t to_at,
               Path to) noexcept;
Reply renameat2(Process& self, std::int32_t from_at, Path from, std::int32_t to_at, Path to,
                std::uint32_t flags) noexcept;

// Directories of the process.
Reply chdir(Process& self, Path path) noexcept;
Reply fchdir(Process& self, Fd fd) noexcept;
Reply chroot(Process& self, Path path) noexcept;
Reply getcwd(Process& self, VirtAddr to, std::uint32_t size) noexcept;
Reply umask(Process& self, std::uint32_t mask) noexcept;

// Looking: kernel/syscall/stat_calls.cpp.
Reply stat64(Process& self, Path path, VirtAddr to) noexcept;
Reply lstat64(Process& self, Path path, VirtAddr to) noexcept;
Reply fstat64(Process& self, Fd fd, VirtAddr to) noexcept;
Reply fstatat64(Process& self, std::int32_t at, Path path, VirtAddr to,
                std::uint32_t flags) noexcept;
Reply statx(Process& self, std::int32_t at, Path path, std::uint32_t flags, std::uint32_t mask,
            VirtAddr to) noexcept;
Reply statfs64(Process& self, Path path, std::uint32_t size, VirtAddr to) noexcept;
Reply fstatfs64(Process& self, Fd fd, std::uint32_t size, VirtAddr to) noexcept;
// The same for programs of the time before files of 2 GiB (stat), and before stat (old_stat).
Reply stat(Process& self, Path path, VirtAddr to) noexcept;
Reply lstat(Process& self, Path path, VirtAddr to) noexcept;
Reply fstat(Process& self, Fd fd, VirtAddr to) noexcept;
Reply old_stat(Process& self, Path path, VirtAddr to) noexcept;
Reply old_lstat(Process& self, Path path, VirtAddr to) noexcept;
Reply old_fstat(Process& self, Fd fd, VirtAddr to) noexcept;
Reply statfs(Process& self, Path path, VirtAddr to) noexcept;
Reply fstatfs(Process& self, Fd fd, VirtAddr to) noexcept;
Reply ustat(Process& self, std::uint32_t device, VirtAddr to) noexcept;

// Changing: kernel/syscall/attribute_calls.cpp.
Reply access(Process& self, Path path, std::uint32_t mode) noexcept;
Reply faccessat(Process& self, std::int32_t at, Path path, std::uint32_t mode) noexcept;
Reply faccessat2(Process& self, std::int32_t at, Path path, std::uint32_t mode,
                 std::uint32_t flags) noexcept;
Reply chmod(Process& self, Path path, std::uint32_t mode) noexcept;
Reply fchmod(Process& self, Fd fd, std::uint32_t mode) noexcept;
Reply fchmodat(Process& self, std::int32_t at, Path path, std::uint32_t mode) noexcept;
Reply chown16(Process& self, Path path, OldId uid, OldId gid) noexcept;
Reply lchown16(Process& self, Path path, OldId uid, OldId gid) noexcept;
Reply fchown16(Process& self, Fd fd, OldId uid, OldId gid) noexcept;
Reply chown32(Process& self, Path path, std::uint32_t uid, std::uint32_t gid) noexcept;
Reply lchown32(Process& self, Path path, std::uint32_t uid, std::uint32_t gid) noexcept;
Reply fchown32(Process& self, Fd fd, std::uint32_t uid, std::uint32_t gid) noexcept;
Reply fchownat(Process& self, std::int32_t at, Path path, std::uint32_t uid, std::uint32_t gid,
               std::uint32_t flags) noexcept;
Reply truncate(Process& self, Path path, std::uint32_t size) noexcept;
Reply truncate64(Process& self, Path path, std::uint32_t low, std::uint32_t high) noexcept;
Reply utimensat(Process& self, std::int32_t at, Path path, VirtAddr times,
                std::uint32_t flags) noexcept;
Reply utimensat_time64(Process& self, std::int32_t at, Path path, VirtAddr times,
                       std::uint32_t flags) noexcept;
Reply futimesat(Process& self, std::int32_t at, Path path, VirtAddr times) noexcept;
Reply utimes(Process& self, Path path, VirtAddr times) noexcept;
Reply utime(Process& self, Path path, VirtAddr times) noexcept;

// Extended attributes, which no file system here has: kernel/syscall/xattr_calls.cpp.
Reply setxattr(Process& self, Path path, Path name, VirtAddr value, std::uint32_t size,
               std::uint32_t flags) noexcept;
Reply lsetxattr(Process& self, Path path, Path name, VirtAddr value, std::uint32_t size,
                std::uint32_t flags) noexcept;
Reply fsetxattr(Process& self, Fd fd, Path name, VirtAddr value, std::uint32_t size,
                std::uint32_t flags) noexcept;
Reply getxattr(Process& self, Path path, Path name) noexcept;
Reply lgetxattr(Process& self, Path path, Path name) noexcept;
Reply fgetxattr(Process& self, Fd fd, Path name) noexcept;
Reply listxattr(Process& self, Path path) noexcept;
Reply llistxattr(Process& self, Path path) noexcept;
Reply flistxattr(Process& self, Fd fd) noexcept;
Reply removexattr(Process& self, Path path, Path name) noexcept;
Reply lremovexattr(Process& self, Path path, Path name) noexcept;
Reply fremovexattr(Process& self, Fd fd, Path name) noexcept;

}  // namespace kidney::kernel::calls

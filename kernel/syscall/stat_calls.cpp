/// stat and statfs in their many forms.
#include "kernel/process/process.hpp"
#include "kernel/syscall/old_ids.hpp"
#include "kernel/syscall/path_argument.hpp"
#include "kernel/syscall/path_calls.hpp"
#include "kidney/abi/file_mode.hpp"

#include <asm/stat.h>
#include <asm/statfs.h>
#include <concepts>
#include <limits>
#include <linux/stat.h>
#include <linux/types.h>

namespace kidney::kernel::calls {
namespace {

static_assert(sizeof(struct stat64) == 96 && sizeof(struct statx) == 256 &&
              sizeof(struct statfs64) == 84 && sizeof(struct stat) == 64 &&
              sizeof(struct __old_kernel_stat) == 32 && sizeof(struct statfs) == 64);

std::uint32_t mode_of(const fs::Attributes& a) noexcept {
    constexpr std::uint32_t types[] = {
        abi::mode_regular, abi::mode_directory, abi::mode_symlink, abi::mode_character,
        abi::mode_block,   abi::mode_fifo,      abi::mode_socket,  0};
    return types[static_cast<std::size_t>(a.type)] | a.permissions.bits();
}

std::uint32_t encode(fs::DeviceNumber d) noexcept {
    return (d.minor & 0xffU) | d.major << 8 | (d.minor & ~0xffU) << 12;
}

/// Mounted file systems have no major number; the minor one tells them apart.
constexpr fs::DeviceNumber anonymous_device(std::uint32_t number) noexcept {
    return {0, number};
}

// fill(): the forms that the same facts have in user memory. Each is given a record of zeros.

Status fill(struct stat64& s, const fs::Attributes& a) noexcept {
    s.st_dev = encode(anonymous_device(a.device));
    s.__st_ino = static_cast<unsigned long>(a.inode);
    s.st_mode = mode_of(a);
    s.st_nlink = a.links;
    s.st_uid = a.uid;
    s.st_gid = a.gid;
    s.st_rdev = encode(a.rdev);
    s.st_size = static_cast<long long>(a.size);
    s.st_blksize = a.block_size;
    s.st_blocks = a.blocks;
    s.st_atime = static_cast<unsigned long>(a.accessed.seconds);
    s.st_atime_nsec = a.accessed.nanoseconds;
    s.st_mtime = static_cast<unsigned long>(a.modified.seconds);
    s.st_mtime_nsec = static_cast<unsigned int>(a.modified.nanoseconds);
    s.st_ctime = static_cast<unsigned long>(a.changed.seconds);
    s.st_ctime_nsec = a.changed.nanoseconds;
    s.st_ino = a.inode;
    return {};
}

/// A value of today in a field of then. Error: value_overflow, which the caller collects.
template <std::integral To>
void narrow(To& to, std::uint64_t value, bool& fits) noexcept {
    fits = fits && value <= std::numeric_limits<To>::max();
    to = static_cast<To>(value);
}
/// Eight bits of major, eight of minor.
void narrow_device(auto& to, fs::DeviceNumber d, bool& fits) noexcept {
    fits = fits && d.major < 256 && d.minor < 256;
    to = static_cast<std::uint16_t>(d.major << 8 | d.minor);
}

/// What both older structures have. Error: value_overflow.
template <class Stat>
Status fill_old(Stat& s, const fs::Attributes& a) noexcept {
    bool fits = a.size <= fs::max_small_file;
    narrow_device(s.st_dev, anonymous_device(a.device), fits);
    narrow(s.st_ino, a.inode, fits);
    s.st_mode = static_cast<std::uint16_t>(mode_of(a));
    narrow(s.st_nlink, a.links, fits);
    s.st_uid = id_as<OldId>(a.uid);
    s.st_gid = id_as<OldId>(a.gid);
    narrow_device(s.st_rdev, a.rdev, fits);
    s.st_size = static_cast<decltype(s.st_size)>(a.size);
    s.st_atime = static_cast<decltype(s.st_atime)>(a.accessed.seconds);
    s.st_mtime = static_cast<decltype(s.st_mtime)>(a.modified.seconds);
    s.st_ctime = static_cast<decltype(s.st_ctime)>(a.changed.seconds);
    return fits ? Status() : Status(fail(Errc::value_overflow));
}
Status fill(struct __old_kernel_stat& s, const fs::Attributes& a) noexcept {
    return fill_old(s, a);
}
Status fill(struct stat& s, const fs::Attributes& a) noexcept {
    s.st_blksize = a.block_size;
    s.st_blocks = static_cast<unsigned long>(a.blocks);
    s.st_atime_nsec = a.accessed.nanoseconds;
    s.st_mtime_nsec = a.modified.nanoseconds;
    s.st_ctime_nsec = a.changed.nanoseconds;
    return fill_old(s, a);
}

statx_timestamp stamp(const fs::FileTime& t) noexcept {
    statx_timestamp s{};
    s.tv_sec = t.seconds;
    s.tv_nsec = t.nanoseconds;
    return s;
}

struct statx statx_of(const fs::Attributes& a, const fs::Place& place) noexcept {
    const bool is_mount_root = place.mount && &place.mount->root() == place.node.get();
    struct statx s{};
    s.stx_mask =
        STATX_BASIC_STATS | (place.mount ? STATX_MNT_ID : 0U) | (a.born ? STATX_BTIME : 0U);
    s.stx_blksize = a.block_size;
    s.stx_attributes = is_mount_root ? STATX_ATTR_MOUNT_ROOT : 0;
    s.stx_attributes_mask = STATX_ATTR_MOUNT_ROOT;
    s.stx_nlink = a.links;
    s.stx_uid = a.uid;
    s.stx_gid = a.gid;
    s.stx_mode = static_cast<std::uint16_t>(mode_of(a));
    s.stx_ino = a.inode;
    s.stx_size = a.size;
    s.stx_blocks = a.blocks;
    s.stx_atime = stamp(a.accessed);
    s.stx_btime = stamp(a.born.value_or(fs::FileTime{}));
    s.stx_mtime = stamp(a.modified);
    s.stx_ctime = stamp(a.changed);
    s.stx_rdev_major = a.rdev.major;
    s.stx_rdev_minor = a.rdev.minor;
    s.stx_dev_minor = a.device;
    s.stx_mnt_id = place.mount ? place.mount->number() : 0;
    return s;
}

constexpr std::uint32_t stat_flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH |
                                     AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC;

/// The attributes that (at, path, flags) means. AT_EMPTY_PATH with "" is fstat.
Result<fs::Attributes> attributes_at(Process& self, std::int32_t at, Path path,
                                     std::uint32_t flags) noexcept {
    PathArgument argument;
    TRY(argument.read(self, at, path, (flags & AT_EMPTY_PATH) != 0));
    return argument.attributes((flags & AT_SYMLINK_NOFOLLOW) == 0);
}
Result<fs::Attributes> attributes_of(Process& self, Fd fd) noexcept {
    const OpenFile file = TRY(self.files.get_any(fd));
    return file->attributes();
}

constexpr std::uint32_t statfs_flags(const fs::FileSystemStatus& status) noexcept {
    constexpr std::uint32_t st_rdonly = 1, st_valid = 0x20;
    return st_valid | (status.read_only ? st_rdonly : 0U);
}

Status fill(struct statfs64& s, const fs::FileSystemStatus& status) noexcept {
    s.f_type = status.magic;
    s.f_bsize = s.f_frsize = status.block_size;
    s.f_blocks = status.blocks;
    s.f_bfree = s.f_bavail = status.free_blocks;
    s.f_files = status.nodes;
    s.f_ffree = status.free_nodes;
    s.f_namelen = fs::max_name;
    s.f_flags = statfs_flags(status);
    return {};
}

/// Error: value_overflow.
Status fill(struct statfs& s, const fs::FileSystemStatus& status) noexcept {
    bool fits = true;
    s.f_type = status.magic;
    s.f_bsize = s.f_frsize = status.block_size;
    narrow(s.f_blocks, status.blocks, fits);
    narrow(s.f_bfree, status.free_blocks, fits);
    s.f_bavail = s.f_bfree;
    narrow(s.f_files, status.nodes, fits);
    narrow(s.f_ffree, status.free_nodes, fits);
    s.f_namelen = fs::max_name;
    s.f_flags = statfs_flags(status);
    return fits ? Status() : Status(fail(Errc::value_overflow));
}

Result<fs::FileSystemStatus> file_system_at(Process& self, Path path) noexcept {
    PathArgument argument;
    TRY(argument.read(self, AT_FDCWD, path));
    return TRY(argument.node(true))->file_system().status();
}
Result<fs::FileSystemStatus> file_system_of(Process& self, Fd fd) noexcept {
    const OpenFile file = TRY(self.files.get_any(fd));
    return file->file_system_status();
}

/// The facts, unless they are an error, as a `Record` at `to`.
template <class Record, class Facts>
Reply answer(VirtAddr to, const Result<Facts>& facts) noexcept {
    if (!facts) {
        return fail(facts.error());
    }
    Record record{};
    TRY(fill(record, *facts));
    TRY(put_user(UserPtr<Record>(to), record));
    return 0U;
}

}  // namespace

Reply stat64(Process& self, Path path, VirtAddr to) noexcept {
    return answer<struct stat64>(to, attributes_at(self, AT_FDCWD, path, 0));
}
Reply lstat64(Process& self, Path path, VirtAddr to) noexcept {
    return answer<struct stat64>(to, attributes_at(self, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW));
}
Reply fstat64(Process& self, Fd fd, VirtAddr to) noexcept {
    return answer<struct stat64>(to, attributes_of(self, fd));
}
Reply fstatat64(Process& self, std::int32_t at, Path path, VirtAddr to,
                std::uint32_t flags) noexcept {
    if ((flags & ~stat_flags) != 0) {
        return fail(Errc::invalid_argument);
    }
    return answer<struct stat64>(to, attributes_at(self, at, path, flags));
}

Reply statx(Process& self, std::int32_t at, Path path, std::uint32_t flags, std::uint32_t mask,
            VirtAddr to) noexcept {
    if ((mask & STATX__RESERVED) != 0 || (flags & ~stat_flags) != 0 ||
        (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE) {
        return fail(Errc::invalid_argument);
    }
    PathArgument argument;
    TRY(argument.read(self, at, path, (flags & AT_EMPTY_PATH) != 0));
    const Result<fs::Place> place = argument.place((flags & AT_SYMLINK_NOFOLLOW) == 0);
    if (!place && (!argument.is_empty() || place.error() != Errc::bad_descriptor)) {
        return fail(place.error());
    }
    // A pipe has attributes, but no node.
    const fs::Attributes attributes =
        TRY(place ? place->node->attributes() : argument.attributes(true));
    TRY(put_user(UserPtr<struct statx>(to), statx_of(attributes, place.value_or(fs::Place()))));
    return 0U;
}

Reply stat(Process& self, Path path, VirtAddr to) noexcept {
    return answer<struct stat>(to, attributes_at(self, AT_FDCWD, path, 0));
}
Reply lstat(Process& self, Path path, VirtAddr to) noexcept {
    return answer<struct stat>(to, attributes_at(self, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW));
}
Reply fstat(Process& self, Fd fd, VirtAddr to) noexcept {
    return answer<struct stat>(to, attributes_of(self, fd));
}
Reply old_stat(Process& self, Path path, VirtAddr to) noexcept {
    return answer<__old_kernel_stat>(to, attributes_at(self, AT_FDCWD, path, 0));
}
Reply old_lstat(Process& self, Path path, VirtAddr to) noexcept {
    return answer<__old_kernel_stat>(to, attributes_at(self, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW));
}
Reply old_fstat(Process& self, Fd fd, VirtAddr to) noexcept {
    return answer<__old_kernel_stat>(to, attributes_of(self, fd));
}

Reply statfs64(Process& self, Path path, std::uint32_t size, VirtAddr to) noexcept {
    if (size != sizeof(struct statfs64)) {
        return fail(Errc::invalid_argument);
    }
    return answer<struct statfs64>(to, file_system_at(self, path));
}
Reply fstatfs64(Process& self, Fd fd, std::uint32_t size, VirtAddr to) noexcept {
    if (size != sizeof(struct statfs64)) {
        return fail(Errc::invalid_argument);
    }
    return answer<struct statfs64>(to, file_system_of(self, fd));
}
Reply statfs(Process& self, Path path, VirtAddr to) noexcept {
    return answer<struct statfs>(to, file_system_at(self, path));
}
Reply fstatfs(Process& self, Fd fd, VirtAddr to) noexcept {
    return answer<struct statfs>(to, file_system_of(self, fd));
}

Reply ustat(Process&, std::uint32_t device, VirtAddr to) noexcept {
    struct ustat {
        std::int32_t free_blocks;
        std::uint32_t free_nodes;
        std::array<char, 6> name, pack;
    };
    for (fs::MountView at = vfs().mounts().next(0); at;
         at = vfs().mounts().next(at.mount->number())) {
        if (encode(anonymous_device(TRY(at.mount->root().attributes()).device)) != device) {
            continue;
        }
        const fs::FileSystemStatus status = at.mount->file_system().status();
        ustat u{};
        u.free_blocks = static_cast<std::int32_t>(status.free_blocks);
        u.free_nodes = static_cast<std::uint32_t>(status.free_nodes);
        TRY(put_user(UserPtr<ustat>(to), u));
        return 0U;
    }
    return fail(Errc::invalid_argument);
}

}  // namespace kidney::kernel::calls

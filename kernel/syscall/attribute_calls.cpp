/// stat in its many forms, and what changes attributes.
#include "kernel/process/wall_clock.hpp"
#include "kernel/syscall/file_calls.hpp"
#include "kernel/syscall/path_argument.hpp"
#include "kernel/syscall/path_calls.hpp"
#include "kidney/abi/file_mode.hpp"

#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/stat.h>
#include <optional>

namespace kidney::kernel::calls {
namespace {

static_assert(sizeof(struct stat64) == 96 && sizeof(struct statx) == 256 &&
              sizeof(struct statfs64) == 84);

std::uint32_t mode_of(const fs::Attributes& a) noexcept {
    constexpr std::uint32_t types[] = {abi::mode_regular,   abi::mode_directory, abi::mode_symlink,
                                       abi::mode_character, abi::mode_block,     abi::mode_fifo,
                                       abi::mode_socket};
    return types[static_cast<std::size_t>(a.type)] | a.permissions.bits();
}

std::uint32_t encode(fs::DeviceNumber d) noexcept {
    return (d.minor & 0xffU) | d.major << 8 | (d.minor & ~0xffU) << 12;
}

/// Mounted file systems have no major number; the minor one tells them apart.
constexpr fs::DeviceNumber anonymous_device(std::uint32_t number) noexcept {
    return {0, number};
}

Status put_stat64(VirtAddr to, const fs::Attributes& a) noexcept {
    struct stat64 s{};
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
    return put_user(UserPtr<struct stat64>(to), s);
}

statx_timestamp stamp(const fs::FileTime& t) noexcept {
    statx_timestamp s{};
    s.tv_sec = t.seconds;
    s.tv_nsec = t.nanoseconds;
    return s;
}

Status put_statx(VirtAddr to, const fs::Attributes& a) noexcept {
    struct statx s{};
    s.stx_mask = STATX_BASIC_STATS;
    s.stx_blksize = a.block_size;
    s.stx_nlink = a.links;
    s.stx_uid = a.uid;
    s.stx_gid = a.gid;
    s.stx_mode = static_cast<std::uint16_t>(mode_of(a));
    s.stx_ino = a.inode;
    s.stx_size = a.size;
    s.stx_blocks = a.blocks;
    s.stx_atime = stamp(a.accessed);
    s.stx_mtime = stamp(a.modified);
    s.stx_ctime = stamp(a.changed);
    s.stx_rdev_major = a.rdev.major;
    s.stx_rdev_minor = a.rdev.minor;
    s.stx_dev_minor = a.device;
    return put_user(UserPtr<struct statx>(to), s);
}

/// The attributes that (at, path, flags) means. AT_EMPTY_PATH with "" is fstat.
Result<fs::Attributes> attributes_at(Process& self, std::int32_t at, Path path,
                                     std::uint32_t flags) noexcept {
    PathArgument argument;
    TRY(argument.read(self, at, path, (flags & AT_EMPTY_PATH) != 0));
    if (argument.is_empty() && at != AT_FDCWD) {
        return TRY(argument.file())->attributes();  // pipes have attributes, but no node
    }
    return TRY(argument.node((flags & AT_SYMLINK_NOFOLLOW) == 0))->attributes();
}

Status put_statfs(fs::FileSystem& fs, std::uint32_t size, VirtAddr to) noexcept {
    if (size != sizeof(struct statfs64)) {
        return fail(Errc::invalid_argument);
    }
    const fs::FileSystemStatus status = fs.status();
    struct statfs64 s{};
    s.f_type = status.magic;
    s.f_bsize = s.f_frsize = status.block_size;
    s.f_blocks = status.blocks;
    s.f_bfree = s.f_bavail = status.free_blocks;
    s.f_files = status.nodes;
    s.f_ffree = status.free_nodes;
    s.f_namelen = fs::max_name;
    constexpr std::uint32_t st_rdonly = 1, st_valid = 0x20;
    s.f_flags = st_valid | (status.read_only ? st_rdonly : 0U);
    return put_user(UserPtr<struct statfs64>(to), s);
}

Reply change_at(Process& self, std::int32_t at, Path path, std::uint32_t flags,
                const fs::AttributeChange& change, bool now = false) noexcept {
    PathArgument argument;
    TRY(argument.read(self, at, path, (flags & AT_EMPTY_PATH) != 0));
    const Ref<fs::Vnode> node = TRY(argument.node((flags & AT_SYMLINK_NOFOLLOW) == 0));
    if (change.size) {
        TRY(check_new_size(self, *node, *change.size));
    }
    TRY(vfs().change_node(self.identity.effective(), *node, change, now));
    return 0U;
}

Reply change_open(Process& self, Fd fd, const fs::AttributeChange& change,
                  bool now = false) noexcept {
    fs::Vnode* const node = TRY(self.files.get(fd))->vnode();
    if (node == nullptr) {
        return 0U;  // a pipe: nobody can look the result up
    }
    TRY(vfs().change_node(self.identity.effective(), *node, change, now));
    return 0U;
}

fs::AttributeChange new_mode(std::uint32_t mode) noexcept {
    fs::AttributeChange change;
    change.permissions = fs::Permissions(static_cast<std::uint16_t>(mode & 07777U));
    return change;
}

/// -1 means: leave it.
fs::AttributeChange new_owner(std::uint32_t uid, std::uint32_t gid) noexcept {
    fs::AttributeChange change;
    if (uid != ~0U) {
        change.uid = uid;
    }
    if (gid != ~0U) {
        change.gid = gid;
    }
    return change;
}

}  // namespace

Reply stat64(Process& self, Path path, VirtAddr to) noexcept {
    TRY(put_stat64(to, TRY(attributes_at(self, AT_FDCWD, path, 0))));
    return 0U;
}
Reply lstat64(Process& self, Path path, VirtAddr to) noexcept {
    TRY(put_stat64(to, TRY(attributes_at(self, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW))));
    return 0U;
}
Reply fstat64(Process& self, Fd fd, VirtAddr to) noexcept {
    TRY(put_stat64(to, TRY(TRY(self.files.get(fd))->attributes())));
    return 0U;
}
Reply fstatat64(Process& self, std::int32_t at, Path path, VirtAddr to,
                std::uint32_t flags) noexcept {
    TRY(put_stat64(to, TRY(attributes_at(self, at, path, flags))));
    return 0U;
}
Reply statx(Process& self, std::int32_t at, Path path, std::uint32_t flags, std::uint32_t,
            VirtAddr to) noexcept {
    TRY(put_statx(to, TRY(attributes_at(self, at, path, flags))));
    return 0U;
}

Reply statfs64(Process& self, Path path, std::uint32_t size, VirtAddr to) noexcept {
    PathArgument argument;
    TRY(argument.read(self, AT_FDCWD, path));
    TRY(put_statfs(TRY(argument.node(true))->file_system(), size, to));
    return 0U;
}
Reply fstatfs64(Process& self, Fd fd, std::uint32_t size, VirtAddr to) noexcept {
    fs::Vnode* const node = TRY(self.files.get(fd))->vnode();
    if (node == nullptr) {
        return fail(Errc::not_implemented);
    }
    TRY(put_statfs(node->file_system(), size, to));
    return 0U;
}

Reply faccessat2(Process& self, std::int32_t at, Path path, std::uint32_t mode,
                 std::uint32_t flags) noexcept {
    constexpr std::uint32_t at_eaccess = 0x200;
    if ((mode & ~7U) != 0) {
        return fail(Errc::invalid_argument);
    }
    PathArgument argument;
    TRY(argument.read(self, at, path, (flags & AT_EMPTY_PATH) != 0));
    const auto wanted = static_cast<fs::Access>(mode);
    if (argument.is_empty()) {
        TRY(fs::check_access(TRY(TRY(argument.node(true))->attributes()), self.identity.effective(),
                             wanted));
        return 0U;
    }
    const fs::PathContext context =
        (flags & at_eaccess) != 0 ? argument.context() : argument.real_context();
    TRY(vfs().access(context, argument.view(), wanted, (flags & AT_SYMLINK_NOFOLLOW) == 0));
    return 0U;
}
Reply faccessat(Process& self, std::int32_t at, Path path, std::uint32_t mode) noexcept {
    return faccessat2(self, at, path, mode, 0);
}
Reply access(Process& self, Path path, std::uint32_t mode) noexcept {
    return faccessat2(self, AT_FDCWD, path, mode, 0);
}

Reply chmod(Process& self, Path path, std::uint32_t mode) noexcept {
    return change_at(self, AT_FDCWD, path, 0, new_mode(mode));
}
Reply fchmod(Process& self, Fd fd, std::uint32_t mode) noexcept {
    return change_open(self, fd, new_mode(mode));
}
Reply fchmodat(Process& self, std::int32_t at, Path path, std::uint32_t mode) noexcept {
    return change_at(self, at, path, 0, new_mode(mode));
}
Reply chown32(Process& self, Path path, std::uint32_t uid, std::uint32_t gid) noexcept {
    return change_at(self, AT_FDCWD, path, 0, new_owner(uid, gid));
}
Reply lchown32(Process& self, Path path, std::uint32_t uid, std::uint32_t gid) noexcept {
    return change_at(self, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, new_owner(uid, gid));
}
Reply fchown32(Process& self, Fd fd, std::uint32_t uid, std::uint32_t gid) noexcept {
    return change_open(self, fd, new_owner(uid, gid));
}
Reply chown16(Process& self, Path path, OldId uid, OldId gid) noexcept {
    return chown32(self, path, id_from(uid), id_from(gid));
}
Reply lchown16(Process& self, Path path, OldId uid, OldId gid) noexcept {
    return lchown32(self, path, id_from(uid), id_from(gid));
}
Reply fchown16(Process& self, Fd fd, OldId uid, OldId gid) noexcept {
    return fchown32(self, fd, id_from(uid), id_from(gid));
}
Reply fchownat(Process& self, std::int32_t at, Path path, std::uint32_t uid, std::uint32_t gid,
               std::uint32_t flags) noexcept {
    return change_at(self, at, path, flags, new_owner(uid, gid));
}

Reply truncate64(Process& self, Path path, std::uint32_t low, std::uint32_t high) noexcept {
    if (static_cast<std::int32_t>(high) < 0) {
        return fail(Errc::invalid_argument);
    }
    fs::AttributeChange change;
    change.size = std::uint64_t{high} << 32 | low;
    return change_at(self, AT_FDCWD, path, 0, change);
}
Reply truncate(Process& self, Path path, std::uint32_t size) noexcept {
    return truncate64(self, path, size, static_cast<std::int32_t>(size) < 0 ? ~0U : 0U);
}

namespace {

/// Two times as programs give them, widened.
struct TimePair {
    struct {
        std::int64_t seconds;
        std::int64_t nanoseconds;
    } accessed, modified;
};

Reply set_times(Process& self, std::int32_t at, Path path, const std::optional<TimePair>& times,
                std::uint32_t flags) noexcept {
    constexpr std::int64_t utime_now = 0x3fff'ffff;
    constexpr std::int64_t utime_omit = 0x3fff'fffe;
    constexpr std::int64_t second = 1'000'000'000;
    const fs::FileTime now = wall_time();
    fs::AttributeChange change;
    bool all_now = true;
    const auto convert = [&](const auto& t, std::optional<fs::FileTime>& to) -> Status {
        if (t.nanoseconds == utime_omit) {
            all_now = false;
        } else if (t.nanoseconds == utime_now) {
            to = now;
        } else if (t.nanoseconds >= 0 && t.nanoseconds < second) {
            to = fs::FileTime{t.seconds, static_cast<std::uint32_t>(t.nanoseconds)};
            all_now = false;
        } else {
            return fail(Errc::invalid_argument);
        }
        return {};
    };
    if (times) {
        TRY(convert(times->accessed, change.accessed));
        TRY(convert(times->modified, change.modified));
    } else {
        change.accessed = change.modified = now;
    }
    // utimensat(fd, NULL, ...) is futimens.
    if (path.is_null()) {
        return change_open(self, Fd(static_cast<std::uint32_t>(at)), change, all_now);
    }
    return change_at(self, at, path, flags, change, all_now);
}

}  // namespace

Reply utimensat(Process& self, std::int32_t at, Path path, VirtAddr times,
                std::uint32_t flags) noexcept {
    std::optional<TimePair> pair;
    if (times != VirtAddr(0)) {
        struct Raw {
            std::int32_t v[4];
        };
        const Raw raw = TRY(get_user(UserPtr<const Raw>(times)));
        pair = TimePair{{raw.v[0], raw.v[1]}, {raw.v[2], raw.v[3]}};
    }
    return set_times(self, at, path, pair, flags);
}

Reply utimensat_time64(Process& self, std::int32_t at, Path path, VirtAddr times,
                       std::uint32_t flags) noexcept {
    std::optional<TimePair> pair;
    if (times != VirtAddr(0)) {
        struct Raw {
            std::int64_t v[4];
        };
        const Raw raw = TRY(get_user(UserPtr<const Raw>(times)));
        constexpr std::int64_t low_word = 0xffff'ffff;  // the padding above tv_nsec is ignored
        pair = TimePair{{raw.v[0], raw.v[1] & low_word}, {raw.v[2], raw.v[3] & low_word}};
    }
    return set_times(self, at, path, pair, flags);
}

Reply utimes(Process& self, Path path, VirtAddr times) noexcept {
    std::optional<TimePair> pair;
    if (times != VirtAddr(0)) {
        struct Raw {
            std::int32_t v[4];
        };
        const Raw raw = TRY(get_user(UserPtr<const Raw>(times)));
        pair = TimePair{{raw.v[0], std::int64_t{raw.v[1]} * 1000},
                        {raw.v[2], std::int64_t{raw.v[3]} * 1000}};
    }
    return set_times(self, AT_FDCWD, path, pair, 0);
}

}  // namespace kidney::kernel::calls

/// access, and what changes attributes.
#include "fs/vfs/permission_rules.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/syscall/file_calls.hpp"
#include "kernel/syscall/path_argument.hpp"
#include "kernel/syscall/path_calls.hpp"

#include <optional>

namespace kidney::kernel::calls {
namespace {

Reply change_at(Process& self, std::int32_t at, Path path, std::uint32_t flags,
                const fs::AttributeChange& change, bool now = false) noexcept {
    PathArgument argument;
    TRY(argument.read(self, at, path, (flags & AT_EMPTY_PATH) != 0));
    const bool follow = (flags & AT_SYMLINK_NOFOLLOW) == 0;
    if (change.size && self.limits.limits_file_size()) {
        TRY(check_new_size(self, *TRY(argument.node(follow)), *change.size));
    }
    if (!argument.is_empty()) {
        TRY(vfs().change(argument.context(), argument.view(), follow, change, now));
        return 0U;
    }
    const fs::Place place = TRY(argument.place(follow));
    TRY(vfs().attribute_changes().change(self.who()->effective(), place.mount.get(), {*place.node},
                                         change, now));
    return 0U;
}

Reply change_open(Process& self, Fd fd, const fs::AttributeChange& change,
                  bool now = false) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    const auto self_now = self.who();
    const fs::Credentials who = self_now->effective();
    if (file->vnode() != nullptr) {
        TRY(vfs().attribute_changes().change(who, *file, change, now));
        return 0U;
    }
    fs::AttributeChange allowed = change;
    TRY(fs::check_change(who, TRY(file->attributes()), allowed, now));
    TRY(file->set_attributes(allowed));
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
    change.ownership = true;
    return change;
}

}  // namespace

Reply faccessat2(Process& self, std::int32_t at, Path path, std::uint32_t mode,
                 std::uint32_t flags) noexcept {
    constexpr std::uint32_t known = AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
    if ((mode & ~7U) != 0 || (flags & ~known) != 0) {
        return fail(Errc::invalid_argument);
    }
    PathArgument argument;
    TRY(argument.read(self, at, path, (flags & AT_EMPTY_PATH) != 0));
    const auto wanted = static_cast<fs::Access>(mode);
    const bool effective = (flags & AT_EACCESS) != 0;
    if (argument.is_empty()) {
        TRY(fs::check_access(TRY(argument.attributes(true)),
                             effective ? self.who()->effective() : self.who()->real(), wanted));
        return 0U;
    }
    const fs::PathContext context = effective ? argument.context() : argument.real_context();
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
    if ((flags & ~std::uint32_t{AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH}) != 0) {
        return fail(Errc::invalid_argument);
    }
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
        if (!change.accessed && !change.modified) {
            return 0U;  // both stay: Linux does not even look for the file
        }
    } else {
        change.accessed = change.modified = now;
    }
    if ((flags & ~std::uint32_t{AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH}) != 0) {
        return fail(Errc::invalid_argument);
    }
    // utimensat(fd, NULL, ...) is futimens.
    if (path.is_null() && at != AT_FDCWD) {
        if (flags != 0) {
            return fail(Errc::invalid_argument);
        }
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

Reply futimesat(Process& self, std::int32_t at, Path path, VirtAddr times) noexcept {
    std::optional<TimePair> pair;
    if (times != VirtAddr(0)) {
        struct Raw {
            std::int32_t v[4];
        };
        const Raw raw = TRY(get_user(UserPtr<const Raw>(times)));
        pair = TimePair{{raw.v[0], std::int64_t{raw.v[1]} * 1000},
                        {raw.v[2], std::int64_t{raw.v[3]} * 1000}};
    }
    return set_times(self, at, path, pair, 0);
}
Reply utimes(Process& self, Path path, VirtAddr times) noexcept {
    return futimesat(self, AT_FDCWD, path, times);
}

Reply utime(Process& self, Path path, VirtAddr times) noexcept {
    std::optional<TimePair> pair;
    if (times != VirtAddr(0)) {
        struct Raw {
            std::int32_t v[2];
        };
        const Raw raw = TRY(get_user(UserPtr<const Raw>(times)));
        pair = TimePair{{raw.v[0], 0}, {raw.v[1], 0}};
    }
    return set_times(self, AT_FDCWD, path, pair, 0);
}

}  // namespace kidney::kernel::calls

/// mount, umount and umount2.
#include "kernel/syscall/mount_calls.hpp"

#include "kernel/storage/disk_mounts.hpp"
#include "kernel/storage/file_systems.hpp"
#include "kernel/storage/mounts.hpp"
#include "kernel/syscall/path_argument.hpp"

#include <linux/mount.h>
#include <optional>

namespace kidney::kernel::calls {
namespace {

fs::MountFlags flags_from(std::uint32_t flags) noexcept {
    const auto has = [flags](std::uint32_t bit) noexcept { return (flags & bit) != 0; };
    const bool no_times = has(MS_NOATIME);
    return {.read_only = has(MS_RDONLY),
            .no_set_id = has(MS_NOSUID),
            .no_devices = has(MS_NODEV),
            .no_execute = has(MS_NOEXEC),
            .no_access_times = no_times,
            .relative_access_times = !no_times};
}

/// A new file system on `target`.
Status mount_new(Process& self, const PathArgument& target, const UserPath& source,
                 std::string_view type, std::uint32_t flags, std::string_view options) noexcept {
    MountRequest request{.type = type,
                         .source_name = source.view(),
                         .options = options,
                         .read_only = (flags & MS_RDONLY) != 0};
    if (TRY(type_needs_device(type))) {
        request.disk = TRY(disk_of(TRY(vfs().place_at(Standpoint(self), source.view(), true))));
    }
    fs::FileSystem* const file_system = TRY(file_system_for(request));
    const Status mounted =
        vfs().mount(target.context(), target.view(), *file_system,
                    source.view().empty() ? "none" : source.view(), flags_from(flags));
    if (!mounted) {
        give_back(*file_system);
    }
    return mounted;
}

Status change_mounts(Process& self, const PathArgument& target, const UserPath& source,
                     const UserPath& type, std::uint32_t flags, const UserPath& options) noexcept {
    auto& mounting = vfs().mounting();
    const fs::PathContext context = target.context();
    constexpr std::uint32_t propagation = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
    if ((flags & MS_REMOUNT) != 0) {
        return mounting.remount(context, target.view(), flags_from(flags), (flags & MS_BIND) == 0);
    }
    if ((flags & MS_BIND) != 0) {
        return source.view().empty()
                   ? Status(fail(Errc::invalid_argument))
                   : mounting.bind(context, source.view(), target.view(), (flags & MS_REC) != 0);
    }
    if ((flags & propagation) != 0) {
        // There is one tree of mounts for all: each is private already, and none can be shared.
        const fs::Place place = TRY(target.place(true));
        const bool is_root = place.node.get() == &place.mount->root();
        return is_root && (flags & MS_SHARED) == 0 ? Status() : fail(Errc::invalid_argument);
    }
    if ((flags & MS_MOVE) != 0) {
        return source.view().empty() ? Status(fail(Errc::invalid_argument))
                                     : mounting.move(context, source.view(), target.view());
    }
    return mount_new(self, target, source, type.view(), flags, options.view());
}

}  // namespace

Reply mount(Process& self, UserPtr<const char> source, UserPtr<const char> target,
            UserPtr<const char> type, std::uint32_t flags, UserPtr<const char> options) noexcept {
    UserPath type_text, source_text, option_text;
    TRY(type.is_null() ? Status() : type_text.read(type));
    TRY(source.is_null() ? Status() : source_text.read(source));
    TRY(options.is_null() ? Status() : option_text.read(options));
    if ((flags & MS_MGC_MSK) == MS_MGC_VAL) {
        flags &= ~std::uint32_t{MS_MGC_MSK};
    }
    PathArgument path;
    TRY(path.read(self, AT_FDCWD, target));
    TRY(path.node(true));
    if (!self.identity.is_privileged()) {
        return fail(Errc::not_permitted);
    }
    constexpr std::uint32_t without_type =
        MS_REMOUNT | MS_BIND | MS_MOVE | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
    if (type.is_null() && (flags & without_type) == 0) {
        return fail(Errc::invalid_argument);
    }
    LockGuard turn(mounting_lock());
    TRY(change_mounts(self, path, source_text, type_text, flags, option_text));
    return 0U;
}

Reply umount2(Process& self, UserPtr<const char> target, std::uint32_t flags) noexcept {
    constexpr std::uint32_t force = 1, detach = 2, expire = 4, no_follow = 8;
    if ((flags & ~(force | detach | expire | no_follow)) != 0 ||
        ((flags & expire) != 0 && (flags & (force | detach)) != 0)) {
        return fail(Errc::invalid_argument);
    }
    PathArgument path;
    TRY(path.read(self, AT_FDCWD, target));
    TRY(path.node((flags & no_follow) == 0));
    if (!self.identity.is_privileged()) {
        return fail(Errc::not_permitted);
    }
    LockGuard turn(mounting_lock());
    auto& mounting = vfs().mounting();
    mounting.reap();
    // MNT_FORCE is for file systems that have lost their server, MNT_EXPIRE for automounters.
    TRY(mounting.unmount(path.context(), path.view(),
                         {.detach = (flags & detach) != 0, .no_follow = (flags & no_follow) != 0}));
    return 0U;
}
Reply umount(Process& self, UserPtr<const char> target) noexcept {
    return umount2(self, target, 0);
}

}  // namespace kidney::kernel::calls

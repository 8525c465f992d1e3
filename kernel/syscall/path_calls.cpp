/// Opening, making, moving and removing names; the current directory.
#include "kernel/syscall/path_calls.hpp"

#include "kernel/syscall/open_flags.hpp"
#include "kernel/syscall/path_argument.hpp"
#include "kernel/syscall/path_buffer.hpp"
#include "kidney/abi/file_mode.hpp"

#include <linux/fs.h>
#include <linux/openat2.h>

namespace kidney::kernel::calls {
namespace {

fs::Permissions masked(const Process& self, std::uint32_t mode) noexcept {
    return fs::Permissions(
        static_cast<std::uint16_t>(mode & ~self.umask.load(std::memory_order_relaxed) & 07777U));
}

/// st_rdev and mknod's device: 12 bits of major, 20 of minor, interleaved.
fs::DeviceNumber device_of(std::uint32_t d) noexcept {
    return {d >> 8 & 0xfffU, (d & 0xffU) | (d >> 12 & 0xfff00U)};
}

Reply open_path(Process& self, std::int32_t at, Path path, std::uint32_t flags, std::uint32_t mode,
                const fs::WalkLimits& limits = {}) noexcept {
    const fs::OpenFlags wanted = TRY(open_flags(flags));
    PathArgument argument;
    TRY(argument.read(self, at, path));
    // First what can fail without a trace: a file that was created or truncated stays so.
    auto number = TRY(self.files.reserve());
    Ref<fs::File> file =
        TRY(vfs().open(argument.context(limits), argument.view(), wanted, masked(self, mode)));
    return self.files.place(std::move(number), std::move(file), (flags & O_CLOEXEC) != 0).value();
}

Reply make_node(Process& self, std::int32_t at, Path path, const fs::NewNode& node) noexcept {
    PathArgument argument;
    TRY(argument.read(self, at, path));
    TRY(vfs().make_node(argument.context(), argument.view(), node));
    return 0U;
}

}  // namespace

Reply open(Process& self, Path path, std::uint32_t flags, std::uint32_t mode) noexcept {
    return open_path(self, AT_FDCWD, path, flags, mode);
}
Reply creat(Process& self, Path path, std::uint32_t mode) noexcept {
    return open_path(self, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}
Reply openat(Process& self, std::int32_t at, Path path, std::uint32_t flags,
             std::uint32_t mode) noexcept {
    return open_path(self, at, path, flags, mode);
}

Reply openat2(Process& self, std::int32_t at, Path path, VirtAddr how,
              std::uint32_t size) noexcept {
    constexpr std::uint32_t largest = page_size;
    if (size < sizeof(open_how)) {
        return fail(Errc::invalid_argument);
    }
    if (size > largest) {
        return fail(Errc::argument_list_long);
    }
    const open_how wanted = TRY(get_user(UserPtr<const open_how>(how)));
    // What a later version of the structure adds must not be asked for.
    for (std::uint32_t n = sizeof(open_how); n < size; ++n) {
        if (TRY(get_user(UserPtr<const std::uint8_t>(how + n))) != 0) {
            return fail(Errc::argument_list_long);
        }
    }
    constexpr std::uint64_t known_limits = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS |
                                           RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT |
                                           RESOLVE_CACHED;
    constexpr std::uint64_t scopes = RESOLVE_BENEATH | RESOLVE_IN_ROOT;
    const std::uint64_t known = (wanted.flags & O_PATH) != 0 ? path_open_flags : known_open_flags;
    const bool creating =
        wanted.flags <= known_open_flags && creates(static_cast<std::uint32_t>(wanted.flags));
    if ((wanted.flags & ~known) != 0 || (wanted.resolve & ~known_limits) != 0 ||
        (wanted.resolve & scopes) == scopes || (wanted.mode & ~(creating ? 07777ULL : 0ULL)) != 0) {
        return fail(Errc::invalid_argument);
    }
    if ((wanted.resolve & RESOLVE_CACHED) != 0 && (creating || (wanted.flags & O_TRUNC) != 0)) {
        return fail(Errc::would_block);
    }
    const auto has = [&](std::uint64_t bit) { return (wanted.resolve & bit) != 0; };
    return open_path(self, at, path, static_cast<std::uint32_t>(wanted.flags),
                     static_cast<std::uint32_t>(wanted.mode),
                     {.no_mounts = has(RESOLVE_NO_XDEV),
                      .no_symlinks = has(RESOLVE_NO_SYMLINKS),
                      .no_magic_links = has(RESOLVE_NO_MAGICLINKS),
                      .beneath = has(RESOLVE_BENEATH),
                      .in_root = has(RESOLVE_IN_ROOT)});
}

Reply mkdirat(Process& self, std::int32_t at, Path path, std::uint32_t mode) noexcept {
    fs::NewNode node;
    node.type = fs::NodeType::directory;
    node.permissions = masked(self, mode & 01777U);
    return make_node(self, at, path, node);
}
Reply mkdir(Process& self, Path path, std::uint32_t mode) noexcept {
    return mkdirat(self, AT_FDCWD, path, mode);
}

Reply mknodat(Process& self, std::int32_t at, Path path, std::uint32_t mode,
              std::uint32_t device) noexcept {
    fs::NewNode node;
    node.permissions = masked(self, mode);
    switch (mode & abi::mode_type_mask) {
        case 0:
        case abi::mode_regular:
            node.type = fs::NodeType::regular;
            break;
        case abi::mode_fifo:
            node.type = fs::NodeType::fifo;
            break;
        case abi::mode_socket:
            node.type = fs::NodeType::socket;
            break;
        case abi::mode_character:
        case abi::mode_block:
            node.type = (mode & abi::mode_type_mask) == abi::mode_character
                            ? fs::NodeType::character
                            : fs::NodeType::block;
            node.rdev = device_of(device);
            break;
        case abi::mode_directory:
            return fail(Errc::not_permitted);
        default:
            return fail(Errc::invalid_argument);
    }
    return make_node(self, at, path, node);
}
Reply mknod(Process& self, Path path, std::uint32_t mode, std::uint32_t device) noexcept {
    return mknodat(self, AT_FDCWD, path, mode, device);
}

Reply linkat(Process& self, std::int32_t from_at, Path from, std::int32_t to_at, Path to,
             std::uint32_t flags) noexcept {
    if ((flags & ~std::uint32_t{AT_SYMLINK_FOLLOW | AT_EMPTY_PATH}) != 0) {
        return fail(Errc::invalid_argument);
    }
    // Who has been given an open file has not been given the right to name it.
    const bool by_descriptor = (flags & AT_EMPTY_PATH) != 0;
    if (by_descriptor && !self.identity.is_privileged()) {
        return fail(Errc::not_found);
    }
    PathArgument old_path;
    PathArgument new_path;
    TRY(old_path.read(self, from_at, from, by_descriptor));
    const fs::Place place = TRY(old_path.place((flags & AT_SYMLINK_FOLLOW) != 0));
    TRY(new_path.read(self, to_at, to));
    TRY(vfs().link(place, new_path.context(), new_path.view()));
    return 0U;
}
Reply link(Process& self, Path from, Path to) noexcept {
    return linkat(self, AT_FDCWD, from, AT_FDCWD, to, 0);
}

Reply symlinkat(Process& self, Path target, std::int32_t at, Path path) noexcept {
    UserPath text;
    TRY(text.read(target));
    if (text.view().empty()) {
        return fail(Errc::not_found);
    }
    fs::NewNode node;
    node.type = fs::NodeType::symlink;
    node.permissions = fs::Permissions(0777);
    node.target = text.view();
    return make_node(self, at, path, node);
}
Reply symlink(Process& self, Path target, Path path) noexcept {
    return symlinkat(self, target, AT_FDCWD, path);
}

Reply readlinkat(Process& self, std::int32_t at, Path path, VirtAddr to,
                 std::uint32_t size) noexcept {
    if (size == 0 || static_cast<std::int32_t>(size) < 0) {
        return fail(Errc::invalid_argument);
    }
    PathArgument argument;
    TRY(argument.read(self, at, path, true));
    const Ref<fs::Vnode> link = TRY(argument.node(false));
    if (link->type() != fs::NodeType::symlink) {
        return fail(argument.is_empty() ? Errc::not_found : Errc::invalid_argument);
    }
    PathBuffer target;
    const auto room = TRY(target.allocate()).first(std::min<std::size_t>(size, fs::max_path));
    const std::size_t length = TRY(link->read_link(room));
    TRY(copy_out(to, std::as_bytes(room.first(std::min(length, room.size())))));
    return static_cast<std::uint32_t>(std::min(length, room.size()));
}
Reply readlink(Process& self, Path path, VirtAddr to, std::uint32_t size) noexcept {
    return readlinkat(self, AT_FDCWD, path, to, size);
}

Reply unlinkat(Process& self, std::int32_t at, Path path, std::uint32_t flags) noexcept {
    if ((flags & ~std::uint32_t{AT_REMOVEDIR}) != 0) {
        return fail(Errc::invalid_argument);
    }
    PathArgument argument;
    TRY(argument.read(self, at, path));
    if ((flags & AT_REMOVEDIR) != 0) {
        TRY(vfs().remove_directory(argument.context(), argument.view()));
    } else {
        TRY(vfs().unlink(argument.context(), argument.view()));
    }
    return 0U;
}
Reply unlink(Process& self, Path path) noexcept {
    return unlinkat(self, AT_FDCWD, path, 0);
}
Reply rmdir(Process& self, Path path) noexcept {
    return unlinkat(self, AT_FDCWD, path, AT_REMOVEDIR);
}

Reply renameat2(Process& self, std::int32_t from_at, Path from, std::int32_t to_at, Path to,
                std::uint32_t flags) noexcept {
    fs::RenameRule rule = fs::RenameRule::replace;
    switch (flags) {
        case 0:
            break;
        case RENAME_NOREPLACE:
            rule = fs::RenameRule::keep;
            break;
        case RENAME_EXCHANGE:
            rule = fs::RenameRule::exchange;
            break;
        default:
            return fail(Errc::invalid_argument);
    }
    PathArgument old_path;
    PathArgument new_path;
    TRY(old_path.read(self, from_at, from));
    TRY(new_path.read(self, to_at, to));
    TRY(vfs().rename(old_path.context(), old_path.view(), new_path.context(), new_path.view(),
                     rule));
    return 0U;
}
Reply renameat(Process& self, std::int32_t from_at, Path from, std::int32_t to_at,
               Path to) noexcept {
    return renameat2(self, from_at, from, to_at, to, 0);
}
Reply rename(Process& self, Path from, Path to) noexcept {
    return renameat2(self, AT_FDCWD, from, AT_FDCWD, to, 0);
}

namespace {

/// A directory that this process may search.
Result<fs::Place> searchable(Process& self, Path path) noexcept {
    PathArgument argument;
    TRY(argument.read(self, AT_FDCWD, path));
    fs::Place place = TRY(vfs().place_at(argument.context(), argument.view(), true));
    if (place.node->type() != fs::NodeType::directory) {
        return fail(Errc::not_directory);
    }
    TRY(fs::check_access(TRY(place.node->attributes()), self.who()->effective(),
                         fs::Access::execute));
    return place;
}

}  // namespace

Reply chdir(Process& self, Path path) noexcept {
    self.replace(self.directory, TRY(searchable(self, path)));
    return 0U;
}

Reply fchdir(Process& self, Fd fd) noexcept {
    const OpenFile directory = TRY(self.files.get_any(fd));
    fs::Place place = TRY(PathArgument::directory_of(*directory));
    TRY(fs::check_access(TRY(place.node->attributes()), self.who()->effective(),
                         fs::Access::execute));
    self.replace(self.directory, std::move(place));
    return 0U;
}

Reply chroot(Process& self, Path path) noexcept {
    fs::Place root = TRY(searchable(self, path));
    if (!self.identity.is_privileged()) {
        return fail(Errc::not_permitted);
    }
    self.replace(self.root, std::move(root));
    return 0U;
}

Reply getcwd(Process& self, VirtAddr to, std::uint32_t size) noexcept {
    PathBuffer buffer;
    const std::span<char> text = TRY(buffer.allocate());
    text.back() = '\0';
    const Standpoint at(self);
    const Result<std::string_view> path =
        vfs().path_of(at.root(), at.directory(), text.first(text.size() - 1));
    if (!path) {
        // ERANGE would ask for a larger buffer; no buffer is large enough.
        return fail(path.error() == Errc::out_of_range ? Errc::name_too_long : path.error());
    }
    const auto length = static_cast<std::uint32_t>(path->size() + 1);
    if (length > size) {
        return fail(Errc::out_of_range);
    }
    TRY(copy_out(to, std::as_bytes(std::span(path->data(), length))));
    return length;
}

Reply umask(Process& self, std::uint32_t mask) noexcept {
    return self.umask.exchange(mask & 0777U, std::memory_order_relaxed);
}

}  // namespace kidney::kernel::calls

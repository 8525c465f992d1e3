/// Extended attributes. No file system here has them, and the calls say so as Linux does of one
/// that has none: after everything else that could be wrong with the call.
#include "kernel/process/process.hpp"
#include "kernel/syscall/path_argument.hpp"
#include "kernel/syscall/path_calls.hpp"

#include <array>
#include <cstdint>
#include <linux/limits.h>
#include <linux/xattr.h>
#include <string_view>

namespace kidney::kernel::calls {
namespace {

/// Error: out_of_range for a name that no attribute can have.
Status check_name(Path name, std::span<char> to, std::string_view& text) noexcept {
    const Result<std::size_t> length = copy_string(to, name);
    if (!length || *length == 0) {
        return fail(!length && length.error() != Errc::name_too_long ? length.error()
                                                                     : Errc::out_of_range);
    }
    text = std::string_view(to.data(), *length);
    return {};
}

/// May the process do that to an attribute of this name, if there were one? Errors: not_permitted,
/// no_data, permission_denied.
Status check_access(Process& self, fs::Vnode& node, std::string_view name, bool write) noexcept {
    if (write && node.file_system().is_read_only()) {
        return fail(Errc::read_only);
    }
    if (name.starts_with("security.") || name.starts_with("system.")) {
        return {};
    }
    if (name.starts_with("trusted.")) {
        return self.identity.is_privileged() ? Status()
                                             : fail(write ? Errc::not_permitted : Errc::no_data);
    }
    const fs::NodeType type = node.type();
    if (name.starts_with("user.") && type != fs::NodeType::regular &&
        type != fs::NodeType::directory) {
        return fail(write ? Errc::not_permitted : Errc::no_data);
    }
    const fs::Attributes attributes = TRY(node.attributes());
    const auto self_now = self.who();
    const fs::Credentials who = self_now->effective();
    if (write && type == fs::NodeType::directory) {
        TRY(fs::check_sticky(who, attributes, attributes));  // the directory is what is changed
    }
    return fs::check_access(attributes, who, write ? fs::Access::write : fs::Access::read);
}

Result<Ref<fs::Vnode>> node_at(Process& self, Path path, bool follow) noexcept {
    PathArgument argument;
    TRY(argument.read(self, AT_FDCWD, path));
    return argument.node(follow);
}
/// Null for a file that has no node, and so no attributes either.
Result<Ref<fs::Vnode>> node_of(Process& self, Fd fd) noexcept {
    const OpenFile file = TRY(self.files.get(fd));
    fs::Vnode* const node = file->vnode();
    return node == nullptr ? Ref<fs::Vnode>() : Ref<fs::Vnode>::share(*node);
}

Reply use(Process& self, const Ref<fs::Vnode>& node, Path name, bool write) noexcept {
    std::array<char, XATTR_NAME_MAX + 1> buffer;
    std::string_view text;
    TRY(check_name(name, buffer, text));
    if (node) {
        TRY(check_access(self, *node, text, write));
    }
    return fail(Errc::not_supported);
}

Reply set(Process& self, const Ref<fs::Vnode>& node, Path name, VirtAddr value, std::uint32_t size,
          std::uint32_t flags) noexcept {
    if (node && node->file_system().is_read_only()) {
        return fail(Errc::read_only);
    }
    if ((flags & ~std::uint32_t{XATTR_CREATE | XATTR_REPLACE}) != 0) {
        return fail(Errc::invalid_argument);
    }
    std::array<char, XATTR_NAME_MAX + 1> buffer;
    std::string_view text;
    TRY(check_name(name, buffer, text));
    if (size > XATTR_SIZE_MAX) {
        return fail(Errc::argument_list_long);
    }
    for (std::uint32_t n = 0; n < size; n += page_size) {
        TRY(get_user(UserPtr<const std::uint8_t>(value + n)));
    }
    if (size != 0) {
        TRY(get_user(UserPtr<const std::uint8_t>(value + (size - 1))));
    }
    if (node) {
        TRY(check_access(self, *node, text, true));
    }
    return fail(Errc::not_supported);
}

}  // namespace

Reply setxattr(Process& self, Path path, Path name, VirtAddr value, std::uint32_t size,
               std::uint32_t flags) noexcept {
    return set(self, TRY(node_at(self, path, true)), name, value, size, flags);
}
Reply lsetxattr(Process& self, Path path, Path name, VirtAddr value, std::uint32_t size,
                std::uint32_t flags) noexcept {
    return set(self, TRY(node_at(self, path, false)), name, value, size, flags);
}
Reply fsetxattr(Process& self, Fd fd, Path name, VirtAddr value, std::uint32_t size,
                std::uint32_t flags) noexcept {
    return set(self, TRY(node_of(self, fd)), name, value, size, flags);
}
Reply getxattr(Process& self, Path path, Path name) noexcept {
    return use(self, TRY(node_at(self, path, true)), name, false);
}
Reply lgetxattr(Process& self, Path path, Path name) noexcept {
    return use(self, TRY(node_at(self, path, false)), name, false);
}
Reply fgetxattr(Process& self, Fd fd, Path name) noexcept {
    return use(self, TRY(node_of(self, fd)), name, false);
}
Reply listxattr(Process& self, Path path) noexcept {
    TRY(node_at(self, path, true));
    return 0U;
}
Reply llistxattr(Process& self, Path path) noexcept {
    TRY(node_at(self, path, false));
    return 0U;
}
Reply flistxattr(Process& self, Fd fd) noexcept {
    TRY(node_of(self, fd));
    return 0U;
}
Reply removexattr(Process& self, Path path, Path name) noexcept {
    return use(self, TRY(node_at(self, path, true)), name, true);
}
Reply lremovexattr(Process& self, Path path, Path name) noexcept {
    return use(self, TRY(node_at(self, path, false)), name, true);
}
Reply fremovexattr(Process& self, Fd fd, Path name) noexcept {
    return use(self, TRY(node_of(self, fd)), name, true);
}

}  // namespace kidney::kernel::calls

/// Who may change what, and who owns what is new: the rules of POSIX as functions of values.
/// (The check of permission bits is check_access() in credentials.hpp.)
#pragma once

#include "fs/vfs/credentials.hpp"
#include "kidney/core/result.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstdint>
#include <optional>

namespace kidney::fs {

namespace mode_bits {
inline constexpr std::uint32_t set_group = 02000U;
inline constexpr std::uint32_t sticky = 01000U;
}  // namespace mode_bits

/// A file whose contents or owner change at the hands of `who` is no longer what its set-id bits
/// were given to. A set-group-ID bit without execute for the group never was one, as on Linux.
[[nodiscard]] constexpr Permissions without_set_id(const Credentials& who,
                                                   const Attributes& now) noexcept {
    constexpr std::uint32_t group_execute = 0010;
    const std::uint32_t bits = now.permissions.bits();
    const bool keeps_group_bit =
        (bits & group_execute) == 0 && (who.is_root() || who.is_member(now.gid));
    return Permissions(static_cast<std::uint16_t>(bits & (keeps_group_bit ? 03777U : 01777U)));
}

/// What becomes of a file's permissions when `who` writes to it or truncates it; nullopt: nothing.
[[nodiscard]] constexpr std::optional<Permissions> permissions_after_write(
    const Credentials& who, const Attributes& now) noexcept {
    if (who.is_root() || now.type != NodeType::regular) {
        return std::nullopt;
    }
    const Permissions left = without_set_id(who, now);
    return left == now.permissions ? std::nullopt : std::optional(left);
}

/// chown(2): root gives files away, owners choose among their groups; both lose set-id bits.
[[nodiscard]] constexpr Status check_new_owner(const Credentials& who, const Attributes& now,
                                               AttributeChange& change) noexcept {
    if (!who.is_root()) {
        if (who.uid != now.uid || (change.uid && *change.uid != now.uid) ||
            (change.gid && !who.is_member(*change.gid))) {
            return fail(Errc::not_permitted);
        }
    }
    if (!change.permissions && now.type == NodeType::regular) {
        change.permissions = without_set_id(who, now);
    }
    return {};
}

/// chmod, chown, utimes, truncate: whether `who` may, and `change` becomes what is then done.
/// Errors: not_permitted, permission_denied, is_directory, invalid_argument (truncate).
[[nodiscard]] constexpr Status check_change(const Credentials& who, const Attributes& now,
                                            AttributeChange& change, bool times_are_now) noexcept {
    const bool owner = who.is_root() || who.uid == now.uid;
    if (change.size) {
        if (now.type != NodeType::regular) {
            return fail(now.type == NodeType::directory ? Errc::is_directory
                                                        : Errc::invalid_argument);
        }
        TRY(check_access(now, who, Access::write));
    }
    if (change.permissions) {
        if (!owner) {
            return fail(Errc::not_permitted);
        }
        if (!who.is_root() && !who.is_member(now.gid)) {  // no set-group-id for other groups
            change.permissions = Permissions(change.permissions->bits() & ~mode_bits::set_group);
        }
    }
    if (change.size && !change.permissions) {
        change.permissions = permissions_after_write(who, now);
    }
    if (change.uid || change.gid) {
        TRY(check_new_owner(who, now, change));
    }
    if ((change.accessed || change.modified) && !owner) {
        if (!times_are_now) {
            return fail(Errc::not_permitted);
        }
        TRY(check_access(now, who, Access::write));
    }
    return {};
}

/// May `who` take the name of `node` out of a directory that it can write? In a sticky one only if
/// either is its own.
[[nodiscard]] constexpr Status check_sticky(const Credentials& who, const Attributes& directory,
                                            const Attributes& node) noexcept {
    const bool free = (directory.permissions.bits() & mode_bits::sticky) == 0 || who.is_root() ||
                      who.uid == directory.uid || who.uid == node.uid;
    return free ? Status() : Status(fail(Errc::not_permitted));
}

/// A new node belongs to who makes it; a set-group-id directory gives its group, and the bit if the
/// new node is a directory too.
constexpr void give_owner(NewNode& node, const Credentials& who,
                          const Attributes& directory) noexcept {
    node.uid = who.uid;
    node.gid = who.gid;
    if ((directory.permissions.bits() & mode_bits::set_group) != 0) {
        node.gid = directory.gid;
        if (node.type == NodeType::directory) {
            node.permissions = Permissions(node.permissions.bits() | mode_bits::set_group);
        }
    }
}

}  // namespace kidney::fs

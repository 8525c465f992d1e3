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
/// were given to.
[[nodiscard]] constexpr Permissions without_set_id(const Credentials& who,
                                                   const Attributes& now) noexcept {
    const bool of_group = who.is_root() || who.is_member(now.gid);
    return with_set_id(now.permissions, of_group ? SetIdBits::end_of_group : SetIdBits::end);
}
/// What `who` does to those of a file of this group by writing to it.
[[nodiscard]] constexpr SetIdBits set_id_after_write(const Credentials& who,
                                                     std::uint32_t gid) noexcept {
    return who.is_root()        ? SetIdBits::stay
           : who.is_member(gid) ? SetIdBits::end_of_group
                                : SetIdBits::end;
}

/// What becomes of a file's permissions when `who` truncates it; nullopt: nothing.
[[nodiscard]] constexpr std::optional<Permissions> permissions_after_truncation(
    const Credentials& who, const Attributes& now) noexcept {
    if (now.type != NodeType::regular) {
        return std::nullopt;
    }
    const Permissions left = with_set_id(now.permissions, set_id_after_write(who, now.gid));
    return left == now.permissions ? std::nullopt : std::optional(left);
}

/// chown(2): root gives files away, owners choose among their groups; both lose set-id bits, even
/// if owner and group stay.
[[nodiscard]] constexpr Status check_new_owner(const Credentials& who, const Attributes& now,
                                               AttributeChange& change) noexcept {
    const bool owner = who.is_root() || who.uid == now.uid;
    if (!who.is_root()) {
        if ((change.uid && (!owner || *change.uid != now.uid)) ||
            (change.gid && (!owner || !(who.is_member(*change.gid) || *change.gid == now.gid)))) {
            return fail(Errc::not_permitted);
        }
    }
    if (!change.permissions && now.type != NodeType::directory) {
        const Permissions left = without_set_id(who, now);
        if (left != now.permissions) {
            if (!owner) {
                return fail(Errc::not_permitted);
            }
            change.permissions = left;
        }
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
        change.permissions = permissions_after_truncation(who, now);
    }
    if (change.ownership || change.uid || change.gid) {
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

/// A device is root's to make; the one that is none (0, 0) is everybody's.
[[nodiscard]] constexpr Status check_new_device(const Credentials& who,
                                                const NewNode& node) noexcept {
    const bool is_device = node.type == NodeType::block ||
                           (node.type == NodeType::character && node.rdev != DeviceNumber{});
    return !is_device || who.is_root() ? Status() : Status(fail(Errc::not_permitted));
}

/// May `who` give `node` a further name? Only its owner may, or who could read and write it anyway:
/// a second name keeps alive what others want gone, and its set-id bits with it. (Linux's
/// protected_hardlinks.) Directories are another question.
[[nodiscard]] constexpr Status check_link(const Credentials& who, const Attributes& node) noexcept {
    if (who.is_root() || who.uid == node.uid) {
        return {};
    }
    constexpr std::uint32_t set_user = 04000U, group_execute = 0010U;
    const std::uint32_t bits = node.permissions.bits();
    const bool runs_as_group = (bits & mode_bits::set_group) != 0 && (bits & group_execute) != 0;
    const bool safe = node.type == NodeType::regular && (bits & set_user) == 0 && !runs_as_group &&
                      check_access(node, who, Access::read | Access::write).has_value();
    return safe ? Status() : Status(fail(Errc::not_permitted));
}

/// May `who` follow `link`, the last component of a path, in `directory`? In a sticky directory
/// that everybody writes, links are traps: only its own, and those of the directory's owner.
/// (Linux's protected_symlinks; it binds root, too.)
[[nodiscard]] constexpr Status check_follow(const Credentials& who, const Attributes& directory,
                                            const Attributes& link) noexcept {
    constexpr std::uint32_t trap = mode_bits::sticky | 0002U;
    const bool free = (directory.permissions.bits() & trap) != trap || link.uid == who.uid ||
                      link.uid == directory.uid;
    return free ? Status() : Status(fail(Errc::permission_denied));
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

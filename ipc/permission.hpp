/// Who may use a System V object, and how: the rules as functions of values.
#pragma once

#include "kidney/core/result.hpp"

#include <algorithm>
#include <cstdint>
#include <span>

namespace kidney::ipc {

inline constexpr std::int32_t private_key = 0;  ///< IPC_PRIVATE

/// Who calls, and when: in seconds since 1970.
struct Caller {
    std::int32_t pid = 0;
    std::uint32_t uid = 0, gid = 0;  ///< effective
    std::span<const std::uint32_t> groups{};
    bool is_privileged = false;
    std::int64_t now = 0;

    [[nodiscard]] constexpr bool is_member(std::uint32_t group) const noexcept {
        return group == gid || std::ranges::find(groups, group) != groups.end();
    }
};

/// A set of wishes, or one class of a mode.
enum class Access : std::uint8_t { none = 0, execute = 1, write = 2, read = 4, both = 6 };

struct Permission {
    std::int32_t key = private_key;
    std::uint32_t uid = 0, gid = 0;
    std::uint32_t creator_uid = 0, creator_gid = 0;
    std::uint16_t mode = 0;  ///< as of a file
    std::uint16_t sequence = 0;

    [[nodiscard]] static constexpr Permission of_new(std::int32_t key, std::uint32_t flags,
                                                     const Caller& who) noexcept {
        return {.key = key,
                .uid = who.uid,
                .gid = who.gid,
                .creator_uid = who.uid,
                .creator_gid = who.gid,
                .mode = static_cast<std::uint16_t>(flags & 0777U)};
    }
    /// Error: permission_denied.
    [[nodiscard]] constexpr Status check(const Caller& who, Access wanted) const noexcept {
        const std::uint32_t shift = who.uid == uid || who.uid == creator_uid           ? 6U
                                    : who.is_member(gid) || who.is_member(creator_gid) ? 3U
                                                                                       : 0U;
        const auto wish = static_cast<std::uint32_t>(wanted);
        return who.is_privileged || (std::uint32_t{mode} >> shift & wish) == wish
                   ? Status()
                   : Status(fail(Errc::permission_denied));
    }
    /// For IPC_SET and IPC_RMID. Error: not_permitted.
    [[nodiscard]] constexpr Status check_owner(const Caller& who) const noexcept {
        return who.is_privileged || who.uid == uid || who.uid == creator_uid
                   ? Status()
                   : Status(fail(Errc::not_permitted));
    }
    /// IPC_SET.
    constexpr void change(std::uint32_t new_uid, std::uint32_t new_gid,
                          std::uint32_t new_mode) noexcept {
        uid = new_uid;
        gid = new_gid;
        mode = static_cast<std::uint16_t>((mode & ~0777U) | (new_mode & 0777U));
    }
};

/// What a *get call is asked for.
struct Request {
    std::int32_t key = private_key;
    bool create = false;     ///< IPC_CREAT
    bool exclusive = false;  ///< IPC_EXCL
    std::uint32_t mode = 0;

    /// The rights on an object that exists already: those that any class of the mode names.
    [[nodiscard]] constexpr Access access() const noexcept {
        return static_cast<Access>((mode >> 6 | mode >> 3 | mode) & 7U);
    }
};

}  // namespace kidney::ipc

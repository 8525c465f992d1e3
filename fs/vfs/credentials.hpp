/// Who asks: user and group numbers, and the POSIX permission check.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstdint>
#include <span>

namespace kidney::fs {

/// A borrowed view of a process's identity (the effective one, or the real one for access()).
struct [[gsl::Pointer]] Credentials {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::span<const std::uint32_t> groups;

    [[nodiscard]] constexpr bool is_root() const noexcept { return uid == 0; }
    [[nodiscard]] constexpr bool is_member(std::uint32_t group) const noexcept {
        if (group == gid) {
            return true;
        }
        for (const std::uint32_t g : groups) {
            if (g == group) {
                return true;
            }
        }
        return false;
    }
};

/// A set of wishes, one permission triple: 4 read, 2 write, 1 execute (or search a directory).
enum class Access : std::uint8_t { exists = 0, execute = 1, write = 2, read = 4 };
[[nodiscard]] constexpr Access operator|(Access a, Access b) noexcept {
    return static_cast<Access>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
[[nodiscard]] constexpr bool includes(Access set, Access one) noexcept {
    return (static_cast<std::uint8_t>(set) & static_cast<std::uint8_t>(one)) != 0;
}

/// POSIX: the first class that matches (owner, group, others) decides alone. Root may do everything
/// but execute a file that nobody may execute. Error: permission_denied.
[[nodiscard]] constexpr Status check_access(const Attributes& node, const Credentials& who,
                                            Access wanted) noexcept {
    const std::uint32_t bits = node.permissions.bits();
    const auto wish = static_cast<std::uint32_t>(wanted);
    bool allowed = false;
    if (who.is_root()) {
        allowed = !includes(wanted, Access::execute) || node.type == NodeType::directory ||
                  (bits & 0111U) != 0;
    } else {
        const std::uint32_t shift = who.uid == node.uid ? 6U : who.is_member(node.gid) ? 3U : 0U;
        allowed = (bits >> shift & wish) == wish;
    }
    return allowed ? Status() : Status(fail(Errc::permission_denied));
}

}  // namespace kidney::fs

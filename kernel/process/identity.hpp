/// Who a process is: real, effective and saved user and group, and supplementary groups.
#pragma once

#include "fs/vfs/credentials.hpp"
#include "kidney/core/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace kidney::kernel {

/// The three numbers that set*id calls move around. POSIX rules; the same for users and groups.
struct IdTriple {
    std::uint32_t real = 0, effective = 0, saved = 0;

    [[nodiscard]] constexpr bool has(std::uint32_t id) const noexcept {
        return id == real || id == effective || id == saved;
    }
    /// setuid / setgid. Error: not_permitted.
    constexpr Status set(std::uint32_t id, bool privileged) noexcept {
        if (privileged) {
            real = effective = saved = id;
            return {};
        }
        if (id != real && id != saved) {
            return fail(Errc::not_permitted);
        }
        effective = id;
        return {};
    }
    /// setresuid / setresgid; absent members stay. Error: not_permitted.
    constexpr Status set_three(std::optional<std::uint32_t> r, std::optional<std::uint32_t> e,
                               std::optional<std::uint32_t> s, bool privileged) noexcept {
        for (const auto& id : {r, e, s}) {
            if (id && !privileged && !has(*id)) {
                return fail(Errc::not_permitted);
            }
        }
        real = r.value_or(real);
        effective = e.value_or(effective);
        saved = s.value_or(saved);
        return {};
    }
};

class Identity {
public:
    static constexpr std::size_t max_groups = 32;

    IdTriple user, group;

    [[nodiscard]] bool is_privileged() const noexcept { return user.effective == 0; }
    [[nodiscard]] std::span<const std::uint32_t> groups() const noexcept {
        return {groups_.data(), group_count_};
    }
    /// Error: invalid_argument if there are too many.
    Status set_groups(std::span<const std::uint32_t> g) noexcept {
        if (g.size() > max_groups) {
            return fail(Errc::invalid_argument);
        }
        for (std::size_t i = 0; i < g.size(); ++i) {
            groups_[i] = g[i];
        }
        group_count_ = g.size();
        return {};
    }
    /// For everything that acts on files.
    [[nodiscard]] fs::Credentials effective() const noexcept {
        return {user.effective, group.effective, groups()};
    }
    /// For access(2).
    [[nodiscard]] fs::Credentials real() const noexcept {
        return {user.real, group.real, groups()};
    }

private:
    std::array<std::uint32_t, max_groups> groups_{};
    std::size_t group_count_ = 0;
};

}  // namespace kidney::kernel

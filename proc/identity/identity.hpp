/// Who a process is: real, effective and saved user and group, and supplementary groups.
#pragma once

#include "fs/vfs/credentials.hpp"
#include "kidney/core/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace kidney::proc {

/// The number that names nobody: a set*id call that passes it leaves things as they are, or is
/// wrong.
inline constexpr std::uint32_t no_id = ~std::uint32_t{0};

/// The numbers that set*id calls move around. POSIX's and Linux's rules; the same for users and
/// groups.
struct IdTriple {
    std::uint32_t real = 0, effective = 0, saved = 0;
    std::uint32_t file = 0;  ///< what file permissions go by; follows the effective number

    [[nodiscard]] constexpr bool has(std::uint32_t id) const noexcept {
        return id == real || id == effective || id == saved;
    }
    [[nodiscard]] constexpr bool is_only(std::uint32_t id) const noexcept {
        return id == real && id == effective && id == saved;
    }
    /// setuid / setgid. Errors: invalid_argument (nobody), not_permitted.
    constexpr Status set(std::uint32_t id, bool privileged) noexcept {
        if (id == no_id) {
            return fail(Errc::invalid_argument);
        }
        if (!privileged && id != real && id != saved) {
            return fail(Errc::not_permitted);
        }
        if (privileged) {
            real = saved = id;
        }
        effective = file = id;
        return {};
    }
    /// setreuid / setregid. The saved number follows the effective one when the real one is set, or
    /// the effective one becomes something else than the old real one. Error: not_permitted.
    constexpr Status set_two(std::uint32_t r, std::uint32_t e, bool privileged) noexcept {
        if (!privileged &&
            ((r != no_id && r != real && r != effective) || (e != no_id && !has(e)))) {
            return fail(Errc::not_permitted);
        }
        const bool saves = r != no_id || (e != no_id && e != real);
        set_three(r, e, no_id);
        saved = saves ? effective : saved;
        return {};
    }
    /// setresuid / setresgid. Error: not_permitted.
    constexpr Status set_three(std::uint32_t r, std::uint32_t e, std::uint32_t s,
                               bool privileged) noexcept {
        for (const std::uint32_t id : {r, e, s}) {
            if (id != no_id && !privileged && !has(id)) {
                return fail(Errc::not_permitted);
            }
        }
        set_three(r, e, s);
        return {};
    }
    /// setfsuid / setfsgid, which report nothing but what was before: what may not be stays undone.
    constexpr std::uint32_t set_file(std::uint32_t id, bool privileged) noexcept {
        const bool allowed = id != no_id && (privileged || has(id) || id == file);
        return std::exchange(file, allowed ? id : file);
    }

private:
    constexpr void set_three(std::uint32_t r, std::uint32_t e, std::uint32_t s) noexcept {
        real = r == no_id ? real : r;
        file = effective = e == no_id ? effective : e;
        saved = s == no_id ? saved : s;
    }
};

class Identity {
public:
    static constexpr std::size_t max_groups = 32;

    IdTriple user, group;

    /// It may do what only root may.
    [[nodiscard]] bool is_privileged() const noexcept { return is_privileged_; }
    /// It may become privileged (capset). All capabilities or none: there is nothing in between.
    [[nodiscard]] bool may_be_privileged() const noexcept { return may_be_privileged_; }

    /// Changes the users as set*uid calls do. Who has nothing of root any more loses its rights,
    /// unless it `keeps` what it may have.
    void set_users(const IdTriple& next, bool keeps) noexcept {
        const bool was_root = user.has(0), was_acting = user.effective == 0;
        user = next;
        if (was_root && !user.has(0) && !keeps) {
            may_be_privileged_ = is_privileged_ = false;
        }
        if (was_acting != (user.effective == 0)) {
            is_privileged_ = !was_acting && may_be_privileged_;
        }
    }
    /// capset. Error: not_permitted.
    Status set_rights(bool may_be, bool is) noexcept {
        if ((may_be && !may_be_privileged_) || (is && !may_be)) {
            return fail(Errc::not_permitted);
        }
        may_be_privileged_ = may_be;
        is_privileged_ = is;
        return {};
    }
    /// exec: the numbers alone say who it is.
    void reset_rights() noexcept {
        may_be_privileged_ = user.real == 0 || user.effective == 0;
        is_privileged_ = user.effective == 0;
    }
    [[nodiscard]] std::span<const std::uint32_t> groups() const noexcept [[clang::lifetimebound]] {
        return {groups_.data(), group_count_};
    }
    /// What it may do with files, or may be looked at by others, is another matter than before.
    [[nodiscard]] bool acts_as(const Identity& other) const noexcept {
        return user.effective == other.user.effective && user.file == other.user.file &&
               group.effective == other.group.effective && group.file == other.group.file;
    }
    /// May this one look inside a process of identity `target` (ptrace(2) and most of /proc/N)?
    /// `dumpable`: it has not changed who it is, nor asked to be left alone.
    [[nodiscard]] bool may_inspect(const Identity& target, bool dumpable) const noexcept {
        return is_privileged() ||
               (dumpable && target.user.is_only(user.file) && target.group.is_only(group.file));
    }
    /// May this one set limits for a process of identity `target`?
    [[nodiscard]] bool may_limit(const Identity& target) const noexcept {
        return is_privileged() ||
               (target.user.is_only(user.real) && target.group.is_only(group.real));
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
    [[nodiscard]] fs::Credentials effective() const noexcept [[clang::lifetimebound]] {
        return {user.file, group.file, groups()};
    }
    /// For access(2).
    [[nodiscard]] fs::Credentials real() const noexcept [[clang::lifetimebound]] {
        return {user.real, group.real, groups()};
    }

private:
    bool is_privileged_ = true, may_be_privileged_ = true;
    std::array<std::uint32_t, max_groups> groups_{};
    std::size_t group_count_ = 0;
};

}  // namespace kidney::proc

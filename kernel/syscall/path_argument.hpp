/// The (directory descriptor, path) pair of the *at calls.
#pragma once

#include "kernel/process/process.hpp"
#include "kernel/syscall/user_copy.hpp"
#include "proc/standpoint.hpp"

#include <cstdint>
#include <linux/fcntl.h>
#include <optional>

namespace kidney::kernel {

/// A path, who walks it and the place it starts from; keeps all for the walk.
class PathArgument {
public:
    /// Errors: bad_address, name_too_long, no_memory, bad_descriptor, not_directory, not_found for
    /// an empty path (unless `empty_allowed`: then is_empty() says that the descriptor is meant).
    [[nodiscard]] Status read(Process& self, std::int32_t at, UserPtr<const char> path,
                              bool empty_allowed = false) noexcept {
        TRY(path_.read(path));
        self_ = &self;
        from_.emplace(self);
        at_ = at;
        if (path_.view().empty()) {
            return empty_allowed ? Status() : Status(fail(Errc::not_found));
        }
        if (path_.view().front() == '/' || at == AT_FDCWD) {
            return {};
        }
        const OpenFile directory = TRY(file());
        start_ = TRY(directory_of(*directory));
        return {};
    }
    [[nodiscard]] bool is_empty() const noexcept { return path_.view().empty(); }
    [[nodiscard]] std::string_view view() const noexcept { return path_.view(); }
    [[nodiscard]] fs::PathContext context() const noexcept [[clang::lifetimebound]] {
        return {from_->root(), start(), from_->who().effective()};
    }
    [[nodiscard]] fs::PathContext context(const fs::WalkLimits& limits) const noexcept
        [[clang::lifetimebound]] {
        return {limits.in_root ? start() : from_->root(), start(), from_->who().effective(),
                limits};
    }
    /// The same with the real user and group, for access(2).
    [[nodiscard]] fs::PathContext real_context() const noexcept [[clang::lifetimebound]] {
        return {from_->root(), start(), from_->who().real()};
    }
    /// The file that an empty path means.
    [[nodiscard]] Result<OpenFile> file() const noexcept {
        return self_->files.get_any(Fd(static_cast<std::uint32_t>(at_)));
    }
    /// Of what is meant; pipes have attributes, but no node.
    [[nodiscard]] Result<fs::Attributes> attributes(bool follow) const noexcept {
        if (is_empty() && at_ != AT_FDCWD) {
            const OpenFile meant = TRY(file());
            return meant->attributes();
        }
        return TRY(node(follow))->attributes();
    }
    /// The node that is meant: by the path, by the descriptor, or the current directory.
    [[nodiscard]] Result<Ref<fs::Vnode>> node(bool follow) const noexcept {
        return TRY(place(follow)).node;
    }
    /// The same, and the mount; an open file that never had a name has none.
    [[nodiscard]] Result<fs::Place> place(bool follow) const noexcept {
        if (!is_empty()) {
            return vfs().place_at(context(), view(), follow);
        }
        if (at_ == AT_FDCWD) {
            return from_->directory();
        }
        const OpenFile meant = TRY(file());
        if (meant->vnode() == nullptr) {
            return fail(Errc::bad_descriptor);
        }
        return fs::Place{
            meant->mount() == nullptr ? Ref<fs::Mount>() : Ref<fs::Mount>::share(*meant->mount()),
            Ref<fs::Vnode>::share(*meant->vnode())};
    }

    /// The place of an open directory. Error: not_directory.
    [[nodiscard]] static Result<fs::Place> directory_of(fs::File& file) noexcept {
        fs::Vnode* const node = file.vnode();
        if (node == nullptr || node->type() != fs::NodeType::directory || file.mount() == nullptr) {
            return fail(Errc::not_directory);
        }
        return fs::Place{Ref<fs::Mount>::share(*file.mount()), Ref<fs::Vnode>::share(*node)};
    }

private:
    [[nodiscard]] const fs::Place& start() const noexcept {
        return start_ ? start_ : from_->directory();
    }

    UserPath path_;
    Process* self_ = nullptr;
    std::int32_t at_ = AT_FDCWD;
    std::optional<Standpoint> from_;
    fs::Place start_;  ///< if a descriptor names it
};

}  // namespace kidney::kernel

/// On whose behalf, and from where, a call walks paths: as it was when the call looked.
#pragma once

#include "fs/vfs/path_walk.hpp"
#include "proc/identity/identity.hpp"
#include "proc/kept.hpp"

namespace kidney::proc {

/// For the length of a call; passed on as an fs::PathContext, which is no longer than this.
class [[nodiscard]] Standpoint {
public:
    template <class P>
    explicit Standpoint(const P& process) noexcept
        : root_(process, process.root),
          directory_(process, process.directory),
          who_(process, process.identity) {}

    [[nodiscard]] const fs::Place& root() const noexcept [[clang::lifetimebound]] { return *root_; }
    [[nodiscard]] const fs::Place& directory() const noexcept [[clang::lifetimebound]] {
        return *directory_;
    }
    [[nodiscard]] const Identity& who() const noexcept [[clang::lifetimebound]] { return *who_; }

    /// From the current directory, as the effective user.
    operator fs::PathContext() const noexcept [[clang::lifetimebound]] {
        return {*root_, *directory_, who_->effective()};
    }

private:
    Snapshot<fs::Place> root_, directory_;
    Snapshot<Identity> who_;
};

}  // namespace kidney::proc

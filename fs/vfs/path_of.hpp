/// From a node back to its path: getcwd(2), /proc/mounts, /proc/self/exe.
#pragma once

#include "fs/vfs/path_walk.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::fs {

namespace detail {

/// Finds the name of a directory in its parent.
class NameFinder final : public DirectorySink {
public:
    explicit NameFinder(Vnode& directory) noexcept : directory_(directory) {}

    /// The parent, when name() says what the directory is called there. Errors: not_found (it has
    /// no name, or is none), and the file system's.
    [[nodiscard]] Result<Ref<Vnode>> look_above() noexcept {
        if (directory_.type() != NodeType::directory) {
            return fail(Errc::not_found);
        }
        Ref<Vnode> parent = TRY(directory_.parent());
        if (parent.get() == &directory_) {
            return fail(Errc::not_found);  // the root of another tree
        }
        inode_ = TRY(directory_.attributes()).inode;
        TRY(parent->read_directory(0, *this));
        if (length_ == 0) {
            return fail(Errc::not_found);
        }
        return parent;
    }
    bool accept(const DirectoryEntry& entry) noexcept override {
        if (entry.inode != inode_ || entry.name == "." || entry.name == "..") {
            return true;
        }
        length_ = entry.name.size();
        std::memcpy(name_.data(), entry.name.data(), length_);
        return false;
    }
    [[nodiscard]] std::string_view name() const noexcept { return {name_.data(), length_}; }

private:
    Vnode& directory_;
    std::uint64_t inode_ = 0;
    std::size_t length_ = 0;
    std::array<char, max_name> name_;
};

}  // namespace detail

/// A path, and whether that name is gone.
struct FoundPath {
    std::string_view text;
    bool is_deleted = false;
};

/// Directories answer by asking their parents; other nodes while the name cache knows them, or
/// their paths are kept (kept_paths.hpp). The path is written to the end of `to`. Errors:
/// not_found (there is none, or it does not come by `root`), out_of_range.
template <BasicLockable Lock>
[[nodiscard]] Result<FoundPath> path_of(NameTree<Lock>& tree, const Place& root, Place at,
                                        std::span<char> to) noexcept {
    std::size_t begin = to.size();
    const auto put = [&](std::string_view text) noexcept -> bool {
        if (begin < text.size()) {
            return false;
        }
        begin -= text.size();
        std::memcpy(to.data() + begin, text.data(), text.size());
        return true;
    };
    bool is_deleted = false;
    while (at != root) {
        if (Place point = tree.mounts.covered_by(at)) {
            at = std::move(point);
            continue;
        }
        std::array<char, NameCache<Lock>::longest> cached;
        if (auto known = tree.names.name_of(*at.node, cached)) {
            if (!put(known->second) || !put("/")) {
                return fail(Errc::out_of_range);
            }
            at.node = std::move(known->first);
            continue;
        }
        detail::NameFinder finder(*at.node);
        if (auto parent = finder.look_above()) {
            if (!put(finder.name()) || !put("/")) {
                return fail(Errc::out_of_range);
            }
            at.node = *std::move(parent);
            continue;
        }
        const Ref<NodePath> kept = tree.names.kept_path(*at.node);
        if (!kept) {
            return fail(Errc::not_found);
        }
        if (!put(kept->text())) {
            return fail(Errc::out_of_range);
        }
        is_deleted = kept->is_deleted();
        break;
    }
    if (begin == to.size() && !put("/")) {
        return fail(Errc::out_of_range);
    }
    return FoundPath{{to.data() + begin, to.size() - begin}, is_deleted};
}

}  // namespace kidney::fs

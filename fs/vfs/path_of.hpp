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

/// Finds the name of inode `inode` in a directory listing.
class NameFinder final : public DirectorySink {
public:
    explicit NameFinder(std::uint64_t inode) noexcept : inode_(inode) {}
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
    std::uint64_t inode_;
    std::size_t length_ = 0;
    std::array<char, max_name> name_;
};

}  // namespace detail

/// Directories answer always, by asking their parents; other nodes only while the name cache knows
/// them. The path is written to the end of `to`. Errors: not_found, out_of_range.
template <BasicLockable Lock>
[[nodiscard]] Result<std::string_view> path_of(NameTree<Lock>& tree, Vnode& root, Vnode& node,
                                               std::span<char> to) noexcept {
    std::size_t begin = to.size();
    const auto prepend = [&](std::string_view name) -> bool {
        if (begin < name.size() + 1) {
            return false;
        }
        begin -= name.size();
        std::memcpy(to.data() + begin, name.data(), name.size());
        to[--begin] = '/';
        return true;
    };
    Ref<Vnode> at = Ref<Vnode>::share(node);
    while (at.get() != &root) {
        if (Ref<Vnode> point = tree.mounts.covered_by(*at)) {
            at = std::move(point);
            continue;
        }
        std::array<char, NameCache<Lock>::longest> cached;
        if (auto known = tree.names.name_of(*at, cached)) {
            if (!prepend(known->second)) {
                return fail(Errc::out_of_range);
            }
            at = tree.mounts.covering(std::move(known->first));
            continue;
        }
        if (at->type() != NodeType::directory) {
            return fail(Errc::not_found);
        }
        Ref<Vnode> parent = TRY(at->parent());
        if (parent == at) {
            return fail(Errc::not_found);  // the root of another tree
        }
        detail::NameFinder finder(TRY(at->attributes()).inode);
        TRY(parent->read_directory(0, finder));
        if (finder.name().empty()) {
            return fail(Errc::not_found);
        }
        if (!prepend(finder.name())) {
            return fail(Errc::out_of_range);
        }
        at = std::move(parent);
    }
    if (begin == to.size() && !prepend("")) {
        return fail(Errc::out_of_range);
    }
    return std::string_view(to.data() + begin, to.size() - begin);
}

}  // namespace kidney::fs

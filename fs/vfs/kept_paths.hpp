/// Keeps the paths of nodes in use whose names the name cache has let go of, or that are gone.
#pragma once

#include "fs/vfs/path_of.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace kidney::fs {

/// Longer ones are not kept.
inline constexpr std::size_t longest_kept_path = 255;

template <mm::ObjectAllocator Heap>
class KeptPath final : public mm::HeapObject<KeptPath<Heap>, Heap, NodePath> {
public:
    static constexpr const char* cache_name = "kept_path";

    KeptPath(std::string_view path, bool is_deleted) noexcept
        : size_(std::min(path.size(), longest_kept_path)), is_deleted_(is_deleted) {
        path.copy(text_.data(), size_);
    }
    [[nodiscard]] std::string_view text() const noexcept override { return {text_.data(), size_}; }
    [[nodiscard]] bool is_deleted() const noexcept override { return is_deleted_; }

private:
    const std::size_t size_;
    const bool is_deleted_;
    std::array<char, longest_kept_path> text_;
};

/// Concurrency: any thread. Without memory a path is not kept.
template <mm::ObjectAllocator Heap, BasicLockable Lock>
class PathKeeper final : public NameKeeper {
public:
    PathKeeper(NameTree<Lock>& tree, Heap& heap) noexcept : tree_(tree), heap_(heap) {
        tree.names.set_keeper(*this);
    }
    /// The path of a node that has one. Errors: as fs::path_of().
    [[nodiscard]] Result<std::string_view> path_of(const Place& root, const Place& place,
                                                   std::span<char> to) noexcept {
        const FoundPath found = TRY(fs::path_of(tree_, root, place, to));
        return found.is_deleted ? Result<std::string_view>(fail(Errc::not_found)) : found.text;
    }
    /// For people: removed ones have the path that they had, and a mark.
    [[nodiscard]] Result<std::string_view> describe(const Place& root, const Place& place,
                                                    std::span<char> to) noexcept {
        constexpr std::string_view mark = " (deleted)";
        const std::size_t room = to.size() < mark.size() ? 0 : to.size() - mark.size();
        const FoundPath found = TRY(fs::path_of(tree_, root, place, to.first(room)));
        if (!found.is_deleted) {
            return found.text;
        }
        mark.copy(to.data() + room, mark.size());
        return std::string_view(found.text.data(), found.text.size() + mark.size());
    }
    /// The same for a node of which it is not known in which mount it was found.
    [[nodiscard]] Result<std::string_view> describe(const Place& root, Vnode& node,
                                                    std::span<char> to) noexcept {
        return describe(root, {tree_.mounts.mount_of(node.file_system()), Ref<Vnode>::share(node)},
                        to);
    }
    void keep_name(Vnode& node, Vnode& directory, std::string_view name) noexcept override {
        keep(node, directory, name, false);
    }
    /// `name` is gone; the caller has one reference, and forgotten the name.
    void name_has_gone(Vnode& node, Vnode& directory, std::string_view name) noexcept {
        if (node.references() > 1) {
            keep(node, directory, name, true);
        }
    }

private:
    void keep(Vnode& node, Vnode& directory, std::string_view name, bool is_deleted) noexcept {
        const Place root = tree_.mounts.root();
        Place place{tree_.mounts.mount_of(directory.file_system()), Ref<Vnode>::share(directory)};
        if (!root || !place.mount || name.size() >= longest_kept_path) {
            return;
        }
        // The directory's path, then a slash and the name.
        std::array<char, longest_kept_path> path;
        const std::size_t room = path.size() - name.size() - 1;
        const auto found = fs::path_of(tree_, root, std::move(place), std::span(path).first(room));
        if (!found || found->is_deleted) {
            return;
        }
        const std::string_view above = found->text == "/" ? std::string_view() : found->text;
        const std::size_t begin = room - above.size();
        path[room] = '/';
        name.copy(path.data() + room + 1, name.size());
        auto kept = mm::make_ref<KeptPath<Heap>>(
            heap_, std::string_view(path.data() + begin, path.size() - begin), is_deleted);
        if (kept) {
            tree_.names.keep_path(node, *std::move(kept));
        }
    }

    NameTree<Lock>& tree_;
    Heap& heap_;
};

}  // namespace kidney::fs

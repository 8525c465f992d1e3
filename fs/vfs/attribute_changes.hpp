/// Changing attributes: chmod, chown, utimes and truncate, with what permissions say about them.
#pragma once

#include "fs/vfs/path_walk.hpp"
#include "fs/vfs/permission_rules.hpp"
#include "fs/vfs/told_changes.hpp"
#include "kidney/fs/file.hpp"

#include <cstdint>
#include <optional>

namespace kidney::fs {

/// Concurrency: any thread. Errors of all: not_permitted, permission_denied, read_only,
/// is_directory and text_busy (truncate), and those of the file system.
template <BasicLockable Lock>
class AttributeChanges {
public:
    explicit AttributeChanges(NameTree<Lock>& tree) noexcept : tree_(tree) {}

    /// Of a node, and its mount, if it has one. A change of nothing is one.
    [[nodiscard]] Status change(const Credentials& who, Mount* mount, const NamedNode& at,
                                const AttributeChange& change, bool times_are_now) noexcept {
        TRY(apply(who, mount, at.node, change, times_are_now));
        if (ChangeListener* const hearer = tree_.hearer()) {
            hearer->found_node_changed(at, change_of(change));
        }
        return {};
    }
    /// Of an open file that has a node.
    [[nodiscard]] Status change(const Credentials& who, File& file, const AttributeChange& change,
                                bool times_are_now) noexcept {
        TRY(apply(who, file.mount(), *file.vnode(), change, times_are_now));
        tell(file, change_of(change));
        return {};
    }
    /// O_TRUNC: the right to do that came with opening it.
    [[nodiscard]] Status change_size(const Credentials& who, const NamedNode& at,
                                     std::uint64_t size) noexcept {
        TRY(resize(who, at.node, size));
        if (ChangeListener* const hearer = tree_.hearer()) {
            hearer->found_node_changed(at, Change::modified);
        }
        return {};
    }
    /// ftruncate.
    [[nodiscard]] Status change_size(const Credentials& who, File& file,
                                     std::uint64_t size) noexcept {
        TRY(resize(who, *file.vnode(), size));
        tell(file, Change::modified);
        return {};
    }

private:
    void tell(File& file, Change what) noexcept {
        if (ChangeListener* const hearer = tree_.hearer()) {
            hearer->file_changed(file, what);
        }
    }
    [[nodiscard]] static Status apply(const Credentials& who, Mount* mount, Vnode& node,
                                      AttributeChange change, bool times_are_now) noexcept {
        std::optional<MountWriter> writer;
        if (!(change.size && node.type() != NodeType::regular)) {
            if (mount != nullptr) {
                TRY(writer.emplace(*mount).status());
            }
            if (node.file_system().is_read_only()) {
                return fail(Errc::read_only);
            }
        }
        TRY(check_change(who, TRY(node.attributes()), change, times_are_now));
        if (change.size) {
            TRY(node.begin_writing());
        }
        const Status changed = node.set_attributes(change);
        if (change.size) {
            node.end_writing();
        }
        return changed;
    }
    [[nodiscard]] static Status resize(const Credentials& who, Vnode& node,
                                       std::uint64_t size) noexcept {
        TRY(node.begin_writing());
        const Status changed = set_size(who, node, size);
        node.end_writing();
        return changed;
    }
    [[nodiscard]] static Status set_size(const Credentials& who, Vnode& node,
                                         std::uint64_t size) noexcept {
        const auto left = permissions_after_truncation(who, TRY(node.attributes()));
        return node.set_attributes({.permissions = left, .size = size});
    }

    NameTree<Lock>& tree_;
};

}  // namespace kidney::fs

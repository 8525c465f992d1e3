/// What a listener is told of changes of names and attributes, and in which order.
#pragma once

#include "kidney/fs/attributes.hpp"
#include "kidney/fs/change_listener.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

namespace kidney::fs {

/// A name in a directory.
struct NameAt {
    Vnode& directory;
    std::string_view name;
};

[[nodiscard]] inline Change of_kind(Change what, const Vnode& node) noexcept {
    return node.type() == NodeType::directory ? what | Change::directory : what;
}

/// One time that changes alone means that the data were used.
[[nodiscard]] inline Change change_of(const AttributeChange& change) noexcept {
    Change what = Change::none;
    if (change.uid || change.gid || change.permissions || (change.accessed && change.modified)) {
        what = what | Change::attributes;
    } else if (change.accessed) {
        what = Change::accessed;
    }
    const bool is_modified = change.size || (change.modified && !change.accessed);
    return is_modified ? what | Change::modified : what;
}

inline void tell_made(ChangeListener& hearer, const NameAt& at, const Vnode& node) noexcept {
    hearer.name_changed(at.directory, at.name, of_kind(Change::made, node), 0);
}
inline void tell_last_name(ChangeListener& hearer, Vnode& node) noexcept {
    const Result<Attributes> left = node.attributes();
    if (node.type() == NodeType::directory || (left && left->links == 0)) {
        hearer.last_name_gone(node);
    }
}
/// The watchers of a node that nobody uses hear of its end before those of the directory do.
inline void tell_removed(ChangeListener& hearer, const NameAt& at, Ref<Vnode> node) noexcept {
    const Change removed = of_kind(Change::removed, *node);
    if (node->type() != NodeType::directory) {
        hearer.node_changed(*node, Change::attributes);
    }
    tell_last_name(hearer, *node);
    node.reset();
    hearer.name_changed(at.directory, at.name, removed, 0);
}
/// `replaced` (or null) was there.
inline void tell_moved(ChangeListener& hearer, const NameAt& from, const NameAt& to, Vnode& node,
                       Vnode* replaced) noexcept {
    const std::uint32_t cookie = hearer.next_cookie();
    hearer.name_changed(from.directory, from.name, of_kind(Change::moved_from, node), cookie);
    hearer.name_changed(to.directory, to.name, of_kind(Change::moved_to, node), cookie);
    if (replaced != nullptr) {
        hearer.node_changed(*replaced, Change::attributes);
    }
    hearer.node_changed(node, Change::self_moved);
    if (replaced != nullptr) {
        tell_last_name(hearer, *replaced);
    }
}

}  // namespace kidney::fs

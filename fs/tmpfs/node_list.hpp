/// All nodes of a tmpfs, so that it can tell whether somebody uses one.
#pragma once

#include "kidney/fs/attributes.hpp"

#include <boost/intrusive/list.hpp>

#include <cstdint>

namespace kidney::fs {

/// `Node` has a hook `of_all`. Concurrency: none, the file system's lock of names guards it.
template <class Node>
class TmpfsNodeList {
public:
    void enter(Node& node) noexcept { nodes_.push_back(node); }
    void leave(Node& node) noexcept { nodes_.erase(nodes_.iterator_to(node)); }

    /// References to nodes that are not those of names. Cost: O(nodes).
    [[nodiscard]] std::int64_t foreign_references() const noexcept {
        std::int64_t foreign = 0;
        for (const Node& node : nodes_) {
            // Each name has a reference; links() of a directory also counts its "." and "..".
            const bool is_directory = node.type() == NodeType::directory;
            foreign += node.references();
            foreign -= !is_directory ? node.links() : node.has_name() ? 1 : 0;
        }
        return foreign;
    }

private:
    boost::intrusive::list<
        Node, boost::intrusive::member_hook<Node, typename Node::AllHook, &Node::of_all>>
        nodes_;
};

}  // namespace kidney::fs

/// The nodes of a FAT file system: how they come, what is told of them, how they go. It is the
/// second half of Fat, and what its users include.
#pragma once

#include "fs/fat/fat.hpp"

namespace kidney::fs {

template <mm::ObjectAllocator Heap, class Cache, class Locks, FileClock Clock>
Result<Ref<fat::Node<Fat<Heap, Cache, Locks, Clock>>>> Fat<Heap, Cache, Locks, Clock>::make_node(
    Node& directory, const fat::RawEntry& raw, fat::EntryPlace place, bool is_made) noexcept {
    const fat::Geometry& g = volume_.geometry();
    const bool is_directory = (raw.attributes & fat::attribute_directory) != 0;
    Inode inode;
    inode.type = is_directory ? NodeType::directory : NodeType::regular;
    inode.size = is_directory ? 0 : raw.size;
    inode.is_read_only = (raw.attributes & fat::attribute_read_only) != 0;
    inode.modified = inode.changed = fat::time_of({raw.date, raw.time});
    inode.accessed = fat::time_of({raw.access_date, 0});
    inode.born = fat::birth_of(raw);
    const std::uint32_t first = fat::first_cluster_of(raw, g.bits == 32);
    const bool is_to_the_end = is_directory && !is_made;  // one that is made has no cluster yet
    const fat::ChainStart start{
        first, is_to_the_end ? fat::ChainStart::to_the_end : g.clusters_for(inode.size)};
    const std::uint64_t key = key_of(place);
    Ref<Node> node =
        TRY(mm::make_ref<Node>(heap_, *this, inode, start, place, key, free_number(key)));
    if (is_directory) {
        set_parent(*node, directory);
    }
    table_.enter(*node, [&](Node& leaving) noexcept { node->chain().adopt(leaving.chain()); });
    moved_.note(*node);
    return node;
}

template <mm::ObjectAllocator Heap, class Cache, class Locks, FileClock Clock>
Attributes Fat<Heap, Cache, Locks, Clock>::attributes_of(Node& node, Attributes a) noexcept {
    const fat::Geometry& g = volume_.geometry();
    const Inode inode = node.inode();
    const bool is_directory = node.type() == NodeType::directory;
    const std::uint16_t no_write = inode.is_read_only && !is_directory ? 0222 : 0;
    a.inode = node.inode_number_;
    a.permissions = Permissions(static_cast<std::uint16_t>(
        0777 & ~(is_directory ? options_.directory_mask : options_.file_mask) & ~no_write));
    a.uid = options_.uid;
    a.gid = options_.gid;
    a.block_size = g.cluster_size;
    a.accessed = fat::kept_day(inode.accessed);
    a.born = inode.born;
    if (is_directory) {
        LockGuard guard(lock_);
        // What cannot be counted is a directory without others; who reads it hears of the error.
        const Status loaded = clusters_.load(node.chain());
        if (loaded && inode.links != 0 && !node.directories_) {
            if (const auto count = entries_.count_directories(node)) {
                node.directories_ = *count;
            }
        }
        a.links = inode.links == 0 ? 0 : 2 + node.directories_.value_or(0);
        a.size = entries_.size_of(node);
    }
    a.blocks = std::uint64_t{g.clusters_for(a.size)} * (g.cluster_size / 512);
    return a;
}

/// True: nothing shall be done, in silence. Error: not_permitted.
template <mm::ObjectAllocator Heap, class Cache, class Locks, FileClock Clock>
Result<bool> Fat<Heap, Cache, Locks, Clock>::check_ownership(
    const AttributeChange& change) const noexcept {
    const bool is_other =
        change.uid.value_or(options_.uid) != options_.uid ||
        change.gid.value_or(options_.gid) != options_.gid ||
        (change.permissions.value_or(Permissions()).bits() & ~unsigned{0777}) != 0;
    return is_other && !options_.quiet ? Result<bool>(fail(Errc::not_permitted)) : is_other;
}

template <mm::ObjectAllocator Heap, class Cache, class Locks, FileClock Clock>
void Fat<Heap, Cache, Locks, Clock>::set_read_only_attribute(Node& node,
                                                             Permissions wanted) noexcept {
    const unsigned all = 0777U & ~unsigned{options_.file_mask};
    const unsigned bits = wanted.bits() & all;
    const unsigned write = bits & 0222U;
    if ((bits & 0555U) != (all & 0555U) || (all & 0222U) == 0 ||
        (write != 0 && write != (all & 0222U))) {
        return;
    }
    LockGuard guard(lock_);
    Inode inode = node.inode();
    inode.is_read_only = write == 0;
    node.bytes().publish(inode);
    this->note_change(node);
}

/// The last reference to `node` is gone. No disk is needed here: this may be called anywhere. What
/// it refers to goes in a loop, because directories may be nested as deeply as anybody likes.
template <mm::ObjectAllocator Heap, class Cache, class Locks, FileClock Clock>
void Fat<Heap, Cache, Locks, Clock>::node_unused(Node& node) noexcept {
    for (Node* at = &node; at != nullptr;) {
        this->cache().forget(at->bytes());
        Node* const parent = at->parent_.detach();
        if (parent != nullptr) {
            parents_.fetch_sub(1, std::memory_order_relaxed);
        }
        set_excess(at->chain(), ~std::uint32_t{0});
        if (at->inode().links == 0 && !this->is_read_only() && promise_of(*at) != 0) {
            table_.add_orphan(*at, promise_of(*at));
        } else {
            this->destroy(*at);
        }
        at = parent != nullptr && parent->release() ? parent : nullptr;
    }
}

}  // namespace kidney::fs

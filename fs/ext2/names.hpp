/// Names in an ext2 file system: made, linked, removed.
#pragma once

#include "fs/ext2/directory_blocks.hpp"
#include "fs/ext2/inode.hpp"
#include "fs/ext2/write_order.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace kidney::fs::ext2 {

/// Each does all that can fail before it changes what anybody sees. Concurrency: the file system's
/// lock is held throughout. Errors of all: io_error, no_memory, corrupted, no_space, and as Vnode
/// says; `restart`: it cannot be done before a sync().
template <class Fs>
class Names {
public:
    using Node = typename Fs::Node;
    using Blocks = DirectoryBlocks<typename Fs::CacheType, typename Fs::HeapType>;
    using Place = typename Blocks::Place;

    explicit Names(Fs& fs) noexcept : fs_(fs) {}

    [[nodiscard]] Result<Ref<Node>> create(Node& directory, std::string_view name,
                                           const NewNode& what) noexcept {
        Inode above = TRY(writable_inode(directory));
        const bool is_directory = what.type == NodeType::directory;
        if (is_directory && above.links >= Node::max_links) {
            return fail(Errc::too_many_links);
        }
        Place place = TRY(free_place(directory, above, name));
        Ref<Node> node = TRY(make_node(directory, what));
        Inode inode = node->inode();
        inode.links = is_directory ? 2 : 1;
        node->bytes().publish(inode);
        blocks().put(place, name, node->number(), what.type, name_phase);
        above.links += is_directory ? 1 : 0;
        ++node->links_until_synced_;
        name_added(directory, above, *node);
        return node;
    }
    [[nodiscard]] Result<Ref<Node>> create_unnamed(Node& directory, const NewNode& what,
                                                   bool linkable) noexcept {
        TRY(writable_inode(directory));
        Ref<Node> node = TRY(make_node(directory, what));
        node->is_linkable_ = linkable;
        fs_.note_change(*node);
        return node;
    }
    [[nodiscard]] Status link(Node& directory, std::string_view name, Node& node) noexcept {
        Inode above = TRY(writable_inode(directory));
        Inode inode = node.inode();
        if (node.type() == NodeType::directory) {
            return fail(Errc::not_permitted);
        }
        if (inode.links == 0 && !node.is_linkable_) {
            return fail(Errc::not_found);
        }
        if (inode.links >= Node::max_links) {
            return fail(Errc::too_many_links);
        }
        Place place = TRY(free_place(directory, above, name));
        blocks().put(place, name, node.number(), node.type(), name_phase);
        node.is_linkable_ = false;
        ++inode.links;
        ++node.links_until_synced_;
        inode.changed = fs_.now();
        node.bytes().publish(inode);
        name_added(directory, above, node);
        return {};
    }
    [[nodiscard]] Status unlink(Node& directory, std::string_view name, Node& node) noexcept {
        Place place = TRY(entry_of(directory, name, node));
        TRY(check_removal(node));
        TRY(begin_removal(node));
        blocks().remove(place, name_phase);
        Inode above = directory.inode();
        drop_link(directory, above, node);
        above.modified = above.changed = fs_.now();
        directory.bytes().publish(above);
        fs_.note_change(directory);
        return {};
    }

    /// The inode of a directory that may get names. Error: not_found (it was removed).
    [[nodiscard]] static Result<Inode> writable_inode(const Node& directory) noexcept {
        Inode inode = directory.inode();
        return inode.links == 0 ? Result<Inode>(fail(Errc::not_found)) : inode;
    }
    /// Room for a name that is not there yet. Whatever fails later, the directory keeps it. Error:
    /// exists.
    [[nodiscard]] Result<Place> free_place(Node& directory, Inode& above,
                                           std::string_view name) noexcept {
        auto search = TRY(blocks().search(above, directory.index_, name));
        if (search.found) {
            return fail(Errc::exists);
        }
        return place_for(directory, above, std::move(search.gap), name.size());
    }
    [[nodiscard]] Result<Place> place_for(Node& directory, Inode& above, std::optional<Place> gap,
                                          std::size_t length) noexcept {
        // A name that is put anywhere is one that the hash tree does not know.
        above.flags &= ~flag_hash_index;
        if (gap) {
            return std::move(*gap);
        }
        const std::uint32_t goal = TRY(fs_.goal(directory, above, above.size / fs_.block_size()));
        Result<Place> made = blocks().make_gap(above, directory.index_, length, goal);
        if (made) {
            directory.bytes().publish(above);
            fs_.note_change(directory);
        }
        return made;
    }
    /// The entry, if its name still means `node`. Error: stale.
    [[nodiscard]] Result<Place> entry_of(Node& directory, std::string_view name,
                                         const Node& node) noexcept {
        auto search = TRY(blocks().search(directory.inode(), directory.index_, name));
        if (!search.found || search.found->inode != node.number()) {
            return fail(Errc::stale);
        }
        return std::move(*search.found);
    }
    /// A name may go from the disk only when another one is there, if the node has any; a
    /// directory, only when what was moved out of it has its new name.
    [[nodiscard]] static Status check_removal(const Node& node) noexcept {
        const bool remains = node.type() != NodeType::directory && node.inode().links > 1;
        const bool must_wait = remains ? node.has_new_name_ && !node.is_new_ : node.gave_name_away_;
        return must_wait ? Status(fail(Errc::restart)) : Status();
    }
    /// The last thing that can fail: from here on nothing is mounted on a directory any more.
    [[nodiscard]] Status begin_removal(Node& node) noexcept {
        if (node.type() != NodeType::directory) {
            return {};
        }
        if (!TRY(blocks().is_empty(node.inode()))) {
            return fail(Errc::not_empty);
        }
        return node.become_removed() ? Status() : Status(fail(Errc::busy));
    }
    /// `node` has lost its name in `directory`, whose inode `above` is.
    void drop_link(Node& directory, Inode& above, Node& node) noexcept {
        Inode inode = node.inode();
        if (node.type() == NodeType::directory) {
            inode.links = 0;
            above.links -= above.links > 2 ? 1 : 0;
            node.former_parent_ = Ref<Node>::share(directory);
        } else {
            --inode.links;
        }
        inode.changed = fs_.now();
        node.bytes().publish(inode);
        fs_.note_change(node);
        if (inode.links == 0) {
            fs_.table().note_removal();
        }
    }
    void name_added(Node& directory, Inode& above, Node& node) noexcept {
        above.modified = above.changed = fs_.now();
        directory.bytes().publish(above);
        node.has_new_name_ = true;
        fs_.note_change(directory);
        fs_.note_change(node);
    }
    [[nodiscard]] Blocks& blocks() noexcept { return fs_.directories(); }

private:
    /// A node with an inode and what belongs to its kind, but without a name.
    [[nodiscard]] Result<Ref<Node>> make_node(const Node& directory, const NewNode& what) noexcept {
        const Geometry& geometry = fs_.volume().geometry();
        const bool is_directory = what.type == NodeType::directory;
        const std::uint32_t number = TRY(
            fs_.allocator().take_inode(geometry.group_of_inode(directory.number()), is_directory));
        Inode inode = Inode::fresh(what, fs_.now(), directory.inode().flags & inherited_flags);
        Status made = fill(inode, number, directory.number(), what);
        if (made) {
            Result<Ref<Node>> node = mm::make_ref<Node>(fs_.heap(), fs_, number, inode);
            if (node) {
                fs_.enter(**node);
                return node;
            }
            made = fail(node.error());
        }
        fs_.give_up(number, inode);
        return fail(made.error());
    }
    [[nodiscard]] Status fill(Inode& inode, std::uint32_t number, std::uint32_t parent,
                              const NewNode& what) noexcept {
        const Geometry& geometry = fs_.volume().geometry();
        const std::uint32_t goal = geometry.first_of_group(geometry.group_of_inode(number));
        if (what.type == NodeType::directory) {
            return blocks().make_first_block(inode, number, parent, goal);
        }
        if (what.type != NodeType::symlink) {
            return {};
        }
        if (what.target.empty() ||
            what.target.size() >= std::min<std::size_t>(geometry.block_size, max_path)) {
            return fail(what.target.empty() ? Errc::not_found : Errc::name_too_long);
        }
        inode.size = what.target.size();
        inode.is_fast_symlink = what.target.size() < sizeof(inode.blocks);
        if (inode.is_fast_symlink) {
            std::memcpy(inode.blocks.data(), what.target.data(), what.target.size());
            return {};
        }
        const BlockNumber block = TRY(fs_.tree().add(inode, 0, goal));
        TRY(fs_.volume().make_block(block, [&](std::span<std::byte> bytes) noexcept {
            std::memcpy(bytes.data(), what.target.data(), what.target.size());
        }));
        return {};
    }

    Fs& fs_;
};

}  // namespace kidney::fs::ext2

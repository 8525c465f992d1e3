/// Names in a kfs: made, linked, removed, moved.
#pragma once

#include "fs/kfs/directory.hpp"
#include "fs/kfs/inode.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/make.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace kidney::fs::kfs {

/// Each is one operation: what it changed on the disk goes into one transaction, and if it fails,
/// nothing has changed. Concurrency: the file system's lock is held throughout. Errors of all:
/// io_error, no_memory, corrupted, no_space, and as Vnode says.
template <class Fs>
class Names {
public:
    using Node = typename Fs::Node;

    explicit Names(Fs& fs) noexcept : fs_(fs) {}

    [[nodiscard]] Result<Ref<Node>> create(Node& directory, std::string_view name,
                                           const NewNode& what) noexcept {
        Inode above = TRY(writable_inode(directory));
        TRY(check_free(directory, above, name));
        const bool is_directory = what.type == NodeType::directory;
        if (is_directory && above.links >= Node::max_links) {
            return fail(Errc::too_many_links);
        }
        Operation operation(fs_, directory);
        Ref<Node> node = TRY(make_node(directory, what, is_directory ? 2 : 1));
        TRY(fs_.directories().add(above, directory.index_, name, node->number(), what.type));
        above.links += is_directory ? 1 : 0;
        TRY(put_directory(directory, above));
        operation.keep();
        fs_.publish(directory, above);
        fs_.enter(*node);
        return node;
    }
    /// Until it has a name it is an orphan.
    [[nodiscard]] Result<Ref<Node>> create_unnamed(Node& directory, const NewNode& what,
                                                   bool linkable) noexcept {
        TRY(writable_inode(directory));
        Operation operation(fs_, directory);
        Ref<Node> node = TRY(make_node(directory, what, 0));
        TRY(fs_.volume().mark_orphan(node->number(), true));
        operation.keep();
        node->is_linkable_ = linkable;
        fs_.enter(*node);
        return node;
    }
    [[nodiscard]] Status link(Node& directory, std::string_view name, Node& node) noexcept {
        Inode above = TRY(writable_inode(directory));
        TRY(check_free(directory, above, name));
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
        Operation operation(fs_, directory);
        TRY(fs_.directories().add(above, directory.index_, name, node.number(), node.type()));
        if (inode.links == 0) {
            TRY(fs_.volume().mark_orphan(node.number(), false));
        }
        ++inode.links;
        inode.changed = fs_.now();
        TRY(fs_.put(node, inode));
        TRY(put_directory(directory, above));
        operation.keep();
        node.is_linkable_ = false;
        fs_.publish(node, inode);
        fs_.publish(directory, above);
        return {};
    }
    [[nodiscard]] Status unlink(Node& directory, std::string_view name, Node& node) noexcept {
        Inode above = directory.inode();
        const Place place = TRY(entry_of(directory, name, node));
        Operation operation(fs_, directory);
        TRY(fs_.directories().remove(directory.index_, place, name));
        Inode inode = node.inode();
        if (node.type() == NodeType::directory) {
            above.links -= above.links > 2 ? 1 : 0;
        }
        TRY(drop_link(node, inode));
        TRY(put_directory(directory, above));
        TRY(end_removal(node));
        operation.keep();
        publish_removal(directory, node, inode);
        fs_.publish(directory, above);
        return {};
    }

    [[nodiscard]] Status rename(Node& from, const NameMove& move) noexcept {
        auto& to = static_cast<Node&>(move.new_parent);
        auto& node = static_cast<Node&>(move.node);
        auto* const replaced = static_cast<Node*>(move.replaced);
        const Place source = TRY(entry_of(from, move.name, node));
        Inode old_parent = from.inode();
        Inode other_parent = TRY(writable_inode(to));
        const bool is_same = &from == &to;
        Inode& new_parent = is_same ? old_parent : other_parent;
        const std::optional<Place> target = TRY(find_target(to, other_parent, move, replaced));
        if (replaced == &node) {
            return {};  // two names of one file: POSIX says that both stay
        }
        TRY(check_move(node, from, to));
        const bool is_directory = node.type() == NodeType::directory;
        if (is_directory && !is_same && replaced == nullptr &&
            other_parent.links >= Node::max_links) {
            return fail(Errc::too_many_links);
        }
        if (replaced != nullptr && replaced->type() == NodeType::directory &&
            !TRY(fs_.directories().is_empty(replaced->inode()))) {
            return fail(Errc::not_empty);  // before the name goes, which may be in it
        }
        Operation operation(fs_, from, &to);
        Inode inode = node.inode();
        Inode gone;
        if (replaced != nullptr) {
            gone = replaced->inode();
            TRY(fs_.directories().replace(*target, node.number(), node.type()));
            TRY(fs_.directories().remove(from.index_, source, move.name));
            new_parent.links -=
                replaced->type() == NodeType::directory && new_parent.links > 2 ? 1 : 0;
            TRY(drop_link(*replaced, gone));
        } else {
            TRY(fs_.directories().remove(from.index_, source, move.name));
            TRY(fs_.directories().add(new_parent, to.index_, move.new_name, node.number(),
                                      node.type()));
        }
        if (is_directory) {
            old_parent.links -= old_parent.links > 2 ? 1 : 0;
            ++new_parent.links;
            inode.parent = to.number();
        }
        inode.changed = fs_.now();
        TRY(fs_.put(node, inode));
        TRY(put_directory(from, old_parent));
        TRY(is_same ? Status() : put_directory(to, other_parent));
        TRY(replaced == nullptr ? Status() : end_removal(*replaced));
        operation.keep();
        fs_.publish(node, inode);
        fs_.publish(from, old_parent);
        if (!is_same) {
            fs_.publish(to, other_parent);
        }
        if (replaced != nullptr) {
            publish_removal(to, *replaced, gone);
        }
        return {};
    }
    /// Two names swap their nodes.
    [[nodiscard]] Status exchange(Node& from, const NameMove& move) noexcept {
        auto& to = static_cast<Node&>(move.new_parent);
        auto& a = static_cast<Node&>(move.node);
        auto& b = static_cast<Node&>(*move.replaced);
        const Place first = TRY(entry_of(from, move.name, a));
        const Place second = TRY(entry_of(to, move.new_name, b));
        if (&a == &b) {
            return {};
        }
        TRY(check_move(a, from, to));
        TRY(check_move(b, to, from));
        Operation operation(fs_, from, &to);
        TRY(fs_.directories().replace(first, b.number(), b.type()));
        TRY(fs_.directories().replace(second, a.number(), a.type()));
        Inode inode_a = a.inode(), inode_b = b.inode();
        Inode old_parent = from.inode(), other_parent = to.inode();
        Inode& new_parent = &from == &to ? old_parent : other_parent;
        if (a.type() == NodeType::directory) {
            inode_a.parent = to.number();
            --old_parent.links;
            ++new_parent.links;
        }
        if (b.type() == NodeType::directory) {
            inode_b.parent = from.number();
            --new_parent.links;
            ++old_parent.links;
        }
        inode_a.changed = inode_b.changed = fs_.now();
        TRY(fs_.put(a, inode_a));
        TRY(fs_.put(b, inode_b));
        TRY(put_directory(from, old_parent));
        TRY(&from == &to ? Status() : put_directory(to, other_parent));
        operation.keep();
        fs_.publish(a, inode_a);
        fs_.publish(b, inode_b);
        fs_.publish(from, old_parent);
        if (&from != &to) {
            fs_.publish(to, other_parent);
        }
        return {};
    }

    /// A cookie is the byte of the entry and 3; 1 and 2 stand behind "." and "..".
    [[nodiscard]] Status list(Node& directory, std::uint64_t cookie, DirectorySink& sink) noexcept {
        const Inode inode = directory.inode();
        if (inode.links == 0) {
            return fail(Errc::not_found);
        }
        if ((cookie < 1 && !sink.accept({directory.number(), NodeType::directory, ".", 1})) ||
            (cookie < 2 && !sink.accept({inode.parent, NodeType::directory, "..", 2}))) {
            return {};
        }
        return fs_.directories().walk(
            inode, cookie < 3 ? 0 : cookie - 2, [&](std::uint32_t, const Entry& entry) noexcept {
                return sink.accept({entry.inode, entry.type, entry.name, entry.position + 3});
            });
    }

private:
    /// Undoes everything, unless it is kept. What the indexes were told cannot be taken back.
    class Operation {
    public:
        Operation(Fs& fs, Node& directory, Node* other = nullptr) noexcept
            : step_(fs.volume()), directory_(directory), other_(other) {}
        ~Operation() {
            if (!is_kept_) {
                directory_.index_.drop();
                if (other_ != nullptr) {
                    other_->index_.drop();
                }
            }
        }
        Operation(const Operation&) = delete;
        Operation& operator=(const Operation&) = delete;
        void keep() noexcept {
            is_kept_ = true;
            step_.keep();
        }

    private:
        typename Fs::Step step_;
        Node& directory_;
        Node* other_;
        bool is_kept_ = false;
    };

    /// The inode of a directory that may get names. Error: not_found (it was removed).
    [[nodiscard]] static Result<Inode> writable_inode(const Node& directory) noexcept {
        Inode inode = directory.inode();
        return inode.links == 0 ? Result<Inode>(fail(Errc::not_found)) : inode;
    }
    [[nodiscard]] Status check_free(Node& directory, const Inode& above,
                                    std::string_view name) noexcept {
        const Result<Place> found = fs_.directories().find(above, directory.index_, name);
        return found                              ? Status(fail(Errc::exists))
               : found.error() == Errc::not_found ? Status()
                                                  : Status(fail(found.error()));
    }
    /// The entry, if its name still means `node`. Error: stale.
    [[nodiscard]] Result<Place> entry_of(Node& directory, std::string_view name,
                                         const Node& node) noexcept {
        const Result<Place> found =
            fs_.directories().find(directory.inode(), directory.index_, name);
        if (!found && found.error() != Errc::not_found) {
            return found;
        }
        return !found || found->inode != node.number() ? Result<Place>(fail(Errc::stale)) : found;
    }
    /// Where the new name of a rename is, if it is there. Error: stale (it means something else
    /// than `replaced`).
    [[nodiscard]] Result<std::optional<Place>> find_target(Node& to, const Inode& inode,
                                                           const NameMove& move,
                                                           const Node* replaced) noexcept {
        const Result<Place> found = fs_.directories().find(inode, to.index_, move.new_name);
        if (!found && found.error() != Errc::not_found) {
            return fail(found.error());
        }
        if ((found ? found->inode : 0) != (replaced == nullptr ? 0 : replaced->number())) {
            return fail(Errc::stale);
        }
        return found ? std::optional(*found) : std::nullopt;
    }
    [[nodiscard]] Status put_directory(Node& directory, Inode& inode) noexcept {
        inode.modified = inode.changed = fs_.now();
        return fs_.put(directory, inode);
    }
    [[nodiscard]] Status drop_link(Node& node, Inode& inode) noexcept {
        if (node.type() == NodeType::directory) {
            if (!TRY(fs_.directories().is_empty(inode))) {
                return fail(Errc::not_empty);
            }
            inode.links = 0;
        } else {
            inode.links -= inode.links > 0 ? 1 : 0;
        }
        inode.changed = fs_.now();
        TRY(inode.links == 0 ? fs_.volume().mark_orphan(node.number(), true) : Status());
        return fs_.put(node, inode);
    }
    /// The last thing that can fail: from here on nothing is mounted on a directory any more.
    [[nodiscard]] static Status end_removal(Node& node) noexcept {
        return node.type() != NodeType::directory || node.become_removed()
                   ? Status()
                   : Status(fail(Errc::busy));
    }
    void publish_removal(Node& directory, Node& node, const Inode& inode) noexcept {
        if (node.type() == NodeType::directory) {
            node.former_parent_ = Ref<Node>::share(directory);
        }
        fs_.publish(node, inode);
    }
    /// May `node` go from `from` to `to`? A directory must not become its own ancestor.
    [[nodiscard]] Status check_move(Node& node, const Node& from, Node& to) noexcept {
        if (node.is_mount_point()) {
            return fail(Errc::busy);
        }
        if (&from == &to || node.type() != NodeType::directory) {
            return {};
        }
        Ref<Node> up = Ref<Node>::share(to);
        // A damaged tree may lead around in circles.
        for (std::uint32_t n = 0; up->number() != root_inode; ++n) {
            if (up.get() == &node) {
                return fail(Errc::invalid_argument);
            }
            if (n > fs_.volume().geometry().inode_count) {
                return fs_.volume().wrong("inode.parent", up->number());
            }
            up = TRY(fs_.parent_locked(*up));
        }
        return {};
    }

    /// A node with an inode and what belongs to its kind, but without a name.
    [[nodiscard]] Result<Ref<Node>> make_node(const Node& directory, const NewNode& what,
                                              std::uint32_t links) noexcept {
        const std::uint32_t number = TRY(fs_.volume().take_inode());
        Inode inode = Inode::fresh(number, what, fs_.now(), directory.number());
        inode.links = links;
        TRY(what.type == NodeType::symlink ? put_target(inode, what.target) : Status());
        TRY(fs_.volume().put_inode(number, inode.raw()));
        Ref<Node> node = TRY(mm::make_ref<Node>(fs_.heap(), fs_, number, inode));
        node->stored_revision_ = inode.revision;
        node->committed_size_ = 0;
        return node;
    }
    [[nodiscard]] Status put_target(Inode& inode, std::string_view target) noexcept {
        if (target.empty() || target.size() >= block_size) {
            return fail(target.empty() ? Errc::not_found : Errc::name_too_long);
        }
        if (target.size() <= inline_bytes) {
            inode.put_inline_target(target);
            return {};
        }
        inode.size = target.size();
        const BlockNumber block = TRY(fs_.tree().add(inode, 0, 0));
        TRY(fs_.volume().changes().make_fresh(block.value));
        const std::span<std::byte> to =
            TRY(fs_.volume().changes().change(block.value, 0, target.size()));
        std::memcpy(to.data(), target.data(), target.size());
        return {};
    }

    Fs& fs_;
};

}  // namespace kidney::fs::kfs

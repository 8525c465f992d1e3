/// Moving names in an ext2 file system.
#pragma once

#include "fs/ext2/names.hpp"

#include <cstdint>
#include <optional>
#include <utility>

namespace kidney::fs::ext2 {

/// As Names.
template <class Fs>
class Renames {
public:
    using Node = typename Fs::Node;
    using Place = typename Names<Fs>::Place;

    explicit Renames(Fs& fs) noexcept : fs_(fs), names_(fs) {}

    [[nodiscard]] Status rename(Node& from, const NameMove& move) noexcept {
        auto& to = static_cast<Node&>(move.new_parent);
        auto& node = static_cast<Node&>(move.node);
        auto* const replaced = static_cast<Node*>(move.replaced);
        Place source = TRY(names_.entry_of(from, move.name, node));
        Inode above = TRY(names_.writable_inode(to));
        auto search = TRY(names_.blocks().search(above, to.index_, move.new_name));
        if ((search.found ? search.found->inode : 0) !=
            (replaced == nullptr ? 0 : replaced->number())) {
            return fail(Errc::stale);
        }
        if (replaced == &node) {
            return {};  // two names of one file: POSIX says that both stay
        }
        TRY(check_move(node, from, to));
        const bool is_directory = node.type() == NodeType::directory;
        if (is_directory && &from != &to && replaced == nullptr && above.links >= Node::max_links) {
            return fail(Errc::too_many_links);
        }
        if (replaced != nullptr) {
            TRY(names_.check_removal(*replaced));
        } else if (&from == &to && names_.blocks().rename_in_place(source, move.new_name,
                                                                   node.type(), name_phase)) {
            above.flags &= ~flag_hash_index;  // it knew the old name
            finish(from, above, node);
            return {};
        }
        return move_entry(from, to, above, node, replaced, source, std::move(search), move);
    }

    /// Two names swap their nodes. In one sector that is one write; otherwise a crash in the middle
    /// leaves both names to one of them, and the other where fsck finds it.
    [[nodiscard]] Status exchange(Node& from, const NameMove& move) noexcept {
        auto& to = static_cast<Node&>(move.new_parent);
        auto& a = static_cast<Node&>(move.node);
        auto& b = static_cast<Node&>(*move.replaced);
        Place first = TRY(names_.entry_of(from, move.name, a));
        Place second = TRY(names_.entry_of(to, move.new_name, b));
        TRY(check_move(a, from, to));
        TRY(check_move(b, to, from));
        std::optional<Place> up_a, up_b;
        if (&from != &to) {
            TRY(find_parent_entry(a, up_a));
            TRY(find_parent_entry(b, up_b));
        }
        names_.blocks().replace(first, b.number(), b.type(), name_phase);
        names_.blocks().replace(second, a.number(), a.type(), name_phase);
        ++a.links_until_synced_;
        ++b.links_until_synced_;
        change_parent(a, from, to, up_a, name_phase);
        change_parent(b, to, from, up_b, name_phase);
        finish(from, from.inode(), a);
        finish(to, to.inode(), b);
        return {};
    }

private:
    [[nodiscard]] Status move_entry(Node& from, Node& to, Inode& above, Node& node, Node* replaced,
                                    Place& source, typename Names<Fs>::Blocks::Search search,
                                    const NameMove& move) noexcept {
        Place target =
            search.found
                ? std::move(*search.found)
                : TRY(names_.place_for(to, above, std::move(search.gap), move.new_name.size()));
        RenamePhases phases{name_phase, name_phase};
        if (!source.is_same_sector(target)) {
            const auto order = order_rename(target.phase(), source.phase());
            if (!order) {
                return fail(Errc::restart);
            }
            phases = *order;
        }
        const bool has_both_names = !source.is_same_sector(target);
        std::optional<Place> up;
        if (&from != &to) {
            TRY(find_parent_entry(node, up));
            if (up && has_gained(up->phase()) && up->phase() < phases.lose.value) {
                return fail(Errc::restart);  // ".." must not put off what somebody waits for
            }
        }
        if (replaced != nullptr) {
            TRY(names_.begin_removal(*replaced));
            names_.blocks().replace(target, node.number(), node.type(), phases.gain);
            names_.drop_link(to, above, *replaced);
        } else {
            names_.blocks().put(target, move.new_name, node.number(), node.type(), phases.gain);
        }
        names_.blocks().remove(source, phases.lose);
        node.links_until_synced_ += has_both_names ? 1 : 0;
        from.gave_name_away_ = from.gave_name_away_ || has_both_names;
        finish(to, above, node);
        change_parent(node, from, to, up, phases.lose);
        if (&from != &to) {
            finish(from, from.inode(), node);
        }
        return {};
    }
    /// May `node` go from `from` to `to`? A directory must not become its own ancestor. What is on
    /// the disk must not lose its name there before the new one can be found, so a directory that
    /// is new goes to the disk first.
    [[nodiscard]] Status check_move(Node& node, const Node& from, Node& to) noexcept {
        if (node.is_mount_point()) {
            return fail(Errc::busy);
        }
        if (&from == &to) {
            return {};
        }
        if (node.type() == NodeType::directory) {
            Ref<Node> up = Ref<Node>::share(to);
            // A damaged tree may lead around in circles.
            for (std::uint32_t n = 0; up->number() != root_inode; ++n) {
                if (up.get() == &node) {
                    return fail(Errc::invalid_argument);
                }
                if (n > fs_.volume().geometry().inode_count) {
                    return fail(Errc::corrupted);
                }
                up = TRY(fs_.parent_locked(*up));
            }
        }
        return to.is_new_ && !node.is_new_ ? Status(fail(Errc::restart)) : Status();
    }
    [[nodiscard]] Status find_parent_entry(Node& node, std::optional<Place>& place) noexcept {
        if (node.type() == NodeType::directory) {
            place.emplace(TRY(names_.blocks().parent_entry(node.inode(), node.index_)));
        }
        return {};
    }
    /// `node` has its name in `to` instead of `from`: what that means for "..".
    void change_parent(Node& node, Node& from, Node& to, std::optional<Place>& up,
                       Phase phase) noexcept {
        if (!up) {
            return;
        }
        names_.blocks().replace(*up, to.number(), NodeType::directory, phase);
        Inode old_parent = from.inode();
        old_parent.links -= old_parent.links > 2 ? 1 : 0;
        from.bytes().publish(old_parent);
        Inode new_parent = to.inode();
        ++new_parent.links;
        to.bytes().publish(new_parent);
        fs_.note_change(node);
    }
    void finish(Node& directory, Inode above, Node& node) noexcept {
        Inode inode = node.inode();
        inode.changed = fs_.now();
        node.bytes().publish(inode);
        names_.name_added(directory, above, node);
    }

    Fs& fs_;
    Names<Fs> names_;
};

}  // namespace kidney::fs::ext2

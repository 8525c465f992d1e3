/// Moving names in a FAT file system.
#pragma once

#include "fs/fat/names.hpp"
#include "fs/fat/write_order.hpp"

#include <cstdint>
#include <optional>
#include <utility>

namespace kidney::fs::fat {

/// As Names.
template <class Fs>
class Renames {
public:
    using Node = typename Fs::Node;
    using Place = typename Names<Fs>::Place;
    using Block = typename Volume<typename Fs::CacheType>::Block;

    Renames(Fs& fs, Names<Fs>& names) noexcept : fs_(fs), names_(names) {}

    [[nodiscard]] Status rename(Node& from, const NameMove& move) noexcept {
        auto& to = static_cast<Node&>(move.new_parent);
        auto& node = static_cast<Node&>(move.node);
        auto* replaced = static_cast<Node*>(move.replaced);
        Place source = TRY(names_.entry_of(from, move.name, node));
        TRY(names_.check_alive(to));
        Name name;
        TRY(name.make(move.new_name));
        const auto search = TRY(names_.entries().search(to, name));
        // The same entry by another spelling: its name changes, and nothing is replaced.
        const bool is_itself = search.found && search.found->place == node.place_;
        if (is_itself) {
            replaced = nullptr;
            if (move.name == move.new_name) {
                return {};
            }
        } else if (search.found ? replaced == nullptr || search.found->place != replaced->place_
                                : replaced != nullptr) {
            return fail(Errc::stale);
        }
        TRY(check_move(node, from, to));
        return replaced != nullptr ? replace(from, to, node, *replaced, source, *search.found)
                                   : put(from, to, node, source, search, name);
    }
    /// Two names swap their files. In one sector that is one write; otherwise a crash in the middle
    /// leaves both names to one of them.
    [[nodiscard]] Status exchange(Node& from, const NameMove& move) noexcept {
        auto& to = static_cast<Node&>(move.new_parent);
        auto& a = static_cast<Node&>(move.node);
        auto& b = static_cast<Node&>(*move.replaced);
        Place first = TRY(names_.entry_of(from, move.name, a));
        Place second = TRY(names_.entry_of(to, move.new_name, b));
        if (&a == &b) {
            return {};
        }
        TRY(check_move(a, from, to));
        TRY(check_move(b, to, from));
        std::optional<Block> up_a = TRY(parent_entry(a, from, to));
        std::optional<Block> up_b = TRY(parent_entry(b, to, from));
        const RawEntry raw_a = first.raw();
        const RawEntry raw_b = second.raw();
        first.replace(with_name_of(raw_b, raw_a), entry_phase);
        second.replace(with_name_of(raw_a, raw_b), entry_phase);
        const EntryPlace place_a = a.place_;
        const EntryPlace place_b = b.place_;
        // Each in turn has the place to itself.
        fs_.forget_place(a);
        fs_.move_node(b, place_a);
        fs_.move_node(a, place_b);
        finish_move(a, from, to, up_a, entry_phase);
        finish_move(b, to, from, up_b, entry_phase);
        return {};
    }

private:
    [[nodiscard]] Status put(Node& from, Node& to, Node& node, Place& source,
                             const typename Names<Fs>::Search& search, const Name& name) noexcept {
        Place target = TRY(names_.entries().make_place(to, search));
        std::optional<Block> up = TRY(parent_entry(node, from, to));
        const MovePhases phases = TRY(order(target, source, up));
        RawEntry raw = source.raw();
        names_.put_name(raw, search);
        target.put(raw, names_.needs_long_name(search) ? &name.wide : nullptr, phases.gain);
        source.remove(phases.lose);
        fs_.move_node(node, target.entry());
        finish_move(node, from, to, up, phases.up);
        return {};
    }
    /// The entry of `replaced`, with its name, becomes that of `node`.
    [[nodiscard]] Status replace(Node& from, Node& to, Node& node, Node& replaced, Place& source,
                                 const FoundEntry& found) noexcept {
        Place target = TRY(names_.entries().take(to, found));
        std::optional<Block> up = TRY(parent_entry(node, from, to));
        const MovePhases phases = TRY(order(target, source, up));
        TRY(names_.begin_removal(replaced));
        target.replace(with_name_of(source.raw(), target.raw()), phases.gain);
        source.remove(phases.lose);
        names_.drop(to, replaced);
        fs_.move_node(node, target.entry());
        finish_move(node, from, to, up, phases.up);
        return {};
    }
    /// Error: restart.
    [[nodiscard]] static Result<MovePhases> order(const Place& target, const Place& source,
                                                  const std::optional<Block>& up) noexcept {
        std::optional<MovePhases> phases = MovePhases{entry_phase, entry_phase, entry_phase};
        if (!target.is_same_sector(source)) {
            const std::uint8_t phase_of_up = up ? up->phase_at(slot_size) : std::uint8_t{0};
            phases = order_move(target.phase(), phase_of_up, source.phase());
        }
        if (!phases || !target.can_go_in(phases->gain)) {
            return fail(Errc::restart);
        }
        return *phases;
    }
    [[nodiscard]] static RawEntry with_name_of(RawEntry raw, const RawEntry& named) noexcept {
        raw.name = named.name;
        raw.letters = named.letters;
        return raw;
    }
    /// May `node` go from `from` to `to`? A directory must not become its own ancestor. What is on
    /// the disk must not lose its name there before the new one can be found, so a directory that
    /// is new goes to the disk first.
    [[nodiscard]] static Status check_move(const Node& node, const Node& from,
                                           const Node& to) noexcept {
        if (node.is_mount_point()) {
            return fail(Errc::busy);
        }
        if (&from == &to) {
            return {};
        }
        for (const Node* up = &to; up != nullptr; up = up->parent_.get()) {
            if (up == &node) {
                return fail(Errc::invalid_argument);
            }
        }
        return to.is_new_ && !node.is_new_ ? Status(fail(Errc::restart)) : Status();
    }
    /// The sector with the ".." of a directory that gets another parent.
    [[nodiscard]] Result<std::optional<Block>> parent_entry(Node& node, const Node& from,
                                                            Node& to) noexcept {
        std::optional<Block> up;
        if (node.type() == NodeType::directory && &from != &to) {
            TRY(fs_.clusters().load(to.chain()));
            up.emplace(TRY(names_.entries().parent_entry(node)));
        }
        return up;
    }
    void finish_move(Node& node, Node& from, Node& to, std::optional<Block>& up,
                     Phase phase) noexcept {
        from.gave_name_away_ = from.gave_name_away_ || (&from != &to && !node.is_new_);
        if (up) {
            names_.entries().set_parent(*up, names_.cluster_of_parent(to), phase);
            fs_.set_parent(node, to);
            if (from.directories_) {
                --*from.directories_;
            }
            if (to.directories_) {
                ++*to.directories_;
            }
        }
        auto inode = node.inode();
        inode.changed = fs_.now();
        node.bytes().publish(inode);
        fs_.note_change(node);
        names_.touch(from);
        names_.touch(to);
    }

    Fs& fs_;
    Names<Fs>& names_;
};

}  // namespace kidney::fs::fat

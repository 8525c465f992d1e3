/// Names in a FAT file system: made and removed.
#pragma once

#include "fs/fat/directory.hpp"
#include "fs/fat/inode.hpp"
#include "fs/fat/text/name.hpp"
#include "fs/fat/write_order.hpp"
#include "kidney/core/ref.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace kidney::fs::fat {

/// Each does all that can fail before it changes what anybody sees. Concurrency: the file system's
/// lock is held throughout. Errors of all: io_error, no_memory, corrupted, no_space, and as Vnode
/// says; `restart`: it cannot be done before a sync().
template <class Fs>
class Names {
public:
    using Node = typename Fs::Node;
    using Place = typename Directory<Fs>::Place;
    using Search = typename Directory<Fs>::Search;

    explicit Names(Fs& fs) noexcept : fs_(fs) {}

    /// Only files and directories: not_permitted.
    [[nodiscard]] Result<Ref<Node>> create(Node& directory, std::string_view text,
                                           const NewNode& what) noexcept {
        TRY(check_alive(directory));
        if (what.type != NodeType::regular && what.type != NodeType::directory) {
            return fail(Errc::not_permitted);
        }
        Name name;
        TRY(name.make(text));
        const Search search = TRY(entries().search(directory, name));
        if (search.found) {
            return fail(Errc::exists);
        }
        Place place = TRY(entries().make_place(directory, search));
        RawEntry raw = fresh_entry(what.type, fs_.now());
        Ref<Node> node = TRY(fs_.make_node(directory, raw, place.entry(), true));
        if (what.type == NodeType::directory) {
            node->directories_ = 0;
            TRY(entries().make_first_cluster(*node, raw, cluster_of_parent(directory)));
            set_first_cluster(raw, node->chain().first());
            if (directory.directories_) {
                ++*directory.directories_;
            }
        }
        put_name(raw, search);
        place.put(raw, needs_long_name(search) ? &name.wide : nullptr, entry_phase);
        node->is_new_ = true;
        touch(directory);
        fs_.note_change(*node);
        return node;
    }
    [[nodiscard]] Status unlink(Node& directory, std::string_view text, Node& node) noexcept {
        Place place = TRY(entry_of(directory, text, node));
        TRY(begin_removal(node));
        place.remove(entry_phase);
        drop(directory, node);
        touch(directory);
        return {};
    }

    /// Error: not_found (it was removed).
    [[nodiscard]] static Status check_alive(const Node& directory) noexcept {
        return directory.inode().links == 0 ? Status(fail(Errc::not_found)) : Status();
    }
    /// The entry, if its name still means `node`. Error: stale.
    [[nodiscard]] Result<Place> entry_of(Node& directory, std::string_view text,
                                         const Node& node) noexcept {
        Name name;
        if (!check_alive(directory) || !name.find(text)) {
            return fail(Errc::stale);
        }
        const auto found = TRY(entries().find(directory, name));
        if (!found || found->place != node.place_) {
            return fail(Errc::stale);
        }
        return entries().take(directory, *found);
    }
    /// The last thing that can fail: from here on nothing is mounted on a directory any more.
    [[nodiscard]] Status begin_removal(Node& node) noexcept {
        if (node.type() != NodeType::directory) {
            return {};
        }
        if (!TRY(entries().is_empty(node))) {
            return fail(Errc::not_empty);
        }
        if (node.gave_name_away_) {
            return fail(Errc::restart);  // what was moved out of it must have its new name
        }
        return node.become_removed() ? Status() : Status(fail(Errc::busy));
    }
    /// `node` has lost its name in `directory`.
    void drop(Node& directory, Node& node) noexcept {
        if (node.type() == NodeType::directory && directory.directories_) {
            --*directory.directories_;
        }
        auto inode = node.inode();
        inode.links = 0;
        inode.changed = fs_.now();
        node.bytes().publish(inode);
        fs_.forget_place(node);
        fs_.table().note_removal();
    }
    void touch(Node& directory) noexcept {
        auto inode = directory.inode();
        inode.modified = inode.changed = fs_.now();
        directory.bytes().publish(inode);
        fs_.note_change(directory);
    }
    /// The short name that `search` has found.
    static void put_name(RawEntry& raw, const Search& search) noexcept {
        raw.name = search.form.is_exact ? search.form.name : with_tail(search.form, search.tail);
        raw.letters = search.form.letters;
    }
    [[nodiscard]] static bool needs_long_name(const Search& search) noexcept {
        return search.slots > 1;
    }
    /// What ".." of a directory in `parent` says: the root has no number there.
    [[nodiscard]] static std::uint32_t cluster_of_parent(const Node& parent) noexcept {
        return parent.is_root() ? 0 : parent.chain().first();
    }
    [[nodiscard]] Directory<Fs>& entries() noexcept { return fs_.entries(); }

private:
    [[nodiscard]] static RawEntry fresh_entry(NodeType type, const FileTime& now) noexcept {
        RawEntry raw{};
        raw.attributes = type == NodeType::directory ? attribute_directory : attribute_archive;
        raw.letters = 0;
        raw.size = 0;
        set_first_cluster(raw, 0);
        put_times(raw, now, now);
        put_birth(raw, now);
        return raw;
    }

    Fs& fs_;
};

}  // namespace kidney::fs::fat

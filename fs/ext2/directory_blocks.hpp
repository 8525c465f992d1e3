/// The names in a directory: found, put in and taken out, block by block.
#pragma once

#include "fs/ext2/block_tree.hpp"
#include "fs/ext2/directory.hpp"
#include "fs/ext2/volume.hpp"
#include "fs/ext2/write_order.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace kidney::fs::ext2 {

/// Works on the caller's copy of the directory's inode. Concurrency: the file system's lock. Errors
/// of all: io_error, no_memory, corrupted, and as said.
template <class Cache>
class DirectoryBlocks {
public:
    using Block = typename Volume<Cache>::Block;

    /// An entry, or where one can be put; its block stays in memory, so what follows cannot fail.
    struct Place {
        Block block;
        std::uint32_t number = 0;  ///< of the block
        Gap gap;                   ///< `at` is where the entry begins, or will
        std::uint32_t inode = 0;   ///< of an entry

        [[nodiscard]] std::uint8_t phase() const noexcept { return block.phase_at(gap.at); }
        [[nodiscard]] bool is_same_sector(const Place& other) const noexcept {
            return number == other.number && sector_of(gap.at) == sector_of(other.gap.at);
        }
        /// To change the sector.
        [[nodiscard]] std::span<std::byte> change(Phase phase) noexcept {
            return block.change(phase, sector_of(gap.at) * sector_size, sector_size);
        }
    };
    struct Search {
        std::optional<Place> found;
        std::optional<Place> gap;  ///< the first one that is large enough
    };

    DirectoryBlocks(Volume<Cache>& volume, BlockTree<Cache>& tree) noexcept
        : volume_(volume), tree_(tree) {}

    /// Calls `visit(block number, offset, entry, offset of the block in the directory)` for the
    /// entries at `from` and behind it, the unused ones too, until it returns false.
    template <class Visit>
    [[nodiscard]] Status walk(const Inode& inode, std::uint64_t from, Visit&& visit) noexcept {
        const Geometry& geometry = volume_.geometry();
        std::uint64_t base = from / geometry.block_size * geometry.block_size;
        // Blocks are read from their beginning, because only that is known to be an entry.
        for (; base < inode.size; base += geometry.block_size) {
            const auto number = TRY(tree_.locate(inode, base / geometry.block_size));
            if (!number) {
                continue;
            }
            const Block block = TRY(volume_.read_block(*number));
            for (std::size_t at = 0; at < geometry.block_size;) {
                const Entry entry = TRY(read_entry(block.bytes(), at, geometry));
                if (base + at >= from && !visit(number->value, at, entry, base)) {
                    return {};
                }
                at = entry.next;
            }
        }
        return {};
    }
    /// Looks for `name`, and for room for it.
    [[nodiscard]] Result<Search> search(const Inode& inode, std::string_view name) noexcept {
        std::optional<Spot> found, gap;
        TRY(walk(inode, 0,
                 [&](std::uint32_t number, std::size_t at, const Entry& entry, std::uint64_t) {
                     if (entry.inode != 0 && entry.name == name) {
                         found = Spot{number, {at, at}, entry.inode};
                         return false;
                     }
                     if (const auto room = gap ? std::nullopt : find_gap(at, entry, name.size())) {
                         gap = Spot{number, *room, 0};
                     }
                     return true;
                 }));
        Search search;
        if (found) {
            search.found.emplace(TRY(take(*found)));
        } else if (gap) {
            search.gap.emplace(TRY(take(*gap)));
        }
        return search;
    }
    /// Only the entry. Error: not_found.
    [[nodiscard]] Result<std::uint32_t> find(const Inode& inode, std::string_view name) noexcept {
        std::uint32_t found = 0;
        TRY(walk(inode, 0, [&](std::uint32_t, std::size_t, const Entry& entry, std::uint64_t) {
            found = entry.name == name ? entry.inode : 0;
            return found == 0;
        }));
        return found == 0 ? Result<std::uint32_t>(fail(Errc::not_found)) : found;
    }
    /// Nothing but "." and "..".
    [[nodiscard]] Result<bool> is_empty(const Inode& inode) noexcept {
        bool empty = true;
        TRY(walk(inode, 0, [&](std::uint32_t, std::size_t, const Entry& entry, std::uint64_t) {
            empty = entry.inode == 0 || entry.name == "." || entry.name == "..";
            return empty;
        }));
        return empty;
    }

    /// Room for a name of `length` bytes where search() has found none: the directory grows, which
    /// `inode` tells from then on. Errors: no_space, file_too_big.
    [[nodiscard]] Result<Place> make_gap(Inode& inode, std::size_t length,
                                         std::uint32_t goal) noexcept {
        if (auto split = TRY(split_for(inode, length))) {
            return std::move(*split);
        }
        const std::uint32_t block_size = volume_.geometry().block_size;
        if (inode.size > Geometry::max_small_size - block_size) {
            return fail(Errc::file_too_big);
        }
        const BlockNumber number = TRY(tree_.add(inode, inode.size / block_size, goal));
        Result<Block> block = volume_.make_block(
            number, [](std::span<std::byte> bytes) noexcept { clear_entries(bytes, 0); });
        if (!block) {
            tree_.take_back(inode, inode.size / block_size);
            return fail(block.error());
        }
        inode.size += block_size;
        return Place{std::move(*block), number.value, {0, 0}, 0};
    }
    /// `type` is that of the node.
    void put(Place& place, std::string_view name, std::uint32_t inode, NodeType type,
             Phase phase) noexcept {
        put_entry(place.change(phase), place.gap, name, inode, type_byte(type));
    }
    void replace(Place& place, std::uint32_t inode, NodeType type, Phase phase) noexcept {
        set_entry_inode(place.change(phase), place.gap.at, inode, type_byte(type));
    }
    void remove(Place& place, Phase phase) noexcept {
        remove_entry(place.change(phase), place.gap.at);
    }
    /// A new name for an entry, if it has room for it.
    [[nodiscard]] bool rename_in_place(Place& place, std::string_view name, NodeType type,
                                       Phase phase) noexcept {
        const auto raw = load<RawEntry>(place.block.bytes(), place.gap.at);
        const std::size_t end = place.gap.at + sizeof raw + name.size();
        if (entry_bytes(name.size()) > raw.length ||
            sector_of(place.gap.at) != sector_of(end - 1)) {
            return false;
        }
        put_entry(place.change(phase), {place.gap.at, place.gap.at}, name, place.inode,
                  type_byte(type));
        return true;
    }
    /// The ".." of a directory.
    [[nodiscard]] Result<Place> parent_entry(const Inode& inode) noexcept {
        Search found = TRY(search(inode, ".."));
        if (!found.found) {
            return fail(Errc::corrupted);
        }
        return std::move(*found.found);
    }
    /// The blocks of a directory that has none yet.
    [[nodiscard]] Status make_first_block(Inode& inode, std::uint32_t self, std::uint32_t parent,
                                          std::uint32_t goal) noexcept {
        const BlockNumber number = TRY(tree_.add(inode, 0, goal));
        inode.size = volume_.geometry().block_size;
        TRY(volume_.make_block(number, [&](std::span<std::byte> bytes) noexcept {
            make_first_entries(bytes, self, parent, type_byte(NodeType::directory));
        }));
        return {};
    }

private:
    struct Spot {
        std::uint32_t block;
        Gap gap;
        std::uint32_t inode;
    };
    [[nodiscard]] Result<Place> take(const Spot& spot) noexcept {
        return Place{TRY(volume_.read_block(BlockNumber{spot.block})), spot.block, spot.gap,
                     spot.inode};
    }
    [[nodiscard]] std::uint8_t type_byte(NodeType type) const noexcept {
        return volume_.geometry().has_entry_types ? entry_type(type) : std::uint8_t{0};
    }
    /// In a block that another system has written, a sector that is only the end of a long entry
    /// becomes an entry of its own: at once, because nothing leads there yet.
    [[nodiscard]] Result<std::optional<Place>> split_for(const Inode& inode,
                                                         std::size_t length) noexcept {
        std::optional<Spot> spot;
        std::size_t end = 0;
        if (volume_.device().block_size() != sector_size ||
            sizeof(RawEntry) + length > sector_size) {
            return std::optional<Place>();
        }
        TRY(walk(inode, 0,
                 [&](std::uint32_t number, std::size_t at, const Entry& entry, std::uint64_t) {
                     if (const auto split = find_split(at, entry)) {
                         spot = Spot{number, {at, *split}, 0};
                         end = entry.next;
                     }
                     return !spot;
                 }));
        if (!spot) {
            return std::optional<Place>();
        }
        std::optional<Place> place(TRY(take(*spot)));
        const std::size_t front = place->gap.front;
        const std::size_t at = place->gap.at;
        std::span<std::byte> bytes = place->block.change(name_phase, at, sector_size);
        RawEntry raw{};
        raw.length = static_cast<std::uint16_t>(end - at);
        save(bytes, at, raw);
        TRY(volume_.write_at_once(BlockNumber{place->number}, at, bytes.subspan(at, sector_size)));
        bytes = place->block.change(name_phase, sector_of(front) * sector_size, sector_size);
        set_entry_length(bytes, front, at - front);
        place->gap = {at, at};
        return place;
    }

    Volume<Cache>& volume_;
    BlockTree<Cache>& tree_;
};

}  // namespace kidney::fs::ext2

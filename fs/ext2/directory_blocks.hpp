/// The names in a directory: found, put in and taken out, block by block.
#pragma once

#include "fs/disk/directory_index.hpp"
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

/// Of a directory: what is known of its names.
template <mm::ObjectAllocator Heap>
struct Index : DirectoryIndex<Heap> {
    using DirectoryIndex<Heap>::DirectoryIndex;
    bool may_split = true;  ///< there may be a place that find_split() finds
};

/// Works on the caller's copy of the directory's inode, and on its index. Concurrency: the file
/// system's lock. Errors of all: io_error, no_memory, corrupted, and as said.
template <class Cache, mm::ObjectAllocator Heap>
class DirectoryBlocks {
public:
    using Block = typename Volume<Cache>::Block;
    using Index = ext2::Index<Heap>;

    /// An entry, or where one can be put; its block stays in memory, so what follows cannot fail.
    struct Place {
        Block block;
        std::uint32_t number = 0;  ///< of the block
        Gap gap;                   ///< `at` is where the entry begins, or will
        std::uint32_t inode = 0;   ///< of an entry
        std::uint64_t base = 0;    ///< where the block is in the directory
        Index* index = nullptr;    ///< told of what changes

        [[nodiscard]] std::uint8_t phase() const noexcept { return block.phase_at(gap.at); }
        [[nodiscard]] bool is_same_sector(const Place& other) const noexcept {
            return number == other.number && sector_of(gap.at) == sector_of(other.gap.at);
        }
        /// To change the sector.
        [[nodiscard]] std::span<std::byte> change(Phase phase) noexcept {
            return block.change(phase, sector_of(gap.at) * sector_size, sector_size);
        }
        void note_name() noexcept { index->add(hash_of(name()), index_place(base + gap.at)); }
        void forget_name() noexcept {
            index->remove(hash_of(name()), index_place(base + gap.at));
            const auto raw = load<RawEntry>(block.bytes(), gap.at);
            index->may_split =
                index->may_split || sector_of(gap.at) != sector_of(gap.at + raw.length - 1);
            index->note_room(base / block.bytes().size());
        }
        [[nodiscard]] std::string_view name() const noexcept {
            const auto raw = load<RawEntry>(block.bytes(), gap.at);
            return {reinterpret_cast<const char*>(block.bytes().data()) + gap.at + sizeof raw,
                    raw.name_length};
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
        const std::uint32_t block_size = volume_.geometry().block_size;
        // Blocks are read from their beginning, because only that is known to be an entry.
        bool goes_on = true;
        for (std::uint64_t base = from / block_size * block_size; goes_on && base < inode.size;
             base += block_size) {
            TRY(walk_block(inode, base,
                           [&](std::uint32_t number, std::size_t at, const Entry& entry,
                               std::uint64_t block_base) {
                               goes_on =
                                   block_base + at < from || visit(number, at, entry, block_base);
                               return goes_on;
                           }));
        }
        return {};
    }
    /// Looks for `name`, and for room for it.
    [[nodiscard]] Result<Search> search(const Inode& inode, Index& index,
                                        std::string_view name) noexcept {
        std::optional<Spot> found, gap;
        if (has_index(inode, index)) {
            found = TRY(look_up(inode, index, name));
            gap = found ? gap : TRY(find_room(inode, index, name.size()));
        } else {
            TRY(scan(inode, name, found, gap));
        }
        Search search;
        if (found) {
            search.found.emplace(TRY(take(*found, index)));
        } else if (gap) {
            search.gap.emplace(TRY(take(*gap, index)));
        }
        return search;
    }
    /// Only the entry. Error: not_found.
    [[nodiscard]] Result<std::uint32_t> find(const Inode& inode, Index& index,
                                             std::string_view name) noexcept {
        std::optional<Spot> found, gap;
        if (has_index(inode, index)) {
            found = TRY(look_up(inode, index, name));
        } else {
            TRY(scan(inode, name, found, gap));
        }
        return found ? Result<std::uint32_t>(found->inode) : fail(Errc::not_found);
    }
    /// Where ".." leads. Error: not_found.
    [[nodiscard]] Result<std::uint32_t> find_parent(const Inode& inode) noexcept {
        std::optional<Spot> found, gap;
        TRY(scan(inode, "..", found, gap));
        return found ? Result<std::uint32_t>(found->inode) : fail(Errc::not_found);
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
    [[nodiscard]] Result<Place> make_gap(Inode& inode, Index& index, std::size_t length,
                                         std::uint32_t goal) noexcept {
        if (auto split = TRY(split_for(inode, index, length))) {
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
        return Place{std::move(*block), number.value, {0, 0}, 0, inode.size - block_size, &index};
    }
    /// `type` is that of the node.
    void put(Place& place, std::string_view name, std::uint32_t inode, NodeType type,
             Phase phase) noexcept {
        put_entry(place.change(phase), place.gap, name, inode, type_byte(type));
        place.note_name();
    }
    void replace(Place& place, std::uint32_t inode, NodeType type, Phase phase) noexcept {
        set_entry_inode(place.change(phase), place.gap.at, inode, type_byte(type));
    }
    void remove(Place& place, Phase phase) noexcept {
        place.forget_name();
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
        place.forget_name();
        put_entry(place.change(phase), {place.gap.at, place.gap.at}, name, place.inode,
                  type_byte(type));
        place.note_name();
        return true;
    }
    /// The ".." of a directory.
    [[nodiscard]] Result<Place> parent_entry(const Inode& inode, Index& index) noexcept {
        std::optional<Spot> found, gap;
        TRY(scan(inode, "..", found, gap));
        return found ? take(*found, index) : fail(Errc::corrupted);
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
        std::uint64_t base;
    };
    [[nodiscard]] Result<Place> take(const Spot& spot, Index& index) noexcept {
        return Place{TRY(volume_.read_block(BlockNumber{spot.block})),
                     spot.block,
                     spot.gap,
                     spot.inode,
                     spot.base,
                     &index};
    }
    /// Entries begin at multiples of 4; so of a byte of the directory:
    [[nodiscard]] static std::uint32_t index_place(std::uint64_t position) noexcept {
        return static_cast<std::uint32_t>(position / 4);
    }
    [[nodiscard]] static std::uint32_t index_units(std::size_t name_length) noexcept {
        return static_cast<std::uint32_t>(entry_bytes(name_length) / 4);
    }
    /// The same for the block with byte `position`.
    template <class Visit>
    [[nodiscard]] Status walk_block(const Inode& inode, std::uint64_t position,
                                    Visit&& visit) noexcept {
        const Geometry& geometry = volume_.geometry();
        const std::uint64_t index = position / geometry.block_size;
        const auto number = TRY(tree_.locate(inode, index));
        if (!number) {
            // Nobody leaves a hole in a directory; and with a wrong size there are millions.
            return fail(Errc::corrupted);
        }
        const Block block = TRY(volume_.read_block(*number));
        for (std::size_t at = 0; at < geometry.block_size;) {
            const Entry entry = TRY(read_entry(block.bytes(), at, geometry));
            if (!visit(number->value, at, entry, index * geometry.block_size)) {
                break;
            }
            at = entry.next;
        }
        return {};
    }
    /// Looks at all of them; for small directories, and where memory is short.
    [[nodiscard]] Status scan(const Inode& inode, std::string_view name, std::optional<Spot>& found,
                              std::optional<Spot>& gap) noexcept {
        return walk(
            inode, 0,
            [&](std::uint32_t number, std::size_t at, const Entry& entry, std::uint64_t base) {
                if (entry.inode != 0 && entry.name == name) {
                    found = Spot{number, {at, at}, entry.inode, base};
                } else if (const auto room =
                               gap ? std::nullopt : find_gap(at, entry, name.size())) {
                    gap = Spot{number, *room, 0, base};
                }
                return !found;
            });
    }
    /// False: the directory is small, or its index cannot be built.
    [[nodiscard]] bool has_index(const Inode& inode, Index& index) noexcept {
        if (index.is_built() || inode.size <= volume_.geometry().block_size) {
            return index.is_built();
        }
        if (!index.begin()) {
            return false;
        }
        const Status read = walk(
            inode, 0, [&](std::uint32_t, std::size_t at, const Entry& entry, std::uint64_t base) {
                if (entry.inode != 0) {
                    index.add(hash_of(entry.name), index_place(base + at));
                }
                return index.is_built();
            });
        if (!read) {
            index.drop();
        }
        return index.is_built();
    }
    /// Looks at the blocks where it may be. What the index says was true of the directory; in a
    /// damaged file system another file may have changed the block since.
    [[nodiscard]] Result<std::optional<Spot>> look_up(const Inode& inode, Index& index,
                                                      std::string_view name) noexcept {
        std::optional<Spot> found;
        TRY(index.for_each(hash_of(name), [&](std::uint32_t place) noexcept -> Result<bool> {
            const std::uint64_t position = std::uint64_t{place} * 4;
            TRY(walk_block(
                inode, position,
                [&](std::uint32_t number, std::size_t at, const Entry& entry, std::uint64_t base) {
                    if (base + at == position && entry.inode != 0 && entry.name == name) {
                        found = Spot{number, {at, at}, entry.inode, base};
                    }
                    return base + at < position;
                }));
            return !found;
        }));
        return found;
    }
    [[nodiscard]] Result<std::optional<Spot>> find_room(const Inode& inode, Index& index,
                                                        std::size_t length) noexcept {
        const std::uint32_t block_size = volume_.geometry().block_size;
        const std::uint64_t blocks = inode.size / block_size;
        std::optional<Spot> gap;
        for (std::uint64_t n = 0;
             !gap && (n = index.next_room(n, index_units(length), blocks)) < blocks; ++n) {
            TRY(walk_block(
                inode, n * block_size,
                [&](std::uint32_t number, std::size_t at, const Entry& entry, std::uint64_t base) {
                    if (const auto room = find_gap(at, entry, length)) {
                        gap = Spot{number, *room, 0, base};
                    }
                    return !gap;
                }));
            if (!gap) {
                index.note_full(n, index_units(length));
            }
        }
        return gap;
    }
    [[nodiscard]] std::uint8_t type_byte(NodeType type) const noexcept {
        return volume_.geometry().has_entry_types ? entry_type(type) : std::uint8_t{0};
    }
    /// In a block that another system has written, a sector that is only the end of a long entry
    /// becomes an entry of its own: at once, because nothing leads there yet.
    [[nodiscard]] Result<std::optional<Place>> split_for(const Inode& inode, Index& index,
                                                         std::size_t length) noexcept {
        std::optional<Spot> spot;
        std::size_t end = 0;
        if (!index.may_split || volume_.device().block_size() != sector_size ||
            sizeof(RawEntry) + length > sector_size) {
            return std::optional<Place>();
        }
        TRY(walk(inode, 0,
                 [&](std::uint32_t number, std::size_t at, const Entry& entry, std::uint64_t base) {
                     if (const auto split = find_split(at, entry)) {
                         spot = Spot{number, {at, *split}, 0, base};
                         end = entry.next;
                     }
                     return !spot;
                 }));
        if (!spot) {
            index.may_split = false;
            return std::optional<Place>();
        }
        std::optional<Place> place(TRY(take(*spot, index)));
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

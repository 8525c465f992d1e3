/// Names in the blocks of a directory.
#pragma once

#include "fs/disk/directory_index.hpp"
#include "fs/kfs/extents.hpp"
#include "fs/kfs/volume.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace kidney::fs::kfs {

/// An entry as it lies in a block.
struct Entry {
    std::uint32_t inode = 0;
    NodeType type = NodeType::regular;
    std::string_view name;
    std::uint64_t position = 0;  ///< byte of the directory
};

/// Where an entry is, or where one can be.
struct Place {
    std::uint32_t block = 0;  ///< of the disk
    std::uint32_t offset = 0;
    std::uint64_t position = 0;
    std::uint32_t inode = 0;  ///< of the entry
    NodeType type = NodeType::regular;
};

/// Works on the caller's copy of a directory's inode, which he stores. `index` is the directory's
/// own; add() and remove() tell it what they did, and whoever undoes that says so. Concurrency: the
/// file system's lock. Errors of all: io_error, no_memory, corrupted, and as said.
template <class Cache, mm::ObjectAllocator Heap>
class Directories {
    using Disk = Volume<Cache, Heap>;
    using Block = typename Disk::Block;
    using Index = DirectoryIndex<Heap>;

public:
    Directories(Disk& volume, Extents<Cache, Heap>& extents) noexcept
        : volume_(volume), extents_(extents) {}

    /// Error: not_found.
    [[nodiscard]] Result<Place> find(const Inode& directory, Index& index,
                                     std::string_view name) noexcept {
        std::optional<Place> found;
        if (directory.size > block_size && (index.is_built() || build(directory, index))) {
            TRY(index.for_each(hash_of(name), [&](std::uint32_t place) noexcept {
                return look(directory, std::uint64_t{place} * EntryHeader::alignment, name, found);
            }));
        } else {
            TRY(walk(directory, 0, [&](std::uint32_t block, const Entry& entry) noexcept {
                if (entry.name == name) {
                    found = place_of(block, entry);
                }
                return !found;
            }));
        }
        return found ? Result<Place>(*found) : fail(Errc::not_found);
    }
    /// Gives `use(block, entry)` every entry from byte `from` on, until it answers false.
    template <class Use>
    [[nodiscard]] Status walk(const Inode& directory, std::uint64_t from, Use&& use) noexcept {
        for (std::uint64_t at = from / block_size; at < directory.size / block_size; ++at) {
            const std::uint32_t number = TRY(block_at(directory, at));
            const Block block = TRY(volume_.changes().read(number));
            for (std::uint32_t offset = 0; offset < block_size;) {
                const EntryHeader header = TRY(header_at(block, offset));
                const std::uint64_t position = at * block_size + offset;
                if (header.inode != 0 && position >= from &&
                    !use(number, TRY(entry_at(block, offset, header, position)))) {
                    return {};
                }
                offset += header.length;
            }
        }
        return {};
    }
    [[nodiscard]] Result<bool> is_empty(const Inode& directory) noexcept {
        bool empty = true;
        TRY(walk(directory, 0, [&](std::uint32_t, const Entry&) noexcept {
            empty = false;
            return false;
        }));
        return empty;
    }
    /// The name is not there. Errors: no_space, file_too_big.
    [[nodiscard]] Status add(Inode& directory, Index& index, std::string_view name,
                             std::uint32_t inode, NodeType type) noexcept {
        const std::uint32_t units = EntryHeader::bytes_for(name.size()) / EntryHeader::alignment;
        std::optional<std::uint64_t> position;
        const std::uint64_t blocks = directory.size / block_size;
        for (std::uint64_t at = index.next_room(0, units, blocks); at < blocks && !position;
             at = index.next_room(at + 1, units, blocks)) {
            position = TRY(add_in(directory, index, at, name, inode, type));
        }
        if (!position) {
            TRY(grow(directory));
            position = TRY(add_in(directory, index, blocks, name, inode, type));
        }
        if (!position) {
            return volume_.wrong("directory block", blocks);
        }
        index.add(hash_of(name), index_place(*position));
        return {};
    }
    [[nodiscard]] Status remove(Index& index, const Place& place, std::string_view name) noexcept {
        std::uint32_t before = 0;
        std::uint32_t length = 0;
        std::uint32_t length_before = 0;
        {
            const Block block = TRY(volume_.changes().read(place.block));
            for (std::uint32_t at = 0; at != place.offset;) {
                before = at;
                length_before = TRY(header_at(block, at)).length;
                at += length_before;
                if (at > place.offset) {
                    return volume_.wrong("entry.length", length_before);
                }
            }
            length = TRY(header_at(block, place.offset)).length;
        }
        if (place.offset == 0) {
            TRY(volume_.changes().put(place.block, offsetof(EntryHeader, inode), std::uint32_t{0}));
        } else {
            TRY(volume_.changes().put(place.block, before + offsetof(EntryHeader, length),
                                      static_cast<std::uint16_t>(length_before + length)));
        }
        index.remove(hash_of(name), index_place(place.position));
        index.note_room(place.position / block_size);
        return {};
    }
    /// The name leads to another inode.
    [[nodiscard]] Status replace(const Place& place, std::uint32_t inode, NodeType type) noexcept {
        TRY(volume_.changes().put(place.block, place.offset + offsetof(EntryHeader, inode), inode));
        return volume_.changes().put(place.block, place.offset + offsetof(EntryHeader, type),
                                     static_cast<std::uint8_t>(mode_of(type) >> 12));
    }

private:
    /// Of a byte of the directory.
    [[nodiscard]] static std::uint32_t index_place(std::uint64_t position) noexcept {
        return static_cast<std::uint32_t>(position / EntryHeader::alignment);
    }
    [[nodiscard]] static Place place_of(std::uint32_t block, const Entry& entry) noexcept {
        return {block, static_cast<std::uint32_t>(entry.position % block_size), entry.position,
                entry.inode, entry.type};
    }
    [[nodiscard]] Result<std::uint32_t> block_at(const Inode& directory,
                                                 std::uint64_t index) noexcept {
        const auto block = TRY(extents_.locate(directory, index));
        return block ? Result<std::uint32_t>(block->value)
                     : volume_.wrong("directory.size", directory.size);
    }
    [[nodiscard]] Result<EntryHeader> header_at(const Block& block, std::uint32_t offset) noexcept {
        const auto header = load<EntryHeader>(block.bytes(), offset);
        const std::uint32_t least = header.inode == 0 ? std::uint32_t{sizeof header}
                                                      : EntryHeader::bytes_for(header.name_length);
        if (header.length < least || header.length % EntryHeader::alignment != 0 ||
            header.length > block_size - offset) {
            return volume_.wrong("entry.length", header.length);
        }
        return header;
    }
    [[nodiscard]] Result<Entry> entry_at(const Block& block, std::uint32_t offset,
                                         const EntryHeader& header,
                                         std::uint64_t position) noexcept {
        Entry entry;
        entry.inode = header.inode;
        entry.position = position;
        entry.name = {reinterpret_cast<const char*>(block.bytes().data()) + offset + sizeof header,
                      header.name_length};
        if (!volume_.geometry().is_inode(header.inode)) {
            return volume_.wrong("entry.inode", header.inode);
        }
        if (!type_of(static_cast<std::uint16_t>(header.type << 12), entry.type)) {
            return volume_.wrong("entry.type", header.type);
        }
        bool is_name = !entry.name.empty() && entry.name != "." && entry.name != "..";
        for (const char c : entry.name) {
            is_name = is_name && c != '/' && c != '\0';
        }
        return is_name ? Result<Entry>(entry) : volume_.wrong("entry.name", header.name_length);
    }
    /// Is that the name? Positions come from walk(), so they were entries once.
    [[nodiscard]] Result<bool> look(const Inode& directory, std::uint64_t position,
                                    std::string_view name, std::optional<Place>& found) noexcept {
        const std::uint32_t number = TRY(block_at(directory, position / block_size));
        const Block block = TRY(volume_.changes().read(number));
        const auto offset = static_cast<std::uint32_t>(position % block_size);
        const Entry entry = TRY(entry_at(block, offset, TRY(header_at(block, offset)), position));
        if (entry.name == name) {
            found = place_of(number, entry);
        }
        return !found;
    }
    /// False: it cannot be built, and the directory is read as it lies.
    [[nodiscard]] bool build(const Inode& directory, Index& index) noexcept {
        if (!index.begin()) {
            return false;
        }
        const Status read = walk(directory, 0, [&](std::uint32_t, const Entry& entry) noexcept {
            index.add(hash_of(entry.name), index_place(entry.position));
            return index.is_built();
        });
        if (!read) {
            index.drop();
        }
        return index.is_built();
    }
    /// Where the entry is now; nothing: there is no gap for it.
    [[nodiscard]] Result<std::optional<std::uint64_t>> add_in(const Inode& directory, Index& index,
                                                              std::uint64_t at,
                                                              std::string_view name,
                                                              std::uint32_t inode,
                                                              NodeType type) noexcept {
        const std::uint32_t number = TRY(block_at(directory, at));
        const std::uint32_t bytes = EntryHeader::bytes_for(name.size());
        std::uint32_t offset = 0;
        std::uint32_t used = 0;
        EntryHeader header;
        {
            const Block block = TRY(volume_.changes().read(number));
            std::uint32_t largest = 0;
            while (offset < block_size) {
                header = TRY(header_at(block, offset));
                used = header.inode == 0 ? 0 : EntryHeader::bytes_for(header.name_length);
                if (header.length - used >= bytes) {
                    break;
                }
                largest = std::max(largest, header.length - used);
                offset += header.length;
            }
            if (offset >= block_size) {
                index.note_full(at, largest / EntryHeader::alignment + 1);
                return std::optional<std::uint64_t>();
            }
        }
        if (used != 0) {
            TRY(volume_.changes().put(number, offset + offsetof(EntryHeader, length),
                                      static_cast<std::uint16_t>(used)));
        }
        TRY(put(number, offset + used,
                {.inode = inode,
                 .length = static_cast<std::uint16_t>(header.length - used),
                 .type = static_cast<std::uint8_t>(mode_of(type) >> 12),
                 .name_length = static_cast<std::uint8_t>(name.size())},
                name));
        return std::optional(at * block_size + offset + used);
    }
    [[nodiscard]] Status put(std::uint32_t block, std::uint32_t offset, const EntryHeader& header,
                             std::string_view name) noexcept {
        const std::span<std::byte> to =
            TRY(volume_.changes().change(block, offset, sizeof header + name.size()));
        std::memcpy(to.data(), &header, sizeof header);
        std::memcpy(to.data() + sizeof header, name.data(), name.size());
        return {};
    }
    [[nodiscard]] Status grow(Inode& directory) noexcept {
        const std::uint64_t at = directory.size / block_size;
        std::uint32_t goal = 0;
        if (at > 0) {
            goal = TRY(block_at(directory, at - 1)) + 1;
        }
        const BlockNumber block = TRY(extents_.add(directory, at, goal));
        TRY(volume_.changes().make_fresh(block.value));
        TRY(volume_.changes().put(block.value, 0,
                                  EntryHeader{.length = static_cast<std::uint16_t>(block_size)}));
        directory.size += block_size;
        return {};
    }

    Disk& volume_;
    Extents<Cache, Heap>& extents_;
};

}  // namespace kidney::fs::kfs

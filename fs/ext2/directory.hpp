/// The entries of one directory block: checked one by one, put in and taken out.
///
/// One write of a sector makes a name appear or go, because that is what a disk does wholly or not
/// at all: an entry lies inside of one sector, together with what must change for it to be found.
/// Blocks that are made here consist of sectors that no entry crosses; in blocks of others a name
/// is put where the rule can be kept.
#pragma once

#include "fs/cache/sector_phases.hpp"
#include "fs/ext2/geometry.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace kidney::fs::ext2 {

struct Entry {
    std::uint32_t inode = 0;  ///< 0: unused
    std::string_view name;    ///< in the block's bytes
    std::optional<NodeType> type;
    std::size_t next = 0;  ///< offset of the entry behind this one
};

/// The entry at `offset` of a block (a multiple of 4 below the block size). A hash-tree directory
/// reads the same way: its index blocks look like unused entries. Error: corrupted.
[[nodiscard]] inline Result<Entry> read_entry(std::span<const std::byte> block, std::size_t offset,
                                              const Geometry& geometry) noexcept {
    const std::size_t left = block.size() - offset;
    if (left < sizeof(RawEntry)) {
        return fail(Errc::corrupted);
    }
    const auto raw = load<RawEntry>(block, offset);
    const std::size_t length = raw.length;
    const std::size_t name_length = raw.name_length;
    if (length < sizeof(RawEntry) || length % 4 != 0 || length > left ||
        sizeof(RawEntry) + name_length > length) {
        return fail(Errc::corrupted);
    }
    Entry entry;
    entry.next = offset + length;
    if (raw.inode == 0) {
        return entry;
    }
    entry.inode = TRY(geometry.inode(raw.inode));
    entry.name = std::string_view(
        reinterpret_cast<const char*>(block.data()) + offset + sizeof(RawEntry), name_length);
    if (name_length == 0 || entry.name.find('/') != std::string_view::npos ||
        entry.name.find('\0') != std::string_view::npos) {
        return fail(Errc::corrupted);
    }
    constexpr std::optional<NodeType> types[] = {
        std::nullopt,    NodeType::regular, NodeType::directory, NodeType::character,
        NodeType::block, NodeType::fifo,    NodeType::socket,    NodeType::symlink};
    if (geometry.has_entry_types && raw.type < std::size(types)) {
        entry.type = types[raw.type];
    }
    return entry;
}

[[nodiscard]] constexpr std::size_t sector_of(std::size_t offset) noexcept {
    return offset / sector_size;
}
/// Bytes of an entry up to the next one's place.
[[nodiscard]] constexpr std::size_t entry_bytes(std::size_t name_length) noexcept {
    return (sizeof(RawEntry) + name_length + 3) & ~std::size_t{3};
}
/// RawEntry::type.
[[nodiscard]] constexpr std::uint8_t entry_type(NodeType type) noexcept {
    constexpr std::uint8_t types[] = {1, 2, 7, 3, 4, 5, 6};  // in the order of NodeType
    return types[static_cast<std::size_t>(type)];
}

/// Where a name can be put: into the unused entry `front` itself, or behind it.
struct Gap {
    std::size_t front = 0;
    std::size_t at = 0;  ///< where the new entry begins
    [[nodiscard]] bool is_unused() const noexcept { return front == at; }
};
/// A name of `length` bytes in or behind `entry`, which begins at `offset`.
[[nodiscard]] inline std::optional<Gap> find_gap(std::size_t offset, const Entry& entry,
                                                 std::size_t length) noexcept {
    const std::size_t used = entry.inode == 0 ? 0 : entry_bytes(entry.name.size());
    const std::size_t at = offset + used;
    const std::size_t end = at + sizeof(RawEntry) + length;
    if (at + entry_bytes(length) > entry.next || sector_of(at) != sector_of(end - 1) ||
        sector_of(at) != sector_of(offset)) {
        return std::nullopt;
    }
    return Gap{offset, at};
}
/// Where `entry` can be shortened so that a whole sector behind it becomes an unused entry. Nothing
/// in that sector is in use.
[[nodiscard]] inline std::optional<std::size_t> find_split(std::size_t offset,
                                                           const Entry& entry) noexcept {
    const std::size_t used = entry.inode == 0 ? sizeof(RawEntry) : entry_bytes(entry.name.size());
    const std::size_t at = (offset + used + sector_size - 1) & ~(sector_size - 1);
    return at + sector_size <= entry.next ? std::optional(at) : std::nullopt;
}

inline void set_entry_length(std::span<std::byte> block, std::size_t offset,
                             std::size_t length) noexcept {
    auto raw = load<RawEntry>(block, offset);
    raw.length = static_cast<std::uint16_t>(length);
    save(block, offset, raw);
}
/// What the entry at `offset` leads to.
inline void set_entry_inode(std::span<std::byte> block, std::size_t offset, std::uint32_t inode,
                            std::uint8_t type) noexcept {
    auto raw = load<RawEntry>(block, offset);
    raw.inode = inode;
    raw.type = type;
    save(block, offset, raw);
}
/// `type` is 0 where the format has none.
inline void put_entry(std::span<std::byte> block, Gap gap, std::string_view name,
                      std::uint32_t inode, std::uint8_t type) noexcept {
    auto front = load<RawEntry>(block, gap.front);
    const std::size_t end = gap.front + front.length;
    if (!gap.is_unused()) {
        set_entry_length(block, gap.front, gap.at - gap.front);
    }
    RawEntry raw{};
    raw.inode = inode;
    raw.length = static_cast<std::uint16_t>(end - gap.at);
    raw.name_length = static_cast<std::uint8_t>(name.size());
    raw.type = type;
    save(block, gap.at, raw);
    std::memcpy(block.data() + gap.at + sizeof raw, name.data(), name.size());
}
/// Takes the entry at `offset` out; the one in front of it in the same sector, if there is one,
/// grows over it. The block has been read, so its entries are good.
inline void remove_entry(std::span<std::byte> block, std::size_t offset) noexcept {
    std::size_t before = 0;
    for (std::size_t at = 0; at < offset;) {
        before = at;
        at += load<RawEntry>(block, at).length;
    }
    set_entry_inode(block, offset, 0, 0);
    if (before != offset && sector_of(before) == sector_of(offset)) {
        const std::size_t end = offset + load<RawEntry>(block, offset).length;
        set_entry_length(block, before, end - before);
    }
}
/// An entry without a name in each sector from `from` on.
inline void clear_entries(std::span<std::byte> block, std::size_t from) noexcept {
    for (std::size_t at = from; at < block.size(); at += sector_size) {
        RawEntry raw{};
        raw.length = static_cast<std::uint16_t>(sector_size);
        save(block, at, raw);
    }
}
/// The first block of a new directory.
inline void make_first_entries(std::span<std::byte> block, std::uint32_t self, std::uint32_t parent,
                               std::uint8_t type) noexcept {
    clear_entries(block, 0);
    put_entry(block, {0, 0}, ".", self, type);
    put_entry(block, {0, entry_bytes(1)}, "..", parent, type);
}

}  // namespace kidney::fs::ext2

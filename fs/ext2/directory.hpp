/// The entries of one directory block, checked one by one.
#pragma once

#include "fs/ext2/geometry.hpp"
#include "kidney/fs/vnode.hpp"

#include <cstddef>
#include <cstdint>
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

}  // namespace kidney::fs::ext2

/// An inode, checked.
#pragma once

#include "fs/ext2/geometry.hpp"
#include "kidney/fs/vnode.hpp"

#include <array>
#include <cstdint>

namespace kidney::fs::ext2 {

struct Inode {
    NodeType type = NodeType::regular;
    Permissions permissions;
    std::uint32_t uid = 0, gid = 0, links = 0;
    std::uint64_t size = 0;
    std::uint32_t sectors = 0;
    bool is_fast_symlink = false;  ///< the target is in `blocks`
    DeviceNumber rdev;
    FileTime accessed, modified, changed;
    std::array<Le32, block_pointers> blocks;  ///< still unchecked: BlockMap checks each on use

    /// Error: corrupted.
    [[nodiscard]] static Result<Inode> create(const RawInode& raw, const Geometry& g) noexcept {
        Inode inode;
        inode.type = TRY(type_of(raw.mode));
        inode.permissions = Permissions(raw.mode & 07777U);
        inode.uid = raw.uid | std::uint32_t{raw.uid_high} << 16;
        inode.gid = raw.gid | std::uint32_t{raw.gid_high} << 16;
        inode.links = raw.links;
        inode.size = raw.size;
        if (inode.type == NodeType::regular && g.has_large_files) {
            inode.size |= std::uint64_t{raw.size_high} << 32;
        }
        inode.sectors = raw.sectors;
        inode.accessed = {static_cast<std::int32_t>(std::uint32_t{raw.access_time}), 0};
        inode.modified = {static_cast<std::int32_t>(std::uint32_t{raw.modification_time}), 0};
        inode.changed = {static_cast<std::int32_t>(std::uint32_t{raw.change_time}), 0};
        inode.blocks = raw.blocks;
        if (inode.links == 0 || inode.size > g.max_file_blocks() * g.block_size) {
            return fail(Errc::corrupted);
        }
        const std::uint32_t attribute_sectors = raw.file_acl != 0 ? g.block_size / 512 : 0;
        switch (inode.type) {
            case NodeType::directory:
                if (inode.size == 0 || inode.size % g.block_size != 0) {
                    return fail(Errc::corrupted);
                }
                break;
            case NodeType::symlink:
                inode.is_fast_symlink = inode.sectors <= attribute_sectors;
                if (inode.size == 0 ||
                    inode.size > (inode.is_fast_symlink ? sizeof(inode.blocks) : max_path - 1)) {
                    return fail(Errc::corrupted);
                }
                break;
            case NodeType::character:
            case NodeType::block:
                inode.rdev = device_of(raw);
                break;
            default:
                break;
        }
        return inode;
    }

private:
    [[nodiscard]] static Result<NodeType> type_of(std::uint32_t mode) noexcept {
        switch (mode >> 12) {
            case 01:
                return NodeType::fifo;
            case 02:
                return NodeType::character;
            case 04:
                return NodeType::directory;
            case 06:
                return NodeType::block;
            case 010:
                return NodeType::regular;
            case 012:
                return NodeType::symlink;
            case 014:
                return NodeType::socket;
            default:
                return fail(Errc::corrupted);
        }
    }
    /// Small numbers are in the first pointer (8:8 bits), others in the second (12:20 bits).
    [[nodiscard]] static DeviceNumber device_of(const RawInode& raw) noexcept {
        if (const std::uint32_t old = raw.blocks[0]; old != 0) {
            return {old >> 8 & 0xFFU, old & 0xFFU};
        }
        const std::uint32_t number = raw.blocks[1];
        return {number >> 8 & 0xFFFU, (number & 0xFFU) | (number >> 12 & 0xFFF00U)};
    }
};

}  // namespace kidney::fs::ext2

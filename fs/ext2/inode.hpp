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
    std::uint32_t flags = 0;
    std::uint32_t attribute_block = 0;  ///< still unchecked; 0: it has none
    bool is_fast_symlink = false;       ///< the target is in `blocks`
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
        inode.flags = raw.flags;
        inode.attribute_block = raw.file_acl;
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
    /// A new one, without a name or any blocks.
    [[nodiscard]] static Inode fresh(const NewNode& what, const FileTime& now,
                                     std::uint32_t flags) noexcept {
        Inode inode;
        inode.type = what.type;
        inode.permissions = what.permissions;
        inode.uid = what.uid;
        inode.gid = what.gid;
        inode.flags = flags;
        inode.accessed = inode.modified = inode.changed = now;
        for (Le32& pointer : inode.blocks) {
            pointer = 0;
        }
        if (what.type == NodeType::character || what.type == NodeType::block) {
            inode.rdev = what.rdev;
            inode.store_device();
        }
        return inode;
    }
    /// Into the bytes of the inode table. What is not known here stays as it is there. Without a
    /// link it is marked as deleted, as fsck wants it.
    void store(RawInode& raw) const noexcept {
        raw.mode = static_cast<std::uint16_t>(mode_of(type) << 12 | permissions.bits());
        raw.uid = static_cast<std::uint16_t>(uid);
        raw.uid_high = static_cast<std::uint16_t>(uid >> 16);
        raw.gid = static_cast<std::uint16_t>(gid);
        raw.gid_high = static_cast<std::uint16_t>(gid >> 16);
        raw.links = static_cast<std::uint16_t>(links);
        raw.size = static_cast<std::uint32_t>(size);
        if (type == NodeType::regular) {
            raw.size_high = static_cast<std::uint32_t>(size >> 32);
        }
        raw.sectors = sectors;
        raw.flags = flags;
        raw.access_time = seconds_of(accessed);
        raw.modification_time = seconds_of(modified);
        raw.change_time = seconds_of(changed);
        raw.deletion_time = links == 0 ? seconds_of(changed) : 0;
        raw.blocks = blocks;
        raw.file_acl = attribute_block;
    }

private:
    [[nodiscard]] static std::uint32_t seconds_of(const FileTime& time) noexcept {
        return static_cast<std::uint32_t>(time.seconds);
    }
    [[nodiscard]] static std::uint32_t mode_of(NodeType type) noexcept {
        switch (type) {
            case NodeType::fifo:
                return 01;
            case NodeType::character:
                return 02;
            case NodeType::directory:
                return 04;
            case NodeType::block:
                return 06;
            case NodeType::symlink:
                return 012;
            case NodeType::socket:
                return 014;
            default:
                return 010;
        }
    }
    void store_device() noexcept {
        if (rdev.major < 256 && rdev.minor < 256) {
            blocks[0] = rdev.major << 8 | rdev.minor;
        } else {
            blocks[1] = (rdev.minor & 0xFFU) | rdev.major << 8 | (rdev.minor & 0xFFF00U) << 12;
        }
    }
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

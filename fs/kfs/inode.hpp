/// An inode, checked, as it is in memory.
#pragma once

#include "fs/kfs/format.hpp"
#include "kidney/fs/attributes.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace kidney::fs::kfs {

[[nodiscard]] constexpr std::uint16_t mode_of(NodeType type) noexcept {
    switch (type) {
        case NodeType::fifo:
            return mode_fifo;
        case NodeType::character:
            return mode_character;
        case NodeType::directory:
            return mode_directory;
        case NodeType::block:
            return mode_block;
        case NodeType::symlink:
            return mode_symlink;
        case NodeType::socket:
            return mode_socket;
        default:
            return mode_regular;
    }
}
/// False: there is no such type.
[[nodiscard]] constexpr bool type_of(std::uint16_t mode, NodeType& type) noexcept {
    for (const NodeType known :
         {NodeType::regular, NodeType::directory, NodeType::symlink, NodeType::character,
          NodeType::block, NodeType::fifo, NodeType::socket}) {
        if ((mode & mode_type) == mode_of(known)) {
            type = known;
            return true;
        }
    }
    return false;
}

/// Times are kept in nanoseconds since 1970, in 64 bits: the years 1678 to 2262.
[[nodiscard]] constexpr FileTime time_of(std::int64_t nanoseconds) noexcept {
    constexpr std::int64_t second = 1'000'000'000;
    std::int64_t seconds = nanoseconds / second;
    std::int64_t rest = nanoseconds % second;
    if (rest < 0) {
        rest += second;
        --seconds;
    }
    return {seconds, static_cast<std::uint32_t>(rest)};
}
[[nodiscard]] constexpr std::int64_t nanoseconds_of(const FileTime& time) noexcept {
    constexpr std::int64_t most = 9'223'372'035;
    return std::clamp<std::int64_t>(time.seconds, -most, most) * 1'000'000'000 + time.nanoseconds;
}

struct Inode {
    static constexpr std::uint32_t sectors_per_block = block_size / 512;
    std::uint32_t number = 0;
    NodeType type = NodeType::regular;
    Permissions permissions;
    std::uint8_t depth = 0, slots = 0;
    std::uint32_t uid = 0, gid = 0, links = 0, parent = 0;
    std::uint32_t sectors = 0;   ///< of 512 bytes that it has, with those of its extents
    std::uint32_t revision = 0;  ///< another one whenever it gets or loses blocks; not on the disk
    std::uint64_t size = 0;
    FileTime accessed, modified, changed, born;
    DeviceNumber rdev;
    std::array<Extent, inline_extents> extents{};  ///< as on the disk: still unchecked

    /// Of one that exists. Error: corrupted, and `complaint` says why.
    [[nodiscard]] static Result<Inode> create(std::uint32_t number, const RawInode& raw,
                                              const Geometry& g, Complaint& complaint) noexcept {
        const auto wrong = [&](const char* field, std::uint64_t value) {
            complaint = {field, value};
            return Result<Inode>(fail(Errc::corrupted));
        };
        Inode inode;
        inode.number = number;
        if (!type_of(raw.mode, inode.type)) {
            return wrong("inode.mode", raw.mode);
        }
        if (raw.depth > 1 || raw.slots > inline_extents) {
            return wrong("inode.slots", raw.slots);
        }
        const bool is_directory = inode.type == NodeType::directory;
        if (raw.size > max_file_size || (is_directory && raw.size % block_size != 0) ||
            (inode.type == NodeType::symlink && (raw.size == 0 || raw.size >= block_size))) {
            return wrong("inode.size", raw.size);
        }
        if (is_directory && !g.is_inode(raw.parent)) {
            return wrong("inode.parent", raw.parent);
        }
        inode.permissions = Permissions(raw.mode & mode_permissions);
        inode.depth = raw.depth;
        inode.slots = raw.slots;
        inode.uid = raw.uid;
        inode.gid = raw.gid;
        inode.links = raw.links;
        inode.parent = raw.parent;
        inode.sectors = raw.blocks * sectors_per_block;
        inode.size = raw.size;
        inode.accessed = time_of(raw.accessed);
        inode.modified = time_of(raw.modified);
        inode.changed = time_of(raw.changed);
        inode.born = time_of(raw.born);
        if (inode.is_device()) {
            std::memcpy(&inode.rdev, raw.place.data(), sizeof inode.rdev);
        } else {
            std::memcpy(inode.extents.data(), raw.place.data(), inline_bytes);
        }
        return inode;
    }
    [[nodiscard]] static Inode fresh(std::uint32_t number, const NewNode& what, const FileTime& now,
                                     std::uint32_t parent) noexcept {
        Inode inode;
        inode.number = number;
        inode.type = what.type;
        inode.permissions = what.permissions;
        inode.uid = what.uid;
        inode.gid = what.gid;
        inode.parent = what.type == NodeType::directory ? parent : 0;
        inode.accessed = inode.modified = inode.changed = inode.born = now;
        inode.rdev = inode.is_device() ? what.rdev : DeviceNumber{};
        return inode;
    }
    [[nodiscard]] RawInode raw() const noexcept {
        RawInode raw;
        raw.mode = static_cast<std::uint16_t>(mode_of(type) | permissions.bits());
        raw.depth = depth;
        raw.slots = slots;
        raw.links = links;
        raw.uid = uid;
        raw.gid = gid;
        raw.size = size;
        raw.accessed = nanoseconds_of(accessed);
        raw.modified = nanoseconds_of(modified);
        raw.changed = nanoseconds_of(changed);
        raw.born = nanoseconds_of(born);
        raw.parent = parent;
        raw.blocks = sectors / sectors_per_block;
        if (is_device()) {
            std::memcpy(raw.place.data(), &rdev, sizeof rdev);
        } else {
            std::memcpy(raw.place.data(), extents.data(), inline_bytes);
        }
        return raw;
    }

    [[nodiscard]] bool is_device() const noexcept {
        return type == NodeType::character || type == NodeType::block;
    }
    [[nodiscard]] bool has_inline_target() const noexcept {
        return type == NodeType::symlink && size <= inline_bytes;
    }
    [[nodiscard]] std::string_view inline_target() const noexcept {
        return {reinterpret_cast<const char*>(extents.data()), static_cast<std::size_t>(size)};
    }
    void put_inline_target(std::string_view target) noexcept {
        std::memcpy(extents.data(), target.data(), target.size());
        size = target.size();
    }
    void count_blocks(std::int32_t change) noexcept {
        const std::int64_t now = std::int64_t{sectors / sectors_per_block} + change;
        sectors = static_cast<std::uint32_t>(std::max<std::int64_t>(now, 0)) * sectors_per_block;
        ++revision;
    }
    /// What is in its slots are extents.
    [[nodiscard]] bool has_extents() const noexcept {
        return type == NodeType::regular || type == NodeType::directory ||
               (type == NodeType::symlink && !has_inline_target());
    }
};
static_assert(sizeof(DeviceNumber) == 8);

}  // namespace kidney::fs::kfs

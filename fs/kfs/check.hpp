/// Says whether a kfs is sound: what fsck does, and the crash machine after every crash.
///
/// It reads the disk by itself, with none of the code that wrote it, and changes nothing. Mount
/// first: before that, the truth may be in the log.
#pragma once

#include "fs/kfs/check_disk.hpp"
#include "fs/kfs/check_memory.hpp"
#include "fs/kfs/format.hpp"
#include "kidney/fs/block_device.hpp"

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace kidney::fs::kfs {

/// What is wrong where.
struct Finding {
    const char* what = "";
    std::uint32_t inode = 0;
    std::uint32_t block = 0;
    std::uint64_t value = 0;  ///< what is there
    bool is_leak = false;     ///< space that nobody can use; nothing is lost
};

/// Used again for one image after the other. Memory: a byte a block and 16 an inode. Concurrency:
/// none.
template <BlockDevice Device, mm::ObjectAllocator Heap>
class Checker {
public:
    explicit Checker(Heap& heap) noexcept : memory_(heap) {}

    /// Calls `found` with each Finding; none: sound. Errors: io_error, no_memory, corrupted (the
    /// superblock), not_supported.
    template <class Found>
    [[nodiscard]] Status check(Device& device, Found&& found) noexcept {
        disk_.use(device);
        if (device.block_size() > block_size || device.block_size() < log_sector) {
            return fail(Errc::not_supported);
        }
        TRY(disk_.read(0, block_));
        Complaint complaint;
        const auto geometry =
            Geometry::create(load<Superblock>(block_, 0),
                             device.block_count() / (block_size / device.block_size()), complaint);
        if (!geometry) {
            found(Finding{.what = complaint.field, .value = complaint.value});
            return fail(geometry.error());
        }
        geometry_ = *geometry;
        disk_.use(geometry_);
        TRY(memory_.prepare(geometry_));
        TRY(check_anchor(found));
        for (std::uint32_t n = 1; n < geometry_.inode_count; ++n) {
            TRY(check_inode(n, found));
        }
        TRY(check_tree(found));
        TRY(check_counts(found));
        return check_bitmaps(found);
    }

private:
    [[nodiscard]] static std::uint16_t type_of(const RawInode& i) noexcept {
        return i.mode & mode_type;
    }
    [[nodiscard]] static bool has_blocks(const RawInode& i) noexcept {
        return type_of(i) == mode_regular || type_of(i) == mode_directory ||
               (type_of(i) == mode_symlink && i.size > inline_bytes);
    }

    template <class Found>
    [[nodiscard]] Status check_anchor(Found&& found) noexcept {
        TRY(disk_.read(Geometry::anchor, block_));
        const auto anchor = load<Anchor>(block_, 0);
        if (anchor.magic != Anchor::right_magic || anchor.checksum != checksum_of(anchor) ||
            anchor.uuid != geometry_.uuid) {
            found(Finding{.what = "the anchor of the log is damaged",
                          .block = Geometry::anchor,
                          .value = anchor.magic});
        } else if (anchor.position >= geometry_.log_sectors()) {
            found(Finding{.what = "the log begins outside its ring",
                          .block = Geometry::anchor,
                          .value = anchor.position});
        }
        return {};
    }

    /// An inode by itself, and which blocks it claims.
    template <class Found>
    [[nodiscard]] Status check_inode(std::uint32_t n, Found&& found) noexcept {
        const RawInode i = TRY(disk_.inode(n));
        if (i.mode == 0) {
            if (i.links != 0 || i.size != 0 || i.blocks != 0) {
                found(Finding{.what = "a free inode is not empty", .inode = n, .value = i.links});
            }
            return {};
        }
        switch (type_of(i)) {
            case mode_regular:
            case mode_directory:
            case mode_symlink:
            case mode_fifo:
            case mode_character:
            case mode_block:
            case mode_socket:
                break;
            default:
                found(Finding{
                    .what = "the mode of an inode has no type", .inode = n, .value = i.mode});
        }
        if (i.size > max_file_size ||
            (type_of(i) == mode_symlink && (i.size == 0 || i.size >= block_size))) {
            found(Finding{.what = "an inode has an impossible size", .inode = n, .value = i.size});
        }
        owned_ = 0;
        next_index_ = 0;
        if (has_blocks(i)) {
            TRY(check_extents(n, i, found));
        }
        if (owned_ != i.blocks) {
            found(
                Finding{.what = "an inode counts its blocks wrong", .inode = n, .value = i.blocks});
        }
        return {};
    }
    template <class Found>
    [[nodiscard]] Status check_extents(std::uint32_t n, const RawInode& i, Found&& found) noexcept {
        if (i.depth > 1 || i.slots > inline_extents) {
            found(Finding{.what = "an inode has too many extents", .inode = n, .value = i.slots});
            return {};
        }
        const std::uint64_t reach = (i.size + block_size - 1) / block_size;
        for (std::uint32_t slot = 0; slot < i.slots; ++slot) {
            const Extent e = i.extent(slot);
            if (i.depth == 0) {
                check_extent(n, e, reach, found);
                continue;
            }
            if (e.index < next_index_ && slot > 0) {
                found(Finding{"blocks of extents are not in order", n, e.first, e.index});
            }
            if (!claim(n, e.first, found)) {
                continue;
            }
            TRY(disk_.read(e.first, block_));
            const auto header = load<ExtentBlock>(block_, 0);
            if (header.magic != ExtentBlock::right_magic || header.inode != n ||
                header.count == 0 || header.count > ExtentBlock::capacity) {
                found(Finding{"a block of extents is damaged", n, e.first, header.count});
                continue;
            }
            if (header.extents[0].index < e.index) {
                found(Finding{"an extent lies before its block's first index", n, e.first,
                              header.extents[0].index});
            }
            for (std::uint32_t at = 0; at < header.count; ++at) {
                check_extent(n, header.extents[at], reach, found);
            }
        }
        return {};
    }
    template <class Found>
    void check_extent(std::uint32_t n, const Extent& e, std::uint64_t reach,
                      Found&& found) noexcept {
        if (e.index < next_index_ || e.length == 0) {
            found(Finding{"extents are not in order", n, e.first, e.index});
        }
        if (e.end() > reach) {
            found(Finding{"an extent lies behind the end of its file", n, e.first, e.end()});
        }
        next_index_ = e.end();
        for (std::uint32_t at = 0; at < e.length; ++at) {
            if (!claim(n, e.first + at, found)) {
                return;
            }
        }
    }
    /// Whether it can be a block of a file.
    template <class Found>
    bool claim(std::uint32_t inode, std::uint32_t block, Found&& found) noexcept {
        if (!geometry_.is_data(block)) {
            found(Finding{"an extent leads outside the data", inode, block, block});
            return false;
        }
        ++owned_;
        std::uint8_t& times = memory_.claimed(block - geometry_.data_start());
        if (times != 0) {
            found(Finding{"a block belongs to two files", inode, block, 2});
        }
        times = 1;
        return true;
    }

    /// Every directory from the root on, each once.
    template <class Found>
    [[nodiscard]] Status check_tree(Found&& found) noexcept {
        const RawInode root = TRY(disk_.inode(root_inode));
        if (type_of(root) != mode_directory || root.parent != root_inode) {
            found(Finding{.what = "the root is no directory in itself",
                          .inode = root_inode,
                          .value = root.mode});
            return {};
        }
        memory_.inode(root_inode).reached = true;
        memory_.push(root_inode);
        while (const std::uint32_t number = memory_.pop()) {
            const RawInode directory = TRY(disk_.inode(number));
            if (directory.size % block_size != 0) {
                found(Finding{.what = "a directory ends inside a block",
                              .inode = number,
                              .value = directory.size});
            }
            TRY(memory_.forget_names(directory.size / EntryHeader::bytes_for(1)));
            const std::uint64_t blocks = directory.size / block_size;
            for (std::uint64_t at = 0; at < blocks; ++at) {
                const std::uint32_t block = TRY(disk_.block_of(directory, at));
                if (!geometry_.is_data(block)) {
                    found(Finding{"a directory has no block where it should", number, block, at});
                    break;  // a size from a damaged inode may be anything
                }
                TRY(disk_.read(block, block_));
                TRY(check_entries(number, block, found));
            }
        }
        return {};
    }
    template <class Found>
    [[nodiscard]] Status check_entries(std::uint32_t directory, std::uint32_t block,
                                       Found&& found) noexcept {
        for (std::uint32_t at = 0; at < block_size;) {
            const auto entry = load<EntryHeader>(block_, at);
            const std::uint32_t least = entry.inode == 0
                                            ? EntryHeader::bytes_for(0)
                                            : EntryHeader::bytes_for(entry.name_length);
            if (entry.length < least || entry.length % EntryHeader::alignment != 0 ||
                entry.length > block_size - at) {
                found(Finding{"an entry has a wrong length", directory, block, entry.length});
                return {};
            }
            if (entry.inode != 0) {
                const std::string_view name(
                    reinterpret_cast<const char*>(block_.data()) + at + sizeof entry,
                    entry.name_length);
                TRY(check_name(directory, block, entry, name, found));
            }
            at += entry.length;
        }
        return {};
    }
    template <class Found>
    [[nodiscard]] Status check_name(std::uint32_t directory, std::uint32_t block,
                                    const EntryHeader& entry, std::string_view name,
                                    Found&& found) noexcept {
        if (!geometry_.is_inode(entry.inode)) {
            found(Finding{"a name leads to no inode", directory, block, entry.inode});
            return {};
        }
        if (name.empty() || name == "." || name == ".." ||
            name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos) {
            found(Finding{"a name is none", directory, block, name.size()});
        }
        if (!memory_.is_new(name)) {
            found(Finding{"a name is there twice", directory, block, entry.inode});
        }
        const RawInode target = TRY(disk_.inode(entry.inode));
        if (target.mode == 0) {
            found(Finding{"a name leads to a free inode", directory, block, entry.inode});
            return {};
        }
        if (target.mode >> 12 != entry.type) {
            found(Finding{"a name has the wrong type", entry.inode, block, entry.type});
        }
        CheckedInode& known = memory_.inode(entry.inode);
        ++known.names;
        if (type_of(target) == mode_directory) {
            ++memory_.inode(directory).subdirectories;
            if (target.parent != directory) {
                found(Finding{"a directory does not know where it is", entry.inode, block,
                              target.parent});
            }
            if (!known.reached) {
                memory_.push(entry.inode);  // each once: there is room
            }
        }
        known.reached = true;
        return {};
    }

    template <class Found>
    [[nodiscard]] Status check_counts(Found&& found) noexcept {
        for (std::uint32_t n = 1; n < geometry_.inode_count; ++n) {
            const RawInode i = TRY(disk_.inode(n));
            if (i.mode == 0) {
                continue;
            }
            const CheckedInode& known = memory_.inode(n);
            if (!known.reached) {
                found(Finding{"an inode has no name", n, 0, i.links, true});
                continue;
            }
            std::uint32_t links = known.names;
            if (type_of(i) == mode_directory) {
                links = 2 + known.subdirectories;
                if (known.names != (n == root_inode ? 0U : 1U)) {
                    found(Finding{"a directory has two names", n, 0, known.names});
                }
            }
            if (i.links != links) {
                found(Finding{"an inode counts its names wrong", n, 0, i.links});
            }
        }
        return {};
    }
    template <class Found>
    [[nodiscard]] Status check_bitmaps(Found&& found) noexcept {
        const std::uint32_t data = geometry_.data_start();
        TRY(disk_.for_each_bit(
            geometry_.block_bitmap(), geometry_.block_count, [&](std::uint64_t bit, bool is_set) {
                const auto n = static_cast<std::uint32_t>(bit);
                const bool claimed =
                    bit < data || (bit < geometry_.block_count && memory_.claimed(n - data) != 0);
                if (is_set != claimed) {
                    found(Finding{is_set ? "a block is taken and belongs to nobody"
                                         : "a block belongs to a file and is free",
                                  0, n, is_set ? 1U : 0U, is_set});
                }
                return Status();
            }));
        TRY(disk_.for_each_bit(geometry_.inode_bitmap(), geometry_.inode_count,
                               [&](std::uint64_t bit, bool is_set) -> Status {
                                   const auto n = static_cast<std::uint32_t>(bit);
                                   const bool exists = n == 0 || (bit < geometry_.inode_count &&
                                                                  TRY(disk_.inode(n)).mode != 0);
                                   if (is_set != exists) {
                                       found(Finding{is_set ? "an inode is taken and not there"
                                                            : "an inode is there and free",
                                                     n, 0, is_set ? 1U : 0U, is_set});
                                   }
                                   return {};
                               }));
        return disk_.for_each_bit(
            geometry_.orphan_bitmap(), geometry_.inode_count,
            [&](std::uint64_t bit, bool is_set) -> Status {
                const auto n = static_cast<std::uint32_t>(bit);
                bool is_orphan = false;
                if (geometry_.is_inode(n)) {
                    const RawInode i = TRY(disk_.inode(n));
                    is_orphan = i.mode != 0 && i.links == 0;
                }
                if (is_set != is_orphan) {
                    found(Finding{"the bitmap of orphans is wrong", n, 0, is_set ? 1U : 0U});
                }
                return {};
            });
    }
    CheckDisk<Device> disk_;
    CheckMemory<Heap> memory_;
    Geometry geometry_;
    Block block_{};
    std::uint32_t owned_ = 0;       ///< blocks of the inode that is looked at
    std::uint64_t next_index_ = 0;  ///< behind its last extent
};

}  // namespace kidney::fs::kfs

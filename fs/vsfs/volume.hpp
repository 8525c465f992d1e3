/// What a vsfs stands on: its geometry, its blocks, and the checks that every number from the disk
/// has to pass.
#pragma once

#include "fs/vsfs/transaction.hpp"

#include <cstdint>
#include <span>

namespace kidney::fs::vsfs {

/// Concurrency: none; the file system's lock. A number that fails its check is `corrupted`, and
/// complaint() names it.
template <BlockDevice Device, mm::ObjectAllocator Heap>
class Volume {
public:
    Volume(Heap& heap, Device& device) noexcept : device_(device), blocks_(heap, device) {}

    /// Errors: corrupted, io_error, not_supported (blocks of the device).
    [[nodiscard]] Status load() noexcept {
        if (device_.block_size() > block_size) {
            return fail(Errc::not_supported);
        }
        const auto raw = vsfs::load<Superblock>(TRY(blocks_.read(0)), 0);
        const std::uint64_t size = device_.block_count() * device_.block_size() / block_size;
        geometry_ = TRY(Geometry::create(raw, size, complaint_));
        blocks_.start(geometry_);
        if (const Status recovered = blocks_.recover(); !recovered) {
            return recovered.error() == Errc::corrupted ? wrong("log.blocks", 0) : recovered;
        }
        return {};
    }

    [[nodiscard]] const Geometry& geometry() const noexcept { return geometry_; }
    [[nodiscard]] Transaction<Device, Heap>& blocks() noexcept { return blocks_; }
    /// The last thing that was found to be wrong.
    [[nodiscard]] const Complaint& complaint() const noexcept { return complaint_; }
    [[nodiscard]] tl::unexpected<Errc> wrong(const char* field, std::uint64_t value) noexcept {
        complaint_ = {field, value};
        return fail(Errc::corrupted);
    }

    // Checks.

    /// An inode of a file that exists. Error: corrupted.
    [[nodiscard]] Result<Inode> checked(const Inode& inode) noexcept {
        switch (inode.mode & mode_type) {
            case mode_directory:
                if (inode.size % block_size != 0 || !geometry_.is_inode(inode.parent)) {
                    return wrong("inode.parent", inode.parent);
                }
                break;
            case mode_regular:
                break;
            case mode_symlink:
                if (inode.size == 0 || inode.size >= block_size) {
                    return wrong("inode.size", inode.size);
                }
                break;
            default:
                return wrong("inode.mode", inode.mode);
        }
        return inode.size > max_file_size ? Result<Inode>(wrong("inode.size", inode.size)) : inode;
    }
    /// A block number of a file: 0, or a data block. `field` is where it was found. Error:
    /// corrupted.
    [[nodiscard]] Result<std::uint32_t> checked(std::uint32_t block, const char* field) noexcept {
        return block == 0 || geometry_.is_data(block) ? Result<std::uint32_t>(block)
                                                      : wrong(field, block);
    }
    /// An entry that is in use. Error: corrupted.
    [[nodiscard]] Status check(const Entry& entry) noexcept {
        if (!geometry_.is_inode(entry.inode)) {
            return wrong("entry.inode", entry.inode);
        }
        if (entry.length == 0 || entry.length > Entry::max_name) {
            return wrong("entry.length", entry.length);
        }
        for (const char c : entry.name()) {
            if (c == '/' || c == '\0') {
                return wrong("entry.name", static_cast<unsigned char>(c));
            }
        }
        return entry.name() == "." || entry.name() == ".." ? Status(wrong("entry.name", '.'))
                                                           : Status();
    }

    // Counts, for statfs.

    [[nodiscard]] Result<std::uint32_t> free_blocks() noexcept {
        return count_free(geometry_.data_bitmap(), geometry_.data_blocks());
    }
    [[nodiscard]] Result<std::uint32_t> free_inodes() noexcept {
        return count_free(geometry_.inode_bitmap(), geometry_.inode_count);
    }

private:
    [[nodiscard]] Result<std::uint32_t> count_free(std::uint32_t bitmap,
                                                   std::uint32_t bits) noexcept {
        const std::span<const std::byte> bytes = TRY(blocks_.read(bitmap));
        std::uint32_t used = 0;
        for (std::uint32_t i = 0; i < bits; ++i) {
            used += std::to_integer<std::uint32_t>(bytes[i / 8] >> (i % 8) & std::byte{1});
        }
        return bits - used;
    }

    Device& device_;
    Geometry geometry_;
    Transaction<Device, Heap> blocks_;
    Complaint complaint_;
};

}  // namespace kidney::fs::vsfs

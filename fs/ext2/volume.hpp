/// An ext2 file system as blocks and inodes: everything below names.
#pragma once

#include "fs/borrowed_page.hpp"
#include "fs/cached_device.hpp"
#include "fs/ext2/geometry.hpp"
#include "fs/ext2/inode.hpp"
#include "fs/ext2/refusal.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace kidney::fs::ext2 {

/// `Cache` is a PageCache, which serves metadata. Reads only, so it needs no lock of its own.
template <class Cache>
class Volume {
public:
    /// Metadata are in the pages of `disk`, which /dev shows as well.
    Volume(Cache& cache, CachedDevice& disk) noexcept : cache_(cache), disk_(disk) {}
    /// The disk belongs to nobody else.
    Volume(Cache& cache, AnyBlockDevice device) noexcept
        : cache_(cache), own_disk_(std::in_place, device), disk_(*own_disk_) {}
    ~Volume() {
        if (own_disk_) {
            cache_.forget(*own_disk_);
        }
    }
    Volume(const Volume&) = delete;
    Volume& operator=(const Volume&) = delete;

    /// Reads the superblock. Errors: io_error, no_memory, corrupted, not_supported.
    [[nodiscard]] Status load() noexcept {
        if (disk_.size_bytes() < superblock_offset + sizeof(RawSuperblock)) {
            return fail(Errc::corrupted);
        }
        const auto page = TRY(BorrowedPage<Cache>::get(cache_, disk_, 0));
        geometry_ = TRY(Geometry::create(ext2::load<RawSuperblock>(page.bytes(), superblock_offset),
                                         disk_.size_bytes()));
        if (geometry_.block_size % disk_.device().block_size() != 0) {
            return fail(Errc::not_supported);
        }
        return {};
    }
    /// Why load() failed with corrupted or not_supported. Empty if the superblock cannot be read.
    [[nodiscard]] RefusalText explain_refusal() noexcept {
        RefusalText text;
        if (disk_.size_bytes() < superblock_offset + sizeof(RawSuperblock)) {
            text.assign("it is too small");
        } else if (const auto page = BorrowedPage<Cache>::get(cache_, disk_, 0)) {
            text =
                ext2::explain_refusal(ext2::load<RawSuperblock>(page->bytes(), superblock_offset));
        }
        return text;
    }
    [[nodiscard]] const Geometry& geometry() const noexcept { return geometry_; }
    [[nodiscard]] Cache& cache() noexcept { return cache_; }

    /// Errors: io_error, no_memory, corrupted.
    [[nodiscard]] Result<Inode> read_inode(std::uint32_t raw_number) noexcept {
        const std::uint32_t number = TRY(geometry_.inode(raw_number)) - 1;
        const auto group = TRY(read_group(number / geometry_.inodes_per_group));
        const std::uint64_t offset =
            std::uint64_t{number % geometry_.inodes_per_group} * geometry_.inode_size;
        const BlockNumber block =
            TRY(geometry_.block(std::uint64_t{group.inode_table} + offset / geometry_.block_size));
        return Inode::create(
            TRY(read<RawInode>(block, static_cast<std::size_t>(offset % geometry_.block_size))),
            geometry_);
    }

    /// Where block `index` of a file is; nullopt is a hole. Errors: io_error, no_memory, corrupted.
    [[nodiscard]] Result<std::optional<BlockNumber>> locate(const Inode& inode,
                                                            std::uint64_t index) noexcept {
        if (index < direct_blocks) {
            return checked(inode.blocks[static_cast<std::size_t>(index)]);
        }
        index -= direct_blocks;
        std::uint64_t reach = geometry_.pointers();  // blocks below one pointer of this level
        std::size_t level = 0;
        while (index >= reach) {
            index -= reach;
            reach *= geometry_.pointers();
            if (++level == block_pointers - direct_blocks) {
                return fail(Errc::corrupted);
            }
        }
        auto block = TRY(checked(inode.blocks[direct_blocks + level]));
        while (block && reach > 1) {
            reach /= geometry_.pointers();
            const auto slot = static_cast<std::size_t>(index / reach % geometry_.pointers());
            const Le32 pointer = TRY(read<Le32>(*block, slot * sizeof(Le32)));
            block = TRY(checked(pointer));
        }
        return block;
    }

    /// Reads blocks [first, end) of a file into `pages`; holes and what lies behind are zeros.
    /// Neighbours on the disk become one request.
    [[nodiscard]] Status read_pages(const Inode& inode, std::uint64_t first, std::uint64_t end,
                                    std::span<const std::span<std::byte>> pages) noexcept {
        Run run;
        std::uint64_t index = first;
        for (const std::span<std::byte> page : pages) {
            for (std::size_t at = 0; at < page.size(); at += geometry_.block_size, ++index) {
                const auto bytes = page.subspan(at, geometry_.block_size);
                std::optional<BlockNumber> block;
                if (index < end) {
                    block = TRY(locate(inode, index));
                }
                if (!block) {
                    std::memset(bytes.data(), 0, bytes.size());
                    continue;
                }
                if (!run.extend(*block, bytes)) {
                    TRY(read_run(run));
                    static_cast<void>(run.extend(*block, bytes));
                }
            }
        }
        return read_run(run);
    }

private:
    /// Consecutive blocks of the disk and where they go.
    struct Run {
        static constexpr std::size_t capacity = 16;
        std::uint32_t first = 0;
        std::uint32_t blocks = 0;
        std::size_t count = 0;
        std::array<std::span<std::byte>, capacity> buffers;

        [[nodiscard]] bool extend(BlockNumber block, std::span<std::byte> bytes) noexcept {
            if (blocks == 0) {
                first = block.value;
            } else if (block.value != first + blocks) {
                return false;
            }
            if (count > 0 &&
                buffers[count - 1].data() + buffers[count - 1].size() == bytes.data()) {
                auto& last = buffers[count - 1];
                last = std::span<std::byte>(last.data(), last.size() + bytes.size());
            } else if (count < capacity) {
                buffers[count++] = bytes;
            } else {
                return false;
            }
            ++blocks;
            return true;
        }
    };

    [[nodiscard]] Status read_run(Run& run) noexcept {
        if (run.blocks == 0) {
            return {};
        }
        const std::uint64_t offset = std::uint64_t{run.first} * geometry_.block_size;
        const Status status =
            disk_.device().read_scattered(BlockIndex(offset / disk_.device().block_size()),
                                          std::span(run.buffers).first(run.count));
        run = Run{};
        return status;
    }
    [[nodiscard]] Result<std::optional<BlockNumber>> checked(std::uint32_t raw) const noexcept {
        if (raw == 0) {
            return std::optional<BlockNumber>();
        }
        return std::optional(TRY(geometry_.block(raw)));
    }
    /// A structure inside a block of metadata; offset + sizeof(T) <= block_size.
    template <class T>
    [[nodiscard]] Result<T> read(BlockNumber block, std::size_t offset) noexcept {
        const std::uint64_t at = std::uint64_t{block.value} * geometry_.block_size + offset;
        const auto page = TRY(
            BorrowedPage<Cache>::get(cache_, disk_, static_cast<std::uint32_t>(at >> page_shift)));
        return ext2::load<T>(page.bytes(), static_cast<std::size_t>(at & page_mask));
    }
    [[nodiscard]] Result<RawGroup> read_group(std::uint32_t number) noexcept {
        if (number >= geometry_.groups) {
            return fail(Errc::corrupted);
        }
        const std::uint64_t offset = std::uint64_t{number} * sizeof(RawGroup);
        const BlockNumber block = TRY(geometry_.block(std::uint64_t{geometry_.first_block} + 1 +
                                                      offset / geometry_.block_size));
        return read<RawGroup>(block, static_cast<std::size_t>(offset % geometry_.block_size));
    }

    Cache& cache_;
    std::optional<CachedDevice> own_disk_;
    CachedDevice& disk_;
    Geometry geometry_;
};

}  // namespace kidney::fs::ext2

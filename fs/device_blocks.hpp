/// Blocks of a device that a file system changes: its metadata.
///
/// A file system reads a block, changes it with change(), and says in which phase of its next
/// sync() that must be on the disk. sync() calls write() for one phase after the other, with a
/// flush of the device in between. Data of files do not go through here: they are in the pages of
/// their own node.
#pragma once

#include "fs/borrowed_page.hpp"
#include "fs/cache/sector_phases.hpp"
#include "fs/cached_device.hpp"
#include "kidney/core/assert.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace kidney::fs {

/// `Cache` is a PageCache. Outlives its blocks. Concurrency: the file system's lock, under which
/// blocks are changed and written, and which nobody else who writes the device ignores.
template <class Cache>
class DeviceBlocks {
public:
    /// `block_size` is a power of two, sector_size .. page_size, and whole blocks of the device.
    DeviceBlocks(Cache& cache, CachedDevice& disk, std::uint32_t block_size) noexcept
        : cache_(cache), disk_(disk), block_size_(block_size) {
        KIDNEY_ASSERT(block_size >= sector_size && block_size <= page_size);
        KIDNEY_ASSERT(block_size % disk.device().block_size() == 0);
    }
    DeviceBlocks(const DeviceBlocks&) = delete;
    DeviceBlocks& operator=(const DeviceBlocks&) = delete;

    /// Keeps its page in memory.
    class Block {
    public:
        [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return part(); }
        /// For writing, now and as long as the file system's lock is held.
        [[nodiscard]] std::span<std::byte> change(Phase phase) noexcept {
            owner_->cache_.mark_dirty(owner_->disk_, owner_->page_of(number_),
                                      owner_->sectors_of_block(number_), phase);
            return part();
        }
        /// The same where only the sectors of [begin, begin + length) change. The answer is the
        /// whole block.
        [[nodiscard]] std::span<std::byte> change(Phase phase, std::size_t begin,
                                                  std::size_t length) noexcept {
            const std::size_t at = owner_->offset_in_page(number_) + begin;
            owner_->cache_.mark_dirty(owner_->disk_, owner_->page_of(number_),
                                      sectors_of(at, at + length), phase);
            return part();
        }
        /// For bytes that the caller has put on the disk himself: what is clean stays clean.
        [[nodiscard]] std::span<std::byte> refresh() noexcept { return part(); }
        /// In which phase the sector of this byte goes home; 0: it is clean.
        [[nodiscard]] std::uint8_t phase_at(std::size_t offset) const noexcept {
            const std::size_t at = owner_->offset_in_page(number_) + offset;
            return owner_->cache_.phases(owner_->disk_, owner_->page_of(number_))
                .at(at / sector_size);
        }

    private:
        friend class DeviceBlocks;
        Block(DeviceBlocks& owner, std::uint64_t number, BorrowedPage<Cache> page) noexcept
            : owner_(&owner), number_(number), page_(std::move(page)) {}
        [[nodiscard]] std::span<std::byte> part() const noexcept {
            return page_.writable_bytes().subspan(owner_->offset_in_page(number_),
                                                  owner_->block_size_);
        }

        DeviceBlocks* owner_;
        std::uint64_t number_;
        BorrowedPage<Cache> page_;
    };

    /// Errors: io_error, no_memory, out_of_range.
    [[nodiscard]] Result<Block> read(std::uint64_t block) noexcept {
        TRY(check(block));
        return Block(*this, block, TRY(BorrowedPage<Cache>::get(cache_, disk_, page_of(block))));
    }
    /// Zeros: a block that was just allocated. Call change() on it. The disk is read only if the
    /// page has room for more than the block and is not in memory. Errors: as read().
    [[nodiscard]] Result<Block> fresh(std::uint64_t block) noexcept {
        if (block_size_ < page_size) {
            Block found = TRY(read(block));
            std::memset(found.part().data(), 0, block_size_);
            return found;
        }
        TRY(check(block));
        Block found(*this, block,
                    TRY(BorrowedPage<Cache>::get_fresh(cache_, disk_, page_of(block))));
        std::memset(found.part().data(), 0, block_size_);
        return found;
    }
    /// It is freed: what of it is not on the disk yet never will be.
    void forget(std::uint64_t block) noexcept {
        if (check(block)) {
            cache_.mark_clean(disk_, page_of(block), sectors_of_block(block));
        }
    }
    /// All blocks that are dirty in this phase, in their order, neighbours in one command. No
    /// flush. What fails stays dirty. Errors: io_error, read_only.
    [[nodiscard]] Status write(Phase phase) noexcept { return cache_.write_back(disk_, {}, phase); }
    [[nodiscard]] bool has_dirty(Phase phase) const noexcept {
        return cache_.has_dirty(disk_, phase);
    }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return block_size_; }
    [[nodiscard]] AnyBlockDevice& device() noexcept { return disk_.device(); }

private:
    [[nodiscard]] Status check(std::uint64_t block) const noexcept {
        return block < disk_.size_bytes() / block_size_ ? Status() : fail(Errc::out_of_range);
    }
    [[nodiscard]] std::uint32_t page_of(std::uint64_t block) const noexcept {
        return static_cast<std::uint32_t>(block * block_size_ >> page_shift);
    }
    [[nodiscard]] std::size_t offset_in_page(std::uint64_t block) const noexcept {
        return static_cast<std::size_t>(block * block_size_ & page_mask);
    }
    [[nodiscard]] SectorMask sectors_of_block(std::uint64_t block) const noexcept {
        const std::size_t begin = offset_in_page(block);
        return sectors_of(begin, begin + block_size_);
    }

    Cache& cache_;
    CachedDevice& disk_;
    const std::uint32_t block_size_;
};

}  // namespace kidney::fs

/// An ext2 file system as blocks, groups and inodes: everything below files and names.
#pragma once

#include "fs/cached_device.hpp"
#include "fs/device_blocks.hpp"
#include "fs/ext2/geometry.hpp"
#include "fs/ext2/inode.hpp"
#include "fs/ext2/refusal.hpp"
#include "fs/ext2/write_order.hpp"
#include "kidney/fs/vnode.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

namespace kidney::fs::ext2 {

/// `Cache` is a PageCache. Concurrency: the file system's lock, but for the counts.
template <class Cache>
class Volume {
public:
    using Blocks = DeviceBlocks<Cache>;
    using Block = typename Blocks::Block;

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
        const RawSuperblock raw = TRY(read_superblock());
        geometry_ = TRY(Geometry::create(raw, disk_.size_bytes()));
        if (geometry_.block_size % disk_.device().block_size() != 0) {
            return fail(Errc::not_supported);
        }
        blocks_.emplace(cache_, disk_, geometry_.block_size);
        free_blocks_.store(geometry_.free_blocks, std::memory_order_relaxed);
        free_inodes_.store(geometry_.free_inodes, std::memory_order_relaxed);
        was_clean_ = (raw.state & state_valid) != 0;
        return {};
    }
    /// Why load() failed with corrupted or not_supported. Empty if the superblock cannot be read.
    [[nodiscard]] RefusalText explain_refusal() noexcept {
        RefusalText text;
        if (disk_.size_bytes() < superblock_offset + sizeof(RawSuperblock)) {
            text.assign("it is too small");
        } else if (const auto raw = read_superblock()) {
            text = ext2::explain_refusal(*raw);
        }
        return text;
    }
    /// It may be written as far as the format and the device are concerned.
    [[nodiscard]] bool can_be_written() noexcept {
        return !geometry_.has_unknown_features && !disk_.device().is_read_only();
    }
    /// It was unmounted cleanly before this mount.
    [[nodiscard]] bool was_clean() const noexcept { return was_clean_; }
    [[nodiscard]] const Geometry& geometry() const noexcept { return geometry_; }
    [[nodiscard]] Cache& cache() noexcept { return cache_; }
    [[nodiscard]] AnyBlockDevice& device() noexcept { return disk_.device(); }
    [[nodiscard]] std::uint32_t sectors_per_block() const noexcept {
        return geometry_.block_size / 512;
    }

    // Counts, which anybody may ask for at any time.
    // relaxed: numbers only, which say nothing about other memory
    [[nodiscard]] std::uint32_t free_blocks() const noexcept {
        return free_blocks_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint32_t free_inodes() const noexcept {
        return free_inodes_.load(std::memory_order_relaxed);
    }
    void add_free_blocks(std::int32_t count) noexcept {
        free_blocks_.fetch_add(static_cast<std::uint32_t>(count), std::memory_order_relaxed);
        counts_changed_ = true;
    }
    void add_free_inodes(std::int32_t count) noexcept {
        free_inodes_.fetch_add(static_cast<std::uint32_t>(count), std::memory_order_relaxed);
        counts_changed_ = true;
    }

    // Blocks. Errors of all: io_error, no_memory, corrupted.
    [[nodiscard]] Result<Block> read_block(BlockNumber block) noexcept {
        return blocks_->read(block.value);
    }
    /// A block that becomes metadata: `fill` makes its bytes, which are on the disk (but for a
    /// flush) before anything can point to them. Later changes have phases of their own.
    template <class Fill>
    [[nodiscard]] Result<Block> make_block(BlockNumber number, Fill&& fill) noexcept {
        Block block = TRY(blocks_->fresh(number.value));
        fill(block.change(bitmap_phase));
        if (const Status written = write_at_once(number, 0, block.bytes()); !written) {
            blocks_->forget(number.value);
            return fail(written.error());
        }
        return block;
    }
    /// Bytes that nothing on the disk leads to: from `offset` of a block on, whole sectors.
    [[nodiscard]] Status write_at_once(BlockNumber number, std::size_t offset,
                                       std::span<const std::byte> bytes) noexcept {
        const std::uint64_t at = std::uint64_t{number.value} * geometry_.block_size + offset;
        return device().write(BlockIndex(at / device().block_size()), bytes);
    }
    /// What of a freed block of metadata is not on the disk yet never will be.
    void forget_block(BlockNumber block) noexcept { blocks_->forget(block.value); }

    // Inodes. Errors: io_error, no_memory, corrupted.
    [[nodiscard]] Result<Inode> read_inode(std::uint32_t number) noexcept {
        const InodePlace place = TRY(place_of(number));
        return Inode::create(ext2::load<RawInode>(place.block.bytes(), place.offset), geometry_);
    }
    /// `is_new`: what another file left there is cleared.
    [[nodiscard]] Status write_inode(std::uint32_t number, const Inode& inode,
                                     bool is_new) noexcept {
        InodePlace place = TRY(place_of(number));
        auto raw = ext2::load<RawInode>(place.block.bytes(), place.offset);
        const std::span<std::byte> bytes =
            place.block.change(inode_phase, place.offset, geometry_.inode_size);
        if (is_new) {
            const std::uint32_t generation = raw.generation;
            std::memset(bytes.data() + place.offset, 0, geometry_.inode_size);
            raw = ext2::load<RawInode>(bytes, place.offset);
            raw.generation = generation + 1;
        }
        inode.store(raw);
        save(bytes, place.offset, raw);
        return {};
    }

    // Groups.
    /// The descriptor of a group; once it is here, changing it cannot fail.
    class Group {
    public:
        [[nodiscard]] RawGroup get() const noexcept {
            return ext2::load<RawGroup>(block_.bytes(), offset_);
        }
        void put(const RawGroup& group) noexcept {
            save(block_.change(bitmap_phase, offset_, sizeof group), offset_, group);
        }

    private:
        friend class Volume;
        Group(Block block, std::size_t offset) noexcept
            : block_(std::move(block)), offset_(offset) {}
        Block block_;
        std::size_t offset_;
    };
    /// Errors: io_error, no_memory, corrupted.
    [[nodiscard]] Result<Group> group(std::uint32_t number) noexcept {
        if (number >= geometry_.groups) {
            return fail(Errc::corrupted);
        }
        const std::uint64_t offset = std::uint64_t{number} * sizeof(RawGroup);
        const BlockNumber block = TRY(geometry_.block(std::uint64_t{geometry_.first_block} + 1 +
                                                      offset / geometry_.block_size));
        return Group(TRY(read_block(block)),
                     static_cast<std::size_t>(offset % geometry_.block_size));
    }

    // The way home. A failure makes the file system read-only: see Ext2::sync().
    /// Says in the superblock that it is in use, before anything that is in use changes.
    [[nodiscard]] Status mark_in_use(std::uint32_t now) noexcept {
        if (is_in_use_) {
            return {};
        }
        TRY(change_superblock([&](RawSuperblock& raw) {
            raw.state = static_cast<std::uint16_t>(raw.state & ~unsigned{state_valid});
            raw.mount_count = static_cast<std::uint16_t>(raw.mount_count + 1);
            raw.mount_time = raw.write_time = now;
        }));
        TRY(write_superblock_at_once());
        is_in_use_ = true;
        return {};
    }
    /// Everything is on the disk: the next mount need not check. One that was not clean stays so.
    [[nodiscard]] Status mark_clean() noexcept {
        if (!is_in_use_) {
            return {};
        }
        TRY(change_superblock([&](RawSuperblock& raw) {
            if (was_clean_) {
                raw.state = static_cast<std::uint16_t>(raw.state | state_valid);
            }
        }));
        TRY(write_superblock_at_once());
        is_in_use_ = false;
        return {};
    }
    /// Puts the counts into the superblock.
    [[nodiscard]] Status store_counts(std::uint32_t now) noexcept {
        if (!std::exchange(counts_changed_, false)) {
            return {};
        }
        const Status stored = change_superblock([&](RawSuperblock& raw) {
            raw.free_blocks = free_blocks();
            raw.free_inodes = free_inodes();
            raw.write_time = now;
        });
        counts_changed_ = !stored;
        return stored;
    }
    /// The first file that needs it has come.
    [[nodiscard]] Status allow_large_files() noexcept {
        if (!geometry_.has_large_files) {
            TRY(change_superblock([](RawSuperblock& raw) {
                raw.read_only_compatible = raw.read_only_compatible | feature_large_files;
            }));
            geometry_.has_large_files = true;
        }
        return {};
    }
    [[nodiscard]] bool has_dirty_in(Phase phase) const noexcept {
        return blocks_->has_dirty(phase);
    }
    [[nodiscard]] bool has_dirty(Phase first) const noexcept {
        for (std::uint8_t phase = first.value; phase <= last_phase.value; ++phase) {
            if (blocks_->has_dirty(Phase{phase})) {
                return true;
            }
        }
        return counts_changed_;
    }
    /// Writes the phases [first, last] in their order, each with a flush behind it.
    [[nodiscard]] Status write_phases(Phase first, Phase last) noexcept {
        for (std::uint8_t phase = first.value; phase <= last.value; ++phase) {
            if (blocks_->has_dirty(Phase{phase})) {
                TRY(blocks_->write(Phase{phase}));
                TRY(device().flush());
            }
        }
        return {};
    }

private:
    struct InodePlace {
        Block block;
        std::size_t offset;
    };

    [[nodiscard]] Result<RawSuperblock> read_superblock() noexcept {
        if (disk_.size_bytes() < superblock_offset + sizeof(RawSuperblock)) {
            return fail(Errc::corrupted);
        }
        const auto page = TRY(BorrowedPage<Cache>::get(cache_, disk_, 0));
        return ext2::load<RawSuperblock>(page.bytes(), superblock_offset);
    }
    [[nodiscard]] std::uint32_t superblock_block() const noexcept {
        return static_cast<std::uint32_t>(superblock_offset / geometry_.block_size);
    }
    template <class Change>
    [[nodiscard]] Status change_superblock(Change&& change) noexcept {
        Block block = TRY(blocks_->read(superblock_block()));
        const std::size_t offset = superblock_offset % geometry_.block_size;
        auto raw = ext2::load<RawSuperblock>(block.bytes(), offset);
        change(raw);
        save(block.change(bitmap_phase, offset, sizeof raw), offset, raw);
        return {};
    }
    [[nodiscard]] Status write_superblock_at_once() noexcept {
        TRY(blocks_->write(bitmap_phase));
        return device().flush();
    }
    [[nodiscard]] Result<InodePlace> place_of(std::uint32_t raw_number) noexcept {
        const std::uint32_t number = TRY(geometry_.inode(raw_number)) - 1;
        const RawGroup raw_group = TRY(group(number / geometry_.inodes_per_group)).get();
        const std::uint64_t offset =
            std::uint64_t{number % geometry_.inodes_per_group} * geometry_.inode_size;
        const BlockNumber block = TRY(
            geometry_.block(std::uint64_t{raw_group.inode_table} + offset / geometry_.block_size));
        return InodePlace{TRY(read_block(block)),
                          static_cast<std::size_t>(offset % geometry_.block_size)};
    }

    Cache& cache_;
    std::optional<CachedDevice> own_disk_;
    CachedDevice& disk_;
    Geometry geometry_;
    std::optional<Blocks> blocks_;
    std::atomic<std::uint32_t> free_blocks_ = 0, free_inodes_ = 0;
    bool counts_changed_ = false;
    bool was_clean_ = false;
    bool is_in_use_ = false;  ///< the superblock on the disk says so
};

}  // namespace kidney::fs::ext2

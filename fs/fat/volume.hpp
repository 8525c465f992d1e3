/// A FAT file system as sectors: everything below the table and the names.
#pragma once

#include "fs/cached_device.hpp"
#include "fs/device_blocks.hpp"
#include "fs/fat/geometry.hpp"
#include "fs/fat/write_order.hpp"
#include "kidney/core/bounded.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

namespace kidney::fs::fat {

/// `Cache` is a PageCache. Concurrency: the file system's lock, but for the count of free clusters.
/// Errors of all: io_error, no_memory.
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

    /// Reads the boot sector. Errors: corrupted, not_supported (refusal() tells why).
    [[nodiscard]] Status load() noexcept {
        refusal_.assign("");
        if (disk_.size_bytes() < sizeof(RawInfo)) {
            refusal_.assign("it is too small");
            return fail(Errc::corrupted);
        }
        RawBoot raw;
        {
            const auto page = TRY(BorrowedPage<Cache>::get(cache_, disk_, 0));
            raw = fs::load<RawBoot>(page.bytes(), 0);
        }
        geometry_ = TRY(Geometry::create(raw, disk_.size_bytes(), device().block_size(), refusal_));
        blocks_.emplace(cache_, disk_, geometry_.sector_size);
        tail_offset_ = geometry_.bits == 32 ? tail_offset32 : tail_offset;
        const Block boot = TRY(blocks_->read(0));
        const auto tail = fs::load<RawTail>(boot.bytes(), tail_offset_);
        was_clean_ = (tail.state & state_dirty) == 0;
        return load_info();
    }
    [[nodiscard]] const RefusalText& refusal() const noexcept { return refusal_; }
    [[nodiscard]] RefusalText& refusal() noexcept { return refusal_; }
    [[nodiscard]] bool can_be_written() noexcept { return !disk_.device().is_read_only(); }
    /// It was unmounted cleanly before this mount.
    [[nodiscard]] bool was_clean() const noexcept { return was_clean_; }
    /// The table says so, too (FAT16 and 32).
    void note_not_clean() noexcept { was_clean_ = false; }
    /// Where FSInfo says that free clusters begin; unchecked.
    [[nodiscard]] std::uint32_t last_cluster() const noexcept { return last_cluster_; }
    [[nodiscard]] const Geometry& geometry() const noexcept { return geometry_; }
    [[nodiscard]] Cache& cache() noexcept { return cache_; }
    [[nodiscard]] AnyBlockDevice& device() noexcept { return disk_.device(); }

    [[nodiscard]] Result<Block> read(std::uint64_t sector) noexcept {
        return blocks_->read(sector);
    }

    /// A cluster that becomes a part of a directory: `first` and then zeros. On the disk (but for a
    /// flush) when this returns. Nothing leads there yet.
    [[nodiscard]] Status make_directory_cluster(std::uint32_t cluster,
                                                std::span<const std::byte> first) noexcept {
        static constexpr std::array<std::byte, page_size> zeros{};
        constexpr std::size_t most = 64;  // of 4 KiB: the largest cluster
        std::array<std::span<const std::byte>, most + 1> parts;
        std::size_t count = 0;
        if (!first.empty()) {
            parts[count++] = first;
        }
        for (std::size_t at = first.size(); at < geometry_.cluster_size;) {
            const std::size_t part = std::min(zeros.size(), geometry_.cluster_size - at);
            parts[count++] = std::span(zeros).first(part);
            at += part;
        }
        const std::uint64_t sector = geometry_.sector_of(cluster);
        TRY(device().write_scattered(block_of(sector), std::span(parts).first(count)));
        must_flush_ = true;
        // What an earlier owner of these sectors had in the pages of the disk is wrong now.
        for (std::uint32_t n = 0; n < geometry_.sectors_per_cluster; ++n) {
            blocks_->forget(sector + n);
            if (has_page_of(sector + n)) {
                Block block = TRY(blocks_->fresh(sector + n));
                if (n == 0 && !first.empty()) {
                    std::memcpy(block.refresh().data(), first.data(), first.size());
                }
            }
        }
        return {};
    }
    /// A sector that nothing leads to. On the disk (but for a flush) when this returns.
    [[nodiscard]] Status write_at_once(std::uint64_t sector,
                                       std::span<const std::byte> bytes) noexcept {
        TRY(device().write(block_of(sector), bytes));
        must_flush_ = true;
        return {};
    }
    /// What of a freed cluster is not on the disk yet never will be.
    void forget_cluster(std::uint32_t cluster) noexcept {
        const std::uint64_t sector = geometry_.sector_of(cluster);
        for (std::uint32_t n = 0; n < geometry_.sectors_per_cluster; ++n) {
            blocks_->forget(sector + n);
        }
    }

    // The count of free clusters, which anybody may ask for at any time.
    // relaxed: a number only, which says nothing about other memory
    [[nodiscard]] std::uint32_t free_clusters() const noexcept {
        return free_clusters_.load(std::memory_order_relaxed);
    }
    void set_free_clusters(std::uint32_t count) noexcept {
        free_clusters_.store(count, std::memory_order_relaxed);
    }
    void add_free_clusters(std::int32_t count) noexcept {
        free_clusters_.fetch_add(static_cast<std::uint32_t>(count), std::memory_order_relaxed);
        counts_changed_ = true;
    }

    // The way home. A failure makes the file system read-only: see Commit.
    [[nodiscard]] bool is_in_use() const noexcept { return is_in_use_; }
    /// Says in the boot sector whether it is in use, in table_phase. One that was not clean stays
    /// so.
    [[nodiscard]] Status mark_in_use(bool in_use) noexcept {
        Block boot = TRY(blocks_->read(0));
        auto tail = fs::load<RawTail>(boot.bytes(), tail_offset_);
        const bool is_dirty = in_use || !was_clean_;
        tail.state = static_cast<std::uint8_t>(is_dirty ? tail.state | state_dirty
                                                        : tail.state & ~unsigned{state_dirty});
        save(boot.change(table_phase, 0, sizeof(RawBoot)), tail_offset_, tail);
        is_in_use_ = in_use;
        return {};
    }
    /// Puts the count of free clusters down, and where to look for them.
    [[nodiscard]] Status store_info(std::uint32_t last_cluster) noexcept {
        if (!counts_changed_ || geometry_.info_sector == 0) {
            return {};
        }
        Block block = TRY(blocks_->read(geometry_.info_sector));
        auto raw = fs::load<RawInfo>(block.bytes(), 0);
        raw.free_clusters = free_clusters();
        raw.last_cluster = last_cluster;
        save(block.change(table_phase), 0, raw);
        counts_changed_ = false;
        return {};
    }
    /// Clusters of directories that were written at once are behind a flush from here on.
    [[nodiscard]] Status flush_if_needed() noexcept { return must_flush_ ? flush() : Status(); }
    [[nodiscard]] Status flush() noexcept {
        TRY(device().flush());
        must_flush_ = false;
        return {};
    }
    [[nodiscard]] bool has_dirty_in(Phase phase) const noexcept {
        return blocks_->has_dirty(phase);
    }
    [[nodiscard]] bool has_dirty() const noexcept {
        for (std::uint8_t phase = table_phase.value; phase <= last_phase.value; ++phase) {
            if (blocks_->has_dirty(Phase{phase})) {
                return true;
            }
        }
        return counts_changed_ && geometry_.info_sector != 0;
    }
    /// Writes the phases [first, last] in their order, each with a flush behind it.
    [[nodiscard]] Status write_phases(Phase first, Phase last) noexcept {
        for (std::uint8_t phase = first.value; phase <= last.value; ++phase) {
            if (blocks_->has_dirty(Phase{phase})) {
                TRY(blocks_->write(Phase{phase}));
                TRY(flush());
            }
        }
        return {};
    }

private:
    /// Without its marks the sector is somebody else's.
    [[nodiscard]] Status load_info() noexcept {
        if (geometry_.info_sector != 0) {
            const Block block = TRY(blocks_->read(geometry_.info_sector));
            const auto raw = fs::load<RawInfo>(block.bytes(), 0);
            if (raw.magic != info_magic || raw.second_magic != info_second_magic) {
                geometry_.info_sector = 0;
            } else {
                last_cluster_ = raw.last_cluster;
            }
        }
        return {};
    }
    [[nodiscard]] BlockIndex block_of(std::uint64_t sector) noexcept {
        return BlockIndex(sector * geometry_.sector_size / device().block_size());
    }
    [[nodiscard]] bool has_page_of(std::uint64_t sector) noexcept {
        return cache_.has(disk_,
                          static_cast<std::uint32_t>(sector * geometry_.sector_size >> page_shift));
    }

    Cache& cache_;
    std::optional<CachedDevice> own_disk_;
    CachedDevice& disk_;
    Geometry geometry_;
    RefusalText refusal_;
    std::optional<Blocks> blocks_;
    std::size_t tail_offset_ = 0;
    std::atomic<std::uint32_t> free_clusters_ = 0;
    bool counts_changed_ = false;
    bool was_clean_ = false;
    bool is_in_use_ = false;  ///< the boot sector on the disk says so
    bool must_flush_ =
        false;  ///< clusters of directories are on the device, but not behind a flush
    std::uint32_t last_cluster_ = 0;
};

}  // namespace kidney::fs::fat

/// A kfs as blocks and inodes: everything below extents and names.
#pragma once

#include "fs/cached_device.hpp"
#include "fs/disk/file_run.hpp"
#include "fs/kfs/format.hpp"
#include "fs/kfs/inode.hpp"
#include "fs/kfs/log.hpp"
#include "fs/kfs/transaction.hpp"
#include "fs/kfs/withheld.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace kidney::fs::kfs {

/// Concurrency: the file system's lock, but for the counts. Every number from the disk passes a
/// check here before it is used; one that fails it is `corrupted`, and complaint() names it. Errors
/// of all: io_error, no_memory, corrupted.
template <class Cache, mm::ObjectAllocator Heap>
class Volume {
public:
    using Changes = Transaction<Cache, Heap>;
    using Block = typename Changes::Block;

    Volume(Heap& heap, Cache& cache, CachedDevice& disk) noexcept
        : cache_(cache),
          disk_(&disk),
          blocks_(cache, disk, block_size),
          changes_(heap, blocks_),
          log_(heap, disk.device()) {}
    /// Of a disk that belongs to nobody else.
    Volume(Heap& heap, Cache& cache, AnyBlockDevice device) noexcept
        : own_disk_(std::in_place, device),
          cache_(cache),
          disk_(&*own_disk_),
          blocks_(cache, *disk_, block_size),
          changes_(heap, blocks_),
          log_(heap, disk_->device()) {}
    ~Volume() {
        changes_.clear();
        cache_.forget(*disk_);  // what has not gone home never may, without its transaction
    }
    Volume(const Volume&) = delete;
    Volume& operator=(const Volume&) = delete;

    /// Recovery included. `noise` is any number. Error also: not_supported.
    [[nodiscard]] Status load(std::uint64_t noise) noexcept {
        if (device().block_size() > block_size || device().block_size() < log_sector) {
            return fail(Errc::not_supported);
        }
        {
            const Block super = TRY(changes_.read(0));
            const std::uint64_t size = disk_->size_bytes() / block_size;
            geometry_ =
                TRY(Geometry::create(kfs::load<Superblock>(super.bytes(), 0), size, complaint_));
        }
        TRY(log_.open(geometry_, complaint_));
        TRY(recover(noise));
        free_blocks_ = TRY(count_free(geometry_.block_bitmap(), geometry_.block_count));
        free_inodes_ = TRY(count_free(geometry_.inode_bitmap(), geometry_.inode_count));
        next_block_ = geometry_.data_start();
        next_inode_ = root_inode + 1;
        withheld_.clear();
        return {};
    }

    [[nodiscard]] const Geometry& geometry() const noexcept { return geometry_; }
    [[nodiscard]] Changes& changes() noexcept { return changes_; }
    [[nodiscard]] Log<AnyBlockDevice, Heap>& log() noexcept { return log_; }
    [[nodiscard]] Withheld& withheld() noexcept { return withheld_; }
    [[nodiscard]] Cache& cache() noexcept { return cache_; }
    [[nodiscard]] CachedDevice& disk() noexcept { return *disk_; }
    [[nodiscard]] AnyBlockDevice& device() noexcept { return disk_->device(); }
    [[nodiscard]] const Complaint& complaint() const noexcept { return complaint_; }
    [[nodiscard]] tl::unexpected<Errc> wrong(const char* field, std::uint64_t value) noexcept {
        complaint_ = {field, value};
        return fail(Errc::corrupted);
    }
    // relaxed: numbers only, which say nothing about other memory
    [[nodiscard]] std::uint32_t free_blocks() const noexcept {
        return free_blocks_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint32_t free_inodes() const noexcept {
        return free_inodes_.load(std::memory_order_relaxed);
    }

    /// What one operation may add to the log, without what it is told to make room for.
    static constexpr std::uint32_t room_for_operation = 20 * 1024;
    /// Room for an operation, and for what was promised. If there is none, a commit comes first.
    [[nodiscard]] bool has_log_room() const noexcept {
        LogSize size = changes_.size();
        size.bytes += promised_bytes_.load(std::memory_order_relaxed) + room_for_operation;
        return size.sectors() <= std::min(log_.ring() / 2, log_.free_sectors());
    }
    /// Room for what grows without asking: stores through mappings.
    [[nodiscard]] bool has_spare_room() const noexcept {
        LogSize size = changes_.size();
        size.bytes += promised_bytes_.load(std::memory_order_relaxed) + room_for_operation;
        return size.sectors() <= std::min(log_.ring() / 8 * 5, log_.free_sectors());
    }
    /// So many bytes come with the next commit; any thread.
    void promise(std::uint32_t bytes) noexcept {
        promised_bytes_.fetch_add(bytes, std::memory_order_relaxed);
    }
    void keep_promises() noexcept { promised_bytes_.store(0, std::memory_order_relaxed); }

    /// An operation, or a part of one that may fail alone. What happened since it was made is
    /// undone when it goes, unless it was kept.
    class Step {
    public:
        explicit Step(Volume& volume) noexcept
            : volume_(volume),
              savepoint_(volume.changes_.savepoint()),
              withheld_(volume.withheld_.mark()),
              free_blocks_(volume.free_blocks()),
              free_inodes_(volume.free_inodes()) {}
        ~Step() {
            if (!is_kept_) {
                volume_.changes_.roll_back(savepoint_);
                volume_.withheld_.go_back(withheld_);
                volume_.free_blocks_.store(free_blocks_, std::memory_order_relaxed);
                volume_.free_inodes_.store(free_inodes_, std::memory_order_relaxed);
            }
        }
        Step(const Step&) = delete;
        Step& operator=(const Step&) = delete;
        void keep() noexcept {
            is_kept_ = true;
            if (savepoint_ == 0) {
                volume_.changes_.keep();
            }
        }

    private:
        Volume& volume_;
        const std::uint32_t savepoint_;
        const Withheld::Mark withheld_;
        const std::uint32_t free_blocks_, free_inodes_;
        bool is_kept_ = false;
    };

    /// The end of a checkpoint: bytes of files are home, everything that changed is in the log.
    [[nodiscard]] Status bring_home() noexcept {
        TRY(changes_.write_home());
        TRY(device().flush());
        TRY(log_.forget());
        TRY(device().flush());
        log_.note_flush();
        withheld_.clear();
        return {};
    }

    // Inodes.

    [[nodiscard]] Result<Inode> read_inode(std::uint32_t number) noexcept {
        const RawInode raw = TRY(read_raw_inode(number));
        return Inode::create(number, raw, geometry_, complaint_);
    }
    /// The same whether it exists or not.
    [[nodiscard]] Result<RawInode> read_raw_inode(std::uint32_t number) noexcept {
        if (!geometry_.is_inode(number)) {
            return wrong("entry.inode", number);
        }
        const Block block = TRY(changes_.read(table_block(number)));
        return kfs::load<RawInode>(block.bytes(), table_offset(number));
    }
    /// Only what has changed goes into the log.
    [[nodiscard]] Status put_inode(std::uint32_t number, const RawInode& raw) noexcept {
        constexpr std::size_t part = 64;
        const std::span<const std::byte> bytes = std::as_bytes(std::span(&raw, 1));
        std::array<std::byte, sizeof raw> old;
        {
            const Block block = TRY(changes_.read(table_block(number)));
            std::memcpy(old.data(), block.bytes().data() + table_offset(number), sizeof raw);
        }
        for (std::size_t at = 0; at < bytes.size(); at += part) {
            if (std::memcmp(old.data() + at, bytes.data() + at, part) == 0) {
                continue;
            }
            const std::span<std::byte> to =
                TRY(changes_.change(table_block(number), table_offset(number) + at, part));
            std::memcpy(to.data(), bytes.data() + at, part);
        }
        return {};
    }
    /// Error: no_space.
    [[nodiscard]] Result<std::uint32_t> take_inode() noexcept {
        const std::uint32_t bitmap = geometry_.inode_bitmap();
        const auto found = TRY(find_clear(bitmap, next_inode_, geometry_.inode_count));
        const auto again = found ? found : TRY(find_clear(bitmap, 1, next_inode_));
        if (!again) {
            return fail(Errc::no_space);
        }
        TRY(set_bits(bitmap, *again, 1, true, "inode_bitmap"));
        next_inode_ = *again + 1;
        free_inodes_.fetch_sub(1, std::memory_order_relaxed);
        return *again;
    }
    [[nodiscard]] Status give_inode(std::uint32_t number) noexcept {
        TRY(put_inode(number, RawInode{}));
        TRY(set_bits(geometry_.inode_bitmap(), number, 1, false, "inode_bitmap"));
        free_inodes_.fetch_add(1, std::memory_order_relaxed);
        next_inode_ = std::min(next_inode_, number);
        return {};
    }
    /// The next mount frees it, unless this is taken back.
    [[nodiscard]] Status mark_orphan(std::uint32_t number, bool is_orphan) noexcept {
        return set_bits(geometry_.orphan_bitmap(), number, 1, is_orphan, "orphan_bitmap");
    }
    /// The first orphan from `from` on; 0: there is none.
    [[nodiscard]] Result<std::uint32_t> next_orphan(std::uint32_t from) noexcept {
        for (std::uint32_t n = from / bits_per_block;
             n < Geometry::bitmap_blocks(geometry_.inode_count); ++n) {
            const Block block = TRY(changes_.read(geometry_.orphan_bitmap() + n));
            for (std::uint32_t at = 0; at < block_size; at += 8) {
                const auto word = kfs::load<std::uint64_t>(block.bytes(), at);
                const std::uint64_t first = std::uint64_t{n} * bits_per_block + at * 8;
                if (word == 0 || first + 64 <= from) {
                    continue;
                }
                const std::uint64_t wanted =
                    first >= from ? word : word >> (from - first) << (from - first);
                const std::uint64_t number = first + std::countr_zero(wanted);
                if (wanted != 0 && number < geometry_.inode_count) {
                    return static_cast<std::uint32_t>(number);
                }
            }
        }
        return 0U;
    }

    // Blocks.

    /// The one door for block numbers from the disk.
    [[nodiscard]] Result<std::uint32_t> checked(std::uint32_t block, const char* field) noexcept {
        return geometry_.is_data(block) ? Result<std::uint32_t>(block) : wrong(field, block);
    }
    /// In a row, at `goal` or behind it, if there is one. Error: no_space.
    [[nodiscard]] Result<FileRun> take_run(std::uint32_t goal, std::uint32_t most) noexcept {
        const std::uint32_t bitmap = geometry_.block_bitmap(), end = geometry_.block_count;
        if (!geometry_.is_data(goal)) {
            goal = geometry_.is_data(next_block_) ? next_block_ : geometry_.data_start();
        }
        auto found = TRY(find_clear(bitmap, goal, end));
        if (!found && !(found = TRY(find_clear(bitmap, geometry_.data_start(), goal)))) {
            return fail(Errc::no_space);
        }
        FileRun run{*found, 1};
        for (next_block_ = *found + 1; run.count < most && next_block_ < end; ++run.count) {
            if (!TRY(find_clear(bitmap, next_block_, next_block_ + 1))) {
                break;
            }
            ++next_block_;
        }
        TRY(set_bits(bitmap, run.first, run.count, true, "block_bitmap"));
        free_blocks_.fetch_sub(run.count, std::memory_order_relaxed);
        return run;
    }
    /// Error: restart (a checkpoint must come first).
    [[nodiscard]] Status give_blocks(std::uint32_t first, std::uint32_t length) noexcept {
        if (!withheld_.has_room(1)) {
            return fail(Errc::restart);
        }
        TRY(checked(first, "extent.first"));
        if (length > geometry_.block_count - first) {
            return wrong("extent.length", length);
        }
        TRY(set_bits(geometry_.block_bitmap(), first, length, false, "block_bitmap"));
        withheld_.add(first, length);
        free_blocks_.fetch_add(length, std::memory_order_relaxed);
        return {};
    }
    /// Where blocks of a file without any should begin.
    [[nodiscard]] std::uint32_t next_block() const noexcept { return next_block_; }

private:
    [[nodiscard]] std::uint32_t table_block(std::uint32_t inode) const noexcept {
        return geometry_.inode_table() + inode / inodes_per_block;
    }
    [[nodiscard]] static std::size_t table_offset(std::uint32_t inode) noexcept {
        return inode % inodes_per_block * sizeof(RawInode);
    }

    /// Brings home what the log has, and flushes: as often as it is interrupted.
    [[nodiscard]] Status recover(std::uint64_t noise) noexcept {
        const auto apply = [this](const RecordHeader& record,
                                  std::span<const std::byte> bytes) noexcept -> Status {
            Block block =
                TRY(record.is_fresh() ? blocks_.fresh(record.block) : blocks_.read(record.block));
            if (record.is_fresh()) {
                static_cast<void>(block.change(metadata_phase));
            }
            if (!bytes.empty()) {
                const std::span<std::byte> to =
                    block.change(metadata_phase, record.offset(), bytes.size());
                std::memcpy(to.data() + record.offset(), bytes.data(), bytes.size());
            }
            return {};
        };
        if (TRY(log_.recover(apply, complaint_))) {
            TRY(changes_.write_home());
            TRY(device().flush());
            TRY(log_.end_recovery(noise));
            cache_.drop_pages(*disk_);  // some of them are blocks of files
        }
        return {};
    }

    /// The first clear bit in [from, end) that is not withheld.
    [[nodiscard]] Result<std::optional<std::uint32_t>> find_clear(std::uint32_t bitmap,
                                                                  std::uint32_t from,
                                                                  std::uint32_t end) noexcept {
        const bool are_blocks = bitmap == geometry_.block_bitmap();
        while (from < end) {
            const Block block = TRY(changes_.read(bitmap + from / bits_per_block));
            const std::uint32_t base = from / bits_per_block * bits_per_block;
            const std::uint32_t stop = std::min(end, base + bits_per_block);
            while (from < stop) {
                const std::uint32_t word_at = (from - base) / 64 * 8;
                const std::uint64_t word =
                    ~kfs::load<std::uint64_t>(block.bytes(), word_at) >> (from % 64);
                if (word == 0) {
                    from = (from | 63U) + 1;
                    continue;
                }
                from += static_cast<std::uint32_t>(std::countr_zero(word));
                const std::uint32_t behind = are_blocks ? withheld_.skip(from) : from;
                if (from < stop && behind == from) {
                    return std::optional(from);
                }
                from = std::max(behind, from);
            }
        }
        return std::optional<std::uint32_t>();
    }
    /// Error: corrupted (one of them is so already).
    [[nodiscard]] Status set_bits(std::uint32_t bitmap, std::uint32_t first, std::uint32_t count,
                                  bool on, const char* field) noexcept {
        while (count > 0) {
            const std::uint32_t at = first % bits_per_block;
            const std::uint32_t part = std::min(count, bits_per_block - at);
            const std::size_t begin = at / 8;
            const std::size_t end = (at + part + 7) / 8;
            const std::span<std::byte> bytes =
                TRY(changes_.change(bitmap + first / bits_per_block, begin, end - begin));
            for (std::uint32_t n = 0; n < part; ++n) {
                const std::uint32_t bit = at + n;
                std::byte& byte = bytes[bit / 8 - begin];
                const auto mask = static_cast<std::byte>(1U << (bit % 8));
                if (((byte & mask) != std::byte{}) == on) {
                    return wrong(field, first + n);
                }
                byte ^= mask;
            }
            first += part;
            count -= part;
        }
        return {};
    }
    [[nodiscard]] Result<std::uint32_t> count_free(std::uint32_t bitmap,
                                                   std::uint32_t bits) noexcept {
        std::uint32_t taken = 0;
        for (std::uint32_t n = 0; n < Geometry::bitmap_blocks(bits); ++n) {
            const Block block = TRY(changes_.read(bitmap + n));
            const std::uint32_t here = std::min(bits - n * bits_per_block, bits_per_block);
            for (std::uint32_t at = 0; at * 8 < here; at += 8) {
                auto word = kfs::load<std::uint64_t>(block.bytes(), at);
                if (here - at * 8 < 64) {
                    word &= (std::uint64_t{1} << (here - at * 8)) - 1;
                }
                taken += static_cast<std::uint32_t>(std::popcount(word));
            }
        }
        return bits - taken;
    }

    std::optional<CachedDevice> own_disk_;
    Cache& cache_;
    CachedDevice* disk_;
    DeviceBlocks<Cache> blocks_;
    Geometry geometry_;
    Changes changes_;
    Log<AnyBlockDevice, Heap> log_;
    Withheld withheld_;
    Complaint complaint_;
    std::atomic<std::uint32_t> free_blocks_ = 0, free_inodes_ = 0;
    std::atomic<std::uint32_t> promised_bytes_ = 0;
    std::uint32_t next_block_ = 0, next_inode_ = 0;  ///< where the next search begins
};

}  // namespace kidney::fs::kfs

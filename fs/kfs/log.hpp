/// The log of kfs: a ring of sectors that transactions are written to, each in one command, and
/// from which a mount takes what a loss of power has kept from its place.
///
/// A transaction is a list of records: bytes of a block. Writing them again does no harm, so a
/// recovery may be interrupted as often as it likes. The log knows neither files nor caches.
#pragma once

#include "fs/kfs/format.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/fs/block_device.hpp"
#include "kidney/mm/make.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::fs::kfs {

/// What the records of a transaction take.
struct LogSize {
    std::uint32_t records = 0, bytes = 0;

    void add(std::uint32_t length) noexcept {
        ++records;
        bytes += static_cast<std::uint32_t>(sizeof(RecordHeader)) + length;
    }
    /// Sectors of a transaction with them.
    [[nodiscard]] std::uint32_t sectors() const noexcept {
        return static_cast<std::uint32_t>(
            (sizeof(LogHeader) + bytes + sizeof(std::uint32_t) + log_sector - 1) / log_sector);
    }
};

/// The ring, from the oldest transaction to the next one:
///
///     stale   whose blocks are home, but the anchor that says so is behind no flush yet
///     live    that a recovery needs
///     free    what the next transactions use
///
/// After a write that failed nobody knows what is on the disk: then the log is broken, and says so
/// to everybody. Concurrency: none; the file system's lock.
template <BlockDevice Device, mm::ObjectAllocator Heap>
class Log {
public:
    Log(Heap& heap, Device& device) noexcept : heap_(heap), device_(device) {}
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    /// Reads the anchor. Errors: corrupted (`complaint` says what), io_error, no_memory.
    [[nodiscard]] Status open(const Geometry& geometry, Complaint& complaint) noexcept {
        geometry_ = geometry;
        if (!stage_) {
            stage_ = TRY(mm::make_box<Stage>(heap_));
        }
        const std::span<std::byte> block = std::span(stage_->bytes).first(device_.block_size());
        TRY(device_.read(place_of(Geometry::anchor), block));
        const auto anchor = load<Anchor>(block, 0);
        const auto wrong = [&](const char* field, std::uint64_t value) {
            complaint = {field, value};
            return Status(fail(Errc::corrupted));
        };
        if (anchor.magic != Anchor::right_magic || anchor.uuid != geometry.uuid) {
            return wrong("anchor.magic", anchor.magic);
        }
        if (anchor.checksum != checksum_of(anchor)) {
            return wrong("anchor.checksum", anchor.checksum);
        }
        if (anchor.position >= ring()) {
            return wrong("anchor.position", anchor.position);
        }
        head_ = anchor.position;
        sequence_ = anchor.sequence;
        salt_ = anchor.salt;
        live_ = stale_ = 0;
        broken_ = false;
        return {};
    }
    /// Gives the records of all transactions that are there as a whole to `apply(RecordHeader,
    /// bytes)`, in their order. True: there were some, and when they are home, end_recovery() is
    /// due. Errors: corrupted, io_error, those of apply().
    template <class Apply>
    [[nodiscard]] Result<bool> recover(Apply&& apply, Complaint& complaint) noexcept {
        bool found = false;
        while (true) {
            const LogHeader header = TRY(read_header());
            if (header.sectors == 0 || !TRY(is_whole(header))) {
                break;
            }
            TRY(replay(header, apply, complaint));
            head_ = after(head_, header.sectors);
            live_ += header.sectors;
            ++sequence_;
            found = true;
        }
        // A device with larger blocks than the one that it was written on begins at one of them.
        const std::uint32_t unit = unit_sectors();
        if (head_ % unit != 0) {
            const std::uint32_t skipped = unit - head_ % unit;
            head_ = after(head_, skipped);
            live_ = std::min(live_ + skipped, ring());
            found = true;
        }
        return found;
    }
    /// Everything that was replayed is home, behind a flush. `noise` is any number: what lies in
    /// the ring means nothing any more, even if somebody could foresee the next sequence number.
    [[nodiscard]] Status end_recovery(std::uint64_t noise) noexcept {
        salt_ = (salt_ ^ noise) * 0x9E37'79B9'7F4A'7C15U + sequence_;
        return forget();
    }

    /// Sectors that the next transactions may have. A transaction may take free_sectors().
    [[nodiscard]] std::uint32_t free_sectors() const noexcept { return ring() - live_ - stale_; }
    [[nodiscard]] std::uint32_t live_sectors() const noexcept { return live_; }
    [[nodiscard]] std::uint32_t ring() const noexcept { return geometry_.log_sectors(); }
    [[nodiscard]] bool is_broken() const noexcept { return broken_; }
    [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }
    /// Sectors that it takes on this device.
    [[nodiscard]] std::uint32_t sectors_of(const LogSize& size) const noexcept {
        const std::uint32_t unit = unit_sectors();
        return (size.sectors() + unit - 1) / unit * unit;
    }

    /// Begins a transaction: put() each record, then commit(). It fits in free_sectors().
    void begin(const LogSize& size) noexcept {
        KIDNEY_ASSERT(sectors_of(size) <= free_sectors());
        size_ = size;
        left_ = sectors_of(size);
        at_ = head_;
        filled_ = 0;
        sum_ = Crc32c();
        sum_.add_value(salt_);
        const LogHeader header{.sectors = left_,
                               .sequence = sequence_,
                               .uuid = geometry_.uuid,
                               .records = size.records,
                               .bytes = size.bytes};
        status_ = {};
        append(std::as_bytes(std::span(&header, 1)));
    }
    /// `block` is behind the log. An error is told by commit().
    void put(const RecordHeader& record, std::span<const std::byte> bytes) noexcept {
        append(std::as_bytes(std::span(&record, 1)));
        append(bytes);
    }
    /// Writes what is left of it, and flushes: now it has happened. Error: io_error, and the log is
    /// broken.
    [[nodiscard]] Status commit() noexcept {
        while (status_ && left_ * log_sector > capacity) {
            spill();
        }
        if (status_) {
            const std::size_t end = std::size_t{left_} * log_sector - sizeof(std::uint32_t);
            std::memset(stage_->bytes.data() + filled_, 0, end - filled_);
            sum_.add(std::span<const std::byte>(stage_->bytes).first(end));
            store(std::span(stage_->bytes), end, sum_.value());
            status_ = write_stage(left_);
        }
        if (status_) {
            status_ = device_.flush();
        }
        if (!status_) {
            broken_ = true;
            return status_;
        }
        const std::uint32_t sectors = sectors_of(size_);
        live_ += sectors;
        head_ = after(head_, sectors);
        ++sequence_;
        stale_ = 0;  // the anchor is behind a flush now
        return {};
    }

    /// Everything in the log is home, behind a flush: none of it is needed. The space is free after
    /// the next flush. Error: io_error, and the log is broken.
    [[nodiscard]] Status forget() noexcept {
        const std::span<std::byte> block = std::span(stage_->bytes).first(device_.block_size());
        std::memset(block.data(), 0, block.size());
        Anchor anchor{
            .position = head_, .sequence = sequence_, .salt = salt_, .uuid = geometry_.uuid};
        anchor.checksum = checksum_of(anchor);
        store(block, 0, anchor);
        if (Status written = device_.write(place_of(Geometry::anchor), block); !written) {
            broken_ = true;
            return written;
        }
        stale_ += live_;
        live_ = 0;
        return {};
    }
    /// Somebody has flushed the device.
    void note_flush() noexcept { stale_ = 0; }
    void note_broken() noexcept { broken_ = true; }

private:
    static constexpr std::uint32_t capacity = 32 * 1024;
    struct Stage {
        static constexpr const char* cache_name = "kfs_log";
        Stage() noexcept {}  // not cleared: 32 KiB
        std::array<std::byte, capacity> bytes;
    };

    [[nodiscard]] BlockIndex place_of(std::uint32_t block) const noexcept {
        return BlockIndex(std::uint64_t{block} * (block_size / device_.block_size()));
    }
    [[nodiscard]] BlockIndex place_of_sector(std::uint32_t sector) const noexcept {
        return BlockIndex(
            (std::uint64_t{Geometry::log_start} * block_size + std::uint64_t{sector} * log_sector) /
            device_.block_size());
    }
    [[nodiscard]] std::uint32_t unit_sectors() const noexcept {
        return device_.block_size() / log_sector;
    }
    [[nodiscard]] std::uint32_t after(std::uint32_t position, std::uint32_t n) const noexcept {
        const std::uint32_t end = position + n;
        return end >= ring() ? end - ring() : end;
    }

    // Writing.

    void append(std::span<const std::byte> bytes) noexcept {
        while (!bytes.empty() && status_) {
            if (filled_ == capacity) {
                spill();
                continue;
            }
            const std::size_t part = std::min<std::size_t>(bytes.size(), capacity - filled_);
            std::memcpy(stage_->bytes.data() + filled_, bytes.data(), part);
            filled_ += static_cast<std::uint32_t>(part);
            bytes = bytes.subspan(part);
        }
    }
    /// The stage is full of bytes that do not end the transaction.
    void spill() noexcept {
        std::memset(stage_->bytes.data() + filled_, 0, capacity - filled_);
        sum_.add(stage_->bytes);
        status_ = write_stage(capacity / log_sector);
        filled_ = 0;
    }
    /// One command, or two at the end of the ring.
    [[nodiscard]] Status write_stage(std::uint32_t sectors) noexcept {
        std::span<const std::byte> bytes =
            std::span<const std::byte>(stage_->bytes).first(std::size_t{sectors} * log_sector);
        while (!bytes.empty()) {
            const std::size_t part =
                std::min<std::size_t>(bytes.size(), std::size_t{ring() - at_} * log_sector);
            TRY(device_.write(place_of_sector(at_), bytes.first(part)));
            at_ = after(at_, static_cast<std::uint32_t>(part / log_sector));
            bytes = bytes.subspan(part);
        }
        left_ -= sectors;
        return {};
    }

    // Reading: the stage holds sectors [window_, window_ + loaded_) of the transaction at head_.

    [[nodiscard]] Status load_window(std::uint32_t from, std::uint32_t wanted) noexcept {
        const std::uint32_t unit = unit_sectors();
        const std::uint32_t position = after(head_, from);
        const std::uint32_t begin = position / unit * unit;
        const std::uint32_t lead = position - begin;
        wanted = std::min(
            {(wanted + lead + unit - 1) / unit * unit, capacity / log_sector, ring() - begin});
        loaded_ = 0;
        TRY(device_.read(place_of_sector(begin),
                         std::span(stage_->bytes).first(std::size_t{wanted} * log_sector)));
        window_ = from;
        lead_ = lead;
        loaded_ = wanted - lead;
        return {};
    }
    /// The rest of what the stage holds from sector `n` of the transaction on.
    [[nodiscard]] Result<std::span<const std::byte>> sectors_from(std::uint32_t n,
                                                                  std::uint32_t end) noexcept {
        if (n < window_ || n >= window_ + loaded_) {
            TRY(load_window(n, end - n));
        }
        const std::uint32_t behind = std::min(end, window_ + loaded_);
        return std::span<const std::byte>(stage_->bytes)
            .subspan(std::size_t{lead_ + n - window_} * log_sector,
                     std::size_t{behind - n} * log_sector);
    }
    /// sectors 0: there is no transaction.
    [[nodiscard]] Result<LogHeader> read_header() noexcept {
        constexpr std::uint32_t first_look = block_size / log_sector;
        TRY(load_window(0, first_look));
        auto header =
            load<LogHeader>(std::span<const std::byte>(stage_->bytes), lead_ * log_sector);
        const std::uint32_t room = ring() - live_;
        if (header.magic != LogHeader::right_magic || header.uuid != geometry_.uuid ||
            header.sequence != sequence_ || header.sectors > room ||
            LogSize{header.records, header.bytes}.sectors() > header.sectors ||
            header.bytes > ring() * log_sector) {
            header.sectors = 0;
        }
        return header;
    }
    [[nodiscard]] Result<bool> is_whole(const LogHeader& header) noexcept {
        Crc32c sum;
        sum.add_value(salt_);
        for (std::uint32_t n = 0; n < header.sectors;) {
            const std::span<const std::byte> part = TRY(sectors_from(n, header.sectors));
            n += static_cast<std::uint32_t>(part.size() / log_sector);
            if (n < header.sectors) {
                sum.add(part);
                continue;
            }
            const std::size_t end = part.size() - sizeof(std::uint32_t);
            sum.add(part.first(end));
            return load<std::uint32_t>(part, end) == sum.value();
        }
        return false;
    }
    template <class Apply>
    [[nodiscard]] Status replay(const LogHeader& header, Apply& apply,
                                Complaint& complaint) noexcept {
        std::uint32_t at = sizeof(LogHeader);
        const std::uint32_t end = at + header.bytes;
        const auto wrong = [&](const char* field, std::uint64_t value) {
            complaint = {field, value};
            return Status(fail(Errc::corrupted));
        };
        for (std::uint32_t n = 0; n < header.records; ++n) {
            RecordHeader record;
            if (end - at < sizeof record) {
                return wrong("log.records", header.records);
            }
            TRY(copy_out(header, at, std::as_writable_bytes(std::span(&record, 1))));
            if (record.block < geometry_.block_bitmap() || record.block >= geometry_.block_count) {
                return wrong("log.record.block", record.block);
            }
            if (record.offset() + record.length > block_size || record.length > end - at) {
                return wrong("log.record.length", record.length);
            }
            std::uint32_t done = 0;
            // In pieces that lie in the stage as a whole; the first says whether it is fresh.
            do {
                const std::span<const std::byte> part =
                    TRY(piece(header, at, record.length - done));
                RecordHeader piece_of = record;
                piece_of.place = static_cast<std::uint16_t>(
                    (record.offset() + done) |
                    (record.is_fresh() && done == 0 ? RecordHeader::fresh : 0U));
                piece_of.length = static_cast<std::uint16_t>(part.size());
                TRY(apply(piece_of, part));
                at += piece_of.length;
                done += piece_of.length;
            } while (done < record.length);
        }
        return at == end ? Status() : wrong("log.bytes", header.bytes);
    }
    /// Bytes of the transaction from `at` on, at most so many; at least one if any is wanted.
    [[nodiscard]] Result<std::span<const std::byte>> piece(const LogHeader& header,
                                                           std::uint32_t at,
                                                           std::uint32_t most) noexcept {
        if (most == 0) {
            return std::span<const std::byte>();
        }
        const std::span<const std::byte> rest =
            TRY(sectors_from(at / log_sector, header.sectors)).subspan(at % log_sector);
        return rest.first(std::min<std::size_t>(rest.size(), most));
    }
    [[nodiscard]] Status copy_out(const LogHeader& header, std::uint32_t& at,
                                  std::span<std::byte> to) noexcept {
        while (!to.empty()) {
            const std::span<const std::byte> part =
                TRY(piece(header, at, static_cast<std::uint32_t>(to.size())));
            std::memcpy(to.data(), part.data(), part.size());
            at += static_cast<std::uint32_t>(part.size());
            to = to.subspan(part.size());
        }
        return {};
    }

    Heap& heap_;
    Device& device_;
    Geometry geometry_;
    mm::Box<Stage, Heap> stage_;
    std::uint64_t sequence_ = 1;  ///< of the next transaction
    std::uint64_t salt_ = 0;
    std::uint32_t head_ = 0;  ///< where it begins, a sector of the ring
    std::uint32_t live_ = 0, stale_ = 0;
    bool broken_ = false;

    // The transaction that is being written.
    LogSize size_;
    std::uint32_t left_ = 0;    ///< sectors that are not on their way yet
    std::uint32_t at_ = 0;      ///< where the next of them goes
    std::uint32_t filled_ = 0;  ///< bytes in the stage
    Crc32c sum_;
    Status status_;

    // The one that is being read.
    std::uint32_t window_ = 0, lead_ = 0, loaded_ = 0;
};

}  // namespace kidney::fs::kfs

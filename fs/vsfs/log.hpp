/// The redo log: where vsfs is crash-safe, or not. Specification: docs/spec/vsfs.md.
///
/// commit() puts all blocks into the log, with a header that has a checksum over them, flushes, and
/// only then writes them home. A crash before the flush leaves the old state; after it recover()
/// writes them home again, as often as it is interrupted.
#pragma once

#include "fs/vsfs/device_blocks.hpp"

#include <cstdint>
#include <span>

namespace kidney::fs::vsfs {

/// What an error leaves on the disk nobody knows: whoever gets one calls nothing here any more.
/// Concurrency: none; the file system's lock.
template <BlockDevice Device>
class Log {
public:
    explicit Log(Device& device) noexcept : device_(device) {}

    /// From now on blocks mean those of this file system, which has a log.
    void start(const Geometry& geometry) noexcept { geometry_ = geometry; }
    /// How many blocks a commit can have.
    [[nodiscard]] std::uint32_t capacity() const noexcept { return geometry_.log_blocks - 1; }

    /// Finishes the commit that a crash has interrupted, if there is one. Comes before anything
    /// else is read. Errors: io_error, corrupted (a block that the log has no business with).
    [[nodiscard]] Status recover() noexcept {
        TRY(read_block(device_, geometry_.log_start(), block_));
        const auto header = load<LogHeader>(block_, 0);
        sequence_ = header.sequence;
        if (header.magic != LogHeader::right_magic || header.count == 0 ||
            header.count > capacity() || TRY(checksum_of_log(header)) != header.checksum) {
            return {};  // the log was being written: what it was to say had not happened
        }
        for (std::uint32_t i = 0; i < header.count; ++i) {
            if (header.blocks[i] < geometry_.inode_bitmap() ||
                header.blocks[i] >= geometry_.block_count) {
                return fail(Errc::corrupted);
            }
            TRY(read_block(device_, logged(i), block_));
            TRY(write_block(device_, header.blocks[i], block_));
        }
        return device_.flush();
    }

    /// The changes survive a loss of power, all or none, and are on their way home. Not more than
    /// capacity(). Error: io_error.
    [[nodiscard]] Status commit(std::span<const Version> changes) noexcept {
        if (is_needed_) {  // until the last commit's blocks are home for sure
            TRY(device_.flush());
        }
        LogHeader header{.sequence = ++sequence_,
                         .count = static_cast<std::uint32_t>(changes.size())};
        for (std::uint32_t i = 0; i < header.count; ++i) {
            header.blocks[i] = changes[i].block;
            TRY(write_block(device_, logged(i), *changes[i].bytes));
        }
        header.checksum = checksum_of(header);
        for (const Version& change : changes) {
            header.checksum = checksum(*change.bytes, header.checksum);
        }
        TRY(write_header(header));
        TRY(device_.flush());
        is_needed_ = true;
        for (const Version& change : changes) {
            TRY(write_block(device_, change.block, *change.bytes));
        }
        return {};
    }

    /// What was done until now survives a loss of power. `changes`: what was not committed yet, or
    /// nothing. Error: io_error.
    [[nodiscard]] Status sync(std::span<const Version> changes) noexcept {
        return changes.empty() ? Status() : commit(changes);
    }

    /// Before an orderly end, when everything is committed: afterwards nothing is left to recover.
    /// Error: io_error.
    [[nodiscard]] Status clear() noexcept {
        TRY(device_.flush());
        return write_header({.sequence = sequence_});
    }

private:
    [[nodiscard]] std::uint32_t logged(std::uint32_t i) const noexcept {
        return geometry_.log_start() + 1 + i;
    }
    [[nodiscard]] Status write_header(const LogHeader& header) noexcept {
        block_.fill(std::byte{});
        store(std::span(block_), 0, header);
        return write_block(device_, geometry_.log_start(), block_);
    }
    /// Of the header alone.
    [[nodiscard]] static std::uint32_t checksum_of(LogHeader header) noexcept {
        header.checksum = 0;
        return checksum(std::as_bytes(std::span(&header, 1)));
    }
    [[nodiscard]] Result<std::uint32_t> checksum_of_log(const LogHeader& header) noexcept {
        std::uint32_t sum = checksum_of(header);
        for (std::uint32_t i = 0; i < header.count; ++i) {
            TRY(read_block(device_, logged(i), block_));
            sum = checksum(block_, sum);
        }
        return sum;
    }

    Device& device_;
    Geometry geometry_;
    std::uint32_t sequence_ = 0;
    bool is_needed_ = false;
    Block block_{};
};

}  // namespace kidney::fs::vsfs

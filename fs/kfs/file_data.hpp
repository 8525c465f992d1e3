/// How the bytes of files become durable: straight to their blocks, or through the log.
#pragma once

#include "fs/cache/cached_object.hpp"
#include "fs/cache/page_index.hpp"
#include "fs/disk/file_run.hpp"
#include "fs/disk/tracks_bytes.hpp"
#include "fs/kfs/format.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/block_device.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kidney::fs::kfs {

// The phases of sectors of a file; a change raises them. Clean: as in its block.
inline constexpr Phase logged_phase{1};  ///< in the log, and home with the next checkpoint
inline constexpr Phase direct_phase{2};  ///< goes home before the next commit
inline constexpr Phase log_phase{3};     ///< goes into the log with the next commit

/// There is room for so many in a transaction, whatever else comes.
inline constexpr std::uint32_t most_few_sectors = 16;

/// Every changed sector is in one of two classes.
///
///   direct   nobody would miss what is in its block: the block is new, or the sector lies behind
///            the end that the last commit left, or it belongs to a large write, which is not
///            atomic. It goes home, a flush, and then comes the commit.
///   logged   others: small writes over old bytes, which are atomic, as is every write behind the
///            end, where a truncation may have left old bytes; and whatever the log has already,
///            because a recovery would write that over what came home later. A checkpoint brings it
///            home.
///
/// If all files together have few direct sectors, those go into the log as well: then a commit is
/// one command. Concurrency: as said.
template <class Fs>
class FileData {
    using Bytes = typename Fs::Bytes;
    using Inode = typename Fs::Inode;

public:
    static constexpr std::uint64_t small_write = 3072;  ///< bytes; at most so many are atomic

    FileData(Fs& fs, std::uint32_t few_sectors) noexcept : fs_(fs), few_sectors_(few_sectors) {}

    /// Under the file system's lock. `inode` is as it was before the change.
    void note_bytes(Bytes& bytes, const Inode& inode, const ChangedBytes& changed) noexcept {
        const std::uint64_t base = changed.begin / block_size * block_size;
        auto begin = static_cast<std::size_t>(changed.begin - base);
        auto end = static_cast<std::size_t>(changed.end - base);
        if (changed.is_new_block) {
            begin = 0;  // what is before is zeros, and behind it as well if the file goes on
            end = changed.end < inode.size ? block_size : end;
        }
        const std::size_t unit = fs_.device().block_size();
        begin = begin / unit * unit;
        end = (end + unit - 1) / unit * unit;
        const auto index = static_cast<std::uint32_t>(base / block_size);
        const SectorPhases old = fs_.cache().phases(bytes, index);
        const std::uint64_t committed = bytes.owner().committed_size_;
        const bool is_atomic = changed.in_all <= small_write;
        SectorMask direct = 0, logged = 0;
        for (std::size_t at = begin; at < end; at += unit) {
            const SectorMask sectors = sectors_of(at, at + unit);
            const std::uint8_t now = old.at(at / sector_size);
            const bool is_old = !changed.is_new_block && base + at < committed;
            // Of a large write, what it shares a sector with is not to be lost; and as far as it
            // goes behind the end, over what was cut off since the commit, it is atomic.
            const bool is_whole = base + at >= changed.begin && base + at + unit <= changed.end &&
                                  base + at + unit <= inode.size;
            if (now == logged_phase.value || now == log_phase.value ||
                (now == 0 && is_old && (is_atomic || !is_whole))) {
                logged |= sectors;
                promise(now == log_phase.value ? 0 : unit);
            } else {
                direct |= sectors;
                count_direct(now == 0 ? unit : 0);
            }
        }
        if (direct != 0) {
            fs_.cache().mark_dirty(bytes, index, direct, direct_phase);
        }
        if (logged != 0) {
            fs_.cache().mark_dirty(bytes, index, logged, log_phase);
        }
    }

    // For the commit, which runs alone.
    enum class Mode : std::uint8_t {
        none,
        home,       ///< to the blocks
        log,        ///< into the transaction
        checkpoint  ///< to the blocks, with the file system's lock held; no program can store
    };
    void set_mode(Mode mode) noexcept { mode_ = mode; }
    /// Whether few direct sectors were marked since the last call.
    [[nodiscard]] bool take_few() noexcept {
        return direct_.exchange(0, std::memory_order_relaxed) <= few_sectors_;
    }
    /// Something came home, and is not behind a flush.
    [[nodiscard]] bool take_unflushed() noexcept { return std::exchange(unflushed_, false); }

    template <class Unmap>
    [[nodiscard]] Status store_bytes(Bytes& bytes, std::uint32_t first,
                                     std::span<const StoredPage> pages, Unmap&& unmap) noexcept {
        if (mode_ == Mode::none) {
            return fail(Errc::io_error);  // nobody but a commit knows what may go
        }
        Blocks blocks{};
        if (mode_ == Mode::checkpoint) {
            TRY(look_up(bytes, first, pages.size(), blocks));
        } else {
            unmap();
            LockGuard guard(fs_.lock());
            TRY(look_up(bytes, first, pages.size(), blocks));
            if (mode_ == Mode::log) {
                return put_in_log(bytes, first, pages, blocks);
            }
        }
        unflushed_ = true;
        return write_home(pages, blocks);
    }

private:
    using Blocks = std::array<std::uint32_t, StoreRun::capacity>;

    void promise(std::size_t bytes) noexcept {
        if (bytes != 0) {
            fs_.volume().promise(static_cast<std::uint32_t>(bytes + sizeof(RecordHeader)));
        }
    }
    void count_direct(std::size_t bytes) noexcept {
        // relaxed: a number only
        direct_.fetch_add(static_cast<std::uint32_t>(bytes / sector_size),
                          std::memory_order_relaxed);
    }
    /// 0: a hole.
    [[nodiscard]] Status look_up(Bytes& bytes, std::uint32_t first, std::size_t count,
                                 Blocks& blocks) noexcept {
        const Inode inode = bytes.inode();
        for (std::size_t n = 0; n < count;) {
            const FileRun run = TRY(fs_.tree().run(inode, std::uint64_t{first} + n,
                                                   static_cast<std::uint32_t>(count - n)));
            for (std::uint32_t at = 0; at < run.count; ++at) {
                blocks[n++] = run.is_hole() ? 0 : run.first + at;
            }
        }
        return {};
    }
    [[nodiscard]] Status put_in_log(Bytes& bytes, std::uint32_t first,
                                    std::span<const StoredPage> pages,
                                    const Blocks& blocks) noexcept {
        for (std::size_t n = 0; n < pages.size(); ++n) {
            const StoredPage& page = pages[n];
            for (std::size_t at = 0; blocks[n] != 0 && at < sectors_per_page; ++at) {
                if ((page.sectors >> at & 1U) == 0) {
                    continue;
                }
                const std::size_t begin = at;
                while (at < sectors_per_page && (page.sectors >> at & 1U) != 0) {
                    ++at;
                }
                TRY(fs_.volume().changes().add_data(
                    blocks[n], static_cast<std::uint32_t>(begin * sector_size),
                    page.bytes.subspan(begin * sector_size, (at - begin) * sector_size)));
            }
            if (blocks[n] != 0) {
                fs_.cache().mark_dirty(bytes, first + static_cast<std::uint32_t>(n), page.sectors,
                                       logged_phase);
            }
        }
        fs_.note_logged(bytes.owner());
        return {};
    }
    /// One command for each run of sectors of the disk.
    [[nodiscard]] Status write_home(std::span<const StoredPage> pages,
                                    const Blocks& blocks) noexcept {
        std::array<std::span<const std::byte>, StoreRun::capacity> buffers;
        std::size_t count = 0;
        std::uint64_t begin = 0, end = 0;  // sectors of the run
        const auto finish = [&]() noexcept -> Status {
            if (count == 0) {
                return {};
            }
            const BlockIndex place(begin * sector_size / fs_.device().block_size());
            const Status written =
                fs_.device().write_scattered(place, std::span(buffers).first(count));
            count = 0;
            return written;
        };
        for (std::size_t n = 0; n < pages.size(); ++n) {
            for (std::size_t at = 0; blocks[n] != 0 && at < sectors_per_page; ++at) {
                if ((pages[n].sectors >> at & 1U) == 0) {
                    continue;
                }
                const std::uint64_t sector = std::uint64_t{blocks[n]} * sectors_per_page + at;
                const auto bytes = pages[n].bytes.subspan(at * sector_size, sector_size);
                const bool goes_on = count > 0 && sector == end;
                if (goes_on && at > 0) {
                    auto& last = buffers[count - 1];  // of the same page
                    last = std::span(last.data(), last.size() + bytes.size());
                } else {
                    if (!goes_on) {
                        TRY(finish());
                        begin = sector;
                    }
                    buffers[count++] = bytes;
                }
                end = sector + 1;
            }
        }
        return finish();
    }

    Fs& fs_;
    const std::uint32_t few_sectors_;
    std::atomic<std::uint32_t> direct_ = 0;
    Mode mode_ = Mode::none;
    bool unflushed_ = false;
};

}  // namespace kidney::fs::kfs

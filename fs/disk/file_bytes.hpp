/// What is in a regular file: cached pages over the blocks that its inode points to.
#pragma once

#include "fs/borrowed_page.hpp"
#include "fs/disk/file_transfer.hpp"
#include "fs/disk/file_zeros.hpp"
#include "fs/disk/tracks_bytes.hpp"
#include "fs/node_base.hpp"
#include "fs/page_batch.hpp"
#include "fs/page_cache.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/mm/page_source.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::fs {

/// A page becomes dirty only when its blocks have places on the disk, so what is dirty can always
/// go home: a full disk is an error of the write, not a loss after it.
///
/// `Fs` says where blocks are (tree(), goal(), note_place(), remove_blocks()), how large and
/// whether a file may lack some (block_size(), sector_size .. page_size; max_file_size(),
/// check_size(); has_holes), and what it allows (check_writable()); it hears what changes
/// (note_change(), touch()) and can make room when there is none (repeat()). Ext2 is the example.
///
/// `writing` makes those who change bytes or the size take turns. It is held while user memory is
/// copied, so it ranks before everything that a page fault takes; nothing that a page fault calls
/// takes it. The block tree is the file system's metadata, and under its lock.
template <class Fs>
class FileBytes final : public CachedObject {
    using Cache = typename Fs::CacheType;
    using Inode = typename Fs::Inode;
    using Page = BorrowedPage<Cache>;
    using Transfer = FileTransfer<Fs, FileBytes>;

public:
    /// `owner` is the Fs::Node that shows the pages to programs, as a part that exists already.
    FileBytes(Fs& fs, mm::PageSource& owner, const Inode& inode) noexcept
        : fs_(fs), mapped_(owner), inode_(inode) {}
    ~FileBytes() { fs_.cache().forget(*this); }
    FileBytes(const FileBytes&) = delete;
    FileBytes& operator=(const FileBytes&) = delete;

    // The inode changes under the file system's metadata lock only, so who holds that may copy,
    // change and publish it.
    [[nodiscard]] Inode inode() const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return inode_;
    }
    /// Access times come from publish_access() alone.
    void publish(const Inode& inode) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const FileTime accessed = inode_.accessed;
        inode_ = inode;
        inode_.accessed = accessed;
    }
    [[nodiscard]] std::uint64_t size() const noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return inode_.size;
    }
    void publish_access(const FileTime& time) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        inode_.accessed = time;
    }
    /// The same if it is worth a write of the inode, which it says.
    [[nodiscard]] bool note_access(const FileTime& now) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const bool is_news = access_is_news(inode_.accessed, inode_.modified, inode_.changed, now);
        inode_.accessed = is_news ? now : inode_.accessed;
        return is_news;
    }

    [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, ReadBuffer& to) noexcept {
        const std::size_t wanted = to.remaining();
        while (to.remaining() > 0 && offset < size()) {
            const Result<Page> page = fs_.repeat([&]() noexcept {
                return Page::get(fs_.cache(), *this,
                                 static_cast<std::uint32_t>(offset >> page_shift));
            });
            const std::uint64_t end = size();  // the page may be one that a truncation left behind
            if (offset >= end) {
                break;
            }
            const auto begin = static_cast<std::size_t>(offset & page_mask);
            const auto length = static_cast<std::size_t>(
                std::min<std::uint64_t>({page_size - begin, to.remaining(), end - offset}));
            const Status status =
                page ? to.put(page->bytes().subspan(begin, length)) : fail(page.error());
            if (!status) {
                return transferred(wanted - to.remaining(), status);
            }
            offset += length;
        }
        return wanted - to.remaining();
    }
    [[nodiscard]] Result<std::size_t> write(std::uint64_t offset, WriteBuffer& from) noexcept
        EXCLUDES(writing_) {
        LockGuard guard(writing_);
        return write_alone(offset, from);
    }
    [[nodiscard]] Result<std::size_t> append(WriteBuffer& from, std::uint64_t& end) noexcept
        EXCLUDES(writing_) {
        LockGuard guard(writing_);
        const std::uint64_t begin = size();
        const Result<std::size_t> written = write_alone(begin, from);
        if (written) {
            end = begin + *written;
        }
        return written;
    }
    [[nodiscard]] Status resize(std::uint64_t size) noexcept EXCLUDES(writing_) {
        LockGuard guard(writing_);
        return size < this->size() ? shrink(size) : grow(size);
    }
    /// Blocks behind the end of a file are damage in this format: not_supported.
    [[nodiscard]] Status allocate(std::uint64_t offset, std::uint64_t length,
                                  bool keep_size) noexcept EXCLUDES(writing_) {
        const std::uint64_t most = fs_.max_file_size();
        if (offset > most || length > most - offset) {
            return fail(Errc::file_too_big);
        }
        LockGuard guard(writing_);
        if (keep_size && offset + length > size()) {
            return fail(Errc::not_supported);
        }
        TRY(clear_behind_end(offset));
        return cover(Fs::has_holes ? offset : std::min(offset, size()), offset + length);
    }
    /// Whole blocks in the range become a hole; of the others, the bytes become zeros.
    [[nodiscard]] Status punch_hole(std::uint64_t offset, std::uint64_t length) noexcept
        EXCLUDES(writing_) {
        LockGuard guard(writing_);
        const std::uint64_t size = this->size();
        if (offset >= size) {
            return {};
        }
        const std::uint64_t block = fs_.block_size();
        std::uint64_t end = length < size - offset ? offset + length : size;
        const std::uint64_t first = (offset + block - 1) / block;
        const std::uint64_t last = end == size ? (end + block - 1) / block : end / block;
        if (first * block > end || first >= last) {
            TRY(zeros_.write(offset, end));
        } else {
            TRY(zeros_.write(offset, first * block));
            TRY(zeros_.write(last * block, std::max(end, last * block)));
            TRY(remove_blocks(first, last));
        }
        fs_.touch(owner());
        const auto page = static_cast<std::uint32_t>(offset >> page_shift);
        mapped_.unmap({page, static_cast<std::uint32_t>((end - 1) >> page_shift) - page + 1},
                      mm::PrivateCopies::keep);
        return {};
    }
    /// find_data() and find_hole().
    [[nodiscard]] Result<std::uint64_t> find(std::uint64_t offset, bool data) noexcept {
        LockGuard guard(fs_.lock());
        const Inode inode = this->inode();
        if (offset >= inode.size) {
            return fail(Errc::no_device);
        }
        const std::uint64_t block = fs_.block_size();
        const std::uint64_t end = (inode.size + block - 1) / block;
        const std::uint64_t found = TRY(fs_.tree().next(inode, offset / block, end, data)) * block;
        if (found >= inode.size) {
            return data ? Result<std::uint64_t>(fail(Errc::no_device)) : inode.size;
        }
        return std::max(offset, found);
    }

    /// To map it. Errors: out_of_range, io_error, no_memory.
    [[nodiscard]] Result<FrameNumber> page(std::uint32_t index) noexcept {
        if (!has_page(index)) {
            return fail(Errc::out_of_range);
        }
        const FrameNumber frame = TRY(fs_.cache().get(*this, index, Cache::Neighbours::around));
        if (!has_page(index)) {
            fs_.cache().release(frame);
            return fail(Errc::out_of_range);
        }
        return frame;
    }
    /// The same without reading: would_block.
    [[nodiscard]] Result<FrameNumber> page_at_once(std::uint32_t index) noexcept {
        const std::optional<FrameNumber> found = TRY(fs_.cache().find(*this, index, true));
        return found ? Result<FrameNumber>(*found)
                     : fail(has_page(index) ? Errc::would_block : Errc::out_of_range);
    }
    /// A program is about to store into the page through a mapping: its blocks get their places
    /// now. Errors: no_space, io_error, no_memory, read_only.
    [[nodiscard]] Status make_dirty(std::uint32_t index) noexcept {
        const std::uint64_t begin = std::uint64_t{index} << page_shift;
        const std::uint64_t end = std::min<std::uint64_t>(begin + page_size, size());
        if (begin >= end) {
            return {};  // it was truncated meanwhile
        }
        Transfer step(fs_, *this);
        step.cover_borrowed(begin, static_cast<std::size_t>(end - begin));
        return step.publish_mapped();
    }
    [[nodiscard]] bool is_resident(std::uint32_t index) noexcept {
        return fs_.cache().has(*this, index);
    }
    [[nodiscard]] typename Fs::Node& owner() noexcept {
        return static_cast<typename Fs::Node&>(mapped_);
    }

    [[nodiscard]] Status fill(std::uint32_t first,
                              std::span<const std::span<std::byte>> pages) noexcept override {
        BlockMap map;
        std::uint64_t size = 0;
        {
            LockGuard guard(fs_.lock());
            const Inode inode = this->inode();
            size = inode.size;
            TRY(map.look_up(fs_.tree(), inode, fs_.block_size(), first, pages.size()));
        }
        TRY(map.read(fs_.device(), pages));
        // What the last block holds behind the end of the file is nobody's business.
        const std::uint64_t last = std::uint64_t{first} + pages.size() - 1;
        if (const std::uint64_t begin = last << page_shift; size < begin + page_size) {
            const std::uint64_t keep = size > begin ? size - begin : 0;
            std::memset(pages.back().data() + keep, 0, static_cast<std::size_t>(page_size - keep));
        }
        return {};
    }
    [[nodiscard]] Status store(std::uint32_t first,
                               std::span<const StoredPage> pages) noexcept override {
        const auto unmap = [&]() noexcept {
            // The next store of a program through a mapping makes the page dirty again.
            mapped_.unmap({first, static_cast<std::uint32_t>(pages.size())},
                          mm::PrivateCopies::keep);
        };
        if constexpr (TracksBytes<Fs>) {
            return fs_.store_bytes(*this, first, pages, unmap);
        } else {
            unmap();
            BlockMap map;
            {
                LockGuard guard(fs_.lock());
                TRY(map.look_up(fs_.tree(), inode(), fs_.block_size(), first, pages.size()));
            }
            return map.write(fs_.device(), pages);
        }
    }
    [[nodiscard]] std::uint64_t page_count() const noexcept override {
        return (size() + page_mask) >> page_shift;
    }

private:
    [[nodiscard]] bool has_page(std::uint32_t index) const noexcept {
        return std::uint64_t{index} << page_shift < size();
    }
    [[nodiscard]] Result<std::size_t> write_alone(std::uint64_t offset, WriteBuffer& from) noexcept
        REQUIRES(writing_) {
        if (from.remaining() == 0) {
            return 0U;
        }
        TRY(from.fit(offset, fs_.max_file_size()));
        TRY(fs_.check_writable());
        const std::uint64_t old_size = size();
        TRY(reach(offset));
        std::size_t done = 0;
        while (from.remaining() > 0) {
            fs_.cache().throttle();
            Transfer step(fs_, *this);
            Status status =
                step.cover(offset + done, from.remaining(), Transfer::Coming::new_bytes);
            if (status) {
                status = step.copy_in(from);
                if (const Status published = step.publish(); !published && status) {
                    status = published;
                }
            }
            done += step.published();
            if (!status) {
                if (done == 0 && size() > old_size) {
                    ignore_error(shrink(old_size), "the first error is the answer");
                }
                return transferred(done, status);
            }
        }
        return done;
    }
    /// Gives [begin, end) places, and zeros where it had none. If it cannot, the size is as before.
    [[nodiscard]] Status cover(std::uint64_t begin, std::uint64_t end) noexcept REQUIRES(writing_) {
        const std::uint64_t old_size = size();
        Status status;
        while (status && begin < end) {
            Transfer step(fs_, *this);
            const std::uint64_t wanted = std::min<std::uint64_t>(end - begin, 1U << 20);
            status = step.cover(begin, static_cast<std::size_t>(wanted), Transfer::Coming::nothing);
            if (status) {
                status = step.publish_all();
            }
            begin += step.length();
        }
        if (!status && size() > old_size) {
            ignore_error(shrink(old_size), "the first error is the answer");
        }
        return status;
    }
    /// Whoever writes behind the end leaves a hole, or zeros where there are none.
    [[nodiscard]] Status reach(std::uint64_t offset) noexcept REQUIRES(writing_) {
        TRY(clear_behind_end(offset));
        const std::uint64_t end = size();
        return Fs::has_holes || offset <= end ? Status() : cover(end, offset);
    }
    [[nodiscard]] Status grow(std::uint64_t size) noexcept REQUIRES(writing_) {
        if (size > fs_.max_file_size()) {
            return fail(Errc::file_too_big);
        }
        TRY(reach(size));
        return fs_.repeat([&]() noexcept -> Status {
            LockGuard guard(fs_.lock());
            TRY(fs_.check_writable());
            Inode inode = this->inode();
            inode.size = size;
            TRY(fs_.check_size(size));
            publish(inode);
            fs_.note_change(owner());
            return {};
        });
    }
    [[nodiscard]] Status shrink(std::uint64_t size) noexcept REQUIRES(writing_) {
        const std::uint64_t block = fs_.block_size();
        TRY(fs_.repeat([&]() noexcept -> Status {
            LockGuard guard(fs_.lock());
            TRY(fs_.check_writable());
            Inode inode = this->inode();
            inode.size = size;
            const Status removed = fs_.remove_blocks(inode, (size + block - 1) / block);
            if constexpr (TracksBytes<Fs>) {
                fs_.note_cut(owner(), inode);
            }
            publish(inode);
            fs_.note_change(owner());
            return removed;
        }));
        const auto first = static_cast<std::uint32_t>((size + page_mask) >> page_shift);
        fs_.cache().drop_from(*this, first);
        if (size % page_size != 0) {
            // Only in memory: whoever makes the file longer again clears it on the disk, too.
            TRY(zeros_.show(size, (size | page_mask) + 1));
        }
        mapped_.unmap({first, ~first}, mm::PrivateCopies::take);
        return {};
    }
    /// Whoever makes the file longer than to `offset` shows what is behind its end: zeros, also on
    /// the disk, and in what programs have stored through mappings.
    [[nodiscard]] Status clear_behind_end(std::uint64_t offset) noexcept REQUIRES(writing_) {
        const std::uint64_t end = size();
        if (offset <= end || end % page_size == 0) {
            return {};
        }
        return zeros_.write(end, (end | page_mask) + 1);
    }
    /// Blocks [first, end) become a hole, a part at a time, so that what a reader fills meanwhile
    /// is cleared, too.
    [[nodiscard]] Status remove_blocks(std::uint64_t first, std::uint64_t end) noexcept
        REQUIRES(writing_) {
        constexpr std::uint64_t pages_at_a_time = 64;
        const std::uint64_t block = fs_.block_size();
        while (first < end) {
            std::uint64_t stop = end;
            TRY(fs_.repeat([&]() noexcept -> Status {
                LockGuard guard(fs_.lock());
                TRY(fs_.check_writable());
                Inode inode = this->inode();
                first = TRY(fs_.tree().next(inode, first, end, true));
                stop = std::min(end, first + (pages_at_a_time << page_shift) / block);
                const Status removed = fs_.remove_blocks(inode, first, stop);
                publish(inode);
                fs_.note_change(owner());
                return removed;
            }));
            for (std::uint64_t at = first * block; at < stop * block;) {
                const std::uint64_t behind = std::min(stop * block, (at | page_mask) + 1);
                TRY(zeros_.show(at, behind));
                at = behind;
            }
            first = stop;
        }
        return {};
    }
    Fs& fs_;
    mm::PageSource& mapped_;
    FileZeros<Fs, FileBytes> zeros_{fs_, *this};
    typename Fs::WritingLock writing_;
    mutable typename Fs::NodeLock lock_;
    Inode inode_ GUARDED_BY(lock_);
};

}  // namespace kidney::fs

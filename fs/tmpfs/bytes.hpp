/// What is in a regular file of a tmpfs: a size, and frames found by page number.
#pragma once

#include "fs/page_batch.hpp"
#include "fs/page_tree.hpp"
#include "fs/quota/quota_table.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/vnode.hpp"
#include "kidney/hal/phys_map.hpp"
#include "kidney/mm/page_source.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace kidney::fs {

/// User memory is copied with no lock held, because a page fault on it may come back here for a
/// page of this very file: reads and writes borrow frames under the lock, and copy after it.
template <class Fs>
class TmpfsBytes {
public:
    static constexpr std::uint64_t max_size = std::uint64_t{1} << 43;  // page numbers are 32 bits

    explicit TmpfsBytes(Fs& fs) noexcept : fs_(fs), pages_(fs.heap()) {}
    // The last reference is gone, so nobody else can hold or want the lock.
    ~TmpfsBytes() KIDNEY_NO_TSA("last owner")
    {
        pages_.clear_from(0, [this](FrameNumber frame) { fs_.give_page(frame); });
    }
    TmpfsBytes(const TmpfsBytes&) = delete;
    TmpfsBytes& operator=(const TmpfsBytes&) = delete;

    /// The node's lock: it keeps its attributes under it as well.
    mutable typename Fs::LockType lock;
    FileTime modified GUARDED_BY(lock);
    Permissions permissions GUARDED_BY(lock);
    FileTime changed GUARDED_BY(lock);
    QuotaOwner owner GUARDED_BY(lock);  ///< whom the pages are charged to

    [[nodiscard]] std::uint64_t size() const noexcept REQUIRES(lock) { return size_; }
    [[nodiscard]] std::uint32_t page_count() const noexcept REQUIRES(lock) { return page_count_; }

    [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, ReadBuffer& to) noexcept
        EXCLUDES(lock) {
        const std::size_t wanted = to.remaining();
        Status status;
        while (to.remaining() > 0 && status) {
            Batch batch;
            status = borrow_for_read(batch, offset + (wanted - to.remaining()), to.remaining());
            if (status && batch.bytes == 0) {
                break;  // end of file
            }
            if (status) {
                status = copy_out(batch, to);
            }
            give_back(batch);
        }
        return transferred(wanted - to.remaining(), status);
    }
    [[nodiscard]] Result<std::size_t> write(std::uint64_t offset, WriteBuffer& from) noexcept
        EXCLUDES(lock) {
        TRY(from.fit(offset, max_size));
        std::size_t done = 0;
        while (from.remaining() > 0) {
            Batch batch;
            Status status = borrow_for_write(batch, offset + done, from.remaining());
            if (status) {
                status = copy_in(batch, from);
                if (const Status published = publish(batch, from.set_id()); !published && status) {
                    status = published;
                }
            }
            give_back(batch);
            done += batch.done;
            if (!status) {
                return transferred(done, status);
            }
        }
        return done;
    }
    /// Moves the end of the file first, so that the next appender starts behind these bytes. `end`
    /// stays as it is if none are written.
    [[nodiscard]] Result<std::size_t> append(WriteBuffer& from, std::uint64_t& end) noexcept
        EXCLUDES(lock) {
        const std::uint64_t wanted = from.remaining();
        const std::uint64_t begin = TRY(reserve_end(wanted));
        const Result<std::size_t> written = write(begin, from);
        const std::uint64_t count = written.value_or(0);
        if (count < wanted) {
            give_back_end(begin + wanted, begin + count);
        }
        if (written) {
            end = begin + count;
        }
        return written;
    }
    [[nodiscard]] bool has_page(std::uint32_t index) noexcept EXCLUDES(lock) {
        LockGuard guard(lock);
        return pages_.find(index).has_value();
    }
    /// To map it: the page, made of zeros if it is a hole, with a reference for the caller.
    [[nodiscard]] Result<FrameNumber> page(std::uint32_t index) noexcept EXCLUDES(lock) {
        LockGuard guard(lock);
        if (std::uint64_t{index} << page_shift >= size_) {
            return fail(Errc::out_of_range);
        }
        const FrameNumber frame = TRY(page_of_zeros(index));
        TRY(fs_.frames().retain(frame));
        return frame;
    }
    /// fallocate(2): the range has its pages from now on, and the file reaches its end unless
    /// `keep_size`. If not all of them can be had, holes in the file may have become zeros, and no
    /// pages are kept behind its end. Errors: file_too_big, no_space, no_memory.
    [[nodiscard]] Status allocate(std::uint64_t offset, std::uint64_t length,
                                  bool keep_size) noexcept EXCLUDES(lock) {
        if (offset > max_size || length > max_size - offset) {
            return fail(Errc::file_too_big);
        }
        const std::uint64_t end = offset + length;
        LockGuard guard(lock);
        for (std::uint64_t at = offset >> page_shift; at << page_shift < end; ++at) {
            if (const auto page = page_of_zeros(static_cast<std::uint32_t>(at)); !page) {
                resize(size_);  // gives back what lies behind the end
                return fail(page.error());
            }
        }
        size_ = keep_size ? size_ : std::max(size_, end);
        modified = changed = fs_.now();
        return {};
    }
    /// The range becomes a hole. The answer: pages that are the file's no longer, which mappings
    /// may still show.
    [[nodiscard]] mm::PageSpan punch_hole(std::uint64_t offset, std::uint64_t length) noexcept
        EXCLUDES(lock) {
        LockGuard guard(lock);
        const std::uint64_t end = length < max_size - offset ? offset + length : max_size;
        const std::uint64_t first_whole = (offset + page_mask) >> page_shift;
        const std::uint64_t end_whole = end >> page_shift;
        modified = changed = fs_.now();
        if (first_whole > end_whole) {  // inside one page
            clear_bytes(offset, end);
            return {};
        }
        clear_bytes(offset, first_whole << page_shift);
        clear_bytes(end_whole << page_shift, end);
        drop_pages(first_whole, end_whole);
        return {static_cast<std::uint32_t>(first_whole),
                static_cast<std::uint32_t>(end_whole - first_whole)};
    }
    /// Vnode::find_data() and find_hole(), page by page. Error: no_device.
    [[nodiscard]] Result<std::uint64_t> find_data(std::uint64_t offset) const noexcept
        EXCLUDES(lock) {
        LockGuard guard(lock);
        if (offset < size_) {
            const auto next = pages_.next_present(static_cast<std::uint32_t>(offset >> page_shift));
            const std::uint64_t at =
                next ? std::max(offset, std::uint64_t{*next} << page_shift) : size_;
            if (at < size_) {
                return at;
            }
        }
        return fail(Errc::no_device);
    }
    [[nodiscard]] Result<std::uint64_t> find_hole(std::uint64_t offset) const noexcept
        EXCLUDES(lock) {
        LockGuard guard(lock);
        if (offset >= size_) {
            return fail(Errc::no_device);
        }
        while (offset < size_ && pages_.find(static_cast<std::uint32_t>(offset >> page_shift))) {
            offset = (offset | page_mask) + 1;
        }
        return std::min(offset, size_);
    }
    void resize(std::uint64_t size) noexcept REQUIRES(lock) {
        const bool shrinks = size <= size_;
        size_ = size;
        if (shrinks) {
            drop_pages((size + page_mask) >> page_shift, (max_size >> page_shift) + 1);
            const auto last = static_cast<std::uint32_t>(size >> page_shift);
            if (const auto frame = pages_.find(last)) {
                clear_tail(last, *frame);
            }
        }
    }

private:
    using Batch = PageBatch;

    /// The page; a hole is filled with zeros.
    [[nodiscard]] Result<FrameNumber> page_of_zeros(std::uint32_t index) noexcept REQUIRES(lock) {
        if (const auto known = pages_.find(index)) {
            return *known;
        }
        const FrameNumber frame = TRY(fs_.take_page());
        hal::clear_page(fs_.map(), fs_.map().direct(frame));
        if (const Status s = insert(index, frame); !s) {
            fs_.give_page(frame);
            return fail(s.error());
        }
        return frame;
    }

    /// The pages [first, end).
    void drop_pages(std::uint64_t first, std::uint64_t end) noexcept REQUIRES(lock) {
        const std::uint32_t before = page_count_;
        pages_.clear(first, end, [this](FrameNumber frame) KIDNEY_NO_TSA("called under lock") {
            fs_.give_page(frame);
            --page_count_;
        });
        fs_.refund(owner, {.bytes = std::uint64_t{before - page_count_} << page_shift});
    }
    /// Zeros for [begin, end) inside one page, if it is there.
    void clear_bytes(std::uint64_t begin, std::uint64_t end) noexcept REQUIRES(lock) {
        if (begin >= end) {
            return;
        }
        if (const auto frame = pages_.find(static_cast<std::uint32_t>(begin >> page_shift))) {
            std::memset(fs_.map().direct(*frame).data() + (begin & page_mask), 0,
                        static_cast<std::size_t>(end - begin));
        }
    }

    /// Error: no_memory; what was borrowed until then is in the batch.
    [[nodiscard]] Status borrow(Batch& batch) noexcept REQUIRES(lock) {
        for (std::size_t n = 0; n < batch.count; ++n) {
            if (const auto frame = pages_.find(batch.index(n))) {
                TRY(fs_.frames().retain(*frame));
                batch.pages[n] = {*frame, true, false};
            }
        }
        return {};
    }
    void give_back(const Batch& batch) noexcept {
        for (std::size_t n = 0; n < batch.count; ++n) {
            if (batch.pages[n].fresh) {
                fs_.give_page(batch.pages[n].frame);
            } else if (batch.pages[n].present) {
                fs_.frames().release(batch.pages[n].frame);
            }
        }
    }
    [[nodiscard]] Status borrow_for_read(Batch& batch, std::uint64_t offset,
                                         std::size_t wanted) noexcept EXCLUDES(lock) {
        LockGuard guard(lock);
        if (offset >= size_) {
            return {};
        }
        const std::uint64_t left = size_ - offset;
        batch.cover(offset, left < wanted ? static_cast<std::size_t>(left) : wanted);
        return borrow(batch);
    }
    [[nodiscard]] Status borrow_for_write(Batch& batch, std::uint64_t offset,
                                          std::size_t wanted) noexcept EXCLUDES(lock) {
        LockGuard guard(lock);
        batch.cover(offset, wanted);
        return borrow(batch);
    }
    [[nodiscard]] Status copy_out(const Batch& batch, ReadBuffer& to) noexcept {
        for (std::size_t n = 0; n < batch.count; ++n) {
            const std::size_t begin = batch.begin(n);
            const std::size_t length = batch.end(n) - begin;
            if (batch.pages[n].present) {
                TRY(to.put(fs_.map().direct(batch.pages[n].frame).subspan(begin, length)));
            } else {
                TRY(to.put_zeros(length));
            }
        }
        return {};
    }
    /// Fills the pages of the batch, taking fresh frames for holes.
    [[nodiscard]] Status copy_in(Batch& batch, WriteBuffer& from) noexcept {
        for (std::size_t n = 0; n < batch.count; ++n) {
            Batch::Page& page = batch.pages[n];
            const std::size_t begin = batch.begin(n);
            const std::size_t end = batch.end(n);
            if (!page.present) {
                page.frame = TRY(fs_.take_page());
                page.present = page.fresh = true;
                const auto bytes = fs_.map().direct(page.frame);
                std::memset(bytes.data(), 0, begin);
                std::memset(bytes.data() + end, 0, page_size - end);
            }
            const auto bytes = fs_.map().direct(page.frame).subspan(begin, end - begin);
            const std::size_t before = from.remaining();
            const Status taken = from.take(bytes);
            const std::size_t moved = before - from.remaining();
            batch.done += moved;
            if (!taken) {
                if (page.fresh) {
                    std::memset(bytes.data() + moved, 0, bytes.size() - moved);
                }
                return taken;
            }
        }
        return {};
    }
    /// Makes what copy_in() did part of the file: fresh frames, the size, the times.
    [[nodiscard]] Status publish(Batch& batch, SetIdBits set_id) noexcept EXCLUDES(lock) {
        LockGuard guard(lock);
        Status outcome;
        const std::size_t copied = batch.done;
        batch.done = 0;
        std::size_t n = 0;
        for (; batch.done < copied; ++n) {
            const std::size_t length = std::min(batch.end(n) - batch.begin(n), copied - batch.done);
            outcome = publish_page(batch, n, length);
            if (!outcome) {
                break;
            }
            batch.done += length;
        }
        if (batch.done > 0) {
            size_ = std::max(size_, batch.offset + batch.done);
            permissions = with_set_id(permissions, set_id);
            modified = changed = fs_.now();
        }
        if (n < batch.count && batch.pages[n].present && !batch.pages[n].fresh) {
            // Not every page that was copied could be published: this one may have bytes behind the
            // end of the file.
            clear_tail(batch.index(n), batch.pages[n].frame);
        }
        return outcome;
    }
    /// The first `length` bytes of the transfer's part of page `n`.
    [[nodiscard]] Status publish_page(Batch& batch, std::size_t n, std::size_t length) noexcept
        REQUIRES(lock) {
        Batch::Page& page = batch.pages[n];
        const auto now = pages_.find(batch.index(n));
        if (now == page.frame) {
            return {};
        }
        const auto bytes = fs_.map().direct(page.frame);
        const std::size_t begin = batch.begin(n);
        if (now) {  // another writer filled the hole first
            std::memcpy(fs_.map().direct(*now).data() + begin, bytes.data() + begin, length);
            return {};
        }
        if (page.fresh) {
            TRY(insert(batch.index(n), page.frame));
            page.present = page.fresh = false;  // the file owns it now
            return {};
        }
        // The page was truncated away while we wrote into it: the bytes go into a new one.
        const FrameNumber frame = TRY(fs_.take_page());
        const auto fresh = fs_.map().direct(frame);
        hal::clear_page(fs_.map(), fresh);
        std::memcpy(fresh.data() + begin, bytes.data() + begin, length);
        const Status inserted = insert(batch.index(n), frame);
        if (!inserted) {
            fs_.give_page(frame);
        }
        return inserted;
    }
    [[nodiscard]] Status insert(std::uint32_t index, FrameNumber frame) noexcept REQUIRES(lock) {
        const QuotaUse use{.bytes = page_size};
        TRY(fs_.charge(owner, use));
        if (const Status inserted = pages_.insert(index, frame); !inserted) {
            fs_.refund(owner, use);
            return inserted;
        }
        ++page_count_;
        return {};
    }

    [[nodiscard]] Result<std::uint64_t> reserve_end(std::uint64_t bytes) noexcept EXCLUDES(lock) {
        LockGuard guard(lock);
        if (bytes > max_size - size_) {
            return fail(Errc::file_too_big);
        }
        const std::uint64_t begin = size_;
        size_ += bytes;
        return begin;
    }
    /// Shrinks back to `used` unless somebody has appended behind `reserved`.
    void give_back_end(std::uint64_t reserved, std::uint64_t used) noexcept EXCLUDES(lock) {
        LockGuard guard(lock);
        if (size_ == reserved) {
            resize(used);
        }
    }
    /// Bytes behind the end of the file are zero in every page: growing the file shows them.
    void clear_tail(std::uint32_t index, FrameNumber frame) noexcept REQUIRES(lock) {
        const std::uint64_t begin = std::uint64_t{index} << page_shift;
        if (size_ < begin + page_size) {
            const std::size_t keep = size_ > begin ? static_cast<std::size_t>(size_ - begin) : 0;
            std::memset(fs_.map().direct(frame).data() + keep, 0, page_size - keep);
        }
    }

    Fs& fs_;
    std::uint64_t size_ GUARDED_BY(lock) = 0;
    std::uint32_t page_count_ GUARDED_BY(lock) = 0;
    PageTree<typename Fs::HeapType> pages_ GUARDED_BY(lock);
};

}  // namespace kidney::fs

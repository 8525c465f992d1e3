/// A block device as one long file: bytes at any offset, through the page cache.
///
/// Reads come from cached pages, and writes go there: to the device they go when somebody asks for
/// it, neighbours together. fsync is that, and a flush of the device.
#pragma once

#include "fs/borrowed_page.hpp"
#include "fs/cached_device.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/transfer.hpp"
#include "kidney/mm/object_allocator.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace kidney::fs {

/// `Cache` is a PageCache. Concurrency: any thread; `Lock` makes writers take turns and ranks
/// before the cache. It is not held while the buffers are copied.
template <mm::ObjectAllocator Heap, class Cache, BasicLockable Lock>
class DeviceBytes {
public:
    static constexpr std::uint32_t read_ahead = Cache::read_ahead;  ///< pages

    /// A file system on the disk has its metadata in the same `pages`.
    DeviceBytes(Heap& heap, Cache& cache, CachedDevice& pages) noexcept
        : heap_(heap), cache_(cache), pages_(pages) {}
    DeviceBytes(const DeviceBytes&) = delete;
    DeviceBytes& operator=(const DeviceBytes&) = delete;

    [[nodiscard]] std::uint64_t size() const noexcept { return pages_.size_bytes(); }
    [[nodiscard]] std::uint32_t block_size() noexcept { return pages_.device().block_size(); }
    [[nodiscard]] bool is_read_only() noexcept { return pages_.device().is_read_only(); }

    /// Nothing at the end of the device. Errors: io_error, no_memory, bad_address.
    [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, ReadBuffer& to) noexcept {
        const std::size_t wanted = to.remaining();
        while (to.remaining() > 0 && offset < size()) {
            const auto page = BorrowedPage<Cache>::get(cache_, pages_, page_of(offset));
            const Part part = part_at(offset, to.remaining());
            const Status status =
                page ? to.put(page->bytes().subspan(part.begin, part.length)) : fail(page.error());
            if (!status) {
                return transferred(wanted - to.remaining(), status);
            }
            offset += part.length;
        }
        return wanted - to.remaining();
    }

    /// Short at the end of the device, no_space behind it. Errors besides: io_error, read_only,
    /// no_memory, bad_address.
    [[nodiscard]] Result<std::size_t> write(std::uint64_t offset, WriteBuffer& from) noexcept
        EXCLUDES(lock_) {
        if (from.remaining() == 0) {
            return 0U;
        }
        if (offset >= size()) {
            return fail(Errc::no_space);
        }
        cache_.throttle();
        auto* const memory = static_cast<std::byte*>(TRY(heap_.allocate(page_size)));
        const Page bytes(memory, page_size);
        std::size_t done = 0;
        Status status;
        while (status && from.remaining() > 0 && offset < size()) {
            Part part = part_at(offset, from.remaining());
            const std::size_t before = from.remaining();
            status = from.take(bytes.subspan(part.begin, part.length));
            part.length = before - from.remaining();
            if (part.length == 0) {
                break;
            }
            if (const Status stored = store(page_of(offset), bytes, part); !stored) {
                status = stored;
                break;
            }
            done += part.length;
            offset += part.length;
        }
        heap_.free(memory, page_size);
        return transferred(done, status);
    }

    /// These bytes, whole blocks of the device, are not needed any more; what the cache has of them
    /// goes, too. Errors: invalid_argument (no whole blocks, or outside of the device),
    /// not_supported, read_only, io_error.
    [[nodiscard]] Status discard(std::uint64_t begin, std::uint64_t length, Discarded to) noexcept
        EXCLUDES(lock_) {
        const std::uint32_t block = block_size();
        if (((begin | length) & (block - 1)) != 0 || begin > size() || length > size() - begin) {
            return fail(Errc::invalid_argument);
        }
        LockGuard guard(lock_);
        // They may share pages with others that were written; and who reads meanwhile must not
        // leave old bytes behind in the cache.
        TRY(cache_.write_back(pages_));
        const Status done = pages_.device().discard(BlockIndex(begin / block), length / block, to);
        cache_.drop_from(pages_, page_of(begin));
        return done;
    }
    /// They become zeros, by the device's own means or as if they were written. Errors: as those of
    /// discard(), and no_memory.
    [[nodiscard]] Status zero(std::uint64_t begin, std::uint64_t length) noexcept EXCLUDES(lock_) {
        const Status done = discard(begin, length, Discarded::zeros);
        if (done || done.error() != Errc::not_supported) {
            return done;
        }
        auto* const memory = static_cast<std::byte*>(TRY(heap_.allocate(page_size)));
        std::memset(memory, 0, page_size);
        Status status;
        while (status && length > 0) {
            cache_.throttle();
            const Part part = part_at(
                begin, static_cast<std::size_t>(std::min<std::uint64_t>(length, page_size)));
            status = store(page_of(begin), Page(memory, page_size), part);
            begin += part.length;
            length -= part.length;
        }
        heap_.free(memory, page_size);
        return status;
    }
    /// What was written survives the loss of power. What a file system has changed is its own to
    /// write, in its order. Error: io_error.
    [[nodiscard]] Status flush() noexcept EXCLUDES(lock_) {
        TRY(write_back());
        return pages_.device().flush();
    }
    /// The same without the flush: what was written is on its way.
    [[nodiscard]] Status write_back() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);  // so that nobody claims it meanwhile
        return is_claimed_ ? Status() : cache_.write_back(pages_);
    }
    /// How often it could not be: CachedObject::write_errors().
    [[nodiscard]] std::uint32_t write_errors() const noexcept { return pages_.write_errors(); }
    /// The next reads come from the device again, except for what must be written there first.
    void drop_pages() noexcept { cache_.drop_pages(pages_); }

    /// Before a file system is mounted on the device: nobody else may write from then on, and what
    /// was written is there. Errors: busy, no_device (taken away), io_error.
    [[nodiscard]] Status claim() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (is_away_) {
            return fail(Errc::no_device);
        }
        if (is_claimed_ || writers_ > 0) {
            return fail(Errc::busy);
        }
        TRY(cache_.write_back(pages_));
        is_claimed_ = true;
        return {};
    }
    /// The file system is gone, and what it has written is on the device.
    void disclaim() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        is_claimed_ = false;
    }
    [[nodiscard]] bool is_claimed() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return is_claimed_;
    }
    /// For each who opens it. Errors: no_device (taken away); for those who write busy (a file
    /// system lives there) and read_only.
    [[nodiscard]] Status add_user(bool writes) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        if (is_away_) {
            return fail(Errc::no_device);
        }
        if (writes && is_claimed_) {
            return fail(Errc::busy);
        }
        if (writes && is_read_only()) {
            return fail(Errc::read_only);
        }
        ++users_;
        writers_ += writes ? 1 : 0;
        return {};
    }
    void remove_user(bool writes) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        KIDNEY_ASSERT(users_ > 0 && (!writes || writers_ > 0));
        --users_;
        writers_ -= writes ? 1 : 0;
    }

    // A partition comes and goes with the table that tells of it.
    /// Somebody has it open, or a file system lives there.
    [[nodiscard]] bool is_in_use() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return is_claimed_ || users_ > 0;
    }
    /// Nobody can open it from now on, and what was written is on the device. Errors: busy, then
    /// nothing has changed; io_error: it is away, and what could not be written is lost.
    [[nodiscard]] Status take_away() noexcept EXCLUDES(lock_) {
        Status stored;
        {
            LockGuard guard(lock_);
            if (is_claimed_ || users_ > 0) {
                return fail(Errc::busy);
            }
            is_away_ = true;
            stored = cache_.write_back(pages_);
        }
        cache_.forget(pages_);
        return stored;
    }
    /// It is there again. `change` may make another device of it, which nobody sees before.
    template <class Change>
    void put_back(Change&& change) noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        KIDNEY_ASSERT(is_away_);
        change();
        is_away_ = false;
    }
    /// Bytes, if it is there: for those who have not opened it.
    [[nodiscard]] std::optional<std::uint64_t> size_if_there() noexcept EXCLUDES(lock_) {
        LockGuard guard(lock_);
        return is_away_ ? std::nullopt : std::optional(size());
    }

private:
    using Page = std::span<std::byte, page_size>;
    struct Part {  ///< of one page
        std::size_t begin, length;
        [[nodiscard]] std::size_t end() const noexcept { return begin + length; }
    };

    [[nodiscard]] static std::uint32_t page_of(std::uint64_t offset) noexcept {
        return static_cast<std::uint32_t>(offset >> page_shift);
    }
    [[nodiscard]] Part part_at(std::uint64_t offset, std::size_t wanted) const noexcept {
        const auto begin = static_cast<std::size_t>(offset & page_mask);
        return {begin, static_cast<std::size_t>(
                           std::min<std::uint64_t>({page_size - begin, wanted, size() - offset}))};
    }

    /// Puts `part` of `bytes`, which has room for the whole page, into page `index`.
    [[nodiscard]] Status store(std::uint32_t index, Page bytes, Part part) noexcept
        EXCLUDES(lock_) {
        LockGuard guard(lock_);
        const bool is_whole = part.length == page_size;
        const auto page = TRY(is_whole ? BorrowedPage<Cache>::get_fresh(cache_, pages_, index)
                                       : BorrowedPage<Cache>::get(cache_, pages_, index));
        std::memcpy(page.writable_bytes().data() + part.begin, bytes.data() + part.begin,
                    part.length);
        cache_.mark_dirty(pages_, index, sectors_of(part.begin, part.end()));
        return {};
    }

    Heap& heap_;
    Cache& cache_;
    CachedDevice& pages_;
    Lock lock_;
    bool is_claimed_ GUARDED_BY(lock_) = false;
    bool is_away_ GUARDED_BY(lock_) = false;
    std::uint32_t users_ GUARDED_BY(lock_) = 0;
    std::uint32_t writers_ GUARDED_BY(lock_) = 0;  ///< of those
};

}  // namespace kidney::fs

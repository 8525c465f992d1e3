/// One step of a write: up to 16 pages that get new bytes, then places on the disk.
#pragma once

#include "fs/disk/block_map.hpp"
#include "fs/disk/file_run.hpp"
#include "fs/disk/tracks_bytes.hpp"
#include "fs/page_batch.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/transfer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::fs {

/// The bytes come first, because pages that are borrowed before their blocks have places are never
/// filled with what an earlier owner left in those blocks. If the disk is full then, what has no
/// place becomes zeros again. `Bytes` is a FileBytes; its `writing` lock is held, but by a page
/// fault, which brings no bytes (cover_borrowed(), publish_mapped()).
template <class Fs, class Bytes>
class FileTransfer {
public:
    FileTransfer(Fs& fs, Bytes& bytes) noexcept : fs_(fs), bytes_(bytes) {}
    ~FileTransfer() {
        for (std::size_t n = 0; n < batch_.count; ++n) {
            if (batch_.pages[n].present) {
                fs_.cache().release(batch_.pages[n].frame);
            }
        }
    }
    FileTransfer(const FileTransfer&) = delete;
    FileTransfer& operator=(const FileTransfer&) = delete;

    /// Borrows the pages of the next bytes at `offset`. Errors: io_error, no_memory.
    [[nodiscard]] Status cover(std::uint64_t offset, std::size_t wanted) noexcept {
        batch_.cover(offset, wanted);
        const std::uint64_t pages = bytes_.page_count();
        for (std::size_t n = 0; n < batch_.count; ++n) {
            const std::uint32_t index = batch_.index(n);
            const auto borrow = [&]() noexcept {
                return index < pages ? fs_.cache().get(bytes_, index)
                                     : fs_.cache().get_fresh(bytes_, index);
            };
            const Result<FrameNumber> frame = n == 0 ? fs_.repeat(borrow) : borrow();
            if (!frame && n == 0) {
                return fail(frame.error());
            }
            if (!frame) {  // fewer will do
                batch_.bytes = (n << page_shift) - PageBatch::in_page(offset);
                batch_.count = n;
                break;
            }
            batch_.pages[n] = {*frame, true, false};
        }
        return {};
    }
    /// The same for a page that the caller of a page fault has borrowed.
    void cover_borrowed(std::uint64_t offset, std::size_t length) noexcept {
        batch_.cover(offset, length);
    }
    [[nodiscard]] std::size_t length() const noexcept { return batch_.bytes; }
    [[nodiscard]] std::size_t published() const noexcept { return published_; }

    /// Error: bad_address; what came until then counts.
    [[nodiscard]] Status copy_in(WriteBuffer& from) noexcept {
        set_id_ = from.set_id();
        for (std::size_t n = 0; n < batch_.count; ++n) {
            const std::size_t begin = batch_.begin(n);
            const std::size_t before = from.remaining();
            Status taken = from.take(memory(n).subspan(begin, batch_.end(n) - begin));
            batch_.done += before - from.remaining();
            TRY(taken);
        }
        return {};
    }
    /// What was copied becomes part of the file. Errors: no_space, io_error, no_memory, read_only;
    /// published() says how much has, nevertheless.
    [[nodiscard]] Status publish() noexcept {
        const Status status = fs_.repeat([this]() noexcept { return place_bytes(true); });
        if (!status) {
            take_back();
        }
        return status;
    }
    /// The same for bytes that nobody has changed: they become zeros with places.
    [[nodiscard]] Status publish_all() noexcept {
        batch_.done = batch_.bytes;
        return publish();
    }
    /// Under a page fault, which must not wait for a sync: when the disk is full, it is.
    [[nodiscard]] Status publish_mapped() noexcept {
        batch_.done = batch_.bytes;
        return place_bytes(false);
    }

private:
    [[nodiscard]] std::span<std::byte, page_size> memory(std::size_t n) noexcept {
        return fs_.cache().bytes(batch_.pages[n].frame);
    }

    /// `may_grow`: the size follows the bytes.
    [[nodiscard]] Status place_bytes(bool may_grow) noexcept {
        LockGuard guard(fs_.lock());
        TRY(fs_.check_writable());
        if constexpr (TracksBytes<Fs>) {
            TRY(may_grow ? fs_.check_room() : Status());
        }
        published_ = 0;
        const std::uint64_t begin = batch_.offset;
        const std::uint64_t end = begin + batch_.done;
        auto inode = bytes_.inode();
        if (batch_.done == 0 || (!may_grow && begin >= inode.size)) {
            return {};
        }
        Status status = may_grow ? fs_.check_size(end) : Status();
        for (std::uint64_t at = begin; status && at < end;) {
            if (const Result<std::uint64_t> behind = place_run(inode, at, end)) {
                published_ = static_cast<std::size_t>(*behind - begin);
                at = *behind;
            } else {
                status = fail(behind.error());
            }
        }
        if (published_ > 0) {
            if (may_grow) {
                inode.size = std::max(inode.size, begin + published_);
            }
            inode.permissions = with_set_id(inode.permissions, set_id_);
            inode.modified = inode.changed = fs_.now();
        }
        bytes_.publish(inode);
        fs_.note_change(bytes_.owner());
        return status;
    }
    /// Of [at, end), as much as lies in a row on the disk, or can be put there; says how far that
    /// is. A block that had no place yet goes home as a whole.
    template <class Inode>
    [[nodiscard]] Result<std::uint64_t> place_run(Inode& inode, std::uint64_t at,
                                                  std::uint64_t end) noexcept {
        const std::uint64_t block = fs_.block_size();
        const std::uint64_t index = at / block;
        const auto most = static_cast<std::uint32_t>((end - 1) / block - index + 1);
        FileRun run = TRY(fs_.tree().run(inode, index, most));
        const bool is_new = run.is_hole();
        if (is_new) {
            const std::uint32_t goal = TRY(fs_.goal(bytes_.owner(), inode, index));
            run = TRY(fs_.tree().add(inode, index, run.count, goal));
            fs_.note_place(bytes_.owner(), run);
        }
        const std::uint64_t last = (index + run.count) * block;
        const std::uint64_t behind = std::min(end, last);
        if constexpr (TracksBytes<Fs>) {
            for (std::uint64_t from = at; from < behind;) {
                const std::uint64_t to = std::min(behind, (from / block + 1) * block);
                fs_.note_bytes(bytes_, inode, {from, to, is_new, batch_.done});
                from = to;
            }
        } else {
            fs_.cache().mark_dirty_bytes(bytes_, is_new ? index * block : at,
                                         is_new ? last : behind);
        }
        return behind;
    }
    /// Of what was copied behind published(): a hole is zeros again; other bytes have changed.
    void take_back() noexcept {
        LockGuard guard(fs_.lock());
        const auto inode = bytes_.inode();
        const std::uint64_t block = fs_.block_size();
        const std::uint64_t end = batch_.offset + batch_.done;
        for (std::uint64_t at = batch_.offset + published_; at < end;) {
            const std::uint64_t behind = std::min(end, (at / block + 1) * block);
            const auto from = static_cast<std::size_t>(at & page_mask);
            const auto length = static_cast<std::size_t>(behind - at);
            const auto index = static_cast<std::uint32_t>(at >> page_shift);
            const Result<FileRun> known = fs_.tree().run(inode, at / block, 1);
            if (known && !known->is_hole()) {
                if constexpr (TracksBytes<Fs>) {
                    fs_.note_bytes(bytes_, inode, {at, behind, false, batch_.done});
                } else {
                    fs_.cache().mark_dirty(bytes_, index, sectors_of(from, from + length));
                }
            } else {
                const std::size_t n = index - batch_.index(0);
                std::memset(memory(n).data() + from, 0, length);
            }
            at = behind;
        }
    }

    Fs& fs_;
    Bytes& bytes_;
    PageBatch batch_;
    std::size_t published_ = 0;
    SetIdBits set_id_ = SetIdBits::stay;  ///< of a write
};

}  // namespace kidney::fs

/// One step of a write: up to 16 pages that get new bytes, then places on the disk.
#pragma once

#include "fs/cache/cached_object.hpp"
#include "fs/disk/block_map.hpp"
#include "fs/disk/file_run.hpp"
#include "fs/disk/tracks_bytes.hpp"
#include "fs/page_batch.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/fs/transfer.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace kidney::fs {

/// The bytes come first, because pages that are borrowed before their blocks have places are never
/// filled with what an earlier owner left in those blocks. If the disk is full then, what has no
/// place becomes zeros again. `Bytes` is a FileBytes; its `writing` lock is held, but by a page
/// fault, which brings no bytes (cover_borrowed(), publish_mapped()).
template <class Fs, class Bytes>
class FileTransfer {
public:
    /// What happens to the bytes that are covered.
    enum class Coming : std::uint8_t { nothing, new_bytes };

    FileTransfer(Fs& fs, Bytes& bytes) noexcept : fs_(fs), bytes_(bytes) {}
    ~FileTransfer() {
        for (std::size_t n = 0; n < batch_.count; ++n) {
            if (batch_.pages[n].present) {
                fs_.cache().release(batch_.pages[n].frame);
            } else if (own_[n] != nullptr) {
                fs_.cache().discard(*own_[n]);
            }
        }
    }
    FileTransfer(const FileTransfer&) = delete;
    FileTransfer& operator=(const FileTransfer&) = delete;

    /// Borrows the pages of the next bytes at `offset`, which stay as they are, or which copy_in()
    /// replaces. Errors: io_error, no_memory.
    [[nodiscard]] Status cover(std::uint64_t offset, std::size_t wanted, Coming bytes) noexcept {
        batch_.cover(offset, wanted);
        file_pages_ = bytes_.page_count();
        for (std::size_t n = 0; n < batch_.count; ++n) {
            const auto borrow = [&]() noexcept {
                return bytes == Coming::new_bytes ? prepare(n) : borrow_page(n);
            };
            const Status borrowed = n == 0 ? fs_.repeat(borrow) : borrow();
            if (!borrowed && n == 0) {
                return borrowed;
            }
            if (!borrowed) {  // fewer will do
                batch_.bytes = (n << page_shift) - PageBatch::in_page(offset);
                batch_.count = n;
                break;
            }
        }
        return {};
    }
    /// The same for a page that the caller of a page fault has borrowed.
    void cover_borrowed(std::uint64_t offset, std::size_t length) noexcept {
        batch_.cover(offset, length);
    }
    [[nodiscard]] std::size_t length() const noexcept { return batch_.bytes; }
    [[nodiscard]] std::size_t published() const noexcept { return published_; }

    /// Errors: bad_address, io_error, no_memory; what came until then counts.
    [[nodiscard]] Status copy_in(WriteBuffer& from) noexcept {
        set_id_ = from.set_id();
        for (std::size_t n = 0; n < batch_.count; ++n) {
            const std::size_t begin = batch_.begin(n);
            const std::size_t before = from.remaining();
            Status taken = from.take(memory(n).subspan(begin, batch_.end(n) - begin));
            const std::size_t length = before - from.remaining();
            TRY(own_[n] != nullptr && length > 0 ? show(n, length) : Status());
            batch_.done += length;
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

    [[nodiscard]] bool is_behind_end(std::size_t n) const noexcept {
        return batch_.index(n) >= file_pages_;
    }
    [[nodiscard]] Status borrow_page(std::size_t n) noexcept {
        const std::uint32_t index = batch_.index(n);
        batch_.pages[n].frame = TRY(is_behind_end(n) ? fs_.cache().get_fresh(bytes_, index)
                                                     : fs_.cache().get(bytes_, index));
        batch_.pages[n].present = true;
        return {};
    }
    /// Nobody needs the old bytes of a page that gets new ones all over: unless it is here, they
    /// come into a page of our own.
    [[nodiscard]] Status prepare(std::size_t n) noexcept {
        const bool is_whole = batch_.end(n) - batch_.begin(n) == page_size;
        if (!is_whole && !is_behind_end(n)) {
            return borrow_page(n);
        }
        if (const auto found = TRY(fs_.cache().find(bytes_, batch_.index(n)))) {
            batch_.pages[n] = {*found, true, false};
            return {};
        }
        own_[n] = TRY(fs_.cache().make_page());
        batch_.pages[n].frame = own_[n]->frame;
        return {};
    }
    /// Our own page `n`, in which `length` bytes have come, becomes the file's. If not all have, or
    /// somebody has read the page meanwhile, they go into the page that is there.
    [[nodiscard]] Status show(std::size_t n, std::size_t length) noexcept {
        const std::size_t begin = batch_.begin(n);
        const std::size_t end = begin + length;
        const auto bytes = memory(n);
        if (end == batch_.end(n)) {
            std::memset(bytes.data(), 0, begin);
            std::memset(bytes.data() + end, 0, page_size - end);
            if (TRY(fs_.cache().enter(*own_[n], bytes_, batch_.index(n)))) {
                batch_.pages[n].present = true;
                own_[n] = nullptr;
                return {};
            }
        }
        TRY(borrow_page(n));
        std::memcpy(memory(n).data() + begin, bytes.data() + begin, length);
        fs_.cache().discard(*std::exchange(own_[n], nullptr));
        return {};
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
    std::uint64_t file_pages_ = 0;                        ///< as long as `writing` is held
    std::array<CachedPage*, PageBatch::capacity> own_{};  ///< without its bytes, and in no cache
    std::size_t published_ = 0;
    SetIdBits set_id_ = SetIdBits::stay;  ///< of a write
};

}  // namespace kidney::fs

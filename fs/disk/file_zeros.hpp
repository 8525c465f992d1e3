/// Zeros in a regular file: where something was cut off, punched out, or never written.
#pragma once

#include "fs/borrowed_page.hpp"
#include "fs/disk/tracks_bytes.hpp"
#include "fs/page_cache.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace kidney::fs {

/// `Bytes` is a FileBytes, whose `writing` lock is held. Errors: io_error, no_memory.
template <class Fs, class Bytes>
class FileZeros {
    using Page = BorrowedPage<typename Fs::CacheType>;

public:
    FileZeros(Fs& fs, Bytes& bytes) noexcept : fs_(fs), bytes_(bytes) {}

    /// In memory, and on the disk with the next sync: [begin, end) becomes zeros; a hole stays one.
    [[nodiscard]] Status write(std::uint64_t begin, std::uint64_t end) noexcept {
        while (begin < end) {
            const std::uint64_t behind = std::min(end, (begin | page_mask) + 1);
            TRY(write_in_page(begin, behind));
            begin = behind;
        }
        return {};
    }
    /// In memory alone: [begin, end) of one page has no blocks any more, or lies behind the end.
    [[nodiscard]] Status show(std::uint64_t begin, std::uint64_t end) noexcept {
        const auto index = static_cast<std::uint32_t>(begin >> page_shift);
        const auto from = static_cast<std::size_t>(begin & page_mask);
        const auto length = static_cast<std::size_t>(end - begin);
        const std::size_t whole = (from + sector_size - 1) / sector_size * sector_size;
        if (whole < from + length) {
            // This waits for whoever fills or writes the page, too.
            fs_.cache().mark_clean(
                bytes_, index, TracksBytes<Fs> ? SectorMask{0} : sectors_of(whole, from + length));
        }
        if (fs_.cache().has(bytes_, index)) {
            const Page page = TRY(Page::get(fs_.cache(), bytes_, index));
            std::memset(page.writable_bytes().data() + from, 0, length);
        }
        return {};
    }

private:
    [[nodiscard]] Status write_in_page(std::uint64_t begin, std::uint64_t end) noexcept {
        if constexpr (TracksBytes<Fs>) {
            TRY(fs_.make_room());
        }
        const auto index = static_cast<std::uint32_t>(begin >> page_shift);
        const Page page = TRY(Page::get(fs_.cache(), bytes_, index));
        const auto bytes = page.writable_bytes().subspan(
            static_cast<std::size_t>(begin & page_mask), static_cast<std::size_t>(end - begin));
        std::memset(bytes.data(), 0, bytes.size());
        LockGuard guard(fs_.lock());
        const auto inode = bytes_.inode();
        const std::uint64_t block = fs_.block_size();
        for (std::uint64_t at = begin; at < end; at = (at / block + 1) * block) {
            if (!TRY(fs_.tree().run(inode, at / block, 1)).is_hole()) {
                const std::uint64_t behind = std::min(end, (at / block + 1) * block);
                if constexpr (TracksBytes<Fs>) {
                    fs_.note_bytes(bytes_, inode, {at, behind, false, 0});
                } else {
                    const auto from = static_cast<std::size_t>(at & page_mask);
                    fs_.cache().mark_dirty(
                        bytes_, index,
                        sectors_of(from, from + static_cast<std::size_t>(behind - at)));
                }
            }
        }
        fs_.note_change(bytes_.owner());
        return {};
    }

    Fs& fs_;
    Bytes& bytes_;
};

}  // namespace kidney::fs

/// A block device as a cached object: where file systems have their metadata, and /dev its bytes.
#pragma once

#include "fs/block/any_block_device.hpp"
#include "fs/page_cache.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::fs {

/// Page n is the device's bytes from n * page_size on. The owner calls PageCache::forget().
class CachedDevice final : public CachedObject {
public:
    explicit CachedDevice(AnyBlockDevice device) noexcept : device_(device) {}

    [[nodiscard]] AnyBlockDevice& device() noexcept { return device_; }
    [[nodiscard]] std::uint64_t size_bytes() const noexcept {
        return device_.block_count() * device_.block_size();
    }
    [[nodiscard]] std::uint64_t page_count() const noexcept override {
        return (size_bytes() + page_mask) >> page_shift;
    }
    [[nodiscard]] Status fill(std::uint32_t first,
                              std::span<const std::span<std::byte>> pages) noexcept override {
        const std::uint64_t begin = std::uint64_t{first} << page_shift;
        const std::uint64_t end = begin + (std::uint64_t{pages.size()} << page_shift);
        const BlockIndex block(begin / device_.block_size());
        if (end <= size_bytes()) {
            return device_.read_scattered(block, pages);
        }
        if (begin >= size_bytes()) {
            return fail(Errc::out_of_range);
        }
        // The device ends inside the last page.
        if (pages.size() > 1) {
            TRY(device_.read_scattered(block, pages.first(pages.size() - 1)));
        }
        const std::uint64_t last = end - page_size;
        const auto present = static_cast<std::size_t>(size_bytes() - last);
        TRY(device_.read(BlockIndex(last / device_.block_size()), pages.back().first(present)));
        std::memset(pages.back().data() + present, 0, page_size - present);
        return {};
    }
    /// One command for each run of sectors without a gap.
    [[nodiscard]] Status store(std::uint32_t first,
                               std::span<const StoredPage> pages) noexcept override {
        SectorRun run;
        std::uint64_t sector = std::uint64_t{first} * sectors_per_page;
        const std::uint64_t end = size_bytes() / sector_size;  // the device may end inside a page
        for (const StoredPage& page : pages) {
            const SectorMask mask = whole_blocks(page.sectors);
            for (std::size_t n = 0; n < sectors_per_page && sector < end; ++n, ++sector) {
                if ((mask >> n & 1U) == 0) {
                    TRY(write(run));
                    continue;
                }
                run.extend(sector, page.bytes.subspan(n * sector_size, sector_size));
            }
        }
        return write(run);
    }

private:
    /// Sectors of the disk in a row, and where their bytes are.
    struct SectorRun {
        std::uint64_t first = 0;
        std::size_t count = 0;  ///< of buffers: a page has one at most, because there are no gaps
        std::array<std::span<const std::byte>, StoreRun::capacity> buffers;

        void extend(std::uint64_t sector, std::span<const std::byte> bytes) noexcept {
            if (count == 0) {
                first = sector;
            } else if (auto& last = buffers[count - 1];
                       sector % sectors_per_page != 0) {  // the same page goes on
                last = std::span(last.data(), last.size() + bytes.size());
                return;
            }
            buffers[count++] = bytes;
        }
    };

    [[nodiscard]] Status write(SectorRun& run) noexcept {
        if (run.count == 0) {
            return {};
        }
        const BlockIndex block(run.first * sector_size / device_.block_size());
        const Status status =
            device_.write_scattered(block, std::span(run.buffers).first(run.count));
        run.count = 0;
        return status;
    }
    /// The device's blocks may be larger than sectors.
    [[nodiscard]] SectorMask whole_blocks(SectorMask sectors) const noexcept {
        const std::uint32_t per_block = device_.block_size() / sector_size;
        SectorMask result = 0;
        for (std::uint32_t n = 0; n < sectors_per_page; n += per_block) {
            const auto block = static_cast<SectorMask>(((1U << per_block) - 1) << n);
            result |= (sectors & block) != 0 ? block : SectorMask{0};
        }
        return result;
    }

    AnyBlockDevice device_;
};

}  // namespace kidney::fs

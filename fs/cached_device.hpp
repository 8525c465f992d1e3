/// A block device as a cached object: where file systems read their metadata from.
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

private:
    AnyBlockDevice device_;
};

}  // namespace kidney::fs

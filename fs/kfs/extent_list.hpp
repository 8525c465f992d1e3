/// Extents in memory, in the order of their files, while they change.
#pragma once

#include "fs/kfs/format.hpp"
#include "kidney/core/assert.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace kidney::fs::kfs {

/// Of `count` extents that lie in `bytes`, the one with `index` in it, or the next one behind.
/// Cost: O(log n).
[[nodiscard]] inline std::optional<Extent> find_in(std::span<const std::byte> bytes,
                                                   std::size_t count,
                                                   std::uint64_t index) noexcept {
    const auto at = [&](std::size_t n) { return load<Extent>(bytes, n * sizeof(Extent)); };
    std::size_t low = 0, high = count;
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (at(middle).end() <= index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == count ? std::nullopt : std::optional(at(low));
}

/// As many as a block has, and one more for a moment. Concurrency: none.
class ExtentList {
public:
    ExtentList() noexcept {}  // not cleared: 4 KiB

    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    [[nodiscard]] std::span<const Extent> extents() const noexcept {
        return std::span(extents_).first(count_);
    }
    [[nodiscard]] static std::size_t offset_of(std::size_t n) noexcept {
        return offsetof(ExtentBlock, extents) + n * sizeof(Extent);
    }
    /// Of an ExtentBlock of that inode; 0: it is none.
    [[nodiscard]] static std::uint32_t count_in(std::span<const std::byte> block,
                                                std::uint32_t inode) noexcept {
        const auto owner = kfs::load<std::uint32_t>(block, offsetof(ExtentBlock, inode));
        const auto count = kfs::load<std::uint32_t>(block, offsetof(ExtentBlock, count));
        const auto magic = kfs::load<std::uint32_t>(block, offsetof(ExtentBlock, magic));
        return magic != ExtentBlock::right_magic || owner != inode || count > ExtentBlock::capacity
                   ? 0
                   : count;
    }
    /// From an ExtentBlock. False: it is none.
    [[nodiscard]] bool load(std::span<const std::byte> block, std::uint32_t inode) noexcept {
        count_ = count_in(block, inode);
        if (count_ == 0) {
            return false;
        }
        std::memcpy(extents_.data(), block.data() + offset_of(0), count_ * sizeof(Extent));
        return true;
    }
    void assign(std::span<const Extent> extents) noexcept {
        KIDNEY_ASSERT(extents.size() <= extents_.size());
        count_ = static_cast<std::uint32_t>(extents.size());
        std::memcpy(extents_.data(), extents.data(), extents.size_bytes());
    }
    void truncate(std::size_t count) noexcept { count_ = static_cast<std::uint32_t>(count); }
    /// The first extent that has changed. There is room for one more, and no other has its blocks.
    std::size_t insert(const Extent& added) noexcept {
        std::size_t at = 0;
        while (at < count_ && extents_[at].index < added.index) {
            ++at;
        }
        const bool joins_before = at > 0 && joins(extents_[at - 1], added);
        const bool joins_behind = at < count_ && joins(added, extents_[at]);
        if (joins_before && joins_behind) {
            extents_[at - 1].length += added.length + extents_[at].length;
            erase(at);
            return at - 1;
        }
        if (joins_before) {
            extents_[at - 1].length += added.length;
            return at - 1;
        }
        if (joins_behind) {
            extents_[at] = {added.index, added.first, added.length + extents_[at].length};
            return at;
        }
        open(at);
        extents_[at] = added;
        return at;
    }
    /// Takes blocks [begin, end) of the file from extent `at`, which has them.
    void cut(std::size_t at, std::uint64_t begin, std::uint64_t end) noexcept {
        const Extent old = extents_[at];
        const bool from_start = begin == old.index;
        if (from_start && end == old.end()) {
            erase(at);
            return;
        }
        const auto gone = static_cast<std::uint32_t>(end - old.index);  // up to the end of the cut
        const Extent rest{static_cast<std::uint32_t>(end), old.first + gone, old.length - gone};
        if (from_start) {
            extents_[at] = rest;
            return;
        }
        extents_[at].length = static_cast<std::uint32_t>(begin - old.index);
        if (end != old.end()) {
            open(at + 1);
            extents_[at + 1] = rest;
        }
    }

private:
    [[nodiscard]] static bool joins(const Extent& a, const Extent& b) noexcept {
        return a.end() == b.index && a.first + a.length == b.first;
    }
    void open(std::size_t at) noexcept {
        KIDNEY_ASSERT(count_ < extents_.size());
        Extent* const place = extents_.data() + at;
        std::memmove(place + 1, place, (count_ - at) * sizeof(Extent));
        ++count_;
    }
    void erase(std::size_t at) noexcept {
        Extent* const place = extents_.data() + at;
        std::memmove(place, place + 1, (count_ - at - 1) * sizeof(Extent));
        --count_;
    }

    std::array<Extent, ExtentBlock::capacity + 1> extents_;
    std::uint32_t count_ = 0;
};

}  // namespace kidney::fs::kfs

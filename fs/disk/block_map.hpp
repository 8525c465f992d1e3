/// Where the blocks of some pages of a file are, and moving them in as few commands as they allow.
#pragma once

#include "fs/block/any_block_device.hpp"
#include "fs/cache/cached_object.hpp"
#include "fs/cache/page_index.hpp"
#include "fs/disk/file_run.hpp"
#include "kidney/core/address.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::fs {

/// Looked up under the file system's lock; used without it, because moving bytes takes time. What
/// the blocks belong to cannot change meanwhile: a file system frees nothing while bytes go home,
/// and a reader looks at the size of the file again.
class BlockMap {
public:
    /// Blocks of up to StoreRun::capacity pages from page `first` on.
    template <class Tree, class Inode>
    [[nodiscard]] Status look_up(Tree& tree, const Inode& inode, std::uint32_t block_size,
                                 std::uint32_t first, std::size_t pages) noexcept {
        block_size_ = block_size;
        const std::size_t per_page = page_size / block_size;
        const std::uint64_t from = std::uint64_t{first} * per_page;
        const std::uint64_t end = (inode.size + block_size - 1) / block_size;
        const std::size_t count = pages * per_page;
        std::size_t n = 0;
        while (n < count && from + n < end) {
            const std::uint64_t most = std::min<std::uint64_t>(count - n, end - from - n);
            const FileRun run = TRY(tree.run(inode, from + n, static_cast<std::uint32_t>(most)));
            for (std::uint32_t at = 0; at < run.count; ++at) {
                blocks_[n++] = run.is_hole() ? 0 : run.first + at;
            }
        }
        std::fill(blocks_.begin() + n, blocks_.begin() + count, 0);
        return {};
    }
    /// Holes become zeros.
    [[nodiscard]] Status read(AnyBlockDevice& device,
                              std::span<const std::span<std::byte>> pages) noexcept {
        const auto move = [&](std::uint64_t block, std::span<const std::span<std::byte>> buffers) {
            return device.read_scattered(BlockIndex(block), buffers);
        };
        Run<std::byte> run;
        for (std::size_t n = 0; n < pages.size() * (page_size / block_size_); ++n) {
            const std::span<std::byte> bytes = part(pages[page_of(n)], n);
            if (blocks_[n] == 0) {
                std::memset(bytes.data(), 0, bytes.size());
            } else {
                TRY(run.extend(blocks_[n], bytes, *this, device, move));
            }
        }
        return run.finish(*this, device, move);
    }
    /// Blocks without a dirty sector stay, and holes: nobody has changed them.
    [[nodiscard]] Status write(AnyBlockDevice& device, std::span<const StoredPage> pages) noexcept {
        const auto move = [&](std::uint64_t block,
                              std::span<const std::span<const std::byte>> buffers) {
            return device.write_scattered(BlockIndex(block), buffers);
        };
        Run<const std::byte> run;
        for (std::size_t n = 0; n < pages.size() * (page_size / block_size_); ++n) {
            const StoredPage& page = pages[page_of(n)];
            const std::size_t at = offset_of(n);
            if (blocks_[n] != 0 && (page.sectors & sectors_of(at, at + block_size_)) != 0) {
                TRY(run.extend(blocks_[n], part(page.bytes, n), *this, device, move));
            }
        }
        return run.finish(*this, device, move);
    }

private:
    static constexpr std::size_t smallest_block = sector_size;

    /// Consecutive blocks of the disk and where they go.
    template <class Byte>
    struct Run {
        std::uint32_t first = 0, blocks = 0;
        std::size_t count = 0;
        std::array<std::span<Byte>, StoreRun::capacity> buffers;

        template <class Move>
        [[nodiscard]] Status extend(std::uint32_t block, std::span<Byte> bytes, const BlockMap& map,
                                    AnyBlockDevice& device, Move& move) noexcept {
            const bool joins = blocks > 0 && block == first + blocks;
            if (joins && buffers[count - 1].data() + buffers[count - 1].size() == bytes.data()) {
                auto& last = buffers[count - 1];
                last = std::span<Byte>(last.data(), last.size() + bytes.size());
                ++blocks;
                return {};
            }
            if (!joins || count == buffers.size()) {
                TRY(finish(map, device, move));
                first = block;
            }
            buffers[count++] = bytes;
            ++blocks;
            return {};
        }
        template <class Move>
        [[nodiscard]] Status finish(const BlockMap& map, AnyBlockDevice& device,
                                    Move& move) noexcept {
            if (blocks == 0) {
                return {};
            }
            const std::uint64_t at = std::uint64_t{first} * map.block_size_ / device.block_size();
            const Status moved = move(at, std::span(buffers).first(count));
            blocks = 0;
            count = 0;
            return moved;
        }
    };

    [[nodiscard]] std::size_t page_of(std::size_t n) const noexcept {
        return n / (page_size / block_size_);
    }
    [[nodiscard]] std::size_t offset_of(std::size_t n) const noexcept {
        return n % (page_size / block_size_) * block_size_;
    }
    template <class Byte>
    [[nodiscard]] std::span<Byte> part(std::span<Byte> page, std::size_t n) const noexcept {
        return page.subspan(offset_of(n), block_size_);
    }

    std::uint32_t block_size_ = 0;
    std::array<std::uint32_t, StoreRun::capacity*(page_size / smallest_block)> blocks_;
};

}  // namespace kidney::fs

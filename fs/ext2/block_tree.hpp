/// Which block of the disk holds which block of a file: twelve pointers, and trees of 1 to 3
/// levels.
#pragma once

#include "fs/disk/file_run.hpp"
#include "fs/ext2/allocator.hpp"
#include "fs/ext2/volume.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace kidney::fs::ext2 {

/// Works on the caller's copy of an inode (`blocks` and `sectors`), which he stores. Concurrency:
/// the file system's lock. Errors of all: io_error, no_memory, corrupted, and as said.
template <class Cache>
class BlockTree {
    using Block = typename Volume<Cache>::Block;

public:
    BlockTree(Volume<Cache>& volume, Allocator<Cache>& allocator) noexcept
        : volume_(volume), allocator_(allocator) {}

    /// Where block `index` of a file is; nullopt is a hole.
    [[nodiscard]] Result<std::optional<BlockNumber>> locate(const Inode& inode,
                                                            std::uint64_t index) noexcept {
        const FileRun found = TRY(run(inode, index, 1));
        return found.is_hole() ? std::optional<BlockNumber>()
                               : std::optional(BlockNumber{found.first});
    }
    [[nodiscard]] Result<FileRun> run(const Inode& inode, std::uint64_t index,
                                      std::uint32_t most) noexcept {
        const Path path = TRY(path_to(index));
        const Way way = TRY(follow(inode, path));
        if (way.depth < path.levels) {
            // Everything below the pointer that is missing is a hole.
            const std::uint64_t span = span_of(path.levels - way.depth);
            const std::uint64_t left = span - (index - first_of(path.root)) % span;
            return FileRun{0, static_cast<std::uint32_t>(std::min<std::uint64_t>(most, left))};
        }
        std::uint32_t end = ~std::uint32_t{0};
        if (way.end != 0) {
            TRY(volume_.geometry().block(way.end));
            end = volume_.geometry().block_count;
        }
        FileRun found{way.end, 1};
        most = std::min(most, slots_left(path));
        while (found.count < most && found.first + found.count < end &&
               pointer_in(inode, path, way, found.count) ==
                   (found.is_hole() ? 0 : found.first + found.count)) {
            ++found.count;
        }
        return found;
    }
    [[nodiscard]] Result<FileRun> add(Inode& inode, std::uint64_t index, std::uint32_t most,
                                      std::uint32_t goal) noexcept {
        const Path path = TRY(path_to(index));
        Way way = TRY(follow(inode, path));
        KIDNEY_ASSERT(way.end == 0);
        if (way.depth < path.levels) {
            return add_chain(inode, path, way, goal);
        }
        const FileRun added = TRY(allocator_.take_run(goal, std::min(most, slots_left(path))));
        if (path.levels > 0) {
            put_pointers(*way.last, path.slots[path.levels - 1], added);
        } else {
            for (std::uint32_t n = 0; n < added.count; ++n) {
                inode.blocks[path.root + n] = added.first + n;
            }
        }
        inode.sectors += added.count * volume_.sectors_per_block();
        return added;
    }
    /// One block. Error: no_space, and nothing has changed.
    [[nodiscard]] Result<BlockNumber> add(Inode& inode, std::uint64_t index,
                                          std::uint32_t goal) noexcept {
        return BlockNumber{TRY(add(inode, index, 1, goal)).first};
    }
    /// Undoes add() for the last block, which nobody has used.
    void take_back(Inode& inode, std::uint64_t index) noexcept {
        ignore_error(remove(inode, index, index + 1,
                            [this](BlockNumber block) noexcept {
                                allocator_.take_back(block);
                                return Status();
                            }),
                     "a leak that fsck finds");
    }
    /// Makes a hole of blocks [first, end), from the end on. `free(BlockNumber)` gets each block
    /// that nothing points to any more, and may fail: then what is left is still the file's.
    template <class Free>
    [[nodiscard]] Status remove(Inode& inode, std::uint64_t first, std::uint64_t end,
                                Free&& free) noexcept {
        for (std::size_t root = block_pointers; root-- > 0;) {
            const unsigned level =
                root < direct_blocks ? 0 : static_cast<unsigned>(root - direct_blocks + 1);
            const std::uint64_t base = first_of(root);
            if (inode.blocks[root] == 0 || base >= end || base + span_of(level) <= first) {
                continue;
            }
            std::uint32_t pointer = inode.blocks[root];
            Status removed = remove_below(pointer, level, base, {first, end}, inode.sectors, free);
            inode.blocks[root] = pointer;
            TRY(removed);
        }
        return {};
    }
    /// The first block in [index, end) that has a place (`present`) or has none; `end`: there is
    /// none.
    [[nodiscard]] Result<std::uint64_t> next(const Inode& inode, std::uint64_t index,
                                             std::uint64_t end, bool present) noexcept {
        constexpr std::uint64_t most = 1U << 30;
        while (index < end) {
            const FileRun found =
                TRY(run(inode, index, static_cast<std::uint32_t>(std::min(most, end - index))));
            if (found.is_hole() != present) {
                return index;
            }
            index += found.count;
        }
        return end;
    }

private:
    static constexpr unsigned max_levels = block_pointers - direct_blocks;
    struct Path {
        std::size_t root = 0;  ///< which pointer of the inode
        unsigned levels = 0;   ///< blocks of pointers to pass
        std::array<std::uint32_t, max_levels> slots{};
    };
    struct Way {
        unsigned depth = 0;         ///< blocks of pointers that are there
        std::uint32_t end = 0;      ///< the pointer where the way ends; 0: there is nothing
        std::optional<Block> last;  ///< the last of the blocks of pointers
    };
    struct Chain {  ///< blocks that were taken: of pointers, and at the end one for data
        std::array<BlockNumber, max_levels + 1> blocks{};
        std::size_t count = 0;
    };
    struct Range {
        std::uint64_t first, end;
    };

    [[nodiscard]] std::uint64_t span_of(unsigned level) const noexcept {
        std::uint64_t span = 1;
        for (; level > 0; --level) {
            span *= volume_.geometry().pointers();
        }
        return span;
    }
    [[nodiscard]] std::uint64_t first_of(std::size_t root) const noexcept {
        std::uint64_t first = root < direct_blocks ? root : direct_blocks;
        for (unsigned level = 1; level + direct_blocks <= root; ++level) {
            first += span_of(level);
        }
        return first;
    }
    [[nodiscard]] Result<Path> path_to(std::uint64_t index) const noexcept {
        Path path;
        if (index < direct_blocks) {
            path.root = static_cast<std::size_t>(index);
            return path;
        }
        const std::uint32_t pointers = volume_.geometry().pointers();
        index -= direct_blocks;
        path.levels = 1;
        while (index >= span_of(path.levels)) {
            index -= span_of(path.levels);
            if (++path.levels > max_levels) {
                return fail(Errc::corrupted);
            }
        }
        path.root = direct_blocks + path.levels - 1;
        for (unsigned level = path.levels; level-- > 0; index /= pointers) {
            path.slots[level] = static_cast<std::uint32_t>(index % pointers);
        }
        return path;
    }
    [[nodiscard]] static std::uint32_t pointer_at(const Block& block, std::uint32_t slot) noexcept {
        return load<Le32>(block.bytes(), std::size_t{slot} * sizeof(Le32));
    }
    static void put_pointer(Block& block, std::uint32_t slot, std::uint32_t value) noexcept {
        put_pointers(block, slot, {value, 1});
    }
    static void put_pointers(Block& block, std::uint32_t slot, FileRun to) noexcept {
        const std::size_t at = std::size_t{slot} * sizeof(Le32);
        const std::span<std::byte> bytes = block.change(inode_phase, at, to.count * sizeof(Le32));
        for (std::uint32_t n = 0; n < to.count; ++n) {
            Le32 raw{};
            raw = to.first + n;
            save(bytes, at + n * sizeof raw, raw);
        }
    }
    /// Pointers from the one at the end of `path` to the last one beside it.
    [[nodiscard]] std::uint32_t slots_left(const Path& path) const noexcept {
        return path.levels == 0 ? static_cast<std::uint32_t>(direct_blocks - path.root)
                                : volume_.geometry().pointers() - path.slots[path.levels - 1];
    }
    /// The `n`-th of them.
    [[nodiscard]] static std::uint32_t pointer_in(const Inode& inode, const Path& path,
                                                  const Way& way, std::uint32_t n) noexcept {
        return path.levels == 0 ? std::uint32_t{inode.blocks[path.root + n]}
                                : pointer_at(*way.last, path.slots[path.levels - 1] + n);
    }
    [[nodiscard]] Result<Way> follow(const Inode& inode, const Path& path) noexcept {
        Way way;
        way.end = inode.blocks[path.root];
        while (way.end != 0 && way.depth < path.levels) {
            way.last.emplace(TRY(volume_.read_block(TRY(volume_.geometry().block(way.end)))));
            way.end = pointer_at(*way.last, path.slots[way.depth++]);
        }
        return way;
    }
    /// For one block that lacks blocks of pointers before it.
    [[nodiscard]] Result<FileRun> add_chain(Inode& inode, const Path& path, Way& way,
                                            std::uint32_t goal) noexcept {
        Chain chain;
        const Status made = extend(chain, path, way.depth, goal);
        if (!made) {
            take_back(chain);
            return fail(made.error());
        }
        if (way.depth == 0) {
            inode.blocks[path.root] = chain.blocks[0].value;
        } else {
            put_pointer(*way.last, path.slots[way.depth - 1], chain.blocks[0].value);
        }
        inode.sectors += static_cast<std::uint32_t>(chain.count) * volume_.sectors_per_block();
        return FileRun{chain.blocks[chain.count - 1].value, 1};
    }
    /// Takes what is missing below `depth`, blocks of pointers first, and makes them.
    [[nodiscard]] Status extend(Chain& chain, const Path& path, unsigned depth,
                                std::uint32_t goal) noexcept {
        const std::size_t missing = path.levels - depth + 1;
        while (chain.count < missing) {
            chain.blocks[chain.count] = BlockNumber{TRY(allocator_.take_run(goal, 1)).first};
            goal = chain.blocks[chain.count++].value + 1;
        }
        for (std::size_t n = 0; n + 1 < missing; ++n) {
            Block block = TRY(volume_.make_block(chain.blocks[n], [](std::span<std::byte>) {}));
            put_pointer(block, path.slots[depth + n], chain.blocks[n + 1].value);
        }
        return {};
    }
    void take_back(const Chain& chain) noexcept {
        for (std::size_t n = 0; n < chain.count; ++n) {
            allocator_.take_back(chain.blocks[n]);
        }
    }
    /// `pointer` leads to a tree of `level` levels for the blocks from `base` on; 0 if it went.
    template <class Free>
    [[nodiscard]] Status remove_below(std::uint32_t& pointer, unsigned level, std::uint64_t base,
                                      Range range, std::uint32_t& sectors, Free& free) noexcept {
        const BlockNumber number = TRY(volume_.geometry().block(pointer));
        if (level > 0) {
            Block block = TRY(volume_.read_block(number));
            const std::uint64_t span = span_of(level - 1);
            bool is_empty = true;
            for (std::uint32_t slot = volume_.geometry().pointers(); slot-- > 0;) {
                std::uint32_t child = pointer_at(block, slot);
                const std::uint64_t begin = base + slot * span;
                if (child != 0 && begin < range.end && begin + span > range.first) {
                    Status removed = remove_below(child, level - 1, begin, range, sectors, free);
                    if (child == 0) {
                        put_pointer(block, slot, 0);
                    }
                    TRY(removed);
                }
                is_empty = is_empty && child == 0;
            }
            if (!is_empty) {
                return {};
            }
            TRY(free(number));
            volume_.forget_block(number);
        } else {
            TRY(free(number));
        }
        pointer = 0;
        const std::uint32_t unit = volume_.sectors_per_block();
        sectors -= sectors < unit ? sectors : unit;
        return {};
    }

    Volume<Cache>& volume_;
    Allocator<Cache>& allocator_;
};

}  // namespace kidney::fs::ext2

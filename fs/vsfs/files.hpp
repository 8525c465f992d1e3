/// Inodes and the blocks that they have: which are free, and where block n of a file is.
#pragma once

#include "fs/vsfs/volume.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace kidney::fs::vsfs {

/// Each function is a part of an operation (Transaction::run): what it changes is forgotten if that
/// answers an error. Concurrency: none; the file system's lock.
template <BlockDevice Device, mm::ObjectAllocator Heap>
class Files {
public:
    explicit Files(Volume<Device, Heap>& volume) noexcept : volume_(volume) {}

    // Inodes.

    /// Of a file that exists. Errors: corrupted, io_error.
    [[nodiscard]] Result<Inode> inode(std::uint32_t number) noexcept {
        return volume_.checked(TRY(raw_inode(number)));
    }
    /// The same whether it exists or not.
    [[nodiscard]] Result<Inode> raw_inode(std::uint32_t number) noexcept {
        if (!volume_.geometry().is_inode(number)) {
            return volume_.wrong("entry.inode", number);
        }
        return vsfs::load<Inode>(TRY(volume_.blocks().read(table_block(number))),
                                 table_offset(number));
    }
    [[nodiscard]] Status put(std::uint32_t number, const Inode& inode) noexcept {
        vsfs::store(TRY(volume_.blocks().change(table_block(number))), table_offset(number), inode);
        return {};
    }
    /// Error: no_space.
    [[nodiscard]] Result<std::uint32_t> take_inode() noexcept {
        return take_bit(volume_.geometry().inode_bitmap(), volume_.geometry().inode_count);
    }
    /// Gives back an inode and its blocks.
    [[nodiscard]] Status free_inode(std::uint32_t number, Inode inode) noexcept {
        TRY(shrink(inode, 0));
        TRY(put(number, Inode{}));
        return give_bit(volume_.geometry().inode_bitmap(), number, "inode_bitmap");
    }

    // Blocks of a file.

    /// Where block `index` of a file is; 0: a hole. Errors: corrupted, io_error.
    [[nodiscard]] Result<std::uint32_t> find_block(const Inode& inode,
                                                   std::uint32_t index) noexcept {
        if (index < direct_blocks) {
            return volume_.checked(inode.direct[index], "inode.direct");
        }
        const std::uint32_t table = TRY(volume_.checked(inode.indirect, "inode.indirect"));
        if (table == 0) {
            return 0U;
        }
        return volume_.checked(pointer(TRY(volume_.blocks().read(table)), index - direct_blocks),
                               "indirect block");
    }
    /// The same, to be written: with new blocks where there are none. The caller stores the inode.
    /// Errors: as find_block(); no_space.
    [[nodiscard]] Result<std::span<std::byte>> make_block(Inode& inode,
                                                          std::uint32_t index) noexcept {
        if (const std::uint32_t block = TRY(find_block(inode, index)); block != 0) {
            return volume_.blocks().change(block);
        }
        const std::uint32_t block = TRY(take_block());
        if (index < direct_blocks) {
            inode.direct[index] = block;
        } else {
            if (inode.indirect == 0) {
                inode.indirect = TRY(take_block());
                TRY(volume_.blocks().fresh(inode.indirect));
            }
            vsfs::store(TRY(volume_.blocks().change(inode.indirect)), (index - direct_blocks) * 4,
                        block);
        }
        return volume_.blocks().fresh(block);
    }
    /// Cuts a file; what is left of its last block becomes zeros. The caller stores the inode.
    [[nodiscard]] Status shrink(Inode& inode, std::uint64_t size) noexcept {
        const auto keep = static_cast<std::uint32_t>((size + block_size - 1) / block_size);
        for (std::uint32_t i = keep; i < direct_blocks; ++i) {
            TRY(drop(inode.direct[i]));
        }
        if (inode.indirect != 0) {
            TRY(shrink_indirect(inode, keep > direct_blocks ? keep - direct_blocks : 0));
        }
        if (const auto rest = static_cast<std::size_t>(size % block_size);
            rest != 0 && size < inode.size) {
            if (const std::uint32_t block = TRY(find_block(inode, keep - 1)); block != 0) {
                const std::span<std::byte> bytes =
                    TRY(volume_.blocks().change(block)).subspan(rest);
                std::memset(bytes.data(), 0, bytes.size());
            }
        }
        inode.size = size;
        return {};
    }
    /// Blocks that a file has, with that of its pointers.
    [[nodiscard]] Result<std::uint32_t> count_blocks(const Inode& inode) noexcept {
        auto used = static_cast<std::uint32_t>(
            std::ranges::count_if(inode.direct, [](std::uint32_t b) { return b != 0; }));
        if (const std::uint32_t table = TRY(volume_.checked(inode.indirect, "inode.indirect"))) {
            const std::span<const std::byte> bytes = TRY(volume_.blocks().read(table));
            for (std::uint32_t i = 0; i < pointers_per_block; ++i) {
                used += pointer(bytes, i) != 0 ? 1U : 0U;
            }
            ++used;
        }
        return used;
    }

private:
    [[nodiscard]] std::uint32_t table_block(std::uint32_t inode) const noexcept {
        return volume_.geometry().inode_table() + inode / inodes_per_block;
    }
    [[nodiscard]] static std::size_t table_offset(std::uint32_t inode) noexcept {
        return inode % inodes_per_block * sizeof(Inode);
    }
    [[nodiscard]] static std::uint32_t pointer(std::span<const std::byte> table,
                                               std::uint32_t index) noexcept {
        return vsfs::load<std::uint32_t>(table, std::size_t{index} * 4);
    }
    [[nodiscard]] Result<std::uint32_t> take_block() noexcept {
        return TRY(take_bit(volume_.geometry().data_bitmap(), volume_.geometry().data_blocks())) +
               volume_.geometry().data_start();
    }
    /// Frees a block, and forgets its number.
    [[nodiscard]] Status drop(std::uint32_t& block) noexcept {
        const std::uint32_t old = TRY(volume_.checked(std::exchange(block, 0), "inode.direct"));
        return old == 0 ? Status()
                        : give_bit(volume_.geometry().data_bitmap(),
                                   old - volume_.geometry().data_start(), "data_bitmap");
    }
    [[nodiscard]] Status shrink_indirect(Inode& inode, std::uint32_t keep) noexcept {
        const std::uint32_t table = TRY(volume_.checked(inode.indirect, "inode.indirect"));
        const std::span<std::byte> bytes = TRY(volume_.blocks().change(table));
        for (std::uint32_t i = keep; i < pointers_per_block; ++i) {
            std::uint32_t block = pointer(bytes, i);
            TRY(drop(block));
            vsfs::store(bytes, std::size_t{i} * 4, block);
        }
        return keep == 0 ? drop(inode.indirect) : Status();
    }

    /// The first free bit of a bitmap, which is taken then.
    [[nodiscard]] Result<std::uint32_t> take_bit(std::uint32_t bitmap,
                                                 std::uint32_t bits) noexcept {
        const std::span<const std::byte> bytes = TRY(volume_.blocks().read(bitmap));
        for (std::uint32_t i = 0; i < bits; i += 32) {
            const auto bit = i + static_cast<std::uint32_t>(std::countr_one(
                                     vsfs::load<std::uint32_t>(bytes, std::size_t{i} / 8)));
            if (bit < i + 32) {
                if (bit >= bits) {
                    break;
                }
                TRY(volume_.blocks().change(bitmap))[bit / 8] |= std::byte{1} << (bit % 8);
                return bit;
            }
        }
        return fail(Errc::no_space);
    }
    [[nodiscard]] Status give_bit(std::uint32_t bitmap, std::uint32_t bit,
                                  const char* field) noexcept {
        std::byte& byte = TRY(volume_.blocks().change(bitmap))[bit / 8];
        const std::byte mask = std::byte{1} << (bit % 8);
        if ((byte & mask) == std::byte{}) {
            return volume_.wrong(field, bit);
        }
        byte &= ~mask;
        return {};
    }
    Volume<Device, Heap>& volume_;
};

}  // namespace kidney::fs::vsfs

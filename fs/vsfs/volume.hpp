/// A vsfs as blocks and inodes: everything below names. Each function is a part of an operation
/// (Transaction::run); none does anything by itself.
#pragma once

#include "fs/vsfs/transaction.hpp"
#include "kidney/fs/attributes.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

namespace kidney::fs::vsfs {

/// Concurrency: none; the file system's lock. Every number from the disk passes a check here before
/// it is used; one that fails it is `corrupted`, and complaint() names it.
template <BlockDevice Device, mm::ObjectAllocator Heap>
class Volume {
public:
    Volume(Heap& heap, Device& device) noexcept : device_(device), blocks_(heap, device) {}

    /// Errors: corrupted, io_error, not_supported (blocks of the device).
    [[nodiscard]] Status load() noexcept {
        if (device_.block_size() > block_size) {
            return fail(Errc::not_supported);
        }
        const auto raw = vsfs::load<Superblock>(TRY(blocks_.read(0)), 0);
        const std::uint64_t size = device_.block_count() / (block_size / device_.block_size());
        geometry_ = TRY(Geometry::create(raw, size, complaint_));
        blocks_.start(geometry_);
        if (const Status recovered = blocks_.recover(); !recovered) {
            return recovered.error() == Errc::corrupted ? wrong("log.blocks", 0) : recovered;
        }
        return {};
    }

    [[nodiscard]] const Geometry& geometry() const noexcept { return geometry_; }
    [[nodiscard]] Transaction<Device, Heap>& blocks() noexcept { return blocks_; }
    /// The last thing that was found to be wrong.
    [[nodiscard]] const Complaint& complaint() const noexcept { return complaint_; }
    [[nodiscard]] tl::unexpected<Errc> wrong(const char* field, std::uint64_t value) noexcept {
        complaint_ = {field, value};
        return fail(Errc::corrupted);
    }

    // Inodes.

    /// Of a file that exists. Error: corrupted.
    [[nodiscard]] Result<Inode> inode(std::uint32_t number) noexcept {
        const Inode inode = TRY(raw_inode(number));
        switch (inode.mode & mode_type) {
            case mode_directory:
                if (inode.size % block_size != 0 || !geometry_.is_inode(inode.parent)) {
                    return wrong("inode.parent", inode.parent);
                }
                break;
            case mode_regular:
                break;
            case mode_symlink:
                if (inode.size == 0 || inode.size >= block_size) {
                    return wrong("inode.size", inode.size);
                }
                break;
            default:
                return wrong("inode.mode", inode.mode);
        }
        return inode.size > max_file_size ? Result<Inode>(wrong("inode.size", inode.size)) : inode;
    }
    /// The same whether it exists or not.
    [[nodiscard]] Result<Inode> raw_inode(std::uint32_t number) noexcept {
        if (!geometry_.is_inode(number)) {
            return wrong("entry.inode", number);
        }
        return vsfs::load<Inode>(TRY(blocks_.read(table_block(number))), table_offset(number));
    }
    [[nodiscard]] Status put(std::uint32_t number, const Inode& inode) noexcept {
        vsfs::store(TRY(blocks_.change(table_block(number))), table_offset(number), inode);
        return {};
    }
    /// Error: no_space.
    [[nodiscard]] Result<std::uint32_t> take_inode() noexcept {
        return take_bit(geometry_.inode_bitmap(), geometry_.inode_count);
    }
    /// Gives back an inode and its blocks.
    [[nodiscard]] Status free_inode(std::uint32_t number, Inode inode) noexcept {
        TRY(shrink(inode, 0));
        TRY(put(number, Inode{}));
        return give_bit(geometry_.inode_bitmap(), number, "inode_bitmap");
    }

    // Blocks of a file.

    /// Where block `index` of a file is; 0: a hole. Errors: corrupted, io_error.
    [[nodiscard]] Result<std::uint32_t> find_block(const Inode& inode,
                                                   std::uint32_t index) noexcept {
        if (index < direct_blocks) {
            return checked(inode.direct[index], "inode.direct");
        }
        const std::uint32_t table = TRY(checked(inode.indirect, "inode.indirect"));
        if (table == 0) {
            return 0U;
        }
        return checked(pointer(TRY(blocks_.read(table)), index - direct_blocks), "indirect block");
    }
    /// The same, to be written: with new blocks where there are none. The caller stores the inode.
    /// Errors: as find_block(); no_space.
    [[nodiscard]] Result<std::span<std::byte>> make_block(Inode& inode,
                                                          std::uint32_t index) noexcept {
        if (const std::uint32_t block = TRY(find_block(inode, index)); block != 0) {
            return blocks_.change(block);
        }
        const std::uint32_t block = TRY(take_block());
        if (index < direct_blocks) {
            inode.direct[index] = block;
        } else {
            if (inode.indirect == 0) {
                inode.indirect = TRY(take_block());
                TRY(blocks_.fresh(inode.indirect));
            }
            vsfs::store(TRY(blocks_.change(inode.indirect)), (index - direct_blocks) * 4, block);
        }
        return blocks_.fresh(block);
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
                const std::span<std::byte> bytes = TRY(blocks_.change(block)).subspan(rest);
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
        if (const std::uint32_t table = TRY(checked(inode.indirect, "inode.indirect"))) {
            const std::span<const std::byte> bytes = TRY(blocks_.read(table));
            for (std::uint32_t i = 0; i < pointers_per_block; ++i) {
                used += pointer(bytes, i) != 0 ? 1U : 0U;
            }
            ++used;
        }
        return used;
    }

    // Directories.

    struct Found {
        std::uint32_t slot = 0;
        Entry entry;
    };
    /// Error: not_found.
    [[nodiscard]] Result<Found> find_entry(const Inode& directory, std::string_view name) noexcept {
        Found found;
        TRY(for_each_entry(directory, 0, [&](std::uint32_t slot, const Entry& entry) {
            if (entry.inode != 0 && entry.name() == name) {
                found = {slot, entry};
            }
            return found.entry.inode == 0;
        }));
        return found.entry.inode == 0 ? Result<Found>(fail(Errc::not_found)) : found;
    }
    /// The name must be new. The caller stores the directory's inode. Errors: no_space,
    /// name_too_long.
    [[nodiscard]] Status add_entry(Inode& directory, std::string_view name, std::uint32_t inode,
                                   std::uint16_t mode) noexcept {
        if (name.size() > Entry::max_name) {
            return fail(Errc::name_too_long);
        }
        auto slot = static_cast<std::uint32_t>(directory.size / sizeof(Entry));
        TRY(for_each_entry(directory, 0, [&](std::uint32_t at, const Entry& entry) {
            slot = entry.inode == 0 ? at : slot;
            return entry.inode != 0;
        }));
        if (slot / entries_per_block >= max_file_blocks) {
            return fail(Errc::no_space);
        }
        Entry entry{.inode = inode,
                    .length = static_cast<std::uint8_t>(name.size()),
                    .type = static_cast<std::uint8_t>(mode >> 12)};
        std::memcpy(entry.bytes.data(), name.data(), name.size());
        directory.size = std::max<std::uint64_t>(
            directory.size, std::uint64_t{slot / entries_per_block + 1} * block_size);
        return put_entry(directory, slot, entry);
    }
    [[nodiscard]] Status put_entry(Inode& directory, std::uint32_t slot,
                                   const Entry& entry) noexcept {
        const std::span<std::byte> bytes = TRY(make_block(directory, slot / entries_per_block));
        vsfs::store(bytes, slot % entries_per_block * sizeof(Entry), entry);
        return {};
    }
    [[nodiscard]] Result<bool> is_empty(const Inode& directory) noexcept {
        bool empty = true;
        TRY(for_each_entry(directory, 0, [&](std::uint32_t, const Entry& entry) {
            empty = entry.inode == 0;
            return empty;
        }));
        return empty;
    }
    /// Calls `visit(slot, entry)` from slot `first` on, unused ones too, until it answers false.
    /// The visitor may read blocks.
    template <class Visit>
    [[nodiscard]] Status for_each_entry(const Inode& directory, std::uint32_t first,
                                        Visit&& visit) noexcept {
        const auto slots = static_cast<std::uint32_t>(directory.size / sizeof(Entry));
        for (std::uint32_t slot = first; slot < slots; ++slot) {
            const std::uint32_t block = TRY(find_block(directory, slot / entries_per_block));
            if (block == 0) {
                return wrong("directory block", 0);
            }
            const auto entry = vsfs::load<Entry>(TRY(blocks_.read(block)),
                                                 slot % entries_per_block * sizeof(Entry));
            if (entry.inode != 0) {
                TRY(check(entry));
            }
            if (!visit(slot, entry)) {
                return {};
            }
        }
        return {};
    }

    [[nodiscard]] Result<std::uint32_t> free_blocks() noexcept {
        return count_free(geometry_.data_bitmap(), geometry_.data_blocks());
    }
    [[nodiscard]] Result<std::uint32_t> free_inodes() noexcept {
        return count_free(geometry_.inode_bitmap(), geometry_.inode_count);
    }

private:
    [[nodiscard]] std::uint32_t table_block(std::uint32_t inode) const noexcept {
        return geometry_.inode_table() + inode / inodes_per_block;
    }
    [[nodiscard]] static std::size_t table_offset(std::uint32_t inode) noexcept {
        return inode % inodes_per_block * sizeof(Inode);
    }
    [[nodiscard]] static std::uint32_t pointer(std::span<const std::byte> table,
                                               std::uint32_t index) noexcept {
        return vsfs::load<std::uint32_t>(table, std::size_t{index} * 4);
    }
    /// The one door for block numbers from the disk.
    [[nodiscard]] Result<std::uint32_t> checked(std::uint32_t block, const char* field) noexcept {
        return block == 0 || geometry_.is_data(block) ? Result<std::uint32_t>(block)
                                                      : wrong(field, block);
    }
    [[nodiscard]] Status check(const Entry& entry) noexcept {
        if (!geometry_.is_inode(entry.inode)) {
            return wrong("entry.inode", entry.inode);
        }
        if (entry.length == 0 || entry.length > Entry::max_name) {
            return wrong("entry.length", entry.length);
        }
        for (const char c : entry.name()) {
            if (c == '/' || c == '\0') {
                return wrong("entry.name", static_cast<unsigned char>(c));
            }
        }
        return entry.name() == "." || entry.name() == ".." ? Status(wrong("entry.name", '.'))
                                                           : Status();
    }

    [[nodiscard]] Result<std::uint32_t> take_block() noexcept {
        return TRY(take_bit(geometry_.data_bitmap(), geometry_.data_blocks())) +
               geometry_.data_start();
    }
    /// Frees a block, and forgets its number.
    [[nodiscard]] Status drop(std::uint32_t& block) noexcept {
        const std::uint32_t old = TRY(checked(std::exchange(block, 0), "inode.direct"));
        return old == 0
                   ? Status()
                   : give_bit(geometry_.data_bitmap(), old - geometry_.data_start(), "data_bitmap");
    }
    [[nodiscard]] Status shrink_indirect(Inode& inode, std::uint32_t keep) noexcept {
        const std::uint32_t table = TRY(checked(inode.indirect, "inode.indirect"));
        const std::span<std::byte> bytes = TRY(blocks_.change(table));
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
        const std::span<const std::byte> bytes = TRY(blocks_.read(bitmap));
        for (std::uint32_t i = 0; i < bits; i += 32) {
            const auto bit = i + static_cast<std::uint32_t>(std::countr_one(
                                     vsfs::load<std::uint32_t>(bytes, std::size_t{i} / 8)));
            if (bit < i + 32) {
                if (bit >= bits) {
                    break;
                }
                TRY(blocks_.change(bitmap))[bit / 8] |= std::byte{1} << (bit % 8);
                return bit;
            }
        }
        return fail(Errc::no_space);
    }
    [[nodiscard]] Status give_bit(std::uint32_t bitmap, std::uint32_t bit,
                                  const char* field) noexcept {
        std::byte& byte = TRY(blocks_.change(bitmap))[bit / 8];
        const std::byte mask = std::byte{1} << (bit % 8);
        if ((byte & mask) == std::byte{}) {
            return wrong(field, bit);
        }
        byte &= ~mask;
        return {};
    }
    [[nodiscard]] Result<std::uint32_t> count_free(std::uint32_t bitmap,
                                                   std::uint32_t bits) noexcept {
        const std::span<const std::byte> bytes = TRY(blocks_.read(bitmap));
        std::uint32_t used = 0;
        for (std::uint32_t i = 0; i < bits; ++i) {
            used += std::to_integer<std::uint32_t>(bytes[i / 8] >> (i % 8) & std::byte{1});
        }
        return bits - used;
    }

    Device& device_;
    Geometry geometry_;
    Transaction<Device, Heap> blocks_;
    Complaint complaint_;
};

}  // namespace kidney::fs::vsfs

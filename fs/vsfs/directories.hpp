/// Directories: an array of entries in the blocks of a file.
#pragma once

#include "fs/vsfs/files.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace kidney::fs::vsfs {

/// As Files: parts of an operation.
template <BlockDevice Device, mm::ObjectAllocator Heap>
class Directories {
public:
    Directories(Volume<Device, Heap>& volume, Files<Device, Heap>& files) noexcept
        : volume_(volume), files_(files) {}

    struct Found {
        std::uint32_t slot = 0;
        Entry entry;
    };
    /// Error: not_found.
    [[nodiscard]] Result<Found> find(const Inode& directory, std::string_view name) noexcept {
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
    [[nodiscard]] Status add(Inode& directory, std::string_view name, std::uint32_t inode,
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
        return put(directory, slot, entry);
    }
    [[nodiscard]] Status put(Inode& directory, std::uint32_t slot, const Entry& entry) noexcept {
        const std::span<std::byte> bytes =
            TRY(files_.make_block(directory, slot / entries_per_block));
        vsfs::store(bytes, slot % entries_per_block * sizeof(Entry), entry);
        return {};
    }
    [[nodiscard]] Result<bool> is_empty(const Inode& directory) noexcept {
        bool has_name = false;
        TRY(for_each_entry(directory, 0, [&](std::uint32_t, const Entry& entry) {
            has_name = entry.inode != 0;
            return !has_name;
        }));
        return !has_name;
    }
    /// Calls `visit(slot, entry)` from slot `first` on, unused ones too, until it answers false.
    /// The visitor may read blocks.
    template <class Visit>
    [[nodiscard]] Status for_each_entry(const Inode& directory, std::uint32_t first,
                                        Visit&& visit) noexcept {
        const auto slots = static_cast<std::uint32_t>(directory.size / sizeof(Entry));
        for (std::uint32_t slot = first; slot < slots; ++slot) {
            const std::uint32_t block = TRY(files_.find_block(directory, slot / entries_per_block));
            if (block == 0) {
                return volume_.wrong("directory block", 0);
            }
            const auto entry = vsfs::load<Entry>(TRY(volume_.blocks().read(block)),
                                                 slot % entries_per_block * sizeof(Entry));
            if (entry.inode != 0) {
                TRY(volume_.check(entry));
            }
            if (!visit(slot, entry)) {
                return {};
            }
        }
        return {};
    }

private:
    Volume<Device, Heap>& volume_;
    Files<Device, Heap>& files_;
};

}  // namespace kidney::fs::vsfs

/// What is in an image: a partition table, file systems, or nothing.
#pragma once

#include "fs/disk_format.hpp"
#include "fs/partitions/partition_table.hpp"
#include "tools/disk/image_file.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace kidney::image {

using Format = fs::DiskFormat;
[[nodiscard]] const char* to_string(Format format) noexcept;

/// What begins every identity that we give: a disk's, an ext2's, a kfs'. A FAT has it in capitals
/// as its maker's name, a partition table also as text in its first block.
inline constexpr std::string_view our_mark = "kidneyOS";
inline constexpr std::string_view our_fat_mark = "KIDNEYOS";
inline constexpr std::size_t table_mark_at = 432;  ///< the end of the code for a BIOS

/// fs::disk_format(); unknown if it cannot be read.
[[nodiscard]] Format format_of(ImageFile& image);

/// The table of the whole file. A file system whose first block looks like an empty table is none.
/// Errors: io_error, corrupted.
[[nodiscard]] Status read_table(ImageFile& image, fs::PartitionTable& table);

/// May it be made anew? It is blank, or one of ours: we have made it, or it holds a file system
/// that nobody else makes.
[[nodiscard]] bool may_be_replaced(ImageFile& image);

/// A file, and perhaps a partition of it: `disk.img`, `disk.img:2`.
struct ImageName {
    std::string path;
    std::uint32_t part = 0;  ///< 0: none is named
    [[nodiscard]] static ImageName of(const std::string& text);
    [[nodiscard]] std::string text() const;
};

/// Opens it and shows the part that is named. Complaints: as open(), that there is no such part, or
/// that one must be named.
[[nodiscard]] std::string open_part(ImageFile& image, const ImageName& name, ImageFile::Use use);

}  // namespace kidney::image

/// How file systems are made.
#pragma once

#include "tools/disk/contents.hpp"
#include "tools/disk/image_file.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace kidney::image {

/// One that shall be, as `--format` and `--part` name it.
struct NewSystem {
    Format format = Format::unknown;  ///< unknown: an empty partition
    std::string fat_bits;             ///< "12", "16", "32"; empty: as its size wants it
    std::uint64_t bytes = 0;          ///< of the partition; 0: the rest
    std::uint64_t inodes = 0;         ///< 0: as the file system has it
    std::uint64_t log_blocks = 0;     ///< likewise
};

/// kfs, vsfs, ext2, fat, fat12, fat16, fat32, none. False: it is none of them.
[[nodiscard]] bool set_format(NewSystem& system, const std::string& name);

/// In what the image shows. ext2 and FAT are made by the programs that everybody uses. Returns what
/// is wrong, in words; empty: nothing.
[[nodiscard]] std::string make_system(ImageFile& image, const NewSystem& system);

/// 16 bytes with our mark, else by chance.
[[nodiscard]] std::array<std::uint8_t, 16> new_identity();

/// Runs a program of this machine. `output` gets what it says. Returns its exit status; 127: there
/// is no such program.
int run_program(const std::vector<std::string>& command, std::string& output);

}  // namespace kidney::image

#include "tools/disk/contents.hpp"

#include "fs/disk_format.hpp"
#include "fs/partitions/read_partitions.hpp"
#include "tools/disk/complaint.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>

namespace kidney::image {
namespace {

constexpr std::size_t ext2_identity_at = fs::ext2::superblock_offset + 104;
using Head = std::array<std::byte, 4096>;

/// The first bytes of what is shown; zeros behind its end.
std::optional<Head> head_of(ImageFile& image) {
    Head head{};
    const auto blocks = std::min<std::uint64_t>(image.block_count(), head.size() / sector_size);
    const auto part = std::span(head).first(static_cast<std::size_t>(blocks) * sector_size);
    return image.read(fs::BlockIndex(0), part) ? std::optional(head) : std::nullopt;
}
bool has_text(const Head& head, std::size_t at, std::string_view text) {
    return std::memcmp(head.data() + at, text.data(), text.size()) == 0;
}
}  // namespace

const char* to_string(Format format) noexcept {
    constexpr std::array names{"unknown", "kfs", "vsfs", "ext2", "fat"};
    return names[static_cast<std::size_t>(format)];
}

Format format_of(ImageFile& image) {
    const auto head = head_of(image);
    return head ? fs::disk_format(*head) : Format::unknown;
}

Status read_table(ImageFile& image, fs::PartitionTable& table) {
    std::array<std::byte, sector_size> block{};
    const Status read = fs::read_partition_table(image, block, table);
    if (table.scheme == fs::PartitionScheme::mbr && table.partitions.size() == 0 &&
        format_of(image) != Format::unknown) {
        table = {};
    }
    return read;
}

bool may_be_replaced(ImageFile& image) {
    if (image.is_blank()) {
        return true;
    }
    const auto head = head_of(image);
    if (!head) {
        return false;
    }
    fs::PartitionTable table;
    if (!read_table(image, table) || table.scheme != fs::PartitionScheme::none) {
        return has_text(*head, table_mark_at, our_mark);
    }
    switch (format_of(image)) {
        case Format::kfs:
        case Format::vsfs:
            return true;
        case Format::ext2:
            return has_text(*head, ext2_identity_at, our_mark);
        case Format::fat:
            return has_text(*head, offsetof(fs::fat::RawBoot, maker), our_fat_mark);
        case Format::unknown:
            break;
    }
    return false;
}

ImageName ImageName::of(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    std::error_code error;
    if (colon == std::string::npos || std::filesystem::exists(text, error)) {
        return {text};
    }
    ImageName name{text.substr(0, colon)};
    const char* const end = text.data() + text.size();
    const auto [stop, wrong] = std::from_chars(text.data() + colon + 1, end, name.part);
    return wrong == std::errc() && stop == end && name.part > 0 ? name : ImageName{text};
}

std::string ImageName::text() const {
    return part == 0 ? path : path + ":" + std::to_string(part);
}

std::string open_part(ImageFile& image, const ImageName& name, ImageFile::Use use) {
    if (const std::string wrong = image.open(name.path, use); !wrong.empty()) {
        return wrong;
    }
    fs::PartitionTable table;
    if (const Status read = read_table(image, table); !read) {
        return "its partition table is damaged: " + in_words(read.error());
    }
    if (name.part == 0) {
        return table.partitions.size() == 0
                   ? std::string()
                   : "it has partitions: name one, as in " + name.path + ":" +
                         std::to_string(table.partitions.view()[0].number);
    }
    for (const fs::Partition& p : table.partitions.view()) {
        if (p.number == name.part) {
            image.narrow(p.run);
            return {};
        }
    }
    return "there is no such partition";
}

}  // namespace kidney::image

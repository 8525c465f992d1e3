/// Why a disk cannot be mounted, in words a user can act on. Geometry decides; this explains.
#pragma once

#include "fs/ext2/format.hpp"
#include "kidney/core/bounded.hpp"

#include <cstdint>
#include <string_view>

namespace kidney::fs::ext2 {

/// Long enough for every text below.
using RefusalText = BoundedText<160>;

/// An incompatible feature by the name that mke2fs(8) and tune2fs(8) give it.
struct FeatureName {
    std::uint32_t bit;
    std::string_view name;
};
inline constexpr FeatureName incompatible_features[] = {
    {0x1, "compression"},  {0x2, "filetype"},       {0x4, "needs_recovery"},
    {0x8, "journal_dev"},  {0x10, "meta_bg"},       {0x40, "extent"},
    {0x80, "64bit"},       {0x100, "mmp"},          {0x200, "flex_bg"},
    {0x400, "ea_inode"},   {0x1000, "dirdata"},     {0x2000, "metadata_csum_seed"},
    {0x4000, "large_dir"}, {0x8000, "inline_data"}, {0x10000, "encrypt"},
    {0x20000, "casefold"},
};

/// Names the features in `bits`; one without a name is counted among "others".
constexpr void append_features(RefusalText& to, std::uint32_t bits) noexcept {
    std::string_view separator;
    for (const FeatureName& feature : incompatible_features) {
        if ((bits & feature.bit) != 0) {
            to.append(separator);
            to.append(feature.name);
            separator = ", ";
            bits &= ~feature.bit;
        }
    }
    if (bits != 0) {
        to.append(separator);
        to.append("others that are newer");
    }
}

/// What stands in the way of mounting `raw`, for a disk that Geometry::create refused.
[[nodiscard]] inline RefusalText explain_refusal(const RawSuperblock& raw) noexcept {
    RefusalText text;
    if (raw.magic != magic) {
        text.append("it holds no ext2 file system");
    } else if (raw.revision > 1) {
        text.append("its revision is newer than 1");
    } else if (raw.log_block_size > 2) {
        text.append("its blocks are larger than 4096 bytes");
    } else if (raw.revision == 1 && (raw.incompatible & ~feature_entry_types) != 0) {
        text.append("it uses features that are not supported: ");
        append_features(text, raw.incompatible & ~feature_entry_types);
        text.append("; make it with mke2fs -t ext2");
    } else {
        text.append("its superblock contradicts itself or the size of the disk");
    }
    return text;
}

}  // namespace kidney::fs::ext2

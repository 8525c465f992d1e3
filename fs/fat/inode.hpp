/// What an entry says of a file or directory, in memory.
#pragma once

#include "fs/fat/format.hpp"
#include "fs/fat/text/stamps.hpp"
#include "kidney/fs/attributes.hpp"

#include <cstdint>

namespace kidney::fs::fat {

/// Where an entry is: its sector on the disk, and the slot of the sector.
struct EntryPlace {
    std::uint64_t sector = 0;
    std::uint32_t slot = 0;
    friend constexpr bool operator==(const EntryPlace&, const EntryPlace&) noexcept = default;
};

/// `Chain` are its clusters, of which the node has the only copy.
template <class Chain>
struct BasicInode {
    NodeType type = NodeType::regular;
    Permissions permissions;
    std::uint32_t uid = 0, gid = 0;
    std::uint32_t links = 1;  ///< 0: it was removed
    std::uint64_t size = 0;   ///< of a directory: 0, as the format wants it
    std::uint32_t sectors = 0;
    DeviceNumber rdev;
    FileTime accessed, modified, changed;
    FileTime born;
    bool is_read_only = false;  ///< the attribute
    Chain* chain = nullptr;
};

[[nodiscard]] inline std::uint32_t first_cluster_of(const RawEntry& raw, bool is_fat32) noexcept {
    return raw.first_low | (is_fat32 ? std::uint32_t{raw.first_high} << 16 : 0U);
}
inline void set_first_cluster(RawEntry& raw, std::uint32_t cluster) noexcept {
    raw.first_low = static_cast<std::uint16_t>(cluster);
    raw.first_high = static_cast<std::uint16_t>(cluster >> 16);
}

inline void put_times(RawEntry& raw, const FileTime& accessed, const FileTime& modified) noexcept {
    const Stamp written = stamp_of(modified);
    raw.date = written.date;
    raw.time = written.time;
    raw.access_date = stamp_of(accessed).date;
}
inline void put_birth(RawEntry& raw, const FileTime& born) noexcept {
    const Stamp stamp = stamp_of(born);
    raw.born_date = stamp.date;
    raw.born_time = stamp.time;
    raw.born_hundredths =
        static_cast<std::uint8_t>((born.seconds & 1) * 100 + born.nanoseconds / 10'000'000);
}
[[nodiscard]] inline FileTime birth_of(const RawEntry& raw) noexcept {
    FileTime born = time_of({raw.born_date, raw.born_time});
    const unsigned hundredths = raw.born_hundredths < 200 ? unsigned{raw.born_hundredths} : 0U;
    born.seconds += hundredths / 100;
    born.nanoseconds = hundredths % 100 * 10'000'000;
    return born;
}

}  // namespace kidney::fs::fat

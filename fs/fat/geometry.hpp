/// What a boot sector says, checked number by number: from here on it can be computed with.
#pragma once

#include "fs/fat/format.hpp"
#include "kidney/core/address.hpp"
#include "kidney/core/bounded.hpp"
#include "kidney/core/format.hpp"
#include "kidney/core/result.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string_view>

namespace kidney::fs::fat {

/// Why a disk cannot be mounted: the field and its value. Long enough for every text below.
struct RefusalText : BoundedText<160> {
    void write(std::string_view text) noexcept { append(text); }
};

struct Geometry {
    std::uint32_t bits = 0;  ///< of an entry of the table: 12, 16 or 32
    std::uint32_t sector_size = 0;
    std::uint32_t cluster_size = 0;         ///< bytes
    std::uint32_t sectors_per_cluster = 0;  ///< a power of two
    std::uint32_t table_first = 0;          ///< sector
    std::uint32_t table_sectors = 0;
    std::uint32_t tables = 0;        ///< 1 or 2
    std::uint32_t root_first = 0;    ///< sector; 0 in FAT32
    std::uint32_t root_sectors = 0;  ///< 0 in FAT32
    std::uint32_t root_cluster = 0;  ///< 0 but in FAT32
    std::uint32_t info_sector = 0;   ///< 0: there is none
    std::uint32_t data_first = 0;    ///< sector of cluster 2
    std::uint32_t clusters = 0;      ///< of data; their numbers are 2 .. clusters + 1
    std::uint32_t block_size = 0;    ///< what clusters consist of and the disk is aligned to

    /// `why` tells what is wrong. Errors: corrupted, not_supported.
    [[nodiscard]] static Result<Geometry> create(const RawBoot& raw, std::uint64_t device_bytes,
                                                 std::uint32_t device_block,
                                                 RefusalText& why) noexcept {
        Geometry g;
        TRY(g.read_sizes(raw, device_block, why));
        TRY(g.read_tables(raw, why));
        const std::uint32_t sectors = raw.sectors16 != 0 ? raw.sectors16 : raw.sectors32;
        TRY(g.read_data(sectors, device_bytes, why));
        return g.is_fat32(raw) ? g.read_fat32(raw, why) : g.read_fat16(raw, why);
    }

    /// The one door for numbers of clusters from the disk.
    [[nodiscard]] bool is_cluster(std::uint32_t number) const noexcept {
        return number - first_cluster < clusters;
    }
    [[nodiscard]] std::uint32_t end_cluster() const noexcept { return clusters + first_cluster; }
    [[nodiscard]] std::uint64_t sector_of(std::uint32_t cluster) const noexcept {
        return data_first + std::uint64_t{cluster - first_cluster} * sectors_per_cluster;
    }
    [[nodiscard]] std::uint32_t blocks_per_cluster() const noexcept {
        return cluster_size / block_size;
    }
    [[nodiscard]] std::uint32_t slots_per_sector() const noexcept {
        return sector_size / static_cast<std::uint32_t>(slot_size);
    }
    /// Clusters that so many bytes take.
    [[nodiscard]] std::uint32_t clusters_for(std::uint64_t bytes) const noexcept {
        return static_cast<std::uint32_t>((bytes + cluster_size - 1) / cluster_size);
    }
    /// What marks the last cluster of a chain, in the bits of an entry.
    [[nodiscard]] std::uint32_t end_mark() const noexcept {
        return bits == 32 ? 0x0FFF'FFFF : (1U << bits) - 1;
    }
    /// What is this or larger ends a chain.
    [[nodiscard]] std::uint32_t smallest_end_mark() const noexcept { return end_mark() - 7; }

private:
    template <class... Values>
    [[nodiscard]] static Status refuse(RefusalText& why, Errc error, const char* field,
                                       std::uint64_t value, const char* wanted) noexcept {
        why.assign("");
        format_to(why, "{} is {}, and must be {}", field, value, wanted);
        return fail(error);
    }
    /// Without the small field for the size of a table the boot sector has the fields of FAT32.
    [[nodiscard]] static bool is_fat32(const RawBoot& raw) noexcept {
        return raw.table_sectors16 == 0;
    }

    [[nodiscard]] Status read_sizes(const RawBoot& raw, std::uint32_t device_block,
                                    RefusalText& why) noexcept {
        sector_size = raw.sector_bytes;
        if (!std::has_single_bit(sector_size) || sector_size < 512 || sector_size > page_size) {
            return refuse(why, Errc::corrupted, "bytes per sector", sector_size,
                          "512, 1024, 2048 or 4096");
        }
        sectors_per_cluster = raw.sectors_per_cluster;
        if (!std::has_single_bit(sectors_per_cluster)) {
            return refuse(why, Errc::corrupted, "sectors per cluster", sectors_per_cluster,
                          "a power of two");
        }
        if (raw.media != 0xF0 && raw.media < 0xF8) {
            return refuse(why, Errc::corrupted, "the media byte", std::uint8_t{raw.media},
                          "240 or at least 248");
        }
        if (sector_size % device_block != 0) {
            return refuse(why, Errc::not_supported, "bytes per sector", sector_size,
                          "a multiple of the disk's blocks");
        }
        cluster_size = sector_size * sectors_per_cluster;
        if (cluster_size > most_cluster_bytes) {
            return refuse(why, Errc::not_supported, "bytes per cluster", cluster_size,
                          "262144 at most");
        }
        return {};
    }
    [[nodiscard]] Status read_tables(const RawBoot& raw, RefusalText& why) noexcept {
        table_first = raw.reserved_sectors;
        if (table_first == 0) {
            return refuse(why, Errc::corrupted, "reserved sectors", 0, "1 at least");
        }
        tables = raw.tables;
        if (tables == 0 || tables > 2) {
            return refuse(why, tables == 0 ? Errc::corrupted : Errc::not_supported,
                          "the number of tables", tables, "1 or 2");
        }
        table_sectors = is_fat32(raw) ? raw.table_sectors32 : std::uint32_t{raw.table_sectors16};
        if (table_sectors == 0) {
            return refuse(why, Errc::corrupted, "sectors per table", 0, "1 at least");
        }
        const std::uint32_t root_entries = raw.root_entries;
        if (root_entries * slot_size % sector_size != 0 || (root_entries == 0) != is_fat32(raw)) {
            return refuse(why, Errc::corrupted, "root directory entries", root_entries,
                          is_fat32(raw) ? "0 in FAT32" : "whole sectors, one at least");
        }
        root_sectors = root_entries * static_cast<std::uint32_t>(slot_size) / sector_size;
        return {};
    }
    [[nodiscard]] Status read_data(std::uint32_t sectors, std::uint64_t device_bytes,
                                   RefusalText& why) noexcept {
        if (std::uint64_t{sectors} * sector_size > device_bytes) {
            return refuse(why, Errc::corrupted, "the number of sectors", sectors,
                          "no more than the disk has");
        }
        const std::uint64_t before =
            table_first + std::uint64_t{tables} * table_sectors + root_sectors;
        if (before + sectors_per_cluster > sectors) {
            return refuse(why, Errc::corrupted, "the number of sectors", sectors,
                          "enough for the tables, the root directory and one cluster");
        }
        root_first = root_sectors == 0 ? 0 : static_cast<std::uint32_t>(before) - root_sectors;
        data_first = static_cast<std::uint32_t>(before);
        clusters = (sectors - data_first) / sectors_per_cluster;
        const std::uint64_t data_bytes = std::uint64_t{data_first} * sector_size;
        block_size = static_cast<std::uint32_t>(
            std::min({std::uint64_t{page_size}, std::uint64_t{cluster_size},
                      data_bytes & (~data_bytes + 1)}));
        return {};
    }
    [[nodiscard]] Result<Geometry> read_fat16(const RawBoot&, RefusalText& why) noexcept {
        constexpr std::uint32_t most12 = 4084;
        constexpr std::uint32_t most16 = 65524;
        bits = clusters <= most12 ? 12 : 16;
        if (clusters > most16) {
            TRY(refuse(why, Errc::corrupted, "the number of clusters", clusters,
                       "65524 at most in FAT16"));
        }
        TRY(finish(why));
        return *this;
    }
    [[nodiscard]] Result<Geometry> read_fat32(const RawBoot& raw, RefusalText& why) noexcept {
        constexpr std::uint32_t most32 = 0x0FFF'FFF5;
        bits = 32;
        if (raw.version != 0) {
            TRY(refuse(why, Errc::not_supported, "the version of FAT32", std::uint16_t{raw.version},
                       "0"));
        }
        if ((raw.flags & flag_one_table) != 0) {
            TRY(refuse(why, Errc::not_supported, "the field of flags", std::uint16_t{raw.flags},
                       "one that keeps all tables alike"));
        }
        clusters = std::min(clusters, most32);
        TRY(finish(why));
        root_cluster = raw.root_cluster;
        if (!is_cluster(root_cluster)) {
            TRY(refuse(why, Errc::corrupted, "the root directory's cluster", root_cluster,
                       "one of the data"));
        }
        const std::uint32_t info = raw.info_sector;
        info_sector = info < table_first ? info : 0;
        return *this;
    }
    /// A table that is too small has no entries for the clusters at the end.
    [[nodiscard]] Status finish(RefusalText& why) noexcept {
        const std::uint64_t entries = std::uint64_t{table_sectors} * sector_size * 8 / bits;
        const auto usable = entries < first_cluster ? 0 : entries - first_cluster;
        clusters = static_cast<std::uint32_t>(std::min<std::uint64_t>(clusters, usable));
        return clusters == 0 ? refuse(why, Errc::corrupted, "sectors per table", table_sectors,
                                      "enough for one cluster")
                             : Status();
    }

    static constexpr std::uint32_t most_cluster_bytes = 256 * 1024;
};

}  // namespace kidney::fs::fat

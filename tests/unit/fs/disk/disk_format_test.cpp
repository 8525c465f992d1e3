#include "fs/disk_format.hpp"

#include <gtest/gtest.h>

#include <array>
#include <initializer_list>
#include <utility>

namespace kidney::fs {
namespace {

using Bytes = std::initializer_list<std::pair<std::size_t, unsigned>>;

/// Zeros, but for these bytes.
DiskFormat format_of(Bytes bytes) {
    std::array<std::byte, 4096> head{};
    for (const auto& [at, value] : bytes) {
        head[at] = static_cast<std::byte>(value);
    }
    return disk_format(head);
}

TEST(DiskFormat, IsToldByMagicNumbers) {
    EXPECT_EQ(format_of({{0, 'K'}, {1, 'F'}, {2, 'S'}, {3, '1'}}), DiskFormat::kfs);
    EXPECT_EQ(format_of({{0, 'V'}, {1, 'S'}, {2, 'F'}, {3, 'S'}}), DiskFormat::vsfs);
    EXPECT_EQ(format_of({{1080, 0x53}, {1081, 0xEF}}), DiskFormat::ext2);
    EXPECT_EQ(format_of({}), DiskFormat::unknown);
    EXPECT_EQ(format_of({{0, 'K'}, {1, 'F'}, {2, 'S'}, {3, '2'}}), DiskFormat::unknown);
}

/// 512-byte sectors, one of them a cluster and one reserved, two tables.
constexpr std::pair<std::size_t, unsigned> jump{0, 0xEB}, sector{12, 2}, cluster{13, 1},
    reserved{14, 1}, tables{16, 2};

TEST(DiskFormat, AFatHasAllFieldsOfABootSector) {
    EXPECT_EQ(format_of({jump, sector, cluster, reserved, tables}), DiskFormat::fat);
    EXPECT_EQ(format_of({{0, 0xE9}, sector, cluster, reserved, {16, 1}}), DiskFormat::fat);
    EXPECT_EQ(format_of({sector, cluster, reserved, tables}), DiskFormat::unknown);
    EXPECT_EQ(format_of({jump, {12, 1}, cluster, reserved, tables}), DiskFormat::unknown);
    EXPECT_EQ(format_of({jump, {12, 32}, cluster, reserved, tables}), DiskFormat::unknown);
    EXPECT_EQ(format_of({jump, {12, 3}, cluster, reserved, tables}), DiskFormat::unknown);
    EXPECT_EQ(format_of({jump, sector, {13, 3}, reserved, tables}), DiskFormat::unknown);
    EXPECT_EQ(format_of({jump, sector, reserved, tables}), DiskFormat::unknown);
    EXPECT_EQ(format_of({jump, sector, cluster, tables}), DiskFormat::unknown);
    EXPECT_EQ(format_of({jump, sector, cluster, reserved, {16, 3}}), DiskFormat::unknown);
}

TEST(DiskFormat, WhatABootLoaderPutBeforeAnExt2IsNoFat) {
    EXPECT_EQ(format_of({jump, sector, cluster, reserved, tables, {1080, 0x53}, {1081, 0xEF}}),
              DiskFormat::ext2);
}

}  // namespace
}  // namespace kidney::fs

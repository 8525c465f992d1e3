/// Large writes where what is free, or what the file has already, comes in pieces.
#pragma once

#include "tests/unit/fs/volume_under_test.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace kidney::fs_test {

/// Files of which every other one went leave a disk in pieces; a large one takes them. Then one
/// write covers blocks that are there and, where the format has holes, blocks that are not.
template <class Volume>
void write_over_pieces(Volume& v) {
    constexpr std::size_t large = 150'000;
    constexpr unsigned files = 48;
    const std::size_t block = v.fs().block_size();
    const auto name = [](unsigned n) { return "P" + std::to_string(n); };
    for (unsigned n = 0; n < files; ++n) {
        ASSERT_TRUE(v.write(name(n), pattern(block * (1 + n % 3), n)));
    }
    for (unsigned n = 0; n < files; n += 2) {
        ASSERT_TRUE(v.unlink(name(n)));
    }
    ASSERT_TRUE(v.fs().sync());
    ASSERT_TRUE(v.fs().sync());  // what was removed is free on the disk
    ASSERT_TRUE(v.write("LARGE", pattern(large, 1)));
    ASSERT_TRUE(v.write("HOLES", pattern(100, 2)));
    for (std::uint64_t at = 3 * block; at < large; at += 5 * block) {
        ASSERT_TRUE(v.write("HOLES", pattern(block + 10, 3), at));
    }
    ASSERT_TRUE(v.fs().sync());
    ASSERT_TRUE(v.write("HOLES", pattern(large, 4), block / 2));
    v.cache().reclaim(~std::size_t{0});
    ASSERT_TRUE(v.fs().sync());
    v.cache().reclaim(~std::size_t{0});
    EXPECT_EQ(v.read("LARGE").value_or(""), pattern(large, 1));
    EXPECT_EQ(v.read("HOLES").value_or("").substr(block / 2, large), pattern(large, 4));
    EXPECT_EQ(v.read("HOLES").value_or("").substr(0, 100), pattern(100, 2));
    for (unsigned n = 1; n < files; n += 2) {
        EXPECT_EQ(v.read(name(n)).value_or(""), pattern(block * (1 + n % 3), n)) << n;
    }
}

}  // namespace kidney::fs_test

/// More changes than memory can hold: a file system brings some of them home, and goes on.
#include "tests/unit/fs/ext2_image.hpp"
#include "tests/unit/fs/fat/fat_image.hpp"
#include "tests/unit/fs/kfs/kfs_disk.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kidney::fs_test {
namespace {

using Disk = fakes::FakeDisk;
constexpr std::uint32_t pages = 64;
constexpr unsigned files = 300;

std::string name_of(unsigned n) {
    return "d" + std::to_string(n % 10) + "/" + std::to_string(n);
}

/// Nobody syncs: 300 files of two pages in 64 pages of memory.
template <class Volume>
void fill_and_read_back(Disk& disk) {
    World world(pages);
    {
        Volume v(world, disk);
        ASSERT_TRUE(v.fs().mount());
        for (unsigned n = 0; n < 10; ++n) {
            ASSERT_TRUE(v.mkdir("d" + std::to_string(n)));
        }
        for (unsigned n = 0; n < files; ++n) {
            const Status written = v.write(name_of(n), pattern(6000, n));
            ASSERT_TRUE(written) << n << ": " << to_string(written.error());
        }
        for (unsigned n = 0; n < files; n += 2) {
            const Status unlinked = v.unlink(name_of(n));
            ASSERT_TRUE(unlinked) << n << ": " << to_string(unlinked.error());
        }
        ASSERT_TRUE(v.fs().unmount());
    }
    EXPECT_TRUE(world.is_clean());
    Volume again(world, disk);
    ASSERT_TRUE(again.fs().mount());
    for (unsigned n = 0; n < files; ++n) {
        if (n % 2 == 0) {
            ASSERT_EQ(again.at(name_of(n)).error(), Errc::not_found) << n;
        } else {
            ASSERT_EQ(again.read(name_of(n)).value_or("unread"), pattern(6000, n)) << n;
        }
    }
    ASSERT_TRUE(again.fs().unmount());
}

TEST(SmallMemory, KfsBringsHomeWhatItCannotKeep) {
    Disk disk(16'384, 512);
    ASSERT_TRUE(make_kfs(disk));
    fill_and_read_back<KfsUnderTest<Disk>>(disk);
    EXPECT_EQ(kfs_complaints(disk), "");
}

TEST(SmallMemory, Ext2BringsHomeWhatItCannotKeep) {
    const TemporaryDirectory empty;
    const std::vector<std::byte> image = make_image(empty.path(), 1024, "8M", "-N 512");
    if (image.empty()) {
        GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
    }
    Disk disk(image, 512);
    fill_and_read_back<Ext2UnderTest<Disk>>(disk);
    EXPECT_EQ(check_image(disk.bytes()), "");
}

TEST(SmallMemory, FatBringsHomeWhatItCannotKeep) {
    const std::vector<std::byte> image = make_fat({16, 1, "8M"});
    if (image.empty()) {
        GTEST_SKIP() << "mkfs.fat (dosfstools) is not installed";
    }
    Disk disk(image, 512);
    fill_and_read_back<FatUnderTest<Disk>>(disk);
    EXPECT_EQ(check_fat(disk.bytes()), "");
}

}  // namespace
}  // namespace kidney::fs_test

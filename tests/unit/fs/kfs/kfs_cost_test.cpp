/// What single operations of kfs ask of a disk, exactly; the goals are those of the decision record
/// (0033). Many of them in a row, and the other file systems: ../costs.
#include "tests/fakes/counting_disk.hpp"
#include "tests/unit/fs/kfs/kfs_disk.hpp"

#include <gtest/gtest.h>

#include <string>

namespace kidney::fs_test {
namespace {

using Cost = fakes::DiskCost;
using fakes::CountingDisk;

class KfsCost : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(make_kfs(disk_, {.inodes = 8192}));
        ASSERT_TRUE(k_.fs().mount());
        ASSERT_TRUE(k_.mkdir("d") && k_.write("d/f", pattern(512, 1)) && k_.fs().sync());
        directory_ = *k_.at("d");
    }
    /// What `work` costs.
    template <class Work>
    Cost of(Work&& work) {
        const Cost before = disk_.cost;
        work();
        return disk_.cost - before;
    }
    World world_;
    CountingDisk disk_{65'536};  // 32 MiB
    KfsUnderTest<CountingDisk> k_{world_, disk_};
    Ref<fs::Vnode> directory_;  ///< in use, as the names that the VFS remembers keep it
};

TEST_F(KfsCost, AnAppendOf128BytesAndFsync) {
    const Ref<fs::Vnode> file = *k_.at("d/f");
    const auto append = [&](unsigned n) {
        ASSERT_TRUE(KfsUnderTest<CountingDisk>::write(*file, pattern(128, n), 512 + 128 * n));
        ASSERT_TRUE(file->sync());
    };
    EXPECT_EQ(of([&] { append(0); }), (Cost{.writes = 1, .sectors_written = 2, .flushes = 1}));
}

TEST_F(KfsCost, AFileOf64KiB) {
    EXPECT_EQ(of([&] {
                  ASSERT_TRUE(k_.write("d/large", pattern(65'536, 1)));
                  ASSERT_TRUE(k_.fs().sync());
              }),
              (Cost{.writes = 2, .sectors_written = 129, .flushes = 2}))
        << "the bytes, a flush, and one sector of log";
    const Ref<fs::Vnode> kept = *k_.at("d/large");
    EXPECT_EQ(of([&] { EXPECT_EQ(k_.read("d/large")->size(), 65'536U); }),
              (Cost{.reads = 2, .sectors_read = 128}))
        << "nobody had it open meanwhile";
    EXPECT_EQ(of([&] { EXPECT_EQ(k_.read("d/large")->size(), 65'536U); }), (Cost{}));
}

TEST_F(KfsCost, ARename) {
    EXPECT_EQ(of([&] { ASSERT_TRUE(k_.rename("d/f", "d/g") && k_.fs().sync()); }),
              (Cost{.writes = 1, .sectors_written = 1, .flushes = 1}));
    EXPECT_EQ(of([&] { ASSERT_TRUE(k_.fs().sync()); }), (Cost{})) << "nothing has changed";
}

}  // namespace
}  // namespace kidney::fs_test

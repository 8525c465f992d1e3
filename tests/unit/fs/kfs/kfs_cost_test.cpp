/// What kfs asks of a disk, exactly: a change of these numbers is a change of its speed. The goals
/// are those of the decision record (0033).
#include "tests/unit/fs/kfs/kfs_under_test.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <ostream>
#include <string>
#include <vector>

namespace kidney::fs_test {
namespace {

/// Commands, sectors and flushes.
struct Cost {
    std::uint64_t reads = 0, writes = 0, sectors_written = 0, flushes = 0;
    friend Cost operator-(const Cost& a, const Cost& b) {
        return {a.reads - b.reads, a.writes - b.writes, a.sectors_written - b.sectors_written,
                a.flushes - b.flushes};
    }
    friend bool operator==(const Cost&, const Cost&) = default;
    friend void PrintTo(const Cost& c, std::ostream* to) {
        *to << "{.reads = " << c.reads << ", .writes = " << c.writes
            << ", .sectors_written = " << c.sectors_written << ", .flushes = " << c.flushes << "}";
    }
};

/// Durable at once.
struct CountingDisk {
    explicit CountingDisk(std::uint32_t sectors) : bytes(std::size_t{sectors} * 512) {}
    Status read(fs::BlockIndex first, std::span<std::byte> to) noexcept {
        const std::span<std::byte> buffers[] = {to};
        return read_scattered(first, buffers);
    }
    Status read_scattered(fs::BlockIndex first, std::span<const std::span<std::byte>> to) noexcept {
        TRY(fs::check_range(*this, first, fs::total_bytes(to)));
        ++cost.reads;
        const std::byte* from = bytes.data() + first.value() * 512;
        for (const auto buffer : to) {
            std::memcpy(buffer.data(), from, buffer.size());
            from += buffer.size();
        }
        return {};
    }
    Status write(fs::BlockIndex first, std::span<const std::byte> from) noexcept {
        const std::span<const std::byte> buffers[] = {from};
        return write_scattered(first, buffers);
    }
    Status write_scattered(fs::BlockIndex first,
                           std::span<const std::span<const std::byte>> from) noexcept {
        TRY(fs::check_range(*this, first, fs::total_bytes(from)));
        ++cost.writes;
        std::byte* to = bytes.data() + first.value() * 512;
        for (const auto buffer : from) {
            std::memcpy(to, buffer.data(), buffer.size());
            to += buffer.size();
            cost.sectors_written += buffer.size() / 512;
        }
        return {};
    }
    Status flush() noexcept {
        ++cost.flushes;
        return {};
    }
    std::uint32_t block_size() const noexcept { return 512; }
    std::uint64_t block_count() const noexcept { return bytes.size() / 512; }
    std::vector<std::byte> bytes;
    Cost cost;
};
static_assert(fs::ScatterBlockDevice<CountingDisk>);

class KfsCost : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(make_kfs(disk_, {.inodes = 8192}));
        ASSERT_TRUE(k_.fs().mount());
        ASSERT_TRUE(k_.mkdir("d") && k_.write("d/f", kfs_pattern(512, 1)) && k_.fs().sync());
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
        ASSERT_TRUE(KfsUnderTest<CountingDisk>::write(*file, kfs_pattern(128, n), 512 + 128 * n));
        ASSERT_TRUE(file->sync());
    };
    EXPECT_EQ(of([&] { append(0); }), (Cost{0, 1, 2, 1}));
    const Cost many = of([&] {
        for (unsigned n = 1; n <= 1000; ++n) {
            append(n);
        }
    });
    // Six more for the checkpoints: bytes, inode, anchor, and again.
    EXPECT_EQ(many, (Cost{0, 1006, 2150, 1002}));
}

TEST_F(KfsCost, AFileOf64KiB) {
    EXPECT_EQ(of([&] {
                  ASSERT_TRUE(k_.write("d/large", kfs_pattern(65'536, 1)));
                  ASSERT_TRUE(k_.fs().sync());
              }),
              (Cost{0, 2, 129, 2}))
        << "the bytes, a flush, and one sector of log";
    const Ref<fs::Vnode> kept = *k_.at("d/large");
    EXPECT_EQ(of([&] { EXPECT_EQ(k_.read("d/large")->size(), 65'536U); }), (Cost{2, 0, 0, 0}))
        << "nobody had it open meanwhile";
    EXPECT_EQ(of([&] { EXPECT_EQ(k_.read("d/large")->size(), 65'536U); }), (Cost{}));
}

TEST_F(KfsCost, FilesOf1KiBEachSynced) {
    EXPECT_EQ(of([&] {
                  for (unsigned n = 0; n < 1000; ++n) {
                      ASSERT_TRUE(k_.write("d/file" + std::to_string(n), kfs_pattern(1024, n)));
                      ASSERT_TRUE(k_.fs().sync());
                  }
                  ASSERT_TRUE(k_.fs().unmount());
              }),
              (Cost{3, 2021, 5568, 1006}))
        << "each into the log, and home once";
    EXPECT_EQ(of([&] { EXPECT_TRUE(k_.at("d/file999")); }), (Cost{}));
}

TEST_F(KfsCost, FilesOf1KiBSyncedTogether) {
    EXPECT_EQ(of([&] {
                  for (unsigned n = 0; n < 1000; ++n) {
                      ASSERT_TRUE(k_.write("d/file" + std::to_string(n), kfs_pattern(1024, n)));
                  }
                  ASSERT_TRUE(k_.fs().sync());
              }),
              (Cost{3, 1005, 2299, 2}));
}

TEST_F(KfsCost, ARename) {
    EXPECT_EQ(of([&] { ASSERT_TRUE(k_.rename("d/f", "d/g") && k_.fs().sync()); }),
              (Cost{0, 1, 1, 1}));
    EXPECT_EQ(of([&] { ASSERT_TRUE(k_.fs().sync()); }), (Cost{})) << "nothing has changed";
}

TEST_F(KfsCost, LookupsInALargeDirectory) {
    for (unsigned n = 0; n < 2000; ++n) {
        ASSERT_TRUE(k_.make("d/file" + std::to_string(n)));
    }
    EXPECT_EQ(of([&] {
                  for (unsigned n = 0; n < 2000; ++n) {
                      ASSERT_TRUE(k_.at("d/file" + std::to_string(n)));
                      ASSERT_FALSE(k_.at("d/nobody" + std::to_string(n)));
                  }
              }),
              (Cost{}));
}

TEST_F(KfsCost, RandomWritesIntoALargeFile) {
    ASSERT_TRUE(k_.write("big", std::string(4U << 20, 'x')) && k_.fs().unmount());
    const Ref<fs::Vnode> file = *k_.at("big");
    EXPECT_EQ(of([&] {
                  for (unsigned n = 0; n < 500; ++n) {
                      ASSERT_TRUE(KfsUnderTest<CountingDisk>::write(
                          *file, kfs_pattern(4096, n), std::uint64_t{n * 389 % 1024} * 4096));
                  }
                  ASSERT_TRUE(k_.fs().sync());
              }),
              (Cost{497, 180, 4000, 1}))
        << "no byte is written twice";
}

}  // namespace
}  // namespace kidney::fs_test

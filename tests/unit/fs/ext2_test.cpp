/// ext2 against the host: images from mke2fs must show the tree they were made from; damaged ones
/// and failing disks must give errors and nothing worse.
#include "tests/fakes/block/faulty_block_device.hpp"
#include "tests/laws/report.hpp"
#include "tests/unit/fs/ext2_image.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace kidney::fs_test {
namespace {

struct Format {
    unsigned block_size;
    const char* options;
};
void PrintTo(const Format& format, std::ostream* out) {
    *out << format.block_size << " " << format.options;
}

class Ext2Formats : public testing::TestWithParam<Format> {};

TEST_P(Ext2Formats, ShowsTheTreeItWasMadeFrom) {
    const TemporaryDirectory tree;
    make_tree(tree.path());
    const auto image = make_image(tree.path(), GetParam().block_size, "6M", GetParam().options);
    if (image.empty()) {
        GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
    }
    Seen expected;
    walk_host(tree.path(), "", expected);
    World world;
    {
        fakes::FakeDisk disk(image, 512);
        TestCache cache(world.heap, world.frames, world.arena);
        {
            TestExt2 ext2(world.heap, cache, fs::AnyBlockDevice(disk), world.clock, read_only);
            ASSERT_TRUE(ext2.mount());
            const Ref<fs::Vnode> root = ext2.root();
            Seen seen;
            ASSERT_TRUE(walk(*root, "", seen));
            for (const auto& [path, what] : expected.files) {
                EXPECT_EQ(seen.files[path], what) << path;
            }
            EXPECT_EQ(seen.files.size(), expected.files.size());

            // Sequential reading asks for several pages at a time, and the second time for none.
            const Ref<fs::Vnode> file = *root->lookup("double");
            cache.reclaim(~std::size_t{0});
            const std::uint64_t before = disk.reads();
            Seen once;
            ASSERT_TRUE(walk(*file, "", once));
            EXPECT_LT(disk.reads() - before, 1'000'001U / 4096 / 4);
            const std::uint64_t cold = disk.reads();
            ASSERT_TRUE(walk(*file, "", once));
            EXPECT_EQ(disk.reads(), cold);

            // Three levels of pointers with 1 KiB blocks, and holes all around.
            const Ref<fs::Vnode> sparse = *root->lookup("sparse");
            std::array<std::byte, 16> end{};
            fs::SpanReadBuffer to(end);
            ASSERT_EQ(*sparse->read(89'999'999, to), 9U);
            EXPECT_EQ(std::memcmp(end.data(), "\0far away", 9), 0);

            EXPECT_EQ(root->lookup("nothing").error(), Errc::not_found);
            EXPECT_EQ(file->lookup("x").error(), Errc::not_directory);
            EXPECT_EQ(*root->lookup("short"), *(*root->lookup("a"))->lookup("second"));
            EXPECT_EQ(root->create("new", {}).error(), Errc::read_only);
            EXPECT_EQ(root->unlink("short", *file).error(), Errc::read_only);
            const Ref<fs::Vnode> deep = *(*(*root->lookup("a"))->lookup("b"))->lookup("c");
            EXPECT_EQ(*(*(*deep->parent())->parent())->parent(), root);
        }
        EXPECT_EQ(cache.size(), 0U);
    }
    EXPECT_TRUE(world.is_clean());
}
INSTANTIATE_TEST_SUITE_P(
    Images, Ext2Formats,
    testing::Values(Format{1024, ""}, Format{2048, ""}, Format{4096, ""}, Format{1024, "-r 0"},
                    Format{1024, "-I 128 -O ^filetype"},
                    Format{4096, "-I 256 -O ^resize_inode,^sparse_super,^dir_index"}));

struct Refused {
    const char* options;
    unsigned block_size;
    const char* reason;
};
void PrintTo(const Refused& refused, std::ostream* out) {
    *out << refused.options << " " << refused.block_size;
}

class Ext2Refusals : public testing::TestWithParam<Refused> {};

TEST_P(Ext2Refusals, SayWhatStandsInTheWay) {
    const TemporaryDirectory tree;
    const auto image = make_image(tree.path(), GetParam().block_size, "6M", GetParam().options);
    if (image.empty()) {
        GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
    }
    World world;
    fakes::FakeDisk disk(image, 512);
    TestCache cache(world.heap, world.frames, world.arena);
    TestExt2 ext2(world.heap, cache, fs::AnyBlockDevice(disk), world.clock, read_only);
    EXPECT_FALSE(ext2.mount());
    EXPECT_EQ(ext2.explain_refusal().view(), GetParam().reason);
}
INSTANTIATE_TEST_SUITE_P(
    Images, Ext2Refusals,
    testing::Values(Refused{"-O extent", 4096,
                            "it uses features that are not supported: extent; "
                            "make it with mke2fs -t ext2"},
                    Refused{"-O extent,64bit,flex_bg,meta_bg,^resize_inode", 1024,
                            "it uses features that are not supported: meta_bg, extent, 64bit, "
                            "flex_bg; make it with mke2fs -t ext2"},
                    Refused{"-F", 8192, "its blocks are larger than 4096 bytes"}));

TEST(Ext2Refusal, NoFileSystemOrNoRoomForOne) {
    World world;
    const auto explain = [&](std::size_t size, auto change) {
        std::vector<std::byte> bytes(size);
        change(bytes);
        fakes::FakeDisk disk(bytes, 512);
        TestCache cache(world.heap, world.frames, world.arena);
        TestExt2 ext2(world.heap, cache, fs::AnyBlockDevice(disk), world.clock, read_only);
        EXPECT_FALSE(ext2.mount());
        return std::string(ext2.explain_refusal().view());
    };
    const auto nothing = [](auto&) {};
    EXPECT_EQ(explain(512, nothing), "it is too small");
    EXPECT_EQ(explain(4096, nothing), "it holds no ext2 file system");
    const auto with_magic = [](std::vector<std::byte>& bytes) {
        bytes[1024 + 56] = std::byte{0x53};
        bytes[1024 + 57] = std::byte{0xEF};
    };
    EXPECT_EQ(explain(4096, with_magic),
              "its superblock contradicts itself or the size of the disk");
    EXPECT_EQ(explain(4096,
                      [&](std::vector<std::byte>& bytes) {
                          with_magic(bytes);
                          bytes[1024 + 76] = std::byte{2};
                      }),
              "its revision is newer than 1");
    EXPECT_EQ(explain(4096,
                      [&](std::vector<std::byte>& bytes) {
                          with_magic(bytes);
                          bytes[1024 + 76] = std::byte{1};
                          bytes[1024 + 99] = std::byte{0x80};
                      }),
              "it uses features that are not supported: others that are newer; "
              "make it with mke2fs -t ext2");
}

/// A disk that was used before: what lies behind the end of a file in its last block is not zeros.
TEST(Ext2Tail, BytesBehindTheEndAreZeros) {
    for (const std::uint32_t block_size : {1024U, 4096U}) {
        const TemporaryDirectory tree;
        const std::string text = "the end is here";
        write_file(tree.path() / "f", std::string(5 * 1024, 'x') + text);
        auto image = make_image(tree.path(), block_size, "1M", "");
        if (image.empty()) {
            GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
        }
        const auto begin = std::ranges::search(image, std::as_bytes(std::span(text))).end();
        ASSERT_NE(begin, image.end());
        const auto used = static_cast<std::size_t>(begin - image.begin()) % block_size;
        std::fill_n(begin, block_size - used, std::byte{0xEE});

        World world;
        fakes::FakeDisk disk(image, 512);
        TestCache cache(world.heap, world.frames, world.arena);
        TestExt2 ext2(world.heap, cache, fs::AnyBlockDevice(disk), world.clock, read_only);
        ASSERT_TRUE(ext2.mount());
        const Ref<fs::Vnode> file = *ext2.root()->lookup("f");
        const Ref<mm::PageSource> mapping = *file->pages();
        EXPECT_EQ(mapping->page_at_once(1).error(), Errc::would_block);
        const FrameNumber frame = *mapping->page(1);
        EXPECT_EQ(*mapping->page_at_once(1), frame);
        world.frames.release(frame);
        EXPECT_EQ(mapping->page_at_once(2).error(), Errc::out_of_range);
        const auto bytes = world.arena.direct(frame);
        const std::size_t end = 5 * 1024 + text.size() - page_size;
        EXPECT_EQ(bytes[end - 1], std::byte{'e'});
        EXPECT_TRUE(
            std::ranges::all_of(bytes.subspan(end), [](std::byte b) { return b == std::byte{0}; }));
        world.frames.release(frame);
        EXPECT_EQ(mapping->page(2).error(), Errc::out_of_range);
        EXPECT_EQ(file->find_hole(0), 5 * 1024 + text.size());
        EXPECT_EQ(file->find_data(17), 17U);
        EXPECT_EQ(file->find_data(5 * 1024 + text.size()).error(), Errc::no_device);
    }
}

/// A small image for the sweeps: every kind of node, few blocks.
std::vector<std::byte> small_image() {
    const TemporaryDirectory tree;
    std::filesystem::create_directories(tree.path() / "d/e");
    write_file(tree.path() / "d/e/file", std::string(40'000, 'f'));
    write_file(tree.path() / "d/two", "2");
    std::filesystem::create_symlink("d/e", tree.path() / "fast");
    std::filesystem::create_symlink(std::string(100, 's'), tree.path() / "slow");
    return make_image(tree.path(), 1024, "256k", "-N 32");
}

Status mount_and_walk(TestExt2& ext2, Seen& seen) {
    TRY(ext2.mount());
    return walk(*ext2.root(), "", seen);
}

TEST(Ext2Sweep, EveryBlockOperationFailedInTurn) {
    const auto image = small_image();
    if (image.empty()) {
        GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
    }
    using Faulty = fakes::FaultyBlockDevice<fakes::FakeDisk>;
    Seen good;
    std::size_t failures = 0;
    for (const auto mode : {Faulty::Mode::from_then_on, Faulty::Mode::one_shot}) {
        for (std::uint64_t k = 0;; ++k) {
            World world;
            bool complete = false;
            {
                fakes::FakeDisk disk(image, 512);
                Faulty faulty(disk);
                TestCache cache(world.heap, world.frames, world.arena);
                TestExt2 ext2(world.heap, cache, fs::AnyBlockDevice(faulty), world.clock,
                              read_only);
                faulty.fail_operation(k, mode);
                Seen seen;
                const Status status = mount_and_walk(ext2, seen);
                complete = faulty.operations() <= k;
                if (complete) {
                    ASSERT_TRUE(status);
                    good = seen;
                } else if (mode == Faulty::Mode::from_then_on) {
                    ASSERT_FALSE(status) << "operation " << k;
                }
                if (!status) {
                    EXPECT_EQ(status.error(), Errc::io_error);
                    ++failures;
                } else if (!good.files.empty()) {
                    EXPECT_EQ(seen.files, good.files);  // a read-ahead failed, and was not needed
                }
                faulty.heal();
                Seen again;
                ASSERT_TRUE(mount_and_walk(ext2, again)) << "retry after operation " << k;
                EXPECT_EQ(again.files.size(), 7U);
            }
            ASSERT_TRUE(world.is_clean()) << "operation " << k;
            if (complete) {
                break;
            }
        }
    }
    EXPECT_GT(failures, 8U);
}

TEST(Ext2Sweep, EveryAllocationFailedInTurn) {
    const auto image = small_image();
    if (image.empty()) {
        GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
    }
    std::size_t failures = 0;
    for (const bool frames : {false, true}) {
        for (std::size_t n = 1;; ++n) {
            World world;
            fakes::CallCounter& counter =
                frames ? static_cast<fakes::CallCounter&>(world.frames) : world.heap;
            bool complete = false;
            {
                fakes::FakeDisk disk(image, 512);
                TestCache cache(world.heap, world.frames, world.arena);
                TestExt2 ext2(world.heap, cache, fs::AnyBlockDevice(disk), world.clock, read_only);
                counter.fail_at(n);
                Seen seen;
                const Status status = mount_and_walk(ext2, seen);
                if (!status) {
                    EXPECT_EQ(status.error(), Errc::no_memory);
                    ++failures;
                }
                complete = !counter.has_failed();
                counter.fail_at(0);
                Seen again;
                ASSERT_TRUE(mount_and_walk(ext2, again)) << "retry after allocation " << n;
                EXPECT_EQ(again.files.size(), 7U);
            }
            ASSERT_TRUE(world.is_clean()) << "allocation " << n;
            if (complete) {
                break;
            }
        }
    }
    EXPECT_GT(failures, 5U);
}

TEST(Ext2Damage, DirectoriesHaveNoHoles) {
    auto image = small_image();
    if (image.empty()) {
        GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
    }
    using namespace fs::ext2;
    const auto super = load<RawSuperblock>(image, superblock_offset);
    const std::uint32_t block_size = 1024U << super.log_block_size;
    const auto group = load<RawGroup>(image, (super.first_data_block + 1) * block_size);
    const std::size_t root =
        group.inode_table * block_size + (root_inode - 1) * std::size_t{super.inode_size};
    // A gigabyte, nearly all of it without blocks.
    image[root + offsetof(RawInode, size) + 3] = std::byte{0x40};
    World world;
    {
        fakes::FakeDisk disk(image, 512);
        TestCache cache(world.heap, world.frames, world.arena);
        TestExt2 ext2(world.heap, cache, fs::AnyBlockDevice(disk), world.clock, read_only);
        ASSERT_TRUE(ext2.mount());
        Listing listing;
        EXPECT_EQ(ext2.root()->read_directory(0, listing).error(), Errc::corrupted);
        EXPECT_GT(listing.names.size(), 3U) << "what is before the hole is there";
        EXPECT_EQ(ext2.root()->lookup("no such name").error(), Errc::corrupted);
    }
    EXPECT_TRUE(world.is_clean());
}

TEST(Ext2Damage, RandomBytesAreSurvived) {
    const auto image = small_image();
    if (image.empty()) {
        GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
    }
    World world;
    std::size_t refused = 0;
    for (std::uint32_t seed = 1; seed <= 500; ++seed) {
        laws::Random random(seed);
        auto damaged = image;
        const std::uint32_t count = 1 + random.below(6);
        for (std::uint32_t i = 0; i < count; ++i) {
            // Mostly where the metadata is.
            const std::uint32_t range =
                random.below(4) == 0 ? static_cast<std::uint32_t>(damaged.size()) : 40 * 1024;
            damaged[1024 + random.below(range - 1024)] = static_cast<std::byte>(random.next());
        }
        fakes::FakeDisk disk(damaged, 512);
        TestCache cache(world.heap, world.frames, world.arena);
        TestExt2 ext2(world.heap, cache, fs::AnyBlockDevice(disk), world.clock, read_only);
        Seen seen;
        const Status status = mount_and_walk(ext2, seen);
        refused += status ? 0 : 1;
        if (!status) {
            ASSERT_NE(status.error(), Errc::no_memory) << "seed " << seed;
        }
    }
    EXPECT_TRUE(world.is_clean());
    EXPECT_GT(refused, 3U);
}

}  // namespace
}  // namespace kidney::fs_test

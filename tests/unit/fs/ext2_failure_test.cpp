/// ext2 when things go wrong: a full disk, a disk that fails, no memory, the loss of power. What
/// was taken is given back, errors are told, and e2fsck finds at worst what is left over.
#include "fs/ext2/pending_frees.hpp"
#include "tests/fakes/block/faulty_block_device.hpp"
#include "tests/laws/report.hpp"
#include "tests/unit/fs/ext2_image.hpp"
#include "tests/unit/fs/ext2_referee.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <utility>

namespace kidney::fs_test {
namespace {

using Disk = fakes::FakeDisk;

std::vector<std::byte> empty_image(unsigned block_size, const std::string& size,
                                   const std::string& options = "-I 128 -N 64") {
    const TemporaryDirectory tree;
    std::filesystem::permissions(tree.path(), std::filesystem::perms(0755));
    return make_image(tree.path(), block_size, size, options);
}

/// A bit of everything; the first error ends it.
template <class Volume>
Status work(Volume& v) {
    TRY(v.mkdir("d"));
    TRY(v.write("d/file", pattern(30'000, 1)));
    TRY(v.write("other", pattern(3000, 2)));
    TRY(v.make("slow", {.type = fs::NodeType::symlink, .target = std::string(100, 's')}));
    TRY(v.link("other", "d/link"));
    TRY(v.fs().sync());
    TRY(v.rename("other", "d/other"));
    TRY(v.mkdir("d/e"));
    TRY(v.rename("d/e", "e"));
    TRY(v.write("d/file", pattern(20'000, 3), 20'000));
    TRY(v.resize("d/file", 5000));
    TRY(v.unlink("slow"));
    TRY(v.rename("d/other", "d/file"));
    TRY(v.fs().sync());
    TRY(v.unlink("d/link"));
    TRY(v.unlink("e"));
    return v.fs().unmount();
}

/// A program learns of it when it stores, not when it is too late.
TEST(Ext2FullDisk, AStoreThroughAMappingIntoAHoleIsRefused) {
    const auto image = empty_image(1024, "300k");
    if (image.empty()) {
        GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
    }
    World world;
    Disk disk(image, 512);
    {
        Ext2UnderTest<Disk> v(world, disk);
        ASSERT_TRUE(v.fs().mount());
        ASSERT_TRUE(v.write("holes", ""));
        ASSERT_TRUE(v.resize("holes", 2 * page_size));
        ASSERT_TRUE(v.write("ballast", ""));
        const Status filled = v.write("ballast", pattern(400'000, 1));
        ASSERT_FALSE(filled);
        const Ref<mm::PageSource> pages = *(*v.at("holes"))->pages();
        const FrameNumber frame = *pages->page(1);
        EXPECT_EQ(pages->mark_dirty(1).error(), Errc::no_space);
        ASSERT_TRUE(v.unlink("ballast"));
        for (int n = 0; n < 3; ++n) {  // what was removed is free two syncs later
            ASSERT_TRUE(v.fs().sync());
        }
        EXPECT_TRUE(pages->mark_dirty(1));
        world.frames.release(frame);
        EXPECT_TRUE(v.fs().sync());
        ASSERT_TRUE(v.fs().unmount());
    }
    EXPECT_EQ(check_image(disk.bytes()), "");
    EXPECT_TRUE(world.is_clean());
}

/// With so many free blocks, an operation succeeds or takes nothing.
TEST(Ext2FullDisk, EveryOperationAtZeroToEightFreeBlocks) {
    const auto image = empty_image(1024, "300k");
    if (image.empty()) {
        GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
    }
    using Volume = Ext2UnderTest<Disk>;
    const std::vector<std::function<Status(Volume&)>> operations = {
        [](Volume& v) { return v.write("new", pattern(20'000, 1)); },
        [](Volume& v) { return v.write("new", "x", 400'000); },
        [](Volume& v) { return v.mkdir("directory"); },
        [](Volume& v) {
            return v.make("s", {.type = fs::NodeType::symlink, .target = std::string(99, 's')})
                       ? Status()
                       : Status(fail(Errc::no_space));
        },
        [](Volume& v) { return v.link("here", "full/" + std::string(250, 'n')); },
        [](Volume& v) { return v.rename("here", "full/" + std::string(250, 'n')); },
        [](Volume& v) { return (*v.at("here"))->allocate(0, 30'000, false); },
        [](Volume& v) { return v.write("here", pattern(9000, 2), 500); },
    };
    for (std::size_t n = 0; n < operations.size(); ++n) {
        for (std::uint64_t left = 0; left <= 8; ++left) {
            World world;
            Disk disk(image, 512);
            {
                Volume v(world, disk);
                ASSERT_TRUE(v.fs().mount());
                EXPECT_TRUE(v.write("here", "12345"));
                EXPECT_TRUE(v.mkdir("full"));
                for (int i = 0; i < 3; ++i) {
                    EXPECT_TRUE(v.write("full/" + std::to_string(i) + std::string(230, 'n'), ""));
                }
                EXPECT_TRUE(v.write("ballast", ""));
                const Ref<fs::Vnode> ballast = *v.at("ballast");
                std::uint64_t at = 0;
                for (; v.fs().status().free_blocks > left; at += 1024) {
                    if (!v.write(*ballast, "b", at)) {
                        break;
                    }
                }
                EXPECT_TRUE(v.fs().sync());
                const auto before = v.fs().status();
                const Status status = operations[n](v);
                if (!status) {
                    EXPECT_TRUE(v.fs().sync());
                    EXPECT_TRUE(v.fs().sync());
                    EXPECT_TRUE(status.error() == Errc::no_space ||
                                status.error() == Errc::not_directory)
                        << to_string(status.error());
                    // What a write has done until then stays.
                    EXPECT_LE(v.fs().status().free_blocks, before.free_blocks);
                }
                if (const auto here = v.read("here")) {
                    EXPECT_EQ(here->substr(0, 5), "12345");
                }
                ASSERT_TRUE(v.fs().unmount());
            }
            EXPECT_EQ(check_image(disk.bytes()), "") << "operation " << n << " with " << left;
            EXPECT_TRUE(world.is_clean());
        }
    }
}

/// What was removed is found again by who needs it, without a sync that he asks for.
TEST(Ext2FullDisk, WhatIsPromisedIsThere) {
    const auto image = empty_image(1024, "300k");
    if (image.empty()) {
        GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
    }
    World world;
    Disk disk(image, 512);
    Ext2UnderTest<Disk> v(world, disk);
    ASSERT_TRUE(v.fs().mount());
    for (unsigned round = 0; round < 10; ++round) {
        ASSERT_TRUE(v.write("most of it", pattern(150'000, round))) << round;
        EXPECT_EQ(*v.read("most of it"), pattern(150'000, round));
        if (round % 2 == 0) {
            ASSERT_TRUE(v.unlink("most of it"));
        } else {
            ASSERT_TRUE(v.resize("most of it", 0));
        }
    }
    ASSERT_TRUE(v.fs().unmount());
    EXPECT_EQ(check_image(disk.bytes()), "");
}

TEST(Ext2Failures, EveryDeviceOperationFailedInTurn) {
    const auto image = empty_image(1024, "400k");
    if (image.empty()) {
        GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
    }
    using Faulty = fakes::FaultyBlockDevice<Disk>;
    std::size_t failures = 0;
    for (const auto mode : {Faulty::Mode::from_then_on, Faulty::Mode::one_shot}) {
        for (std::uint64_t k = 0;; ++k) {
            World world;
            Disk disk(image, 512);
            bool complete = false;
            {
                Faulty faulty(disk);
                Ext2UnderTest<Faulty> v(world, faulty);
                ASSERT_TRUE(v.fs().mount());
                const std::uint64_t mounted = faulty.operations();
                faulty.fail_operation(k, mode);
                const Status status = work(v);
                complete = faulty.operations() <= mounted + k;
                if (complete) {
                    ASSERT_TRUE(status);
                } else if (!status) {
                    EXPECT_TRUE(status.error() == Errc::io_error ||
                                status.error() == Errc::read_only)
                        << to_string(status.error());
                    ++failures;
                } else {
                    EXPECT_EQ(mode, Faulty::Mode::one_shot)
                        << "operation " << k << " of " << faulty.operations() - mounted;
                }
            }
            ASSERT_TRUE(world.is_clean()) << "operation " << k;
            std::vector<std::byte> left(disk.bytes().begin(), disk.bytes().end());
            const Said mended = mend_image(left);
            EXPECT_LT(mended.code, 4) << k << "\n" << mended.text;
            EXPECT_EQ(check_image(left), "") << k;
            if (complete) {
                break;
            }
        }
    }
    EXPECT_GT(failures, 15U);
}

TEST(Ext2Failures, EveryAllocationFailedInTurn) {
    const auto image = empty_image(1024, "400k");
    if (image.empty()) {
        GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
    }
    std::size_t failures = 0;
    // A single failure is often mended by a sync; one that lasts must be told.
    for (const auto& [frames, lasts] :
         {std::pair(false, false), {true, false}, {false, true}, {true, true}}) {
        for (std::size_t n = 1;; ++n) {
            World world;
            fakes::CallCounter& counter =
                frames ? static_cast<fakes::CallCounter&>(world.frames) : world.heap;
            Disk disk(image, 512);
            bool complete = false;
            {
                Ext2UnderTest<Disk> v(world, disk);
                ASSERT_TRUE(v.fs().mount());
                lasts ? counter.fail_from(n) : counter.fail_at(n);
                const Status status = work(v);
                complete = !counter.has_failed();
                if (!status) {
                    EXPECT_EQ(status.error(), Errc::no_memory);
                    ++failures;
                }
                counter.fail_at(0);
                ASSERT_TRUE(v.fs().unmount()) << "allocation " << n;
            }
            ASSERT_TRUE(world.is_clean()) << "allocation " << n;
            if (n % 7 == 0 || complete) {
                EXPECT_EQ(check_image(disk.bytes()), "") << "allocation " << n;
            }
            if (complete) {
                break;
            }
        }
    }
    EXPECT_GT(failures, 15U);
}

/// A file that stays must stay, wherever the power goes: e2fsck finds nothing but what is left
/// over, and what was synced before is there, under one of its names.
TEST(Ext2Crashes, EveryPrefixAndSomeReorderings) {
    for (const unsigned block_size : {1024U, 4096U}) {
        auto image = empty_image(block_size, block_size == 1024 ? "400k" : "1M");
        if (image.empty()) {
            GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
        }
        {
            World world;
            Disk disk(image, 512);
            Ext2UnderTest<Disk> v(world, disk);
            ASSERT_TRUE(v.fs().mount());
            EXPECT_TRUE(v.mkdir("keep"));
            EXPECT_TRUE(v.write("keep/stays", pattern(9000, 9)));
            EXPECT_TRUE(v.write("moves", pattern(5000, 8)));
            ASSERT_TRUE(v.fs().unmount());
            image.assign(disk.bytes().begin(), disk.bytes().end());
        }
        const auto expect_mendable = [&](Disk& disk, const std::string& where) {
            std::vector<std::byte> left(disk.bytes().begin(), disk.bytes().end());
            const Said mended = mend_image(left);
            EXPECT_LT(mended.code, 4) << where << "\n" << mended.text;
            EXPECT_EQ(mended.text.find("Multiply-claimed"), std::string::npos) << where;
            World world;
            Disk again(left, 512);
            Ext2UnderTest<Disk> v(world, again, read_only);
            ASSERT_TRUE(v.fs().mount()) << where;
            EXPECT_EQ(v.read("keep/stays").value_or(""), pattern(9000, 9)) << where;
            const bool is_there = v.read("moves").value_or("") == pattern(5000, 8) ||
                                  v.read("keep/moved").value_or("") == pattern(5000, 8) ||
                                  v.read("d/moved").value_or("") == pattern(5000, 8);
            EXPECT_TRUE(is_there) << where << "\n" << mended.text;
        };
        // How much is written, and then every state in between; the newest writes in any order.
        constexpr std::size_t step = 3;
        for (std::size_t stop = 0;; stop += step) {
            for (const std::uint32_t seed : {0U, 1U, 2U}) {
                World world;
                Disk disk(image, 512);
                struct Stopping {
                    Disk& disk;
                    std::size_t left;
                    bool stopped = false;
                    Status read(fs::BlockIndex first, std::span<std::byte> to) noexcept {
                        return disk.read(first, to);
                    }
                    Status write(fs::BlockIndex first, std::span<const std::byte> from) noexcept {
                        for (; !from.empty(); from = from.subspan(512), first = first + 1) {
                            if (left == 0) {
                                stopped = true;
                                return fail(Errc::io_error);
                            }
                            --left;
                            TRY(disk.write(first, from.first(512)));
                        }
                        return {};
                    }
                    Status flush() noexcept {
                        stopped = stopped || left == 0;
                        return stopped ? Status(fail(Errc::io_error)) : disk.flush();
                    }
                    std::uint32_t block_size() const noexcept { return 512; }
                    std::uint64_t block_count() const noexcept { return disk.block_count(); }
                } stopping{disk, stop};
                {
                    Ext2UnderTest<Stopping> v(world, stopping);
                    ASSERT_TRUE(v.fs().mount());
                    Status status = work(v);
                    if (status) {
                        status = v.rename("moves", "keep/moved");
                    }
                    if (status) {
                        status = v.fs().sync();
                    }
                    if (status) {
                        status = v.rename("keep/moved", "d/moved");
                    }
                    if (status) {
                        status = v.fs().unmount();
                    }
                    ASSERT_TRUE(status || stopping.stopped) << to_string(status.error());
                }
                laws::Random random(seed + static_cast<std::uint32_t>(stop) * 3 + 1);
                disk.crash([&](std::size_t) { return seed == 0 || random.below(2) == 0; });
                expect_mendable(disk, "after " + std::to_string(stop) + " sectors, seed " +
                                          std::to_string(seed));
                if (!stopping.stopped) {
                    if (seed == 2) {
                        stop = ~std::size_t{0} - step;
                    }
                }
                if (testing::Test::HasFailure()) {
                    return;
                }
            }
            if (stop == ~std::size_t{0} - step) {
                break;
            }
        }
    }
}

/// Random operations, syncs and mounts against a map of what must be there.
TEST(Ext2Model, RandomOperationsAgreeWithAMap) {
    for (std::uint32_t seed = 1; seed <= 6; ++seed) {
        const auto image = empty_image(seed % 2 == 0 ? 1024 : 4096, "8M", "-I 128 -N 200");
        if (image.empty()) {
            GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
        }
        World world;
        Disk disk(image, 512);
        laws::Random random(seed);
        std::map<std::string, std::string> model;
        const auto name = [&] { return "file " + std::to_string(random.below(40)); };
        for (int mount = 0; mount < 5; ++mount) {
            Ext2UnderTest<Disk> v(world, disk);
            ASSERT_TRUE(v.fs().mount());
            for (int step = 0; step < 300; ++step) {
                const std::string a = name();
                const std::string b = name();
                const std::uint32_t at = random.below(60'000);
                const std::uint32_t length = random.below(9000);
                switch (random.below(9)) {
                    case 0:
                    case 1: {
                        const std::string bytes = pattern(length, random.next() & 0xFF);
                        const Status written = v.write(a, bytes, at);
                        ASSERT_TRUE(written)
                            << seed << " " << step << " " << to_string(written.error());
                        std::string& text = model[a];
                        if (!bytes.empty()) {
                            text.resize(std::max<std::size_t>(text.size(), at + length));
                            text.replace(at, length, bytes);
                        }
                        break;
                    }
                    case 2:
                        ASSERT_EQ(v.unlink(a).has_value(), model.erase(a) == 1);
                        break;
                    case 3:
                        ASSERT_EQ(v.rename(a, b).has_value(), model.contains(a));
                        if (model.contains(a) && a != b) {
                            model[b] = model[a];
                            model.erase(a);
                        }
                        break;
                    case 4:
                        ASSERT_EQ(v.resize(a, at).has_value(), model.contains(a));
                        if (model.contains(a)) {
                            model[a].resize(at);
                        }
                        break;
                    case 5:
                        if (model.contains(a) && length > 0) {
                            ASSERT_TRUE((*v.at(a))->punch_hole(at, length));
                            std::string& text = model[a];
                            for (std::size_t i = at;
                                 i < std::min<std::size_t>(text.size(), at + length); ++i) {
                                text[i] = '\0';
                            }
                        }
                        break;
                    case 6:
                        v.cache().reclaim(random.below(40));
                        break;
                    case 7:
                        if (random.below(4) == 0) {
                            ASSERT_TRUE(v.fs().sync());
                        }
                        break;
                    default:
                        if (model.contains(a)) {
                            ASSERT_TRUE(*v.read(a) == model[a])
                                << a << " seed " << seed << " step " << step;
                        }
                        break;
                }
            }
            for (const auto& [path, text] : model) {
                ASSERT_TRUE(*v.read(path) == text) << path << " seed " << seed;
            }
            ASSERT_TRUE(v.fs().unmount());
            ASSERT_EQ(check_image(disk.bytes()), "") << "seed " << seed;
        }
        EXPECT_TRUE(world.is_clean());
    }
}

TEST(Ext2Order, RenamesFindAnOrderOrSaySo) {
    using fs::ext2::order_rename;
    const auto order = [](std::uint8_t gain, std::uint8_t lose) {
        const auto phases = order_rename(gain, lose);
        return phases ? phases->gain.value * 100 + phases->lose.value : 0;
    };
    EXPECT_EQ(order(0, 0), 405);
    EXPECT_EQ(order(3, 3), 405);
    EXPECT_EQ(order(5, 0), 607);  // waits for another, so it gains later
    EXPECT_EQ(order(4, 5), 405);
    EXPECT_EQ(order(4, 7), 407);
    EXPECT_EQ(order(0, 4), 0);    // another waits for it: it must not be put off
    EXPECT_EQ(order(0, 6), 406);  // but it comes late enough
    EXPECT_EQ(order(6, 6), 0);
    EXPECT_EQ(order(13, 0), 1415);
    EXPECT_EQ(order(15, 0), 0);
}

TEST(Ext2Order, PendingFreesNeedNoMemory) {
    fs::ext2::PendingFrees frees;
    for (std::uint32_t n = 1000; n > 0; --n) {
        ASSERT_TRUE(frees.add({n}));  // one run
    }
    std::size_t runs = 1;
    while (frees.add({5000 + 2 * static_cast<std::uint32_t>(runs)})) {
        ++runs;
    }
    EXPECT_EQ(runs, fs::ext2::PendingFrees::capacity);
    EXPECT_EQ(frees.blocks(), 1000 + runs - 1);
    std::set<std::uint32_t> given;
    std::size_t calls = 0;
    const auto give = [&](fs::ext2::BlockNumber block) {
        if (++calls == 300) {
            return Status(fail(Errc::no_memory));
        }
        given.insert(block.value);
        return Status();
    };
    EXPECT_FALSE(frees.drain(give));
    EXPECT_TRUE(frees.drain(give));
    EXPECT_EQ(given.size(), 1000 + runs - 1);
    EXPECT_TRUE(frees.is_empty());
}

}  // namespace
}  // namespace kidney::fs_test

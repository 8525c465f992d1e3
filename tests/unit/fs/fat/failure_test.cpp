/// FAT when things go wrong: damaged chains, a full disk, a disk that fails, no memory, the loss of
/// power. What was taken is given back, errors are told, and fsck.fat finds at worst what is left
/// over.
#include "tests/fakes/block/faulty_block_device.hpp"
#include "tests/laws/report.hpp"
#include "tests/unit/fs/fat/fat_referee.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

namespace kidney::fs_test {
namespace {

using Disk = fakes::FakeDisk;
using Volume = FatUnderTest<Disk>;

// Small enough to be made a thousand times. With so few clusters others do not take it for FAT32.
const FatFormat formats[] = {{12, 1, "200k"}, {16, 1, "2200k"}, {32, 1, "600k"}};

/// A bit of everything; the first error ends it.
template <class V>
Status work(V& v) {
    TRY(v.mkdir("d"));
    TRY(v.write("d/file", pattern(30'000, 1)));
    TRY(v.write("another name", pattern(3000, 2)));
    TRY(v.fs().sync());
    TRY(v.rename("another name", "d/another name"));
    TRY(v.mkdir("d/e"));
    TRY(v.rename("d/e", "e"));
    TRY(v.write("d/file", pattern(20'000, 3), 20'000));
    TRY(v.resize("d/file", 5000));
    for (int n = 0; n < 9; ++n) {
        TRY(v.write("e/some longer name " + std::to_string(n), ""));
    }
    TRY(v.fs().sync());
    TRY(v.write("e/some longer name 1", pattern(9000, 4)));
    TRY(v.rename("d/another name", "d/file"));
    TRY(v.write("d/file", pattern(80'000, 3), 3000));
    TRY(v.rename("e", "d/E2"));
    TRY(v.fs().sync());
    TRY(v.unlink("d/file"));
    TRY(v.unlink("d/e2/some longer name 1"));
    return v.fs().unmount();
}

std::uint32_t cluster_of(const std::vector<std::byte>& image, const char* short_name) {
    const auto* const at =
        std::search(image.data(), image.data() + image.size(), short_name, short_name + 11,
                    [](std::byte a, char b) { return a == static_cast<std::byte>(b); });
    return std::to_integer<std::uint32_t>(at[26]) | std::to_integer<std::uint32_t>(at[27]) << 8;
}

/// A FAT16 with files of three clusters each, whose table a test damages.
struct Damaged {
    std::vector<std::byte> image;
    std::uint32_t a = 0, b = 0, d = 0;  ///< first clusters
    Damaged() {
        image = make_fat({16, 1, "2200k"});
        if (image.empty()) {
            return;
        }
        World world;
        Disk disk(image, 512);
        Volume v(world, disk);
        EXPECT_TRUE(v.fs().mount());
        EXPECT_TRUE(v.write("AAA", pattern(1500, 1)));
        EXPECT_TRUE(v.write("BBB", pattern(1500, 2)));
        EXPECT_TRUE(v.mkdir("DDD"));
        EXPECT_TRUE(v.write("DDD/x", "x"));
        EXPECT_TRUE(v.fs().unmount());
        image.assign(disk.bytes().begin(), disk.bytes().end());
        a = cluster_of(image, "AAA        ");
        b = cluster_of(image, "BBB        ");
        d = cluster_of(image, "DDD        ");
    }
    void link(std::uint32_t from, std::uint32_t to) {
        const std::size_t table = 512U * std::to_integer<std::uint32_t>(image[14]);
        image[table + 2 * from] = static_cast<std::byte>(to);
        image[table + 2 * from + 1] = static_cast<std::byte>(to >> 8);
    }
};

TEST(FatDamage, ChainsThatCannotBeAreRefused) {
    struct Case {
        const char* what;
        std::function<void(Damaged&)> damage;
        const char* path;  ///< what cannot be read then
    };
    const std::vector<Case> cases = {
        {"in a circle", [](Damaged& i) { i.link(i.a + 1, i.a); }, "AAA"},
        {"to itself", [](Damaged& i) { i.link(i.a, i.a); }, "AAA"},
        {"too short", [](Damaged& i) { i.link(i.a + 1, 0xFFFF); }, "AAA"},
        {"into a free cluster", [](Damaged& i) { i.link(i.a, 3000); }, "AAA"},
        {"to a bad cluster", [](Damaged& i) { i.link(i.a, 0xFFF7); }, "AAA"},
        {"out of the disk", [](Damaged& i) { i.link(i.a, 60'000); }, "AAA"},
        {"to a number that is none", [](Damaged& i) { i.link(i.a, 1); }, "AAA"},
        {"a directory in a circle", [](Damaged& i) { i.link(i.d, i.d); }, "DDD/x"},
        {"a directory without an end", [](Damaged& i) { i.link(i.d, 0); }, "DDD/x"},
    };
    for (const Case& c : cases) {
        Damaged damaged;
        if (damaged.image.empty()) {
            GTEST_SKIP() << "mkfs.fat (dosfstools) is not installed";
        }
        c.damage(damaged);
        World world;
        Disk disk(damaged.image, 512);
        {
            Volume v(world, disk);
            ASSERT_TRUE(v.fs().mount());
            EXPECT_EQ(v.read(c.path).error(), Errc::corrupted) << c.what;
            EXPECT_EQ(v.read(c.path).error(), Errc::corrupted) << c.what << ", again";
            EXPECT_EQ(*v.read("BBB"), pattern(1500, 2)) << c.what;
            ASSERT_TRUE(v.fs().unmount());
        }
        EXPECT_TRUE(world.is_clean());
    }
}

TEST(FatDamage, WhatTwoFilesHaveOnlyTheFirstGets) {
    Damaged damaged;
    if (damaged.image.empty()) {
        GTEST_SKIP() << "mkfs.fat (dosfstools) is not installed";
    }
    damaged.link(damaged.b, damaged.a + 1);
    World world;
    Disk disk(damaged.image, 512);
    {
        Volume v(world, disk);
        ASSERT_TRUE(v.fs().mount());
        {
            const Ref<fs::Vnode> a = *v.at("AAA");
            EXPECT_EQ(*v.read("AAA"), pattern(1500, 1));
            EXPECT_EQ(v.read("BBB").error(), Errc::corrupted);
            EXPECT_EQ(v.write("BBB", "y", 1000).error(), Errc::corrupted);
            EXPECT_EQ(*v.read("AAA"), pattern(1500, 1));
        }
        EXPECT_TRUE(v.read("BBB")) << "nobody else has it now";
        ASSERT_TRUE(v.fs().unmount());
    }
    EXPECT_TRUE(world.is_clean());
}

/// With so many free clusters, an operation succeeds or takes nothing.
TEST(FatFullDisk, EveryOperationAtZeroToEightFreeClusters) {
    const std::vector<std::function<Status(Volume&)>> operations = {
        [](Volume& v) { return v.write("new", pattern(2500, 1)); },
        [](Volume& v) { return v.write("new", "x", 4000); },
        [](Volume& v) { return v.mkdir("directory"); },
        [](Volume& v) { return v.rename("here", "full/" + std::string(150, 'n')); },
        [](Volume& v) { return (*v.at("here"))->allocate(0, 3000, false); },
        [](Volume& v) { return v.write("here", pattern(1500, 2), 500); },
        [](Volume& v) { return v.resize("here", 2000); },
    };
    for (const FatFormat& format : formats) {
        const auto image = make_fat(format);
        if (image.empty()) {
            GTEST_SKIP() << "mkfs.fat (dosfstools) is not installed";
        }
        for (std::size_t n = 0; n < operations.size(); ++n) {
            for (std::uint64_t left = 0; left <= 8; ++left) {
                World world;
                Disk disk(image, 512);
                {
                    Volume v(world, disk);
                    ASSERT_TRUE(v.fs().mount());
                    EXPECT_TRUE(v.write("here", "12345"));
                    EXPECT_TRUE(v.mkdir("full"));
                    EXPECT_TRUE(v.write("full/" + std::string(100, 'a'), ""));
                    EXPECT_TRUE(v.write("ballast", ""));
                    const std::uint64_t spare = v.fs().status().free_blocks - left;
                    EXPECT_TRUE(v.resize("ballast", spare * 512));
                    EXPECT_TRUE(v.fs().sync());
                    const auto before = v.fs().status();
                    ASSERT_EQ(before.free_blocks, left);
                    const Status status = operations[n](v);
                    if (!status) {
                        EXPECT_EQ(status.error(), Errc::no_space);
                        EXPECT_TRUE(v.fs().sync());
                        EXPECT_LE(v.fs().status().free_blocks, before.free_blocks);
                    }
                    if (const auto here = v.read("here")) {
                        EXPECT_EQ(here->substr(0, 5), "12345");
                    }
                    // What was removed is found again without a sync that anybody asks for.
                    EXPECT_TRUE(v.unlink("ballast"));
                    EXPECT_TRUE(v.write("again", pattern(20'000, 4)));
                    ASSERT_TRUE(v.fs().unmount());
                }
                if (left == n % 9) {  // the referee takes its time
                    EXPECT_EQ(complaints_after_crash(disk.bytes(), {}), "")
                        << "operation " << n << " with " << left;
                }
                EXPECT_TRUE(world.is_clean());
            }
        }
    }
}

TEST(FatFullDisk, TheRootOfFat16HasAnEnd) {
    const auto image = make_fat({12, 1, "200k", "-r 64"});
    if (image.empty()) {
        GTEST_SKIP() << "mkfs.fat (dosfstools) is not installed";
    }
    World world;
    Disk disk(image, 512);
    {
        Volume v(world, disk);
        ASSERT_TRUE(v.fs().mount());
        int made = 0;
        Status last;
        while ((last = v.write("a long name, " + std::to_string(made), ""))) {
            ++made;
        }
        EXPECT_EQ(last.error(), Errc::no_space);
        EXPECT_GE(made, 64 / 3 - 1);
        EXPECT_TRUE(v.unlink("a long name, 7"));
        EXPECT_TRUE(v.write("a long name, 7", "x"));
        ASSERT_TRUE(v.fs().unmount());
    }
    EXPECT_EQ(check_fat(disk.bytes()), "");
    EXPECT_TRUE(world.is_clean());
}

TEST(FatFailures, EveryDeviceOperationFailedInTurn) {
    const auto image = make_fat(formats[0]);
    if (image.empty()) {
        GTEST_SKIP() << "mkfs.fat (dosfstools) is not installed";
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
                FatUnderTest<Faulty> v(world, faulty);
                ASSERT_TRUE(v.fs().mount());
                v.cache().reclaim(~std::size_t{0});
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
            if (k % 5 == 0 || complete) {
                EXPECT_EQ(complaints_after_crash(disk.bytes(), {"/another name", "/d/another name",
                                                                "/d/file", "/d/e", "/e", "/d/E2"}),
                          "")
                    << "operation " << k;
            }
            if (complete) {
                break;
            }
        }
    }
    EXPECT_GT(failures, 30U);
}

TEST(FatFailures, EveryAllocationFailedInTurn) {
    const auto image = make_fat(formats[0]);
    if (image.empty()) {
        GTEST_SKIP() << "mkfs.fat (dosfstools) is not installed";
    }
    std::size_t failures = 0;
    // A single failure is often mended by a sync; one that lasts must be told.
    for (const auto& [frames, lasts] :
         {std::pair(false, false), {true, false}, {false, true}, {true, true}}) {
        for (std::size_t n = 1;; n += n < 20 ? 1 : 7) {
            World world;
            fakes::CallCounter& counter =
                frames ? static_cast<fakes::CallCounter&>(world.frames) : world.heap;
            Disk disk(image, 512);
            bool complete = false;
            {
                Volume v(world, disk);
                lasts ? counter.fail_from(n) : counter.fail_at(n);
                Status status = v.fs().mount();
                if (!status) {
                    EXPECT_EQ(status.error(), Errc::no_memory);
                    counter.fail_at(0);
                    ASSERT_TRUE(v.fs().mount()) << "allocation " << n;
                    continue;
                }
                status = work(v);
                complete = !counter.has_failed();
                if (!status) {
                    EXPECT_EQ(status.error(), Errc::no_memory);
                    ++failures;
                }
                counter.fail_at(0);
                ASSERT_TRUE(v.fs().unmount()) << "allocation " << n;
            }
            ASSERT_TRUE(world.is_clean()) << "allocation " << n;
            if (n % 5 == 0 || complete) {
                EXPECT_EQ(check_fat(disk.bytes()), "") << "allocation " << n;
            }
            if (complete) {
                break;
            }
        }
    }
    EXPECT_GT(failures, 5U);
}

/// Counts sectors, and then the power is gone.
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
};

/// What was synced is there under one of its names, whoever mounts it next can work with it, and
/// fsck.fat finds nothing but what the promise allows.
void expect_mendable(Disk& disk, const std::string& where) {
    const std::set<std::string> moving = {
        "/moves",  "/keep/moved", "/d/moved", "/another name", "/d/another name",
        "/d/file", "/d/e",        "/e",       "/d/E2"};
    EXPECT_EQ(complaints_after_crash(disk.bytes(), moving), "") << where;
    World world;
    FatUnderTest<Disk> v(world, disk);
    ASSERT_TRUE(v.fs().mount()) << where;
    EXPECT_EQ(v.read("keep/stays").value_or(""), pattern(9000, 9)) << where;
    const bool is_there = v.read("moves").value_or("") == pattern(5000, 8) ||
                          v.read("keep/moved").value_or("") == pattern(5000, 8) ||
                          v.read("d/moved").value_or("") == pattern(5000, 8);
    EXPECT_TRUE(is_there) << where;
    // Without a check it goes on.
    EXPECT_TRUE(v.write("keep/later", pattern(40'000, 7))) << where;
    ASSERT_TRUE(v.fs().unmount()) << where;
    EXPECT_EQ(complaints_after_crash(disk.bytes(), moving), "") << where << ", and work after it";
}

TEST(FatCrashes, EveryPrefixAndSomeReorderings) {
    for (const FatFormat& format : formats) {
        auto image = make_fat(format);
        if (image.empty()) {
            GTEST_SKIP() << "mkfs.fat (dosfstools) is not installed";
        }
        {
            World world;
            Disk disk(image, 512);
            Volume v(world, disk);
            ASSERT_TRUE(v.fs().mount());
            EXPECT_TRUE(v.mkdir("keep"));
            EXPECT_TRUE(v.write("keep/stays", pattern(9000, 9)));
            EXPECT_TRUE(v.write("moves", pattern(5000, 8)));
            ASSERT_TRUE(v.fs().unmount());
            image.assign(disk.bytes().begin(), disk.bytes().end());
        }
        // How much is written, and then every state in between; the newest writes in any order.
        constexpr std::size_t step = 13;
        bool is_complete = false;
        for (std::size_t stop = format.bits % 13; !is_complete; stop += step) {
            for (const std::uint32_t seed : {0U, 1U}) {
                World world;
                Disk disk(image, 512);
                Stopping stopping{disk, stop};
                {
                    FatUnderTest<Stopping> v(world, stopping);
                    ASSERT_TRUE(v.fs().mount());
                    Status status = work(v);
                    status = status ? v.rename("moves", "keep/moved") : status;
                    status = status ? v.fs().sync() : status;
                    status = status ? v.rename("keep/moved", "d/moved") : status;
                    status = status ? v.fs().unmount() : status;
                    ASSERT_TRUE(status || stopping.stopped) << to_string(status.error());
                }
                laws::Random random(seed + static_cast<std::uint32_t>(stop) * 3 + 1);
                disk.crash([&](std::size_t) { return seed == 0 || random.below(2) == 0; });
                expect_mendable(disk, "FAT" + std::to_string(format.bits) + " after " +
                                          std::to_string(stop) + " sectors, seed " +
                                          std::to_string(seed));
                is_complete = !stopping.stopped;
                if (testing::Test::HasFailure()) {
                    return;
                }
            }
        }
    }
}

/// Random operations, syncs and mounts against a map of what must be there.
TEST(FatModel, RandomOperationsAgreeWithAMap) {
    for (std::uint32_t seed = 1; seed <= 6; ++seed) {
        const FatFormat format = seed % 3 == 0   ? FatFormat{32, 1, "8M"}
                                 : seed % 3 == 1 ? FatFormat{12, 4, "4M"}
                                                 : FatFormat{16, 2, "8M"};
        const auto image = make_fat(format);
        if (image.empty()) {
            GTEST_SKIP() << "mkfs.fat (dosfstools) is not installed";
        }
        World world;
        Disk disk(image, 512);
        laws::Random random(seed);
        std::map<std::string, std::string> model;
        const auto name = [&] {
            const std::uint32_t n = random.below(40);
            return (n % 2 == 0 ? "file " : "F") + std::to_string(n);
        };
        for (int mount = 0; mount < 5; ++mount) {
            Volume v(world, disk);
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
                        ASSERT_TRUE(v.write(a, bytes, at)) << seed << " " << step;
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
                        if (model.contains(a) && model.contains(b)) {
                            ASSERT_TRUE(v.rename(a, b, true));
                            std::swap(model[a], model[b]);
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
            ASSERT_TRUE(all_of(v) == model) << "seed " << seed;
            ASSERT_TRUE(v.fs().unmount());
            ASSERT_EQ(complaints_after_crash(disk.bytes(), {}), "") << "seed " << seed;
        }
        EXPECT_TRUE(world.is_clean());
    }
}

}  // namespace
}  // namespace kidney::fs_test

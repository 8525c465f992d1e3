/// FAT read and written: what mtools has put into an image is read back, and whatever is done to an
/// image, fsck.fat has nothing to say afterwards, and mtools and the next mount read what was
/// written.
#include "tests/laws/file_system_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/unit/fs/disk/names_by_chance.hpp"
#include "tests/unit/fs/disk/overwrites.hpp"
#include "tests/unit/fs/disk/pieces.hpp"
#include "tests/unit/fs/ext2_referee.hpp"
#include "tests/unit/fs/fat/fat_image.hpp"
#include "tests/unit/fs/plain_opener.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace kidney::fs_test {
namespace {

namespace law = laws::file_system;
namespace host = std::filesystem;
using Disk = fakes::FakeDisk;
using Volume = FatUnderTest<Disk>;

const FatFormat formats[] = {{12, 1, "720k"}, {12, 64, "8M"},           {16, 2, "6M"},
                             {32, 1, "34M"},  {12, 2, "2M", "-S 2048"}, {16, 1, "4M", "-f 1"}};

class FatTest : public testing::TestWithParam<FatFormat> {
protected:
    void SetUp() override {
        image = make_fat(GetParam());
        if (image.empty()) {
            GTEST_SKIP() << "mkfs.fat (dosfstools) is not installed";
        }
        disk.emplace(image, 512);
    }
    void TearDown() override { EXPECT_TRUE(world.is_clean()); }
    /// Runs `work` on a mounted volume, unmounts, and asks the referees.
    template <class Work>
    void play(Work&& work) {
        std::map<std::string, std::string> expected;
        {
            Volume volume(world, *disk);
            ASSERT_TRUE(volume.fs().mount());
            work(volume);
            expected = all_of(volume);
            ASSERT_TRUE(volume.fs().unmount());
        }
        EXPECT_EQ(check_fat(disk->bytes()), "");
        EXPECT_EQ(dump_fat(disk->bytes()), expected);
        Volume again(world, *disk, fat_read_only);
        ASSERT_TRUE(again.fs().mount());
        EXPECT_TRUE(again.fs().was_clean());
        EXPECT_EQ(all_of(again), expected);
    }
    World world;
    std::vector<std::byte> image;
    std::optional<Disk> disk;
};
INSTANTIATE_TEST_SUITE_P(Images, FatTest, testing::ValuesIn(formats));

TEST(FatLaws, AreKept) {
    // With so few clusters FAT32 is more than others take, but small enough for V13.
    for (const FatFormat& format : {FatFormat{12, 1, "720k"}, FatFormat{16, 1, "3M"},
                                    FatFormat{12, 8, "2M", "-f 1"}, FatFormat{32, 1, "2M"}}) {
        const auto image = make_fat(format);
        if (image.empty()) {
            GTEST_SKIP() << "mkfs.fat (dosfstools) is not installed";
        }
        World world;
        Disk disk(image, 512);
        {
            Volume v(world, disk);
            ASSERT_TRUE(v.fs().mount());
            law::Subject subject{
                v.fs(), *law::make(*v.fs().root(), "home", fs::NodeType::directory), fat_abilities};
            test::LawReport report;
            laws::run_laws<law::Suite>(report, subject);
            run_file_laws(report, world, *subject.home);
            test::expect_laws_held(report);
            subject.home.reset();
            ASSERT_TRUE(v.fs().unmount());
        }
        const std::string complaints = check_fat(disk.bytes());
        EXPECT_TRUE(complaints.empty() ||
                    (format.bits == 32 && complaints.starts_with("Warning: Filesystem is FAT32") &&
                     std::ranges::count(complaints, '\n') == 3))
            << complaints;
        EXPECT_TRUE(world.is_clean());
    }
}

/// The other side writes: every byte comes back, under the same names.
TEST_P(FatTest, WhatMtoolsWroteIsRead) {
    const TemporaryDirectory tree;
    std::map<std::string, std::string> expected;
    const auto put = [&](const std::string& path, const std::string& text) {
        host::create_directories((tree.path() / path).parent_path());
        write_file(tree.path() / path, text);
        expected[path] = text;
    };
    put("EMPTY", "");
    put("lower.txt", "small letters");
    put("Mixed Case Name.text", pattern(20'000, 1));
    put("exactly one", pattern(32'768, 2));
    put("a/b/c/deep", pattern(3000, 3));
    put(std::string(200, 'n') + ".ext", "a long name");
    for (int n = 0; n < 100; ++n) {
        put("many/file number " + std::to_string(n), std::to_string(n));
    }
    for (const char* directory : {"a", "a/b", "a/b/c", "many"}) {
        expected[directory] = "directory";
    }
    const auto filled = make_fat(GetParam(), tree.path());
    ASSERT_FALSE(filled.empty());
    Disk other(filled, 512);
    Volume v(world, other, fat_read_only);
    ASSERT_TRUE(v.fs().mount());
    EXPECT_EQ(all_of(v), expected);
    EXPECT_EQ(*v.read("MIXED case NAME.TEXT"), expected["Mixed Case Name.text"]);
    EXPECT_EQ(*v.read("MIXEDC~1.TEX"), expected["Mixed Case Name.text"]) << "its short name";
    EXPECT_EQ(v.write("new", "x").error(), Errc::read_only);
    EXPECT_EQ((*(*v.at("a"))->attributes()).links, 3U);
    EXPECT_TRUE((*v.fs().root()->attributes()).links == 4);
}

TEST_P(FatTest, FilesInPieces) {
    play([](Volume& v) { write_over_pieces(v); });
}

TEST_P(FatTest, WholePagesAreReplaced) {
    play([](Volume& v) { overwrite_pages(v); });
}

TEST_P(FatTest, OneOfEverything) {
    play([&](Volume& v) {
        EXPECT_TRUE(v.write("EMPTY", ""));
        EXPECT_TRUE(v.write("short", "hello, FAT\n"));
        EXPECT_TRUE(v.write("Some Longer Name.with.dots", pattern(12 * 1024, 1)));
        EXPECT_TRUE(v.write("large", pattern(300'001, 2)));
        EXPECT_TRUE(v.mkdir("a"));
        EXPECT_TRUE(v.mkdir("a/Directory with a name"));
        EXPECT_TRUE(v.mkdir("a/Directory with a name/c"));
        EXPECT_TRUE(v.write("a/Directory with a name/c/deep", "deep"));
        EXPECT_TRUE(v.write(std::string(255, 'n'), "longest name"));
        EXPECT_TRUE(v.write("\u00dcber \u4e2d\u6587.txt", "letters of others"));
        EXPECT_TRUE(v.write("dots at the end...", "are cut off"));
        EXPECT_EQ(*v.read("dots at the end"), "are cut off");
        EXPECT_EQ(*v.read("\u00fcBER \u4e2d\u6587.TXT"), "letters of others");
        for (const char* name : {"short", "SHORT", "sHoRt", "SOMELO~1.DOT"}) {
            EXPECT_EQ(v.make(name, {}).error(), Errc::exists) << name;
        }
        for (const char* name :
             {"a*", "?", "\"", "<", ">", "|", "a:b", "back\\slash", "\n", " ", "blank ", "\xff"}) {
            EXPECT_EQ(v.make(name, {}).error(), Errc::invalid_argument) << name;
        }
        EXPECT_EQ(v.make("....", {}).error(), Errc::not_found);
        EXPECT_EQ(v.make("link", {.type = fs::NodeType::symlink, .target = "x"}).error(),
                  Errc::not_permitted);
        EXPECT_EQ(v.make("fifo", {.type = fs::NodeType::fifo}).error(), Errc::not_permitted);
        EXPECT_EQ(v.link("short", "second").error(), Errc::not_permitted);
        EXPECT_EQ(v.fs().root()->create_unnamed({}, false).error(), Errc::not_supported);
        EXPECT_EQ(*v.read("large"), pattern(300'001, 2));
    });
}

TEST_P(FatTest, ThousandsOfNames) {
    play([&](Volume& v) {
        EXPECT_TRUE(v.mkdir("many"));
        // With numeric tails of one, two and three digits.
        constexpr int count = 240;
        for (int i = 0; i < count; ++i) {
            ASSERT_TRUE(v.write("many/the same beginning " + std::to_string(i), "x")) << i;
        }
        for (int i = 0; i < count; i += 3) {
            ASSERT_TRUE(v.unlink("many/The Same Beginning " + std::to_string(i)));
        }
        const std::uint64_t size = (*(*v.at("many"))->attributes()).size;
        for (int i = 1; i < count; i += 3) {
            ASSERT_TRUE(v.rename("many/the same beginning " + std::to_string(i),
                                 "many/The moved beginning" + std::to_string(i)));
        }
        for (int i = 0; i < 40; ++i) {
            ASSERT_TRUE(v.write("many/SHORT" + std::to_string(i), ""));
        }
        EXPECT_EQ((*(*v.at("many"))->attributes()).size, size) << "slots are used again";
    });
}

TEST_P(FatTest, NamesByChance) {
    play([&](Volume& v) {
        EXPECT_TRUE(v.mkdir("many"));
        NamesByChance names(*v.at("many"), world.heap, 1);
        names.run(3000);
        names.expect_same();
        EXPECT_GT(names.size(), 200U);
    });
}

TEST_P(FatTest, RenamesOfAllKinds) {
    play([&](Volume& v) {
        EXPECT_TRUE(v.write("one", "1"));
        EXPECT_TRUE(v.write("two", "22"));
        EXPECT_TRUE(v.mkdir("a"));
        EXPECT_TRUE(v.mkdir("b"));
        EXPECT_TRUE(v.mkdir("b/inner"));
        EXPECT_TRUE(v.rename("one", "UNO"));
        EXPECT_TRUE(v.rename("UNO", "Uno")) << "only other letters";
        EXPECT_EQ(all_of(v).count("Uno"), 1U);
        EXPECT_TRUE(v.rename("uno", std::string(200, 'l')));
        EXPECT_TRUE(v.rename(std::string(200, 'l'), "a/one"));
        const std::uint64_t number = (*(*v.at("two"))->attributes()).inode;
        const Ref<fs::Vnode> two = *v.at("two");
        EXPECT_TRUE(v.rename("two", "a/one"));  // over a file
        EXPECT_EQ(*v.read("a/one"), "22");
        EXPECT_EQ((*two->attributes()).inode, number);
        EXPECT_TRUE(v.write("two", "another"));  // perhaps where the entry was
        EXPECT_NE((*(*v.at("two"))->attributes()).inode, number);
        EXPECT_LT((*(*v.at("two"))->attributes()).inode, std::uint64_t{1} << 32)
            << "programs without large files could not stat() it";
        EXPECT_EQ(v.rename("b", "b/inner/b").error(), Errc::invalid_argument);
        EXPECT_TRUE(v.rename("b/inner", "a/inner"));
        EXPECT_EQ(*(*v.at("a/inner"))->parent(), *v.at("a"));
        EXPECT_TRUE(v.mkdir("victim"));
        EXPECT_TRUE(v.rename("b", "victim"));  // over an empty directory
        EXPECT_TRUE(v.write("victim/f", "f"));
        EXPECT_EQ(v.rename("a/inner", "victim").error(), Errc::not_empty);
        EXPECT_TRUE(v.rename("a/one", "victim/f", true));
        EXPECT_EQ(*v.read("victim/f"), "22");
        EXPECT_TRUE(v.rename("a/inner", "victim/f", true));  // a directory and a file
        EXPECT_EQ(*(*v.at("victim/f"))->parent(), *v.at("victim"));
        EXPECT_EQ(*v.read("a/inner"), "22");
        EXPECT_TRUE(v.write("replaced and held", pattern(9000, 3)));
        const Ref<fs::Vnode> held = *v.at("replaced and held");
        EXPECT_TRUE(v.rename("two", "replaced and held"));
        EXPECT_TRUE(v.fs().sync());
        EXPECT_TRUE(v.write(*held, "still written"));
        EXPECT_EQ(*v.read("replaced and held"), "another");
    });
}

TEST_P(FatTest, CutAndGrown) {
    play([&](Volume& v) {
        const auto before = v.fs().status();
        EXPECT_TRUE(v.write("cut", pattern(300'000, 5)));
        EXPECT_TRUE(v.fs().sync());
        EXPECT_TRUE(v.resize("cut", 1234));
        EXPECT_TRUE(v.resize("cut", 90'000));
        const std::string expected =
            pattern(300'000, 5).substr(0, 1234) + std::string(90'000 - 1234, 0);
        EXPECT_EQ(*v.read("cut"), expected);
        EXPECT_TRUE(v.fs().sync());
        v.cache().reclaim(~std::size_t{0});
        EXPECT_EQ(*v.read("cut"), expected);
        EXPECT_TRUE(v.write("behind", "far away", 200'000));
        EXPECT_EQ(*v.read("behind"), std::string(200'000, 0) + "far away");
        EXPECT_EQ((*v.at("behind"))->punch_hole(0, 4096).error(), Errc::not_supported);
        EXPECT_EQ(*(*v.at("behind"))->find_hole(0), 200'008U);
        EXPECT_TRUE((*v.make("allocated", {}))->allocate(10, 70'000, false));
        EXPECT_EQ(*v.read("allocated"), std::string(70'010, '\0'));
        EXPECT_EQ(v.resize("cut", std::uint64_t{1} << 32).error(), Errc::file_too_big);
        for (const char* name : {"cut", "behind", "allocated"}) {
            EXPECT_TRUE(v.resize(name, 0));
            EXPECT_TRUE(v.fs().sync());
            EXPECT_TRUE(v.unlink(name));
        }
        EXPECT_TRUE(v.fs().sync());
        EXPECT_EQ(v.fs().status().free_blocks, before.free_blocks);
    });
}

TEST_P(FatTest, PermissionsAreThoseOfTheMount) {
    {
        Volume v(world, *disk, {.device_number = 1, .uid = 7, .gid = 8, .file_mask = 0133});
        ASSERT_TRUE(v.fs().mount());
        ASSERT_TRUE(v.write("file", "x"));
        ASSERT_TRUE(v.mkdir("d"));
        const Ref<fs::Vnode> file = *v.at("file");
        EXPECT_EQ((*file->attributes()).permissions, fs::Permissions(0644));
        EXPECT_EQ((*file->attributes()).uid, 7U);
        EXPECT_EQ((*file->attributes()).gid, 8U);
        EXPECT_EQ((*(*v.at("d"))->attributes()).permissions, fs::Permissions(0755));
        EXPECT_EQ(file->set_attributes({.uid = 1}).error(), Errc::not_permitted);
        EXPECT_TRUE(file->set_attributes({.uid = 7}));
        EXPECT_EQ(file->set_attributes({.permissions = fs::Permissions(04755)}).error(),
                  Errc::not_permitted);
        EXPECT_TRUE(file->set_attributes({.permissions = fs::Permissions(0600)}));
        EXPECT_EQ((*file->attributes()).permissions, fs::Permissions(0644)) << "in silence";
        EXPECT_TRUE(file->set_attributes({.permissions = fs::Permissions(0444)}));
        EXPECT_EQ((*file->attributes()).permissions, fs::Permissions(0444));
        EXPECT_TRUE(file->set_attributes({.modified = fs::FileTime{1'709'210'097, 5}}));
        ASSERT_TRUE(v.fs().unmount());
    }
    EXPECT_EQ(check_fat(disk->bytes()), "");
    Volume v(world, *disk, {.device_number = 1, .uid = 7, .quiet = true});
    ASSERT_TRUE(v.fs().mount());
    const Ref<fs::Vnode> file = *v.at("file");
    EXPECT_EQ((*file->attributes()).permissions, fs::Permissions(0555)) << "an attribute of DOS";
    EXPECT_EQ((*file->attributes()).modified, (fs::FileTime{1'709'210'096, 0}));
    EXPECT_TRUE(file->set_attributes({.uid = 1})) << "quiet";
    EXPECT_EQ((*file->attributes()).uid, 7U);
    EXPECT_TRUE(file->set_attributes({.permissions = fs::Permissions(0755)}));
    EXPECT_EQ((*file->attributes()).permissions, fs::Permissions(0755));
}

TEST_P(FatTest, AnOpenFileOutlivesItsName) {
    play([&](Volume& v) {
        const auto before = v.fs().status();
        Ref<fs::Vnode> open = *v.make("open", {});
        EXPECT_TRUE(v.write(*open, pattern(50'000, 1)));
        EXPECT_TRUE(v.fs().sync());
        EXPECT_TRUE(v.unlink("open"));
        EXPECT_TRUE(v.write(*open, "still there"));
        EXPECT_TRUE(v.fs().sync());
        std::string text(11, '?');
        fs::SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        EXPECT_EQ(*open->read(0, to), 11U);
        EXPECT_EQ(text, "still there");
        EXPECT_TRUE(v.fs().is_in_use());
        open.reset();
        EXPECT_TRUE(v.fs().sync());
        EXPECT_EQ(v.fs().status().free_blocks, before.free_blocks);

        EXPECT_TRUE(v.mkdir("gone"));
        const Ref<fs::Vnode> gone = *v.at("gone");
        EXPECT_TRUE(v.unlink("gone"));
        EXPECT_EQ(gone->create("x", {}).error(), Errc::not_found);
        EXPECT_EQ(gone->lookup("x").error(), Errc::not_found);
        EXPECT_EQ(*gone->parent(), v.fs().root());
    });
}

/// Few commands, because clusters are in runs.
TEST(FatCommands, AreFewForLargeFiles) {
    const auto image = make_fat({32, 8, "48M"});
    if (image.empty()) {
        GTEST_SKIP() << "mkfs.fat (dosfstools) is not installed";
    }
    World world;
    Disk disk(image, 512);
    Volume v(world, disk);
    ASSERT_TRUE(v.fs().mount());
    constexpr std::size_t piece = 1 << 20;
    constexpr std::uint64_t size = 8 * piece;
    std::uint64_t before = disk.writes();
    for (std::uint64_t at = 0; at < size; at += piece) {
        ASSERT_TRUE(v.write("large", pattern(piece, 1), at));
    }
    ASSERT_TRUE(v.fs().sync());
    EXPECT_LT(disk.writes() - before, size / 65'536 + 16);
    v.cache().reclaim(~std::size_t{0});
    before = disk.reads();
    const Ref<fs::Vnode> file = *v.at("large");
    std::string text(4096, '?');
    for (std::uint64_t at = 0; at < size; at += text.size()) {
        fs::SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        ASSERT_EQ(*file->read(at, to), text.size());
    }
    EXPECT_LT(disk.reads() - before, size / 65'536 + 16);
}

/// A second reader besides mtools. FAT32 disks as small as ours are none to it.
TEST_P(FatTest, SleuthkitReadsWhatWasWritten) {
    if (GetParam().bits == 32) {
        GTEST_SKIP() << "too few clusters for sleuthkit";
    }
    std::map<std::string, std::string> written;
    play([&](Volume& v) {
        EXPECT_TRUE(v.mkdir("A Directory"));
        const auto put = [&](const std::string& path, const std::string& text) {
            EXPECT_TRUE(v.write(path, text));
            written[path] = text;
        };
        put("A Directory/a file with a long name", std::string(30'000, 'x') + "end");
        put("SHORT.TXT", "short");
        EXPECT_TRUE(v.write("old name of a file", "moved"));
        EXPECT_TRUE(v.rename("old name of a file", "A Directory/new name of a file"));
        written["A Directory/new name of a file"] = "moved";
        EXPECT_TRUE(v.write("gone", "gone"));
        EXPECT_TRUE(v.unlink("gone"));
    });
    if (run_tool("fls -V").code != 0) {
        GTEST_SKIP() << "sleuthkit is not installed";
    }
    EXPECT_EQ(unlike_in_sleuthkit(disk->bytes(), "fat", written), "");
}

}  // namespace
}  // namespace kidney::fs_test

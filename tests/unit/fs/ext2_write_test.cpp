/// ext2 written: whatever is done to an image, e2fsck has nothing to say afterwards, and debugfs
/// and the next mount read what was written.
#include "tests/unit/fs/disk/names_by_chance.hpp"
#include "tests/unit/fs/disk/overwrites.hpp"
#include "tests/unit/fs/disk/pieces.hpp"
#include "tests/unit/fs/ext2_image.hpp"
#include "tests/unit/fs/ext2_referee.hpp"

#include <gtest/gtest.h>

#include <map>

namespace kidney::fs_test {
namespace {

using Disk = fakes::FakeDisk;
using Volume = Ext2UnderTest<Disk>;

struct Format {
    unsigned block_size;
    const char* options;
};
void PrintTo(const Format& format, std::ostream* out) {
    *out << format.block_size << " " << format.options;
}

std::vector<std::byte> empty_image(const Format& format, const std::string& size = "4M") {
    const TemporaryDirectory tree;
    std::filesystem::permissions(tree.path(), std::filesystem::perms(0755));
    return make_image(tree.path(), format.block_size, size, format.options);
}

/// The referees agree with what is in memory now, and with the next mount.
void expect_sound(World& world, Disk& disk, const Seen& expected) {
    EXPECT_EQ(check_image(disk.bytes()), "");
    const Seen dumped = dump_image(disk.bytes());
    for (const auto& [path, what] : expected.files) {
        if (what.find("special") == std::string::npos && !path.empty()) {
            const auto found = dumped.files.find(path);
            ASSERT_NE(found, dumped.files.end()) << path;
            // The dump has no hard links, and debugfs does not keep the permissions of links.
            const auto content = [](const std::string& text) {
                return text.substr(text.find(' ', text.find(' ') + 1) + 1);
            };
            EXPECT_EQ(content(found->second), content(what)) << path;
        }
    }
    Volume again(world, disk, read_only);
    ASSERT_TRUE(again.fs().mount());
    EXPECT_EQ(all_seen(again).files, expected.files);
}

class Ext2Writing : public testing::TestWithParam<Format> {
protected:
    void SetUp() override {
        image = empty_image(GetParam());
        if (image.empty()) {
            GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
        }
        disk.emplace(image, 512);
    }
    void TearDown() override { EXPECT_TRUE(world.is_clean()); }
    /// Runs `work` on a mounted volume, unmounts, and asks the referees.
    template <class Work>
    void play(Work&& work) {
        Seen expected;
        {
            Volume volume(world, *disk);
            ASSERT_TRUE(volume.fs().mount());
            work(volume);
            expected = all_seen(volume);
            ASSERT_TRUE(volume.fs().unmount());
        }
        expect_sound(world, *disk, expected);
    }
    World world;
    std::vector<std::byte> image;
    std::optional<Disk> disk;
};
INSTANTIATE_TEST_SUITE_P(
    Images, Ext2Writing,
    testing::Values(Format{1024, "-I 128"}, Format{2048, "-I 256"}, Format{4096, "-I 256"},
                    Format{1024, "-r 0"}, Format{1024, "-I 128 -O ^filetype,^dir_index"},
                    Format{4096, "-I 128 -O ^resize_inode,^sparse_super"},
                    Format{1024, "-I 256 -O ^resize_inode,^sparse_super -g 1024 -N 512"}));

TEST_P(Ext2Writing, FilesInPieces) {
    play([](Volume& v) { write_over_pieces(v); });
}

TEST_P(Ext2Writing, WholePagesAreReplaced) {
    play([](Volume& v) { overwrite_pages(v); });
}

TEST_P(Ext2Writing, OneOfEverything) {
    play([&](Volume& v) {
        EXPECT_TRUE(v.write("empty", ""));
        EXPECT_TRUE(v.write("short", "hello, ext2\n"));
        EXPECT_TRUE(v.write("direct", pattern(12 * 1024, 1)));
        EXPECT_TRUE(v.write("indirect", pattern(200'000, 2)));
        EXPECT_TRUE(v.write("double", pattern(1'000'001, 3)));
        EXPECT_TRUE(v.mkdir("a"));
        EXPECT_TRUE(v.mkdir("a/b"));
        EXPECT_TRUE(v.mkdir("a/b/c"));
        EXPECT_TRUE(v.write("a/b/c/deep", "deep"));
        EXPECT_TRUE(v.link("short", "a/second"));
        EXPECT_TRUE(v.make("fast", {.type = fs::NodeType::symlink,
                                    .permissions = fs::Permissions(0777),
                                    .target = "a/b/c"}));
        const std::string far = "/" + std::string(200, 'x') + "/slow";
        EXPECT_TRUE(v.make(
            "slow",
            {.type = fs::NodeType::symlink, .permissions = fs::Permissions(0777), .target = far}));
        EXPECT_TRUE(v.make("null", {.type = fs::NodeType::character,
                                    .permissions = fs::Permissions(0666),
                                    .rdev = {1, 3}}));
        EXPECT_TRUE(v.make("big", {.type = fs::NodeType::block,
                                   .permissions = fs::Permissions(0660),
                                   .rdev = {300, 70'000}}));
        EXPECT_TRUE(v.make("fifo", {.type = fs::NodeType::fifo}));
        EXPECT_TRUE(v.write(std::string(255, 'n'), "longest name"));
        EXPECT_EQ(v.make("short", {}).error(), Errc::exists);
        EXPECT_EQ(*v.read("double"), pattern(1'000'001, 3));
        EXPECT_EQ((*(*v.at("big"))->attributes()).rdev, (fs::DeviceNumber{300, 70'000}));
    });
    EXPECT_NE(ask_debugfs(disk->bytes(), "stat /null").find("Device major/minor number: 01:03"),
              std::string::npos);
}

TEST_P(Ext2Writing, WhatIsRemovedIsFreeAgain) {
    fs::FileSystemStatus before;
    play([&](Volume& v) {
        EXPECT_TRUE(v.write("grows/the/root", "").error() == Errc::not_found);
        before = v.fs().status();
        EXPECT_TRUE(v.write("file", pattern(700'000, 1)));
        EXPECT_TRUE(v.mkdir("d"));
        for (int i = 0; i < 100; ++i) {
            EXPECT_TRUE(v.write("d/file with a long name " + std::to_string(i), "x"));
        }
        EXPECT_TRUE(v.fs().sync());
        EXPECT_LT(v.fs().status().free_blocks, before.free_blocks);
        EXPECT_EQ(v.unlink("d").error(), Errc::not_empty);
        for (int i = 0; i < 100; ++i) {
            EXPECT_TRUE(v.unlink("d/file with a long name " + std::to_string(i)));
        }
        EXPECT_TRUE(v.unlink("d"));
        EXPECT_TRUE(v.unlink("file"));
        EXPECT_TRUE(v.fs().sync());
        EXPECT_TRUE(v.fs().sync());
        EXPECT_EQ(v.fs().status().free_blocks, before.free_blocks);
        EXPECT_EQ(v.fs().status().free_nodes, before.free_nodes);
    });
}

TEST_P(Ext2Writing, RenamesOfAllKinds) {
    play([&](Volume& v) {
        EXPECT_TRUE(v.write("one", "1"));
        EXPECT_TRUE(v.write("two", "22"));
        EXPECT_TRUE(v.mkdir("a"));
        EXPECT_TRUE(v.mkdir("b"));
        EXPECT_TRUE(v.mkdir("b/inner"));
        EXPECT_TRUE(v.rename("one", "uno"));                  // in place
        EXPECT_TRUE(v.rename("uno", std::string(200, 'l')));  // not in place
        EXPECT_TRUE(v.rename(std::string(200, 'l'), "a/one"));
        EXPECT_TRUE(v.rename("two", "a/one"));  // over a file
        EXPECT_EQ(*v.read("a/one"), "22");
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
    });
}

TEST_P(Ext2Writing, ThousandsOfNames) {
    play([&](Volume& v) {
        EXPECT_TRUE(v.mkdir("many"));
        const Ref<fs::Vnode> first = *v.make("many/first", {});
        for (int i = 0; i < 600; ++i) {
            ASSERT_TRUE(v.link("many/first", "many/link number " + std::to_string(i))) << i;
        }
        for (int i = 0; i < 600; i += 3) {
            ASSERT_TRUE(v.unlink("many/link number " + std::to_string(i)));
        }
        for (int i = 1; i < 600; i += 3) {
            ASSERT_TRUE(v.rename("many/link number " + std::to_string(i),
                                 "many/moved " + std::to_string(i)));
        }
        EXPECT_EQ((*first->attributes()).links, 401U);
    });
}

TEST_P(Ext2Writing, NamesByChance) {
    play([&](Volume& v) {
        EXPECT_TRUE(v.mkdir("many"));
        NamesByChance names(*v.at("many"), world.heap, 1);
        names.run(6000);
        names.expect_same();
        EXPECT_GT(names.size(), 200U);
    });
}

TEST_P(Ext2Writing, HolesAndEnds) {
    play([&](Volume& v) {
        EXPECT_TRUE(v.write("sparse", "far away", 3'000'000));
        EXPECT_TRUE(v.write("sparse", "near", 5000));
        const Ref<fs::Vnode> sparse = *v.at("sparse");
        EXPECT_LT((*sparse->attributes()).blocks, 100U);
        const std::uint64_t block = v.fs().block_size();
        EXPECT_EQ(*sparse->find_data(0), 5000 / block * block);
        EXPECT_EQ(*sparse->find_hole(5000), (5000 / block + 1) * block);
        EXPECT_EQ(*sparse->find_data(6000 + block), 3'000'000 / block * block);

        EXPECT_TRUE(v.write("cut", pattern(300'000, 5)));
        EXPECT_TRUE(v.fs().sync());
        EXPECT_TRUE(v.resize("cut", 1234));
        EXPECT_TRUE(v.resize("cut", 9000));
        EXPECT_EQ(*v.read("cut"),
                  pattern(300'000, 5).substr(0, 1234) + std::string(9000 - 1234, 0));
        v.cache().reclaim(~std::size_t{0});
        EXPECT_EQ(*v.read("cut"),
                  pattern(300'000, 5).substr(0, 1234) + std::string(9000 - 1234, 0));

        EXPECT_TRUE(v.write("punched", pattern(100'000, 6)));
        EXPECT_TRUE(v.fs().sync());
        std::string expected = pattern(100'000, 6);
        EXPECT_TRUE((*v.at("punched"))->punch_hole(3000, 50'000));
        std::fill_n(expected.begin() + 3000, 50'000, '\0');
        EXPECT_EQ(*v.read("punched"), expected);
        EXPECT_TRUE((*v.at("punched"))->punch_hole(60'001, 17));
        std::fill_n(expected.begin() + 60'001, 17, '\0');
        EXPECT_EQ(*v.read("punched"), expected);
        EXPECT_TRUE(v.fs().sync());
        v.cache().reclaim(~std::size_t{0});
        EXPECT_EQ(*v.read("punched"), expected);

        EXPECT_TRUE((*v.make("allocated", {}))->allocate(10, 70'000, false));
        EXPECT_EQ(*v.read("allocated"), std::string(70'010, '\0'));
        EXPECT_EQ((*v.at("allocated"))->allocate(0, 80'000, true).error(), Errc::not_supported);
    });
}

TEST_P(Ext2Writing, FilesWithoutNames) {
    play([&](Volume& v) {
        const auto before = v.fs().status();
        Ref<fs::Vnode> open = *v.make("open", {});
        EXPECT_TRUE(v.write(*open, pattern(50'000, 1)));
        EXPECT_TRUE(v.unlink("open"));
        EXPECT_TRUE(v.write(*open, "still there"));
        EXPECT_TRUE(v.fs().sync());
        std::string text(11, '?');
        fs::SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        EXPECT_EQ(*open->read(0, to), 11U);
        EXPECT_EQ(text, "still there");
        open.reset();
        Ref<fs::Vnode> unnamed = *v.fs().root()->create_unnamed({}, true);
        EXPECT_TRUE(v.write(*unnamed, "gets a name"));
        EXPECT_TRUE(v.fs().sync());
        EXPECT_TRUE(v.fs().root()->link("named", *unnamed));
        Ref<fs::Vnode> secret = *v.fs().root()->create_unnamed({}, false);
        EXPECT_TRUE(v.write(*secret, pattern(20'000, 2)));
        EXPECT_EQ(v.fs().root()->link("no", *secret).error(), Errc::not_found);
        secret.reset();
        unnamed.reset();
        EXPECT_TRUE(v.unlink("named"));
        EXPECT_TRUE(v.fs().sync());
        EXPECT_TRUE(v.fs().sync());
        EXPECT_EQ(v.fs().status().free_blocks, before.free_blocks);
        EXPECT_EQ(v.fs().status().free_nodes, before.free_nodes);

        // A removed directory still knows where it was.
        EXPECT_TRUE(v.mkdir("gone"));
        const Ref<fs::Vnode> gone = *v.at("gone");
        EXPECT_TRUE(v.unlink("gone"));
        EXPECT_EQ(gone->create("x", {}).error(), Errc::not_found);
        EXPECT_EQ(gone->lookup("x").error(), Errc::not_found);
        EXPECT_EQ(*gone->parent(), v.fs().root());
    });
}

TEST_P(Ext2Writing, SleuthkitReadsWhatWasWritten) {
    std::map<std::string, std::string> written;
    play([&](Volume& v) {
        EXPECT_TRUE(v.mkdir("a") && v.mkdir("a/b"));
        const auto put = [&](const std::string& path, const std::string& text) {
            EXPECT_TRUE(v.write(path, text));
            written[path] = text;
        };
        put("empty", "");
        put("a/direct", pattern(9000, 1));
        put("a/b/indirect", pattern(300'000, 2));
        put("a/b/" + std::string(200, 'n'), "a long name");
        EXPECT_TRUE(v.write("old", "moved"));
        EXPECT_TRUE(v.rename("old", "a/new"));
        written["a/new"] = "moved";
        EXPECT_TRUE(v.write("gone", "gone"));
        EXPECT_TRUE(v.unlink("gone"));
    });
    if (run_tool("fls -V").code != 0) {
        GTEST_SKIP() << "sleuthkit is not installed";
    }
    EXPECT_EQ(unlike_in_sleuthkit(disk->bytes(), "ext2", written), "");
}

/// Another writer: revision 1 without any feature.
TEST(Ext2OtherWriter, ImagesOfGenext2fsAreReadAndWritten) {
    const TemporaryDirectory tree;
    std::filesystem::create_directories(tree.path() / "d/e");
    write_file(tree.path() / "d/e/large", pattern(400'000, 3));
    write_file(tree.path() / "d/two", "2");
    std::filesystem::create_symlink("d/e", tree.path() / "link");
    for (const unsigned block_size : {1024U, 2048U, 4096U}) {
        const TemporaryDirectory scratch;
        const std::string path = (scratch.path() / "image").string();
        if (run_tool("genext2fs -N 64 -B " + std::to_string(block_size) + " -b " +
                     std::to_string((4U << 20) / block_size) + " -d " + tree.path().string() + " " +
                     path)
                .code != 0) {
            GTEST_SKIP() << "genext2fs is not installed";
        }
        std::vector<std::byte> image(static_cast<std::size_t>(std::filesystem::file_size(path)));
        std::ifstream(path, std::ios::binary)
            .read(reinterpret_cast<char*>(image.data()),
                  static_cast<std::streamsize>(image.size()));
        World world;
        Disk disk(image, 512);
        Seen expected;
        {
            Volume v(world, disk);
            ASSERT_TRUE(v.fs().mount());
            EXPECT_EQ(*v.read("d/e/large"), pattern(400'000, 3));
            EXPECT_EQ(*v.read("d/two"), "2");
            EXPECT_TRUE(v.write("d/three", pattern(50'000, 4)));
            EXPECT_TRUE(v.unlink("d/two"));
            expected = all_seen(v);
            ASSERT_TRUE(v.fs().unmount());
        }
        expect_sound(world, disk, expected);
    }
}

/// Does debugfs find a hash tree in the directory `many`?
bool has_hash_tree(std::span<const std::byte> image) {
    const TemporaryDirectory scratch;
    save_image(image, scratch.path() / "image");
    const Said said =
        run_tool("debugfs -R 'htree_dump /many' " + (scratch.path() / "image").string());
    return said.text.find("Root node dump") != std::string::npos;
}

/// Large directories with a hash tree, as e2fsck -D makes them: read through, and what is written
/// there leaves one that others understand.
TEST(Ext2Indexed, DirectoriesAreReadAndKeptSound) {
    for (const unsigned block_size : {1024U, 2048U, 4096U}) {
        const TemporaryDirectory tree;
        std::filesystem::permissions(tree.path(), std::filesystem::perms(0755));
        std::filesystem::create_directory(tree.path() / "many");
        constexpr int names = 900;
        for (int n = 0; n < names; ++n) {
            write_file(
                tree.path() / "many" / ("a name of some length, number " + std::to_string(n)),
                std::to_string(n));
        }
        auto image = make_image(tree.path(), block_size, "8M", "-N 1500");
        if (image.empty()) {
            GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
        }
        EXPECT_LT(mend_image(image, "-D").code, 4);
        ASSERT_TRUE(has_hash_tree(image)) << block_size;
        World world;
        Disk disk(image, 512);
        Seen expected;
        {
            Volume v(world, disk);
            ASSERT_TRUE(v.fs().mount());
            for (int n = 0; n < names; n += 50) {
                EXPECT_EQ(*v.read("many/a name of some length, number " + std::to_string(n)),
                          std::to_string(n));
            }
            EXPECT_FALSE(v.at("many/a name of some length, number 900"));
            ASSERT_TRUE(v.fs().unmount());
        }
        EXPECT_TRUE(has_hash_tree(disk.bytes())) << "who only reads leaves it alone";
        {
            Volume v(world, disk);
            ASSERT_TRUE(v.fs().mount());
            for (int n = 0; n < names; n += 3) {
                EXPECT_TRUE(v.unlink("many/a name of some length, number " + std::to_string(n)));
            }
            for (int n = 0; n < 200; ++n) {
                EXPECT_TRUE(v.write("many/another name, number " + std::to_string(n), "new"));
            }
            EXPECT_TRUE(v.rename("many/a name of some length, number 1", "many/moved"));
            expected = all_seen(v);
            EXPECT_EQ(expected.files.size(), 600U + 200U + 2U) << "with root and many";
            ASSERT_TRUE(v.fs().unmount());
        }
        expect_sound(world, disk, expected);
        EXPECT_TRUE(world.is_clean());
    }
}

/// What one may read without knowing a feature is read, and nothing is written.
TEST(Ext2ReadOnlyFeatures, AreMountedReadOnly) {
    for (const char* feature : {"huge_file", "dir_nlink", "extra_isize"}) {
        const TemporaryDirectory tree;
        write_file(tree.path() / "file", "as it was");
        const auto image = make_image(tree.path(), 1024, "4M", std::string("-I 256 -O ") + feature);
        if (image.empty()) {
            GTEST_SKIP() << "mke2fs (e2fsprogs) is not installed";
        }
        World world;
        Disk disk(image, 512);
        {
            Volume v(world, disk);
            ASSERT_TRUE(v.fs().mount()) << feature;
            EXPECT_TRUE(v.fs().is_read_only()) << feature;
            EXPECT_EQ(*v.read("file"), "as it was");
            EXPECT_EQ(v.write("new", "x").error(), Errc::read_only);
            EXPECT_EQ(v.unlink("file").error(), Errc::read_only);
            ASSERT_TRUE(v.fs().unmount());
        }
        EXPECT_TRUE(std::ranges::equal(disk.bytes(), image)) << "not a byte has changed";
    }
}

}  // namespace
}  // namespace kidney::fs_test

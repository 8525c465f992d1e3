/// The VFS over tmpfs: paths, links, permissions, mounts, and what the name cache must not do.
#include "fs/vfs/vfs.hpp"

#include "fs/tmpfs/tmpfs.hpp"
#include "fs/vfs/execution.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace kidney::fs {
namespace {

using fs_test::World;
using TestTmpfs = Tmpfs<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::Clock>;
using TestVfs = Vfs<fakes::FakeHeap, NullLock, NullLock>;

constexpr OpenFlags read_only{.mode = {.read = true}};
constexpr OpenFlags read_write{.mode = {.read = true, .write = true}};
constexpr OpenFlags create_file{.mode = {.read = true, .write = true}, .create = true};

struct Names final : DirectorySink {
    std::vector<std::string> names;
    std::size_t room = ~std::size_t{0};
    bool accept(const DirectoryEntry& entry) noexcept override {
        if (names.size() == room) {
            return false;
        }
        names.emplace_back(entry.name);
        return true;
    }
};

class VfsTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(disk.start(Permissions(0755)));
        ASSERT_TRUE(other.start(Permissions(01777)));
        ASSERT_TRUE(vfs.mount_root(disk, "root"));
        root = vfs.root();
        cwd = root;
        ASSERT_TRUE(mkdir("/tmp"));
        ASSERT_TRUE(vfs.mount(at(), "/tmp", other, "tmpfs"));
    }
    void TearDown() override {
        cwd = root = {};
        vfs.unmount_all();
    }

    PathContext at() { return {root, cwd, who}; }
    Status mkdir(std::string_view path, std::uint16_t mode = 0755) {
        return vfs.make_node(at(), path,
                             {.type = NodeType::directory, .permissions = Permissions(mode)});
    }
    Status symlink(std::string_view target, std::string_view path) {
        return vfs.make_node(
            at(), path,
            {.type = NodeType::symlink, .permissions = Permissions(0777), .target = target});
    }
    Status write(std::string_view path, std::string_view text) {
        const Ref<File> file = TRY(vfs.open(at(), path, create_file, Permissions(0644)));
        SpanWriteBuffer from(std::as_bytes(std::span(text)));
        return TRY(file->write(from)) == text.size() ? Status() : fail(Errc::io_error);
    }
    Result<std::string> read(std::string_view path) {
        const Ref<File> file = TRY(vfs.open(at(), path, read_only, Permissions()));
        std::string text(1 << 16, '\0');
        SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        text.resize(TRY(file->read(to)));
        return text;
    }
    Result<Attributes> stat(std::string_view path) { return vfs.attributes(at(), path, true); }
    Result<Attributes> lstat(std::string_view path) { return vfs.attributes(at(), path, false); }
    std::vector<std::string> list(std::string_view path) {
        Names names;
        auto file = vfs.open(at(), path, read_only, Permissions());
        EXPECT_TRUE(file && (*file)->read_directory(names));
        std::ranges::sort(names.names);
        return names.names;
    }
    std::string path_of(const Place& place) {
        std::array<char, max_path> buffer{};
        const auto path = vfs.path_of(root, place, buffer);
        return path ? std::string(*path) : std::string(to_string(path.error()));
    }
    Status chdir(std::string_view path) {
        cwd = TRY(vfs.place_at(at(), path, true));
        return {};
    }

    World world;
    TestTmpfs disk{world.heap, world.frames, world.arena, world.clock, 1, {}};
    TestTmpfs other{world.heap, world.frames, world.arena, world.clock, 2, {.pages = 64}};
    TestVfs vfs{world.heap};
    Place root, cwd;
    Credentials who;
};

#define EXPECT_FAILS(expression, errc)                          \
    do {                                                        \
        const auto result_ = (expression);                      \
        ASSERT_FALSE(result_.has_value());                      \
        EXPECT_EQ(to_string(result_.error()), to_string(errc)); \
    } while (false)

TEST_F(VfsTest, WalksPaths) {
    ASSERT_TRUE(mkdir("/a"));
    ASSERT_TRUE(mkdir("/a/b/"));
    ASSERT_TRUE(write("/a/b/c", "hello"));
    for (const char* path : {"/a/b/c", "//a///b/c", "/a/./b/../b/c", "/../../a/b/c", "a/b/c",
                             "/tmp/../a/b/c", "./a/b/c"}) {
        EXPECT_EQ(read(path), Result<std::string>("hello")) << path;
    }
    EXPECT_FAILS(stat(""), Errc::not_found);
    EXPECT_FAILS(stat("/a/x"), Errc::not_found);
    EXPECT_FAILS(stat("/a/x/c"), Errc::not_found);
    EXPECT_FAILS(stat("/a/b/c/"), Errc::not_directory);
    EXPECT_FAILS(stat("/a/b/c/d"), Errc::not_directory);
    EXPECT_FAILS(stat("/a/b/c/."), Errc::not_directory);
    EXPECT_FAILS(stat("/a/b/c/.."), Errc::not_directory);
    EXPECT_FAILS(stat("/" + std::string(256, 'x')), Errc::name_too_long);
    EXPECT_TRUE(write("/" + std::string(255, 'x'), ""));
    EXPECT_FAILS(stat(std::string(4096, '/')), Errc::name_too_long);
    EXPECT_TRUE(stat(std::string(4095, '/')));
    EXPECT_EQ(stat("/")->inode, stat("/..")->inode);
    EXPECT_EQ(stat("/a/")->type, NodeType::directory);
}

TEST_F(VfsTest, FollowsSymbolicLinks) {
    ASSERT_TRUE(mkdir("/a"));
    ASSERT_TRUE(write("/a/file", "x"));
    ASSERT_TRUE(symlink("a", "/rel"));
    ASSERT_TRUE(symlink("/a", "/abs"));
    ASSERT_TRUE(symlink("../rel/file", "/a/up"));
    ASSERT_TRUE(symlink("loop", "/loop"));
    ASSERT_TRUE(symlink("/a/new", "/dangling"));
    EXPECT_TRUE(read("/rel/file"));
    EXPECT_TRUE(read("/abs/up"));
    EXPECT_EQ(lstat("/rel")->type, NodeType::symlink);
    EXPECT_EQ(lstat("/rel")->size, 1U);
    EXPECT_EQ(lstat("/rel/")->type, NodeType::directory);
    EXPECT_FAILS(stat("/loop"), Errc::too_many_symlinks);
    EXPECT_FAILS(stat("/loop/x"), Errc::too_many_symlinks);
    EXPECT_FAILS(stat("/dangling"), Errc::not_found);
    EXPECT_TRUE(write("/dangling", "made"));  // O_CREAT goes through the link
    EXPECT_EQ(read("/a/new"), Result<std::string>("made"));
    EXPECT_FAILS(vfs.open(at(), "/rel", {.mode = {.read = true}, .no_follow = true}, {}),
                 Errc::too_many_symlinks);
    EXPECT_FAILS(vfs.open(at(), "/dangling",
                          {.mode = {.write = true}, .create = true, .exclusive = true}, {}),
                 Errc::exists);
    std::array<char, 64> target{};
    EXPECT_EQ(*vfs.read_link(at(), "/a/up", target), 11U);
    EXPECT_FAILS(vfs.read_link(at(), "/a", target), Errc::invalid_argument);
    // Forty links are followed, forty-one are not.
    ASSERT_TRUE(symlink("/a/file", "/s0"));
    for (int i = 1; i < 41; ++i) {
        ASSERT_TRUE(symlink("/s" + std::to_string(i - 1), "/s" + std::to_string(i)));
    }
    EXPECT_TRUE(stat("/s39"));
    EXPECT_FAILS(stat("/s40"), Errc::too_many_symlinks);
    // Targets longer than the walk's small buffer.
    std::string longer = "/a/file";
    while (longer.size() < 3000) {
        longer.insert(0, "/a/..");
    }
    ASSERT_TRUE(symlink(longer, "/long"));
    EXPECT_EQ(read("/long"), Result<std::string>("x"));
    ASSERT_TRUE(symlink("/long/", "/longdir"));
    EXPECT_FAILS(stat("/longdir"), Errc::not_directory);
}

TEST_F(VfsTest, OpensAndCreates) {
    EXPECT_FAILS(vfs.open(at(), "/f", read_only, {}), Errc::not_found);
    EXPECT_FAILS(vfs.open(at(), "/f/", create_file, {}), Errc::is_directory);
    ASSERT_TRUE(write("/f", "0123456789"));
    EXPECT_FAILS(
        vfs.open(at(), "/f", {.mode = {.write = true}, .create = true, .exclusive = true}, {}),
        Errc::exists);
    EXPECT_FAILS(vfs.open(at(), "/tmp", read_write, {}), Errc::is_directory);
    EXPECT_FAILS(vfs.open(at(), "/tmp", create_file, {}), Errc::is_directory);
    EXPECT_FAILS(vfs.open(at(), "/f", {.mode = {.read = true}, .directory = true}, {}),
                 Errc::not_directory);
    EXPECT_FAILS(vfs.open(at(), "/tmp/", create_file, {}), Errc::is_directory);
    EXPECT_FAILS(vfs.open(at(), "/f/", create_file, {}), Errc::is_directory);
    EXPECT_FAILS(vfs.open(at(), "/tmp", {.mode = {.read = true}, .truncate = true}, {}),
                 Errc::is_directory);
    ASSERT_TRUE(vfs.open(at(), "/f", {.mode = {.write = true}, .truncate = true}, {}));
    EXPECT_EQ(stat("/f")->size, 0U);
    ASSERT_TRUE(write("/f", "abc"));
    auto file = *vfs.open(at(), "/f", {.mode = {.read = true, .write = true, .append = true}}, {});
    SpanWriteBuffer more(std::as_bytes(std::span("def", 3)));
    EXPECT_EQ(*file->write(more), 3U);
    EXPECT_EQ(*file->seek(0, Whence::current), 6U);
    EXPECT_EQ(*file->seek(-2, Whence::end), 4U);
    EXPECT_FAILS(file->seek(-7, Whence::end), Errc::invalid_argument);
    EXPECT_EQ(read("/f"), Result<std::string>("abcdef"));
    auto reader = *vfs.open(at(), "/f", read_only, {});
    SpanWriteBuffer none(std::as_bytes(std::span("x", 1)));
    EXPECT_FAILS(reader->write(none), Errc::bad_descriptor);
    auto directory = *vfs.open(at(), "/", read_only, {});
    std::array<std::byte, 4> bytes{};
    SpanReadBuffer to(bytes);
    EXPECT_FAILS(directory->read(to), Errc::is_directory);
}

TEST_F(VfsTest, OpensDirectoriesOnly) {
    ASSERT_TRUE(mkdir("/d"));
    ASSERT_TRUE(symlink("d", "/link"));
    const OpenFlags directory{.mode = {.read = true}, .directory = true};
    EXPECT_TRUE(vfs.open(at(), "/link", directory, {}));
    OpenFlags here = directory;
    here.no_follow = true;
    EXPECT_FAILS(vfs.open(at(), "/link", here, {}), Errc::not_directory);
    here.directory = false;
    EXPECT_FAILS(vfs.open(at(), "/link", here, {}), Errc::too_many_symlinks);
}

TEST_F(VfsTest, RemovesNames) {
    ASSERT_TRUE(mkdir("/d"));
    ASSERT_TRUE(write("/d/f", "still here"));
    EXPECT_FAILS(vfs.remove_directory(at(), "/d"), Errc::not_empty);
    EXPECT_FAILS(vfs.remove_directory(at(), "/d/f"), Errc::not_directory);
    EXPECT_FAILS(vfs.unlink(at(), "/d"), Errc::is_directory);
    EXPECT_FAILS(vfs.unlink(at(), "/d/f/"), Errc::not_directory);
    EXPECT_FAILS(vfs.remove_directory(at(), "/d/."), Errc::invalid_argument);
    EXPECT_FAILS(vfs.remove_directory(at(), "/d/.."), Errc::not_empty);
    EXPECT_FAILS(vfs.remove_directory(at(), "/"), Errc::busy);
    EXPECT_FAILS(vfs.remove_directory(at(), "/tmp"), Errc::busy);
    {
        auto file = *vfs.open(at(), "/d/f", read_only, {});
        ASSERT_TRUE(vfs.unlink(at(), "/d/f"));
        EXPECT_FAILS(stat("/d/f"), Errc::not_found);
        EXPECT_EQ(file->attributes()->links, 0U);
        std::array<std::byte, 5> bytes{};
        SpanReadBuffer to(bytes);
        EXPECT_EQ(*file->read(to), 5U);
    }
    ASSERT_TRUE(chdir("/d"));
    ASSERT_TRUE(vfs.remove_directory(at(), "/d/"));
    EXPECT_FAILS(write("inside", ""), Errc::not_found);
    EXPECT_EQ(stat("..")->inode, stat("/")->inode);  // where it was
    EXPECT_EQ(path_of(cwd), "not_found");
    ASSERT_TRUE(chdir("/"));
    ASSERT_TRUE(mkdir("/d"));  // the name is free again, in spite of what the cache knew
    EXPECT_FAILS(stat("/d/f"), Errc::not_found);
}

TEST_F(VfsTest, OpenFilesKeepTheirPaths) {
    const auto describe = [&](Vnode& node) {
        std::array<char, max_path> buffer{};
        const auto path = vfs.paths().describe(root, node, buffer);
        return path ? std::string(*path) : std::string(to_string(path.error()));
    };
    ASSERT_TRUE(mkdir("/d"));
    ASSERT_TRUE(write("/d/f", "1"));
    ASSERT_TRUE(write("/d/g", "2"));
    const Ref<File> f = *vfs.open(at(), "/d/f", read_only, {});
    const Ref<File> g = *vfs.open(at(), "/d/g", read_only, {});
    EXPECT_EQ(describe(*f->vnode()), "/d/f");
    ASSERT_TRUE(vfs.rename(at(), "/d/f", at(), "/h"));
    EXPECT_EQ(describe(*f->vnode()), "/h");
    ASSERT_TRUE(vfs.rename(at(), "/d/g", at(), "/h"));
    EXPECT_EQ(describe(*g->vnode()), "/h");
    EXPECT_EQ(describe(*f->vnode()), "/h (deleted)") << "it was replaced";
    ASSERT_TRUE(vfs.unlink(at(), "/h"));
    EXPECT_EQ(describe(*g->vnode()), "/h (deleted)");
    ASSERT_TRUE(write("/h", "another"));
    EXPECT_EQ(describe(*g->vnode()), "/h (deleted)");

    ASSERT_TRUE(mkdir("/d/gone"));
    ASSERT_TRUE(chdir("/d/gone"));
    ASSERT_TRUE(vfs.remove_directory(at(), "/d/gone"));
    EXPECT_EQ(describe(*cwd.node), "/d/gone (deleted)");
    EXPECT_EQ(path_of(cwd), "not_found") << "getcwd() has no answer";

    // More names than the cache has room for: those in use are kept.
    ASSERT_TRUE(chdir("/"));
    const Ref<File> h = *vfs.open(at(), "/h", read_only, {});
    for (int n = 0; n < 2500; ++n) {
        ASSERT_TRUE(write("/n" + std::to_string(n), ""));
    }
    EXPECT_EQ(describe(*h->vnode()), "/h");
}

TEST_F(VfsTest, RenamesAndReplaces) {
    ASSERT_TRUE(mkdir("/a"));
    ASSERT_TRUE(mkdir("/b"));
    ASSERT_TRUE(write("/a/f", "f"));
    ASSERT_TRUE(write("/b/g", "g"));
    EXPECT_FAILS(stat("/b/f"), Errc::not_found);  // a negative entry that must go
    ASSERT_TRUE(vfs.rename(at(), "/a/f", at(), "/b/f"));
    EXPECT_FAILS(stat("/a/f"), Errc::not_found);
    EXPECT_EQ(read("/b/f"), Result<std::string>("f"));
    ASSERT_TRUE(vfs.rename(at(), "/b/f", at(), "/b/g"));
    EXPECT_EQ(read("/b/g"), Result<std::string>("f"));
    EXPECT_FAILS(vfs.rename(at(), "/b/g", at(), "/a", RenameRule::keep), Errc::exists);
    EXPECT_FAILS(vfs.rename(at(), "/b/g", at(), "/a"), Errc::is_directory);
    EXPECT_FAILS(vfs.rename(at(), "/a", at(), "/b/g"), Errc::not_directory);
    EXPECT_FAILS(vfs.rename(at(), "/a", at(), "/b"), Errc::not_empty);
    EXPECT_FAILS(vfs.rename(at(), "/b", at(), "/b/inside"), Errc::invalid_argument);
    EXPECT_FAILS(vfs.rename(at(), "/b", at(), "/tmp/b"), Errc::cross_device);
    EXPECT_FAILS(vfs.rename(at(), "/tmp", at(), "/c"), Errc::busy);
    EXPECT_FAILS(vfs.rename(at(), "/nothing", at(), "/c"), Errc::not_found);
    EXPECT_FAILS(vfs.rename(at(), "/b/.", at(), "/c"), Errc::busy);
    ASSERT_TRUE(vfs.rename(at(), "/b", at(), "/a/"));  // a is empty: replaced
    EXPECT_EQ(list("/a"), (std::vector<std::string>{".", "..", "g"}));
    EXPECT_EQ(stat("/")->links, 4U);  // ".", its root "..", /a, /tmp
    ASSERT_TRUE(mkdir("/x"));
    ASSERT_TRUE(vfs.rename(at(), "/a", at(), "/x/a"));
    EXPECT_EQ(stat("/x/a/..")->inode, stat("/x")->inode);
    EXPECT_EQ(stat("/x")->links, 3U);
    ASSERT_TRUE(vfs.rename(at(), "/x/a/g", at(), "/x/a/g"));
}

TEST_F(VfsTest, ExchangesNames) {
    const auto exchange = [this](std::string_view a, std::string_view b) {
        return vfs.rename(at(), a, at(), b, RenameRule::exchange);
    };
    ASSERT_TRUE(mkdir("/a"));
    ASSERT_TRUE(mkdir("/b"));
    ASSERT_TRUE(mkdir("/a/d"));
    ASSERT_TRUE(write("/a/d/inside", "i"));
    ASSERT_TRUE(write("/b/f", "f"));
    EXPECT_FAILS(exchange("/a/d", "/b/nothing"), Errc::not_found);
    EXPECT_FAILS(exchange("/nothing", "/b/f"), Errc::not_found);
    EXPECT_FAILS(exchange("/a", "/a/d"), Errc::invalid_argument);
    EXPECT_FAILS(exchange("/a/d", "/a"), Errc::invalid_argument);
    EXPECT_FAILS(exchange("/a", "/tmp"), Errc::busy);
    EXPECT_FAILS(exchange("/a/d", "/b/f/"), Errc::not_directory);
    ASSERT_TRUE(exchange("/a/d", "/b/f"));  // a directory and a file
    EXPECT_EQ(read("/a/d"), Result<std::string>("f"));
    EXPECT_EQ(read("/b/f/inside"), Result<std::string>("i"));
    EXPECT_EQ(stat("/b/f/..")->inode, stat("/b")->inode);
    EXPECT_EQ(stat("/a")->links, 2U);
    EXPECT_EQ(stat("/b")->links, 3U);
    ASSERT_TRUE(exchange("/a/d", "/a/d"));
    ASSERT_TRUE(exchange("/a", "/b"));
    EXPECT_EQ(read("/b/d"), Result<std::string>("f"));
    ASSERT_TRUE(vfs.unlink(at(), "/b/d"));
    ASSERT_TRUE(vfs.remove_directory(at(), "/b"));
}

TEST_F(VfsTest, RenamingNeverLosesADirectory) {
    ASSERT_TRUE(mkdir("/a"));
    ASSERT_TRUE(mkdir("/a/b"));
    ASSERT_TRUE(write("/a/f", ""));
    ASSERT_TRUE(write("/a/b/f", ""));
    EXPECT_FAILS(vfs.rename(at(), "/a/f", at(), "/a"), Errc::not_empty);  // over what it is in
    EXPECT_FAILS(vfs.rename(at(), "/a/b", at(), "/a"), Errc::not_empty);
    EXPECT_FAILS(vfs.rename(at(), "/a", at(), "/a/b/x"), Errc::invalid_argument);
    EXPECT_FAILS(vfs.rename(at(), "/a/f/", at(), "/g"), Errc::not_directory);
    EXPECT_FAILS(vfs.rename(at(), "/a/f", at(), "/g/"), Errc::not_directory);
    EXPECT_FAILS(vfs.rename(at(), "/a/f", at(), "/a/..", RenameRule::keep), Errc::exists);
    EXPECT_FAILS(vfs.rename(at(), "/a/b", at(), "/tmp"), Errc::busy);
    // To move a directory is to change its "..": its own bits count.
    ASSERT_TRUE(mkdir("/public", 0777));
    ASSERT_TRUE(mkdir("/public/own", 0777));
    ASSERT_TRUE(mkdir("/public/roots", 0755));
    who = {1000, 1000, {}};
    ASSERT_TRUE(vfs.rename(at(), "/public/roots", at(), "/public/same"));
    EXPECT_FAILS(vfs.rename(at(), "/public/same", at(), "/public/own/d"), Errc::permission_denied);
}

TEST_F(VfsTest, WritersAndProgramsExcludeEachOther) {
    ASSERT_TRUE(write("/f", "text"));
    const OpenFlags write_only{.mode = {.write = true}};
    const Ref<Vnode> node = *vfs.node_at(at(), "/f", true);
    {
        auto writer = *vfs.open(at(), "/f", write_only, {});
        EXPECT_FAILS(Execution::begin(node), Errc::text_busy);
        EXPECT_TRUE(vfs.open(at(), "/f", write_only, {}));  // a second writer
    }
    {
        Execution first = *Execution::begin(node);
        const Execution second = first;  // fork
        first.end();
        EXPECT_FAILS(vfs.open(at(), "/f", write_only, {}), Errc::text_busy);
        EXPECT_FAILS(vfs.open(at(), "/f", {.mode = {.read = true}, .truncate = true}, {}),
                     Errc::text_busy);
        EXPECT_FAILS(vfs.change(at(), "/f", true, {.size = 0}, false), Errc::text_busy);
        EXPECT_EQ(read("/f"), Result<std::string>("text"));
        EXPECT_TRUE(Execution::begin(node));
    }
    EXPECT_TRUE(vfs.open(at(), "/f", {.mode = {.read = true}, .truncate = true}, {}));
    EXPECT_TRUE(Execution::begin(node));
}

TEST_F(VfsTest, PathsOnly) {
    ASSERT_TRUE(write("/f", "text"));
    ASSERT_TRUE(symlink("nowhere", "/l"));
    const OpenFlags path{.mode = {.path = true}};
    OpenFlags here = path;
    here.no_follow = true;
    EXPECT_FAILS(vfs.open(at(), "/l", path, {}), Errc::not_found);
    const Ref<File> link = *vfs.open(at(), "/l", here, {});
    EXPECT_TRUE(link->is_path_only());
    EXPECT_EQ(link->vnode()->type(), NodeType::symlink);
    EXPECT_EQ(link->attributes()->size, 7U);
    here.directory = true;
    EXPECT_FAILS(vfs.open(at(), "/f", here, {}), Errc::not_directory);
    ASSERT_TRUE(mkdir("/private", 0700));
    who = {1000, 1000, {}};
    EXPECT_TRUE(vfs.open(at(), "/private", path, {}));  // no right to it is needed
    EXPECT_FAILS(vfs.open(at(), "/private/x", path, {}), Errc::permission_denied);
}

TEST_F(VfsTest, FailsBeforeItCreatesOrTruncates) {
    ASSERT_TRUE(write("/full", "text"));
    for (const char* name : {"/full", "/fresh"}) {
        std::size_t n = 1;
        for (;; ++n) {
            world.heap.fail_at(n);
            const auto file = vfs.open(
                at(), name, {.mode = {.write = true}, .create = true, .truncate = true}, {});
            if (!world.heap.has_failed()) {
                EXPECT_TRUE(file);
                break;
            }
            ASSERT_FALSE(file);
            if (name == std::string("/full")) {
                EXPECT_EQ(stat("/full")->size, 4U);
            } else {
                EXPECT_FAILS(stat("/fresh"), Errc::not_found);
            }
        }
        EXPECT_GT(n, 1U);
    }
}

TEST_F(VfsTest, LinksAndDevicesOfOthers) {
    const Credentials user{1000, 1000, {}};
    Attributes file;
    file.permissions = Permissions(0644);
    EXPECT_FAILS(check_link(user, file), Errc::not_permitted);
    EXPECT_TRUE(check_link({}, file));
    file.permissions = Permissions(0666);
    EXPECT_TRUE(check_link(user, file));
    file.permissions = Permissions(04666);
    EXPECT_FAILS(check_link(user, file), Errc::not_permitted);
    file.permissions = Permissions(02676);
    EXPECT_FAILS(check_link(user, file), Errc::not_permitted);
    file.uid = 1000;
    EXPECT_TRUE(check_link(user, file));
    Attributes directory;
    directory.permissions = Permissions(01777);
    Attributes link;
    link.uid = 1001;
    EXPECT_FAILS(check_follow(user, directory, link), Errc::permission_denied);
    EXPECT_FAILS(check_follow({}, directory, link), Errc::permission_denied);
    directory.uid = 1001;
    EXPECT_TRUE(check_follow(user, directory, link));
    directory.uid = 0;
    directory.permissions = Permissions(01775);
    EXPECT_TRUE(check_follow(user, directory, link));
    EXPECT_FAILS(check_new_device(user, {.type = NodeType::character, .rdev = {1, 3}}),
                 Errc::not_permitted);
    EXPECT_FAILS(check_new_device(user, {.type = NodeType::block}), Errc::not_permitted);
    EXPECT_TRUE(check_new_device(user, {.type = NodeType::character}));
    // chown(-1, -1) takes set-id bits, too; who may not chmod may not do that either.
    AttributeChange change{.ownership = true};
    file.permissions = Permissions(06755);
    EXPECT_TRUE(check_change(user, file, change, false));
    EXPECT_EQ(change.permissions, Permissions(0755));
    file.uid = 0;
    change = {.ownership = true};
    EXPECT_FAILS(check_change(user, file, change, false), Errc::not_permitted);
    file.permissions = Permissions(0755);
    EXPECT_TRUE(check_change(user, file, change, false));
}

TEST_F(VfsTest, LinksFiles) {
    ASSERT_TRUE(write("/one", "1"));
    ASSERT_TRUE(vfs.link(at(), "/one", at(), "/two", false));
    EXPECT_EQ(stat("/two")->inode, stat("/one")->inode);
    EXPECT_EQ(stat("/two")->links, 2U);
    EXPECT_FAILS(vfs.link(at(), "/one", at(), "/two", false), Errc::exists);
    EXPECT_FAILS(vfs.link(at(), "/tmp/..", at(), "/three", false), Errc::not_permitted);
    EXPECT_FAILS(vfs.link(at(), "/one", at(), "/tmp/one", false), Errc::cross_device);
    EXPECT_FAILS(vfs.link(at(), "/one", at(), "/" + std::string(256, 'x'), false),
                 Errc::name_too_long);
    EXPECT_EQ(list("/"), (std::vector<std::string>{".", "..", "one", "tmp", "two"}));
    ASSERT_TRUE(vfs.rename(at(), "/one", at(), "/two"));  // the same file: nothing happens
    EXPECT_TRUE(stat("/one"));
    ASSERT_TRUE(vfs.unlink(at(), "/one"));
    EXPECT_EQ(stat("/two")->links, 1U);
    EXPECT_EQ(read("/two"), Result<std::string>("1"));
}

TEST_F(VfsTest, ChecksPermissions) {
    ASSERT_TRUE(mkdir("/private", 0700));
    ASSERT_TRUE(write("/private/f", "secret"));
    ASSERT_TRUE(mkdir("/public", 01777));
    ASSERT_TRUE(write("/public/roots", ""));
    ASSERT_TRUE(write("/plain", "text"));
    const std::array<std::uint32_t, 1> groups{77};
    who = {1000, 1000, groups};
    EXPECT_FAILS(stat("/private/f"), Errc::permission_denied);
    EXPECT_TRUE(stat("/private"));
    EXPECT_FAILS(write("/mine", ""), Errc::permission_denied);
    EXPECT_FAILS(vfs.open(at(), "/plain", read_write, {}), Errc::permission_denied);
    EXPECT_TRUE(read("/plain"));
    ASSERT_TRUE(write("/public/mine", ""));
    EXPECT_EQ(stat("/public/mine")->uid, 1000U);
    EXPECT_FAILS(vfs.unlink(at(), "/public/roots"), Errc::not_permitted);  // sticky
    EXPECT_FAILS(vfs.rename(at(), "/public/mine", at(), "/public/roots"), Errc::not_permitted);
    EXPECT_FAILS(vfs.change(at(), "/plain", true, {.permissions = Permissions(0777)}, false),
                 Errc::not_permitted);
    ASSERT_TRUE(vfs.change(at(), "/public/mine", true, {.permissions = Permissions(06755)}, false));
    EXPECT_FAILS(vfs.change(at(), "/public/mine", true, {.uid = 0}, false), Errc::not_permitted);
    EXPECT_FAILS(vfs.change(at(), "/public/mine", true, {.gid = 78}, false), Errc::not_permitted);
    ASSERT_TRUE(vfs.change(at(), "/public/mine", true, {.gid = 77}, false));
    EXPECT_EQ(stat("/public/mine")->permissions.bits(), 0755U);  // chown takes set-id away
    ASSERT_TRUE(vfs.change(at(), "/public/mine", true, {.permissions = Permissions(06745)}, false));
    ASSERT_TRUE(vfs.change(at(), "/public/mine", true, {.gid = 1000}, false));
    EXPECT_EQ(stat("/public/mine")->permissions.bits(), 02745U);  // without group execute: a mark
    EXPECT_FAILS(vfs.change(at(), "/plain", true, {.modified = FileTime{1, 0}}, false),
                 Errc::not_permitted);
    EXPECT_FAILS(vfs.access(at(), "/plain", Access::write, true), Errc::permission_denied);
    EXPECT_TRUE(vfs.access(at(), "/plain", Access::read, true));
    EXPECT_FAILS(vfs.change(at(), "/plain", true, {.size = 0}, false), Errc::permission_denied);
    who = {};
    EXPECT_FAILS(vfs.access(at(), "/plain", Access::execute, true), Errc::permission_denied);
    // The sticky bit leaves names to the owner of the directory, too; to others not.
    ASSERT_TRUE(mkdir("/shared", 01777));
    ASSERT_TRUE(vfs.change(at(), "/shared", true, {.uid = 1000}, false));
    ASSERT_TRUE(write("/shared/one", ""));
    ASSERT_TRUE(write("/shared/two", ""));
    who = {1001, 1001, {}};
    EXPECT_FAILS(vfs.unlink(at(), "/shared/one"), Errc::not_permitted);
    EXPECT_FAILS(vfs.rename(at(), "/shared/one", at(), "/shared/three"), Errc::not_permitted);
    ASSERT_TRUE(write("/shared/mine", ""));
    EXPECT_FAILS(vfs.rename(at(), "/shared/mine", at(), "/shared/one"), Errc::not_permitted);
    EXPECT_FAILS(vfs.rename(at(), "/shared/mine", at(), "/shared/one", RenameRule::exchange),
                 Errc::not_permitted);
    who = {1000, 1000, {}};
    EXPECT_TRUE(vfs.unlink(at(), "/shared/one"));
    EXPECT_TRUE(vfs.rename(at(), "/shared/two", at(), "/shared/mine"));
    // And the owner of a file may not, where the directory is not writable.
    who = {};
    ASSERT_TRUE(mkdir("/closed", 01755));
    ASSERT_TRUE(write("/closed/f", ""));
    ASSERT_TRUE(vfs.change(at(), "/closed/f", true, {.uid = 1000}, false));
    who = {1000, 1000, {}};
    EXPECT_FAILS(vfs.unlink(at(), "/closed/f"), Errc::permission_denied);
    who = {};
    ASSERT_TRUE(mkdir("/sgid", 02777));
    ASSERT_TRUE(vfs.change(at(), "/sgid", true, {.gid = 5}, false));
    ASSERT_TRUE(mkdir("/sgid/d"));
    EXPECT_EQ(stat("/sgid/d")->gid, 5U);
    EXPECT_EQ(stat("/sgid/d")->permissions.bits(), 02755U);
}

TEST_F(VfsTest, ChangedContentsLoseSetIdBits) {
    ASSERT_TRUE(write("/f", "12345"));
    const auto mark = [&](std::uint16_t bits) {
        who = {};
        ASSERT_TRUE(vfs.change(at(), "/f", true, {.permissions = Permissions(bits)}, false));
    };
    const auto bits = [&] { return stat("/f")->permissions.bits(); };
    mark(06777);
    ASSERT_TRUE(vfs.change(at(), "/f", true, {.size = 4}, false));
    EXPECT_EQ(bits(), 06777U);  // root leaves them
    who = {1000, 1000, {}};
    ASSERT_TRUE(vfs.change(at(), "/f", true, {.size = 3}, false));
    EXPECT_EQ(bits(), 0777U);
    mark(06777);
    who = {1000, 1000, {}};
    ASSERT_TRUE(vfs.open(at(), "/f", {.mode = {.write = true}}, {}));
    EXPECT_EQ(bits(), 06777U);  // opened, but not changed
    ASSERT_TRUE(vfs.open(at(), "/f", {.mode = {.write = true}, .truncate = true}, {}));
    EXPECT_EQ(bits(), 0777U);

    Attributes now;
    now.permissions = Permissions(02767);  // no execute for the group: a mark
    EXPECT_EQ(permissions_after_truncation({1000, 0, {}}, now), std::nullopt);
    EXPECT_EQ(permissions_after_truncation({1000, 1000, {}}, now), Permissions(0767));
    EXPECT_EQ(permissions_after_truncation({0, 1000, {}}, now), std::nullopt);
    now.permissions = Permissions(0777);
    EXPECT_EQ(permissions_after_truncation({1000, 1000, {}}, now), std::nullopt);
    now.type = NodeType::directory;
    now.permissions = Permissions(02777);
    EXPECT_EQ(permissions_after_truncation({1000, 1000, {}}, now), std::nullopt);
}

TEST_F(VfsTest, CrossesMounts) {
    ASSERT_TRUE(write("/tmp/x", "on tmp"));
    EXPECT_EQ(stat("/tmp/x")->device, 2U);
    EXPECT_EQ(stat("/tmp")->inode, other.root()->attributes()->inode);
    EXPECT_EQ(stat("/tmp/..")->device, 1U);
    ASSERT_TRUE(mkdir("/tmp/d"));
    ASSERT_TRUE(chdir("/tmp/d"));
    EXPECT_EQ(stat("../../tmp/x")->size, 6U);
    EXPECT_EQ(path_of(cwd), "/tmp/d");
    EXPECT_EQ(path_of(root), "/");
    vfs.forget_names();
    EXPECT_EQ(path_of(cwd), "/tmp/d");  // by asking the parents
    EXPECT_FAILS(vfs.mount(at(), "/tmp", other, "again"), Errc::busy);
    EXPECT_FAILS(vfs.mount(at(), "/tmp/x", disk, "file"), Errc::not_directory);
    // A process whose root is below: ".." ends there.
    const Place jail = cwd;
    const PathContext jailed{jail, jail, who};
    EXPECT_EQ(vfs.attributes(jailed, "/../..", true)->inode, stat(".")->inode);
    EXPECT_FAILS(vfs.attributes(jailed, "/tmp", true), Errc::not_found);
}

TEST_F(VfsTest, ListsWhileRemoving) {
    ASSERT_TRUE(mkdir("/many"));
    for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(write("/many/f" + std::to_string(i), ""));
    }
    auto directory = *vfs.open(at(), "/many", read_only, {});
    std::size_t seen = 0;
    for (;;) {
        Names batch;
        batch.room = 7;
        ASSERT_TRUE(directory->read_directory(batch));
        if (batch.names.empty()) {
            break;
        }
        seen += batch.names.size();
        for (const std::string& name : batch.names) {
            if (name != "." && name != "..") {
                ASSERT_TRUE(vfs.unlink(at(), "/many/" + name));
            }
        }
    }
    EXPECT_EQ(seen, 202U);
    EXPECT_TRUE(vfs.remove_directory(at(), "/many"));
}

TEST_F(VfsTest, ForgetsNothingUnderPressure) {
    // Many more names than the cache holds, long ones included.
    ASSERT_TRUE(mkdir("/p"));
    const std::string tail(20, 'n');
    for (int i = 0; i < 3000; ++i) {
        ASSERT_TRUE(write("/p/" + std::to_string(i) + (i % 3 == 0 ? tail + tail : tail), ""));
    }
    for (int i = 0; i < 3000; i += 7) {
        EXPECT_TRUE(stat("/p/" + std::to_string(i) + (i % 3 == 0 ? tail + tail : tail)));
    }
    EXPECT_EQ(list("/p").size(), 3002U);
}

TEST(VfsLeaks, NothingIsLeftWhenAllIsUnmounted) {
    World world;
    {
        TestTmpfs disk{world.heap, world.frames, world.arena, world.clock, 1, {}};
        TestVfs vfs{world.heap};
        ASSERT_TRUE(disk.start(Permissions(0755)));
        ASSERT_TRUE(vfs.mount_root(disk, "root"));
        const Place root = vfs.root();
        const PathContext at{root, root, {}};
        ASSERT_TRUE(vfs.make_node(at, "/d", {.type = NodeType::directory}));
        const std::string text(100000, 'x');
        for (const char* path : {"/f", "/d/g"}) {
            auto file = *vfs.open(at, path, create_file, {});
            SpanWriteBuffer from(std::as_bytes(std::span(text)));
            ASSERT_EQ(*file->write(from), text.size());
        }
    }
    EXPECT_TRUE(world.is_clean());
}

}  // namespace
}  // namespace kidney::fs

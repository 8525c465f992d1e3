/// /sys: attributes as files, links, things that come and go while somebody looks.
#include "fs/sysfs/sysfs.hpp"

#include "fs/vfs/vfs.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kidney::fs {
namespace {

using fs_test::World;
using TestSysfs = Sysfs<fakes::FakeHeap, NullLock, NullLock, fs_test::Clock>;

struct Thing {
    int size = 0;
};
constexpr SysAttribute attributes[] = {
    {"size",
     [](const void* c, TextOutput& out) noexcept {
         format_to(out, "{}\n", static_cast<const Thing*>(c)->size);
     }},
    {"raw", [](const void*, TextOutput& out) noexcept { out.write({"a\0b", 3}); }, 3}};

struct Names final : DirectorySink {
    std::vector<std::string> seen;
    std::uint64_t last = 0;
    std::size_t most = 100;
    bool accept(const DirectoryEntry& entry) noexcept override {
        if (seen.size() == most) {
            return false;
        }
        seen.emplace_back(entry.name);
        last = entry.next_cookie;
        return true;
    }
};

struct SysfsTest : testing::Test {
    World world;
    TestSysfs sys{world.heap, world.clock, 9};
    Vfs<fakes::FakeHeap, NullLock, NullLock> vfs{world.heap};
    Thing thing{42};
    TestSysfs::Node* things = nullptr;
    Place root;

    void SetUp() override {
        ASSERT_TRUE(sys.start());
        things = *sys.add_directory(sys.top(), "things");
        ASSERT_TRUE(sys.add_directory(*things, "one", attributes, &thing));
        ASSERT_TRUE(sys.add_link(sys.top(), "first", "things/one"));
        ASSERT_TRUE(vfs.mount_root(sys, "sysfs"));
        root = vfs.root();
    }
    PathContext context() { return {root, root, {}}; }
    Result<std::string> read(std::string_view path) {
        Ref<File> file = TRY(vfs.open(context(), path, {.mode = {.read = true}}, {}));
        std::string text(100, '?');
        SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        text.resize(TRY(file->read(to)));
        return text;
    }
};

TEST_F(SysfsTest, AttributesTellOfTheirThing) {
    EXPECT_EQ(*read("/things/one/size"), "42\n");
    thing.size = 7;
    EXPECT_EQ(*read("/first/size"), "7\n");
    EXPECT_EQ(*read("/things/one/raw"), std::string("a\0b", 3));
    EXPECT_EQ(read("/things/one/no").error(), Errc::not_found);
    EXPECT_EQ(read("/things/two/size").error(), Errc::not_found);
    EXPECT_EQ(vfs.attributes(context(), "/things/one/raw", true)->size, 3U);
    EXPECT_EQ(vfs.attributes(context(), "/first", false)->type, NodeType::symlink);
    EXPECT_EQ(vfs.attributes(context(), "/things", false)->links, 3U);
    EXPECT_STREQ(sys.type_name(), "sysfs");
}

TEST_F(SysfsTest, NobodyChangesAnything) {
    const OpenFlags writing{.mode = {.write = true}};
    EXPECT_EQ(vfs.open(context(), "/things/one/size", writing, {}).error(),
              Errc::permission_denied);
    EXPECT_EQ(vfs.unlink(context(), "/things/one/size").error(), Errc::not_permitted);
    EXPECT_EQ(vfs.make_node(context(), "/new", {.type = NodeType::directory}).error(),
              Errc::not_found);  // as in /proc: what comes and goes by itself cannot be made
    EXPECT_EQ(vfs.remove_directory(context(), "/things").error(), Errc::not_permitted);
    EXPECT_EQ(sys.add_directory(*things, "one").error(), Errc::exists);
    EXPECT_EQ(sys.add_link(*(*sys.have_directory(*things, "one")), "size", "x").error(),
              Errc::exists);
    EXPECT_EQ(sys.add_directory(*things, std::string(33, 'x')).error(), Errc::name_too_long);
    EXPECT_EQ(sys.add_link(*things, "far", std::string(65, 'x')).error(), Errc::name_too_long);
}

TEST_F(SysfsTest, DirectoriesAreReadInPiecesWhileTheyChange) {
    for (const char* name : {"two", "three", "four"}) {
        ASSERT_TRUE(sys.add_directory(*things, name, attributes, &thing));
    }
    Names first;
    first.most = 4;
    ASSERT_TRUE(things->read_directory(0, first));
    EXPECT_EQ(first.seen, (std::vector<std::string>{".", "..", "one", "two"}));
    sys.remove(*things, "one");
    sys.remove(*things, "two");
    Names rest;
    ASSERT_TRUE(things->read_directory(first.last, rest));
    EXPECT_EQ(rest.seen, (std::vector<std::string>{"three", "four"}));
    Names files;
    const Ref<Vnode> four = *things->lookup("four");
    ASSERT_TRUE(four->read_directory(0, files));
    EXPECT_EQ(files.seen, (std::vector<std::string>{".", "..", "size", "raw"}));
}

TEST_F(SysfsTest, WhoHasAThingOpenKeepsIt) {
    auto* one = sys.find(*things, "one");
    ASSERT_TRUE(sys.add_directory(*one, "inner", attributes, &thing));
    Ref<File> file = *vfs.open(context(), "/things/one/inner/size", {.mode = {.read = true}}, {});
    const Ref<Vnode> directory = *things->lookup("one");
    sys.remove(*things, "one");
    sys.remove(*things, "never was");
    EXPECT_EQ(sys.find(*things, "one"), nullptr);
    EXPECT_EQ(read("/first/size").error(), Errc::not_found);
    EXPECT_EQ(directory->lookup("inner").error(), Errc::not_found);
    EXPECT_EQ(directory->lookup("size")->get()->type(), NodeType::regular);
    std::string text(10, '?');
    SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
    EXPECT_EQ(*file->read(to), 3U);
    ASSERT_TRUE(sys.add_directory(*things, "one", attributes, &thing));
    EXPECT_EQ(*read("/first/size"), "42\n");
}

TEST(SysfsMemory, EveryAllocationMayFailAndNothingIsLost) {
    World world;
    for (std::size_t n = 1;; ++n) {
        world.heap.fail_at(n);
        TestSysfs sys(world.heap, world.clock, 9);
        const auto build = [&]() -> Status {
            TRY(sys.start());
            auto* one = TRY(sys.add_directory(sys.top(), "one", attributes));
            TRY(sys.add_directory(*one, "two", attributes));
            return sys.add_link(*one, "three", "two");
        };
        const Status built = build();
        const bool failed = world.heap.has_failed();
        world.heap.fail_at(0);
        EXPECT_EQ(built.has_value(), !failed);
        if (!failed) {
            EXPECT_EQ(n, 5U);
            break;
        }
        EXPECT_EQ(built.error(), Errc::no_memory);
    }
    EXPECT_TRUE(world.is_clean());
}

}  // namespace
}  // namespace kidney::fs

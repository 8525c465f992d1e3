/// Device nodes: from a path in /dev to the driver behind the number.
#include "drivers/random/random_pool.hpp"
#include "fs/devfs/memory_devices.hpp"
#include "fs/tmpfs/tmpfs.hpp"
#include "fs/vfs/vfs.hpp"
#include "tests/unit/fs/test_world.hpp"
#include "tests/unit/fs/torn_buffers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace kidney::fs {
namespace {

using fs_test::World;
using TestTmpfs = Tmpfs<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::Clock>;
using Random = drivers::RandomPool<NullLock>;

struct DevfsTest : testing::Test {
    World world;
    TestTmpfs dev{world.heap, world.frames, world.arena, world.clock, 5, {.type_name = "devtmpfs"}};
    Random random;
    MemoryDevices<fakes::FakeHeap, Random> memory{world.heap, random};
    DeviceRegistry<NullLock> registry;
    Vfs<fakes::FakeHeap, NullLock, NullLock> vfs{world.heap};
    Place root;

    void SetUp() override {
        ASSERT_TRUE(dev.start(Permissions(0755)));
        ASSERT_TRUE(vfs.mount_root(dev, "devtmpfs"));
        root = vfs.root();
        ASSERT_TRUE(registry.add({NodeType::character, {memory_device_major, 0}, 16, &memory}));
        ASSERT_TRUE(memory.add_nodes(*root.node));
        vfs.set_special_files(registry);
    }
    Result<Ref<File>> open(std::string_view path) {
        return vfs.open({root, root, {}}, path, {.mode = {.read = true, .write = true}}, {});
    }
    static Result<std::string> read(File& file, std::size_t most) {
        std::string text(most, '?');
        SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        text.resize(TRY(file.read(to)));
        return text;
    }
    static Result<std::size_t> write(File& file, std::string_view text) {
        SpanWriteBuffer from(std::as_bytes(std::span(text)));
        return file.write(from);
    }
};

TEST_F(DevfsTest, MemoryDevicesBehave) {
    EXPECT_EQ(read(**open("/null"), 10), Result<std::string>(""));
    EXPECT_EQ(write(**open("/null"), "gone"), 4U);
    EXPECT_EQ(read(**open("/zero"), 10), Result<std::string>(std::string(10, '\0')));
    EXPECT_EQ(read(**open("/full"), 2), Result<std::string>(std::string(2, '\0')));
    EXPECT_EQ(write(**open("/full"), "x").error(), Errc::no_space);
    const std::string bytes = *read(**open("/urandom"), 4096);
    EXPECT_EQ(bytes.size(), 4096U);
    EXPECT_GT(std::set<char>(bytes.begin(), bytes.end()).size(), 200U);
    EXPECT_NE(bytes, *read(**open("/random"), 4096));
    EXPECT_EQ(write(**open("/urandom"), "salt"), 4U);
    const auto null = *open("/null");
    EXPECT_EQ(null->attributes()->rdev, (DeviceNumber{1, 3}));
    EXPECT_EQ(*null->seek(5, Whence::start), 0U);
    EXPECT_STREQ(dev.type_name(), "devtmpfs");
}

TEST_F(DevfsTest, UserMemoryMayEndMidway) {
    std::array<std::byte, 1000> memory;
    for (const char* path : {"/zero", "/full", "/urandom"}) {
        fs_test::TornTarget half(memory, 300);
        EXPECT_EQ((*open(path))->read(half), 300U) << path;
        fs_test::TornTarget none(memory, 0);
        EXPECT_EQ((*open(path))->read(none).error(), Errc::bad_address) << path;
    }
    fs_test::TornSource salt(1000, 300);
    EXPECT_EQ((*open("/urandom"))->write(salt), 300U);
    fs_test::TornSource unread(1000, 0);
    EXPECT_EQ((*open("/null"))->write(unread), 1000U);
}

TEST_F(DevfsTest, UnknownNumbersAreNoDevice) {
    ASSERT_TRUE(add_device_node(*root.node, "odd", NodeType::character, {1, 4}, Permissions(0600)));
    ASSERT_TRUE(
        add_device_node(*root.node, "far", NodeType::character, {200, 3}, Permissions(0600)));
    ASSERT_TRUE(add_device_node(*root.node, "disk", NodeType::block, {1, 3}, Permissions(0600)));
    for (const char* path : {"/odd", "/far", "/disk"}) {
        EXPECT_EQ(open(path).error(), Errc::no_device) << path;
    }
    ASSERT_TRUE(root.node->create("fifo", {.type = NodeType::fifo}));
    EXPECT_EQ(open("/fifo").error(), Errc::no_device);  // nobody makes pipes here
}

TEST(ChaCha20, AgreesWithTheStandard) {
    // RFC 8439, section 2.3.2.
    constexpr drivers::ChaCha20::Key key{0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c,
                                         0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c};
    constexpr auto block = drivers::ChaCha20::block(key, 1, {0x09000000, 0x4a000000, 0});
    static_assert(block[0] == 0xe4e7f110 && block[1] == 0x15593bd1 && block[15] == 0x4e3c50a2);
}

TEST(RandomPool, DependsOnWhatWasMixedIn) {
    drivers::RandomPool<NullLock> a, b;
    std::array<std::byte, 100> x{}, y{};
    a.fill(x);
    b.fill(y);
    EXPECT_EQ(x, y);  // without a secret there is no secrecy
    const std::array<std::byte, 40> secret{std::byte{1}};
    b.mix(secret);
    a.fill(x);
    b.fill(y);
    EXPECT_NE(x, y);
}

}  // namespace
}  // namespace kidney::fs

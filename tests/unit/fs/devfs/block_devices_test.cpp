/// Disks as files: any offset, the end, ioctls, errors of the device, who may write.
#include "fs/devfs/block_devices.hpp"

#include "drivers/block/ram_disk.hpp"
#include "fs/procfs/standard_files.hpp"
#include "fs/tmpfs/tmpfs.hpp"
#include "tests/fakes/block/faulty_block_device.hpp"
#include "tests/fakes/fake_disk.hpp"
#include "tests/laws/report.hpp"
#include "tests/unit/fs/test_world.hpp"
#include "tests/unit/fs/torn_buffers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace kidney::fs {
namespace {

using fs_test::World;

/// 64 bytes of user memory at address 0x1000.
struct UserBytes {
    static constexpr std::uint32_t base = 0x1000;
    static inline std::array<std::byte, 64> memory{};

    static std::size_t copy_in(std::span<std::byte> to, VirtAddr from) noexcept {
        const std::uint32_t at = from.value() - base;
        const std::size_t count = at < memory.size() ? std::min(to.size(), memory.size() - at) : 0;
        std::copy_n(memory.begin() + at, count, to.begin());
        return count;
    }
    static std::size_t copy_out(VirtAddr to, std::span<const std::byte> from) noexcept {
        const std::uint32_t at = to.value() - base;
        const std::size_t count =
            at < memory.size() ? std::min(from.size(), memory.size() - at) : 0;
        std::copy_n(from.begin(), count, memory.begin() + at);
        return count;
    }
    static std::size_t fill_zero(VirtAddr, std::size_t) noexcept { return 0; }
};
static_assert(hal::UserMemory<UserBytes>);

using Cache =
    PageCache<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::NullQueue>;
using Bytes = DeviceBytes<fakes::FakeHeap, Cache, NullLock>;
using Opener = BlockDeviceOpener<fakes::FakeHeap, Bytes, UserBytes, NullLock>;
using TestTmpfs = Tmpfs<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::Clock>;

constexpr OpenMode reading{.read = true};
constexpr OpenMode both{.read = true, .write = true};

struct BlockDevicesTest : testing::Test {
    static constexpr std::uint32_t blocks = 45;  // five pages and a half
    static constexpr std::size_t bytes = std::size_t{blocks} * 512;

    World world;
    fakes::FakeDisk disk{blocks, 512};
    fakes::FaultyBlockDevice<fakes::FakeDisk> faulty{disk};
    Cache cache{world.heap, world.frames, world.arena};
    CachedDevice pages{AnyBlockDevice(faulty)};
    Bytes whole{world.heap, cache, pages};
    Opener opener{world.heap, whole};
    DeviceRegistry<NullLock> registry;
    TestTmpfs dev{world.heap, world.frames, world.arena, world.clock, 5, {}};
    Vfs<fakes::FakeHeap, NullLock, NullLock> vfs{world.heap};
    Place root;

    ~BlockDevicesTest() override { cache.forget(pages); }
    void SetUp() override {
        for (std::size_t i = 0; i < bytes; ++i) {
            disk.bytes()[i] = static_cast<std::byte>(i % 251);
        }
        ASSERT_TRUE(dev.start(Permissions(0755)));
        ASSERT_TRUE(vfs.mount_root(dev, "devtmpfs"));
        root = vfs.root();
        ASSERT_TRUE(registry.add({NodeType::block, {254, 16}, 1, &opener}));
        ASSERT_TRUE(
            add_device_node(*root.node, "vdb", NodeType::block, {254, 16}, Permissions(0660)));
        vfs.set_special_files(registry);
    }
    Result<Ref<File>> open(OpenMode mode) {
        return vfs.open({root, root, {}}, "/vdb", {.mode = mode}, {});
    }
    static Result<std::string> read_at(File& file, std::uint64_t offset, std::size_t most) {
        std::string text(most, '?');
        SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        text.resize(TRY(file.read_at(offset, to)));
        return text;
    }
    static Result<std::size_t> write_at(File& file, std::uint64_t offset, std::string_view text) {
        SpanWriteBuffer from(std::as_bytes(std::span(text)));
        return file.write_at(offset, from);
    }
    std::string on_disk(std::size_t offset, std::size_t length) {
        const auto part = disk.bytes().subspan(offset, length);
        return {reinterpret_cast<const char*>(part.data()), part.size()};
    }
};

TEST_F(BlockDevicesTest, ReadsAnyBytesUpToTheEnd) {
    const auto file = *open(reading);
    EXPECT_EQ(file->attributes()->type, NodeType::block);
    EXPECT_EQ(file->attributes()->rdev, (DeviceNumber{254, 16}));
    EXPECT_EQ(*read_at(*file, 0, bytes), on_disk(0, bytes));
    EXPECT_EQ(*read_at(*file, 4090, 4100), on_disk(4090, 4100));
    EXPECT_EQ(*read_at(*file, bytes - 3, 100), on_disk(bytes - 3, 3));
    EXPECT_EQ(*read_at(*file, bytes, 100), "");
    EXPECT_EQ(*read_at(*file, std::uint64_t{1} << 62, 100), "");
    EXPECT_EQ(write_at(*file, 0, "x").error(), Errc::bad_descriptor);
}

TEST_F(BlockDevicesTest, ThePositionStaysWithinTheDevice) {
    const auto file = *open(both);
    EXPECT_EQ(*file->seek(0, Whence::end), bytes);
    std::string text(10, '?');
    SpanReadBuffer nothing(std::as_writable_bytes(std::span(text)));
    EXPECT_EQ(*file->read(nothing), 0U);
    SpanWriteBuffer too_far(std::as_bytes(std::span(text)));
    EXPECT_EQ(file->write(too_far).error(), Errc::no_space);
    EXPECT_EQ(*file->seek(-4, Whence::current), bytes - 4);
    SpanWriteBuffer short_one(std::as_bytes(std::span(text)));
    EXPECT_EQ(*file->write(short_one), 4U);
    ASSERT_TRUE(file->sync());
    EXPECT_EQ(on_disk(bytes - 4, 4), "????");
    for (const auto& [offset, whence] : {std::pair(std::int64_t{-1}, Whence::start),
                                         {1, Whence::end},
                                         {bytes + 1, Whence::start},
                                         {std::numeric_limits<std::int64_t>::max(), Whence::end}}) {
        EXPECT_EQ(file->seek(offset, whence).error(), Errc::invalid_argument);
    }
    EXPECT_EQ(*file->seek(0, Whence::current), bytes);
}

TEST_F(BlockDevicesTest, WritesAnyBytesAndNoOthers) {
    const auto file = *open(both);
    std::string expected = on_disk(0, bytes);
    laws::Random random(7);
    for (int i = 0; i < 300; ++i) {
        const std::size_t at = random.below(bytes);
        const std::string text(random.below(i % 3 == 0 ? 9000 : 700),
                               static_cast<char>('a' + i % 26));
        const std::size_t fits = std::min(text.size(), bytes - at);
        ASSERT_EQ(write_at(*file, at, text), Result<std::size_t>(fits));
        expected.replace(at, fits, text, 0, fits);
        const std::size_t look = random.below(bytes);
        ASSERT_EQ(*read_at(*file, look, 5000), expected.substr(look, 5000));
        if (i % 10 == 0) {
            cache.reclaim(3);
        }
        if (i % 30 == 0) {
            ASSERT_TRUE(file->sync());
            ASSERT_EQ(on_disk(0, bytes), expected);
            EXPECT_EQ(disk.pending(), 0U);
            EXPECT_EQ(cache.counts().dirty, 0U);
        }
    }
    EXPECT_GT(cache.counts().dirty, 0U);
}

TEST_F(BlockDevicesTest, NothingIsWrittenBeforeSomebodyAsksAndThenNeighboursTogether) {
    const auto file = *open(both);
    const std::string before = on_disk(0, bytes);
    for (std::size_t at = 0; at < 8192; at += 64) {
        ASSERT_TRUE(write_at(*file, at, std::string(64, 'n')));
    }
    ASSERT_TRUE(write_at(*file, 20480 - 1024, "far"));
    EXPECT_EQ(on_disk(0, bytes), before);
    cache.reclaim(100);
    EXPECT_EQ(cache.size(), 3U);  // the dirty ones
    ASSERT_TRUE(file->sync());
    EXPECT_EQ(on_disk(0, 8192), std::string(8192, 'n'));
    EXPECT_EQ(disk.writes(), 2U);
    ASSERT_TRUE(file->sync());
    EXPECT_EQ(disk.writes(), 2U);
    EXPECT_EQ(cache.reclaim(100), 3U);
}

TEST_F(BlockDevicesTest, WholePagesAreWrittenWithoutReading) {
    const auto file = *open(both);
    ASSERT_TRUE(write_at(*file, 4096, std::string(8192, 'n')));
    EXPECT_EQ(disk.reads(), 0U);
    ASSERT_TRUE(write_at(*file, 100, "xy"));
    EXPECT_EQ(disk.reads(), 1U);
}

TEST_F(BlockDevicesTest, WhatCannotBeWrittenStaysAndComesAgain) {
    const auto file = *open(both);
    const std::string before = on_disk(0, bytes);
    ASSERT_TRUE(write_at(*file, 1024, std::string(512, 'n')));
    ASSERT_TRUE(write_at(*file, 16384, std::string(512, 'm')));
    using Mode = fakes::FaultyBlockDevice<fakes::FakeDisk>::Mode;
    faulty.fail_operation(0, Mode::one_shot);
    EXPECT_EQ(file->sync().error(), Errc::io_error);
    EXPECT_EQ(on_disk(0, 16384), before.substr(0, 16384));
    EXPECT_EQ(on_disk(16384, 512), std::string(512, 'm'));  // the others are not held up
    EXPECT_EQ(cache.counts().dirty, 1U);
    EXPECT_EQ(*read_at(*file, 1024, 512), std::string(512, 'n'));
    ASSERT_TRUE(file->sync());
    EXPECT_EQ(on_disk(1024, 512), std::string(512, 'n'));
    faulty.fail_operation(0, Mode::one_shot);  // the flush
    EXPECT_EQ(file->sync().error(), Errc::io_error);
}

TEST_F(BlockDevicesTest, UserMemoryMayEndMidway) {
    const auto file = *open(both);
    const std::string before = *read_at(*file, 0, bytes);
    for (const std::size_t good : {1U, 700U, 4000U, 4096U, 8000U}) {
        fs_test::TornSource torn(9000, good);
        EXPECT_EQ(file->write_at(100, torn), Result<std::size_t>(good));
        ASSERT_TRUE(file->sync());
        EXPECT_EQ(on_disk(100, good), std::string(good, 'T'));
        EXPECT_EQ(on_disk(100 + good, 9000 - good), before.substr(100 + good, 9000 - good));
        std::string got(9000, '?');
        fs_test::TornTarget target(std::as_writable_bytes(std::span(got)), good);
        EXPECT_EQ(file->read_at(5, target), Result<std::size_t>(good));
        EXPECT_EQ(got.substr(0, good), on_disk(5, good));
        ASSERT_TRUE(write_at(*file, 0, before));
        ASSERT_TRUE(file->sync());
    }
    fs_test::TornSource none(10, 0);
    EXPECT_EQ(file->write_at(100, none).error(), Errc::bad_address);
    EXPECT_EQ(on_disk(0, bytes), before);
}

TEST_F(BlockDevicesTest, EveryOperationMayFail) {
    using Mode = fakes::FaultyBlockDevice<fakes::FakeDisk>::Mode;
    bool finished = false;
    for (std::uint64_t k = 0; !finished; ++k) {
        const auto file = *open(both);
        ASSERT_TRUE(file->sync());
        whole.drop_pages();
        std::string expected = on_disk(0, bytes);
        faulty.fail_operation(k, Mode::one_shot);
        const std::uint64_t first = faulty.operations();
        const std::string text(5000, static_cast<char>('a' + k));
        const auto written = write_at(*file, 100, text);
        const auto seen = read_at(*file, 0, bytes);
        const Status synced = file->sync();
        finished = faulty.operations() - first <= k;
        faulty.heal();
        expected.replace(100, written.value_or(0), text, 0, written.value_or(0));
        if (seen) {
            EXPECT_EQ(*seen, expected.substr(0, seen->size()));
        }
        if (synced) {
            EXPECT_EQ(on_disk(0, bytes), expected) << k;
        }
        EXPECT_EQ(*read_at(*file, 0, bytes), expected) << k;
        ASSERT_TRUE(file->sync());
        EXPECT_EQ(on_disk(0, bytes), expected) << k;
        ASSERT_LT(k, 20U);
    }
}

/// Opens, reads and writes half a block while allocation `n` of `source` fails; true: none did.
template <class Source>
bool survives(BlockDevicesTest& test, Source& source, std::size_t n) {
    test.whole.drop_pages();
    source.fail_at(n);
    Status status;
    if (const auto file = test.open(both); !file) {
        status = fail(file.error());
    } else if (const auto written = BlockDevicesTest::write_at(**file, 5000, "abc"); !written) {
        status = fail(written.error());
    }
    const bool failed = source.has_failed();
    source.fail_at(0);
    if (!status) {
        EXPECT_EQ(status.error(), Errc::no_memory);
    }
    return !failed;
}

TEST_F(BlockDevicesTest, EveryAllocationMayFail) {
    const std::string before = on_disk(0, bytes);
    std::size_t n = 1;
    for (; !survives(*this, world.heap, n); ++n) {
        EXPECT_EQ(on_disk(0, bytes), before);
    }
    EXPECT_GT(n, 2U);  // the file, the bounce page, the cached page
    ASSERT_TRUE(whole.flush());
    EXPECT_EQ(on_disk(5000, 3), "abc");
    EXPECT_FALSE(survives(*this, world.frames, 1));
    EXPECT_TRUE(whole.claim());  // all writers have gone
}

TEST_F(BlockDevicesTest, AnswersWhatToolsAsk) {
    const auto file = *open(both);
    const auto word = [](std::size_t at) {
        std::uint64_t value = 0;
        std::memcpy(&value, UserBytes::memory.data() + at, 4);
        return value;
    };
    const auto ask = [&](std::uint32_t request) -> std::uint64_t {
        UserBytes::memory.fill(std::byte{0xEE});
        EXPECT_EQ(file->control(request, UserBytes::base + 8), 0U) << std::hex << request;
        EXPECT_EQ(word(4), 0xEEEEEEEEU);
        return word(8);
    };
    EXPECT_EQ(ask(abi::block_get_bytes), bytes);
    EXPECT_EQ(word(12), 0U);  // 64 bits
    EXPECT_EQ(word(16), 0xEEEEEEEEU);
    EXPECT_EQ(ask(abi::block_get_sectors), blocks);
    EXPECT_EQ(word(12), 0xEEEEEEEEU);  // 32 bits
    EXPECT_EQ(ask(abi::block_get_sector_size), 512U);
    EXPECT_EQ(ask(abi::block_get_physical_size), 512U);
    EXPECT_EQ(ask(abi::block_get_block_size), 4096U);
    EXPECT_EQ(ask(abi::block_get_read_only), 0U);
    EXPECT_EQ(ask(abi::block_get_read_ahead), 256U);
    EXPECT_EQ(file->control(abi::block_get_bytes, UserBytes::base + 60).error(), Errc::bad_address);
    EXPECT_EQ(file->control(abi::block_get_bytes, 0).error(), Errc::bad_address);
    EXPECT_EQ(file->control(abi::block_set_read_only, 0).error(), Errc::permission_denied);
    EXPECT_EQ(file->control(0x5401, 0).error(), Errc::not_a_terminal);
    // BLKFLSBUF: the device is asked again, and has everything.
    ASSERT_TRUE(read_at(*file, 0, 10));
    ASSERT_TRUE(write_at(*file, 0, "x"));
    disk.bytes()[600] = std::byte{'y'};  // as if somebody else had written
    EXPECT_NE((*read_at(*file, 600, 1)), "y");
    EXPECT_EQ(file->control(abi::block_flush_buffers, 0), 0U);
    EXPECT_EQ(disk.pending(), 0U);
    EXPECT_EQ(*read_at(*file, 0, 1), "x");
    EXPECT_EQ(*read_at(*file, 600, 1), "y");
}

TEST_F(BlockDevicesTest, DiscardsWholeBlocks) {
    const auto file = *open(both);
    const auto say = [&](std::uint32_t request, std::uint64_t start, std::uint64_t length) {
        const abi::DiscardRange range{start, length};
        std::memcpy(UserBytes::memory.data(), &range, sizeof(range));
        const auto done = file->control(request, UserBytes::base);
        return done ? Status() : Status(fail(done.error()));
    };
    const std::string zeros(1024, '\0');
    const std::string before = *read_at(*file, 0, bytes);
    ASSERT_TRUE(write_at(*file, 1000, "kept"));
    ASSERT_TRUE(write_at(*file, 1536, "goes"));
    for (const auto request : {abi::block_discard, abi::block_zero_out}) {
        EXPECT_EQ(say(request, 1, 512).error(), Errc::invalid_argument);
        EXPECT_EQ(say(request, 512, 511).error(), Errc::invalid_argument);
        EXPECT_EQ(say(request, bytes - 512, 1024).error(), Errc::invalid_argument);
        EXPECT_EQ(say(request, bytes + 512, 0).error(), Errc::invalid_argument);
        EXPECT_EQ(say(request, 512, ~std::uint64_t{511}).error(), Errc::invalid_argument);
        EXPECT_EQ(file->control(request, 0).error(), Errc::bad_address);
    }
    EXPECT_EQ(disk.discards(), 0U);
    ASSERT_TRUE(say(abi::block_discard, 1536, 1024));
    EXPECT_EQ(disk.discards(), 1U);
    EXPECT_EQ(*read_at(*file, 1536, 1024), on_disk(1536, 1024));  // nothing old in the cache
    EXPECT_NE(*read_at(*file, 1536, 4), "goes");
    EXPECT_EQ(*read_at(*file, 1000, 4), "kept");
    EXPECT_EQ(*read_at(*file, 2560, 512), before.substr(2560, 512));
    ASSERT_TRUE(say(abi::block_zero_out, 1536, 1024));
    EXPECT_EQ(*read_at(*file, 1536, 1024), zeros);
    EXPECT_EQ(*read_at(*file, 2560, 512), before.substr(2560, 512));
    // The end of the device is that of the hole.
    ASSERT_TRUE(file->punch_hole(bytes - 1024, 1 << 20));
    EXPECT_EQ(*read_at(*file, bytes - 1024, 1024), zeros);
    EXPECT_EQ(*read_at(*file, bytes - 1536, 512), before.substr(bytes - 1536, 512));
    EXPECT_EQ(file->punch_hole(bytes, 512).error(), Errc::invalid_argument);
    EXPECT_EQ(file->punch_hole(0, 100).error(), Errc::invalid_argument);
    std::uint32_t answer = 1;
    ASSERT_TRUE(file->control(abi::block_discards_to_zeros, UserBytes::base));
    std::memcpy(&answer, UserBytes::memory.data(), sizeof(answer));
    EXPECT_EQ(answer, 0U);
    const auto reader = *open(reading);
    EXPECT_EQ(reader->punch_hole(0, 512).error(), Errc::bad_descriptor);
    EXPECT_EQ(reader->control(abi::block_discard, UserBytes::base).error(), Errc::bad_descriptor);
    faulty.fail_operation(0, decltype(faulty)::Mode::one_shot);
    EXPECT_EQ(say(abi::block_zero_out, 0, 512).error(), Errc::io_error);
}

/// A device that cannot discard.
struct Stubborn {
    fakes::FakeDisk& disk;
    Status read(BlockIndex first, std::span<std::byte> to) noexcept { return disk.read(first, to); }
    Status write(BlockIndex first, std::span<const std::byte> from) noexcept {
        return disk.write(first, from);
    }
    Status flush() noexcept { return disk.flush(); }
    std::uint32_t block_size() const noexcept { return disk.block_size(); }
    std::uint64_t block_count() const noexcept { return disk.block_count(); }
};
static_assert(!DiscardingBlockDevice<Stubborn>);

TEST_F(BlockDevicesTest, WithoutADiscardZerosAreWritten) {
    Stubborn stubborn{disk};
    CachedDevice its_pages{AnyBlockDevice(stubborn)};
    Bytes its_bytes{world.heap, cache, its_pages};
    const std::string before = on_disk(0, bytes);
    EXPECT_EQ(its_bytes.discard(512, 9 * 1024, Discarded::anything).error(), Errc::not_supported);
    EXPECT_EQ(its_bytes.discard(512, 9 * 1024, Discarded::zeros).error(), Errc::not_supported);
    EXPECT_EQ(its_bytes.zero(500, 512).error(), Errc::invalid_argument);
    EXPECT_EQ(on_disk(0, bytes), before);
    EXPECT_TRUE(its_bytes.zero(512, 9 * 1024));
    EXPECT_TRUE(its_bytes.zero(bytes - 512, 512));
    EXPECT_TRUE(its_bytes.flush());
    std::string after = before;
    after.replace(512, 9 * 1024, 9 * 1024, '\0');
    after.replace(bytes - 512, 512, 512, '\0');
    EXPECT_EQ(on_disk(0, bytes), after);
    cache.forget(its_pages);
}

TEST_F(BlockDevicesTest, AMountedDiskIsNotWritten) {
    {
        const auto writer = *open(both);
        EXPECT_EQ(whole.claim().error(), Errc::busy);
    }
    ASSERT_TRUE(whole.claim());
    EXPECT_EQ(open(both).error(), Errc::busy);
    EXPECT_EQ(whole.claim().error(), Errc::busy);
    const auto reader = *open(reading);
    EXPECT_EQ(*read_at(*reader, 0, 5), on_disk(0, 5));
}

TEST_F(BlockDevicesTest, WhatAFileSystemHasChangedIsItsOwnToWrite) {
    {
        const auto file = *open(both);
        ASSERT_TRUE(write_at(*file, 0, "mkfs"));
    }
    ASSERT_TRUE(whole.claim());  // brings it home
    EXPECT_EQ(on_disk(0, 4), "mkfs");
    const FrameNumber frame = *cache.get(pages, 0);
    std::memcpy(cache.bytes(frame).data(), "used", 4);
    cache.mark_dirty(pages, 0, sectors_of(0, 4), Phase{2});
    cache.release(frame);
    const auto reader = *open(reading);
    EXPECT_EQ(*read_at(*reader, 0, 4), "used");  // /dev and the file system see the same
    ASSERT_TRUE(reader->sync());
    ASSERT_TRUE(whole.write_back());
    EXPECT_EQ(on_disk(0, 4), "mkfs");
    whole.disclaim();
    ASSERT_TRUE(whole.write_back());
    EXPECT_EQ(on_disk(0, 4), "used");
}

TEST_F(BlockDevicesTest, AClaimFailsIfWhatWasWrittenCannotBeStored) {
    ASSERT_TRUE(write_at(**open(both), 0, "x"));
    faulty.fail_operation(0, decltype(faulty)::Mode::one_shot);
    EXPECT_EQ(whole.claim().error(), Errc::io_error);
    ASSERT_TRUE(whole.claim());
}

TEST_F(BlockDevicesTest, EachOpenFileHearsOnceOfAnErrorBehindItsBack) {
    const auto one = *open(both);
    const auto other = *open(reading);
    ASSERT_TRUE(write_at(*one, 0, "x"));
    faulty.fail_operation(0, decltype(faulty)::Mode::one_shot);
    EXPECT_EQ(whole.write_back().error(), Errc::io_error);  // as the flusher does
    const auto late = *open(both);
    EXPECT_EQ(one->sync().error(), Errc::io_error);
    EXPECT_EQ(on_disk(0, 1), "x");  // although it has succeeded now
    EXPECT_TRUE(one->sync());
    EXPECT_TRUE(late->sync());
    EXPECT_EQ(other->sync().error(), Errc::io_error);
    EXPECT_TRUE(other->sync());
    // Its own error is told once, too.
    ASSERT_TRUE(write_at(*one, 0, "y"));
    faulty.fail_operation(0, decltype(faulty)::Mode::one_shot);
    EXPECT_EQ(one->sync().error(), Errc::io_error);
    EXPECT_TRUE(one->sync());
    EXPECT_EQ(late->sync().error(), Errc::io_error);
}

TEST_F(BlockDevicesTest, APartitionThatIsTakenAwayIsNotThere) {
    {
        const auto reader = *open(reading);
        EXPECT_TRUE(whole.is_in_use());
        EXPECT_EQ(whole.take_away().error(), Errc::busy);
        EXPECT_EQ(whole.size_if_there(), bytes);
    }
    ASSERT_TRUE(whole.claim());
    EXPECT_TRUE(whole.is_in_use());
    EXPECT_EQ(whole.take_away().error(), Errc::busy);
    whole.disclaim();
    EXPECT_FALSE(whole.is_in_use());
    ASSERT_TRUE(write_at(**open(both), 0, "last words"));
    ASSERT_TRUE(whole.take_away());
    EXPECT_EQ(on_disk(0, 10), "last words");
    EXPECT_EQ(cache.size(), 0U);
    EXPECT_EQ(open(reading).error(), Errc::no_device);
    EXPECT_EQ(whole.claim().error(), Errc::no_device);
    EXPECT_EQ(whole.size_if_there(), std::nullopt);
    EXPECT_FALSE(whole.is_in_use());
    whole.put_back([&] { disk.bytes()[0] = std::byte{'L'}; });
    EXPECT_EQ(*read_at(**open(reading), 0, 10), "Last words");
    // What cannot be brought home is lost, and does not come back on the next one.
    ASSERT_TRUE(write_at(**open(both), 0, "lost"));
    faulty.fail_operation(0, decltype(faulty)::Mode::one_shot);
    EXPECT_EQ(whole.take_away().error(), Errc::io_error);
    EXPECT_EQ(open(reading).error(), Errc::no_device);
    whole.put_back([] {});
    EXPECT_EQ(*read_at(**open(reading), 0, 4), "Last");
}

struct RecordingTable final : PartitionedDisk {
    std::string asked;
    Status answer;
    Status read_partitions() noexcept override {
        asked = "read";
        return answer;
    }
    Status add_partition(std::int32_t number, std::int64_t start,
                         std::int64_t length) noexcept override {
        asked = "add " + std::to_string(number) + " " + std::to_string(start) + " " +
                std::to_string(length);
        return answer;
    }
    Status remove_partition(std::int32_t number) noexcept override {
        asked = "remove " + std::to_string(number);
        return answer;
    }
};

TEST_F(BlockDevicesTest, PartitionsAreTheDisksAffair) {
    RecordingTable table;
    Opener with_table(world.heap, whole, &table);
    const auto file = *with_table.open_device({}, *root.node, reading);
    const auto without = *open(reading);
    const auto change = [&](std::int32_t operation, std::uint32_t part) {
        const abi::PartitionChange what{operation, 0, 148, part};
        const std::int64_t start = std::int64_t{1} << 33;
        const std::int64_t length = 512;
        const std::int32_t number = 7;
        std::memcpy(UserBytes::memory.data(), &what, sizeof(what));
        std::memcpy(UserBytes::memory.data() + 16, &start, 8);
        std::memcpy(UserBytes::memory.data() + 24, &length, 8);
        std::memcpy(UserBytes::memory.data() + 32, &number, 4);
        return file->control(abi::block_change_partition, UserBytes::base);
    };
    EXPECT_EQ(file->control(abi::block_read_partitions, 0), 0U);
    EXPECT_EQ(table.asked, "read");
    EXPECT_EQ(change(1, UserBytes::base + 16), 0U);
    EXPECT_EQ(table.asked, "add 7 8589934592 512");
    EXPECT_EQ(change(2, UserBytes::base + 16), 0U);
    EXPECT_EQ(table.asked, "remove 7");
    EXPECT_EQ(change(3, UserBytes::base + 16).error(), Errc::invalid_argument);
    EXPECT_EQ(change(1, 0).error(), Errc::bad_address);
    EXPECT_EQ(file->control(abi::block_change_partition, 0).error(), Errc::bad_address);
    table.answer = fail(Errc::busy);
    EXPECT_EQ(file->control(abi::block_read_partitions, 0).error(), Errc::busy);
    EXPECT_EQ(change(2, UserBytes::base + 16).error(), Errc::busy);
    EXPECT_EQ(without->control(abi::block_read_partitions, 0).error(), Errc::invalid_argument);
    EXPECT_EQ(without->control(abi::block_change_partition, 0).error(), Errc::invalid_argument);
}

/// A disk that says it cannot be written.
struct ReadOnlyDisk : fakes::FakeDisk {
    using FakeDisk::FakeDisk;
    [[nodiscard]] bool is_read_only() const noexcept { return true; }
};

TEST_F(BlockDevicesTest, AReadOnlyDiskSaysSo) {
    ReadOnlyDisk sealed(8, 512);
    CachedDevice sealed_pages{AnyBlockDevice(sealed)};
    Bytes sealed_bytes(world.heap, cache, sealed_pages);
    Opener sealed_opener(world.heap, sealed_bytes);
    EXPECT_EQ(sealed_opener.open_device({}, *root.node, both).error(), Errc::read_only);
    const auto file = *sealed_opener.open_device({}, *root.node, reading);
    EXPECT_EQ(file->control(abi::block_get_read_only, UserBytes::base), 0U);
    EXPECT_EQ(UserBytes::memory[0], std::byte{1});
}

TEST_F(BlockDevicesTest, PartitionsAreListedAsLinuxDoes) {
    HeapText<fakes::FakeHeap> text(world.heap);
    text.write(partitions_heading);
    write_partition({254, 16}, bytes, "vdb", text);
    EXPECT_EQ(text.view(), "major minor  #blocks  name\n\n 254       16         22 vdb\n");
}

TEST(BlockDevicesStress, NeighboursInOneBlockDoNotLoseEachOther) {
    World world;
    fs_test::LockedHeap heap;
    {
        std::vector<std::byte> memory(std::size_t{64} * 1024);
        drivers::RamDisk ram(memory, 512);
        using SharedCache = PageCache<fs_test::LockedHeap, fs_test::Frames, sim::RamArena,
                                      fs_test::StdLock, fs_test::StdQueue>;
        SharedCache cache(heap, world.frames, world.arena);
        CachedDevice pages{AnyBlockDevice(ram)};
        DeviceBytes<fs_test::LockedHeap, SharedCache, fs_test::StdLock> whole(heap, cache, pages);
        // Thread t owns every fourth stripe of 100 bytes; the stripes share blocks and pages.
        constexpr std::size_t stripe = 100;
        std::vector<std::thread> threads;
        for (std::size_t t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                laws::Random random(static_cast<std::uint32_t>(t) + 1);
                for (int i = 0; i < 3000; ++i) {
                    const std::size_t at = (random.below(150) * 4 + t) * stripe;
                    std::array<std::byte, stripe> mine;
                    mine.fill(static_cast<std::byte>(random.below(256)));
                    SpanWriteBuffer from(mine);
                    ASSERT_EQ(whole.write(at, from), Result<std::size_t>(stripe));
                    std::array<std::byte, stripe> seen{};
                    SpanReadBuffer to(seen);
                    ASSERT_TRUE(whole.read(at, to));
                    ASSERT_EQ(seen, mine);
                    if (i % 64 == 0) {
                        cache.reclaim(4);
                    }
                    if (i % 500 == 0) {
                        whole.drop_pages();
                    }
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        ASSERT_TRUE(whole.flush());
        for (std::size_t at = 0; at < memory.size(); at += page_size) {
            std::array<std::byte, page_size> page{};
            SpanReadBuffer to(page);
            ASSERT_TRUE(whole.read(at, to));
            ASSERT_TRUE(std::ranges::equal(page, std::span(memory).subspan(at, page_size)));
        }
        cache.forget(pages);
    }
    EXPECT_EQ(heap.used_bytes(), 0U);
    EXPECT_TRUE(world.is_clean());
}

}  // namespace
}  // namespace kidney::fs

/// eventfd(2): counts, waits, overflows.
#include "tests/unit/fs/event/event_world.hpp"
#include "tests/unit/fs/torn_buffers.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <thread>

namespace kidney::fs {
namespace {

using fs_test::Events;
constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max() - 1;

struct EventCounterTest : testing::Test {
    fs_test::LockedHeap heap;
    Events events{heap};

    void TearDown() override { EXPECT_EQ(heap.used_bytes(), 0U); }
    static Status add(File& file, std::uint64_t n) {
        SpanWriteBuffer from(std::as_bytes(std::span(&n, 1)));
        if (const auto written = file.write(from); !written) {
            return fail(written.error());
        } else {
            EXPECT_EQ(*written, 8U);
        }
        return {};
    }
    static Result<std::uint64_t> take(File& file) {
        std::uint64_t n = 0;
        SpanReadBuffer to(std::as_writable_bytes(std::span(&n, 1)));
        EXPECT_EQ(TRY(file.read(to)), 8U);
        return n;
    }
    static void expect_ready(File& file, bool readable, bool writable) {
        const Readiness ready = file.poll(nullptr);
        EXPECT_EQ(ready.readable, readable);
        EXPECT_EQ(ready.writable, writable);
    }
};

TEST_F(EventCounterTest, ReadingTakesTheSum) {
    const Ref<File> file = *events.create_counter(3, false, true);
    EXPECT_TRUE(add(*file, 4));
    expect_ready(*file, true, true);
    EXPECT_EQ(take(*file), 7U);
    expect_ready(*file, false, true);
    EXPECT_EQ(take(*file).error(), Errc::would_block);
    EXPECT_TRUE(add(*file, 0));
    EXPECT_EQ(take(*file).error(), Errc::would_block) << "nothing was added";
}

TEST_F(EventCounterTest, ASemaphoreGivesOneAtATime) {
    const Ref<File> file = *events.create_counter(2, true, true);
    EXPECT_EQ(take(*file), 1U);
    EXPECT_EQ(take(*file), 1U);
    EXPECT_EQ(take(*file).error(), Errc::would_block);
}

TEST_F(EventCounterTest, DoesNotOverflow) {
    const Ref<File> file = *events.create_counter(0, false, true);
    EXPECT_EQ(add(*file, most + 1).error(), Errc::invalid_argument);
    EXPECT_TRUE(add(*file, most));
    expect_ready(*file, true, false);
    EXPECT_TRUE(add(*file, 0));
    EXPECT_EQ(add(*file, 1).error(), Errc::would_block);
    EXPECT_EQ(take(*file), most);
    EXPECT_TRUE(add(*file, most - 1));
    EXPECT_EQ(add(*file, 2).error(), Errc::would_block);
    expect_ready(*file, true, true);
}

TEST_F(EventCounterTest, MovesNumbersOnly) {
    const Ref<File> file = *events.create_counter(5, false, true);
    std::array<std::byte, 7> few{};
    SpanReadBuffer to(few);
    EXPECT_EQ(file->read(to).error(), Errc::invalid_argument);
    SpanWriteBuffer from(few);
    EXPECT_EQ(file->write(from).error(), Errc::invalid_argument);
    std::array<std::byte, 20> many{};
    SpanReadBuffer all(many);
    EXPECT_EQ(file->read(all), 8U);
    EXPECT_EQ(all.remaining(), 12U);
    // What a bad pointer makes of it: nothing is added, but what was taken is lost.
    fs_test::TornSource source(8, 3);
    EXPECT_EQ(file->write(source).error(), Errc::bad_address);
    expect_ready(*file, false, true);
    EXPECT_TRUE(add(*file, 9));
    fs_test::TornTarget target(std::as_writable_bytes(std::span(many)), 3);
    EXPECT_EQ(file->read(target).error(), Errc::bad_address);
    expect_ready(*file, false, true);
}

TEST_F(EventCounterTest, ReadersAndWritersWait) {
    const Ref<File> file = *events.create_counter(0, false, false);
    std::thread reader([&] { EXPECT_EQ(take(*file), most); });
    EXPECT_TRUE(add(*file, most));
    reader.join();
    EXPECT_TRUE(add(*file, most));
    std::thread writer([&] { EXPECT_TRUE(add(*file, 5)); });
    EXPECT_EQ(take(*file), most);
    writer.join();
    EXPECT_EQ(take(*file), 5U);
    fs_test::EventQueue::is_interrupted = true;
    EXPECT_EQ(take(*file).error(), Errc::interrupted);
    fs_test::EventQueue::is_interrupted = false;
}

TEST_F(EventCounterTest, IsAFileOfItsOwnKind) {
    heap.fail_at(1);
    EXPECT_EQ(events.create_counter(0, false, false).error(), Errc::no_memory);
    const Ref<File> file = *events.create_counter(0, false, false);
    EXPECT_EQ(file->label(), "anon_inode:[eventfd]");
    EXPECT_EQ(file->attributes()->type, NodeType::none);
    EXPECT_EQ(file->attributes()->permissions, Permissions(0600));
    EXPECT_TRUE(file->is_pollable());
    EXPECT_EQ(file->seek(0, Whence::start).error(), Errc::not_seekable);
    EXPECT_EQ(file->sync().error(), Errc::invalid_argument);
}

}  // namespace
}  // namespace kidney::fs

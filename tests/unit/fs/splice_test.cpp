/// splice, tee and vmsplice below the system calls: pages between pipes, and what waits for what.
#include "fs/pipe/splice.hpp"

#include "fs/pipe/pipe_service.hpp"
#include "tests/laws/report.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace kidney::fs {
namespace {

using fs_test::StdLock;
using fs_test::World;
using Pipes = PipeService<fs_test::LockedHeap, fs_test::Frames, sim::RamArena, StdLock,
                          fs_test::StdQueue, StdLock, StdLock, fs_test::Clock>;

struct SpliceTest : testing::Test {
    World world;
    fs_test::LockedHeap heap;
    Pipes pipes{heap, world.frames, world.arena, world.clock};

    void TearDown() override {
        EXPECT_EQ(heap.used_bytes(), 0U);
        EXPECT_TRUE(world.is_clean());
    }
    static Result<std::size_t> write(const PipeEnds& ends, std::string_view text) {
        SpanWriteBuffer from(std::as_bytes(std::span(text)));
        return ends.writer->write(from);
    }
    static Result<std::string> read(const PipeEnds& ends, std::size_t most) {
        std::string text(most, '?');
        SpanReadBuffer to(std::as_writable_bytes(std::span(text)));
        text.resize(TRY(ends.reader->read(to)));
        return text;
    }
    static SplicePipe& in(const PipeEnds& ends) { return *ends.writer->pipe(); }
    static SplicePipe& out(const PipeEnds& ends) { return *ends.reader->pipe(); }
};

TEST_F(SpliceTest, PagesGoAcrossAsTheyAre) {
    const PipeEnds a = *pipes.create(true), b = *pipes.create(true);
    ASSERT_TRUE(write(a, std::string(5000, 'x')));
    const std::size_t free = world.frames.free_frames();
    EXPECT_EQ(splice_across(out(a), in(b), 100'000, true), 5000U);
    EXPECT_EQ(world.frames.free_frames(), free);  // not a byte was copied
    EXPECT_EQ(splice_across(out(a), in(b), 1, true).error(), Errc::would_block);
    EXPECT_EQ(read(b, 10'000), std::string(5000, 'x'));
    ASSERT_TRUE(write(a, "0123456789"));
    EXPECT_EQ(splice_across(out(a), in(b), 4, true), 4U);
    EXPECT_EQ(read(a, 100), Result<std::string>("456789"));
    EXPECT_EQ(read(b, 100), Result<std::string>("0123"));
}

TEST_F(SpliceTest, TheEndsOfPipesAreSeen) {
    PipeEnds a = *pipes.create(true), b = *pipes.create(true);
    ASSERT_TRUE(write(a, "last"));
    a.writer.reset();
    SplicePipe& from = *a.reader->pipe();
    EXPECT_EQ(splice_across(from, in(b), 100, true), 4U);
    EXPECT_EQ(splice_across(from, in(b), 100, false), 0U);
    EXPECT_EQ(splice_copy(from, in(b), 100, false), 0U);
    const PipeEnds c = *pipes.create(true);
    ASSERT_TRUE(write(c, "kept"));
    b.reader.reset();
    EXPECT_EQ(splice_across(out(c), *b.writer->pipe(), 100, false).error(), Errc::broken_pipe);
    EXPECT_EQ(splice_copy(out(c), *b.writer->pipe(), 100, false).error(), Errc::broken_pipe);
    EXPECT_EQ(read(c, 100), Result<std::string>("kept"));
}

TEST_F(SpliceTest, AFullPipeTakesNothingAndLosesNothing) {
    const PipeEnds a = *pipes.create(true), b = *pipes.create(true);
    ASSERT_EQ(write(a, std::string(6000, 'a')), 6000U);
    ASSERT_EQ(write(b, std::string(65536 - 4096, 'b')), 65536U - 4096);
    EXPECT_EQ(splice_across(out(a), in(b), 100'000, true), 4096U);
    EXPECT_EQ(splice_across(out(a), in(b), 100'000, true).error(), Errc::would_block);
    EXPECT_EQ(splice_copy(out(a), in(b), 100'000, true).error(), Errc::would_block);
    EXPECT_EQ(read(a, 10'000), std::string(1904, 'a'));
}

TEST_F(SpliceTest, TeeSharesPages) {
    const PipeEnds a = *pipes.create(true), b = *pipes.create(true);
    ASSERT_TRUE(write(a, std::string(4096, 'x')));
    ASSERT_TRUE(write(a, "tail"));
    const std::size_t free = world.frames.free_frames();
    EXPECT_EQ(splice_copy(out(a), in(b), 4098, true), 4098U);
    EXPECT_EQ(world.frames.free_frames(), free);
    // What joins the page in one pipe is not seen in the other.
    ASSERT_TRUE(write(a, " grows"));
    EXPECT_EQ(write(b, "own"), 3U);
    EXPECT_EQ(read(b, 10'000), std::string(4096, 'x') + "taown");
    EXPECT_EQ(read(a, 10'000), std::string(4096, 'x') + "tail grows");
    // A page that somebody else has is not written to again.
    ASSERT_TRUE(write(a, "first"));
    EXPECT_EQ(splice_copy(out(a), in(b), 100, true), 5U);
    EXPECT_EQ(read(a, 100), Result<std::string>("first"));
    ASSERT_TRUE(write(a, "XXXXX"));
    EXPECT_EQ(read(b, 100), Result<std::string>("first"));
    EXPECT_EQ(read(a, 100), Result<std::string>("XXXXX"));
}

TEST_F(SpliceTest, FillsFromAndDrainsToAnything) {
    const PipeEnds a = *pipes.create(true);
    std::string source = "0123456789";
    const auto take = [&](std::span<std::byte> bytes) noexcept -> Result<std::size_t> {
        const std::size_t count = std::min<std::size_t>({bytes.size(), source.size(), 4});
        std::memcpy(bytes.data(), source.data(), count);
        source.erase(0, count);
        return count;
    };
    EXPECT_EQ(splice_in(in(a), 7, true, take), 7U);
    EXPECT_EQ(splice_in(in(a), 100, true, take), 3U);
    EXPECT_EQ(splice_in(in(a), 100, true, take), 0U);
    std::string got;
    const auto put = [&](std::span<const std::byte> bytes) noexcept -> Result<std::size_t> {
        if (got.size() >= 5) {
            return fail(Errc::no_space);
        }
        const std::size_t count = std::min<std::size_t>(bytes.size(), 3);
        got.append(reinterpret_cast<const char*>(bytes.data()), count);
        return count;
    };
    EXPECT_EQ(splice_out(out(a), 100, true, put), 3U);  // a short write is the last
    EXPECT_EQ(splice_out(out(a), 1, true, put), 1U);
    EXPECT_EQ(splice_out(out(a), 100, true, put), 3U);
    EXPECT_EQ(splice_out(out(a), 100, true, put).error(), Errc::no_space);
    EXPECT_EQ(got, "0123456");
    EXPECT_EQ(read(a, 100), Result<std::string>("789"));
    EXPECT_EQ(splice_out(out(a), 100, true, put).error(), Errc::would_block);
}

TEST_F(SpliceTest, GivesBackWhatItReservedWhenTheSourceFails) {
    const PipeEnds a = *pipes.create(true);
    ASSERT_EQ(a.writer->pipe()->set_size(4096, false), 4096U);
    const auto broken = [](std::span<std::byte>) noexcept -> Result<std::size_t> {
        return fail(Errc::io_error);
    };
    EXPECT_EQ(splice_in(in(a), 100, true, broken).error(), Errc::io_error);
    world.frames.fail_at(1);
    EXPECT_EQ(splice_in(in(a), 100, true, broken).error(), Errc::no_memory);
    EXPECT_EQ(write(a, std::string(4096, 'x')), 4096U);
}

TEST_F(SpliceTest, AReservedSlotIsNobodyElses) {
    const PipeEnds a = *pipes.create(true);
    ASSERT_EQ(in(a).set_size(4096, false), 4096U);
    ASSERT_TRUE(in(a).reserve(true));
    EXPECT_FALSE(a.writer->poll(nullptr).writable);
    EXPECT_EQ(write(a, "x").error(), Errc::would_block);
    EXPECT_EQ(in(a).reserve(true).error(), Errc::would_block);
    in(a).cancel();
    EXPECT_TRUE(a.writer->poll(nullptr).writable);
    EXPECT_EQ(write(a, "x"), 1U);
}

TEST_F(SpliceTest, ALentPieceStaysTheFirst) {
    const PipeEnds a = *pipes.create(true);
    ASSERT_TRUE(write(a, "lent"));
    ASSERT_EQ(out(a).lend(true)->size, 4U);
    EXPECT_FALSE(a.reader->poll(nullptr).readable);
    EXPECT_EQ(read(a, 10).error(), Errc::would_block);
    EXPECT_EQ(out(a).lend(true).error(), Errc::would_block);
    ASSERT_TRUE(write(a, " and more"));
    ASSERT_EQ(out(a).set_size(8192, false), 8192U);  // slots move, pages do not
    out(a).give_back(2);
    EXPECT_TRUE(a.reader->poll(nullptr).readable);
    EXPECT_EQ(read(a, 100), Result<std::string>("nt and more"));
}

TEST_F(SpliceTest, WhoWaitsForALentPieceSeesTheEnd) {
    for (int i = 0; i < 50; ++i) {
        PipeEnds a = *pipes.create(false);
        ASSERT_TRUE(write(a, "x"));
        a.writer.reset();
        ASSERT_EQ(out(a).lend(false)->size, 1U);
        std::thread other([&] { EXPECT_EQ(read(a, 10), Result<std::string>("")); });
        if (i % 2 == 0) {
            std::this_thread::yield();
        }
        const PipePiece piece = out(a).take();
        out(a).give_page(piece.frame);
        other.join();
    }
}

TEST_F(SpliceTest, StreamsThroughTwoPipes) {
    PipeEnds a = *pipes.create(false), b = *pipes.create(false);
    const std::size_t total = 1'000'000;
    std::thread producer([&] {
        laws::Random random(1);
        for (std::size_t sent = 0; sent < total;) {
            std::string piece;
            const std::size_t length = std::min<std::size_t>(1 + random.below(9000), total - sent);
            for (std::size_t i = 0; i < length; ++i) {
                piece.push_back(static_cast<char>((sent + i) * 7 & 0xFF));
            }
            EXPECT_EQ(write(a, piece), piece.size());
            sent += length;
        }
        a.writer.reset();
    });
    std::thread mover([&] {
        laws::Random random(3);
        for (;;) {
            const auto moved = splice_across(out(a), in(b), 1 + random.below(20'000), false);
            ASSERT_TRUE(moved);
            if (*moved == 0) {
                break;
            }
        }
        b.writer.reset();
    });
    laws::Random random(2);
    std::size_t received = 0;
    for (;;) {
        const auto piece = read(b, 1 + random.below(70'000));
        ASSERT_TRUE(piece);
        if (piece->empty()) {
            break;
        }
        for (const char c : *piece) {
            ASSERT_EQ(c, static_cast<char>(received++ * 7 & 0xFF));
        }
    }
    EXPECT_EQ(received, total);
    producer.join();
    mover.join();
}

}  // namespace
}  // namespace kidney::fs

/// Traces of frame policies: recorded through the kernel's wrappers, written, read back, repeated;
/// and what is not a trace is refused with a word about it.
#include "bench/lab/recorded_trace.hpp"
#include "mm/frame_service.hpp"
#include "mm/frame_setup.hpp"
#include "mm/frames/buddy_bitmap.hpp"
#include "mm/frames/fullest_region.hpp"
#include "mm/frames/next_fit.hpp"
#include "mm/locked_frames.hpp"
#include "mm/magazines.hpp"
#include "mm/trace/recorded_frames.hpp"
#include "sim/ram_arena.hpp"
#include "tests/laws/report.hpp"
#include "tests/support/memory_machine.hpp"
#include "tests/support/std_cpu.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace kidney::mm {
namespace {

struct Recorder {
    static inline FrameTrace trace;
};

template <class P>
using Zone = Magazines<SharedFrames<RecordedFrames<P, Recorder>, NullLock>, test::StdCpu,
                       hal::NoPin, NoMarks>;

std::string written() {
    std::string text;
    Recorder::trace.stop();
    Recorder::trace.write("the_policy",
                          [&](std::string_view line) { text.append(line).push_back('\n'); });
    return text;
}

std::size_t count(const lab::RecordedTrace& trace, FrameEvent::Kind kind) {
    std::size_t n = 0;
    for (const FrameEvent& call : trace.calls) {
        n += call.kind == kind ? 1 : 0;
    }
    return n;
}

template <class P>
class FrameTraces : public testing::Test {};
using Policies = testing::Types<NextFit, BuddyBitmap, FullestRegion>;
TYPED_TEST_SUITE(FrameTraces, Policies);

TYPED_TEST(FrameTraces, WhatTheServiceIsAskedCanBeAskedAgain) {
    std::vector<std::uint32_t> words(1U << 15);
    Recorder::trace.start(words);
    sim::RamArena ram(4096, 4096);
    auto service =
        std::make_unique<FrameService<Zone<TypeParam>, test::MemoryMachine::References>>();
    const std::vector<FrameRange> usable{{FrameNumber(0), 1500}, {FrameNumber(1600), 2400}};
    EarlyFrames early(usable, {});
    ASSERT_TRUE(set_up_frames(*service, early, ram, FrameNumber(4096)));
    service->keep_none_at_hand();

    std::vector<std::pair<FrameNumber, FrameOrder>> blocks;
    laws::Random random(3);
    std::size_t granted = 0;
    for (int turn = 0; turn < 6000; ++turn) {
        if (blocks.empty() || random.below(100) < (turn / 1000 % 2 == 0 ? 65U : 40U)) {
            const FrameOrder order(random.below(4) != 0 ? std::uint8_t{0}
                                                        : std::uint8_t(random.below(7)));
            if (const auto block = service->allocate(order)) {
                ++granted;
                blocks.emplace_back(*block, order);
            }
        } else {
            std::swap(blocks[random.below(static_cast<std::uint32_t>(blocks.size()))],
                      blocks.back());
            service->free(blocks.back().first, blocks.back().second);
            blocks.pop_back();
        }
    }
    const std::string text = written();
    std::istringstream in(text);
    lab::TraceReader reader;
    const auto trace = reader.read(in);
    ASSERT_TRUE(trace) << reader.error();
    EXPECT_EQ(trace->policy, "the_policy");
    EXPECT_EQ(trace->regions.size(), 2U);
    // Each was seen: nothing was at hand.
    using Kind = FrameEvent::Kind;
    EXPECT_EQ(count(*trace, Kind::granted), granted);
    EXPECT_EQ(count(*trace, Kind::freed), granted - blocks.size());

    const std::uint32_t frames = trace->map_frames();
    lab::Subject subject(std::make_unique<lab::Holding<TypeParam>>(trace->span, trace->regions),
                         frames, frames / 64, trace->regions);
    EXPECT_EQ(lab::replay(*trace, subject), granted + count(*trace, Kind::refused));
    for (const auto& [first, order] : blocks) {
        EXPECT_EQ(subject.map().used(first.value(), order.frames()), order.frames());
    }
    EXPECT_EQ(subject.map().free(), service->free_frames());
    // Another policy answers otherwise, and has as much in use as far as it can serve it.
    lab::Subject other(std::make_unique<lab::Holding<NextFit>>(trace->span, trace->regions), frames,
                       frames / 64, trace->regions);
    static_cast<void>(lab::replay(*trace, other));
    EXPECT_GE(other.map().free(), subject.map().free());
}

TEST(FrameTrace, KeepsTheFirstCallsAndCountsTheRest) {
    using Kind = FrameEvent::Kind;
    std::vector<std::uint32_t> words(6);
    Recorder::trace.start(words);
    Recorder::trace.record(Kind::span_first, FrameNumber(0x10), FrameOrder(0));
    Recorder::trace.record(Kind::span_last, FrameNumber(0xf'ffff), FrameOrder(0));
    Recorder::trace.record(Kind::region_first, FrameNumber(0x20), FrameOrder(0));
    Recorder::trace.record(Kind::region_last, FrameNumber(0x3f), FrameOrder(0));
    Recorder::trace.record(Kind::granted, FrameNumber(0x20), FrameOrder(5));
    Recorder::trace.record(Kind::refused, FrameNumber(0), FrameOrder(10));
    Recorder::trace.record(Kind::freed, FrameNumber(0x20), FrameOrder(5));
    EXPECT_EQ(written(),
              "kidney-frame-trace 1 policy=the_policy calls=2 dropped=1\n"
              "s10-fffff r20-3f +20.5 !10\nend\n");
    Recorder::trace.record(Kind::freed, FrameNumber(0x20), FrameOrder(5));  // it is off
    EXPECT_EQ(written(), "");
}

TEST(FrameTrace, WhatIsMissingWhenItStopsIsDroppedWithAllBehindIt) {
    using Kind = FrameEvent::Kind;
    std::vector<std::uint32_t> words(4);
    Recorder::trace.start(words);
    Recorder::trace.record(Kind::granted, FrameNumber(1), FrameOrder(0));
    Recorder::trace.record(Kind::granted, FrameNumber(2), FrameOrder(0));
    Recorder::trace.record(Kind::freed, FrameNumber(2), FrameOrder(0));
    words[1] = 0;  // another CPU has its place, and has not written yet
    EXPECT_EQ(written(),
              "kidney-frame-trace 1 policy=the_policy calls=1 dropped=2\n"
              "+1\nend\n");
}

TEST(FrameTrace, ARangeIsNeverBrokenByALine) {
    using Kind = FrameEvent::Kind;
    constexpr std::uint32_t regions = 200;
    std::vector<std::uint32_t> words(2 * regions + 2);
    Recorder::trace.start(words);
    Recorder::trace.record(Kind::span_first, FrameNumber(0), FrameOrder(0));
    Recorder::trace.record(Kind::span_last, FrameNumber(0xf'ffff), FrameOrder(0));
    for (std::uint32_t i = 0; i < regions; ++i) {
        Recorder::trace.record(Kind::region_first, FrameNumber(i * 0x1000), FrameOrder(0));
        Recorder::trace.record(Kind::region_last, FrameNumber(i * 0x1000 + i % 8 * 0x111),
                               FrameOrder(0));
    }
    std::istringstream in(written());
    lab::TraceReader reader;
    const auto trace = reader.read(in);
    ASSERT_TRUE(trace) << reader.error();
    EXPECT_EQ(trace->regions.size(), regions);
}

TEST(FrameTrace, WhatIsNoneIsRefused) {
    const auto complaint = [](const std::string& text) {
        std::istringstream in(text);
        lab::TraceReader reader;
        return reader.read(in) ? "none" : reader.error();
    };
    const std::string head = "# of mine\r\nkidney-frame-trace 1 policy=buddy calls=1 dropped=0\r\n";
    EXPECT_EQ(complaint(head + "s0-fff r0-fff\r\n\r\n+10 end\r\n"), "none");
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"", "line 0: no header"},
        {"MZ\n", "line 1: no header"},
        {"kidney-frame-trace 2 policy=buddy calls=1\nend\n", "line 1: no header"},
        {"kidney-frame-trace 1 calls=1 dropped=0\nend\n", "no policy="},
        {"kidney-frame-trace 1 policy=a\"b calls=1 dropped=0\nend\n", "no policy="},
        {"kidney-frame-trace 1 policy=buddy calls=many dropped=0\nend\n", "no calls="},
        {"kidney-frame-trace 1 policy=buddy calls=1\nend\n", "no dropped="},
        {"kidney-frame-trace 1 policy=buddy calls=1 dropped=-1\nend\n", "no dropped="},
        {"kidney-frame-trace 1 policy=buddy calls=1 dropped=99999999999\nend\n", "no dropped="},
        {head + "s0-fff r0-fff +10", "cut short"},
        {head + "s0-fff r0-fff\nend", "promises 1 calls, there are 0"},
        {head + "s0-fff r0-fff +10 end +11", "after the end"},
        {head + "s0-fffff1", "is not a range"},
        {head + "s5-4", "is not a range"},
        {head + "s0", "is not a range"},
        {head + "s10-20 s18-30", "does not go on behind"},
        {head + "r0-10", "not inside the span"},
        {head + "s0-fff r0-1000", "not inside the span"},
        {head + "s0-fff r0-10 r8-20", "too late, or twice"},
        {head + "+10", "before there is a region"},
        {head + "s0-fff r0-fff +", "is no call"},
        {head + "s0-fff r0-fff +10.11", "is no call"},
        {head + "s0-fff r0-fff *10", "is no call"},
        {head + "s0-fff r0-fff !", "is no call"},
        {head + "s0-fff r0-fff +\x1b[2J", "'+?[2J' is no call"},
        {head + "s0-fff r0-fff +" + std::string(1000, '1'), "1...' is no call"},
        {head + "s0-fff r0-fff +10 s1000-1fff", "does not go on behind"},
        {head + "s0-fff r0-ff +10 r100-1ff", "too late, or twice"},
        {head + "s0-fff r0-fff +11.1", "grants what is not a free block"},
        {head + "s0-fff r0-ff +100", "grants what is not a free block"},
        {head + "s0-fff r0-fff +fffff", "grants what is not a free block"},
        {head + "s0-fff r0-fff +10\n+10", "line 4: '+10' grants"},
        {head + "s0-fff r0-fff +10.1 -10", "frees what is not a live block"},
        {head + "s0-fff r0-fff -10", "frees what is not a live block"},
    };
    for (const auto& [text, words] : wrong) {
        EXPECT_NE(complaint(text).find(words), std::string::npos)
            << text << "\n-> " << complaint(text);
    }
}

}  // namespace
}  // namespace kidney::mm

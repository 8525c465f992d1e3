/// The ring that a CPU's events go into: laws T1 to T3, and the text that comes out.
#include "sched/trace/event_ring.hpp"

#include "tests/support/std_cpu.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace kidney::test {
namespace {

using sched::CpuEvent;
using Kind = CpuEvent::Kind;
using Ring = sched::EventRing<StdCpu>;

class EventRing : public testing::Test {
protected:
    void start(std::size_t slots) {
        slots_ = std::vector<Ring::Slot>(slots);
        ring.start(slots_);
    }
    void record(std::uint32_t n) {
        ring.record({.kind = Kind::call, .at = Instant(n), .first = n, .second = ~n});
    }
    std::vector<std::uint32_t> read() {
        std::vector<std::uint32_t> numbers;
        lost = ring.read([&](const CpuEvent& event) { numbers.push_back(event.first); });
        return numbers;
    }
    std::vector<std::string> lines() {
        std::vector<std::string> all;
        sched::write_ring(ring, CpuId(3), [&](std::string_view line) { all.emplace_back(line); });
        return all;
    }

    Ring ring;
    std::uint32_t lost = 0;

private:
    std::vector<Ring::Slot> slots_;
};

TEST(CpuEvent, IsTheSameAfterAllOfItWasSqueezedInto16Bytes) {
    for (std::size_t kind = 0; kind <= static_cast<std::size_t>(Kind::name); ++kind) {
        for (std::uint8_t detail = 0; detail < 8; ++detail) {
            const CpuEvent event{.kind = static_cast<Kind>(kind),
                                 .detail = detail,
                                 .at = Instant((std::uint64_t{1} << 56) - 1 - detail),
                                 .first = 0x8000'0001U + detail,
                                 .second = 0xffff'fffeU - detail};
            EXPECT_EQ(CpuEvent::of(event.words()), event);
        }
    }
}

TEST_F(EventRing, KeepsWhatFitsInItsOrder) {
    start(4);
    EXPECT_EQ(read(), std::vector<std::uint32_t>());
    for (std::uint32_t n = 1; n <= 4; ++n) {
        record(n);
    }
    EXPECT_EQ(read(), (std::vector<std::uint32_t>{1, 2, 3, 4}));
    EXPECT_EQ(lost, 0U);
}

TEST_F(EventRing, OverwritesTheOldestAndCountsThem) {
    start(4);
    for (std::uint32_t n = 1; n <= 11; ++n) {
        record(n);
    }
    EXPECT_EQ(read(), (std::vector<std::uint32_t>{8, 9, 10, 11}));
    EXPECT_EQ(lost, 7U);
    EXPECT_EQ(ring.written(), 11U);
}

TEST_F(EventRing, ReadsNoHalfOfAnEventThatIsOverwrittenMeanwhile) {
    start(4);
    for (std::uint32_t n = 0; n < 4; ++n) {
        record(n);
    }
    // As if the writer came between two steps of the reader: it overtakes it by two.
    std::vector<std::uint32_t> numbers;
    lost = ring.read([&](const CpuEvent& event) {
        if (numbers.empty()) {
            for (std::uint32_t n = 4; n < 7; ++n) {
                record(n);
            }
        }
        numbers.push_back(event.first);
    });
    EXPECT_EQ(numbers, (std::vector<std::uint32_t>{0, 3}));
    EXPECT_EQ(lost, 2U);
}

TEST(EventRingDeathTest, HasAPowerOfTwoOfSlots) {
    std::vector<Ring::Slot> slots(3);
    Ring ring;
    EXPECT_DEATH(ring.start(slots), "power of two");
}

TEST_F(EventRing, IsTextWithDifferencesOfTime) {
    start(16);
    ring.record(
        {.kind = Kind::switched, .detail = 1, .at = Instant(1000), .first = 3, .second = 0});
    ring.record({.kind = Kind::woken, .detail = 1, .at = Instant(1700), .first = 5, .second = 1});
    ring.record({.kind = Kind::moved, .at = Instant(1700), .first = 5, .second = 0x102});
    ring.record({.kind = Kind::returned, .at = Instant(1701), .first = ~1U, .second = 0});
    ring.record({.kind = Kind::fault, .at = Instant(1702), .first = 0x8049f10, .second = 0});
    ring.record({.kind = Kind::resolved, .at = Instant(1703)});
    const sched::EventName name{.id = 9, .pid = 4, .text = {"hello"}};
    for (std::uint8_t n = 0; n < sched::EventName::parts; ++n) {
        ring.record(name.part(n, Instant(2000)));
    }
    EXPECT_EQ(lines(),
              (std::vector<std::string>{"kidney-event-trace 1 cpu=3",
                                        "1000s3,1,0 700w5,1,1 0m5,1,2 1r-2 1f8049f10 1g 297n0,9,4 "
                                        "0n1,6c6c6568,6f 0n2,0,0",
                                        "end events=9 lost=0"}));
}

TEST_F(EventRing, BreaksItsLinesBetweenWords) {
    start(256);
    for (std::uint32_t n = 0; n < 300; ++n) {
        ring.record({.kind = Kind::call, .at = Instant(100 * n), .first = n});
    }
    const std::vector<std::string> text = lines();
    std::size_t words = 0;
    for (std::size_t n = 1; n + 1 < text.size(); ++n) {
        EXPECT_LE(text[n].size(), 200U);
        EXPECT_GT(text[n].size(), n + 2 == text.size() ? 0U : 180U);
        words += 1 + static_cast<std::size_t>(std::count(text[n].begin(), text[n].end(), ' '));
    }
    EXPECT_EQ(words, 256U);
    EXPECT_EQ(text.back(), "end events=256 lost=44");
}

TEST(EventName, ChangesItsHashWithAllThatItSays) {
    const sched::EventName name{.id = 9, .pid = 4, .text = {"hello"}};
    EXPECT_EQ(name.hash(), (sched::EventName{.id = 9, .pid = 4, .text = {"hello"}}).hash());
    EXPECT_NE(name.hash(), (sched::EventName{.id = 8, .pid = 4, .text = {"hello"}}).hash());
    EXPECT_NE(name.hash(), (sched::EventName{.id = 9, .pid = 5, .text = {"hello"}}).hash());
    EXPECT_NE(name.hash(), (sched::EventName{.id = 9, .pid = 4, .text = {"hellp"}}).hash());
}

}  // namespace
}  // namespace kidney::test

/// A ring of events under real threads: one writes as fast as it can, two read meanwhile.
#include "sched/trace/event_ring.hpp"
#include "tests/support/std_cpu.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace kidney::test {
namespace {

using sched::CpuEvent;
using Ring = sched::EventRing<StdCpu>;

TEST(EventRingStress, ReadersSeeWholeEventsInOrderAndCountTheOthers) {
    constexpr std::uint32_t events = 60'000;
    std::vector<Ring::Slot> slots(16);
    Ring ring;
    ring.start(slots);
    std::atomic<bool> is_done{false};
    const auto look = [&] {
        std::uint32_t before = 0, seen = 0;
        const std::uint32_t end = ring.written();
        const std::uint32_t lost = ring.read([&](const CpuEvent& event) {
            EXPECT_EQ(event.second, ~event.first);
            EXPECT_EQ(event.at.nanoseconds(), event.first * std::uint64_t{0x1'0000'0001});
            EXPECT_GT(event.first, before);
            before = event.first;
            ++seen;
        });
        EXPECT_GE(seen + lost, end);
    };
    std::vector<std::thread> threads;
    for (int reader = 0; reader < 2; ++reader) {
        threads.emplace_back([&] {
            while (!is_done.load()) {
                look();
            }
        });
    }
    for (std::uint32_t n = 1; n <= events; ++n) {
        ring.record({.kind = CpuEvent::Kind::call,
                     .at = Instant(n * std::uint64_t{0x1'0000'0001}),
                     .first = n,
                     .second = ~n});
    }
    is_done.store(true);
    for (std::thread& thread : threads) {
        thread.join();
    }
    std::uint32_t seen = 0;
    const std::uint32_t lost = ring.read([&](const CpuEvent&) { ++seen; });
    EXPECT_EQ(seen, slots.size());
    EXPECT_EQ(seen + lost, events);
}

}  // namespace
}  // namespace kidney::test

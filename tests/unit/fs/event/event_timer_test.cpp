/// timerfd(2): rings are counted, and go on when they are read.
#include "fs/event/event_timer.hpp"

#include "tests/unit/fs/event/event_world.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace kidney::fs {
namespace {

/// Rings when it is told to.
struct FakeTimer {
    FakeTimer(TimerListener& to, FakeTimer** self) noexcept : listener(to) { *self = this; }
    TimerSetting get() noexcept { return setting; }
    void stop() noexcept {
        setting = {};
        rests = false;
    }
    void start(TimerSetting next, bool absolute) noexcept {
        setting = next;
        is_absolute = absolute;
        if (rings_at_once) {
            ring();
        }
    }
    std::uint64_t resume() noexcept {
        return std::exchange(rests, false) && setting.interval != Duration() ? missed : 0;
    }
    void ring() noexcept {
        rests = true;
        listener.rang();
    }
    TimerListener& listener;
    TimerSetting setting;
    bool is_absolute = false, rests = false, rings_at_once = false;
    std::uint64_t missed = 0;
};
static_assert(RestingTimer<FakeTimer>);

using Timer = EventTimer<fs_test::Events, FakeTimer>;
constexpr TimerSetting once{Duration::seconds(1), Duration()};
constexpr TimerSetting often{Duration::seconds(1), Duration::seconds(2)};

struct EventTimerTest : testing::Test {
    fs_test::LockedHeap heap;
    fs_test::Events events{heap};
    FakeTimer* fake = nullptr;

    void TearDown() override { EXPECT_EQ(heap.used_bytes(), 0U); }
    Ref<Timer> timer(bool non_blocking = true) {
        return *mm::make_ref<Timer>(heap, events, &fake, 1U, non_blocking);
    }
    static Result<std::uint64_t> take(File& file) {
        std::uint64_t n = 0;
        SpanReadBuffer to(std::as_writable_bytes(std::span(&n, 1)));
        EXPECT_EQ(TRY(file.read(to)), 8U);
        return n;
    }
};

TEST_F(EventTimerTest, CountsRingsAndGoesOn) {
    const auto file = timer();
    EXPECT_EQ(take(*file).error(), Errc::would_block);
    EXPECT_EQ(file->set(often, false, false).remaining, Duration());
    EXPECT_EQ(file->get().interval, often.interval);
    EXPECT_FALSE(file->poll(nullptr).readable);
    fake->ring();
    fake->missed = 6;
    EXPECT_TRUE(file->poll(nullptr).readable);
    EXPECT_EQ(take(*file), 7U);
    EXPECT_FALSE(file->poll(nullptr).readable);
    EXPECT_EQ(take(*file).error(), Errc::would_block);
    std::array<std::byte, 7> few{};
    SpanReadBuffer to(few);
    EXPECT_EQ(file->read(to).error(), Errc::invalid_argument);
    EXPECT_EQ(anonymous_cast<Timer>(*file), file.get());
}

TEST_F(EventTimerTest, ANewSettingForgetsTheOldOne) {
    const auto file = timer();
    file->set(once, true, false);
    EXPECT_TRUE(fake->is_absolute);
    fake->ring();
    EXPECT_EQ(file->set(once, false, false).remaining, once.remaining);
    EXPECT_EQ(take(*file).error(), Errc::would_block);
    fake->rings_at_once = true;
    file->set(once, false, false);
    EXPECT_EQ(take(*file), 1U) << "one that is due at once is not forgotten with the old ones";
}

TEST_F(EventTimerTest, TellsThatTheClockWasSet) {
    const auto file = timer();
    file->set(once, true, false);
    fake->listener.clock_was_set();
    EXPECT_FALSE(file->poll(nullptr).readable) << "nobody asked";
    file->set(once, false, true);
    fake->listener.clock_was_set();
    EXPECT_FALSE(file->poll(nullptr).readable) << "it has no absolute time";
    file->set(once, true, true);
    fake->listener.clock_was_set();
    EXPECT_TRUE(file->poll(nullptr).readable);
    EXPECT_EQ(take(*file).error(), Errc::cancelled);
    EXPECT_EQ(take(*file).error(), Errc::would_block);
    fake->ring();
    EXPECT_EQ(take(*file), 1U);
}

TEST_F(EventTimerTest, AReaderWaits) {
    const auto file = timer(false);
    file->set(once, false, false);
    std::thread reader([&] { EXPECT_EQ(take(*file), 1U); });
    fake->ring();
    reader.join();
    heap.fail_at(1);
    EXPECT_EQ(mm::make_ref<Timer>(heap, events, &fake, 1U, false).error(), Errc::no_memory);
}

}  // namespace
}  // namespace kidney::fs

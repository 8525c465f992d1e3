/// Several requests at once: a device that ends them in another order, fails some, loses an
/// interrupt, or lies.
#include "drivers/block/virtio_blk.hpp"
#include "fs/block/waiting_device.hpp"
#include "sim/ram_arena.hpp"
#include "tests/fakes/arena_dma.hpp"
#include "tests/fakes/fake_virtio_blk.hpp"
#include "tests/laws/request_device_laws.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <vector>

namespace kidney::drivers {
namespace {

using fakes::ArenaDma;

using laws::request_device::Wish;
using Operation = fs::BlockOperation;

struct SetClock {
    static inline Instant time;
    static Instant now() noexcept { return time; }
};
class RequestsInFlight : public testing::Test {
protected:
    using Driver = VirtioBlk<fakes::FakeVirtioBlk, ArenaDma, SetClock, NullLock>;

    RequestsInFlight() {
        hardware.write32(0xCF8, 0x8000'1804);
        hardware.write32(0xCFC, 7);  // what the PCI driver does
        hardware.interrupt = [this] { driver.on_interrupt(); };
        hardware.holds = true;
        for (std::size_t i = 0; i < hardware.disk().size(); ++i) {
            hardware.disk()[i] = static_cast<std::byte>(i / 512);
        }
        EXPECT_TRUE(driver.start(fakes::FakeVirtioBlk::port_base));
    }
    /// Memory that the device reaches, one sector for each wish.
    std::span<std::byte> sector(std::size_t n) {
        return {arena.direct(FrameNumber(40)).data() + n * 512, 512};
    }
    void read(Wish& wish, std::size_t n) { wish.submit(driver, Operation::read, n, sector(n)); }

    sim::RamArena arena{64};
    fakes::FakeVirtioBlk hardware{arena, 200};
    ArenaDma dma{arena};
    DmaMemory memory{{arena.direct(FrameNumber(8)).data(), Driver::memory_frames* page_size},
                     FrameNumber(8).address()};
    Driver driver{hardware, dma, memory};
};

TEST_F(RequestsInFlight, EndInAnyOrder) {
    std::deque<Wish> wishes(40);
    laws::Random random(5);
    for (std::size_t n = 0; n < wishes.size(); ++n) {
        read(wishes[n], n);
    }
    EXPECT_EQ(hardware.held().size(), Driver::slots);
    for (std::size_t left = wishes.size(); left > 0; --left) {
        ASSERT_FALSE(hardware.held().empty());
        hardware.end(random.below(static_cast<std::uint32_t>(hardware.held().size())));
        const auto ended =
            std::ranges::count_if(wishes, [](const Wish& w) { return w.completions == 1; });
        EXPECT_EQ(static_cast<std::size_t>(ended), wishes.size() - left + 1);
    }
    for (std::size_t n = 0; n < wishes.size(); ++n) {
        EXPECT_TRUE(wishes[n].outcome);
        EXPECT_EQ(sector(n)[511], static_cast<std::byte>(n)) << n;
    }
}

TEST_F(RequestsInFlight, AnErrorIsOfOneRequest) {
    std::deque<Wish> wishes(3);
    for (std::size_t n = 0; n < 3; ++n) {
        read(wishes[n], n);
    }
    hardware.failing_requests = 1;
    hardware.end(1);
    EXPECT_EQ(wishes[1].outcome.error(), Errc::io_error);
    hardware.end(1);
    hardware.end(0);
    EXPECT_TRUE(wishes[0].outcome);
    EXPECT_TRUE(wishes[2].outcome);
}

TEST_F(RequestsInFlight, ALostInterruptCostsAPoll) {
    std::deque<Wish> wishes(2);
    read(wishes[0], 0);
    read(wishes[1], 1);
    hardware.loses_interrupts = true;
    hardware.end(1);
    EXPECT_EQ(wishes[1].completions, 0U);
    driver.poll();
    EXPECT_EQ(wishes[1].completions, 1U);
    EXPECT_EQ(wishes[0].completions, 0U);
    hardware.loses_interrupts = false;
    hardware.end(0);
    EXPECT_EQ(wishes[0].completions, 1U);
}

TEST_F(RequestsInFlight, SilenceEndsThemAllAndTheDisk) {
    std::deque<Wish> wishes(20);  // more than the device takes at once
    for (std::size_t n = 0; n < wishes.size(); ++n) {
        read(wishes[n], n);
    }
    SetClock::time = SetClock::time + Duration::seconds(9);
    driver.poll();
    EXPECT_EQ(wishes[0].completions, 0U);
    SetClock::time = SetClock::time + Duration::seconds(2);
    driver.poll();
    for (const Wish& wish : wishes) {
        EXPECT_EQ(wish.completions, 1U);
        EXPECT_EQ(wish.outcome.error(), Errc::timed_out);
    }
    EXPECT_TRUE(hardware.is_reset());  // it cannot write into our memory any more
    Wish late;
    read(late, 0);
    EXPECT_EQ(late.outcome.error(), Errc::io_error);
    ASSERT_TRUE(driver.start(fakes::FakeVirtioBlk::port_base));
    Wish again;
    read(again, 0);
    hardware.end(0);
    EXPECT_TRUE(again.outcome);
}

TEST_F(RequestsInFlight, ALyingDeviceIsNotBelieved) {
    const std::vector<std::function<void()>> lies{
        [&] { hardware.say_used(hardware.queue_size); },  // no descriptor
        [&] { hardware.say_used(0xFFFF'FFFF); },          // no 16-bit number
        [&] { hardware.say_used(0x0001'0000U + hardware.held()[0]); },
        [&] { hardware.say_used(hardware.held()[0] + 1U); },   // the middle of a chain
        [&] { hardware.say_used(hardware.queue_size - 1U); },  // a free one
        [&] { hardware.say_used(hardware.held()[0], 200); },   // more than there can be
        [&] {
            const std::uint16_t head = hardware.held()[0];
            hardware.end(0);
            hardware.say_used(head);  // twice
        },
    };
    for (std::size_t n = 0; n < lies.size(); ++n) {
        ASSERT_TRUE(driver.start(fakes::FakeVirtioBlk::port_base));
        std::deque<Wish> wishes(3);
        for (std::size_t i = 0; i < 3; ++i) {
            read(wishes[i], i);
        }
        lies[n]();
        for (std::size_t i = 0; i < 3; ++i) {
            EXPECT_EQ(wishes[i].completions, 1U) << "lie " << n;
            EXPECT_TRUE(i == 0 || wishes[i].outcome == fail(Errc::io_error)) << "lie " << n;
        }
        EXPECT_TRUE(hardware.is_reset()) << "lie " << n;
    }
}

TEST_F(RequestsInFlight, OneThatDoesNotFitGoesInPieces) {
    hardware.queue_size = 8;
    ASSERT_TRUE(driver.start(fakes::FakeVirtioBlk::port_base));
    // Sectors in reach and on the heap in turn, some empty, one larger than a page.
    std::vector<std::byte> heap(std::size_t{30} * 512);
    std::vector<std::span<std::byte>> to;
    for (std::size_t n = 0; n < 12; ++n) {
        to.push_back(n % 3 == 2 ? std::span(heap).subspan(n * 512, 512) : sector(n));
        to.push_back(sector(n).first(0));
    }
    to.push_back(std::span(heap).subspan(12 * 512, 18 * 512));
    Wish large, other;
    large.request.first = fs::BlockIndex(100);
    large.request.to = to;
    large.submit(driver);
    other.submit(driver, Operation::write, 5, sector(50));
    while (large.completions + other.completions < 2) {
        ASSERT_FALSE(hardware.held().empty());
        hardware.end(hardware.held().size() - 1);
    }
    EXPECT_TRUE(large.outcome);
    EXPECT_TRUE(other.outcome);
    std::size_t block = 100;
    for (const auto buffer : to) {
        for (std::size_t at = 0; at < buffer.size(); at += 512) {
            EXPECT_EQ(buffer[at], static_cast<std::byte>(block)) << block;
            EXPECT_EQ(buffer[at + 511], static_cast<std::byte>(block)) << block;
            ++block;
        }
    }
    EXPECT_EQ(block, 130U);
}

TEST_F(RequestsInFlight, ADurableWriteIsFlushedBehind) {
    Wish wish;
    wish.request.is_durable = true;
    wish.submit(driver, Operation::write, 3, sector(0));
    hardware.end(0);
    EXPECT_EQ(wish.completions, 0U);
    EXPECT_EQ(hardware.flushes, 0U);
    hardware.end(0);
    EXPECT_EQ(wish.completions, 1U);
    EXPECT_EQ(hardware.flushes, 1U);
    Wish fails;
    fails.request.is_durable = true;
    fails.submit(driver, Operation::write, 3, sector(0));
    hardware.end(0);
    hardware.failing_requests = 1;
    hardware.end(0);
    EXPECT_EQ(fails.outcome.error(), Errc::io_error);
    Wish discard;
    discard.request.discarded = 4;
    discard.submit(driver, Operation::discard, 3, {});
    EXPECT_EQ(discard.outcome.error(), Errc::not_supported);
}

/// An event whose wait() is where the interrupt happens.
struct FakeEvent {
    struct Limit {
        Instant deadline = Instant::never();
    };
    bool is_set = false;
    static inline std::function<void()> while_waiting;
    static inline int waits = 0;
    Status wait(Limit) noexcept {
        ++waits;
        if (!is_set && while_waiting) {
            while_waiting();
        }
        return is_set ? Status() : Status(fail(Errc::timed_out));
    }
    void set() noexcept { is_set = true; }
};

TEST_F(RequestsInFlight, WhoWaitsSleepsUntilTheInterrupt) {
    fs::WaitingDevice<Driver, fs::SleepingWait<FakeEvent, SetClock>> device(driver);
    EXPECT_FALSE(driver.on_interrupt());  // somebody else's, on a shared line
    hardware.holds = false;
    EXPECT_TRUE(device.flush());
    EXPECT_EQ(std::exchange(FakeEvent::waits, 0), 1);  // for the end of notify() only
    hardware.holds = true;
    FakeEvent::while_waiting = [&] {
        if (FakeEvent::waits == 3) {
            hardware.end(0);
        }
    };
    EXPECT_TRUE(device.flush());
    EXPECT_EQ(FakeEvent::waits, 3);
    // The interrupt is lost: it costs a slice.
    hardware.loses_interrupts = true;
    FakeEvent::waits = 0;
    EXPECT_TRUE(device.flush());
    EXPECT_EQ(FakeEvent::waits, 4);
    FakeEvent::while_waiting = [] { SetClock::time = SetClock::time + Duration::seconds(1); };
    EXPECT_EQ(device.flush().error(), Errc::timed_out);  // in the end
    FakeEvent::while_waiting = nullptr;
}

}  // namespace
}  // namespace kidney::drivers

/// The queue in front of a UART, against one that sends a byte when time passes and loses what does
/// not fit.
#include "drivers/serial/serial_queue.hpp"

#include "tests/archetypes/hal.hpp"
#include "tests/fakes/fake_ports.hpp"
#include "tests/laws/character_sink_laws.hpp"
#include "tests/support/law_test.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

namespace kidney {

template class drivers::SerialQueue<archetypes::PortIoArchetype>;

namespace {

/// The sending half of a 16550, or of a 16450 (no FIFO). A byte leaves at each tick(), and at every
/// `patience`-th look at the line status, as time passes for who polls.
class FifoUart {
public:
    FifoUart(fakes::FakePortSpace& space, std::size_t depth) : depth_(depth) {
        constexpr std::uint16_t base = drivers::uart::com1;
        space.on_write(base, [this](std::uint32_t value) {
            if (divisor_access_) {
                return;
            }
            if (fifo_.size() < depth_) {
                fifo_.push_back(static_cast<char>(value));
            } else {
                ++lost_;
            }
        });
        space.on_write(base + 1, [this](std::uint32_t value) {
            if (!divisor_access_) {
                enabled_ = value;
            }
        });
        space.on_read(base + 2,
                      [this] { return (depth_ > 1 ? 0xC0U : 0U) | (interrupts() ? 2U : 1U); });
        space.on_write(base + 3, [this](std::uint32_t v) { divisor_access_ = (v & 0x80) != 0; });
        space.on_read(base + 5, [this] {
            if (++looks_ % 5 == 0 && !stuck_) {
                tick();
            }
            return fifo_.empty() ? 0x60U : 0U;
        });
        space.on_write(base + 7, [this](std::uint32_t v) { scratch_ = v; });
        space.on_read(base + 7, [this] { return scratch_; });
    }
    void tick() {
        if (!fifo_.empty()) {
            sent_ += fifo_.front();
            fifo_.erase(0, 1);
        }
    }
    bool interrupts() const { return (enabled_ & 2) != 0 && fifo_.empty(); }

    std::string sent_, fifo_;
    unsigned lost_ = 0, looks_ = 0;
    bool stuck_ = false;

private:
    std::size_t depth_;
    std::uint32_t enabled_ = 0, scratch_ = 0;
    bool divisor_access_ = false;
};

struct Harness {
    explicit Harness(std::size_t depth = 16) : device(space, depth) {
        EXPECT_TRUE(queue.initialise());
        queue.use_interrupts(true);
    }
    // For the laws.
    auto& sink() { return queue; }
    bool connected() { return true; }
    std::string text() {
        run();
        return device.sent_;
    }
    void get_stuck() { device.stuck_ = true; }
    unsigned accesses() { return device.looks_; }
    /// Time passes: bytes leave, and interrupts are served.
    unsigned run() {
        unsigned served = 0;
        for (int i = 0; i < 100'000 && (queue.size() != 0 || !device.fifo_.empty()); ++i) {
            device.tick();
            if (device.interrupts()) {
                ++served;
                queue.service();
            }
        }
        return served;
    }

    fakes::FakePortSpace space;
    FifoUart device;
    drivers::SerialQueue<fakes::FakePorts, 64> queue{
        drivers::Uart16550(fakes::FakePorts(space), drivers::uart::com1)};
};

TEST(SerialQueue, ObeysTheLawsOfACharacterSink) {
    Harness harness;
    test::LawReport report;
    laws::run_laws<laws::CharacterSinkLaws>(report, harness);
    test::expect_laws_held(report);
}

TEST(SerialQueue, OfferTakesWhatThereIsRoomForAndDoesNotWait) {
    Harness h;
    const std::string text(200, 'x');
    const unsigned before = h.device.looks_;
    EXPECT_EQ(h.queue.offer(text), 64U + 16U);
    EXPECT_LE(h.device.looks_ - before, 4U);
    EXPECT_EQ(h.queue.offer("more"), 0U);
    EXPECT_EQ(h.queue.size(), 64U);
    EXPECT_EQ(h.run(), 4U) << "16 bytes at each interrupt";
    EXPECT_EQ(h.device.sent_, text.substr(0, 80));
    EXPECT_EQ(h.device.lost_, 0U);
    EXPECT_FALSE(h.device.interrupts()) << "an idle line is quiet";
}

TEST(SerialQueue, PutLosesNothingAndKeepsTheOrder) {
    Harness h;
    std::string expected;
    for (int i = 0; i < 500; ++i) {
        const char c = static_cast<char>('a' + i % 26);
        if (i % 7 == 0 && h.queue.offer(std::string_view(&c, 1)) == 0) {
            continue;
        }
        if (i % 7 != 0) {
            h.queue.put(c);
        }
        expected += c;
    }
    h.run();
    EXPECT_EQ(h.device.sent_, expected);
    EXPECT_EQ(h.device.lost_, 0U);
}

TEST(SerialQueue, WithoutAFifoItSendsOneByteAtATime) {
    Harness h(1);
    EXPECT_EQ(h.queue.offer("hello"), 5U);
    EXPECT_EQ(h.run(), 4U);
    EXPECT_EQ(h.device.sent_, "hello");
    EXPECT_EQ(h.device.lost_, 0U);
}

TEST(SerialQueue, WithoutInterruptsWhatWaitsGoesOutFirst) {
    Harness h;
    EXPECT_EQ(h.queue.offer(std::string(60, 'q')), 60U);
    h.queue.use_interrupts(false);
    EXPECT_EQ(h.queue.size(), 0U);
    hal::put_all(h.queue, "panic");
    EXPECT_EQ(h.device.sent_ + h.device.fifo_, std::string(60, 'q') + "panic");
    EXPECT_EQ(h.device.lost_, 0U);
    EXPECT_FALSE(h.device.interrupts());
}

TEST(SerialQueue, WithoutAPortEverythingIsDropped) {
    fakes::FakePortSpace space;
    drivers::SerialQueue<fakes::FakePorts, 64> queue{
        drivers::Uart16550(fakes::FakePorts(space), drivers::uart::com1)};
    EXPECT_FALSE(queue.initialise());
    queue.use_interrupts(true);
    EXPECT_EQ(queue.offer(std::string(200, 'x')), 200U);
    EXPECT_EQ(queue.size(), 0U);
    EXPECT_FALSE(queue.service());
}

}  // namespace
}  // namespace kidney

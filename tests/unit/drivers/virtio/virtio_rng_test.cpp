/// virtio-rng against a fake device.
#include "drivers/virtio/virtio_rng.hpp"

#include "fs/block/waiting_device.hpp"
#include "tests/fakes/fake_virtio_device.hpp"
#include "tests/fakes/ticking_clock.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace kidney::drivers {
namespace {

using Driver = VirtioRng<fakes::FakeVirtioDevice, fakes::TickingClock, NullLock, fs::RunningWait>;

struct Machine {
    Machine() {
        hardware.interrupt = [this] { driver.on_interrupt(); };
    }
    [[nodiscard]] Status start() { return driver.start(fakes::FakeVirtioDevice::port_base); }

    std::size_t asked = 0, gives = 1000;
    sim::RamArena arena{64};
    fakes::FakeVirtioDevice hardware{
        arena, [this](std::span<const std::byte> request, std::span<std::byte> to) {
            EXPECT_TRUE(request.empty()) << "it is only asked";
            asked = to.size();
            const std::size_t count = std::min(gives, to.size());
            std::ranges::fill(to.first(count), std::byte{0xA5});
            return count;
        }};
    DmaMemory memory{{arena.direct(FrameNumber(8)).data(), Driver::memory_frames* page_size},
                     FrameNumber(8).address()};
    Driver driver{hardware, memory};
};

TEST(VirtioRng, GivesWhatTheDeviceHas) {
    Machine machine;
    ASSERT_TRUE(machine.start());
    std::array<std::byte, 32> bytes{};
    EXPECT_EQ(machine.driver.read(bytes), 32U);
    EXPECT_EQ(machine.asked, 32U);
    EXPECT_EQ(std::ranges::count(bytes, std::byte{0xA5}), 32);
    machine.gives = 5;
    bytes = {};
    EXPECT_EQ(machine.driver.read(bytes), 5U) << "less is allowed";
    EXPECT_EQ(std::ranges::count(bytes, std::byte{0xA5}), 5);
    machine.gives = 1000;
    std::array<std::byte, 200> many{};
    EXPECT_EQ(machine.driver.read(many), Driver::most_bytes);
    EXPECT_EQ(std::ranges::count(many, std::byte{0xA5}), Driver::most_bytes);
    EXPECT_EQ(machine.driver.read({}).error(), Errc::invalid_argument);
}

TEST(VirtioRng, NeedsNoInterrupt) {
    Machine machine;
    machine.hardware.loses_interrupts = true;
    ASSERT_TRUE(machine.start());
    std::array<std::byte, 32> bytes{};
    EXPECT_EQ(machine.driver.read(bytes), 32U);
}

TEST(VirtioRng, GivesUpADeviceThatIsSilentOrLies) {
    for (const bool lies : {false, true}) {
        Machine machine;
        ASSERT_TRUE(machine.start());
        machine.hardware.answers = lies;
        machine.hardware.more = lies ? 1 : 0;
        std::array<std::byte, 32> bytes{};
        EXPECT_EQ(machine.driver.read(bytes).error(), lies ? Errc::io_error : Errc::timed_out);
        EXPECT_TRUE(machine.hardware.is_reset()) << "it may not write to our memory any more";
        EXPECT_EQ(std::ranges::count(bytes, std::byte{}), 32);
    }
    Machine machine;
    machine.hardware.queue_size = 0;
    EXPECT_EQ(machine.start().error(), Errc::no_device);
}

}  // namespace
}  // namespace kidney::drivers

/// virtio-9p against a fake device: a whole file system over it, and what hardware does to drivers.
#include "drivers/virtio/virtio_9p.hpp"

#include "fs/block/waiting_device.hpp"
#include "tests/fakes/fake_virtio_9p.hpp"
#include "tests/fakes/ticking_clock.hpp"
#include "tests/laws/message_channel_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/unit/fs/p9/p9_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace kidney::drivers {
namespace {

using fakes::TickingClock;

using Driver = Virtio9p<fakes::FakeVirtio9p, TickingClock, NullLock, fs::RunningWait>;
static_assert(fs::MessageChannel<Driver>);

struct Machine {
    Machine() {
        hardware.interrupt = [this] { driver.on_interrupt(); };
    }
    [[nodiscard]] Status start() { return driver.start(fakes::FakeVirtio9p::port_base); }

    sim::RamArena arena{64};
    fakes::FakeVirtio9p hardware{arena};
    DmaMemory memory{{arena.direct(FrameNumber(8)).data(), Driver::memory_frames* page_size},
                     FrameNumber(8).address()};
    Driver driver{hardware, memory};
};

TEST(Virtio9p, FindsItsTag) {
    for (const int size : {2, 128, 256}) {
        Machine machine;
        machine.hardware.queue_size = static_cast<std::uint16_t>(size);
        ASSERT_TRUE(machine.start());
        EXPECT_EQ(machine.driver.tag(), "host");
        EXPECT_FALSE(machine.driver.on_interrupt()) << "it was somebody else's";
    }
    const auto refuses = [](auto&& change) {
        Machine machine;
        change(machine.hardware);
        return machine.start().error();
    };
    EXPECT_EQ(refuses([](auto& h) { h.set_tag(std::string(33, 'x')); }), Errc::not_supported);
    EXPECT_EQ(refuses([](auto& h) { h.set_tag(""); }), Errc::not_supported);
    EXPECT_EQ(refuses([](auto& h) { h.features = 0; }), Errc::not_supported);
    EXPECT_EQ(refuses([](auto& h) { h.queue_size = 0; }), Errc::no_device);
    EXPECT_EQ(refuses([](auto& h) { h.queue_size = 512; }), Errc::not_supported);
    EXPECT_EQ(refuses([](auto& h) { h.queue_size = 100; }), Errc::not_supported);
}

struct OverDriver final : laws::message_channel::Subject {
    OverDriver() {
        MUST(machine.start());
        machine.hardware.server.mangle = [this](std::vector<std::byte>& reply) {
            reply.assign(length, filling);
        };
    }
    Result<std::size_t> exchange(std::span<const std::byte> request,
                                 std::span<std::byte> reply) noexcept override {
        return machine.driver.exchange(request, reply);
    }
    [[nodiscard]] std::size_t max_message() const noexcept override {
        return machine.driver.max_message();
    }
    void answer(std::size_t bytes) noexcept override {
        length = std::min<std::size_t>(bytes, 512);
        machine.hardware.more = static_cast<std::uint32_t>(bytes - length);
    }
    void fall_silent() noexcept override { machine.hardware.answers = false; }
    Machine machine;
    std::size_t length = 0;
};
struct OverServer final : laws::message_channel::Subject {
    OverServer() {
        server.mangle = [this](std::vector<std::byte>& reply) { reply.assign(length, filling); };
    }
    Result<std::size_t> exchange(std::span<const std::byte> request,
                                 std::span<std::byte> reply) noexcept override {
        return server.exchange(request, reply);
    }
    [[nodiscard]] std::size_t max_message() const noexcept override { return server.max_message(); }
    void answer(std::size_t bytes) noexcept override { length = bytes; }
    void fall_silent() noexcept override { server.is_dead = true; }
    fakes::Fake9pServer server;
    std::size_t length = 0;
};
template <class S>
void expect_laws() {
    S subject;
    test::LawReport report;
    laws::run_laws<laws::message_channel::Suite>(
        report, static_cast<laws::message_channel::Subject&>(subject));
    test::expect_laws_held(report);
}
TEST(MessageChannelLaws, Virtio9p) {
    expect_laws<OverDriver>();
}
TEST(MessageChannelLaws, FakeServer) {
    expect_laws<OverServer>();
}

TEST(Virtio9p, CarriesAFileSystem) {
    for (const bool loses_interrupts : {false, true}) {
        Machine machine;
        machine.hardware.loses_interrupts = loses_interrupts;
        ASSERT_TRUE(machine.start());
        fs_test::World world;
        fs_test::P9World::Cache cache(world.heap, world.frames, world.arena);
        {
            fs::P9<fakes::FakeHeap, Driver, fs_test::P9World::Cache, NullLock, NullLock> system(
                world.heap, machine.driver, cache, 1);
            ASSERT_TRUE(system.mount(65536));
            const Ref<fs::Vnode> root = system.root();
            for (const auto& step : fs_test::some_of_everything()) {
                ASSERT_TRUE(step(*root));
            }
        }
        EXPECT_TRUE(world.is_clean());
    }
}

TEST(Virtio9p, GivesUpADeviceThatIsSilentOrLies) {
    const auto after = [](auto&& change) {
        Machine machine;
        EXPECT_TRUE(machine.start());
        change(machine.hardware);
        std::array<std::byte, 100> room{};
        const auto outcome = machine.driver.exchange(laws::message_channel::hello, room);
        EXPECT_TRUE(machine.hardware.is_reset()) << "it may not write to our memory any more";
        EXPECT_EQ(machine.driver.exchange(laws::message_channel::hello, room), outcome);
        return outcome.error();
    };
    using Change = std::function<void(fakes::FakeVirtio9p&)>;
    EXPECT_EQ(after(Change([](auto& h) { h.answers = false; })), Errc::timed_out);
    EXPECT_EQ(after(Change([](auto& h) { h.more = 101; })), Errc::io_error);
    EXPECT_EQ(after(Change([](auto& h) { h.more = 0x8000'0000; })), Errc::io_error);
    EXPECT_EQ(after(Change([](auto& h) { h.wrong_head = 5; })), Errc::io_error);
    Machine machine;
    ASSERT_TRUE(machine.start());
    std::vector<std::byte> large(Driver::most_bytes + 1);
    EXPECT_EQ(machine.driver.exchange(large, large).error(), Errc::invalid_argument);
    EXPECT_EQ(machine.driver.exchange({}, large).error(), Errc::invalid_argument);
}

}  // namespace
}  // namespace kidney::drivers

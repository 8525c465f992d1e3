/// Every model of `RequestDevice` against every law, and the facade over each against those of
/// `BlockDevice`. A new model is one Subject below and its name in the list.
#include "drivers/block/ram_disk.hpp"
#include "fs/block/immediate_requests.hpp"
#include "fs/block/partition_slice.hpp"
#include "fs/block/waiting_device.hpp"
#include "tests/archetypes/request_device.hpp"
#include "tests/fakes/block/fake_request_disk.hpp"
#include "tests/fakes/block/request_wrappers.hpp"
#include "tests/laws/request_device_laws.hpp"
#include "tests/support/law_test.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

// These need nothing beyond the contract.
template class kidney::fs::PartitionSlice<kidney::archetypes::RequestDevice>;
template class kidney::fs::WaitingDevice<kidney::archetypes::RequestDevice,
                                         kidney::fs::RunningWait>;
template class kidney::fakes::RecordingRequests<kidney::archetypes::RequestDevice>;
template class kidney::fakes::FaultyRequests<kidney::archetypes::RequestDevice>;
template class kidney::fakes::DelayingRequests<kidney::archetypes::RequestDevice>;
template class kidney::fakes::ReorderingRequests<kidney::archetypes::RequestDevice>;
template class kidney::fakes::TearingRequests<kidney::archetypes::RequestDevice>;

namespace kidney {
namespace {

using fakes::FakeRequestDisk;

struct RamSubject {
    std::vector<std::byte> memory = std::vector<std::byte>(std::size_t{64} * 512);
    drivers::RamDisk disk{memory, 512};
    fs::ImmediateRequests<drivers::RamDisk> device{disk};
};
struct FakeSubject {
    FakeRequestDisk device{64, 512};
};
struct FakeInOrderSubject {
    FakeRequestDisk device{64, 4096};
    FakeInOrderSubject() { device.in_order = true; }
};
struct FakeAtOnceSubject {
    FakeRequestDisk device{64, 1024};
    FakeAtOnceSubject() { device.at_once = true; }
};
struct SliceSubject {
    FakeRequestDisk disk{64, 512};
    fs::PartitionSlice<FakeRequestDisk> device{disk, {fs::BlockIndex(13), 40}};
};
template <template <class> class Wrapper>
struct WrapperSubject {
    FakeRequestDisk disk{64, 512};
    Wrapper<FakeRequestDisk> device{disk};
};
struct DelayingSubject {
    FakeRequestDisk disk{64, 512};
    fakes::DelayingRequests<FakeRequestDisk> device{disk, 5};
};
struct ReorderingSubject {
    FakeRequestDisk disk{64, 512};
    fakes::ReorderingRequests<FakeRequestDisk> device{disk, 4, 3};
    ReorderingSubject() { disk.at_once = true; }
};

using Subjects =
    testing::Types<RamSubject, FakeSubject, FakeInOrderSubject, FakeAtOnceSubject, SliceSubject,
                   WrapperSubject<fakes::RecordingRequests>, WrapperSubject<fakes::FaultyRequests>,
                   WrapperSubject<fakes::TearingRequests>, DelayingSubject, ReorderingSubject>;

template <class Subject>
class RequestDeviceLaws : public testing::Test {};
TYPED_TEST_SUITE(RequestDeviceLaws, Subjects);

TYPED_TEST(RequestDeviceLaws, AllHold) {
    TypeParam subject;
    const auto size = subject.device.block_size();
    std::vector<std::byte> scratch(laws::request_device::scratch_bytes(size));
    test::LawReport report;
    laws::run_laws<laws::request_device::Suite>(report, subject.device,
                                                std::span<std::byte>(scratch));
    test::expect_laws_held(report);
    EXPECT_GT(report.checks(), 200U);
}

TYPED_TEST(RequestDeviceLaws, TheFacadeIsABlockDevice) {
    TypeParam subject;
    fs::WaitingDevice<decltype(subject.device), fs::RunningWait> device(subject.device);
    static_assert(fs::ScatterBlockDevice<decltype(device)>);
    std::vector<std::byte> scratch(laws::block_device::scratch_bytes(device.block_size()));
    test::LawReport report;
    laws::run_laws<laws::block_device::Suite>(report, device, std::span<std::byte>(scratch));
    test::expect_laws_held(report);
}

/// Laws are only worth their names if they catch the obvious wrong devices.
template <class Device, class Law>
bool is_caught() {
    Device device(64, 512);
    std::vector<std::byte> scratch(laws::request_device::scratch_bytes(512));
    laws::Report report;
    laws::run_laws<TypeList<Law>>(report, device, std::span<std::byte>(scratch));
    return !report.passed();
}
struct ForgetsFlushes : FakeRequestDisk {
    using FakeRequestDisk::FakeRequestDisk;
    void submit(fs::BlockRequest& request) noexcept {
        if (request.operation == fs::BlockOperation::flush) {
            request.complete({});
        } else {
            FakeRequestDisk::submit(request);
        }
    }
};
struct ForgetsDurability : FakeRequestDisk {
    using FakeRequestDisk::FakeRequestDisk;
    void submit(fs::BlockRequest& request) noexcept {
        request.is_durable = false;
        FakeRequestDisk::submit(request);
    }
};
struct ForgetsTheLastBuffer : FakeRequestDisk {
    using FakeRequestDisk::FakeRequestDisk;
    void submit(fs::BlockRequest& request) noexcept {
        if (request.from.size() > 1) {
            request.from = request.from.first(request.from.size() - 1);
        }
        FakeRequestDisk::submit(request);
    }
};
struct WritesWhenItLikes : FakeRequestDisk {
    using FakeRequestDisk::FakeRequestDisk;
    fs::BlockRequest late;
    std::vector<std::byte> bytes;
    std::span<const std::byte> buffer;
    void submit(fs::BlockRequest& request) noexcept {
        if (request.operation != fs::BlockOperation::write || request.from.empty() ||
            !bytes.empty()) {
            FakeRequestDisk::submit(request);
            return;
        }
        bytes.assign(request.from[0].begin(), request.from[0].end());
        buffer = bytes;
        late.operation = fs::BlockOperation::write;
        late.first = request.first;
        late.from = std::span(&buffer, 1);
        late.on_completion([](void*, fs::BlockRequest&, Status) noexcept {}, nullptr);
        request.complete({});  // said too early
    }
};
struct CompletesAgain : FakeRequestDisk {
    using FakeRequestDisk::FakeRequestDisk;
    fs::BlockRequest* last = nullptr;
    fs::BlockRequest copy;
    void submit(fs::BlockRequest& request) noexcept {
        if (last == nullptr) {
            last = &request;
            copy = request;  // with who wants to hear
        }
        FakeRequestDisk::submit(request);
    }
    void poll() noexcept {
        FakeRequestDisk::poll();
        if (in_flight == 0 && last != nullptr) {
            last = nullptr;
            copy.complete({});
        }
    }
};
struct DiscardsTooMuch : FakeRequestDisk {
    using FakeRequestDisk::FakeRequestDisk;
    void submit(fs::BlockRequest& request) noexcept {
        request.discarded += request.operation == fs::BlockOperation::discard ? 1 : 0;
        FakeRequestDisk::submit(request);
    }
};
struct DiscardsToAnything : FakeRequestDisk {
    using FakeRequestDisk::FakeRequestDisk;
    void submit(fs::BlockRequest& request) noexcept {
        request.discarded_to = fs::Discarded::anything;
        FakeRequestDisk::submit(request);
    }
};
struct WaitsForEver : FakeRequestDisk {
    using FakeRequestDisk::FakeRequestDisk;
    void fall_silent() noexcept {
        FakeRequestDisk::fall_silent();
        patience = ~0U;
    }
};

TEST(RequestDeviceLawsThemselves, CatchWrongDevices) {
    using namespace laws::request_device;
    EXPECT_TRUE((is_caught<CompletesAgain, Q1>()));
    EXPECT_TRUE((is_caught<WritesWhenItLikes, Q2>()));
    EXPECT_TRUE((is_caught<ForgetsTheLastBuffer, Q3>()));
    EXPECT_TRUE((is_caught<ForgetsFlushes, Q5>()));
    EXPECT_TRUE((is_caught<ForgetsDurability, Q5>()));
    EXPECT_TRUE((is_caught<WaitsForEver, Q7>()));
    EXPECT_TRUE((is_caught<DiscardsTooMuch, Q8>()));
    EXPECT_TRUE((is_caught<DiscardsToAnything, Q8>()));
    EXPECT_FALSE((is_caught<FakeRequestDisk, Q5>()));
    EXPECT_FALSE((is_caught<FakeRequestDisk, Q8>()));
}

TEST(FaultyRequests, FailsTheChosenRequest) {
    FakeRequestDisk disk(8, 512);
    fakes::FaultyRequests<FakeRequestDisk> faulty(disk);
    fs::WaitingDevice<decltype(faulty), fs::RunningWait> device(faulty);
    std::array<std::byte, 512> block{};
    faulty.fail_request(1, false);
    EXPECT_TRUE(device.write(fs::BlockIndex(0), block));
    EXPECT_EQ(device.read(fs::BlockIndex(0), block).error(), Errc::io_error);
    EXPECT_TRUE(device.flush());
    faulty.fail_request(0, true);
    EXPECT_FALSE(device.flush());
    EXPECT_FALSE(device.flush());
    faulty.heal();
    EXPECT_TRUE(device.flush());
    EXPECT_EQ(faulty.requests(), 6U);
}

TEST(RecordingRequests, KeepsWhatWasAskedAndWhatBecameOfIt) {
    FakeRequestDisk disk(8, 512);
    fakes::RecordingRequests<FakeRequestDisk> recording(disk);
    fs::WaitingDevice<decltype(recording), fs::RunningWait> device(recording);
    std::array<std::byte, 1024> two{};
    EXPECT_TRUE(device.read(fs::BlockIndex(3), two));
    EXPECT_FALSE(device.write(fs::BlockIndex(7), two));
    EXPECT_TRUE(device.flush());
    EXPECT_TRUE(device.discard(fs::BlockIndex(1), 2, fs::Discarded::zeros));
    ASSERT_EQ(recording.records().size(), 4U);
    EXPECT_EQ(recording.records()[0].first, fs::BlockIndex(3));
    EXPECT_EQ(recording.records()[0].bytes, 1024U);
    EXPECT_TRUE(recording.records()[0].succeeded);
    EXPECT_FALSE(recording.records()[1].succeeded);
    EXPECT_EQ(recording.count(fs::BlockOperation::flush), 1U);
    EXPECT_EQ(recording.count(fs::BlockOperation::discard), 1U);
}

TEST(TearingRequests, KeepsTheFirstBuffers) {
    FakeRequestDisk disk(8, 512);
    fakes::TearingRequests<FakeRequestDisk> tearing(disk);
    fs::WaitingDevice<decltype(tearing), fs::RunningWait> device(tearing);
    const std::array<std::byte, 512> old{};
    std::array<std::byte, 512> fresh{};
    fresh.fill(std::byte{7});
    tearing.tear_write(0, 1);
    const std::array<std::span<const std::byte>, 2> from{fresh, fresh};
    const Status torn = device.write_scattered(fs::BlockIndex(2), from);
    ASSERT_FALSE(torn);
    EXPECT_EQ(torn.error(), Errc::io_error);
    EXPECT_TRUE(std::ranges::equal(disk.disk().bytes().subspan(1024, 512), fresh));
    EXPECT_TRUE(std::ranges::equal(disk.disk().bytes().subspan(1536, 512), old));
    EXPECT_TRUE(device.write_scattered(fs::BlockIndex(2), from));
    EXPECT_TRUE(std::ranges::equal(disk.disk().bytes().subspan(1536, 512), fresh));
}

TEST(PartitionSlice, ReachesItsOwnBlocksOnly) {
    FakeRequestDisk disk(64, 512);
    fs::PartitionSlice slice(disk, {fs::BlockIndex(10), 4});
    fs::WaitingDevice<decltype(slice), fs::RunningWait> device(slice);
    std::array<std::byte, 512> block{};
    block.fill(std::byte{9});
    EXPECT_EQ(device.block_count(), 4U);
    EXPECT_TRUE(device.write(fs::BlockIndex(3), block));
    EXPECT_EQ(disk.disk().bytes()[13 * 512], std::byte{9});
    EXPECT_EQ(device.write(fs::BlockIndex(4), block).error(), Errc::out_of_range);
    disk.disk().bytes()[9 * 512] = disk.disk().bytes()[14 * 512] = std::byte{9};
    EXPECT_EQ(device.discard(fs::BlockIndex(3), 2, fs::Discarded::zeros).error(),
              Errc::out_of_range);
    EXPECT_EQ(disk.disk().bytes()[14 * 512], std::byte{9});
    EXPECT_TRUE(device.discard(fs::BlockIndex(0), 4, fs::Discarded::zeros));
    EXPECT_EQ(disk.disk().bytes()[9 * 512], std::byte{9});
    EXPECT_EQ(disk.disk().bytes()[13 * 512], std::byte{0});
    EXPECT_EQ(disk.disk().bytes()[14 * 512], std::byte{9});
    EXPECT_EQ(device.read(fs::BlockIndex(~std::uint64_t{9}), block).error(), Errc::out_of_range);
}

}  // namespace
}  // namespace kidney

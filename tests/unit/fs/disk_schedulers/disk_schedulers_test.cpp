/// Every disk scheduler against every law; what each is good for on a disk with a head that takes
/// its time; and the queue that they decide for.
#include "fs/block/request_queue.hpp"
#include "fs/block/waiting_device.hpp"
#include "policies/disk_scheduler.hpp"
#include "tests/archetypes/disk_scheduler.hpp"
#include "tests/archetypes/request_device.hpp"
#include "tests/fakes/block/fake_request_disk.hpp"
#include "tests/fakes/block/request_wrappers.hpp"
#include "tests/laws/disk_scheduler_laws.hpp"
#include "tests/laws/request_device_laws.hpp"
#include "tests/support/law_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace kidney::fs {
namespace {

struct SetClock {
    static inline Instant time;
    static Instant now() noexcept { return time; }
};

}  // namespace

// The queue needs nothing beyond the two contracts.
template class RequestQueue<archetypes::RequestDevice, archetypes::DiskScheduler, SetClock,
                            NullLock>;

namespace {

using laws::request_device::Wish;

template <class Policy>
class DiskSchedulerLaws : public testing::Test {};
TYPED_TEST_SUITE(DiskSchedulerLaws, test::AsTestTypes<policies::disk_scheduler::All>);

TYPED_TEST(DiskSchedulerLaws, AllHold) {
    test::LawReport report;
    laws::run_laws<laws::disk_scheduler::Suite<TypeParam>>(report);
    test::expect_laws_held(report);
    EXPECT_GT(report.checks(), 1000U);
}

TYPED_TEST(DiskSchedulerLaws, TheQueueIsARequestDevice) {
    for (const bool at_once : {false, true}) {
        fakes::FakeRequestDisk disk(64, 512);
        disk.at_once = at_once;
        RequestQueue<fakes::FakeRequestDisk, TypeParam, SetClock, NullLock> queue(disk);
        std::vector<std::byte> scratch(laws::request_device::scratch_bytes(512));
        test::LawReport report;
        laws::run_laws<laws::request_device::Suite>(report, queue, std::span<std::byte>(scratch));
        test::expect_laws_held(report);
        EXPECT_EQ(disk.in_flight, 0U);
    }
}

struct Forgetful : FifoDisk {
    DiskEntry* first = nullptr;
    void add(DiskEntry& entry) noexcept {
        first = first == nullptr ? &entry : first;
        FifoDisk::add(entry);
    }
    [[nodiscard]] DiskEntry* next(BlockIndex head, Instant now) noexcept {
        DiskEntry* const right = FifoDisk::next(head, now);
        return right == nullptr ? nullptr : first;  // whether it still waits or not
    }
};
struct StarvesSilently : ShortestSeekFirst {
    static constexpr bool may_starve = false;
};
TEST(DiskSchedulerLawsThemselves, CatchWrongPolicies) {
    laws::Report forgetful;
    laws::run_laws<TypeList<laws::disk_scheduler::D2<Forgetful>>>(forgetful);
    EXPECT_FALSE(forgetful.passed());
    laws::Report starving;
    laws::run_laws<TypeList<laws::disk_scheduler::D4<StarvesSilently>>>(starving);
    EXPECT_FALSE(starving.passed());
}

/// One request at a time: a seek of up to 20 ms, half a turn of 1 ms, 10 microseconds a block.
class SeekingDisk {
public:
    static constexpr std::uint64_t blocks = 1'000'000;
    void submit(BlockRequest& request) noexcept {
        const std::uint64_t first = request.first.value();
        const std::uint64_t way = first > head_ ? first - head_ : head_ - first;
        head_ = first + request.bytes() / 512;
        busy_until =
            SetClock::time + Duration::microseconds(static_cast<std::int64_t>(
                                 (way == 0 ? 0 : 1'000 + way / 50) + request.bytes() / 512 * 10));
        request_ = &request;
        ++moves;
    }
    void poll() noexcept {
        if (request_ != nullptr && SetClock::time >= busy_until) {
            std::exchange(request_, nullptr)->complete({});
        }
    }
    [[nodiscard]] bool is_busy() const noexcept { return request_ != nullptr; }
    [[nodiscard]] std::uint32_t block_size() const noexcept { return 512; }
    [[nodiscard]] std::uint64_t block_count() const noexcept { return blocks; }
    Instant busy_until;
    std::size_t moves = 0;

private:
    BlockRequest* request_ = nullptr;
    std::uint64_t head_ = 0;
};

struct Wait {
    double mean_ms = 0, longest_ms = 0, longest_read_ms = 0, total_s = 0;
};
/// 2000 requests, as many as first come, first served can just bear. Most of them are
/// in one corner of the disk.
template <class Policy>
Wait waits_of() {
    struct Job {
        BlockRequest request;
        std::span<const std::byte> from;
        std::span<std::byte> to;
        Instant begin, end;
    };
    SetClock::time = Instant();
    SeekingDisk disk;
    RequestQueue<SeekingDisk, Policy, SetClock, NullLock, 1> queue(disk);
    std::vector<std::byte> bytes(4096);
    std::deque<Job> jobs(2000);
    laws::Random random(11);
    Instant next_arrival;
    std::size_t arrived = 0;
    Wait wait;
    while (arrived < jobs.size() || disk.is_busy()) {
        const bool arrives =
            arrived < jobs.size() && (!disk.is_busy() || next_arrival < disk.busy_until);
        SetClock::time = std::max(SetClock::time, arrives ? next_arrival : disk.busy_until);
        if (!arrives) {
            queue.poll();
            continue;
        }
        Job& job = jobs[arrived++];
        const bool is_near = random.below(8) != 0;
        job.begin = SetClock::time;
        job.request.first = BlockIndex(random.below(is_near ? 100'000U : SeekingDisk::blocks - 8U));
        job.to = bytes;
        job.from = bytes;
        if (random.below(3) != 0) {
            job.request.to = std::span(&job.to, 1);
        } else {
            job.request.operation = BlockOperation::write;
            job.request.from = std::span(&job.from, 1);
        }
        job.request.on_completion(
            [](void* who, BlockRequest&, Status) noexcept {
                static_cast<Job*>(who)->end = SetClock::time;
            },
            &job);
        queue.submit(job.request);
        next_arrival = next_arrival + Duration::microseconds(500 + random.below(6'000));
    }
    for (const Job& job : jobs) {
        const double ms = static_cast<double>((job.end - job.begin).count()) / 1e6;
        EXPECT_GT(ms, 0.0);
        wait.mean_ms += ms / static_cast<double>(jobs.size());
        wait.longest_ms = std::max(wait.longest_ms, ms);
        if (job.request.operation == BlockOperation::read) {
            wait.longest_read_ms = std::max(wait.longest_read_ms, ms);
        }
    }
    wait.total_s = static_cast<double>(SetClock::time.nanoseconds()) / 1e9;
    return wait;
}

TEST(DiskSchedulers, AreWhatTheyAreSaidToBe) {
    std::map<std::string, Wait> waits;
    policies::disk_scheduler::All::for_each([&]<class Policy>() {
        const Wait wait = waits_of<Policy>();
        waits[Policy::name] = wait;
        std::printf("| %s | %.0f | %.0f | %.0f | %.1f |\n", Policy::name, wait.mean_ms,
                    wait.longest_ms, wait.longest_read_ms, wait.total_s);
    });
    EXPECT_LT(waits["sstf"].mean_ms, waits["fifo"].mean_ms / 2);
    EXPECT_LT(waits["c_look"].mean_ms, waits["fifo"].mean_ms / 2);
    EXPECT_LT(waits["sstf"].mean_ms, waits["c_look"].mean_ms);
    EXPECT_LT(waits["c_look"].longest_ms, waits["sstf"].longest_ms);
    EXPECT_LT(waits["deadline"].longest_read_ms, waits["sstf"].longest_read_ms);
}

TEST(DiskSchedulers, DeadlineBreaksItsSweepForWhoIsLate) {
    const auto after = [](std::int64_t ms) { return Instant() + Duration::milliseconds(ms); };
    const auto entry = [&](std::uint64_t first, bool is_read, std::int64_t arrived) {
        DiskEntry made;
        made.first = BlockIndex(first);
        made.blocks = 1;
        made.is_read = is_read;
        made.arrived = after(arrived);
        return made;
    };
    DeadlineDisk policy;
    DiskEntry near = entry(100, true, 400);
    DiskEntry far = entry(9000, true, 0);
    DiskEntry farther = entry(9500, true, 1);
    DiskEntry write = entry(5000, false, 0);
    for (DiskEntry* const each : {&far, &write, &farther, &near}) {
        policy.add(*each);
    }
    EXPECT_EQ(policy.next(BlockIndex(50), after(500)), &near);  // nobody is late yet
    EXPECT_EQ(policy.next(BlockIndex(50), after(501)), &far);
    policy.remove(far);
    // The next one is late, too, but first there is a batch by place.
    for (std::uint32_t n = 0; n < DeadlineDisk::batch; ++n) {
        EXPECT_EQ(policy.next(BlockIndex(50), after(600)), &near) << n;
    }
    EXPECT_EQ(policy.next(BlockIndex(50), after(600)), &farther);
    policy.remove(farther);
    policy.remove(near);
    near = entry(100, true, 4900);
    policy.add(near);
    for (std::uint32_t n = 0; n < DeadlineDisk::batch; ++n) {
        EXPECT_EQ(policy.next(BlockIndex(50), after(5001)), &near) << n;
    }
    EXPECT_EQ(policy.next(BlockIndex(50), after(5000)),
              &near);  // a write may wait for five seconds
    EXPECT_EQ(policy.next(BlockIndex(50), after(5001)), &write);  // and not longer
}

class QueueTest : public testing::Test {
protected:
    template <class Policy>
    using QueueOf =
        RequestQueue<fakes::RecordingRequests<fakes::FakeRequestDisk>, Policy, SetClock, NullLock>;
    std::span<std::byte> sector(std::size_t n) { return std::span(bytes).subspan(n * 512, 512); }

    std::vector<std::byte> bytes = std::vector<std::byte>(std::size_t{512} * 200);
    fakes::FakeRequestDisk disk{256, 512};
    fakes::RecordingRequests<fakes::FakeRequestDisk> recording{disk};
};

TEST_F(QueueTest, NeighboursBecomeOne) {
    QueueOf<FifoDisk> queue(recording);
    std::deque<Wish> wishes(40);
    queue.plug();
    for (const std::size_t n : {7, 3, 5, 4, 20, 6}) {  // 3 to 7, whoever came first
        laws::request_device::fill(sector(n), static_cast<std::uint32_t>(n));
        wishes[n].submit(queue, BlockOperation::write, n, sector(n));
    }
    wishes[8].submit(queue, BlockOperation::read, 8, sector(8));  // a read is none of them
    wishes[2].request.is_durable = true;                          // nor is who goes alone
    wishes[2].submit(queue, BlockOperation::write, 2, sector(2));
    EXPECT_TRUE(recording.records().empty());
    queue.unplug();
    ASSERT_EQ(recording.records().size(), 4U);
    EXPECT_EQ(recording.records()[0].first, BlockIndex(3));
    EXPECT_EQ(recording.records()[0].bytes, 5 * 512U);
    EXPECT_EQ(recording.records()[1].first, BlockIndex(20));
    EXPECT_EQ(queue.counts().merged, 4U);
    EXPECT_EQ(queue.counts().issued, 4U);
    for (const std::size_t n : {2, 3, 4, 5, 6, 7, 8, 20}) {
        EXPECT_TRUE(wishes[n].await(queue) && wishes[n].outcome) << n;
    }
    for (const std::size_t n : {3, 4, 5, 6, 7, 20}) {
        EXPECT_TRUE(std::ranges::equal(disk.disk().bytes().subspan(n * 512, 512), sector(n))) << n;
    }
    // Read again, merged, into buffers of their own.
    std::ranges::fill(bytes, std::byte{});
    queue.plug();
    for (const std::size_t n : {5, 6, 7}) {
        wishes[n].submit(queue, BlockOperation::read, n, sector(n));
    }
    queue.unplug();
    for (const std::size_t n : {5, 6, 7}) {
        EXPECT_TRUE(wishes[n].await(queue, 2) && wishes[n].outcome);
        EXPECT_TRUE(laws::request_device::holds(sector(n), static_cast<std::uint32_t>(n)));
    }
    EXPECT_EQ(queue.counts().merged, 6U);
}

TEST_F(QueueTest, OneBadBlockFailsThoseOnlyWhoWantedIt) {
    fakes::FaultyRequests<fakes::RecordingRequests<fakes::FakeRequestDisk>> faulty(recording);
    RequestQueue<decltype(faulty), FifoDisk, SetClock, NullLock> queue(faulty);
    std::deque<Wish> wishes(3);
    queue.plug();
    for (std::size_t n = 0; n < 3; ++n) {
        wishes[n].submit(queue, BlockOperation::write, n, sector(n));
    }
    faulty.fail_request(0, false);
    queue.unplug();  // all three together fail; each alone is written
    for (Wish& wish : wishes) {
        EXPECT_TRUE(wish.await(queue) && wish.outcome);
        EXPECT_EQ(wish.completions, 1U);
    }
    EXPECT_EQ(recording.records().size(), 3U);
    queue.plug();
    for (std::size_t n = 0; n < 3; ++n) {
        wishes[n].submit(queue, BlockOperation::write, n, sector(n));
    }
    faulty.fail_request(0, true);
    queue.unplug();
    for (Wish& wish : wishes) {
        EXPECT_TRUE(wish.await(queue, 2));
        EXPECT_EQ(wish.outcome, fail(Errc::io_error));
    }
}

TEST_F(QueueTest, TakesMoreThanItCanChooseFrom) {
    disk.answers = false;
    QueueOf<CircularLook> queue(recording);
    std::deque<Wish> wishes(200);
    laws::Random random(3);
    for (Wish& wish : wishes) {
        wish.submit(queue, BlockOperation::read, random.below(128) * 2, sector(0));
    }
    EXPECT_EQ(disk.most_in_flight, 8U);
    disk.answers = true;
    for (Wish& wish : wishes) {
        EXPECT_TRUE(wish.await(queue) && wish.outcome);
    }
    for (const Wish& wish : wishes) {
        EXPECT_EQ(wish.completions, 1U);
    }
}

TEST_F(QueueTest, MergesUpToItsLimits) {
    QueueOf<FifoDisk> queue(recording);
    std::deque<Wish> wishes(150);
    queue.plug();
    for (std::size_t n = 0; n < wishes.size(); ++n) {
        wishes[n].submit(queue, BlockOperation::read, n, sector(n));
    }
    queue.unplug();
    for (Wish& wish : wishes) {
        EXPECT_TRUE(wish.await(queue) && wish.outcome);
    }
    for (const fakes::RequestRecord& record : recording.records()) {
        EXPECT_LE(record.bytes, 64 * 512U);
    }
    EXPECT_EQ(recording.records().size(), 3U);
}

}  // namespace
}  // namespace kidney::fs

/// Two readers of one page whose disk fails, in every interleaving with two preemptions: the one
/// that waits for the other's fill must hear of its end, and try for itself.
#include "fs/page_cache.hpp"
#include "sched/sync/mutex.hpp"
#include "sched/sync/wait_queue.hpp"
#include "sim/explorer.hpp"
#include "tests/support/expect_all_pass.hpp"
#include "tests/support/explored_threads.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

namespace kidney::test {
namespace {

using sim::require;
using Threads = ExploredThreads<>;
constexpr LockRank cache_rank{34, "page cache"};
using Cache = fs::PageCache<fakes::FakeHeap, fs_test::Frames, sim::RamArena,
                            sched::Mutex<cache_rank, Threads>, sched::WaitQueue<Threads>>;

/// The first `bad` fills fail. While one is under way, others may run.
struct FailingObject final : fs::CachedObject {
    int bad = 0;
    int fills = 0;

    Status fill(std::uint32_t, std::span<const std::span<std::byte>> pages) noexcept override {
        sim::explored::switch_point();
        if (fills++ < bad) {
            return fail(Errc::io_error);
        }
        for (const auto page : pages) {
            std::memset(page.data(), 'p', page.size());
        }
        return {};
    }
    std::uint64_t page_count() const noexcept override { return 1; }
};

template <int Bad>
struct TwoReaders {
    static constexpr std::size_t threads = 2;
    sim::RamArena arena{128};  // more than the cache leaves to others
    fs_test::Frames frames{arena};
    fakes::FakeHeap heap;
    Cache cache{heap, frames, arena};
    FailingObject object;
    int failed = 0;

    TwoReaders() {
        Threads::reset();
        object.bad = Bad;
    }
    ~TwoReaders() { cache.forget(object); }
    void run(std::size_t) {
        const Result<FrameNumber> frame = cache.get(object, 0);
        if (!frame) {
            require(frame.error() == Errc::io_error, "the disk's error");
            ++failed;
            return;
        }
        require(cache.bytes(*frame)[0] == std::byte{'p'}, "a page that was never filled");
        cache.release(*frame);
    }
    void check() {
        // Who waited has tried again: the error was not its own.
        require(failed == Bad, "one failed fill, one reader that hears of it");
        require(object.fills == (Bad == 2 ? 2 : Bad + 1), "a page was read twice, or not at all");
    }
};

TEST(PageCacheExploration, OneFillForTwoReaders) {
    expect_all_pass<TwoReaders<0>>(2);
}
TEST(PageCacheExploration, AFailedFillWakesTheOther) {
    expect_all_pass<TwoReaders<1>>(2);
}
TEST(PageCacheExploration, BothFillsFail) {
    expect_all_pass<TwoReaders<2>>(2);
}

}  // namespace
}  // namespace kidney::test

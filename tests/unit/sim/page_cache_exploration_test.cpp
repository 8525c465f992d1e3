/// The page cache in every interleaving with two preemptions. Two readers of one page whose disk
/// fails: the one that waits for the other's fill must hear of its end, and try for itself. A
/// writer beside one who writes back, truncates or reclaims: no change is lost, none comes back.
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

/// One page whose home is one byte.
struct HomeObject final : fs::CachedObject {
    char home = '0';
    int bad = 0;  ///< the first stores fail
    int stores = 0;
    bool is_truncated = false;

    Status fill(std::uint32_t, std::span<const std::span<std::byte>> pages) noexcept override {
        sim::explored::switch_point();
        pages[0][0] = static_cast<std::byte>(home);
        return {};
    }
    Status store(std::uint32_t, std::span<const fs::StoredPage> pages) noexcept override {
        require(!is_truncated, "a page goes home after it was dropped");
        const auto now = static_cast<char>(pages[0].bytes[0]);
        sim::explored::switch_point();
        if (stores++ < bad) {
            return fail(Errc::io_error);
        }
        home = now;
        return {};
    }
    std::uint64_t page_count() const noexcept override { return 1; }
};

struct WritingScenario {
    sim::RamArena arena{128};
    fs_test::Frames frames{arena};
    fakes::FakeHeap heap;
    Cache cache{heap, frames, arena};
    HomeObject object;

    WritingScenario() { Threads::reset(); }
    ~WritingScenario() { cache.forget(object); }

    /// Changes the byte from `from` to `to`.
    void write(char from, char to) {
        const Result<FrameNumber> frame = cache.get(object, 0);
        require(frame.has_value(), "there is memory");
        std::byte& byte = cache.bytes(*frame)[0];
        require(byte == static_cast<std::byte>(from), "a change was lost");
        byte = static_cast<std::byte>(to);
        sim::explored::switch_point();
        cache.mark_dirty(object, 0);
        cache.release(*frame);
    }
};

/// The writer writes twice, one writes back (`Bad` times in vain), one reclaims what it may.
template <int Bad>
struct WriterAndWriteBack : WritingScenario {
    static constexpr std::size_t threads = 3;
    WriterAndWriteBack() { object.bad = Bad; }
    void run(std::size_t n) {
        if (n == 0) {
            write('0', '1');
            write('1', '2');
        } else if (n == 1) {
            ignore_error(cache.write_back(object), "it stays dirty");
        } else {
            cache.reclaim(1);
        }
    }
    void check() {
        ignore_error(cache.write_back(object), "the first failures");
        require(cache.write_back(object).has_value(), "the disk works");
        require(object.home == '2', "a change never came home");
        require(cache.counts().dirty == 0, "everything is clean");
    }
};

TEST(PageCacheExploration, AWriterLosesNothingToWriteBackAndReclaim) {
    expect_all_pass<WriterAndWriteBack<0>>(2);
}
TEST(PageCacheExploration, NorToOneThatFails) {
    expect_all_pass<WriterAndWriteBack<1>>(2);
}

/// fsync of a page that somebody else is writing at this moment, and perhaps in vain.
template <int Bad>
struct TwoWriteBacks : WritingScenario {
    static constexpr std::size_t threads = 2;
    int failed = 0;
    TwoWriteBacks() {
        object.bad = Bad;
        write('0', '1');
    }
    void run(std::size_t) {
        if (cache.write_back(object)) {
            require(object.home == '1', "it says that the page is home");
        } else {
            ++failed;
        }
    }
    void check() {
        require(failed == Bad, "each failure is told to somebody");
        require(object.stores == (Bad == 2 ? 2 : Bad + 1), "written as often as needed");
    }
};

TEST(PageCacheExploration, WhoComesSecondWaitsForThePage) {
    expect_all_pass<TwoWriteBacks<0>>(2);
}
TEST(PageCacheExploration, AndTriesItselfIfThatFailed) {
    expect_all_pass<TwoWriteBacks<1>>(2);
}
TEST(PageCacheExploration, BothFail) {
    expect_all_pass<TwoWriteBacks<2>>(2);
}

struct Truncation : WritingScenario {
    static constexpr std::size_t threads = 2;
    Truncation() { write('0', '1'); }
    void run(std::size_t n) {
        if (n == 0) {
            require(cache.write_back(object).has_value(), "the disk works");
        } else {
            cache.drop_from(object, 0);
            object.is_truncated = true;
        }
    }
    void check() { require(cache.size() == 0, "the page is gone"); }
};

TEST(PageCacheExploration, TruncationWaitsForWhatIsOnItsWay) {
    expect_all_pass<Truncation>(3);
}

}  // namespace
}  // namespace kidney::test

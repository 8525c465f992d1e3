/// References of one frame that come and go on several CPUs where a byte ends, in every
/// interleaving with two preemptions.
#include "mm/reference_counts.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sim/explorer.hpp"
#include "sim/ram_arena.hpp"
#include "tests/support/expect_all_pass.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace kidney::test {
namespace {

using sim::require;
constexpr LockRank counts_rank{96, "frame references"};
using Counts = mm::ReferenceCounts<sim::ExploredCpu, sim::RamArena,
                                   sched::SpinLock<counts_rank, sim::ExploredCpu>>;

struct OnePage {
    bool is_taken = false;
    static inline int times_taken = 0;
    int refusals = 0;
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder) noexcept {
        if (refusals > 0) {
            --refusals;
            return fail(Errc::no_memory);
        }
        require(!is_taken, "a second page for one group");
        is_taken = true;
        ++times_taken;
        return FrameNumber(0);
    }
    void free(FrameNumber, FrameOrder) noexcept {
        require(is_taken, "a page given back twice");
        is_taken = false;
    }
};

/// A frame with its first reference, and three CPUs.
struct SharedFrame {
    static constexpr std::size_t threads = 3;
    static constexpr FrameRange span{FrameNumber(1), 1};
    static constexpr FrameNumber frame{1};
    sim::RamArena ram{2};
    OnePage pages;
    alignas(16) std::array<std::byte, 128> metadata{};
    Counts counts;

    SharedFrame() {
        counts.attach(span, metadata, ram);
        counts.begin(frame);
    }
};

/// `Start` references, once `Peak`; the CPUs add and remove some, each only what it owns.
template <std::uint32_t Start, std::uint32_t Peak, int Refusals = 0>
struct AtTheLimit : SharedFrame {
    std::array<int, threads> balance{};

    AtTheLimit() {
        for (std::uint32_t n = 1; n < Peak; ++n) {
            static_cast<void>(counts.add(frame, pages));
        }
        for (std::uint32_t n = Peak; n > Start; --n) {
            static_cast<void>(counts.remove(frame, pages));
        }
        pages.refusals = Refusals;
    }
    void add(std::size_t cpu) {
        const Status added = counts.add(frame, pages);
        require(added || added.error() == Errc::no_memory, "no other error");
        balance[cpu] += added ? 1 : 0;
    }
    void remove(std::size_t cpu) {
        require(!counts.remove(frame, pages), "others have references");
        --balance[cpu];
    }
    void run(std::size_t cpu) {
        if (cpu == 0) {
            add(cpu);
            add(cpu);
        } else if (cpu == 1) {
            remove(cpu);
            remove(cpu);
        } else {
            const std::uint32_t seen = counts.of(frame);
            require(seen + 2 >= Start && seen <= Start + 2, "a number that there never was");
        }
    }
    void check() {
        const auto left = static_cast<std::uint32_t>(static_cast<int>(Start) + balance[0] +
                                                     balance[1] + balance[2]);
        require(counts.of(frame) == left, "a reference was lost or made up");
        for (std::uint32_t n = left; n > 1; --n) {
            require(!counts.remove(frame, pages), "freed too early");
        }
        require(counts.remove(frame, pages), "never freed");
        require(!pages.is_taken, "a page is kept for nothing");
    }
};

/// Each owns one of the last references: exactly one of them is the last.
struct LastOnes : SharedFrame {
    int freed = 0;

    LastOnes() {
        static_cast<void>(counts.add(frame, pages));
        static_cast<void>(counts.add(frame, pages));
    }
    void run(std::size_t) { freed += counts.remove(frame, pages) ? 1 : 0; }
    void check() { require(freed == 1 && counts.of(frame) == 0, "freed once"); }
};

TEST(ReferenceCountsExploration, ABatchIsTakenAway) {
    OnePage::times_taken = 0;
    expect_all_pass<AtTheLimit<117, 117>>(2);
    expect_all_pass<AtTheLimit<181, 181>>(2);
    EXPECT_GT(OnePage::times_taken, 0);
}
TEST(ReferenceCountsExploration, ABatchIsTakenAwayOrRefused) {
    expect_all_pass<AtTheLimit<117, 117, 1>>(2);
}
// Coming down, a batch comes back whenever none is here: below 128 one of two, below 64 the last.
TEST(ReferenceCountsExploration, ABatchComesBack) {
    expect_all_pass<AtTheLimit<64, 400>>(2);
    expect_all_pass<AtTheLimit<65, 400>>(2);
    expect_all_pass<AtTheLimit<128, 400>>(2);
}
TEST(ReferenceCountsExploration, TheLastOneFreesTheFrame) {
    expect_all_pass<LastOnes>(2);
}

}  // namespace
}  // namespace kidney::test

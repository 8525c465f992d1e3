/// Threads that share the same frames, around the limits of a byte; ThreadSanitizer looks on.
#include "mm/reference_counts.hpp"
#include "sched/sync/spin_lock.hpp"
#include "sim/ram_arena.hpp"
#include "tests/laws/report.hpp"
#include "tests/support/std_cpu.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace kidney::mm {
namespace {

using test::StdCpu;
constexpr LockRank counts_rank{96, "frame references"};
using Counts = ReferenceCounts<StdCpu, sim::RamArena, sched::SpinLock<counts_rank, StdCpu>>;

/// Called under the counts' lock only.
struct Pages {
    std::vector<FrameNumber> free_ones{FrameNumber(0), FrameNumber(1)};
    [[nodiscard]] Result<FrameNumber> allocate(FrameOrder) noexcept {
        if (free_ones.empty()) {
            return fail(Errc::no_memory);
        }
        const FrameNumber page = free_ones.back();
        free_ones.pop_back();
        return page;
    }
    void free(FrameNumber page, FrameOrder) noexcept { free_ones.push_back(page); }
};

TEST(ReferenceCountsStress, WhatManyThreadsShareIsNeitherLostNorKept) {
    constexpr FrameRange span{FrameNumber(0x100), 1100};
    constexpr std::array frames{span.first, span.first + 1, span.first + 1099};
    constexpr std::uint32_t threads = 4;
    sim::RamArena ram(8);
    std::vector<std::byte> metadata(Counts::metadata_bytes(span));
    Counts counts;
    Pages pages;
    counts.attach(span, metadata, ram);
    for (const FrameNumber frame : frames) {
        counts.begin(frame);
    }
    std::atomic<std::uint32_t> wrong{0};
    std::vector<std::thread> all;
    for (std::uint32_t t = 0; t < threads; ++t) {
        all.emplace_back([&, t] {
            StdCpu::become(CpuId(t));
            laws::Random random(t + 1);
            std::array<std::uint32_t, frames.size()> mine{};
            for (int round = 0; round < 1500; ++round) {
                const std::uint32_t n = random.below(frames.size());
                const bool up = random.below(2) == 0;
                for (std::uint32_t step = random.below(60); step > 0; --step) {
                    if (up && mine[n] < 100) {
                        wrong += counts.add(frames[n], pages) ? 0 : 1;
                        ++mine[n];
                    } else if (!up && mine[n] > 0) {
                        wrong += counts.remove(frames[n], pages) ? 1 : 0;
                        --mine[n];
                    }
                }
                wrong += counts.of(frames[n]) <= mine[n] ? 1 : 0;
            }
            for (std::uint32_t n = 0; n < frames.size(); ++n) {
                for (; mine[n] > 0; --mine[n]) {
                    wrong += counts.remove(frames[n], pages) ? 1 : 0;
                }
            }
        });
    }
    for (std::thread& thread : all) {
        thread.join();
    }
    EXPECT_EQ(wrong, 0U);
    for (const FrameNumber frame : frames) {
        EXPECT_EQ(counts.of(frame), 1U);
        EXPECT_TRUE(counts.remove(frame, pages));
    }
    EXPECT_EQ(pages.free_ones.size(), 2U);
}

}  // namespace
}  // namespace kidney::mm

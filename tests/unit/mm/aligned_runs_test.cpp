/// The bit arithmetic under the bitmap allocators, against the obvious loop.
#include "mm/frames/aligned_runs.hpp"

#include "tests/laws/report.hpp"

#include <gtest/gtest.h>

namespace kidney::mm {
namespace {

bool is_run(std::uint32_t word, unsigned first, unsigned order) {
    return first % (1U << order) == 0 && (word & run_mask(first, order)) == run_mask(first, order);
}

TEST(AlignedRuns, AgreeWithTheObviousLoop) {
    laws::Random random(7);
    for (int i = 0; i < 2000; ++i) {
        const std::uint32_t word = random.next() | random.next() | (i % 2 == 0 ? random.next() : 0);
        unsigned longest = 0;
        for (unsigned order = 0; order <= row_order; ++order) {
            std::uint32_t starts = 0;
            for (unsigned first = 0; first < row_bits; first += 1U << order) {
                starts |= is_run(word, first, order) ? 1U << first : 0;
            }
            ASSERT_EQ(run_starts(word, order), starts) << std::hex << word;
            if (starts != 0) {
                longest = order;
                ASSERT_TRUE(is_run(word, best_run(word, order), order));
            }
        }
        ASSERT_EQ(longest_run(word), longest);
    }
}

TEST(AlignedRuns, BestRunSparesLongerOnes) {
    EXPECT_EQ(best_run(0xFF'0F, 2), 0U);
    EXPECT_EQ(best_run(0x0F'FF, 2), 8U);
    EXPECT_EQ(best_run(0xFFFF'FFFF, 3), 0U);
}

}  // namespace
}  // namespace kidney::mm

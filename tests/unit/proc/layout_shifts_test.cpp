/// Where programs go by lot: within bounds, every place reached, nothing moved that must not.
#include "proc/exec/layout_shifts.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <random>
#include <set>

namespace kidney::proc {
namespace {

using Lots = std::array<std::uint32_t, layout_lots>;

constexpr Lots all_ones{~0U, ~0U, ~0U, ~0U, ~0U};
static_assert(draw_layout(Randomisation::none, all_ones) == LayoutShifts{});
static_assert(draw_layout(Randomisation::all, all_ones) == largest_shifts);
static_assert(draw_layout(Randomisation::all, Lots{}) == LayoutShifts{});
static_assert(draw_layout(Randomisation::without_heap, all_ones).heap == 0);
static_assert(draw_layout(Randomisation::without_heap, all_ones).stack == largest_shifts.stack);

TEST(LayoutShifts, ArePagesButForTheWordsOfTheStack) {
    std::mt19937 lots(1);
    for (int i = 0; i < 10'000; ++i) {
        const LayoutShifts s =
            draw_layout(Randomisation::all,
                        Lots{static_cast<std::uint32_t>(lots()), static_cast<std::uint32_t>(lots()),
                             static_cast<std::uint32_t>(lots()), static_cast<std::uint32_t>(lots()),
                             static_cast<std::uint32_t>(lots())});
        EXPECT_EQ((s.stack | s.mappings | s.image | s.heap) % page_size, 0U);
        EXPECT_EQ(s.words % 16, 0U);
        EXPECT_LE(s.stack, largest_shifts.stack);
        EXPECT_LE(s.words, largest_shifts.words);
        EXPECT_LE(s.mappings, largest_shifts.mappings);
        EXPECT_LE(s.image, largest_shifts.image);
        EXPECT_LE(s.heap, largest_shifts.heap);
    }
}

TEST(LayoutShifts, ReachEveryPlaceEquallyOften) {
    std::array<unsigned, 256> mappings{};
    for (std::uint32_t lot = 0; lot < 1024; ++lot) {
        const LayoutShifts s = draw_layout(Randomisation::all, Lots{0, 0, lot << page_shift, 0, 0});
        ++mappings[s.mappings / page_size];
    }
    for (const unsigned times : mappings) {
        EXPECT_EQ(times, 4U);
    }
}

}  // namespace
}  // namespace kidney::proc

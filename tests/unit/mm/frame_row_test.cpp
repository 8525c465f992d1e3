/// The two bits per unit, against a list of what is live.
#include "mm/frames/frame_row.hpp"

#include "tests/laws/report.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace kidney::mm {
namespace {

TEST(FrameRow, ALiveBlockHasOnePlaceAndOneSize) {
    laws::Random random(3);
    for (int i = 0; i < 500; ++i) {
        FrameRow row;
        row.add(random.next() | random.next());  // the others stay absent
        std::vector<std::pair<unsigned, unsigned>> live;
        for (int tries = 0; tries < 60; ++tries) {
            const unsigned order = random.below(row_order + 1);
            const unsigned first = random.below(row_bits) >> order << order;
            if ((~row.free() & run_mask(first, order)) == 0) {
                row.take(first, order);
                live.emplace_back(first, order);
            }
        }
        for (unsigned first = 0; first < row_bits; ++first) {
            for (unsigned order = 0; order <= row_order; ++order) {
                const bool expected =
                    std::find(live.begin(), live.end(), std::pair(first, order)) != live.end();
                ASSERT_EQ(row.is_live(first, order), expected)
                    << "unit " << first << ", order " << order;
            }
        }
    }
}

TEST(FrameRow, AWholeRowIsOneBlock) {
    FrameRow row;
    row.add(~0U);
    row.take(0, row_order);
    EXPECT_TRUE(row.is_live(0, row_order));
    EXPECT_FALSE(row.is_live(0, row_order - 1));
    row.give_back(0, row_order);
    EXPECT_EQ(row.free(), ~0U);
}

}  // namespace
}  // namespace kidney::mm

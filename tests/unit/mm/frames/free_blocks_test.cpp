/// What policies tell about free frames is true, and counts by order are those of another map.
#include "mm/free_blocks.hpp"

#include "bench/lab/free_map.hpp"
#include "mm/locked_frames.hpp"
#include "policies/frame_allocator.hpp"
#include "tests/laws/report.hpp"
#include "tests/support/std_cpu.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace kidney::mm {
namespace {

constexpr std::uint32_t frame_count = 6 * max_order.frames() + 300;
constexpr FrameRange all_frames{FrameNumber(0), frame_count};

/// Compares all that the policy tells with a map of our own.
template <class A>
void compare(const A& frames, const lab::FreeMap& map, const char* name) {
    for (std::uint32_t row = 0; row < frame_count; row += row_bits) {
        std::uint32_t expected = 0;
        for (std::uint32_t i = 0; i < row_bits && row + i < frame_count; ++i) {
            expected |= (map.used(row + i, 1) == 0 ? 1U : 0U) << i;
        }
        ASSERT_EQ(frames.free_row(FrameNumber(row)), expected) << name << ", row at " << row;
    }
    FreeBlocks blocks;
    blocks.add(frames, all_frames);
    for (std::uint8_t k = 0; k <= max_order.value(); ++k) {
        ASSERT_EQ(blocks.frames(FrameOrder(k)), map.whole()[k]) << name << ", order " << +k;
    }
}

template <class A>
void live(const char* name) {
    A frames;
    std::vector<std::byte> metadata(A::metadata_bytes(all_frames));
    frames.attach(all_frames, metadata);
    frames.add_region(all_frames);
    lab::FreeMap map(frame_count);
    map.give_back(all_frames);
    std::vector<std::pair<FrameNumber, FrameOrder>> blocks;
    laws::Random random(7);
    compare(frames, map, name);
    for (int turn = 0; turn < 1500 && !testing::Test::HasFatalFailure(); ++turn) {
        // Up and down, and many single frames: every kind of row comes by.
        if (random.below(100) < (turn / 250 % 2 == 0 ? 60U : 40U) || blocks.empty()) {
            const unsigned k = random.below(2) == 0 ? 0 : random.below(max_order.value() + 1U);
            const FrameOrder order(static_cast<std::uint8_t>(k));
            if (const auto block = frames.allocate(order)) {
                map.take(*block, order);
                blocks.emplace_back(*block, order);
            }
        } else {
            std::swap(blocks[random.below(static_cast<std::uint32_t>(blocks.size()))],
                      blocks.back());
            frames.free(blocks.back().first, blocks.back().second);
            map.give_back(blocks.back().first, blocks.back().second);
            blocks.pop_back();
        }
        if (turn % 50 == 0) {
            compare(frames, map, name);
        }
    }
}

TEST(FreeBlocks, EveryPolicyThatTellsTellsTheTruth) {
    policies::frame_allocator::All::for_each([]<class P>() {
        using Policy = FramesOf<P, test::StdCpu>;
        if constexpr (FreeRows<Policy>) {
            live<Policy>(Policy::name);
            live<Locked<Policy, NullLock>>(Policy::name);
        }
    });
}

TEST(FreeBlocks, CountsByHand) {
    FreeBlocks blocks;
    FreeBlocks::Rows rows{};
    blocks.add(rows);
    EXPECT_EQ(blocks.frames(FrameOrder(0)), 0U);
    EXPECT_EQ(blocks.unusable(FrameOrder(9)), 0U);  // nothing is free, so nothing is wasted
    rows[0] = 0b1101'1110;                          // 1, 2-3, 4, 6-7
    rows[2] = rows[3] = rows[4] = ~0U;              // two rows that are one block, and one
    blocks.add(rows);
    EXPECT_EQ(blocks.frames(FrameOrder(0)), 6U + 96U);
    EXPECT_EQ(blocks.frames(FrameOrder(1)), 4U + 96U);
    EXPECT_EQ(blocks.frames(FrameOrder(2)), 96U);
    EXPECT_EQ(blocks.frames(FrameOrder(5)), 96U);
    EXPECT_EQ(blocks.frames(FrameOrder(6)), 64U);
    EXPECT_EQ(blocks.frames(FrameOrder(7)), 0U);
    EXPECT_EQ(blocks.unusable(FrameOrder(6)), 372U);
    EXPECT_EQ(blocks.unusable(FrameOrder(7)), 1000U);
}

}  // namespace
}  // namespace kidney::mm

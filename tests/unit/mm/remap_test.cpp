/// mremap(): regions that grow, shrink, move, and are mapped twice.
#include "tests/unit/mm/space_machine.hpp"

#include <gtest/gtest.h>

namespace kidney::test {
namespace {

class RemapTest : public testing::Test {
protected:
    using Machine = SpaceMachine<arch::TwoLevel>;

    void TearDown() override {
        m.idle();
        space.reset();
        m.expect_clean();
    }
    VirtAddr must_map(const mm::MapRequest& request) {
        const Result<VirtAddr> at = space->map(request);
        EXPECT_TRUE(at.has_value());
        return at.value_or(VirtAddr(0));
    }
    /// `pages` pages of old memory become `new_pages`.
    Result<VirtAddr> remap(VirtAddr at, std::uint32_t pages, std::uint32_t new_pages,
                           bool may_move = true) {
        return space->remap({{at, pages * page_size}, new_pages * page_size, may_move});
    }
    Result<VirtAddr> move_to(VirtAddr target, VirtAddr at, std::uint32_t pages,
                             std::uint32_t new_pages, bool keep_old = false) {
        return space->remap({.old = {at, pages * page_size},
                             .new_size = new_pages * page_size,
                             .may_move = true,
                             .keep_old = keep_old,
                             .target = target});
    }
    VirtAddr three_pages() {
        const VirtAddr at = must_map(fixed_at(0x2000'0000, anonymous(3)));
        for (std::uint32_t i = 0; i < 3; ++i) {
            EXPECT_TRUE(m.store(at + i * page_size, i + 1));
        }
        return at;
    }

    Machine m;
    Ref<Machine::Space> space = [this] {
        auto fresh = m.new_space();
        m.run_in(*fresh);
        return fresh;
    }();
};

TEST_F(RemapTest, GrowsShrinksAndMoves) {
    const VirtAddr at = three_pages();
    EXPECT_EQ(*remap(at, 3, 2, false), at);
    EXPECT_EQ(m.load(at + 2 * page_size), std::nullopt);
    EXPECT_EQ(*remap(at, 2, 4, false), at);
    EXPECT_EQ(m.load(at + 3 * page_size), 0U);
    must_map(fixed_at(0x2000'4000, anonymous(1, read_only)));
    EXPECT_EQ(remap(at, 4, 8, false).error(), Errc::no_memory);
    const VirtAddr moved = *remap(at, 4, 8);
    EXPECT_NE(moved, at);
    EXPECT_EQ(m.load(moved), 1U);
    EXPECT_EQ(m.load(moved + page_size), 2U);
    EXPECT_EQ(m.load(moved + 7 * page_size), 0U);
    EXPECT_EQ(m.load(at), std::nullopt);
    EXPECT_EQ(remap(at, 1, 2).error(), Errc::bad_address);
}

TEST_F(RemapTest, ChecksItsArguments) {
    const VirtAddr at = three_pages();
    EXPECT_EQ(remap(at + 1, 1, 1).error(), Errc::invalid_argument);
    EXPECT_EQ(remap(at, 1, 0).error(), Errc::invalid_argument);
    EXPECT_EQ(remap(at - page_size, 2, 1).error(), Errc::bad_address);
    EXPECT_EQ(remap(at, 4, 5).error(), Errc::bad_address) << "beyond the region";
    EXPECT_EQ(remap(at, 0, 1).error(), Errc::invalid_argument) << "private: nothing to share";
    EXPECT_EQ(remap(at, 3, 0xB'0000).error(), Errc::no_memory);
    EXPECT_EQ(move_to(at + page_size, at, 2, 2).error(), Errc::invalid_argument) << "overlap";
    EXPECT_EQ(move_to(at - page_size, at, 1, 2).error(), Errc::invalid_argument);
    EXPECT_EQ(move_to(at + 0x1'0001, at, 1, 1).error(), Errc::invalid_argument);
    EXPECT_EQ(move_to(VirtAddr(0xBFFF'E000), at, 2, 2).error(), Errc::invalid_argument);
    EXPECT_EQ(move_to(VirtAddr(0x1000), at, 1, 1).error(), Errc::not_permitted);
    EXPECT_EQ(m.load(at + 2 * page_size), 3U);
    EXPECT_EQ(*remap(at, 4, 3), at) << "shrinking may begin behind the region";
}

TEST_F(RemapTest, MovesToAPlaceAndReplacesWhatIsThere) {
    const VirtAddr at = three_pages();
    const VirtAddr there = must_map(fixed_at(0x3000'0000, anonymous(6, read_only)));
    EXPECT_EQ(*move_to(there + page_size, at, 2, 4), there + page_size);
    EXPECT_EQ(m.load(there), 0U);
    EXPECT_FALSE(m.store(there, 1));
    EXPECT_EQ(m.load(there + page_size), 1U);
    EXPECT_EQ(m.load(there + 2 * page_size), 2U);
    EXPECT_TRUE(m.store(there + 4 * page_size, 1));
    EXPECT_FALSE(m.store(there + 5 * page_size, 1));
    EXPECT_EQ(m.load(at + page_size), std::nullopt);
    EXPECT_EQ(m.load(at + 2 * page_size), 3U);
    EXPECT_EQ(*move_to(at, there + page_size, 4, 2), at) << "and shrinks on the way";
    EXPECT_EQ(m.load(at + page_size), 2U);
    EXPECT_EQ(m.load(there + page_size), std::nullopt);
    EXPECT_EQ(m.load(there + 3 * page_size), std::nullopt);
}

TEST_F(RemapTest, CanLeaveAnEmptyRegionBehind) {
    const VirtAddr at = three_pages();
    const VirtAddr moved = *space->remap({.old = {at, 2 * page_size},
                                          .new_size = 2 * page_size,
                                          .may_move = true,
                                          .keep_old = true});
    EXPECT_EQ(m.load(moved + page_size), 2U);
    EXPECT_EQ(m.load(at + page_size), 0U);
    EXPECT_TRUE(m.store(at, 9));
    EXPECT_EQ(m.load(moved), 1U);
    EXPECT_EQ(*move_to(moved + 4 * page_size, at, 1, 1, true), moved + 4 * page_size);
    EXPECT_EQ(m.load(moved + 4 * page_size), 9U);
    EXPECT_EQ(m.load(at), 0U);
}

TEST_F(RemapTest, MapsSharedMemoryTwice) {
    auto file = Machine::Source::create(m.frames, m.ram(), 4);
    const VirtAddr at = must_map(of_file(file, 3, true, read_write, 1));
    const VirtAddr second = *remap(at + page_size, 0, 2);
    EXPECT_EQ(m.load(second), 0x03030303U);
    EXPECT_TRUE(m.store(second, 7));
    EXPECT_EQ(m.load(at + page_size), 7U);
    EXPECT_EQ(remap(at, 0, 2, false).error(), Errc::no_memory);
    const VirtAddr there{0x3000'0000};
    EXPECT_EQ(*move_to(there, at, 0, 1), there);
    EXPECT_EQ(m.load(there), 0x02020202U);
    EXPECT_EQ(m.load(at), 0x02020202U);
}

TEST_F(RemapTest, WhatLeavesTheStackNoLongerGrows) {
    const VirtAddr top = mm::user_layout::highest;
    mm::MapRequest stack = fixed_at(top.value() - 4 * page_size, anonymous(4));
    stack.traits.kind = mm::RegionKind::stack;
    stack.traits.lowest = top - 100 * page_size;
    const VirtAddr bottom = must_map(stack);
    EXPECT_TRUE(m.store(bottom, 7));
    const VirtAddr moved = *remap(bottom, 1, 3);
    EXPECT_EQ(m.load(moved), 7U);
    mm::MapRequest wish = anonymous(1);
    EXPECT_EQ(m.load(moved - page_size), std::nullopt) << "it does not grow, either";
    wish.address = moved;
    EXPECT_NE(must_map(wish), moved) << "taken";
    wish.address = {};
    const VirtAddr other = must_map(wish);
    EXPECT_TRUE(other < moved || other >= moved + 3 * page_size);
}

}  // namespace
}  // namespace kidney::test

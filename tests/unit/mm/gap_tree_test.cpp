/// The tree of regions by itself, against a reference that looks at every region.
#include "mm/gap_tree.hpp"

#include "tests/laws/report.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>

namespace kidney::test {
namespace {

struct Block : mm::GapTreeHook<Block> {
    Block(std::uint32_t first, std::uint32_t end, std::uint32_t claimed)
        : range{VirtAddr(first), end - first}, claim(claimed) {}
    VirtAddr reserved_start() const noexcept {
        return range.start - std::min(claim, range.start.value());
    }
    VirtRange range;
    std::uint32_t claim;  ///< bytes kept free below
};

constexpr VirtAddr lowest{16};
constexpr std::uint32_t space = 4096;

class GapTreeTest : public testing::Test {
protected:
    void add(std::uint32_t first, std::uint32_t end, std::uint32_t claim = 0) {
        auto block = std::make_unique<Block>(first, end, claim);
        tree.insert_before(tree.upper_bound(VirtAddr(first)), *block);
        blocks[first] = std::move(block);
    }
    bool is_free(std::uint32_t first, std::uint32_t end) const {
        for (const auto& [start, block] : blocks) {
            if (start < end && block->range.end().value() > first) {
                return false;
            }
        }
        return true;
    }
    /// What highest_gap() should say: looks at every gap.
    VirtAddr reference(std::uint32_t size, VirtAddr ceiling) const {
        VirtAddr best{0};
        VirtAddr floor = lowest;
        const auto look = [&](VirtAddr top) {
            top = std::min(top, ceiling);
            if (floor < top && top - floor >= size) {
                best = top - size;
            }
        };
        for (const auto& [start, block] : blocks) {
            look(block->reserved_start());
            floor = std::max(lowest, block->range.end());
        }
        look(VirtAddr(0xFFFF'FFFF));
        return best;
    }
    void check(laws::Random& random) {
        tree.check_integrity();
        const std::uint32_t size = 1 + random.below(random.below(4) == 0 ? 1000 : 20);
        const VirtAddr ceiling(random.below(space + 100));
        ASSERT_EQ(tree.highest_gap(size, lowest, ceiling), reference(size, ceiling))
            << size << " below " << ceiling.value();
        const VirtAddr at(random.below(space));
        const auto bound = blocks.upper_bound(at.value());
        ASSERT_EQ(tree.upper_bound(at), bound == blocks.end() ? nullptr : bound->second.get());
    }

    std::map<std::uint32_t, std::unique_ptr<Block>> blocks;
    mm::GapTree<Block> tree;
};

TEST_F(GapTreeTest, AnEmptyTreeIsOneGap) {
    EXPECT_EQ(tree.highest_gap(10, lowest, VirtAddr(100)), VirtAddr(90));
    EXPECT_EQ(tree.highest_gap(84, lowest, VirtAddr(100)), lowest);
    EXPECT_EQ(tree.highest_gap(85, lowest, VirtAddr(100)), VirtAddr(0));
    EXPECT_EQ(tree.upper_bound(lowest), nullptr);
    tree.check_integrity();
}

TEST_F(GapTreeTest, RandomBlocksComeAndGoAndChange) {
    for (std::uint32_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        laws::Random random(seed);
        for (int step = 0; step < 2000 && !HasFatalFailure(); ++step) {
            const std::uint32_t first = lowest.value() + random.below(space);
            const std::uint32_t end = first + 1 + random.below(30);
            // Phases of growth and of decay, so that trees of all sizes lose their nodes.
            const bool grows = step / 500 % 2 == 0;
            if (random.below(4) < (grows ? 3U : 1U)) {
                if (is_free(first, end)) {
                    add(first, end, random.below(5) == 0 ? random.below(200) : 0);
                }
            } else if (const auto some = blocks.lower_bound(first); some != blocks.end()) {
                Block& block = *some->second;
                const VirtAddr limit =
                    block.next == nullptr ? block.range.end() + 5 : block.next->range.start;
                if (random.below(3) == 0) {
                    block.range.size = 1 + random.below(limit - block.range.start);
                    tree.changed(block);
                } else {
                    tree.erase(block);
                    blocks.erase(some);
                }
            }
            check(random);
        }
        while (tree.first() != nullptr) {
            tree.erase(*tree.first());
            tree.check_integrity();
        }
        blocks.clear();
    }
}

}  // namespace
}  // namespace kidney::test

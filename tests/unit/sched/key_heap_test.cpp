/// The two structures that policies with many entities are made of, against plain ones.
#include "sched/policies/key_heap.hpp"

#include "sched/policies/sum_tree.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <random>
#include <set>
#include <vector>

namespace kidney::sched {
namespace {

constexpr std::uint32_t slots = 200;

struct Heap : KeyHeap {
    explicit Heap(std::uint32_t capacity = slots) { grow(capacity); }
    void grow(std::uint32_t capacity) {
        std::vector<std::byte> larger(bytes_for(capacity));
        use(larger, capacity);
        memory.swap(larger);
    }
    std::vector<std::byte> memory;
};

/// Keys start at `base`, so that they wrap around in some runs.
void compare_with_a_set(std::uint64_t base) {
    Heap heap(10);
    std::set<std::pair<std::uint64_t, std::uint32_t>> plain;
    std::vector<std::uint64_t> key(slots);
    std::vector<bool> inside(slots);
    std::mt19937 random(7);
    std::uint64_t now = 0;
    std::uint32_t capacity = 10;
    for (int step = 0; step < 20000; ++step) {
        if (step % 2000 == 1999) {
            capacity = std::min(capacity * 2, slots);
            heap.grow(capacity);
        }
        const auto slot = static_cast<std::uint32_t>(random() % capacity);
        switch (random() % 4) {
            case 0:
            case 1:
                if (!inside[slot]) {
                    key[slot] = now + random() % 50;  // many ties
                    heap.push(slot, base + key[slot]);
                    plain.emplace(key[slot], slot);
                    inside[slot] = true;
                }
                break;
            case 2:
                if (inside[slot]) {
                    heap.remove(slot);
                    plain.erase({key[slot], slot});
                    inside[slot] = false;
                }
                break;
            default:
                if (!plain.empty()) {
                    ASSERT_EQ(heap.first(), plain.begin()->second);
                    const std::uint32_t last = heap.at(heap.size() - 1);
                    ASSERT_TRUE(inside[last]);
                    ASSERT_TRUE(plain.size() == 1 || last != heap.first());
                    ASSERT_EQ(heap.pop(), plain.begin()->second);
                    now = plain.begin()->first;
                    inside[plain.begin()->second] = false;
                    plain.erase(plain.begin());
                }
                break;
        }
        ASSERT_EQ(heap.size(), plain.size());
        ASSERT_EQ(heap.is_empty(), plain.empty());
        if (!plain.empty()) {
            ASSERT_EQ(heap.first(), plain.begin()->second);
            ASSERT_EQ(heap.first_key(), (base + plain.begin()->first) & ((1ULL << 40) - 1));
        }
    }
}

TEST(KeyHeap, IsASortedSet) {
    compare_with_a_set(0);
}

TEST(KeyHeap, OrdersKeysThatWrapAround) {
    compare_with_a_set((1ULL << 40) - 500);
    compare_with_a_set((1ULL << 39) - 500);
    compare_with_a_set(~0ULL - 700);
}

TEST(KeyHeap, BreaksTiesBySlot) {
    Heap heap;
    for (const std::uint32_t slot : {7U, 3U, 199U, 0U}) {
        heap.push(slot, 5);
    }
    for (const std::uint32_t slot : {0U, 3U, 7U, 199U}) {
        EXPECT_EQ(heap.pop(), slot);
    }
    EXPECT_TRUE(heap.is_empty());
}

TEST(KeyHeapDeathTest, NoticesWhoIsInTwiceOrNotAtAll) {
    Heap heap;
    heap.push(1, 5);
    EXPECT_DEATH(heap.push(1, 6), "enqueued twice");
    EXPECT_DEATH(heap.remove(2), "removing what is not queued");
}

TEST(SumTree, FindsTheHolderOfEveryTicket) {
    for (const std::uint32_t capacity : {1U, 2U, 16U, 17U, 256U, 300U, 5000U}) {
        SumTree tree;
        std::vector<std::byte> memory(SumTree::bytes_for(capacity));
        tree.use(memory, capacity);
        std::vector<std::uint32_t> plain(capacity);
        std::mt19937 random(capacity);
        for (int step = 0; step < 3000; ++step) {
            const auto slot = static_cast<std::uint32_t>(random() % capacity);
            plain[slot] = random() % 3 == 0 ? 0 : static_cast<std::uint32_t>(random());
            tree.set(slot, plain[slot]);
        }
        const std::uint64_t total = std::accumulate(plain.begin(), plain.end(), std::uint64_t{0});
        ASSERT_EQ(tree.total(), total);
        std::uint64_t first = 0;
        for (std::uint32_t slot = 0; slot < capacity; ++slot) {
            if (plain[slot] != 0) {
                ASSERT_EQ(tree.find(first), slot) << capacity;
                ASSERT_EQ(tree.find(first + plain[slot] - 1), slot) << capacity;
                first += plain[slot];
            }
        }
    }
}

TEST(SumTree, KeepsItsTicketsWhenItGrows) {
    SumTree tree;
    std::vector<std::byte> small(SumTree::bytes_for(3));
    tree.use(small, 3);
    tree.set(0, 5);
    tree.set(2, 7);
    std::vector<std::byte> large(SumTree::bytes_for(1000));
    tree.use(large, 1000);
    EXPECT_EQ(tree.total(), 12U);
    EXPECT_EQ(tree.find(4), 0U);
    EXPECT_EQ(tree.find(5), 2U);
    tree.set(999, 1);
    EXPECT_EQ(tree.find(12), 999U);
}

}  // namespace
}  // namespace kidney::sched

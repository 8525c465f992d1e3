/// The structures that policies with many entities are made of, against plain ones.
#include "sched/policies/tournament.hpp"

#include "sched/policies/keyed_queue.hpp"
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

struct Knockout : Tournament {
    explicit Knockout(std::uint32_t capacity = slots) { grow(capacity); }
    void grow(std::uint32_t capacity) {
        std::vector<std::byte> larger(bytes_for(capacity));
        use(larger, capacity);
        memory.swap(larger);
    }
    std::vector<std::byte> memory;
};

/// Keys start at `base`, so that they wrap around in some runs.
void compare_with_a_set(std::uint64_t base) {
    Knockout order(10);
    std::set<std::pair<std::uint64_t, std::uint32_t>> plain;
    std::vector<std::uint64_t> key(slots);
    std::vector<bool> inside(slots);
    std::mt19937 random(7);
    std::uint64_t now = 0;
    std::uint32_t capacity = 10;
    for (int step = 0; step < 20000; ++step) {
        if (step % 2000 == 1999) {
            capacity = std::min(capacity * 2, slots);
            order.grow(capacity);
        }
        const auto slot = static_cast<std::uint32_t>(random() % capacity);
        switch (random() % 4) {
            case 0:
            case 1:
                if (!inside[slot]) {
                    key[slot] = now + random() % 50;  // many ties
                    order.push(slot, base + key[slot]);
                    plain.emplace(key[slot], slot);
                    inside[slot] = true;
                }
                break;
            case 2:
                if (inside[slot]) {
                    order.remove(slot);
                    plain.erase({key[slot], slot});
                    inside[slot] = false;
                }
                break;
            default:
                if (!plain.empty()) {
                    ASSERT_EQ(order.first(), plain.begin()->second);
                    const std::uint32_t other = order.runner_up();
                    ASSERT_TRUE(inside[other]);
                    ASSERT_EQ(other == order.first(), plain.size() == 1);
                    ASSERT_EQ(order.pop(), plain.begin()->second);
                    now = plain.begin()->first;
                    inside[plain.begin()->second] = false;
                    plain.erase(plain.begin());
                }
                break;
        }
        ASSERT_EQ(order.size(), plain.size());
        ASSERT_EQ(order.is_empty(), plain.empty());
        if (!plain.empty()) {
            ASSERT_EQ(order.first(), plain.begin()->second);
            ASSERT_EQ(order.first_key(), (base + plain.begin()->first) & ((1ULL << 40) - 1));
        }
    }
}

TEST(Tournament, IsASortedSet) {
    compare_with_a_set(0);
}

TEST(Tournament, OrdersKeysThatWrapAround) {
    compare_with_a_set((1ULL << 40) - 500);
    compare_with_a_set((1ULL << 39) - 500);
    compare_with_a_set(~0ULL - 700);
}

TEST(Tournament, BreaksTiesBySlot) {
    Knockout order;
    for (const std::uint32_t slot : {7U, 3U, 199U, 0U}) {
        order.push(slot, 5);
    }
    for (const std::uint32_t slot : {0U, 3U, 7U, 199U}) {
        EXPECT_EQ(order.pop(), slot);
    }
    EXPECT_TRUE(order.is_empty());
}

TEST(Tournament, DoesNotDependOnHowItCameAbout) {
    Knockout one;
    Knockout other;
    for (std::uint32_t slot = 0; slot < 100; ++slot) {
        one.push(slot, slot % 7);
        other.push(99 - slot, (99 - slot) % 7);
    }
    for (const std::uint32_t slot : {3U, 50U, 98U, 0U}) {
        one.remove(slot);
    }
    for (const std::uint32_t slot : {0U, 98U, 50U, 3U}) {
        other.remove(slot);
    }
    while (!one.is_empty()) {
        ASSERT_EQ(one.runner_up(), other.runner_up());
        ASSERT_EQ(one.pop(), other.pop());
    }
    EXPECT_TRUE(other.is_empty());
}

TEST(KeyedQueue, GivesAwayWhoMayGoAndNotTheFirst) {
    constexpr std::uint32_t n = 20;
    KeyedQueue queue;
    std::vector<std::byte> memory(KeyedQueue::bytes_for(n));
    queue.use(memory, n);
    std::vector<Entity> entities(n);
    for (std::uint32_t slot = 0; slot < n; ++slot) {
        entities[slot].slot = slot;
        entities[slot].weight = slot % 5 == 0 ? 15 : 1024;
        queue.insert(entities[slot], slot / 2);
    }
    const Taker anybody{.cpu = CpuId(0)};
    const Taker light{.cpu = CpuId(0), .most_weight = 100};
    Entity* const chosen = queue.take_last(anybody);
    ASSERT_NE(chosen, nullptr);
    EXPECT_NE(chosen, &entities[0]);
    EXPECT_FALSE(chosen->queued);
    std::set<Entity*> taken{chosen};
    while (Entity* const next = queue.take_last(light)) {
        EXPECT_EQ(next->weight, 15U);
        EXPECT_TRUE(taken.insert(next).second);
        EXPECT_TRUE(taken.size() == 4 + (chosen->weight == 15 ? 0U : 1U) || next != &entities[0]);
    }
    EXPECT_TRUE(taken.contains(&entities[0]));  // at last
    EXPECT_EQ(queue.size(), n - taken.size());
    while (queue.take_last(anybody) != nullptr) {
    }
    EXPECT_TRUE(queue.is_empty());
}

TEST(TournamentDeathTest, NoticesWhoIsInTwiceOrNotAtAll) {
    Knockout order;
    order.push(1, 5);
    EXPECT_DEATH(order.push(1, 6), "enqueued twice");
    EXPECT_DEATH(order.remove(2), "removing what is not queued");
    EXPECT_DEATH(order.push(300, 6), "an entity without a slot");
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

/// The queue of what has happened to watched nodes: merging, the end of its room, and of memory.
#include "fs/notify/change_queue.hpp"

#include "tests/fakes/fake_heap.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace kidney::fs {
namespace {

struct Book final : AccountBook {
    void account_gone(UserAccount&) noexcept override {}
};

class ChangeQueueTest : public testing::Test {
protected:
    using Heap = fakes::FakeHeap;
    using Queue = ChangeQueue<Heap>;
    static constexpr std::uint32_t most = 4;

    ChangeQueueTest() { start(1U << 20U); }
    void TearDown() override {
        queue.reset();
        EXPECT_EQ(heap.used_bytes(), 0U);
        EXPECT_EQ(account.held(Holding::change_bytes), 0U);
    }
    void start(std::uint64_t bytes) {
        queue.reset();
        Share share;
        EXPECT_TRUE(
            share.take({Ref<UserAccount>::share(account), false}, Holding::change_bytes, 0, bytes));
        queue.emplace(heap, **QueuedChange<Heap>::create(heap, {.watch = -1, .what = Change::lost}),
                      std::move(share), most, bytes);
    }
    /// "3:name", "lost", or "none".
    std::string pop() {
        QueuedChange<Heap>* const change = queue->pop();
        if (change == nullptr) {
            return "none";
        }
        const ChangeRecord& r = change->record();
        std::string said =
            r.what == Change::lost ? "lost" : std::to_string(r.watch) + ":" + std::string(r.name);
        queue->done_with(change);
        return said;
    }
    bool push(std::int32_t watch, std::string_view name, Change what = Change::modified) {
        return queue->push({watch, what, 0, name});
    }

    Heap heap;
    Book book;
    UserAccount account{book, 7};
    std::optional<Queue> queue;
};

TEST_F(ChangeQueueTest, KeepsTheOrderAndTheNames) {
    std::string name = "one";
    EXPECT_TRUE(push(1, name));
    name = "two";  // the queue has its own
    EXPECT_TRUE(push(2, name));
    EXPECT_EQ(queue->sum([](std::size_t size) { return size; }), 6U);
    EXPECT_EQ(pop(), "1:one");
    EXPECT_EQ(pop(), "2:two");
    EXPECT_EQ(pop(), "none");
    EXPECT_EQ(account.held(Holding::change_bytes), 0U);
}

TEST_F(ChangeQueueTest, SaysTheSameThingOnceInARow) {
    EXPECT_TRUE(push(1, "a"));
    EXPECT_FALSE(push(1, "a"));
    EXPECT_TRUE(push(1, "b"));
    EXPECT_TRUE(push(1, "b", Change::accessed));
    EXPECT_TRUE(push(2, "b", Change::accessed));
    EXPECT_EQ(queue->count(), 4U);
}

TEST_F(ChangeQueueTest, ForgettingIsSaidEachTime) {
    EXPECT_TRUE(push(1, "", Change::forgotten));
    EXPECT_TRUE(push(1, "", Change::forgotten));
}

TEST_F(ChangeQueueTest, SaysOnceThatItIsFull) {
    for (const char* name : {"a", "b", "c", "d"}) {
        EXPECT_TRUE(push(1, name));
    }
    EXPECT_TRUE(push(1, "e"));
    EXPECT_FALSE(push(1, "f"));
    EXPECT_EQ(pop(), "1:a");
    EXPECT_FALSE(push(1, "g")) << "there are four still, with the one that says so";
    EXPECT_EQ(pop(), "1:b");
    EXPECT_TRUE(push(1, "h"));
    EXPECT_EQ(pop(), "1:c");
    EXPECT_EQ(pop(), "1:d");
    EXPECT_EQ(pop(), "lost");
    EXPECT_EQ(pop(), "1:h");
    EXPECT_EQ(pop(), "none");
}

TEST_F(ChangeQueueTest, SaysThatMemoryIsShort) {
    heap.fail_at(1);
    EXPECT_TRUE(push(1, "a"));
    EXPECT_TRUE(push(1, "b"));
    EXPECT_EQ(pop(), "lost");
    EXPECT_EQ(pop(), "1:b");
}

TEST_F(ChangeQueueTest, StopsWhereItsUserMustStop) {
    start(QueuedChange<Heap>::bytes_for({.name = "a"}));
    EXPECT_TRUE(push(1, "a"));
    EXPECT_TRUE(push(1, "b"));
    EXPECT_EQ(pop(), "1:a");
    EXPECT_TRUE(push(1, "c"));
    EXPECT_EQ(pop(), "lost");
    EXPECT_EQ(pop(), "1:c");
}

}  // namespace
}  // namespace kidney::fs

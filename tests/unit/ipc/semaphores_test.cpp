/// Sets of semaphores: all or nothing, waiting, undoing; and without memory nothing changes.
#include "ipc/semaphores.hpp"

#include "tests/fakes/fake_heap.hpp"
#include "tests/unit/ipc/scripted_queue.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace kidney::ipc {
namespace {

using ipc_test::ScriptedQueue;

struct SemaphoresTest : testing::Test {
    fakes::FakeHeap heap;
    Semaphores<fakes::FakeHeap, NullLock, ScriptedQueue, 4> all{heap};
    Caller me{.pid = 10, .uid = 1, .gid = 1, .now = 100};
    Caller other{.pid = 20, .uid = 2, .gid = 2, .now = 200};
    Caller root{.pid = 1, .is_privileged = true};

    std::int32_t make(std::uint32_t count, std::uint32_t mode = 0600) {
        return *all.get({.mode = mode}, count, me);
    }
    Status operate(std::int32_t id, std::vector<SemaphoreOperation> operations,
                   Instant deadline = Instant::never()) {
        return all.operate(id, operations, me, deadline);
    }
    int value(std::int32_t id, std::uint32_t number) { return all.value(id, number, me)->value; }
    void TearDown() override { ScriptedQueue::steps.clear(); }
};

TEST_F(SemaphoresTest, KeysAndNumbers) {
    EXPECT_EQ(all.get({.key = 5}, 1, me).error(), Errc::not_found);
    const std::int32_t id = *all.get({.key = 5, .create = true, .mode = 0640}, 3, me);
    EXPECT_EQ(all.get({.key = 5}, 2, me).value(), id);
    EXPECT_EQ(all.get({.key = 5}, 4, me).error(), Errc::invalid_argument);
    EXPECT_EQ(all.get({.key = 5, .create = true, .exclusive = true}, 1, me).error(), Errc::exists);
    EXPECT_EQ(all.get({.key = 5, .mode = 0400}, 0, other).error(), Errc::permission_denied);
    EXPECT_EQ(all.get({.key = 5, .mode = 0400}, 0, root).value(), id);
    EXPECT_EQ(all.get({}, 0, me).error(), Errc::invalid_argument);
    EXPECT_EQ(all.get({}, most_in_set + 1, me).error(), Errc::invalid_argument);
    EXPECT_TRUE(all.remove(id, me));
    EXPECT_EQ(all.remove(id, me).error(), Errc::invalid_argument);
    const std::int32_t next = make(1);
    EXPECT_NE(next, id) << "the same place, another number";
    make(1), make(1), make(1);
    EXPECT_EQ(all.get({}, 1, me).error(), Errc::no_space);
    EXPECT_EQ(all.usage().sets, 4U);
}

TEST_F(SemaphoresTest, AllOrNothing) {
    const std::int32_t id = make(2);
    ASSERT_TRUE(all.set_value(id, 0, 5, me));
    EXPECT_EQ(operate(id, {{0, -3}, {1, -1, true}}).error(), Errc::would_block);
    EXPECT_EQ(value(id, 0), 5);
    EXPECT_TRUE(operate(id, {{0, -5}, {0, 0}, {0, 1}, {1, 7}}));
    EXPECT_EQ(value(id, 0), 1);
    EXPECT_EQ(value(id, 1), 7);
    EXPECT_EQ(operate(id, {{1, 1}, {0, highest_semaphore}}).error(), Errc::out_of_range);
    EXPECT_EQ(value(id, 1), 7);
    EXPECT_EQ(operate(id, {{2, 1}}).error(), Errc::file_too_big);
}

TEST_F(SemaphoresTest, WaitsUntilItCanGoOn) {
    const std::int32_t id = make(1);
    ScriptedQueue::steps.push_back([&] {
        EXPECT_EQ(all.value(id, 0, me)->waits_for_more, 1U);
        EXPECT_TRUE(operate(id, {{0, 1}}));
    });
    ScriptedQueue::steps.push_back([&] { EXPECT_TRUE(operate(id, {{0, 1}})); });
    EXPECT_TRUE(operate(id, {{0, -2}}));
    EXPECT_EQ(all.value(id, 0, me)->waits_for_more, 0U);
    EXPECT_EQ(operate(id, {{0, -1}}).error(), Errc::interrupted);
    EXPECT_EQ(operate(id, {{0, -1}}, Instant()).error(), Errc::would_block);
    EXPECT_EQ(all.value(id, 0, me)->waits_for_more, 0U);
    ScriptedQueue::steps.push_back([&] { EXPECT_TRUE(all.remove(id, me)); });
    EXPECT_EQ(operate(id, {{0, -1}}).error(), Errc::identifier_removed);
}

TEST_F(SemaphoresTest, UndoesWhatTheProcessDid) {
    const std::int32_t id = make(2);
    ASSERT_TRUE(all.set_value(id, 0, 10, me));
    const SemaphoreOperation take{0, -4, false, true};
    const SemaphoreOperation give{1, 3, false, true};
    EXPECT_TRUE(operate(id, {take, give}));
    EXPECT_EQ(operate(id, {take, {1, -9, true, true}}).error(), Errc::would_block);
    EXPECT_TRUE(operate(id, {{1, -2}}));
    all.process_gone(other);
    EXPECT_EQ(value(id, 0), 6);
    all.process_gone(me);
    EXPECT_EQ(value(id, 0), 10);
    EXPECT_EQ(value(id, 1), 0) << "not below zero";
    EXPECT_TRUE(operate(id, {take}));
    ASSERT_TRUE(all.set_value(id, 0, 2, me));
    all.process_gone(me);
    EXPECT_EQ(value(id, 0), 2) << "a value set by hand stays";
    const SemaphoreOperation most{0, highest_semaphore - 10, false, true};
    EXPECT_TRUE(operate(id, {most}));
    EXPECT_TRUE(operate(id, {{0, -(highest_semaphore - 10)}}));
    EXPECT_EQ(operate(id, {most}).error(), Errc::out_of_range) << "too much to undo";
    EXPECT_EQ(value(id, 0), 2);
}

TEST_F(SemaphoresTest, RightsAreThoseOfTheMode) {
    const std::int32_t id = make(1, 0604);
    const SemaphoreOperation up{0, 1};
    const SemaphoreOperation zero{0, 0};
    EXPECT_EQ(all.operate(id, {&up, 1}, other, Instant()).error(), Errc::permission_denied);
    EXPECT_TRUE(all.operate(id, {&zero, 1}, other, Instant()));
    EXPECT_EQ(all.remove(id, other).error(), Errc::not_permitted);
    EXPECT_EQ(all.change(id, 2, 2, 0666, other).error(), Errc::not_permitted);
    EXPECT_TRUE(all.change(id, 2, 2, 0600, me));
    EXPECT_TRUE(all.remove(id, other)) << "its owner now";
}

TEST_F(SemaphoresTest, WithoutMemoryNothingChanges) {
    heap.fail_at(1);
    EXPECT_EQ(all.get({}, 1, me).error(), Errc::no_memory);
    const std::int32_t id = make(1);
    heap.fail_at(1);
    EXPECT_EQ(operate(id, {{0, 1, false, true}}).error(), Errc::no_memory);
    EXPECT_EQ(value(id, 0), 0);
    EXPECT_TRUE(all.remove(id, me));
    EXPECT_EQ(heap.used_bytes(), 0U);
}

}  // namespace
}  // namespace kidney::ipc

/// Message queues.
#include "ipc/message_queues.hpp"

#include "tests/fakes/fake_heap.hpp"
#include "tests/unit/ipc/scripted_queue.hpp"

#include <gtest/gtest.h>

#include <string>

namespace kidney::ipc {
namespace {

using ipc_test::ScriptedQueue;

struct MessageQueuesTest : testing::Test {
    fakes::FakeHeap heap;
    MessageQueues<fakes::FakeHeap, NullLock, ScriptedQueue, 4> all{heap};
    Caller me{.pid = 10, .uid = 1, .gid = 1, .now = 100};
    std::int32_t id = *all.get({.mode = 0600}, me);

    Status send(std::int32_t type, std::string_view text, bool no_wait = true) {
        Message* const message = *all.make_message(static_cast<std::uint32_t>(text.size()));
        message->type = type;
        std::ranges::copy(std::as_bytes(std::span(text)), message->bytes().begin());
        const Status sent = all.send(id, *message, no_wait, me);
        if (!sent) {
            all.destroy_message(message);
        }
        return sent;
    }
    Result<std::string> receive(MessageWish wish, std::size_t room = 100) {
        Message* const message = TRY(all.receive(id, room, wish, me));
        std::string text(reinterpret_cast<const char*>(message->bytes().data()), message->size);
        all.destroy_message(message);
        return text;
    }
    void TearDown() override { ScriptedQueue::steps.clear(); }
};

TEST_F(MessageQueuesTest, AreReadByType) {
    for (const char* const text : {"3a", "1a", "2a", "1b", "3b"}) {
        ASSERT_TRUE(send(text[0] - '0', text));
    }
    EXPECT_EQ(receive({.type = 9, .no_wait = true}).error(), Errc::no_message);
    EXPECT_EQ(*receive({.type = 1, .copy = true, .no_wait = true}), "1a") << "the second";
    EXPECT_EQ(*receive({.type = 2}), "2a");
    EXPECT_EQ(*receive({.type = -2}), "1a");
    EXPECT_EQ(*receive({.type = 3, .others = true}), "1b");
    EXPECT_EQ(*receive({}), "3a");
    EXPECT_EQ(*receive({.type = -9}), "3b");
    ASSERT_TRUE(send(1, "end of the list is where it should be"));
    EXPECT_EQ(all.facts(id, me)->messages, 1U);
    EXPECT_EQ(receive({}, 3).error(), Errc::argument_list_long);
    EXPECT_EQ(receive({.cut = true}, 3)->size(), 37U) << "the caller cuts";
    EXPECT_EQ(all.facts(id, me)->bytes, 0U);
}

TEST_F(MessageQueuesTest, AFullQueueMakesSendersWait) {
    ASSERT_TRUE(all.change(id, 1, 1, 0600, 4, me));
    ASSERT_TRUE(send(1, "abcd"));
    EXPECT_EQ(send(1, "e").error(), Errc::would_block);
    ScriptedQueue::steps.push_back([&] { EXPECT_EQ(*receive({}), "abcd"); });
    EXPECT_TRUE(send(1, "ef", false));
    EXPECT_EQ(send(1, "efgh", false).error(), Errc::interrupted);
    EXPECT_EQ(*receive({}), "ef");
    for (int n = 0; n < 4; ++n) {
        EXPECT_TRUE(send(1, ""));
    }
    EXPECT_EQ(send(1, "").error(), Errc::would_block) << "empty ones count, too";
    ScriptedQueue::steps.push_back([&] { EXPECT_TRUE(all.remove(id, me)); });
    EXPECT_EQ(send(1, "x", false).error(), Errc::identifier_removed);
    EXPECT_EQ(heap.used_bytes(), 0U);
}

TEST_F(MessageQueuesTest, ReceiversWait) {
    ScriptedQueue::steps.push_back([&] { EXPECT_TRUE(send(2, "other")); });
    ScriptedQueue::steps.push_back([&] { EXPECT_TRUE(send(1, "mine")); });
    EXPECT_EQ(*receive({.type = 1}), "mine");
    EXPECT_EQ(receive({.type = 1}).error(), Errc::interrupted);
    Caller stranger{.pid = 3, .uid = 3, .gid = 3};
    EXPECT_EQ(all.receive(id, 10, {}, stranger).error(), Errc::permission_denied);
    EXPECT_EQ(all.change(id, 1, 1, 0600, default_queue_bytes + 1, me).error(), Errc::not_permitted);
}

TEST_F(MessageQueuesTest, WithoutMemoryNothingChanges) {
    heap.fail_at(1);
    EXPECT_EQ(all.get({}, me).error(), Errc::no_memory);
    heap.fail_at(1);
    EXPECT_EQ(all.make_message(3).error(), Errc::no_memory);
    ASSERT_TRUE(send(1, "stays"));
    heap.fail_at(1);
    EXPECT_EQ(receive({.copy = true, .no_wait = true}).error(), Errc::no_memory);
    EXPECT_EQ(*receive({}), "stays");
}

}  // namespace
}  // namespace kidney::ipc

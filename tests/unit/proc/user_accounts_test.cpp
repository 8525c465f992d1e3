/// What users hold.
#include "proc/identity/user_accounts.hpp"

#include "tests/fakes/fake_heap.hpp"

#include <gtest/gtest.h>

namespace kidney::proc {
namespace {

struct UserAccountsTest : testing::Test {
    fakes::FakeHeap heap;
    UserAccounts<fakes::FakeHeap, NullLock> accounts{heap};
};

TEST_F(UserAccountsTest, OneAccountPerUserWhileSomebodyRefersToIt) {
    Ref<UserAccount> a = *accounts.of(7);
    Ref<UserAccount> b = *accounts.of(8);
    EXPECT_EQ(accounts.of(7)->get(), a.get());
    EXPECT_NE(a.get(), b.get());
    EXPECT_EQ(heap.live_objects(), 2U);
    a.reset();
    EXPECT_EQ(heap.live_objects(), 1U);
    EXPECT_EQ((*accounts.of(7))->held(Holding::processes), 0U);
}

TEST_F(UserAccountsTest, ALimitIsReachedAndNotExceeded) {
    const Ref<UserAccount> a = *accounts.of(7);
    EXPECT_TRUE(a->take(Holding::pipe_pages, 3, 4));
    EXPECT_FALSE(a->take(Holding::pipe_pages, 2, 4));
    EXPECT_EQ(a->held(Holding::pipe_pages), 3U);
    EXPECT_TRUE(a->take(Holding::pipe_pages, 1, 4));
    EXPECT_TRUE(a->take(Holding::processes, 1, 4));  // another kind
    a->take(Holding::pipe_pages, 5);                 // whom no limit stops
    EXPECT_FALSE(a->take(Holding::pipe_pages, 1, 4));
    a->give_back(Holding::pipe_pages, 9);
    a->give_back(Holding::processes, 1);
    EXPECT_FALSE(a->take(Holding::pipe_pages, 1, 0));
}

TEST_F(UserAccountsTest, WithoutMemoryThereIsNoNewAccount) {
    const Ref<UserAccount> known = *accounts.of(7);
    heap.fail_at(1);
    EXPECT_EQ(accounts.of(8).error(), Errc::no_memory);
    EXPECT_TRUE(accounts.of(7));
}

}  // namespace
}  // namespace kidney::proc

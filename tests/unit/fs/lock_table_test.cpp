/// Advisory locks: conflicts, ranges that split and merge, waiting, deadlock, and no memory.
#include "fs/locks/lock_table.hpp"

#include "fs/tmpfs/tmpfs.hpp"
#include "tests/support/scripted_queue.hpp"
#include "tests/unit/fs/test_world.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <thread>
#include <vector>

namespace kidney::fs {
namespace {

using fs_test::World;
using TestTmpfs = Tmpfs<fakes::FakeHeap, fs_test::Frames, sim::RamArena, NullLock, fs_test::Clock>;

using ScriptedQueue = test::ScriptedQueue<NullLock>;

constexpr LockOwner a = LockOwner::process(1), b = LockOwner::process(2), c = LockOwner::process(3);
constexpr auto shared = LockKind::shared;
constexpr auto exclusive = LockKind::exclusive;

struct LockTableTest : testing::Test {
    World world;
    TestTmpfs disk{world.heap, world.frames, world.arena, world.clock, 1, {.pages = 100}};
    Ref<Vnode> file, other;
    using Table = LockTable<fakes::FakeHeap, NullLock, ScriptedQueue>;
    Table locks{world.heap};

    void SetUp() override {
        ScriptedQueue::steps.clear();
        ASSERT_TRUE(disk.start(Permissions(0755)));
        file = *disk.root()->create("f", {.permissions = Permissions(0644)});
        other = *disk.root()->create("g", {.permissions = Permissions(0644)});
    }
    Status take(LockOwner owner, LockKind kind, std::uint64_t first, std::uint64_t last) {
        return locks.set(*file, {owner, kind, {first, last}}, false);
    }
    /// What an outsider would run into, as a text: "12-15x 20-20s".
    std::string held() {
        std::string text;
        for (std::uint64_t from = 0;;) {
            const auto found = locks.find_conflict(
                *file, {LockOwner::process(99), exclusive, {from, LockRange::end_of_all}});
            if (!found) {
                return text;
            }
            text += (text.empty() ? "" : " ") + std::to_string(found->range.first) + "-" +
                    std::to_string(found->range.last) + (found->kind == shared ? "s" : "x");
            from = found->range.last + 1;
        }
    }
};

TEST_F(LockTableTest, SharedGoesWithSharedExclusiveWithNobody) {
    EXPECT_TRUE(take(a, shared, 0, 9));
    EXPECT_TRUE(take(b, shared, 5, 15));
    EXPECT_EQ(take(c, exclusive, 9, 9).error(), Errc::would_block);
    EXPECT_TRUE(take(c, exclusive, 16, 20));
    EXPECT_EQ(take(a, shared, 0, 16).error(), Errc::would_block);
    EXPECT_TRUE(locks.set(*other, {c, exclusive, {}}, false)) << "another file";
    const auto found = locks.find_conflict(*file, {c, exclusive, {0, 100}});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->owner.pid(), 1);
    EXPECT_EQ(found->range, (LockRange{0, 9}));
    EXPECT_FALSE(locks.find_conflict(*file, {c, shared, {0, 100}}));
}

TEST_F(LockTableTest, AnOwnersRangesSplitMergeAndChangeKind) {
    EXPECT_TRUE(take(a, exclusive, 10, 19));
    EXPECT_TRUE(take(a, exclusive, 20, 29));
    EXPECT_EQ(held(), "10-29x");
    EXPECT_TRUE(locks.clear(*file, a, {15, 24}));
    EXPECT_EQ(held(), "10-14x 25-29x");
    EXPECT_TRUE(take(a, shared, 12, 26));
    EXPECT_EQ(held(), "10-11x 12-26s 27-29x");
    EXPECT_TRUE(take(a, shared, 0, LockRange::end_of_all));
    EXPECT_EQ(held(), "0-" + std::to_string(LockRange::end_of_all) + "s");
    EXPECT_TRUE(take(a, exclusive, 5, 5));
    EXPECT_EQ(held(), "0-4s 5-5x 6-" + std::to_string(LockRange::end_of_all) + "s");
    EXPECT_TRUE(locks.clear(*file, a, {}));
    EXPECT_EQ(held(), "");
    EXPECT_TRUE(locks.clear(*file, a, {})) << "nothing to unlock is no error";
}

TEST_F(LockTableTest, NeighboursOfOthersStayApart) {
    EXPECT_TRUE(take(a, exclusive, 0, 4));
    EXPECT_TRUE(take(b, exclusive, 5, 9));
    EXPECT_TRUE(take(a, shared, 10, 14));
    EXPECT_EQ(held(), "0-4x 5-9x 10-14s");
    EXPECT_TRUE(locks.clear(*file, b, {0, 100})) << "unlocks only what it holds";
    EXPECT_EQ(held(), "0-4x 10-14s");
}

TEST_F(LockTableTest, RandomChangesAgreeWithAModelOfSingleBytes) {
    constexpr std::size_t bytes = 24;
    std::vector<std::array<int, 4>> model(bytes, {0, 0, 0, 0});  // 0 none, 1 shared, 2 exclusive
    std::mt19937 random(4711);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    for (int round = 0; round < 4000; ++round) {
        const auto who = 1 + below(3);
        const std::size_t first = below(bytes);
        const std::size_t last = first + below(bytes - first);
        const int kind = static_cast<int>(below(3));
        bool allowed = true;
        for (std::size_t at = first; at <= last; ++at) {
            for (std::size_t o = 1; o <= 3; ++o) {
                allowed &=
                    o == who || kind == 0 || model[at][o] == 0 || (kind == 1 && model[at][o] == 1);
            }
        }
        const LockOwner owner = LockOwner::process(static_cast<std::int32_t>(who));
        const Status done = kind == 0 ? locks.clear(*file, owner, {first, last})
                                      : take(owner, kind == 1 ? shared : exclusive, first, last);
        ASSERT_EQ(done.has_value(), allowed) << "round " << round;
        for (std::size_t at = first; allowed && at <= last; ++at) {
            model[at][who] = kind;
        }
        for (std::size_t at = 0; at < bytes; ++at) {
            for (std::size_t o = 1; o <= 3; ++o) {
                bool blocked = false;
                for (std::size_t p = 1; p <= 3; ++p) {
                    blocked |= p != o && model[at][p] != 0;
                }
                ASSERT_EQ(
                    locks
                        .find_conflict(
                            *file, {LockOwner::process(static_cast<int>(o)), exclusive, {at, at}})
                        .has_value(),
                    blocked)
                    << "round " << round << " byte " << at;
            }
        }
    }
    // What is left cannot be more than the changes of kind in the model, so ranges were merged.
    locks.release(a);
    locks.release(b);
    locks.release(c);
    EXPECT_EQ(held(), "");
}

TEST_F(LockTableTest, WaitsUntilTheRangeIsFree) {
    ASSERT_TRUE(take(a, exclusive, 0, 9));
    int slept = 0;
    ScriptedQueue::steps.push_back([&] { ++slept; });  // woken for nothing
    ScriptedQueue::steps.push_back([&] {
        ++slept;
        locks.release(a, file.get());
    });
    EXPECT_TRUE(locks.set(*file, {b, exclusive, {5, 5}}, true));
    EXPECT_EQ(slept, 2);
    EXPECT_EQ(held(), "5-5x");
}

TEST_F(LockTableTest, ASignalEndsTheWaitAndLeavesNothingBehind) {
    ASSERT_TRUE(take(a, exclusive, 0, 9));
    EXPECT_EQ(locks.set(*file, {b, shared, {0, 0}}, true).error(), Errc::interrupted);
    EXPECT_EQ(held(), "0-9x");
    locks.release(a);
    EXPECT_EQ(held(), "");
}

TEST_F(LockTableTest, ACircleOfProcessesIsADeadlock) {
    ASSERT_TRUE(take(a, exclusive, 1, 1));
    ASSERT_TRUE(take(b, exclusive, 2, 2));
    ASSERT_TRUE(locks.set(*other, {c, exclusive, {3, 3}}, false));
    Errc last = Errc::io_error;
    // a waits for b, b for c; then c would wait for a.
    ScriptedQueue::steps.push_back([&] {
        ScriptedQueue::steps.push_back([&] {
            last = locks.set(*file, {c, shared, {1, 1}}, true).error();
            locks.release(c);
        });
        EXPECT_TRUE(locks.set(*other, {b, exclusive, {3, 3}}, true));
        locks.release(b);
    });
    EXPECT_TRUE(locks.set(*file, {a, exclusive, {2, 2}}, true));
    EXPECT_EQ(last, Errc::deadlock);
}

TEST_F(LockTableTest, OpenFilesMayWaitInCircles) {
    const LockOwner x = LockOwner::open_file(&file), y = LockOwner::open_file(&other);
    EXPECT_EQ(x.pid(), -1);
    ASSERT_TRUE(take(x, exclusive, 1, 1));
    ASSERT_TRUE(take(y, exclusive, 2, 2));
    ScriptedQueue::steps.push_back([&] {
        EXPECT_EQ(locks.set(*file, {y, exclusive, {1, 1}}, true).error(), Errc::interrupted);
        locks.release(y);
    });
    EXPECT_TRUE(locks.set(*file, {x, exclusive, {2, 2}}, true));
}

TEST_F(LockTableTest, ReleaseOfOneFileLeavesTheOthers) {
    ASSERT_TRUE(take(a, exclusive, 0, 9));
    ASSERT_TRUE(locks.set(*other, {a, exclusive, {}}, false));
    locks.release(a, other.get());
    EXPECT_EQ(held(), "0-9x");
    EXPECT_FALSE(locks.find_conflict(*other, {b, exclusive, {}}));
}

TEST_F(LockTableTest, LockedNodesStay) {
    ASSERT_TRUE(take(a, exclusive, 0, 9));
    Vnode* const address = file.get();
    ASSERT_TRUE(disk.root()->unlink("f", *file));
    file.reset();
    EXPECT_EQ(address->attributes()->links, 0U);  // under ASan: not freed
    locks.release(a);
}

TEST_F(LockTableTest, WithoutMemoryNothingChanges) {
    ASSERT_TRUE(take(a, exclusive, 0, 9));
    for (unsigned n = 1; n <= 2; ++n) {
        world.heap.fail_at(n);
        EXPECT_EQ(take(a, shared, 3, 5).error(), Errc::no_memory);
        world.heap.fail_at(n);
        EXPECT_EQ(locks.clear(*file, a, {3, 5}).error(), Errc::no_memory);
        EXPECT_EQ(held(), "0-9x");
    }
    locks.release(a);
    EXPECT_EQ(held(), "");
}

TEST_F(LockTableTest, WithoutMemoryWhatFallsNotInTwoCanBeUnlocked) {
    ASSERT_TRUE(take(a, exclusive, 0, 9));
    world.heap.fail_at(1);
    EXPECT_TRUE(locks.clear(*file, a, {5, 20}));
    EXPECT_EQ(held(), "0-4x");
    world.heap.fail_at(1);
    EXPECT_TRUE(locks.clear(*file, a, {0, 4}));
    EXPECT_EQ(held(), "");
}

struct OneUser {
    static inline UserAccount* account = nullptr;
    static inline bool is_privileged = false;
    Payer operator()() const noexcept { return {Ref<UserAccount>::share(*account), is_privileged}; }
};

TEST_F(LockTableTest, AUserHasOnlySoManyLocks) {
    struct : AccountBook {
        void account_gone(UserAccount&) noexcept override {}
    } book;
    UserAccount user(book, 7);
    OneUser::account = &user;
    OneUser::is_privileged = false;
    LockTable<fakes::FakeHeap, NullLock, ScriptedQueue, OneUser> counted(world.heap, 10);
    std::uint64_t at = 0;
    const auto lock_next = [&] {
        const LockRequest one{a, exclusive, {at, at}};
        at += 2;
        return counted.set(*file, one, false);
    };
    while (lock_next()) {
    }
    EXPECT_EQ(lock_next().error(), Errc::no_locks);
    EXPECT_GE(user.held(Holding::file_locks), 8U);
    EXPECT_LE(user.held(Holding::file_locks), 10U);
    OneUser::is_privileged = true;
    EXPECT_TRUE(lock_next());
    EXPECT_TRUE(counted.set(*file, {a, exclusive, {100, 200}}, false));
    OneUser::is_privileged = false;
    EXPECT_EQ(counted.clear(*file, a, {150, 150}).error(), Errc::no_locks) << "one more";
    EXPECT_TRUE(counted.clear(*file, a, {100, 200})) << "one less";
    counted.release(a);
    EXPECT_EQ(user.held(Holding::file_locks), 0U);
}

TEST(LockTableThreads, ExclusiveMeansOneAtATime) {
    World world;
    fs_test::LockedHeap heap;
    TestTmpfs disk{world.heap, world.frames, world.arena, world.clock, 1, {.pages = 100}};
    ASSERT_TRUE(disk.start(Permissions(0755)));
    const Ref<Vnode> file = *disk.root()->create("f", {.permissions = Permissions(0644)});
    LockTable<fs_test::LockedHeap, fs_test::StdLock, fs_test::StdQueue> locks(heap);
    int inside = 0;
    int done = 0;
    std::vector<std::thread> threads;
    for (std::int32_t t = 1; t <= 4; ++t) {
        threads.emplace_back([&, t] {
            for (int round = 0; round < 200; ++round) {
                const LockOwner me = LockOwner::process(t);
                ASSERT_TRUE(locks.set(*file, {me, exclusive, {}}, true));
                ASSERT_EQ(++inside, 1);
                ++done;
                --inside;
                locks.release(me, file.get());
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(done, 800);
    EXPECT_EQ(heap.used_bytes(), 0U);
}

}  // namespace
}  // namespace kidney::fs

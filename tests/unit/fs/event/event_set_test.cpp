/// epoll(7): what is told, when again, and what leaves a set.
#include "tests/unit/fs/event/event_world.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace kidney::fs {
namespace {

using namespace fs_test;
using Set = EventSetFile<Events>;
constexpr Readiness readable{.readable = true};
constexpr EventInterest reads{.events = can_read, .data = 1};

struct EventSetTest : testing::Test {
    LockedHeap heap;
    Events events{heap};

    void TearDown() override { EXPECT_EQ(heap.used_bytes(), 0U); }
    [[nodiscard]] Ref<Lamp> lamp() { return *mm::make_ref<Lamp>(heap); }
    [[nodiscard]] Ref<File> set() { return *events.create_set(); }
    static Set& of(const Ref<File>& file) { return *Events::set_of(*file); }
    /// What a wait of no length tells.
    static std::vector<Told> told(const Ref<File>& file, std::size_t most = 10) {
        std::vector<Told> all;
        const auto count = of(file).wait(most, false, Instant::never(),
                                         [&](std::uint32_t found, std::uint64_t data) {
                                             all.push_back({found, data});
                                             return Status();
                                         });
        EXPECT_EQ(count, all.size());
        return all;
    }
};

using List = std::vector<Told>;

TEST_F(EventSetTest, TellsOfWhatIsReady) {
    const auto file = set();
    const auto a = lamp(), b = lamp();
    EXPECT_TRUE(of(file).add(*a, 3, {.events = can_read, .data = 30}));
    b->set({.readable = true, .writable = true, .hung_up = true});
    EXPECT_TRUE(of(file).add(*b, 4, {.events = can_read | has_ended, .data = 40}));
    EXPECT_EQ(told(file), List({{can_read | has_ended, 40}})) << "ready when it was added";
    a->set({.writable = true});
    EXPECT_EQ(told(file).size(), 1U) << "nobody asked for that";
    a->set(readable);
    EXPECT_EQ(told(file), List({{can_read | has_ended, 40}, {can_read, 30}}));
    EXPECT_EQ(told(file).size(), 2U) << "as long as it is so";
    b->set({});
    EXPECT_EQ(told(file), List({{can_read, 30}}));
}

TEST_F(EventSetTest, LooksAtThoseOnlyThatHaveChanged) {
    const auto file = set();
    std::vector<Ref<Lamp>> lamps;
    for (std::uint32_t i = 0; i < 100; ++i) {
        lamps.push_back(lamp());
        EXPECT_TRUE(of(file).add(*lamps.back(), i, reads));
        EXPECT_EQ(lamps.back()->looks, 1);
    }
    EXPECT_TRUE(told(file).empty());
    lamps[42]->set(readable);
    EXPECT_EQ(told(file).size(), 1U);
    for (std::uint32_t i = 0; i < 100; ++i) {
        EXPECT_EQ(lamps[i]->looks, i == 42 ? 2 : 1);
    }
}

TEST_F(EventSetTest, AnEdgeIsToldOnce) {
    const auto file = set();
    const auto a = lamp();
    EXPECT_TRUE(of(file).add(*a, 3, {.events = can_read, .data = 1, .edge = true}));
    a->set(readable);
    EXPECT_EQ(told(file).size(), 1U);
    EXPECT_TRUE(told(file).empty());
    a->set(readable);
    EXPECT_EQ(told(file).size(), 1U) << "another change";
    a->tell({.writable = true});
    EXPECT_TRUE(told(file).empty()) << "of another kind";
    EXPECT_TRUE(of(file).change(*a, 3, {.events = can_read, .data = 2, .edge = true}));
    EXPECT_EQ(told(file), List({{can_read, 2}})) << "a change of interest looks again";
}

TEST_F(EventSetTest, OneShotIsToldOnce) {
    const auto file = set();
    const auto a = lamp();
    a->set(readable);
    EXPECT_TRUE(of(file).add(*a, 3, {.events = can_read, .data = 1, .one_shot = true}));
    EXPECT_EQ(told(file).size(), 1U);
    a->set({.readable = true, .hung_up = true});
    EXPECT_TRUE(told(file).empty());
    EXPECT_TRUE(of(file).change(*a, 3, {.events = can_read, .data = 1, .one_shot = true}));
    EXPECT_EQ(told(file).size(), 1U);
    EXPECT_TRUE(told(file).empty());
}

TEST_F(EventSetTest, ThoseWhoFindNoRoomAreFirstNextTime) {
    const auto file = set();
    const auto a = lamp(), b = lamp(), c = lamp();
    std::uint64_t data = 0;
    for (const auto& l : {a, b, c}) {
        EXPECT_TRUE(of(file).add(*l, 0, {.events = can_read, .data = ++data}));
        l->set(readable);
    }
    EXPECT_EQ(told(file, 2), List({{can_read, 1}, {can_read, 2}}));
    EXPECT_EQ(told(file, 2), List({{can_read, 3}, {can_read, 1}}));
    EXPECT_EQ(told(file, 5), List({{can_read, 2}, {can_read, 3}, {can_read, 1}})) << "each once";
}

TEST_F(EventSetTest, WhatTheSinkRefusesIsNotLost) {
    const auto file = set();
    const auto a = lamp(), b = lamp();
    EXPECT_TRUE(of(file).add(*a, 3, {.events = can_read, .data = 1, .edge = true}));
    EXPECT_TRUE(of(file).add(*b, 4, {.events = can_read, .data = 2, .one_shot = true}));
    a->set(readable);
    b->set(readable);
    std::size_t room = 0;
    const auto sink = [&](std::uint32_t, std::uint64_t) -> Status {
        return room-- > 0 ? Status() : fail(Errc::bad_address);
    };
    EXPECT_EQ(of(file).wait(10, false, Instant(), sink).error(), Errc::bad_address);
    room = 1;
    EXPECT_EQ(of(file).wait(10, false, Instant(), sink), 1U);
    EXPECT_EQ(told(file), List({{can_read, 2}}));
    EXPECT_TRUE(told(file).empty());
}

TEST_F(EventSetTest, KnowsItsItems) {
    const auto file = set();
    const auto a = lamp(), b = lamp();
    EXPECT_TRUE(of(file).add(*a, 3, reads));
    EXPECT_EQ(of(file).add(*a, 3, reads).error(), Errc::exists);
    EXPECT_TRUE(of(file).add(*a, 4, reads)) << "another descriptor of the same file";
    EXPECT_TRUE(of(file).add(*b, 3, reads)) << "another file that had the number";
    EXPECT_EQ(of(file).change(*b, 4, reads).error(), Errc::not_found);
    EXPECT_EQ(of(file).remove(*b, 4).error(), Errc::not_found);
    a->set(readable);
    EXPECT_EQ(told(file).size(), 2U);
    EXPECT_TRUE(of(file).remove(*a, 3));
    EXPECT_EQ(told(file).size(), 1U);
    EXPECT_TRUE(of(file).remove(*a, 4));
    EXPECT_TRUE(told(file).empty());
    EXPECT_EQ(of(file).remove(*a, 4).error(), Errc::not_found);
    a->tell(readable);
}

TEST_F(EventSetTest, AFileLeavesItsSetsWhenItGoes) {
    const auto one = set(), two = set();
    auto a = lamp();
    a->set(readable);
    EXPECT_TRUE(of(one).add(*a, 3, reads));
    EXPECT_TRUE(of(one).add(*a, 4, reads));
    EXPECT_TRUE(of(two).add(*a, 3, reads));
    Ref<Lamp> copy = a;
    a.reset();
    EXPECT_EQ(told(one).size(), 2U) << "it is still open elsewhere";
    const std::size_t before = heap.used_bytes();
    copy.reset();
    EXPECT_LT(heap.used_bytes(), before);
    EXPECT_TRUE(told(one).empty());
    EXPECT_TRUE(told(two).empty());
}

TEST_F(EventSetTest, ASetLeavesItsFilesWhenItGoes) {
    auto file = set();
    const auto a = lamp();
    EXPECT_TRUE(of(file).add(*a, 3, reads));
    EXPECT_TRUE(of(file).add(*a, 4, reads));
    file.reset();
    a->set(readable);
}

TEST_F(EventSetTest, ASetMayBeInASet) {
    const auto outer = set(), inner = set();
    const auto a = lamp();
    EXPECT_TRUE(of(inner).add(*a, 3, reads));
    EXPECT_TRUE(of(outer).add(*inner, 4, {.events = can_read, .data = 7}));
    EXPECT_FALSE(inner->poll(nullptr).readable);
    EXPECT_TRUE(told(outer).empty());
    a->set(readable);
    EXPECT_TRUE(inner->poll(nullptr).readable);
    EXPECT_EQ(told(outer), List({{can_read, 7}}));
    EXPECT_EQ(told(inner).size(), 1U);
    a->set({});
    EXPECT_TRUE(told(outer).empty()) << "its sets look whether it is still so";
    EXPECT_FALSE(inner->poll(nullptr).readable);
    a->set(readable);
    EXPECT_EQ(told(outer).size(), 1U);
}

TEST_F(EventSetTest, AnInnerSetThatGoesLeavesTheOuterOne) {
    const auto outer = set();
    auto inner = set();
    const auto a = lamp();
    EXPECT_TRUE(of(inner).add(*a, 3, reads));
    EXPECT_TRUE(of(outer).add(*inner, 4, reads));
    a->set(readable);
    inner.reset();
    EXPECT_TRUE(told(outer).empty());
    a->set(readable);
}

TEST_F(EventSetTest, SetsAreNotNestedInACircleNorTooDeep) {
    std::vector<Ref<File>> chain;
    for (int i = 0; i < 6; ++i) {
        chain.push_back(set());
    }
    EXPECT_EQ(of(chain[0]).add(*chain[0], 1, reads).error(), Errc::too_many_symlinks);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_TRUE(of(chain[i + 1]).add(*chain[i], 1, reads));
        EXPECT_EQ(of(chain[0]).add(*chain[i + 1], 1, reads).error(), Errc::too_many_symlinks);
    }
    EXPECT_EQ(of(chain[5]).add(*chain[4], 1, reads).error(), Errc::too_many_symlinks);
    EXPECT_EQ(of(chain[0]).add(*chain[5], 1, reads).error(), Errc::too_many_symlinks);
    const auto a = lamp();
    EXPECT_TRUE(of(chain[0]).add(*a, 9, reads));
    a->set(readable);
    EXPECT_EQ(told(chain[4]).size(), 1U) << "through all of them";
    EXPECT_TRUE(of(chain[2]).remove(*chain[1], 1));
    EXPECT_TRUE(of(chain[5]).add(*chain[4], 1, reads));
}

TEST_F(EventSetTest, SetsAreNotNestedInTooManyWays) {
    // Five levels of ten, each in all of the next one: a hundred thousand ways.
    std::vector<std::vector<Ref<File>>> levels(5);
    Status added;
    for (std::size_t level = 0; level < levels.size() && added; ++level) {
        for (std::uint32_t i = 0; i < 10 && added; ++i) {
            levels[level].push_back(set());
            for (std::uint32_t below = 0; level > 0 && below < 10 && added; ++below) {
                added = of(levels[level].back()).add(*levels[level - 1][below], below, reads);
            }
        }
    }
    EXPECT_EQ(added.error(), Errc::invalid_argument);
}

/// Counts how often it is told.
struct CountingWaiter final : PollWaiter {
    CountingWaiter() : PollWaiter(entries) {}
    ~CountingWaiter() { leave_all(); }
    void wake() noexcept override { ++wakes; }
    std::array<PollEntry, 1> entries;
    int wakes = 0;
};

TEST_F(EventSetTest, AChangeVisitsEachSetOnce) {
    std::vector<Ref<File>> chain{set(), set(), set(), set()};
    for (std::size_t level = 0; level < 3; ++level) {
        for (std::uint32_t fd = 0; fd < 4; ++fd) {  // 64 ways from the first to the last
            ASSERT_TRUE(of(chain[level + 1]).add(*chain[level], fd, reads));
        }
    }
    const auto a = lamp();
    EXPECT_TRUE(of(chain[0]).add(*a, 9, reads));
    CountingWaiter waiter;
    static_cast<void>(chain[3]->poll(&waiter));
    a->set(readable);
    EXPECT_EQ(waiter.wakes, 1);
    EXPECT_EQ(told(chain[3]).size(), 4U) << "each descriptor is ready";
}

TEST_F(EventSetTest, OneOfThoseWhoShareTheWorkIsTold) {
    const auto one = set(), two = set();
    const auto a = lamp();
    const EventInterest shared{.events = can_read, .data = 1, .exclusive = true};
    EXPECT_TRUE(of(one).add(*a, 3, shared));
    EXPECT_TRUE(of(two).add(*a, 3, shared));
    EXPECT_EQ(of(one).change(*a, 3, reads).error(), Errc::invalid_argument);
    a->set(readable);
    EXPECT_EQ(told(one).size() + told(two).size(), 2U) << "nobody waits: both find it";
}

TEST_F(EventSetTest, WaitsForAChange) {
    const auto file = set();
    const auto a = lamp();
    EXPECT_TRUE(of(file).add(*a, 3, {.events = can_read, .data = 1, .edge = true}));
    constexpr std::size_t rounds = 200;
    std::atomic<bool> is_done = false;
    std::thread waiter([&] {
        for (std::size_t told = 0; told < rounds;) {
            told += *of(file).wait(4, true, Instant::never(),
                                   [](std::uint32_t, std::uint64_t) { return Status(); });
            a->set({});
        }
        is_done = true;
    });
    while (!is_done) {
        a->set(readable);
        std::this_thread::yield();
    }
    waiter.join();
    static_cast<void>(told(file));  // one more, perhaps
    EXPECT_EQ(of(file).wait(1, true, Instant(), [](auto, auto) { return Status(); }), 0U);
    EventQueue::is_interrupted = true;
    EXPECT_EQ(of(file).wait(1, true, Instant::never(), [](auto, auto) { return Status(); }).error(),
              Errc::interrupted);
    EventQueue::is_interrupted = false;
}

TEST_F(EventSetTest, SomebodyPaysForEachItem) {
    struct : AccountBook {
        void account_gone(UserAccount&) noexcept override {}
    } book;
    UserAccount user(book, 7);
    EventEnvironment::Payers::account = &user;
    Events counted(heap, 2);
    {
        const Ref<File> file = *counted.create_set();
        auto a = lamp();
        EXPECT_TRUE(of(file).add(*a, 3, reads));
        EXPECT_TRUE(of(file).add(*a, 4, reads));
        EXPECT_EQ(of(file).add(*a, 5, reads).error(), Errc::no_space);
        EXPECT_TRUE(of(file).remove(*a, 3));
        EXPECT_TRUE(of(file).add(*a, 5, reads));
        a.reset();
        EXPECT_EQ(user.held(Holding::watches), 0U);
    }
    EventEnvironment::Payers::account = nullptr;
}

TEST_F(EventSetTest, WithoutMemoryNothingIsHalfDone) {
    heap.fail_at(1);
    EXPECT_EQ(events.create_set().error(), Errc::no_memory);
    const auto file = set();
    for (std::size_t failing = 1; failing <= 2; ++failing) {
        const auto a = lamp();
        a->set(readable);
        heap.fail_at(failing);
        EXPECT_EQ(of(file).add(*a, 3, reads).error(), Errc::no_memory);
        EXPECT_TRUE(told(file).empty());
        EXPECT_TRUE(of(file).add(*a, 3, reads));
        EXPECT_EQ(told(file).size(), 1U);
    }
}

}  // namespace
}  // namespace kidney::fs

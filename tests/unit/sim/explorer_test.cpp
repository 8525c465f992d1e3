/// The explorer itself, on scenarios whose number of interleavings can be counted by hand.
#include "sim/explorer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <utility>

namespace kidney::sim {
namespace {

std::set<std::string> outcomes;

/// Two threads of two steps each: 4! / (2! 2!) = 6 orders.
struct TwoByTwo {
    static constexpr std::size_t threads = 2;
    std::string order;
    ExploredCpu::Atomic<std::uint32_t> x{0};
    void run(std::size_t thread) {
        for (int i = 0; i < 2; ++i) {
            x.store(0);
            order += static_cast<char>('a' + thread);
        }
    }
    void check() { outcomes.insert(order); }
};

TEST(Explorer, VisitsEveryInterleaving) {
    outcomes.clear();
    const Exploration all = explore<TwoByTwo>({.preemptions = 10});
    EXPECT_TRUE(all.passed()) << all.failure;
    EXPECT_EQ(outcomes, (std::set<std::string>{"aabb", "abab", "abba", "baab", "baba", "bbaa"}));
}

TEST(Explorer, TheBoundLimitsPreemptions) {
    outcomes.clear();
    EXPECT_TRUE(explore<TwoByTwo>({.preemptions = 0}).passed());
    EXPECT_EQ(outcomes, (std::set<std::string>{"aabb", "bbaa"}));
    EXPECT_TRUE(explore<TwoByTwo>({.preemptions = 1}).passed());
    EXPECT_EQ(outcomes, (std::set<std::string>{"aabb", "abba", "baab", "bbaa"}));
}

/// x = x + 1 without a lock.
struct LostUpdate {
    static constexpr std::size_t threads = 2;
    ExploredCpu::Atomic<std::uint32_t> x{0};
    void run(std::size_t) { x.store(x.load() + 1); }
    void check() { require(x.load() == 2, "an update was lost"); }
};

TEST(Explorer, FindsALostUpdateAndReplaysIt) {
    const Exploration found = explore<LostUpdate>({.preemptions = 1});
    EXPECT_EQ(found.failure, "an update was lost");
    EXPECT_FALSE(found.schedule.empty());
    const Exploration again = replay<LostUpdate>(found.schedule);
    EXPECT_EQ(again.failure, found.failure);
    EXPECT_EQ(again.schedule, found.schedule);
    EXPECT_TRUE(explore<LostUpdate>({.preemptions = 0}).passed());
}

struct SpinsForever {
    static constexpr std::size_t threads = 2;
    ExploredCpu::Atomic<std::uint32_t> flag{0};
    void run(std::size_t thread) {
        if (thread == 0) {
            while (flag.load() == 0) {
                ExploredCpu::relax();
            }
        }
    }
    void check() {}
};

TEST(Explorer, ALoopThatNobodyEndsIsAFailure) {
    const Exploration found = explore<SpinsForever>();
    EXPECT_NE(found.failure.find("thread 0 spins"), std::string::npos) << found.failure;
}

/// Waits for what nobody does, and is busy meanwhile.
struct Livelock {
    static constexpr std::size_t threads = 1;
    ExploredCpu::Atomic<std::uint32_t> turns{0};
    ExploredCpu::Atomic<std::uint32_t> done{0};
    void run(std::size_t) {
        while (done.load() == 0) {
            turns.fetch_add(1);
        }
    }
    void check() {}
};

TEST(Explorer, ALivelockIsAFailure) {
    const Exploration found = explore<Livelock>({.preemptions = 1});
    EXPECT_EQ(found.failure, "no end after 100000 steps");
}

// --- Other searches ---

constexpr ExploreOptions reduced{.search = Search::reduced};

TEST(Explorer, TheReducedSearchVisitsEveryOrderOfStepsThatMeet) {
    outcomes.clear();
    const Exploration all = explore<TwoByTwo>(reduced);
    EXPECT_TRUE(all.passed()) << all.failure;
    EXPECT_EQ(outcomes, (std::set<std::string>{"aabb", "abab", "abba", "baab", "baba", "bbaa"}));
    EXPECT_EQ(all.schedules - all.redundant, 6U);
}

/// Two threads of three steps each that do not meet: one order is as good as another.
struct Apart {
    static constexpr std::size_t threads = 2;
    std::array<ExploredCpu::Atomic<std::uint32_t>, 2> x{};
    void run(std::size_t thread) {
        for (int i = 0; i < 3; ++i) {
            x[thread].fetch_add(1);
        }
    }
    void check() { require(x[0].load() + x[1].load() == 6, "six"); }
};

TEST(Explorer, TheReducedSearchTriesOneOrderOfStepsThatDoNotMeet) {
    const Exploration all = explore<Apart>(reduced);
    EXPECT_TRUE(all.passed()) << all.failure;
    EXPECT_EQ(all.schedules - all.redundant, 1U);
    EXPECT_GE(explore<Apart>({.preemptions = 100}).schedules, 20U);
}

/// Small programs by chance: three threads of three steps on two atomics.
struct ByChance {
    static constexpr std::size_t threads = 3;
    static inline std::uint32_t program = 0;
    std::array<ExploredCpu::Atomic<std::uint32_t>, 2> x{};
    std::array<std::uint32_t, threads> seen{};

    void run(std::size_t thread) {
        std::uint32_t chance = program * 2654435761U + static_cast<std::uint32_t>(thread) * 40503U;
        for (std::uint32_t step = 0; step < 3; ++step) {
            chance = chance * 1664525U + 1013904223U;
            auto& on = x[chance >> 20 & 1];
            switch (chance >> 24 & 3) {
                case 0:
                    seen[thread] = seen[thread] * 10 + on.load();
                    break;
                case 1:
                    on.store(static_cast<std::uint32_t>(thread) + 1 + step);
                    break;
                default:
                    seen[thread] = seen[thread] * 10 + on.fetch_add(1);
                    break;
            }
        }
    }
    void check() {
        std::string outcome;
        for (const std::uint32_t value : {x[0].load(), x[1].load(), seen[0], seen[1], seen[2]}) {
            outcome += std::to_string(value) + " ";
        }
        outcomes.insert(outcome);
    }
};

TEST(Explorer, TheReducedSearchLosesNoOutcome) {
    std::size_t all = 0;
    std::size_t without_repetition = 0;
    for (ByChance::program = 1; ByChance::program <= 5; ++ByChance::program) {
        outcomes.clear();
        all += explore<ByChance>({.preemptions = 100}).schedules;
        const std::set<std::string> expected = std::exchange(outcomes, {});
        const Exploration few = explore<ByChance>(reduced);
        EXPECT_TRUE(few.complete);
        EXPECT_EQ(outcomes, expected) << "program " << ByChance::program;
        without_repetition += few.schedules;
    }
    EXPECT_LT(without_repetition * 3, all);
}

/// A flag that is awaited: the reduction must know that only a write ends a spin loop.
struct Awaits {
    static constexpr std::size_t threads = 3;
    ExploredCpu::Atomic<std::uint32_t> flag{0};
    ExploredCpu::Atomic<std::uint32_t> other{0};
    std::uint32_t data = 0;
    void run(std::size_t thread) {
        if (thread == 0) {
            while (flag.load() == 0) {
                ExploredCpu::relax();
            }
            require(data == 7, "the flag came before the data");
        } else if (thread == 1) {
            other.fetch_add(1);
            data = 7;
            flag.store(1);
        } else {
            other.fetch_add(1);
        }
    }
    void check() {}
};

TEST(Explorer, TheReducedSearchKnowsSpinLoops) {
    const Exploration all = explore<Awaits>(reduced);
    EXPECT_TRUE(all.passed()) << all.failure << story<Awaits>(all.schedule);
}

TEST(Explorer, EverySearchFindsALostUpdate) {
    for (const Search search :
         {Search::depth_first, Search::reduced, Search::pct, Search::random}) {
        const ExploreOptions options{.max_schedules = 200, .search = search, .depth = 2};
        const Exploration found = explore<LostUpdate>(options);
        EXPECT_EQ(found.failure, "an update was lost") << static_cast<int>(search);
        EXPECT_EQ(replay<LostUpdate>(found.schedule).failure, found.failure);
        EXPECT_EQ(explore<LostUpdate>(options).schedule, found.schedule);
    }
}

TEST(Explorer, PctSaysWhatItMayHaveMissed) {
    const Exploration runs =
        explore<Apart>({.max_schedules = 1000, .search = Search::pct, .depth = 2});
    EXPECT_TRUE(runs.failure.empty() && !runs.complete);
    // 1 - 1/(2 * 8), a thousand times; a run has 8 steps: a start and three of each.
    EXPECT_EQ(runs.steps, 8U);
    EXPECT_LT(runs.missed_at_most, 1e-27);
    EXPECT_GT(runs.missed_at_most, 1e-29);
}

// --- Telling ---

/// Fails if thread 1 adds while thread 0 has read and not yet written. Much else happens.
struct LostAmongOthers {
    static constexpr std::size_t threads = 3;
    ExploredCpu::Atomic<std::uint32_t> noise{0};
    ExploredCpu::Atomic<std::uint32_t> x{0};
    void run(std::size_t thread) {
        for (int i = 0; i < 5; ++i) {
            noise.fetch_add(1);
        }
        if (thread < 2) {
            x.store(x.load() + 1);
        }
    }
    void check() { require(x.load() == 2, "an update was lost"); }
};

TEST(Explorer, LeavesOutWhatAFailureDoesNotTake) {
    const Exploration found = explore<LostAmongOthers>({.search = Search::random, .seed = 3});
    ASSERT_EQ(found.failure, "an update was lost");
    const std::string least = minimise<LostAmongOthers>(found.schedule);
    EXPECT_EQ(replay<LostAmongOthers>(least).failure, found.failure);
    EXPECT_LT(least.size(), found.schedule.size());
    // One is enough: after thread 0 has read.
    const std::string text = story<LostAmongOthers>(least);
    std::size_t changes = 0;
    std::size_t column = 0;
    for (std::size_t at = text.find('\n') + 1; at < text.size(); at = text.find('\n', at) + 1) {
        const std::size_t here = text.find_first_not_of(' ', at) - at;
        changes += here != column ? 1 : 0;
        column = here;
    }
    EXPECT_LE(changes, 4U) << text;
}

/// As LostUpdate, and tells what it means.
struct Told : LostUpdate {
    Told() { name(&x, "count"); }
    void run(std::size_t thread) {
        LostUpdate::run(thread);
        say("has counted");
    }
};

TEST(Explorer, TellsAStory) {
    const Exploration found = explore<Told>({.preemptions = 1});
    EXPECT_EQ(story<Told>(minimise<Told>(found.schedule)),
              "thread 0                            thread 1\n"
              "count is 0\n"
              "                                    count is 0\n"
              "                                    count = 1\n"
              "                                    has counted\n"
              "count = 1\n"
              "has counted\n"
              "-> an update was lost\n");
    EXPECT_NE(story<LostUpdate>("0").find("x1 is 1\n"), std::string::npos);
    EXPECT_NE(story<LostUpdate>("0").find("all is well\n"), std::string::npos);
}

}  // namespace
}  // namespace kidney::sim

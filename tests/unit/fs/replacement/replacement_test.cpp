/// Every policy of the page cache against every law and claim; those that have a paper against it,
/// step by step; and policies that are wrong in one way each, which the laws must find.
#include "policies/cache_replacement.hpp"
#include "tests/archetypes/cache_replacement.hpp"
#include "tests/laws/cache_replacement_laws.hpp"
#include "tests/support/law_test.hpp"
#include "tests/unit/fs/replacement/published.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace kidney::fs {
namespace {

using laws::cache_replacement::Arena;

template <class Policy>
class CacheReplacementLaws : public testing::Test {};
TYPED_TEST_SUITE(CacheReplacementLaws, test::AsTestTypes<policies::cache_replacement::All>);

TYPED_TEST(CacheReplacementLaws, AllHold) {
    const auto arena = std::make_unique<Arena>();
    test::LawReport report;
    laws::cache_replacement::run_all<TypeParam>(report, *arena);
    test::expect_laws_held(report);
    EXPECT_GT(report.checks(), 10'000U);
}

/// A cache of c pages that a policy decides for.
template <class Policy>
class Decided {
public:
    explicit Decided(std::size_t c)
        : c_(c), memory_(or_default::ghost_bytes<Policy>(c + 1) / 8 + 1) {
        or_default::use_ghosts(policy_, std::as_writable_bytes(std::span(memory_))
                                            .first(or_default::ghost_bytes<Policy>(c + 1)));
    }
    fs_test::Step access(PageName name) {
        if (const auto found = pages_.find(name); found != pages_.end()) {
            policy_.use(*found->second);
            return {true, {}};
        }
        fs_test::Step step;
        or_default::expect(policy_, name);
        if (pages_.size() == c_) {
            CacheEntry& victim = *policy_.victim();
            policy_.leave(victim, Departure::evicted);
            step.gone = victim.name;
            pages_.erase(victim.name);
        }
        auto& page = pages_[name] = std::make_unique<CacheEntry>();
        page->name = name;
        policy_.enter(*page, Arrival::asked);
        return step;
    }

private:
    Policy policy_;
    std::size_t c_;
    std::vector<std::uint64_t> memory_;
    std::map<PageName, std::unique_ptr<CacheEntry>> pages_;
};

/// A few pages often, many seldom, scans, loops, and then others are the few: what makes ARC learn
/// in both directions.
std::vector<PageName> mixed_trace(std::uint32_t seed, std::size_t c) {
    laws::Random random(seed);
    std::vector<PageName> trace;
    const auto most = static_cast<std::uint32_t>(c);
    for (std::uint32_t phase = 0; phase < 40; ++phase) {
        const std::uint32_t base = random.below(4) * most;
        const std::uint32_t kind = random.below(4);
        const std::uint32_t span = 1 + random.below(2 * most);
        for (std::uint32_t n = 0; n < 8 * most; ++n) {
            switch (kind) {
                case 0:
                    trace.push_back({1, base + random.below(span)});
                    break;
                case 1:
                    trace.push_back({1, base + n % span});
                    break;
                case 2:
                    trace.push_back({2, phase * 1000 + n});
                    trace.push_back({1, base + random.below(1 + most / 2)});
                    break;
                default:
                    trace.push_back({1, base + random.below(1 + random.below(4 * most))});
                    break;
            }
        }
    }
    return trace;
}

template <class Policy, class Published>
void expect_as_published() {
    for (const std::size_t c : {1U, 2U, 3U, 4U, 7U, 16U, 50U}) {
        for (std::uint32_t seed = 1; seed <= 4; ++seed) {
            Decided<Policy> ours(c);
            Published theirs(c);
            std::size_t n = 0;
            for (const PageName& name : mixed_trace(seed, c)) {
                const fs_test::Step expected = theirs.access(name);
                ASSERT_EQ(ours.access(name), expected)
                    << Policy::name << ", " << c << " pages, seed " << seed << ", access " << n;
                ++n;
            }
        }
    }
}

TEST(CacheReplacement, ClockIsAsPublished) {
    expect_as_published<SecondChanceClock, fs_test::PublishedClock>();
}
TEST(CacheReplacement, TwoQIsAsPublished) {
    expect_as_published<TwoQueues, fs_test::PublishedTwoQ>();
}
TEST(CacheReplacement, ArcIsAsPublished) {
    expect_as_published<AdaptiveReplacement, fs_test::PublishedArc>();
}

TEST(CacheReplacement, WhatGoesInOneBatchMakesTheCacheNoSmaller) {
    CacheExtent extent;
    EXPECT_EQ(extent.pages(0), 0U);
    EXPECT_EQ(extent.pages(120), 120U);
    for (std::size_t pages = 100; pages > 68; --pages) {
        extent.shrink_to(pages);
    }
    EXPECT_EQ(extent.pages(68), 100U);
    extent.end_evicting();
    EXPECT_EQ(extent.pages(69), 100U);
    extent.shrink_to(70);
    EXPECT_EQ(extent.pages(69), 70U);
    EXPECT_EQ(extent.pages(90), 90U);
}

/// A page that was read ahead comes without expect(): then ARC learns when it arrives.
TEST(CacheReplacement, ArcLearnsAlsoFromWhomItDidNotExpect) {
    alignas(8) std::array<std::byte, AdaptiveReplacement::ghost_bytes(5) + 4> memory{};
    AdaptiveReplacement arc;
    arc.use_ghosts(memory);
    std::array<CacheEntry, 10> pages;
    const auto come = [&](std::uint32_t n) {
        pages[n].name = {1, n};
        arc.enter(pages[n], Arrival::asked);
    };
    const auto evict = [&] {
        CacheEntry& victim = *arc.victim();
        arc.leave(victim, Departure::evicted);
        return victim.name.page;
    };
    for (const std::uint32_t n : {8U, 9U}) {
        come(n);
        arc.use(pages[n]);
    }
    come(1);
    come(2);
    EXPECT_EQ(evict(), 1U);
    come(3);
    EXPECT_EQ(evict(), 2U);
    come(1);  // known: those that came once should have had more room
    EXPECT_EQ(evict(), 8U);
}

// --- Policies that are wrong in one way ---

struct NamesTheDeparted : LeastRecentlyUsed {
    CacheEntry* last = nullptr;
    CacheEntry* victim() noexcept {
        CacheEntry* const right = LeastRecentlyUsed::victim();
        last = last == nullptr ? right : last;
        return right == nullptr ? nullptr : last;
    }
};
struct NeverSaysThereIsNone : FirstInFirstOut {
    CacheEntry* last = nullptr;
    CacheEntry* victim() noexcept {
        CacheEntry* const right = FirstInFirstOut::victim();
        last = right == nullptr ? last : right;
        return last;
    }
};
struct GoesOnWhenAskedAgain : FirstInFirstOut {
    CacheEntry* victim() noexcept {
        CacheEntry* const now = FirstInFirstOut::victim();
        if (now != nullptr) {
            leave(*now, Departure::aside);
            enter(*now, Arrival::back);
        }
        return now;
    }
};
struct LosesThoseThatComeBack : LeastRecentlyUsed {
    static constexpr std::uint32_t lost = 77;
    void enter(CacheEntry& entry, Arrival came) noexcept {
        entry.mark = came == Arrival::back ? lost : 0;
        if (entry.mark != lost) {
            LeastRecentlyUsed::enter(entry, came);
        }
    }
    void use(CacheEntry& entry) noexcept {
        if (entry.mark != lost) {
            LeastRecentlyUsed::use(entry);
        }
    }
    void leave(CacheEntry& entry, Departure left) noexcept {
        if (entry.mark != lost) {
            LeastRecentlyUsed::leave(entry, left);
        }
    }
};
struct TakesTheLowestAddress {
    static constexpr const char* name = "wrong";
    std::vector<CacheEntry*> pages;
    void enter(CacheEntry& entry, Arrival) noexcept { pages.push_back(&entry); }
    void use(CacheEntry&) noexcept {}
    void leave(CacheEntry& entry, Departure) noexcept { std::erase(pages, &entry); }
    CacheEntry* victim() noexcept {
        const auto least = std::min_element(pages.begin(), pages.end());
        return least == pages.end() ? nullptr : *least;
    }
};
struct CountsReadAheadAsUse : AdaptiveReplacement {
    void enter(CacheEntry& entry, Arrival came) noexcept {
        AdaptiveReplacement::enter(entry, came == Arrival::ahead ? Arrival::asked : came);
    }
};
struct TrustsMarks : SecondChanceClock {
    void enter(CacheEntry& entry, Arrival) noexcept {
        SecondChanceClock::enter(entry, Arrival::back);
    }
};
struct RemembersWhatWasDropped : TwoQueues {
    void leave(CacheEntry& entry, Departure left) noexcept {
        TwoQueues::leave(entry, left == Departure::dropped ? Departure::evicted : left);
    }
};
struct TakesMoreMemoryThanItSaid : TwoQueues {
    void use_ghosts(std::span<std::byte> memory) noexcept {
        TwoQueues::use_ghosts({memory.data(), memory.size() + Arena::fence / 2});
    }
};
struct DoesNotHeedUses : FirstInFirstOut {
    static constexpr ReplacementTraits traits{.least_recent_first = true};
};
struct HeedsUses : LeastRecentlyUsed {
    static constexpr ReplacementTraits traits{.first_come_first_gone = true};
};
struct GivesNoSecondChance : SecondChanceClock {
    void use(CacheEntry&) noexcept {}
};
/// Whoever was used once is used for ever.
struct NeverClearsTheBit {
    static constexpr const char* name = "wrong";
    static constexpr ReplacementTraits traits{.second_chance = true};
    void enter(CacheEntry& entry, Arrival came) noexcept {
        entry.mark = came == Arrival::back ? entry.mark : 0;
        row_.push_back(&entry);
    }
    void use(CacheEntry& entry) noexcept { entry.mark = 1; }
    void leave(CacheEntry& entry, Departure) noexcept { std::erase(row_, &entry); }
    CacheEntry* victim() noexcept {
        const auto is_unused = [](const CacheEntry* entry) { return entry->mark == 0; };
        const auto found = std::find_if(row_.begin(), row_.end(), is_unused);
        return found != row_.end() ? *found : row_.empty() ? nullptr : row_.front();
    }

private:
    std::vector<CacheEntry*> row_;
};
struct LetsScansThrough : LeastRecentlyUsed {
    static constexpr ReplacementTraits traits{.resists_scans = true};
};
struct RemembersNothing : TwoQueues {
    static void use_ghosts(std::span<std::byte>) noexcept {}
};

template <class Wrong>
class WrongReplacement : public testing::Test {};
using Wrongs =
    testing::Types<NamesTheDeparted, NeverSaysThereIsNone, GoesOnWhenAskedAgain,
                   LosesThoseThatComeBack, TakesTheLowestAddress, CountsReadAheadAsUse, TrustsMarks,
                   RemembersWhatWasDropped, TakesMoreMemoryThanItSaid, DoesNotHeedUses, HeedsUses,
                   GivesNoSecondChance, NeverClearsTheBit, LetsScansThrough, RemembersNothing>;
TYPED_TEST_SUITE(WrongReplacement, Wrongs);

TYPED_TEST(WrongReplacement, IsFound) {
    const auto arena = std::make_unique<Arena>();
    laws::Report report;
    laws::cache_replacement::run_all<TypeParam>(report, *arena);
    EXPECT_FALSE(report.passed());
    for (const laws::Failure& failure : report.failures()) {
        std::printf("%s\n", failure.law);
    }
}

}  // namespace
}  // namespace kidney::fs

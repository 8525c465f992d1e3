/// What policies of a cache claim beyond the contract (`fs::ReplacementTraits`).
#pragma once

#include "tests/laws/replacement/stage.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace kidney::laws::cache_replacement {

/// Victims in the order of a stamp that arrivals set, and uses, if they count.
template <fs::CacheReplacement P, bool uses_count>
void check_order(Report& report, Arena& arena) noexcept {
    Stage<P> stage(arena, false);
    Random random(21);
    std::array<std::uint32_t, Arena::count> stamps{};
    for (std::uint32_t now = 1; now < 4000; ++now) {
        const std::size_t expected = [&] {
            std::size_t oldest = stage.none;
            for (std::size_t at = 0; at < Arena::count; ++at) {
                if (stage.is_present(at) && (oldest == stage.none || stamps[at] < stamps[oldest])) {
                    oldest = at;
                }
            }
            return oldest;
        }();
        LAW_CHECK(report, stage.victim() == expected);
        const fs::PageName name{1, random.below(48)};
        const std::size_t place = random.below(Arena::count);
        switch (random.below(8)) {
            case 0:
                stage.remove(place, fs::Departure::aside);
                break;
            case 1:
                if (!stage.is_present(place)) {
                    stage.bring_back(place);
                    stamps[place] = stage.is_present(place) ? now : stamps[place];
                }
                break;
            case 2:
                stage.remove(place, fs::Departure::dropped);
                break;
            default:
                const bool was_here = stage.access(name);
                const std::size_t at = stage.place_of(name);
                if (at != stage.none && (!was_here || uses_count)) {
                    stamps[at] = now;
                }
                break;
        }
    }
}

template <fs::CacheReplacement P>
struct FirstCome {
    static constexpr const char* text = "claim first_come_first_gone: the oldest arrival goes";
    static void check(Report& report, Arena& arena) noexcept {
        if constexpr (fs::replacement_traits_of<P>().first_come_first_gone) {
            check_order<P, false>(report, arena);
        }
    }
};
template <fs::CacheReplacement P>
struct LeastRecent {
    static constexpr const char* text = "claim least_recent_first: the oldest use goes";
    static void check(Report& report, Arena& arena) noexcept {
        if constexpr (fs::replacement_traits_of<P>().least_recent_first) {
            check_order<P, true>(report, arena);
        }
    }
};

template <fs::CacheReplacement P>
struct SecondChance {
    static constexpr const char* text =
        "claim second_chance: who was used stays while there is one that was not";
    static void check(Report& report, Arena& arena) noexcept {
        if constexpr (fs::replacement_traits_of<P>().second_chance) {
            Random random(22);
            for (int round = 0; round < 60; ++round) {
                Stage<P> stage(arena, false);
                std::array<bool, Arena::count> used{};
                std::size_t unused = Arena::count;
                for (std::uint32_t n = 0; n < Arena::count; ++n) {
                    stage.access({1, n});
                }
                for (std::uint32_t uses = random.below(60); uses > 0; --uses) {
                    const std::uint32_t n = random.below(Arena::count);
                    unused -= used[n] ? 0 : 1;
                    used[n] = true;
                    stage.access({1, n});
                }
                for (std::size_t left = Arena::count; left > 0; --left, unused -= unused > 0) {
                    const std::size_t at = stage.victim();
                    LAW_CHECK(report, stage.is_present(at) && (!used[at] || unused == 0));
                    stage.remove(at, fs::Departure::evicted);
                }
                // A chance is taken once: of two that were used long ago the first to come goes.
                stage.access({1, 0});
                stage.access({1, 1});
                stage.access({1, 0});
                const std::size_t first = stage.place_of({1, 1});
                LAW_CHECK(report, stage.victim() == first);
                stage.remove(first, fs::Departure::evicted);
                stage.access({1, 2});
                LAW_CHECK(report, stage.victim() == stage.place_of({1, 0}));
            }
        }
    }
};

/// Eight pages are used over and over, while others come once each; then comes a long scan.
template <fs::CacheReplacement P>
struct ResistsScans {
    static constexpr const char* text = "claim resists_scans: pages in use outlive a scan";
    static constexpr std::uint32_t hot = 8;
    static void check(Report& report, Arena& arena) noexcept {
        if constexpr (fs::replacement_traits_of<P>().resists_scans) {
            for (const std::uint32_t length : {64U, 500U, 5000U}) {
                Stage<P> stage(arena, false);
                Random random(23);
                for (std::uint32_t n = 0; n < 2000; ++n) {
                    stage.access({1, random.below(hot)});
                    stage.access({2, n});
                }
                // Who was dirty or borrowed meanwhile is no newcomer.
                for (std::uint32_t n = 0; n < hot; ++n) {
                    if (const std::size_t at = stage.place_of({1, n}); at != stage.none) {
                        stage.remove(at, fs::Departure::aside);
                        stage.bring_back(at);
                    }
                }
                for (std::uint32_t n = 0; n < length; ++n) {
                    stage.access({3, n});
                }
                std::uint32_t kept = 0;
                for (std::uint32_t n = 0; n < hot; ++n) {
                    kept += stage.place_of({1, n}) == stage.none ? 0 : 1;
                }
                LAW_CHECK(report, kept >= hot - 1);
            }
        }
    }
};

template <fs::CacheReplacement P>
struct Remembers {
    static constexpr const char* text =
        "claim remembers: who was evicted and comes back soon outlives a scan, who was not does "
        "not";
    static void check(Report& report, Arena& arena) noexcept {
        if constexpr (fs::replacement_traits_of<P>().remembers) {
            for (const bool is_known : {true, false}) {
                Stage<P> stage(arena, false);
                std::uint32_t next = 0;
                for (std::uint32_t n = 0; n < 8 * Arena::count; ++n) {
                    stage.access({4, n % 8});
                    stage.access({1, next++});
                }
                std::uint32_t gone = next;
                while (stage.place_of({1, --gone}) != stage.none) {
                }
                const fs::PageName name{is_known ? 1U : 2U, gone};
                LAW_CHECK(report, !stage.access(name));
                for (std::uint32_t n = 0; n < 6 * Arena::count; ++n) {
                    stage.access({3, n});
                }
                LAW_CHECK(report, (stage.place_of(name) != stage.none) == is_known);
            }
        }
    }
};

template <fs::CacheReplacement P>
using Claims =
    TypeList<FirstCome<P>, LeastRecent<P>, SecondChance<P>, ResistsScans<P>, Remembers<P>>;

}  // namespace kidney::laws::cache_replacement

/// The laws of `CacheReplacement`, for the host and the kernel's self-test alike; what policies
/// claim beyond them is in replacement/claim_laws.hpp.
#pragma once

#include "kidney/core/type_list.hpp"
#include "kidney/fs/cache_replacement.hpp"
#include "tests/laws/replacement/claim_laws.hpp"
#include "tests/laws/replacement/stage.hpp"
#include "tests/laws/report.hpp"

#include <cstddef>
#include <cstdint>

namespace kidney::laws::cache_replacement {

inline constexpr std::uint32_t names = 80;  ///< pages that are asked for: more than there is room

template <fs::CacheReplacement P>
struct C1 {
    static constexpr const char* text = "C1 victim() names a page that is here; null if none is";
    static void check(Report& report, Arena& arena) noexcept {
        Stage<P> stage(arena, false);
        LAW_CHECK(report, stage.policy().victim() == nullptr);
        Random random(1);
        for (int round = 0; round < 3000; ++round) {
            stage.step(random, names);
            const std::size_t at = stage.victim();
            LAW_CHECK(report, (at == stage.none) == (stage.present() == 0));
            LAW_CHECK(report, at == stage.none || stage.is_present(at));
            LAW_CHECK(report, stage.is_sound());
            if (round % 500 == 499) {
                for (std::size_t n = 0; n < Arena::count; ++n) {
                    stage.remove(n, fs::Departure::aside);
                }
                LAW_CHECK(report, stage.policy().victim() == nullptr);
            }
        }
    }
};

template <fs::CacheReplacement P>
struct C2 {
    static constexpr const char* text = "C2 victim() only names: asked again, the same";
    static void check(Report& report, Arena& arena) noexcept {
        Stage<P> stage(arena, false);
        Random random(2);
        for (int round = 0; round < 1500; ++round) {
            stage.step(random, names);
            const std::size_t at = stage.victim();
            LAW_CHECK(report, stage.victim() == at);
            LAW_CHECK(report, stage.victim() == at);
        }
    }
};

template <fs::CacheReplacement P>
struct C3 {
    static constexpr const char* text = "C3 leave() takes out that page and no other";
    static void check(Report& report, Arena& arena) noexcept {
        Random random(3);
        for (int round = 0; round < 40; ++round) {
            Stage<P> stage(arena, false);
            for (std::uint32_t steps = 20 + random.below(100); steps > 0; --steps) {
                stage.step(random, names);
            }
            // Whoever is left is named, each once.
            std::size_t left = stage.present();
            for (; left > 0; --left) {
                const std::size_t at = stage.victim();
                LAW_CHECK(report, stage.is_present(at));
                if (!stage.is_present(at)) {
                    break;
                }
                stage.remove(at, fs::Departure::evicted);
            }
            LAW_CHECK(report, left == 0 && stage.policy().victim() == nullptr);
            // Those that were aside are not lost either.
            for (std::size_t at = 0; at < Arena::count; ++at) {
                stage.bring_back(at);
                LAW_CHECK(report, !stage.is_present(at) || stage.victim() == at);
                stage.remove(at, fs::Departure::dropped);
            }
        }
    }
};

template <fs::CacheReplacement P>
struct C4 {
    static constexpr const char* text = "C4 the same calls give the same answers";
    static void check(Report& report, Arena& arena) noexcept {
        Stage<P> one(arena, false);
        Stage<P> other(arena, true);
        Random random(4);
        Random its_random(4);
        for (int round = 0; round < 1500; ++round) {
            one.step(random, names);
            other.step(its_random, names);
            LAW_CHECK(report, one.victim() == other.victim());
        }
    }
};

template <fs::CacheReplacement P>
struct C5 {
    static constexpr const char* text =
        "C5 a page that is read ahead and then asked for is like one that is asked for";
    static void check(Report& report, Arena& arena) noexcept {
        Stage<P> one(arena, false);
        Stage<P> other(arena, true);
        Random random(5);
        for (int round = 0; round < 1500; ++round) {
            const fs::PageName name{1,
                                    random.below(2) == 0 ? random.below(names) : random.below(20)};
            one.access(name);
            other.access_after_read_ahead(name);
            LAW_CHECK(report, one.victim() == other.victim());
        }
    }
};

template <fs::CacheReplacement P>
struct C6 {
    static constexpr const char* text = "C6 a page that comes in begins afresh, whatever its mark";
    static void check(Report& report, Arena& arena) noexcept {
        Stage<P> one(arena, false);
        Stage<P> other(arena, true);
        Random random(6);
        Random its_random(6);
        Random marks(66);
        for (int round = 0; round < 1500; ++round) {
            other.dirty_marks(marks.below(2) == 0 ? marks.below(4) : marks.next());
            one.step(random, names);
            other.step(its_random, names);
            LAW_CHECK(report, one.victim() == other.victim());
        }
        // Nor does it matter how a page was read that nobody has asked for.
        const std::size_t at = one.make_room();
        LAW_CHECK(report, at == other.make_room());
        one.enter(at, {9, 9}, fs::Arrival::ahead);
        other.enter(at, {9, 9}, fs::Arrival::ahead);
        for (std::size_t left = one.present(); left > 0; --left) {
            const std::size_t next = one.victim();
            LAW_CHECK(report, next == other.victim() && next != one.none);
            one.remove(next, fs::Departure::evicted);
            other.remove(next, fs::Departure::evicted);
        }
    }
};

template <fs::CacheReplacement P>
struct C7 {
    static constexpr const char* text = "C7 what was dropped is forgotten";
    static void check(Report& report, Arena& arena) noexcept {
        Stage<P> one(arena, false);
        Stage<P> other(arena, true);
        Random random(7);
        for (std::uint32_t round = 0; round < 1500; ++round) {
            // In one it is a page that comes again, in the other one that never does.
            visit(one, {2, round});
            visit(other, {3, round});
            const fs::PageName again{2, round - random.below(20)};
            const fs::PageName any{1, random.below(names)};
            for (Stage<P>* const stage : {&one, &other}) {
                stage->access(any);
                stage->access(again.page <= round ? again : any);
            }
            LAW_CHECK(report, one.victim() == other.victim());
        }
    }

private:
    static void visit(Stage<P>& stage, fs::PageName name) noexcept {
        stage.access(name);
        stage.access(name);
        stage.remove(stage.place_of(name), fs::Departure::dropped);
    }
};

template <fs::CacheReplacement P>
struct C8 {
    static constexpr const char* text = "C8 ghosts stay in the memory that was given for them";
    static void check(Report& report, Arena& arena) noexcept {
        for (const std::size_t ghosts :
             {std::size_t{0}, std::size_t{1}, std::size_t{5}, Arena::count, 2 * Arena::count}) {
            Stage<P> stage(arena, false, ghosts);
            Random random(8);
            for (int round = 0; round < 1000; ++round) {
                stage.step(random, names);
            }
            LAW_CHECK(report, stage.is_fenced());
            LAW_CHECK(report, stage.is_sound());
            LAW_CHECK(report, (stage.victim() == stage.none) == (stage.present() == 0));
        }
    }
};

template <fs::CacheReplacement P>
using Laws = TypeList<C1<P>, C2<P>, C3<P>, C4<P>, C5<P>, C6<P>, C7<P>, C8<P>>;

/// Everything that a policy is judged by.
template <fs::CacheReplacement P>
void run_all(Report& report, Arena& arena) noexcept {
    run_laws<Laws<P>>(report, arena);
    run_laws<Claims<P>>(report, arena);
}

}  // namespace kidney::laws::cache_replacement

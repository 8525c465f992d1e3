/// Who ends when memory does: decided at compile time.
#include "mm/victim.hpp"

#include <gtest/gtest.h>

namespace kidney::mm {
namespace {

constexpr std::uint32_t total = 16000;

constexpr int choose(std::initializer_list<VictimFacts> all) {
    VictimChoice<int> choice(total);
    int n = 0;
    for (const VictimFacts& facts : all) {
        choice.consider(n++, facts);
    }
    return choice.chosen().value_or(-1);
}

TEST(Victim, IsTheLargest) {
    static_assert(choose({}) == -1);
    static_assert(choose({{.pages = 10}, {.pages = 300}, {.pages = 299}}) == 1);
    static_assert(choose({{.pages = 7}, {.pages = 7}}) == 0);
    static_assert(choose({{.pages = 0}}) == 0, "somebody has to");
}

TEST(Victim, IsNeverWhatTheMachineNeeds) {
    static_assert(choose({{.pages = 9000, .is_protected = true}, {.pages = 1}}) == 1);
    static_assert(choose({{.pages = 9000, .is_protected = true}}) == -1);
    static_assert(choose({{.pages = 9000, .adjustment = -1000}, {.pages = 1}}) == 1);
    static_assert(choose({{.pages = 9000, .adjustment = -1000}}) == -1);
}

TEST(Victim, IsRootsOnlyIfItIsMuchLarger) {
    static_assert(choose({{.pages = 400, .is_roots = true}, {.pages = 1}}) == 1);
    static_assert(choose({{.pages = 300, .is_roots = true}, {.pages = 300}}) == 1);
    static_assert(choose({{.pages = 1000, .is_roots = true}, {.pages = 100}}) == 0);
}

TEST(Victim, CountsTheAdjustmentInThousandthsOfMemory) {
    static_assert(badness({.pages = 100, .adjustment = 10}, total) == 260);
    static_assert(choose({{.pages = 100, .adjustment = 10}, {.pages = 259}}) == 0);
    static_assert(choose({{.pages = 500, .adjustment = -20}, {.pages = 181}}) == 1);
    static_assert(choose({{.pages = 1, .adjustment = 1000}, {.pages = 15000}}) == 0);
}

TEST(Victim, HasAScoreLikeLinuxs) {
    static_assert(badness_score({.pages = 0}, total) == 666);
    static_assert(badness_score({.pages = total}, total) == 1333);
    static_assert(badness_score({.pages = 5, .adjustment = -1000}, total) == 0);
    static_assert(badness_score({.pages = 0, .adjustment = 1000}, total) == 1333);
    static_assert(badness_score({.pages = 1}, 0) == 0);
}

}  // namespace
}  // namespace kidney::mm

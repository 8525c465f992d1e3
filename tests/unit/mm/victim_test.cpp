/// Who ends when memory does, and when: decided at compile time.
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

/// Asks every `step` ms; how many of `times` requests wanted somebody to end.
constexpr int ends_wanted(int times, int step, int pause_after = 0, int pause = 0) {
    VainRequests requests;
    Instant now{};
    int wanted = 0;
    for (int n = 1; n <= times; ++n) {
        wanted += requests.again(now) ? 1 : 0;
        now = now + Duration::milliseconds(n == pause_after ? pause : step);
    }
    return wanted;
}

TEST(VainRequests, WantAnEndAfterAWhileAndThenAgain) {
    static_assert(ends_wanted(20, 10) == 0, "190 ms");
    static_assert(ends_wanted(21, 10) == 1, "200 ms");
    static_assert(ends_wanted(40, 10) == 1, "the time begins anew");
    static_assert(ends_wanted(41, 10) == 2);
}

TEST(VainRequests, AreForgottenWhenOneWasGranted) {
    static_assert(ends_wanted(21, 10, 11, 60) == 0, "an old refusal, and a new one");
    static_assert(ends_wanted(31, 10, 10, 60) == 1);
    static_assert(ends_wanted(100, 60) == 0);
}

}  // namespace
}  // namespace kidney::mm

#!/usr/bin/env python3
"""Assignment 2: what right, subtly wrong and hostile schedulers get. With --all every mutant is graded, not some of them."""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))

import submissions  # noqa: E402  (finds the engine)

import assignment  # noqa: E402
import results  # noqa: E402

CHOSEN = assignment.find("2")
ALL = "--all" in sys.argv

# One of each kind is graded each time, the rest by --all.
SOME = {"a sleep gives the allotment back", "the boost forgets those that sleep", "takes out the first of the level",
        "forgives before it looks at the load", "multiplies in 32 bits", "an equal ends no slice",
        "(c) a time-out leaves behind what was lent", "a chain ends after eight"}

# Right, and quicker than a feedback queue: whoever used least lately, where lately is half forgotten each 100 ms.
RACER = """
#pragma once
#include "kidney/sched/policy.hpp"
#include <boost/intrusive/list.hpp>
#include <cstdint>
namespace kidney::sched {
class Racer {
public:
    static constexpr const char* name = "racer";
    void enqueue(Entity& e, EnqueueReason why, Instant now) noexcept {
        if (why == EnqueueReason::started) { e.state<State>() = {}; }
        fade(e, now);
        e.slice_used = {};
        e.queued = true;
        queue_.push_back(e);
        ++size_;
    }
    void remove(Entity& e) noexcept {
        queue_.erase(queue_.iterator_to(e));
        e.queued = false;
        --size_;
    }
    Entity* pick_next(Instant now) noexcept {
        Entity* best = nullptr;
        for (Entity& e : queue_) {
            fade(e, now);
            if (best == nullptr || preempts(e, *best)) { best = &e; }
        }
        if (best != nullptr) { remove(*best); }
        return best;
    }
    TickVerdict charge(Entity& e, Duration ran, Instant) noexcept {
        e.state<State>().used += ran.count();
        e.slice_used += ran;
        return size_ != 0 && e.slice_used >= Duration::milliseconds(20) ? TickVerdict::preempt : TickVerdict::keep_running;
    }
    bool preempts(const Entity& a, const Entity& b) const noexcept { return a.state<State>().used < b.state<State>().used; }
    std::size_t size() const noexcept { return size_; }
private:
    struct State { std::int64_t used = 0; Instant faded; };
    static void fade(Entity& e, Instant now) noexcept {
        State& state = e.state<State>();
        for (; now - state.faded >= Duration::milliseconds(10); state.faded = state.faded + Duration::milliseconds(10)) {
            state.used -= state.used / 16;
        }
    }
    boost::intrusive::list<Entity, boost::intrusive::member_hook<Entity, decltype(Entity::hook), &Entity::hook>> queue_;
    std::size_t size_ = 0;
};
}
"""


class Submission(submissions.Submission):
    chosen = CHOSEN


class Right(Submission):
    def test_the_references_get_all_points_and_say_what_the_model_says(self):
        """The model is a second solution, so this is a test of both; in another variant by those of the handout."""
        for policy, points in (("mlfq", 34), ("bsd", 32), ("donation", 26)):
            grade, _ = self.grade(policy, self.reference(policy))
            self.assertEqual((grade.points, grade.most), (points, points), results.text(grade))

    def test_the_race_has_a_figure(self):
        grade, found = self.grade("racer", RACER)
        self.assertGreater(grade.figures["work per response time (%)"], 40, results.text(grade))
        self.assertGreaterEqual(found["race"].points, 6)
        slow = RACER.replace("return a.state<State>().used < b.state<State>().used;", "return false;").replace("preempts(e, *best)", "false")
        self.assertEqual(self.grade("racer/race", slow)[1]["race"].points, 0)

    def test_who_forgets_the_others_does_not_win_the_race(self):
        """Whoever computed once never runs again while anybody else wants to."""
        text = RACER.replace("state.used -= state.used / 16;", "")
        text = text.replace("e.state<State>().used += ran.count();", "if (ran > Duration::milliseconds(2)) { e.state<State>().used = 1'000'000'000'000 * e.id; }")
        _, found = self.grade("racer/race", text)
        self.assertEqual((found["race"].verdict, found["race"].points), ("broken", 0), found["race"].happened)
        self.assertIn("none less than", found["race"].happened)

    def test_the_same_tree_gets_the_same_report(self):
        broken = self.grader().mutated(self.mutant("a sleep gives the allotment back"))
        reports = {results.text(self.grade("mlfq/P1", broken)[0]) for _ in range(2)}
        self.assertEqual(len(reports), 1)


class Wrong(Submission):
    def test_mutants_lose_what_they_should(self):
        for mutant in CHOSEN.mutants:
            if mutant["name"] in SOME or ALL:
                with self.subTest(mutant["name"]):
                    self.loses_what_it_should(mutant)

    def test_the_skeleton_gets_nothing(self):
        with open(os.path.join(CHOSEN.folder, "skeleton/sched/policies/@bsd@.hpp.in"), encoding="utf-8") as file:
            grade, found = self.grade("bsd", assignment.fill(file.read(), CHOSEN.variant()))
        self.assertEqual(grade.points, 0, results.text(grade))
        self.assertIn("pick_next() -> nobody", found["P1"].happened)

    def test_last_years_solution_renamed_decides_otherwise(self):
        values, before = CHOSEN.variant("2026"), CHOSEN.variant("2025")
        renamed = {**before, **{key: values[key] for key in ("mlfq", "Mlfq", "bsd", "Bsd", "donation", "Donation")}}
        for policy in ("mlfq", "bsd", "donation"):
            _, found = self.grade(f"{policy}/P1", assignment.fill(CHOSEN.read(f"reference/{policy}.hpp.in"), renamed), seed="2026")
            self.assertEqual(found["P1"].verdict, "broken", policy)

    def test_the_first_difference_is_told_with_the_term_it_follows_from(self):
        _, found = self.grade("bsd/B3", self.grader().mutated(self.mutant("forgives before it looks at the load")))
        self.assertRegex(found["B3"].expected, r"recent_cpu\(A\) -> \d+\. Why: second 1: decay \d+ x recent_cpu 1638400 / 16384 \+ nice 0 x 16384")
        self.assertEqual(found["B3"].happened, "at 1000 ms: recent_cpu(A) -> 0")
        self.assertTrue(found["B3"].calls)

    def test_donation_is_told_with_who_waits_for_what(self):
        _, found = self.grade("donation/D4", self.grader().mutated(self.mutant("(c) a time-out leaves behind what was lent")))
        self.assertRegex(found["D4"].expected, r"effective\(A\) -> 4\d\. Why: A's own is 31; for lock 1 wait: C 4\d$")
        self.assertRegex(found["D4"].happened, r"after \d+ calls: effective\(A\) -> 50")
        self.assertTrue(found["D4"].calls[-1].endswith("gives_up(B)"))

    def test_of_a_machine_both_schedules_are_drawn(self):
        grade, found = self.grade("mlfq/P1", self.grader().mutated(self.mutant("a sleep gives the allotment back")))
        picture = found["P1"].picture
        expected, yours, mark = (line[10:] for line in picture[:3])
        at = mark.index("^")
        self.assertEqual(expected[:at], yours[:at])
        self.assertNotEqual(expected[at:], yours[at:])
        self.assertIn("./kidney lab sched --policy mlfq", picture[-1])
        self.assertTrue(re.search("until 2500000 us\n.*task A", grade.files["mlfq-P1.tasks"], re.S))
        self.assertIn(expected, results.text(grade))


class Hostile(Submission):
    """What is common to all assignments is in grade_test.py: includes, sandbox, strange files."""

    def with_pick(self, body, head=""):
        """The reference, but pick_next() begins with this."""
        text = self.reference("mlfq").replace("pick_next(Instant) noexcept {", "pick_next(Instant) noexcept {\n" + body, 1)
        return text.replace("namespace kidney::sched {", head + "\nnamespace kidney::sched {", 1)

    def law(self, body, head="", law="M1"):
        return self.grade(f"mlfq/{law}", self.with_pick(body, head))[1][law]

    def test_a_loop_ends_in_its_call(self):
        found = self.law("for (volatile int i = 0; i >= 0; i = 1) {}")
        self.assertEqual(found.verdict, "endless")
        self.assertIn("in pick_next()", found.happened)

    def test_an_early_exit_is_no_success(self):
        found = self.law("_exit(0);", "#include <utility>")
        self.assertEqual(found.verdict, "crashed")

    def test_a_crash_and_a_failed_invariant_have_their_call(self):
        for body in ("__builtin_trap();", "*reinterpret_cast<volatile int*>(8) = 1;", 'KIDNEY_INVARIANT(false, "no");'):
            found = self.law(body, '#include "kidney/core/assert.hpp"')
            self.assertEqual(found.verdict, "crashed", body)
            self.assertIn("in pick_next()", found.happened)

    def test_strangers_and_those_that_are_not_queued_are_not_believed(self):
        self.assertIn("a pointer to nobody", self.law("static Entity mine; return &mine;").happened)
        self.assertEqual(self.law("static Entity* last; return last = size_ == 0 ? last : &queues_[0].front();", law="S1").verdict, "broken")

    def test_answers_that_were_printed_are_none(self):
        flood = "static char flood[4096]; for (char& c : flood) { c = 'd'; } for (int i = 0; i < 100; ++i) { write(1, flood, 4096); }"
        for law in ("M1", "S1", "P1"):
            self.assertNotEqual(self.law(flood, 'extern "C" long write(int, const void*, unsigned long);', law).verdict, "kept")

    def test_macros_change_no_verdict(self):
        text = "#define act(...) act_()\n#define guarded(...) End::returned\n#define main innocent\n" + self.with_pick("return nullptr;")
        _, found = self.grade("mlfq/M1", text)
        self.assertTrue("build" in found or found["M1"].verdict == "broken", found)


if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word != "--all"]
    unittest.main()

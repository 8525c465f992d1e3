#!/usr/bin/env python3
"""What right, subtly wrong and hostile submissions get. With --all every mutant is graded, not some of them."""
import os
import sys
import unittest
import unittest.mock

sys.path.insert(0, os.path.dirname(__file__))

import submissions  # noqa: E402  (finds the engine)

import assignment  # noqa: E402
import own_tests  # noqa: E402
import results  # noqa: E402
from grader import Grader  # noqa: E402
from submissions import KIND  # noqa: E402

CHOSEN = assignment.find("1")
ALL = "--all" in sys.argv

# One of each kind is graded each time, the rest by --all.
SOME = {"does not go round", "leaves the last frame of a block free", "frees what was never handed out", "is first fit", "counts nothing"}

OWN_TESTS = """
test next_fit "round, aligned, exact"
    region 0x1003 9
    a = allocate 2
    expect a at 0x1004
    b = allocate 0
    c = allocate 0
    d = allocate 0
    e = allocate 0
    expect free_frames 1
    f = allocate 0
    expect f at 0x1003
    refuse allocate 0
    free a
    refuse allocate 3
    trap free a
test buddy "joins, and no more than that"
    region 0x1000 8
    a = allocate 0
    b = allocate 0
    expect a apart b
    c = allocate 1
    free a
    refuse allocate 3
    free c
    d = allocate 2
    free d
    free b
    e = allocate 3
    expect free_frames 0
"""


class Submission(submissions.Submission):
    chosen = CHOSEN

    def reference(self, policy="next_fit", seed=None):
        return super().reference(policy, seed)


class Right(Submission):
    def test_the_reference_gets_all_points(self):
        for policy in ("next_fit", "buddy"):
            grade, _ = self.grade(policy, self.reference(policy), f"mm/frames/{policy}.hpp")
            self.assertEqual((grade.points, grade.most), (grade.most, sum(Grader(CHOSEN, None, None).policies[policy]["points"].values())),
                             results.text(grade))
            known = Grader(CHOSEN, None, None).policies[policy]["steps"]
            for what, limit in (("play", 1_000_000_000), ("law", 2_500_000_000)):
                self.assertGreater(grade.steps[policy][what], 0)
                self.assertLessEqual(grade.steps[policy][what], known[what], what)
                self.assertLess(4 * known[what], limit, what)

    def test_the_same_tree_gets_the_same_report(self):
        broken = self.reference().replace("free_ -= size;", "free_ -= 1;")
        reports = {results.text(self.grade("next_fit/F3", broken)[0]) for _ in range(2)}
        self.assertEqual(len(reports), 1)

    def test_the_race_has_a_figure(self):
        racer = self.reference("buddy").replace("class Buddy", "class Racer").replace("<Buddy>", "<Racer>").replace('"buddy"', '"racer"')
        grade, found = self.grade("racer/race", racer, "mm/frames/racer.hpp")
        self.assertEqual(found["race"].most, 10)
        self.assertGreater(grade.figures["whole 2 MiB blocks (%)"], 30)
        self.assertGreaterEqual(found["race"].points, 6)


    def test_who_serves_nobody_does_not_win_the_race(self):
        racer = self.reference("buddy").replace("class Buddy", "class Racer").replace("<Buddy>", "<Racer>").replace(
            "unsigned k = order.value();", "unsigned k = order.value();\nif (k < 9) { return fail(Errc::no_memory); }")
        _, found = self.grade("racer/race", racer, "mm/frames/racer.hpp")
        self.assertEqual(found["race"].points, 0)
        self.assertIn("refused although there is a free block", found["race"].happened)

    def test_a_test_is_called_as_the_variant_calls_it(self):
        grader = Grader(CHOSEN, "77", KIND, only="wanderer_fit/F4")
        self.assertEqual(grader.only, "next_fit/F4")
        for name in ("carousel_fit", "next_fit/F9", "own-tests/x"):
            with self.assertRaisesRegex(assignment.Mistake, "there are: "):
                Grader(CHOSEN, "77", KIND, only=name)


class Wrong(Submission):
    def test_mutants_lose_what_they_should(self):
        for mutant in CHOSEN.mutants:
            if mutant["name"] in SOME or ALL:
                with self.subTest(mutant["name"]):
                    self.loses_what_it_should(mutant)

    def test_a_second_life_begins_anew(self):
        _, found = self.grade("next_fit/P1", self.reference().replace("next_ = goes_up ? 0 : count_;", "", 1))
        self.assertEqual(found["P1"].verdict, "broken")
        self.assertEqual(found["P1"].calls[0], "attach(0x3000, 700)")

    def test_last_years_solution_renamed_places_wrongly(self):
        values, before = CHOSEN.variant("2026"), CHOSEN.variant("2025")
        renamed = {**before, **{key: values[key] for key in ("next_fit", "NextFit", "next_fit_count", "buddy", "Buddy", "buddy_count")}}
        verdicts = []
        for policy in ("next_fit", "buddy"):
            source = CHOSEN.read(f"reference/{policy}.hpp.in").replace(f"@{policy}_count@_", f"{before[policy + '_count']}_")
            grade = Grader(CHOSEN, "2026", KIND, only=f"{policy}/P1")
            path = os.path.join(self.tree, f"mm/frames/{values[policy]}.hpp")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(assignment.fill(source, renamed))
            verdicts += [result.verdict for result in grade.grade(self.tree).results]
        self.assertIn("broken", verdicts)
        self.assertNotIn("not_judged", verdicts)

    def test_own_tests_are_scored(self):
        _, found = self.grade("own-tests", OWN_TESTS, "own-tests.txt")
        result = found["own-tests"]
        self.assertGreater(result.points, 4, result.happened)
        self.assertIn("2 sound tests", result.happened)

    def test_own_tests_are_run_in_a_sandbox(self):
        """On the references, too: they do what a stranger's file says, and mutants go astray."""
        commands = []

        def score(tests, references, mutants):
            commands.extend([*references.values(), *(command for _, _, command in mutants)])
            commands.extend(own_tests.run(command, tests) for command in commands[:1])
            return tests, {}, [], []
        with unittest.mock.patch.object(own_tests, "score", score):
            self.grade("own-tests", OWN_TESTS, "own-tests.txt")
        *commands, results_of_one = commands
        self.assertEqual(len(commands), 2 + len(CHOSEN.mutants))
        for command in commands:
            self.assertTrue(command[2].endswith("sandbox.py"), command)
        self.assertIn(None, results_of_one.values())

    def test_a_test_that_the_reference_fails_does_not_count(self):
        _, found = self.grade("own-tests", 'test buddy "wrong"\n region 0x1000 8\n refuse allocate 3\n', "own-tests.txt")
        self.assertEqual(found["own-tests"].points, 0)
        self.assertIn("not even the reference passes", found["own-tests"].happened)


class Hostile(Submission):
    def law(self, text, law="F2"):
        return self.grade(f"next_fit/{law}", text)[1]

    def with_allocate(self, body, head=""):
        """The reference, but allocate() begins with this."""
        text = self.reference().replace("[[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {",
                                        "[[nodiscard]] Result<FrameNumber> allocate(FrameOrder order) noexcept {\n" + body)
        return text.replace("namespace kidney::mm {", head + "\nnamespace kidney::mm {", 1)

    def test_missing(self):
        found = self.law(None)
        self.assertIn("missing", found["build"].happened)
        self.assertEqual(found["F2"].verdict, "not_judged")

    def test_what_does_not_compile_says_where(self):
        found = self.law("#pragma once\nint x = ;\n")
        self.assertIn("mm/frames/next_fit.hpp:2:9: error: expected expression", found["build"].happened)

    def test_the_hidden_tests_cannot_be_included(self):
        secret = os.path.join(CHOSEN.folder, "hidden.toml")
        self.assertIn("does not allow", self.law(f'#include "{secret}"\n')["build"].happened)
        # Whatever gets past that finds nothing.
        text = f'#define INCLUDE_IT\n??=include "{secret}"\n'
        self.assertNotIn("law_seeds", self.law(text)["build"].happened)
        self.assertIn("not found", self.law(f'_Pragma("clang __debug") static_assert(__has_include("{secret}"), "not found");')["build"].happened)

    def test_nor_read_at_run_time(self):
        text = self.with_allocate(f'if (const int f = open("{CHOSEN.folder}/hidden.toml", 0); f >= 0) {{ return FrameNumber(7); }}',
                                  'extern "C" int open(const char*, int, ...);')
        self.assertEqual(self.law(text)["F2"].verdict, "kept")  # there was nothing to read

    def test_an_early_exit_is_no_success(self):
        text = self.with_allocate("_exit(0);", 'extern "C" [[noreturn]] void _exit(int);')
        found = self.law(text)
        self.assertNotEqual(found["F2"].verdict, "kept")
        self.assertNotEqual(self.law(text, "P1")["P1"].verdict, "kept")

    def test_a_crash_has_its_law(self):
        self.assertEqual(self.law(self.with_allocate("if (free_ < 40) { __builtin_trap(); }"))["F2"].verdict, "crashed")

    def test_a_loop_ends(self):
        self.assertEqual(self.law(self.with_allocate("for (volatile int i = 0; i >= 0; i = 1) {}"))["F2"].verdict, "endless")

    def test_one_at_birth_too(self):
        text = self.reference().replace("public:", "public:\n    NextFit() noexcept { for (volatile int i = 0; i >= 0; i = 1) {} }", 1)
        self.assertEqual(self.law(text)["F2"].verdict, "endless")

    def test_a_flood_of_output_is_no_answer(self):
        text = self.with_allocate("static char flood[1 << 16]; for (char& c : flood) { c = 's'; } for (;;) { write(1, flood, 1 << 16); }",
                                  'extern "C" long write(int, const void*, unsigned long);')
        self.assertNotEqual(self.law(text)["F2"].verdict, "kept")

    def test_a_fork_bomb_ends(self):
        text = self.with_allocate("for (int i = 0; i < 100; ++i) { fork(); }", 'extern "C" int fork();')
        self.assertNotEqual(self.law(text)["F2"].verdict, "kept")

    def test_macros_change_no_law(self):
        text = "#define LAW_CHECK(...)\n#define check(...) true\n#define main innocent\n" + self.with_allocate("return FrameNumber(base_);")
        found = self.law(text)
        self.assertTrue("build" in found or found["F2"].verdict == "broken", found)

    def test_a_changed_test_is_told_and_not_used(self):
        os.makedirs(os.path.join(self.tree, "tests", "judge"))
        with open(os.path.join(self.tree, "tests", "judge", "judge.cpp"), "w", encoding="utf-8") as file:
            file.write("int main() { return 0; }\n")
        os.makedirs(os.path.join(self.tree, "course"))
        with open(os.path.join(self.tree, "course", "handout.json"), "w", encoding="utf-8") as file:
            file.write("[" * 9000)
        grade, found = self.grade("next_fit/F3", self.reference().replace("free_ -= size;", "free_ -= 1;"))
        self.assertIn("course/handout.json is not as it was handed out", grade.notes)
        self.assertTrue(any("not used" in note for note in grade.notes))
        self.assertEqual(found["F3"].verdict, "broken")


class Tests(unittest.TestCase):
    def test_every_mutant_differs_from_the_reference_in_every_variant_tried(self):
        """Found with tests that a student could have written, so that all points can be had."""
        grader = Grader(CHOSEN, None, None)
        for mutant in CHOSEN.mutants:
            if mutant["loses"] in ("P1", "S1"):
                self.assertNotEqual(grader.mutated(mutant), assignment.fill(CHOSEN.read(f"reference/{mutant['policy']}.hpp.in"), grader.values))
        tests, complaints = own_tests.parse(OWN_TESTS, {"next_fit": "next_fit", "buddy": "buddy"})
        self.assertEqual((len(tests), complaints), (2, []))


if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word != "--all"]
    unittest.main()

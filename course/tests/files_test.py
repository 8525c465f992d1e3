#!/usr/bin/env python3
"""Assignment 3: what right, subtly wrong and hostile file systems get. With --all every mutant and every hostile one is graded,
and our solution by all that counts; else some of each."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))

import submissions  # noqa: E402  (finds the engine)

import assignment  # noqa: E402
import results  # noqa: E402

CHOSEN = assignment.find("3")
ALL = "--all" in sys.argv

SOME = {"truncation does not zero", "rename over a file leaves that its link", "no flush before the blocks go home"}


def only_with_all(test):
    return unittest.skipUnless(ALL, "with --all")(test)


class Submission(submissions.Submission):
    chosen = CHOSEN


class Right(Submission):
    def test_a_law_of_each_kind_is_kept_by_our_solution(self):
        for law in ("operations/V5", "log/C2"):
            grade, _ = self.grade(law, self.reference(law.partition("/")[0]))
            self.assertEqual(grade.points, grade.most, results.text(grade))

    @only_with_all
    def test_our_solution_gets_all_points(self):
        for policy in CHOSEN.manifest["policies"]:
            grade, _ = self.grade(policy["key"], self.reference(policy["key"]))
            self.assertEqual((grade.points, grade.most), (sum(policy["points"].values()),) * 2, results.text(grade))

    def test_there_are_a_hundred_points_and_every_law_has_words(self):
        self.assertEqual(sum(sum(policy["points"].values()) for policy in CHOSEN.manifest["policies"]), 100)
        laws = [law for policy in CHOSEN.manifest["policies"] for law in policy["points"]]
        self.assertEqual(len(laws), len(set(laws)))
        self.assertEqual({law for law in laws if law[0] not in "SV"}, set(CHOSEN.manifest["laws"]))


class Wrong(Submission):
    def test_mutants_lose_what_they_should(self):
        for mutant in CHOSEN.mutants:
            if mutant["name"] in SOME or ALL:
                with self.subTest(mutant["name"]):
                    self.loses_what_it_should(mutant)

    def test_every_mutant_is_another_program(self):
        self.assertGreater(len(CHOSEN.mutants), 30)
        for mutant in CHOSEN.mutants:
            self.assertNotEqual(self.grader().mutated(mutant), self.reference(mutant["policy"]), mutant["name"])

    def test_a_crash_is_told_with_what_was_lost(self):
        _, found = self.grade("log/C2", self.grader().mutated(self.mutant("no flush before the blocks go home")))
        picture = "\n".join(found["C2"].picture)
        for words in ("step 1: ", "LOST write ", "the log header, by ", "The tree after the next mount", "cut window "):
            self.assertIn(words, picture)

    @only_with_all
    def test_a_part_that_is_not_there_costs_the_others_nothing(self):
        _, found = self.grade("operations/V2", self.reference("operations"))
        self.assertEqual(found["V2"].verdict, "kept")


class Hostile(Submission):
    """What is common to all assignments is in grade_test.py: includes, sandbox, strange files."""

    def with_find(self, body, head=""):
        """Our solution, but find_block() begins with this."""
        mark = "std::uint32_t index) noexcept {\n        if (index < direct_blocks) {"
        text = self.reference("files")
        self.assertIn(mark, text)
        text = text.replace(mark, "std::uint32_t index) noexcept {\n" + body + "\nif (index < direct_blocks) {", 1)
        return text.replace("namespace kidney::fs::vsfs {", head + "\nnamespace kidney::fs::vsfs {", 1)

    def law(self, body, head="", law="B1"):
        return self.grade(f"files/{law}", self.with_find(body, head))[1][law]

    def test_an_early_exit_is_no_success(self):
        found = self.law("_exit(0);")
        self.assertEqual((found.verdict, found.happened), ("crashed", "the program ended by itself, with status 0"))

    def test_answers_that_were_printed_are_none(self):
        """Heads of answers: success, and what a right solution would say is not known in there."""
        found = self.law("static unsigned char head[32] = {'='}; for (int i = 0; i < 50; ++i) { write(1, head, 32); } return 1U;")
        self.assertNotEqual(found.verdict, "kept")

    def test_a_loop_ends_in_its_call(self):
        self.assertEqual(self.law("for (volatile int i = 0; i >= 0; i = 1) {}").verdict, "endless")

    @only_with_all
    def test_a_crash_and_a_failed_invariant_are_told(self):
        self.assertIn("no good", self.law('KIDNEY_INVARIANT(false, "no good");', '#include "kidney/core/assert.hpp"').happened)
        found = self.law("static int few[2]; volatile int at = 7; few[at] = 1;")
        self.assertEqual(found.verdict, "crashed")
        self.assertIn("files.hpp", found.happened)

    @only_with_all
    def test_a_disk_has_an_end(self):
        """A message that something was written, from somebody who has not asked the disk."""
        body = ("static unsigned char said[32 + 512] = {'W'}; said[5] = 2; said[16 + 4] = 1; write(1, said, sizeof(said));")
        found = self.law(body)
        self.assertEqual((found.verdict, found.happened), ("broken", "it wrote where its disk is not"))

    @only_with_all
    def test_what_is_written_past_the_file_system_is_seen(self):
        body = "static unsigned char said[32 + 512] = {'W'}; said[5] = 2; write(1, said, sizeof(said));"
        self.assertNotEqual(self.grade("operations/V7", self.with_find(body), "fs/vsfs/files.hpp")[1]["build"].verdict, "kept")
        self.assertNotEqual(self.law(body, law="I3").verdict, "crashed")

    @only_with_all
    def test_a_life_remembers_nothing_of_the_one_before(self):
        """Without a log, but with all blocks kept in static memory and brought back by the next mount."""
        text = self.reference("log")
        text = text.replace("[[nodiscard]] Status recover() noexcept {", "[[nodiscard]] Status recover() noexcept {\n"
                            "for (std::uint32_t i = 0; i < kept_; ++i) { TRY(write_block(device_, at_[i], what_[i])); }\n"
                            "if (kept_ != 0) { return device_.flush(); }", 1)
        text = text.replace("return changes.empty() ? Status() : commit(changes);",
                            "for (const Version& change : changes) { at_[kept_ % 400] = change.block; what_[kept_++ % 400] = *change.bytes; }\n"
                            "return Status();", 1)
        text = text.replace("private:\n", "private:\n    static inline std::uint32_t kept_ = 0, at_[400];\n    static inline Block what_[400];\n", 1)
        self.assertEqual(self.grade("log/C1", text)[1]["C1"].verdict, "broken")

    @only_with_all
    def test_a_child_of_a_life_is_not_born(self):
        self.assertEqual(self.law("if (fork() > 0) { __builtin_trap(); }").verdict, "kept")

    @only_with_all
    def test_macros_change_no_verdict(self):
        text = "#define act(...) act_()\n#define main innocent\n#define fork() 0\n" + self.with_find("return 5U;")
        _, found = self.grade("files/B1", text)
        self.assertTrue("build" in found or found["B1"].verdict == "broken", found)


if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word != "--all"]
    unittest.main()

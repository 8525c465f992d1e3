#!/usr/bin/env python3
"""How ./kidney test chooses, remembers and tells: on a suite of a few tests of no weight, run by CTest itself."""
import contextlib
import io
import os
import re
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
FOLDER = tempfile.TemporaryDirectory()
os.environ["KIDNEY_BUILD"] = os.path.join(FOLDER.name, "build")
sys.path[:0] = [os.path.join(ROOT, "tools", "kidney")]

import verb_test  # noqa: E402
from test_results import History  # noqa: E402

TREE = os.path.join(FOLDER.name, "tree")
TESTS = {"a": "mm", "b": "mm", "c": "fs", "d": "fs", "e": "fs"}


class Suites(unittest.TestCase):
    def setUp(self):
        os.makedirs(TREE, exist_ok=True)
        with open(os.path.join(TREE, "labels.txt"), "w", encoding="utf-8") as file:
            file.write("mm\nfs\nslow\n")
        with open(os.path.join(TREE, "CTestTestfile.cmake"), "w", encoding="utf-8") as file:
            for name, label in TESTS.items():
                file.write(f'add_test({name} test ! -e "{TREE}/{name}.fails")\n'
                           f'set_tests_properties({name} PROPERTIES LABELS {label})\n')
            file.write('if(CTEST_CONFIGURATION_TYPE STREQUAL "named")\n  add_test(z true)\n'
                       "  set_tests_properties(z PROPERTIES LABELS slow)\nendif()\n")
        verb_test.build.configured = lambda preset: TREE
        verb_test.build.build = lambda preset, targets: TREE
        self.fail_tests()
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(verb_test.JUNIT, "history.json"))

    def fail_tests(self, *names):
        for name in TESTS:
            path = os.path.join(TREE, f"{name}.fails")
            if name in names:
                open(path, "w", encoding="utf-8").close()
            elif os.path.exists(path):
                os.remove(path)

    def run_tests(self, *arguments):
        """(exit status, names of the tests that ran, all that was printed)"""
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            status = verb_test.main(["host-debug", *arguments])
        with open(os.path.join(verb_test.JUNIT, "host-debug.log"), "a+", encoding="utf-8") as file:
            file.seek(0)
            ran = set(re.findall(r"Test +#\d+: (\w+)", file.read()))
        return status, ran, output.getvalue()

    def test_says_what_it_will_do_and_counts(self):
        status, ran, text = self.run_tests()
        self.assertEqual((status, ran), (0, set(TESTS)))
        self.assertEqual(text.splitlines()[0], "test: 1 suite (host-debug); this has not run here before; the first time also builds")
        self.assertEqual(text.splitlines()[-1], "5 passed, 0 failed, 0 skipped")
        self.assertRegex(self.run_tests()[2].splitlines()[0], r"^test: 1 suite \(host-debug\); about \d+ s, as last time$")
        self.assertNotIn("\r", text, "this is no terminal")

    def test_labels_choose_and_some_tests_want_to_be_named(self):
        self.assertEqual(self.run_tests("mm")[1], {"a", "b"})
        self.assertEqual(self.run_tests("slow")[1], {"z"})

    def test_failed_runs_what_failed_until_it_passes(self):
        self.fail_tests("b", "d")
        status, _, text = self.run_tests()
        self.assertEqual(status, 1)
        self.assertIn("FAILED b", text)
        self.fail_tests("d")
        self.assertEqual(self.run_tests("--failed")[:2], (1, {"b", "d"}))
        self.run_tests("mm")  # knows nothing of d
        self.fail_tests()
        self.assertEqual(self.run_tests("--failed")[:2], (0, {"d"}))
        status, _, text = self.run_tests("--failed")
        self.assertEqual((status, text), (0, "kidney: nothing failed when it ran last\n"))

    def test_fail_fast_stops(self):
        self.fail_tests(*TESTS)
        verb_test.os.sched_getaffinity, kept = lambda _: {0}, verb_test.os.sched_getaffinity
        try:
            status, ran, text = self.run_tests("--fail-fast")
        finally:
            verb_test.os.sched_getaffinity = kept
        self.assertEqual((status, len(ran)), (1, 1))
        self.assertIn("stopped at the first failure", text)

    def test_shards_are_the_whole_and_share_nothing(self):
        parts = [self.run_tests("--shard", f"{k}/3")[1] for k in (1, 2, 3)]
        self.assertEqual(sorted(name for part in parts for name in part), sorted(TESTS))

    def test_a_suite_that_could_not_be_built_runs_again(self):
        def broken(preset, targets):
            raise verb_test.Failure("the build failed")
        verb_test.build.build = broken
        self.assertEqual(self.run_tests()[0], 1)
        verb_test.build.build = lambda preset, targets: TREE
        self.assertEqual(self.run_tests("--failed")[:2], (0, set(TESTS)))

    def test_a_damaged_history_is_none(self):
        path = os.path.join(FOLDER.name, "damaged")
        with open(path, "w", encoding="utf-8") as file:
            file.write("{")
        self.assertEqual(History(path).failed("host-debug"), [])


if __name__ == "__main__":
    unittest.main()

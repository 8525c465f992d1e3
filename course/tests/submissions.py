"""A tree that somebody hands in, for the tests of each assignment."""
import os
import sys
import tempfile
import unittest

COURSE = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
sys.path[:0] = [os.path.join(COURSE, "engine")]

import assignment  # noqa: E402
import results  # noqa: E402
import sandbox  # noqa: E402
from grader import Grader  # noqa: E402

KIND, WHY = sandbox.find_kind(os.path.join(COURSE, "01-frames", "hidden.toml"))


class Submission(unittest.TestCase):
    """Of the assignment `chosen`; grade() puts the text where the file of the part that is graded belongs."""
    chosen = None

    @classmethod
    def setUpClass(cls):
        if KIND is None:
            raise unittest.SkipTest(WHY)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = folder.name

    def grader(self, only=None, seed=None):
        return Grader(self.chosen, seed, KIND, only=only)

    def grade(self, only, text=None, path=None, seed=None):
        """(grade, {test: result})."""
        grader = self.grader(only, seed)
        path = path or assignment.fill(grader.policies[only.partition("/")[0]]["file"], grader.values)
        os.makedirs(os.path.dirname(os.path.join(self.tree, path)), exist_ok=True)
        if text is not None:
            with open(os.path.join(self.tree, path), "w", encoding="utf-8") as opened:
                opened.write(text)
        grade = grader.grade(self.tree)
        for render, _ in results.FORMATS.values():
            render(grade)
        return grade, {result.key.split("/")[-1]: result for result in grade.results}

    def reference(self, policy, seed=None):
        return assignment.fill(self.chosen.reference(policy), self.chosen.variant(seed))

    def mutant(self, name):
        return next(mutant for mutant in self.chosen.mutants if mutant["name"] == name)

    def loses_what_it_should(self, mutant):
        """Graded for the one law only."""
        _, found = self.grade(f"{mutant['policy']}/{mutant['loses']}", self.grader().mutated(mutant))
        result = found[mutant["loses"]]
        self.assertIn(result.verdict, ("broken", "crashed", "endless"), mutant["name"])
        self.assertEqual(result.points, 0)
        self.assertTrue(result.happened)

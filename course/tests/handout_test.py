#!/usr/bin/env python3
"""For every assignment: what is handed out builds without a warning, and its given tests are red with the skeleton and
green with the reference. (What is in it: contents_test.py.)"""
import os
import subprocess
import sys
import tempfile
import unittest

COURSE = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
ROOT = os.path.dirname(COURSE)
sys.path[:0] = [os.path.join(COURSE, "engine"), os.path.dirname(os.path.abspath(__file__))]

import assignment  # noqa: E402
import student_tree  # noqa: E402
from contents_test import seeds  # noqa: E402
from workshop import COMMON, COMPILER, WARNINGS  # noqa: E402


def with_reference(chosen, seed, folder):
    """Puts the solution into a student's tree."""
    values = chosen.variant(seed)
    for policy in chosen.manifest["policies"]:
        if source := chosen.reference(policy["key"]):
            with open(os.path.join(folder, assignment.fill(policy["file"], values)), "w", encoding="utf-8") as file:
                file.write(assignment.fill(source, values))


def grade(folder, *arguments):
    return subprocess.run([os.path.join(folder, "kidney"), "grade", "--only", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)


class GivenTests(unittest.TestCase):
    def test_red_with_the_skeleton_green_with_the_reference(self):
        for name in assignment.names():
            chosen = assignment.find(name)
            for seed in seeds(chosen):
                with self.subTest(assignment=name, seed=seed), tempfile.TemporaryDirectory() as folder:
                    student_tree.make(chosen, seed, folder)
                    # What is compiled before is not compiled again: the first red verdict of a student takes longer.
                    os.makedirs(os.path.join(folder, "build"))
                    os.makedirs(os.path.join(ROOT, "build", "course"), exist_ok=True)
                    os.symlink(os.path.join(ROOT, "build", "course"), os.path.join(folder, "build", "course"))
                    self.compile_without_a_warning(chosen, seed, folder)
                    proof = chosen.given["proof"]
                    policies = proof.get("laws") or {policy["key"]: proof["law"] for policy in chosen.manifest["policies"] if policy["points"]}
                    red = {key: grade(folder, f"{key}/{law}") for key, law in policies.items()}
                    with_reference(chosen, seed, folder)
                    green = {key: grade(folder, f"{key}/{law}") for key, law in policies.items()}
                    for key in policies:
                        self.assertEqual(red[key].returncode, 1, red[key].stdout)
                        self.assertIn("not kept", red[key].stdout)
                        self.assertIn(proof["says"], red[key].stdout)
                        self.assertEqual(green[key].returncode, 0, green[key].stdout)

    def compile_without_a_warning(self, chosen, seed, folder):
        values = chosen.variant(seed)
        for policy in chosen.manifest["policies"]:
            header = assignment.fill(policy["file"], values)
            result = subprocess.run([COMPILER, *COMMON[:-1], "-Wpedantic", *WARNINGS, "-Wconversion", "-Wno-sign-conversion", "-Wshadow", "-Werror",
                                     "-fsyntax-only", f"-I{folder}", f"-I{folder}/include", "-x", "c++", os.path.join(folder, header),
                                     "-Wno-pragma-once-outside-header"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual((result.returncode, result.stdout.replace("unused", "")), (0, ""))


if __name__ == "__main__":
    unittest.main()

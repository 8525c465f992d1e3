#!/usr/bin/env python3
"""For every assignment: a student's tree makes the kernel that ours makes, with the student's policy in it.

    boot_test.py --tree DIR          a build tree of the kernel, built; looks at the files and at what would be compiled
    boot_test.py --tree DIR --boot   compiles the kernel of a handout with the reference in it, and boots it, too: a few
                                     minutes, so not in every run of the tests
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import unittest

COURSE = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
ROOT = os.path.dirname(COURSE)
sys.path[:0] = [os.path.join(COURSE, "engine"), os.path.dirname(__file__)]

import assignment  # noqa: E402
import student_tree  # noqa: E402
from handout_test import with_reference  # noqa: E402

SEED = "77"  # other names than those of our policies
TREE, BOOTS = None, False


def run(*command, folder=ROOT):
    return subprocess.run(command, check=True, cwd=folder, stdout=subprocess.PIPE, text=True).stdout


def sources_of_the_kernel():
    """Our files that something in the build tree was compiled from."""
    read = {line.strip() for line in run("ninja", "-C", TREE, "-t", "deps").splitlines() if line.startswith(" ")}
    paths = (os.path.relpath(os.path.join(TREE, path), ROOT) for path in read)
    return {path for path in paths if not path.startswith(("..", "build/"))}


def objects(tree):
    return re.findall(r" -o (kernel\S+) -c ", run("ninja", "-C", tree, "-t", "commands", "iso"))


class StudentsKernel(unittest.TestCase):
    def test_is_compiled_from_our_files(self):
        sources = sources_of_the_kernel()
        self.assertGreater(len(sources), 300)
        # Of these a part goes that no policy in a student's tree would use.
        edited = {edit["file"] for solution in student_tree.solutions() for edit in solution["edits"]} & sources
        self.assertEqual(edited, {"sched/sync/turnstile.hpp"})
        stands_in = {path for one in map(assignment.find, assignment.names()) if one.handout["solution"].get("stands_in")
                     for path in student_tree.skeleton(one, one.variant())}
        for name in assignment.names():
            tree = student_tree.contents(assignment.find(name), SEED)
            for path in sources:
                with open(os.path.join(ROOT, path), "rb") as file:
                    ours = file.read()
                if path in stands_in:
                    self.assertIn(b"not_supported", tree[path], path)
                elif path in edited:
                    self.assertLess(len(tree[path]), len(ours))
                else:
                    self.assertEqual(tree.get(path), ours, f"{path} is missing or another one in the handout")

    def test_has_the_students_policy_in_it(self):
        for name in assignment.names():
            chosen = assignment.find(name)
            values, slot = chosen.variant(SEED), chosen.manifest.get("slot")
            if slot is None:
                continue  # what is the student's is always in the kernel
            for policy in [policy for policy in chosen.manifest["policies"] if policy["points"]][:1]:
                with self.subTest(assignment=name), tempfile.TemporaryDirectory() as folder:
                    student_tree.make(chosen, SEED, folder)
                    with_reference(chosen, SEED, folder)
                    # What no policy changes is taken from our tree: the test above says that it is the same.
                    image, selected = os.path.join(folder, "build", "image"), values[policy["key"]]
                    run("cmake", "--preset", "i686-debug", "-B", image, f"-DKIDNEY_COMMON_TREE={TREE}",
                        f"-D{slot['variable']}={selected}", folder=folder)
                    with open(os.path.join(image, "generated", "policies", "selected", f"{slot['name']}.hpp"),
                              encoding="utf-8") as file:
                        self.assertIn(f'"{assignment.fill(policy["file"], values)}"', file.read())
                    ours = [path for path in objects(TREE) if "engine_objects" not in path and "vdso" not in path]
                    self.assertEqual(objects(image), ours)
                    if BOOTS:
                        run("ninja", "-C", image, "iso", "disk")
                        said = run(os.path.join(folder, "kidney"), "run", "--tree", image, "--exec", "uname -v")
                        self.assertIn(f" {selected} ", said)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", required=True, type=os.path.abspath)
    parser.add_argument("--boot", action="store_true")
    options, rest = parser.parse_known_args()
    TREE, BOOTS = options.tree, options.boot
    unittest.main(argv=[sys.argv[0], *rest])

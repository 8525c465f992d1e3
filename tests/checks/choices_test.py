#!/usr/bin/env python3
"""What a policy costs: an image has nothing to do with those that it does not use, and the tree of another choice
compiles what depends on it and nothing else.

    choices_test.py --tree DIR      a build tree of the kernel, built
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
POLICY = re.compile(r"^kidney_policy\((\w+) (\w+) (\S+) ", re.MULTILINE)
TREE = None


def run(*command):
    return subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout


def cached(variable):
    with open(os.path.join(TREE, "CMakeCache.txt"), encoding="utf-8") as file:
        return re.search(rf"^{variable}:\w+=(.*)$", file.read(), re.MULTILINE).group(1)


def slots():
    return json.loads(run("cmake", "-P", os.path.join("cmake", "list_policies.cmake")))


def unused_headers():
    """The policies that the image of the tree has not."""
    used = {(slot["slot"], cached(variable)) for variable, slot in slots().items()}
    for folder in ("mm", "sched", "fs"):
        with open(os.path.join(ROOT, folder, "policies.cmake"), encoding="utf-8") as file:
            yield from (header for slot, name, header in POLICY.findall(file.read()) if (slot, name) not in used)


class Image(unittest.TestCase):
    def test_includes_no_policy_that_it_does_not_use(self):
        included = run("ninja", "-C", TREE, "-t", "deps")
        self.assertIn("/kernel/config.hpp\n", included)
        self.assertIn("generated/policies/selected/", included)
        for header in unused_headers():
            self.assertNotIn(f"/{header}\n", included)
        # The lists of all policies change when there is one more.
        self.assertNotRegex(included, r"generated/policies/(?!selected/)")


class AnotherChoice(unittest.TestCase):
    def expect_kernel_only(self, variable):
        slot = slots()[variable]
        other = next(value for value in slot["values"] if value != cached(variable))
        with tempfile.TemporaryDirectory() as folder:
            run("cmake", "--preset", f"i686-{cached('CMAKE_BUILD_TYPE').lower()}", "-B", folder,
                f"-DKIDNEY_COMMON_TREE={TREE}", f"-D{variable}={other}")
            steps = re.findall(r" -o (\S+) -c ", run("ninja", "-C", folder, "-t", "commands", "iso", "disk"))
            self.assertTrue(os.path.samefile(os.path.join(folder, "root.ext2"), os.path.join(TREE, "root.ext2")))
        self.assertIn("kernel/CMakeFiles/boot_objects.dir/__/arch/i686/boot/boot.cpp.o", steps)
        for step in steps:
            self.assertRegex(step, r"^kernel/CMakeFiles/(kernel_objects|boot_objects|kernel(_without_symbols)?)\.dir/")
        self.assertLess(len(steps), 20, steps)

    def test_compiles_the_kernel_over_its_policies(self):
        self.expect_kernel_only("KIDNEY_SCHEDULER")

    def test_of_the_machine_too(self):
        self.expect_kernel_only("KIDNEY_PAGE_TABLE")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", required=True, type=os.path.abspath)
    options, rest = parser.parse_known_args()
    TREE = options.tree
    unittest.main(argv=[sys.argv[0], *rest])

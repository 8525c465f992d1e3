#!/usr/bin/env python3
"""./kidney crash: kfs and vsfs with a log lose nothing, without a log vsfs does, and the machine tells what; shards are the whole."""
import argparse
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
TREE = None


def kidney(*arguments, cwd=None):
    tree = [] if "--merge" in arguments else ["--tree", TREE]
    result = subprocess.run([os.path.join(ROOT, "kidney"), "crash", *arguments, *tree], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, cwd=cwd)
    return result.returncode, result.stdout, result.stderr


class Crash(unittest.TestCase):
    def test_a_log_loses_nothing(self):
        for name in ("vsfs", "vsfs-small-log"):
            status, out, err = kidney(name, "--length", "1", "--nested", "1", "--random", "100")
            self.assertEqual(status, 0, out + err)
            self.assertIn("no failure", out)
            for kind in ("prefixes", "torn writes", "reordered", "during recovery"):
                self.assertRegex(out, rf"{kind} +[1-9]\d* states")

    def test_order_loses_nothing_that_was_synced(self):
        for name in ("ext2", "ext2-4k", "fat16"):
            status, out, err = kidney(name, "--length", "1", "--random", "30")
            self.assertEqual(status, 0, out + err)
            self.assertRegex(out, r"all +[1-9]\d{2,} states")

    def test_kfs_loses_nothing(self):
        for name in ("kfs", "kfs-homeward"):
            status, out, err = kidney(name, "--length", "1", "--nested", "1", "--random", "100")
            self.assertEqual(status, 0, out + err)
            self.assertIn("no failure", out)
            for kind in ("prefixes", "torn writes", "reordered", "during recovery"):
                self.assertRegex(out, rf"{kind} +[1-9]\d* states")

    def test_without_a_log_something_is_lost(self):
        with tempfile.TemporaryDirectory() as folder:
            script = os.path.join(folder, "lost.crash")
            status, out, err = kidney("vsfs-without-log", "--length", "1", "--script", script)
            self.assertEqual(status, 1, out + err)
            for fault in ("it does not mount", "it cannot be read", "its checker complains", "the tree is not as promised"):
                self.assertRegex(out, rf"[1-9]\d* failures: {fault}")
            with open(script, encoding="utf-8") as file:
                lines = file.read().splitlines()
            self.assertEqual(lines[1], "file-system vsfs-without-log")
            self.assertEqual(len([line for line in lines if line.startswith("do ")]), 1, lines)
            story = out.split("The smallest that was found:\n")[1].split("\n\nto see it again")[0]
            self.assertRegex(story, r"(LOST|TORN) write \d+: inode bitmap, by create A/bar")
            self.assertEqual(kidney("--replay", script)[:2], (1, story + "\n"))
            # With a log, the same moment is survived.
            with open(script, "w", encoding="utf-8") as file:
                file.write("\n".join(lines).replace("vsfs-without-log", "vsfs") + "\n")
            self.assertEqual(kidney("--replay", script)[:2], (0, "It does not fail any more.\n"))

    def test_shards_are_the_whole(self):
        with tempfile.TemporaryDirectory() as folder:
            def path(name):
                return os.path.join(folder, name)
            plan = ("vsfs-without-log", "--length", "1", "--random", "60", "--seed", "3")
            for part in ("1", "2", "3"):
                self.assertEqual(kidney(*plan, "--shard", part + "/3", "--json", path(part))[0], 1)
            kidney(*plan, "--json", path("whole"))
            status, out, _ = kidney("--merge", path("2"), path("3"), path("1"), "--json", path("merged"))
            self.assertEqual(status, 1)
            self.assertRegex(out, r"\d+ workloads fail")
            with open(path("whole"), encoding="utf-8") as whole, open(path("merged"), encoding="utf-8") as merged:
                self.assertEqual(whole.read(), merged.read())
            self.assertIn("of 3 parts there are: 1, 2", kidney("--merge", path("1"), path("2"))[2])
            self.assertIn("a part of another sweep", kidney("--merge", path("1"), path("whole"))[2])

    def test_a_soak_takes_them_in_turn(self):
        with tempfile.TemporaryDirectory() as folder:
            status, out, err = kidney("--soak", "0.001", "--seed", "9", "--keep", folder)
            self.assertEqual(status, 0, out + err)
            self.assertRegex(out, r"^kfs +seed +9 +[1-9]\d{3,} states\n$")
            self.assertIn("soak: nothing found, 1 times", err)

    def test_what_is_wrong_is_said(self):
        self.assertIn("not a number of minutes", kidney("--soak", "0")[2])
        self.assertEqual(kidney("fat64")[0], 2)
        self.assertIn("--shard needs --json", kidney("--shard", "1/2")[2])
        self.assertIn("--shard 3/2: not K/N", kidney("--shard", "3/2", "--json", "x")[2])
        self.assertIn("no such file", kidney("--replay", "/nowhere")[2])
        with tempfile.TemporaryDirectory() as folder:
            script = os.path.join(folder, "wrong")
            with open(script, "w", encoding="utf-8") as file:
                file.write("file-system vsfs\ndo create A/bar\ncut before write 3\n")
            status, _, err = kidney("--replay", script)
            self.assertEqual(status, 2)
            self.assertIn("wrong:3: not a line of a script", err)
            with open(script, "w", encoding="utf-8") as file:
                file.write("{}")
            self.assertIn("not what ./kidney crash --json wrote", kidney("--merge", script)[2])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", required=True)
    options, rest = parser.parse_known_args()
    TREE = os.path.abspath(options.tree)
    unittest.main(argv=[sys.argv[0], *rest])

"""What the tests of the laboratory stand on: its verb, and a folder for what it writes."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
TREE = []  # of main()
sys.path.insert(0, os.path.join(ROOT, "tools", "kidney"))


def lab(*arguments):
    return subprocess.run([os.path.join(ROOT, "kidney"), "lab", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def content(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class LabCase(unittest.TestCase):
    SUBJECT = ""  # of measure() and check_shards()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def measure(self, name, *arguments, seeds="1"):
        """Where the JSON of a run is."""
        result = lab(self.SUBJECT, "--tree", tree(), "--seeds", seeds, "--json", self.path(name), *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return self.path(name)

    def check_shards(self, *few):
        """Three parts of a run say together, byte for byte, what it says at once; its runs."""
        self.measure("once.json", "--csv", self.path("once.csv"), *few, seeds="2")
        parts = [self.measure(f"{k}.json", "--shard", f"{k}/3", *few, seeds="2") for k in (1, 2, 3)]
        joined = lab(self.SUBJECT, "--merge", *parts, "--json", self.path("joined.json"), "--csv", self.path("joined.csv"))
        self.assertEqual(joined.returncode, 0, joined.stderr)
        for kind in ("json", "csv"):
            self.assertEqual(content(self.path(f"once.{kind}")), content(self.path(f"joined.{kind}")))
        return json.loads(content(self.path("once.json")))["runs"]


def tree():
    return TREE[0]


def main():
    """Of a test that is given --tree."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", required=True)
    known, rest = parser.parse_known_args()
    TREE.append(known.tree)
    unittest.main(module="__main__", argv=[sys.argv[0], *rest])

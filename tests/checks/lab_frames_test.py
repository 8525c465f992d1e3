#!/usr/bin/env python3
"""./kidney lab frames: shards join to what one run says, and everything that does not fit is refused."""
import argparse
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tools", "kidney"))

from project import policy_slots  # noqa: E402
import verb_lab  # noqa: E402

TREE = None
SMALL = ("--memory", "8", "--workload", "fpaper", "--workload", "machine", "--policy", "next_fit", "--policy", "buddy_bitmap",
         "--seeds", "1")


def lab(*arguments):
    return subprocess.run([os.path.join(ROOT, "kidney"), "lab", "frames", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)


def content(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Lab(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def measure(self, name, *arguments, options=SMALL):
        result = lab("--tree", TREE, *options, "--json", self.path(name), *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return self.path(name)

    def refused(self, *arguments, words=()):
        result = lab(*arguments)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stdout, "")
        for word in words:
            self.assertIn(word, result.stderr)
        self.assertNotIn("Traceback", result.stderr)

    def test_the_program_and_the_verb_know_the_same_names(self):
        names = json.loads(subprocess.check_output([os.path.join(TREE, "bench", "lab", "frames_lab"), "--list"]))
        slots = {slot["slot"]: slot["values"] for slot in policy_slots().values()}
        self.assertEqual(names["policies"], slots["frame_allocator"])
        self.assertEqual(names["workloads"], list(verb_lab.WORKLOADS))

    def test_names_are_checked_before_anything_is_built(self):
        self.refused("--policy", "nosuch", words=("nosuch", "next_fit", "buddy"))
        self.refused("--workload", "nosuch", words=("nosuch", "fpaper", "machine"))
        self.refused("--shard", "3/2", "--json", self.path("x"), words=("3/2", "K/N"))
        self.refused("--shard", "1/2", words=("--json",))
        self.refused("--html", "/no/such/folder/x", words=("/no/such/folder/x",))

    def test_every_policy_gets_through_every_workload(self):
        whole = json.loads(content(self.measure("all.json", options=("--memory", "4", "--seeds", "1"))))
        self.assertEqual(len(whole["runs"]), len(whole["policies"]) * len(verb_lab.WORKLOADS))
        for run in whole["runs"]:
            end = run["pictures"][-1]
            with self.subTest(policy=run["policy"], workload=run["workload"]):
                self.assertEqual(end["calls"], run["calls"])
                self.assertEqual(len(end["regions"]), run["frames"] // run["region_frames"])
                # What is granted one by one is what is free; nobody gives more than there is whole.
                self.assertEqual(run["granted_at_end"][0], end["free"])
                self.assertTrue(all(got <= whole for got, whole in zip(run["granted_at_end"], end["whole"])))
                self.assertEqual(end["whole"], sorted(end["whole"], reverse=True))

    def test_shards_join_to_the_bytes_of_one_run(self):
        once = self.measure("once.json", "--csv", self.path("once.csv"), "--html", self.path("once.html"))
        parts = [self.measure(f"{k}.json", "--shard", f"{k}/3") for k in (1, 2, 3)]
        joined = lab("--merge", *reversed(parts), "--json", self.path("joined.json"), "--csv", self.path("joined.csv"),
                     "--html", self.path("joined.html"))
        self.assertEqual(joined.returncode, 0, joined.stderr)
        for kind in ("json", "csv", "html"):
            self.assertEqual(content(self.path(f"once.{kind}")), content(self.path(f"joined.{kind}")))
        self.assertEqual(lab("--merge", once).stdout, joined.stdout)
        rows = list(csv.DictReader(io.StringIO(content(self.path("once.csv")))))
        self.assertEqual(len(rows), 4)
        paper = {row["policy"]: float(row["granted_2m"]) for row in rows if row["workload"] == "fpaper"}
        self.assertGreater(paper["buddy_bitmap"], paper["next_fit"])  # it heals memory, next fit does not

    def test_shards_that_do_not_fit_are_refused(self):
        one, two = (self.measure(f"{k}.json", "--shard", f"{k}/2") for k in (1, 2))
        self.refused("--merge", one, words=("missing", "2"))
        self.refused("--merge", one, two, one, words=("1.json", "already"))
        self.refused("--merge", one, self.measure("x.json", "--shard", "1/3"), words=("x.json", "3"))
        other = self.measure("y.json", "--shard", "2/2", options=(*SMALL[2:], "--memory", "16"))
        self.refused("--merge", one, other, words=("y.json", "memory_mib", "16"))
        changed = json.loads(content(two))
        changed["sources"] = "0" * 16
        for name, text, word in (("sources", json.dumps(changed), "sources"), ("empty", "", "empty"), ("list", "[]", "not a result"),
                                 ("cut", content(two)[:-100], "cut"),
                                 ("shard", json.dumps(dict(json.loads(content(two)), shard=[0])), "shard"),
                                 ("nameless", json.dumps(dict(json.loads(content(two)), runs=[{}, 1])), "runs"),
                                 ("short", json.dumps(dict(json.loads(content(two)), runs=[])), "runs")):
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(text)
            self.refused("--merge", one, self.path(name), words=(name, word))
        self.refused("--merge", one, self.path("nosuch"), words=("nosuch",))

    def test_a_policy_that_crashes_costs_its_runs_and_nothing_else(self):
        program = os.path.join(self.folder, "bench", "lab", "frames_lab")
        os.makedirs(os.path.dirname(program))
        with open(program, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n[ $1 = next_fit ] && [ $2 = fpaper ] && echo 'frames: freed block is not live' >&2 && kill -ABRT $$\n"
                       f"[ $1 = next_fit ] && kill -XCPU $$\n"
                       f"exec '{TREE}/bench/lab/frames_lab' \"$@\"\n")
        os.chmod(program, 0o755)
        result = lab("--tree", self.folder, *SMALL, "--csv", self.path("x.csv"), "--html", self.path("x.html"))
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("next_fit: frames: freed block is not live", result.stdout)
        self.assertIn("next_fit: no end after", result.stdout)
        errors = [row["error"] for row in csv.DictReader(io.StringIO(content(self.path("x.csv"))))]
        self.assertEqual(sum(error != "" for error in errors), 2)
        self.assertEqual(len(errors), 4)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", required=True)
    known, rest = parser.parse_known_args()
    TREE = known.tree
    unittest.main(argv=[sys.argv[0], *rest])

#!/usr/bin/env python3
"""./kidney lab heap: every heap gets through every workload, the figures add up, shards join to what one run says."""
import argparse
import json
import os
import subprocess
import sys
import unittest

from lab_case import LabCase, content, lab as lab_of
from project import policy_slots  # noqa: E402
import lab_heap  # noqa: E402

TREE = None
SMALL = ("--memory", "4", "--seeds", "1")


def lab(*arguments):
    return lab_of("heap", *arguments)


class Lab(LabCase):
    def measure(self, name, *arguments):
        result = lab("--tree", TREE, *SMALL, "--json", self.path(name), *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return self.path(name)

    def test_the_program_and_the_verb_know_the_same_names(self):
        names = json.loads(subprocess.check_output([os.path.join(TREE, "bench", "lab", "heap_lab"), "--list"]))
        slots = {slot["slot"]: slot["values"] for slot in policy_slots().values()}
        self.assertEqual(names["policies"], [*slots["heap"], *lab_heap.MORE_POLICIES])
        self.assertEqual(names["workloads"], list(lab_heap.WORKLOADS))

    def test_names_are_checked_before_anything_is_built(self):
        for arguments, words in ((("--policy", "nosuch"), ("nosuch", "slab", "debug_slab")),
                                 (("--workload", "fpaper"), ("fpaper", "churn", "sizes")),
                                 (("--trace", "x.gz"), ("--trace", "frames"))):
            result = lab(*arguments)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertEqual(result.stdout, "")
            for word in words:
                self.assertIn(word, result.stderr)

    def test_the_figures_of_every_heap_and_workload_add_up(self):
        whole = json.loads(content(self.measure("all.json")))
        self.assertEqual(len(whole["runs"]), len(whole["policies"]) * len(whole["workloads"]))
        asked = {}
        for run in whole["runs"]:
            with self.subTest(policy=run["policy"], workload=run["workload"]):
                for p in run["pictures"]:
                    self.assertEqual(len(p["regions"]), 64)
                    self.assertLessEqual(p["asked"], p["granted"])
                    self.assertLessEqual(p["granted"], 4096 * p["held"])
                    self.assertEqual(p["regions"] == "." * 64, p["held"] == 0)
                self.assertEqual(run["pictures"][-1]["calls"], run["calls"])
                self.assertGreaterEqual(run["peak"]["asked"], max(p["asked"] for p in run["pictures"]))
                self.assertLessEqual(run["kept_after_reclaim"], min(run["kept"], 16))
                self.assertTrue(all(held >= objects * size for size, objects, held in run["costs"]))
                self.assertEqual(bool(run["costs"]), run["workload"] == "sizes")
                if not run["refused"]:
                    asked.setdefault(run["workload"], set()).add((run["asked"], run["peak"]["asked"]))
        self.assertTrue(all(len(same) == 1 for same in asked.values()), f"not the same requests for all: {asked}")

    def test_shards_join_to_what_one_run_says(self):
        few = ("--workload", "churn", "--workload", "tides", "--policy", "slab", "--policy", "tlsf")
        once = self.measure("once.json", "--csv", self.path("once.csv"), *few)
        parts = [self.measure(f"{k}.json", "--shard", f"{k}/2", *few) for k in (1, 2)]
        joined = lab("--merge", *parts, "--json", self.path("joined.json"), "--csv", self.path("joined.csv"))
        self.assertEqual(joined.returncode, 0, joined.stderr)
        for kind in ("json", "csv"):
            self.assertEqual(content(self.path(f"once.{kind}")), content(self.path(f"joined.{kind}")))
        # A shard of another subject is none of this plan.
        frames = dict(json.loads(content(once)), version=2)
        with open(self.path("frames.json"), "w", encoding="utf-8") as file:
            json.dump(frames, file)
        refused = lab("--merge", self.path("frames.json"))
        self.assertEqual(refused.returncode, 2)
        self.assertIn("version", refused.stderr)

    def test_it_shows_what_each_heap_is_good_at(self):
        whole = json.loads(content(self.measure("x.json", "--workload", "fill128", "--workload", "fill2048")))
        held = {(run["workload"], run["policy"]): lab_heap.figures(run)["held_per_asked_at_peak"] for run in whole["runs"]}
        self.assertLess(held["fill128", "slab"], held["fill128", "tlsf"])    # no tag on each small object
        self.assertLess(held["fill2048", "tlsf"], held["fill2048", "slab"])  # no classes
        self.assertLess(held["fill2048", "slab"], held["fill2048", "debug_slab"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", required=True)
    known, rest = parser.parse_known_args()
    TREE = known.tree
    unittest.main(argv=[sys.argv[0], *rest])

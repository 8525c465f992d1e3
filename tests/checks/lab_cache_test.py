#!/usr/bin/env python3
"""./kidney lab cache: nobody passes the optimum, the figures add up, shards join to what one run says, and policies are what they are said to be."""
import json
import os
import subprocess

from lab_case import LabCase, content, lab, main, tree
from project import policy_slots  # noqa: E402
import lab_cache  # noqa: E402

class Lab(LabCase):
    SUBJECT = "cache"

    def test_the_program_and_the_verb_know_the_same_names(self):
        names = json.loads(subprocess.check_output([os.path.join(tree(), "bench", "lab", "cache_lab"), "--list"]))
        slots = {slot["slot"]: slot["values"] for slot in policy_slots().values()}
        self.assertEqual(names["policies"], slots["cache_replacement"])
        self.assertEqual(names["workloads"], list(lab_cache.WORKLOADS))

    def test_names_are_checked_before_anything_is_built(self):
        for arguments, words in ((("--policy", "nosuch"), ("nosuch", "lru", "arc")),
                                 (("--workload", "fpaper"), ("fpaper", "zipf", "loop")),
                                 (("--memory", "64"), ("--memory", "frames", "heap")),
                                 (("--trace", "x.gz"), ("--trace", "frames"))):
            result = lab("cache", *arguments)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertEqual(result.stdout, "")
            for word in words:
                self.assertIn(word, result.stderr)

    def test_the_figures_of_every_policy_and_workload_add_up(self):
        whole = json.loads(content(self.measure("all.json")))
        self.assertEqual(len(whole["runs"]), len(whole["policies"]) * len(whole["workloads"]))
        same = {}
        for run in whole["runs"]:
            with self.subTest(policy=run["policy"], workload=run["workload"]):
                self.assertEqual(run["sizes"], sorted(set(run["sizes"])))
                self.assertEqual(run["sizes"][-1], run["pages"])
                for hits, optimum in zip(run["hits"], run["optimum"]):
                    self.assertLessEqual(hits, optimum)  # Bélády
                self.assertEqual(run["optimum"], sorted(run["optimum"]))
                # Whoever holds everything misses each page once.
                self.assertEqual(run["hits"][-1], run["calls"] - run["pages"])
                for key in ("hits", "optimum"):
                    self.assertEqual(sum(p[key] for p in run["pictures"]), run[key][run["pictured"]])
                self.assertTrue(all(len(p["regions"]) == 64 for p in run["pictures"]))
                self.assertEqual(run["pictures"][-1]["calls"], run["calls"])
                same.setdefault(run["workload"], set()).add((run["calls"], run["pages"], tuple(run["optimum"])))
        self.assertTrue(all(len(asked) == 1 for asked in same.values()), "not the same accesses for all")
        share = {(run["workload"], run["policy"]): lab_cache.figures(run)["of_optimum"] for run in whole["runs"]}
        hits = {(run["workload"], run["policy"]): run["hits"] for run in whole["runs"]}
        # LRU is a stack algorithm (Mattson and others, 1970): a larger cache never has fewer hits.
        for workload in whole["workloads"]:
            self.assertEqual(hits[workload, "lru"], sorted(hits[workload, "lru"]))
            self.assertLess(share[workload, "fifo"], share[workload, "lru"] + 1.0)
        self.assertEqual(set(hits["loop", "lru"][:-1]), {0})
        self.assertGreater(hits["loop", "two_q"][-2], 0)
        for workload in ("zipf", "database", "files"):
            for policy in ("two_q", "arc"):
                self.assertGreater(share[workload, policy], share[workload, "lru"])
        # The cache in which what is in use fits, but not with a scan.
        at = next(n for n, size in enumerate(next(run["sizes"] for run in whole["runs"] if run["workload"] == "scan")) if size >= 280)
        self.assertGreater(hits["scan", "arc"][at], 1.1 * hits["scan", "lru"][at])

    def test_shards_join_to_what_one_run_says(self):
        runs = self.check_shards("--workload", "shift", "--workload", "loop", "--policy", "lru", "--policy", "arc")
        self.assertEqual(len(runs), 2 * (2 + 1))  # a loop has no seed
        # A result of another subject is none of this plan.
        refused = lab("heap", "--merge", self.path("once.json"))
        self.assertEqual(refused.returncode, 2)
        self.assertIn("not a result of ./kidney lab heap", refused.stderr)


if __name__ == "__main__":
    main()

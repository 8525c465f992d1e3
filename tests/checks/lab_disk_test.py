#!/usr/bin/env python3
"""./kidney lab disk: every request is served once, the figures add up, shards join to what one run says, and policies are what they are said to be."""
import json
import os
import subprocess

from lab_case import LabCase, content, lab, main, tree
from project import policy_slots  # noqa: E402
import lab_disk  # noqa: E402

class Lab(LabCase):
    SUBJECT = "disk"

    def test_the_program_and_the_verb_know_the_same_names(self):
        names = json.loads(subprocess.check_output([os.path.join(tree(), "bench", "lab", "disk_lab"), "--list"]))
        slots = {slot["slot"]: slot["values"] for slot in policy_slots().values()}
        self.assertEqual(names["policies"], slots["disk_scheduler"])
        self.assertEqual(names["workloads"], list(lab_disk.WORKLOADS))

    def test_names_are_checked_before_anything_is_built(self):
        for arguments, words in ((("--policy", "lru"), ("lru", "sstf", "deadline")),
                                 (("--workload", "zipf"), ("zipf", "far", "flash_flood")),
                                 (("--cpus", "2"), ("--cpus", "sched"))):
            result = lab("disk", *arguments)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertEqual(result.stdout, "")
            for word in words:
                self.assertIn(word, result.stderr)

    def test_the_figures_of_every_policy_and_workload_add_up(self):
        whole = json.loads(content(self.measure("all.json")))
        self.assertEqual(len(whole["runs"]), len(whole["policies"]) * len(whole["workloads"]))
        of = {}
        for run in whole["runs"]:
            with self.subTest(policy=run["policy"], workload=run["workload"]):
                self.assertEqual(run["reads"] + run["writes"], run["calls"])
                self.assertEqual(run["commands"] + run["merged"], run["calls"])
                self.assertEqual(run["blocks"], 8 * run["calls"])
                for kind in ("read", "write"):
                    waits = run[f"{kind}_percentiles_us"]
                    self.assertEqual(waits, sorted(waits))
                    self.assertEqual(bool(waits), run[f"{kind}s"] > 0)
                    self.assertTrue(all(wait > 0 for wait in waits))
                self.assertTrue(all(earlier[0] <= later[0] for earlier, later in zip(run["moves"], run["moves"][1:])))
                self.assertTrue(all(block < run["disk_blocks"] for _, block, _ in run["moves"]))
                self.assertEqual(run["device"] == "disk", run["travel"] > 0)
                of[run["workload"], run["policy"]] = lab_disk.figures(run)
        for workload in lab_disk.WORKLOADS:
            calls = {of[workload, policy]["calls"] for policy in whole["policies"]}
            self.assertEqual(len(calls), 1, "not the same requests for all")
        # Whoever sorts, saves ways and time; whoever takes the nearest lets the farthest wait.
        for policy in ("sstf", "c_look", "deadline"):
            self.assertLess(of["random", policy]["mean_ms"], of["random", "fifo"]["mean_ms"] / 2)
            self.assertLess(of["random", policy]["travel_per_command"], of["random", "fifo"]["travel_per_command"] / 2)
            self.assertGreater(of["random", policy]["requests_per_second"], of["random", "fifo"]["requests_per_second"])
        for policy in ("c_look", "deadline"):
            self.assertLess(10 * of["far", policy]["read_longest_ms"], of["far", "sstf"]["read_longest_ms"])
        self.assertLess(of["flood", "deadline"]["read_longest_ms"], of["flood", "c_look"]["read_longest_ms"])
        # A sweep meets those last who come just behind it.
        self.assertLess(3 * of["behind", "sstf"]["mean_ms"], of["behind", "c_look"]["mean_ms"])
        self.assertEqual(of["streams", "fifo"]["merged"], of["streams", "fifo"]["calls"] * 7 // 8)

    def test_shards_join_to_what_one_run_says(self):
        self.check_shards("--workload", "far", "--workload", "flash_flood", "--policy", "sstf", "--policy", "c_look")


if __name__ == "__main__":
    main()

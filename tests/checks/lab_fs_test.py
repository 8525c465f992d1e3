#!/usr/bin/env python3
"""./kidney lab fs: the figures add up, shards join to what one run says, and file systems are what they are said to be."""
import json
import os
import subprocess

from lab_case import LabCase, content, lab, main, tree
import lab_fs  # noqa: E402


class Lab(LabCase):
    SUBJECT = "fs"

    def test_the_program_and_the_verb_know_the_same_names(self):
        names = json.loads(subprocess.check_output([os.path.join(tree(), "bench", "lab", "fs_lab"), "--list"]))
        self.assertEqual(names["policies"], list(lab_fs.MORE_POLICIES))
        self.assertEqual(names["workloads"], list(lab_fs.WORKLOADS))

    def test_names_are_checked_before_anything_is_built(self):
        for arguments, words in ((("--policy", "ext4"), ("ext4", "kfs", "fat32")),
                                 (("--workload", "zipf"), ("zipf", "create_synced", "deep_path"))):
            result = lab("fs", *arguments)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertEqual(result.stdout, "")
            for word in words:
                self.assertIn(word, result.stderr)

    def test_the_figures_add_up(self):
        chosen = ("write_64k", "read_4k", "random_read_4k", "append_128_synced", "file_64k_synced", "create", "create_synced", "look_up", "rename_long")
        whole = json.loads(content(self.measure("all.json", *(word for name in chosen for word in ("--workload", name)))))
        of = {}
        for run in whole["runs"]:
            with self.subTest(file_system=run["policy"], workload=run["workload"]):
                self.assertNotIn("error", run)
                commands = run["reads"] + run["writes"] + run["flushes"]
                self.assertEqual(len(run["moves"]), min(600, commands))
                self.assertTrue(all(earlier[0] <= later[0] for earlier, later in zip(run["moves"], run["moves"][1:])))
                self.assertTrue(all(first + sectors <= run["disk_blocks"] for _, first, sectors, _ in run["moves"]))
                for place, total in ((1, "sectors_read"), (2, "sectors_written"), (3, "flushes")):
                    self.assertEqual(sum(picture[place] for picture in run["pictures"]), run[total])
                if commands <= 600:
                    self.assertEqual(sum(kind == 1 for *_, kind in run["moves"]), run["writes"])
                of[run["workload"], run["policy"]] = lab_fs.figures(run)
        for policy in lab_fs.MORE_POLICIES:
            # Nothing is on the disk that was not written to it, and a sync is a flush.
            self.assertGreaterEqual(of["write_64k", policy]["times_written"], 1.0)
            self.assertGreaterEqual(of["append_128_synced", policy]["flushes_per_call"], 1.0)
            self.assertGreater(of["create_synced", policy]["flushes"], of["create", policy]["flushes"])
        # Commits of one command, names that stay in memory, and what having no cache costs.
        self.assertLess(of["append_128_synced", "kfs"]["commands_per_call"], 1.1)
        self.assertLess(2 * of["append_128_synced", "kfs"]["ms_per_call"], 3 * of["append_128_synced", "ext2"]["ms_per_call"])
        self.assertEqual(of["look_up", "ext2"]["reads"], 0)
        self.assertGreater(of["look_up", "vsfs"]["reads_per_call"], 1)
        # A log writes twice, and saves ways.
        self.assertLess(of["create_synced", "kfs"]["writes_per_call"], of["create_synced", "ext2"]["writes_per_call"] / 3)

    def test_shards_join_to_what_one_run_says(self):
        self.check_shards("--workload", "random_write_4k", "--workload", "create_long", "--policy", "kfs", "--policy", "fat16")


if __name__ == "__main__":
    main()

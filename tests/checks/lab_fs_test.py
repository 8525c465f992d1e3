#!/usr/bin/env python3
"""./kidney lab fs: the figures add up, shards join to what one run says, and file systems are what they are said to be."""
import json
import os
import subprocess
import tempfile

from lab_case import LabCase, content, lab, main, tree
import file_trace  # noqa: E402
import lab_fs  # noqa: E402

STRACE = """\
7 openat(AT_FDCWD</home/me>, "/etc/passwd", O_RDONLY) = 3</etc/passwd>
7 read(3</etc/passwd>, ""..., 4096) = 900
7 newfstatat(AT_FDCWD</home/me>, "old dir/a file", {st_mode=S_IFREG|0644, st_size=5000, ...}, 0) = 0
7 openat(AT_FDCWD</home/me>, "old dir/a file", O_RDONLY) = 3</home/me/old dir/a file>
7 read(3</home/me/old dir/a file>, ""..., 4096) = 4096
7 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 8
8 read(3</home/me/old dir/a file>,  <unfinished ...>
7 mkdir("new", 0777) = 0
8 <... read resumed>""..., 4096) = 904
8 close(3</home/me/old dir/a file>) = 0
7 chdir("new") = 0
7 openat(AT_FDCWD</home/me/new>, "log", O_WRONLY|O_CREAT|O_APPEND, 0666) = 4</home/me/new/log>
7 write(4</home/me/new/log>, ""..., 100) = 100
7 pwrite64(4</home/me/new/log>, ""..., 10, 8192) = 10
7 fsync(4</home/me/new/log>) = 0
7 stat("missing", 0x7ffe) = -1 ENOENT (No such file or directory)
7 rename("log", "../log.1") = 0
7 openat(AT_FDCWD</home/me/new>, "..", O_RDONLY|O_DIRECTORY) = 5</home/me>
7 getdents64(5</home/me>, 0x1 /* 4 entries */, 32768) = 112
7 unlink("../log.1") = 0
7 rmdir("/home/me/new") = 0
"""
CONVERTED = """\
kidney-file-trace 1
had old_dir/
had old_dir/a_file 5000
stat old_dir/a_file
open old_dir/a_file
read old_dir/a_file 0 4096
mkdir new
read old_dir/a_file 4096 904
create new/log
write new/log 0 100
write new/log 8192 10
fsync new/log
stat new/missing
rename new/log log.1
list .
unlink log.1
unlink new
"""


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

    def test_strace_becomes_a_workload(self):
        with tempfile.TemporaryDirectory() as folder:
            recorded, converted = os.path.join(folder, "session.strace"), os.path.join(folder, "again.files")
            for path, text in ((recorded, STRACE), (converted, CONVERTED)):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
            self.assertEqual(file_trace.load(recorded).text, CONVERTED)
            self.assertEqual(file_trace.load(converted).text, CONVERTED)
            whole = json.loads(content(self.measure("traces.json", "--trace", recorded, "--trace", converted, "--workload", "untar_make")))
            self.assertEqual(set(whole["workloads"]), {"session", "again", "untar_make"})
            by = {(run["workload"], run["policy"]): run for run in whole["runs"]}
            for policy in lab_fs.MORE_POLICIES:
                one, other = by["session", policy], by["again", policy]
                self.assertEqual({**one, "workload": ""}, {**other, "workload": ""})
                self.assertEqual((one["calls"], one["bytes"]), (14, 5110))
                self.assertGreater(one["flushes"], 0, "there is an fsync in it")
                self.assertGreater(by["untar_make", policy]["calls"], 2000)
            for text, words in (("nothing", "no call of a file"), ("kidney-file-trace 1\nread f 0\n", "line 2: not a call: read f 0"),
                                ("kidney-file-trace 1\nread f 0 5000000000\n", "line 2"), ("kidney-file-trace 1\n", "it has no call")):
                with open(converted, "w", encoding="utf-8") as file:
                    file.write(text)
                result = lab("fs", "--tree", tree(), "--trace", converted)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(words, result.stderr)

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

#!/usr/bin/env python3
"""./kidney lab frames: shards join to what one run says, and everything that does not fit is refused."""
import argparse
import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys
import unittest

from lab_case import LabCase, content, lab as lab_of
from project import policy_slots  # noqa: E402
import frame_trace  # noqa: E402
import lab_frames  # noqa: E402

TREE = None
SMALL = ("--memory", "8", "--workload", "fpaper", "--workload", "machine", "--policy", "next_fit", "--policy", "buddy_bitmap",
         "--seeds", "1")


def lab(*arguments):
    return lab_of("frames", *arguments)


class Lab(LabCase):
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
        self.assertEqual(names["workloads"], list(lab_frames.WORKLOADS))

    def test_a_policy_with_magazines_is_one_of_its_own(self):
        names = ["fullest_region", "fullest_region+magazines", "free_list", "free_list+magazines"]
        options = ["--memory", "8", "--seeds", "1", "--workload", "fpaper"]
        for name in names:
            options += ["--policy", name]
        whole = json.loads(content(self.measure("magazines.json", options=options)))
        large = {run["policy"]: run["granted_at_end"][lab_frames.LARGE] for run in whole["runs"]}
        self.assertEqual(sorted(large), sorted(names))
        self.assertGreaterEqual(large["fullest_region+magazines"], 512)
        self.assertEqual(large["free_list+magazines"], 0)
        sizes = {run["policy"]: run["metadata_bytes"] for run in whole["runs"]}
        self.assertGreater(sizes["free_list+magazines"], sizes["free_list"])
        self.refused("--policy", "nosuch+magazines", words=("nosuch+magazines", "next_fit+magazines"))

    def test_names_are_checked_before_anything_is_built(self):
        self.refused("--policy", "nosuch", words=("nosuch", "next_fit", "buddy"))
        self.refused("--workload", "nosuch", words=("nosuch", "fpaper", "machine"))
        self.refused("--shard", "3/2", "--json", self.path("x"), words=("3/2", "K/N"))
        self.refused("--shard", "1/2", words=("--json",))
        self.refused("--html", "/no/such/folder/x", words=("/no/such/folder/x",))

    def test_every_policy_gets_through_every_workload(self):
        whole = json.loads(content(self.measure("all.json", options=("--memory", "4", "--seeds", "1"))))
        recorded = frame_trace.recorded()
        self.assertEqual(len(whole["runs"]), len(whole["policies"]) * (len(lab_frames.WORKLOADS) + len(recorded)))
        for run in whole["runs"]:
            end = run["pictures"][-1]
            with self.subTest(policy=run["policy"], workload=run["workload"]):
                self.assertEqual(end["calls"], run["calls"])
                self.assertEqual(len(end["regions"]), run["frames"] // run["region_frames"])
                # What is granted one by one is what is free; nobody gives more than there is whole.
                self.assertEqual(run["granted_at_end"][0], end["free"])
                self.assertTrue(all(got <= whole for got, whole in zip(run["granted_at_end"], end["whole"])))
                self.assertEqual(end["whole"], sorted(end["whole"], reverse=True))

    def test_recorded_traces_are_repeated(self):
        recorded = frame_trace.recorded()
        self.assertTrue(recorded)
        for trace in recorded.values():
            whole = json.loads(content(self.measure("trace.json", options=("--workload", trace.name, "--seeds", "2"))))
            self.assertEqual(list(whole["traces"]), [trace.name])
            self.assertEqual([run["seed"] for run in whole["runs"]], [1] * len(whole["policies"]))
            requests = len(re.findall(r"(?:^| )[+!]", trace.text, re.MULTILINE))
            refused = {run["policy"]: lab_frames.figures(run)["refused"] for run in whole["runs"]}
            self.assertEqual([sum(run["asked"]) for run in whole["runs"]], [requests] * len(whole["runs"]))
            # Whoever serves all ends with as much in use.
            self.assertEqual(len({run["pictures"][-1]["free"] for run in whole["runs"] if not refused[run["policy"]]}), 1)

    def test_a_trace_in_a_file_is_a_workload(self):
        calls = "+10 +20.4 !9 -10 +11 -20.4"
        text = f"# by hand\nkidney-frame-trace 1 policy=buddy calls=6 dropped=7\ns1-3ff r1-f0 r100-2ff\n{calls}\nend\n"
        paths = [self.path("mine.txt"), self.path("packed.gz")]
        for path in paths:
            frame_trace.write(path, text)
        options = ("--policy", "next_fit", "--policy", "buddy_bitmap", *(f"--trace={path}" for path in paths))
        whole = json.loads(content(self.measure("mine.json", "--html", self.path("mine.html"), options=options)))
        self.assertEqual(whole["workloads"], ["mine", "packed"])
        self.assertIn("recorded in the running kernel: by hand; 7 later calls are missing", content(self.path("mine.html")))
        for run in whole["runs"]:
            self.assertEqual((run["frames"], sum(run["asked"])), (1024, 4))
            self.assertEqual(run["pictures"][0]["free"], 0xf0 + 0x200)
            self.assertEqual(run["pictures"][-1]["free"], 0xf0 + 0x200 - 1)
            self.assertEqual(run["refused_scattered"][9], 1)
        parts = [self.measure(f"{k}.json", "--shard", f"{k}/2", options=options) for k in (1, 2)]
        self.assertEqual(lab("--merge", *parts, "--json", self.path("joined.json")).returncode, 0)
        self.assertEqual(content(self.path("joined.json")), content(self.path("mine.json")))
        # The same name, but another trace.
        frame_trace.write(paths[1], text.replace("+11", "+12"))
        self.refused("--merge", parts[0], self.measure("2.json", "--shard", "2/2", options=options), words=("traces",))
        self.refused("--merge", parts[0], "--trace", paths[0], words=("traces from the files",))

    def test_what_is_no_trace_is_refused(self):
        for name, data, words in (("broken.txt", b"kidney-frame-trace 1 policy=buddy calls=1 dropped=0\ns0-ff r0-ff\n-5 end\n", ("line 3", "'-5'")),
                                  ("log.txt", b"[ 0.1 ] boot: hello\n", ("line 1", "header")), ("empty.txt", b"", ("header",)),
                                  ("cut.gz", gzip.compress(b"kidney-frame-trace 1")[:-5], ("cut.gz",)),
                                  ("image.png", bytes(range(256)), ("image.png",)),
                                  ("bomb.gz", gzip.compress(b"#" * (frame_trace.BYTES_AT_MOST + 1)), ("longer than any trace",)),
                                  ("fmix.txt", b"", ("fmix", "rename")),
                                  ("two words", b"", ("two words", "named"))):
            with open(self.path(name), "wb") as file:
                file.write(data)
            self.refused("--tree", TREE, "--trace", self.path(name), words=(name, *words))
        self.refused("--trace", self.path("nosuch"), words=("nosuch",))

    def test_a_trace_is_found_in_a_kernel_log(self):
        trace = "kidney-frame-trace 1 policy=buddy calls=0 dropped=0\ns0-ff r0-ff\nend\n"
        before, between, after = "[    0.1] boot: frames: x\r\n[    0.2] frames: no memory\r\n", "[    0.3] irq: 7\r\n", "[    0.4] z: y\r\n"
        first, *rest = (f"[    0.3] frames: {line}\r\n" for line in trace.splitlines())
        log = before + first + between + "".join(rest) + after
        self.assertEqual(frame_trace.cut_out(log), (trace, before + between + after))
        self.assertIsNone(frame_trace.cut_out(before + first)[0])
        self.assertEqual(frame_trace.dropped(trace), 0)
        self.assertEqual(frame_trace.dropped(trace.replace("dropped=0", "dropped=70000")), 70000)
        self.assertEqual(frame_trace.cut_out(before), (None, before))

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

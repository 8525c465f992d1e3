#!/usr/bin/env python3
"""The benchmark report, of made-up figures: what it compares with what, and how it looks in headless Chromium."""
import os
import sys
import tempfile
import unittest

import chromium

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tools", "kidney"))
import bench_report  # noqa: E402
import verb_bench  # noqa: E402

HERE = {"commit": "abc", "build": "host-release, 64-bit", "machine": "2 x Chip <9>, 2000 MHz", "load": "0.1", "date": "today"}


def entry(name, ns, **counters):
    return {"name": name, "run_name": name, "cpu_time": ns, "time_unit": "ns", **counters}


def rows(scale=1.0):
    return verb_bench.rows_of([entry("pair/baseline_list", 2.0), entry("pair/baseline_list", 2.2), entry("pair/slow<b>", 900.0 * scale),
                               entry("pair/buddy", 3.0, refused=2.0), entry("switch/only/10", 5.0)])


def write(folder):
    """A report with all that one may have, and its path."""
    history = os.path.join(folder, "history.jsonl")
    bench_report.append_history(history, {"mm_frames": rows(0.5)}, {"mm_frames": HERE})
    counted = verb_bench.rows_of([entry("metadata/buddy", 1.0, bits=1.25), entry("metadata/list", 1.0, bits=32.0)])
    path = os.path.join(folder, "report.html")
    with open(path, "w", encoding="utf-8") as file:
        file.write(bench_report.page({"mm_frames": rows(), "mm_fragmentation": counted},
                                     {"mm_frames": HERE, "mm_fragmentation": HERE}, bench_report.read_history(history)))
    return path


class Figures(unittest.TestCase):
    def test_the_fastest_is_compared_with_the_fastest_baseline(self):
        ratios = {row["subject"]: row["ratio"] for row in rows()}
        self.assertEqual(ratios, {"baseline_list": 1.0, "slow<b>": 450.0, "buddy": 1.5, "only": None})

    def test_what_is_counted_beside_a_time_takes_not_its_place(self):
        row, = verb_bench.rows_of([entry("switch/cfs/10", 12.0, instructions=184.4)])
        self.assertEqual((row["ns"], row["notes"], row["figures"]), (12.0, {"instructions": 184}, {}))
        self.assertIn("<td>184", bench_report.table("switch", [row], {}))
        row, = verb_bench.rows_of([entry("read/kfs", 12.0, reads=0.0314941, KiB=4.0)])
        self.assertEqual((row["ns"], row["notes"], row["figures"]), (12.0, {"reads": 0.03149, "KiB": 4.0}, {}))
        self.assertIn("<td>0.03149<td>4", bench_report.table("read", [row], {}))

    def test_decades_get_a_logarithmic_scale(self):
        group = [{"ns": 1.0}, {"ns": 1000.0}]
        self.assertEqual(bench_report.bar_width(1000.0, group), (100.0, True))
        self.assertGreater(bench_report.bar_width(1.0, group)[0], 10)
        self.assertEqual(bench_report.bar_width(1.0, [{"ns": 1.0}, {"ns": 2.0}]), (50.0, False))


class History(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "history.jsonl")

    def test_only_runs_of_the_same_build_and_machine_are_compared(self):
        self.assertEqual(bench_report.read_history(self.path), [])
        faster_clock = dict(HERE, machine="2 x Chip <9>, 2100 MHz")
        for what in (HERE, faster_clock, dict(HERE, build="host-i686-release, 32-bit"), dict(HERE, machine="8 x Other, 2000 MHz")):
            bench_report.append_history(self.path, {"mm_frames": rows()}, {"mm_frames": what})
        with open(self.path, "a", encoding="utf-8") as file:
            file.write('{"suite": "mm_fra')  # a run that was cut off
        history = bench_report.read_history(self.path)
        self.assertEqual(len(history), 4)
        self.assertEqual(bench_report.earlier_figures(history, "mm_frames", HERE)["pair slow<b>"], [450.0, 450.0])
        self.assertEqual(bench_report.earlier_figures(history, "mm_heap", HERE), {})

    def test_a_change_is_told_and_a_notable_one_stands_out(self):
        row = {"workload": "w", "subject": "s", "figures": {}, "notes": {}, "ratio": 2.0, "ns": 1.0}
        self.assertIn("<strong>+100 %</strong>", bench_report.change(row, [1.0, 1.0]))
        self.assertIn("+5 %", bench_report.change(row, [1.9]))
        self.assertNotIn("strong", bench_report.change(row, [1.9]))
        self.assertNotIn("svg", bench_report.change(row, []))

    def test_the_page_fits_and_complains_of_nothing(self):
        if not chromium.program():
            self.skipTest("needs Chromium (package chromium)")
        page = write(os.path.dirname(self.path))
        with chromium.Chromium() as browser:
            for width, dark in ((390, False), (1280, True)):
                browser.open(page, width, dark=dark)
                self.assertEqual(browser.faults(), [])
                self.assertIn("slow<b>", browser.ask("document.body.innerText"))
                self.assertEqual(browser.ask("document.querySelectorAll('svg.earlier').length"), 4)
                if os.environ.get("SAVE_PICTURES"):
                    browser.save_picture(os.path.join(os.environ["SAVE_PICTURES"], f"bench-{width}.png"))


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The coverage report of a small program: what its front page says, and how it and llvm-cov's pages look in headless Chromium."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import chromium

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import coverage  # noqa: E402  (it knows where the others are)

SOURCE = """\
template <class T> T twice(T x) {
    if (x > 1 && x < 10) return x;
    return x * 2;  // a line that no test reaches, and so long that a telephone has to scroll: %s
}
int main(int count, char**) { return count > 3 ? twice(count) : twice(2.5) > 2 ? 0 : 1; }
""" % ("x" * 100)


class Report(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = os.path.join(folder.name, "sources")
        self.output = os.path.join(folder.name, "report")
        os.makedirs(os.path.join(self.source, "mm"))
        with open(os.path.join(self.source, "mm", "twice.cpp"), "w", encoding="utf-8") as file:
            file.write(SOURCE)
        program, counts = (os.path.join(folder.name, name) for name in ("twice", "counts"))
        self.run_("clang++-19", "-fprofile-instr-generate", "-fcoverage-mapping", os.path.join(self.source, "mm", "twice.cpp"), "-o", program)
        self.run_(program, env=dict(os.environ, LLVM_PROFILE_FILE=f"{counts}.profraw"))
        self.run_("llvm-profdata-19", "merge", "-o", f"{counts}.profdata", f"{counts}.profraw")
        self.sums = coverage.report([program], f"{counts}.profdata", self.source, self.output, [self.source], {"": {"lines": 12.5}})

    def run_(self, *command, **options):
        subprocess.run(command, check=True, **options)

    def test_folders_and_their_sum(self):
        self.assertEqual(self.sums["mm"], self.sums[""])
        self.assertLess(self.sums["mm"]["lines"][0], self.sums["mm"]["lines"][1])
        with open(os.path.join(self.output, "summary.json"), encoding="utf-8") as file:
            self.assertEqual(sorted(json.load(file)), ["all", "mm"])

    def test_its_pages_fit_and_lead_to_each_other(self):
        if not chromium.program():
            self.skipTest("needs Chromium (package chromium)")
        with chromium.Chromium() as browser:
            for width, dark in ((390, False), (1280, True)):
                browser.open(os.path.join(self.output, "index.html"), width, dark=dark)
                self.assertEqual(browser.faults(), [])
                self.assertIn("12.5 % of the lines", browser.ask("document.body.textContent"))
                target = browser.ask("[...document.links].find(link => link.textContent === 'mm/twice.cpp').href")
                browser.open(target.removeprefix("file://"), width, dark=dark)
                self.assertEqual(browser.faults(), [])
                self.assertEqual(browser.ask("document.querySelector('h1').textContent"), "mm/twice.cpp")
                self.assertGreater(browser.ask("document.querySelectorAll('.uncovered-line').length"), 0)
                # Our colours, not llvm-cov's.
                self.assertEqual(browser.ask("getComputedStyle(document.body).backgroundColor"), "rgb(15, 18, 22)" if dark else "rgb(255, 255, 255)")


if __name__ == "__main__":
    unittest.main()

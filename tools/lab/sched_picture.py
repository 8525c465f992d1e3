#!/usr/bin/env python3
"""Makes docs/images/laboratory-sched.png: the upper part of a report of ./kidney lab sched, by headless Chromium.

    tools/lab/sched_picture.py [--tree DIR]
"""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "checks"))
import chromium  # noqa: E402

POLICIES = ("round_robin", "mlfq", "eevdf", "cfs")
# What the book shows: who runs when with one reason read out, and how long they wait.
SHOWN = """(() => {
  for (const section of document.querySelectorAll("section"))
    if (!["gantt-title", "cdf-title"].includes(section.getAttribute("aria-labelledby"))) section.remove();
  for (const what of document.querySelectorAll("header, footer, .controls, button, section p")) what.style.display = "none";
  document.documentElement.style.overflow = "hidden";
  const canvas = document.querySelectorAll("#gantts canvas")[2];
  for (let i = 0; i < 11; ++i) canvas.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
  return Math.ceil(document.querySelector("main").getBoundingClientRect().bottom);
})()"""


def main():
    with tempfile.TemporaryDirectory() as folder, chromium.Chromium() as browser:
        report = os.path.join(folder, "report.html")
        subprocess.run([os.path.join(ROOT, "kidney"), "lab", "sched", *sys.argv[1:], "--workload", "mix", "--html", report,
                        *(word for policy in POLICIES for word in ("--policy", policy))], stdout=subprocess.DEVNULL, check=True)
        browser.open(report, 1280)
        browser.open(report, 1280, height=browser.ask(SHOWN))
        browser.ask(SHOWN)
        browser.save_picture(os.path.join(ROOT, "docs", "images", "laboratory-sched.png"), whole=False)


if __name__ == "__main__":
    main()

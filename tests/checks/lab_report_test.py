#!/usr/bin/env python3
"""The reports of ./kidney lab, opened in headless Chromium: on a phone and on a desk, light and dark."""
import argparse
import os
import subprocess
import sys
import tempfile

import chromium

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SKIPPED = 77
# How many pictures and CSV files; a picture, and what its arrow keys read; and what is observed: little.
SUBJECTS = {
    "frames": (4, 5, "#heat", ("After", "MiB"), "--memory", "8", "--policy", "next_fit", "--policy", "buddy_bitmap", "--workload", "fpaper", "--workload", "files"),
    "heap": (6, 6, "#heat", ("After", "MiB"), "--memory", "4", "--policy", "slab", "--policy", "tlsf", "--workload", "tides", "--workload", "sizes"),
    "cache": (5, 5, "#heat", ("After", "accesses", "here"), "--policy", "lru", "--policy", "arc", "--workload", "scan", "--workload", "loop"),
    "disk": (5, 5, "#head", ("Up to", "commands"), "--policy", "sstf", "--policy", "deadline", "--workload", "far", "--workload", "flash_flood"),
    "fs": (6, 5, "#places", ("Up to", "commands"), "--policy", "kfs", "--policy", "ext2", "--workload", "random_read_4k", "--workload", "create_synced"),
    "sched": (7, 6, "#gantts", ("picked", "waited since", "It ran"), "--policy", "eevdf", "--policy", "round_robin", "--workload", "mix", "--workload", "weights"),
}

# How many different colours each canvas shows: one that is blank has one.
COLOURS = """[...document.querySelectorAll("canvas")].map(canvas => {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return new Set(new Uint32Array(pixels.buffer)).size;
})"""

# What a download would have in it.
DOWNLOADS = """Promise.all([...document.querySelectorAll("[data-csv]")].map(async button => {
  let blob = null;
  const before = URL.createObjectURL, click = HTMLAnchorElement.prototype.click;
  URL.createObjectURL = made => { blob = made; return before.call(URL, made); };
  HTMLAnchorElement.prototype.click = () => {};
  button.click();
  URL.createObjectURL = before;
  HTMLAnchorElement.prototype.click = click;
  return (await blob.text()).split("\\n").length - 1;
}))"""

# Presses keys on the first picture, and says what is read out.
KEYS = """(() => {
  const canvas = document.querySelector("PLACE canvas");
  canvas.focus();
  for (const key of ["ArrowLeft", "ArrowUp", "ArrowRight"]) canvas.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  return document.activeElement === canvas ? canvas.closest("figure").querySelector("output").textContent : "no focus";
})()"""


def check(held, what):
    if not held:
        raise AssertionError(what)


# Zooms with a key, with the wheel and with a button: how long a stretch of time is shown each time.
ZOOM = """(() => {
  const canvas = document.querySelector("#gantts canvas"), spans = [view[1] - view[0]];
  for (const act of [() => canvas.dispatchEvent(new KeyboardEvent("keydown", {key: "+", bubbles: true})),
                     () => canvas.dispatchEvent(new WheelEvent("wheel", {deltaY: -1, clientX: 100, clientY: 100, bubbles: true})),
                     () => document.getElementById("zoom-in").click(), () => document.getElementById("zoom-all").click()]) {
    act();
    spans.push(view[1] - view[0]);
  }
  return [spans, whole[1] - whole[0]];
})()"""


def look(browser, path, width, dark, pictures, tables, place, words):
    browser.open(path, width, dark=dark)
    check(browser.ask("matchMedia('(prefers-color-scheme: dark)').matches") == dark, "the colour scheme is not the one asked for")
    for workload in browser.ask("[...document.getElementById('workload').options].map(option => option.value)"):
        browser.ask(f"document.getElementById('workload').value = '{workload}';"
                    "document.getElementById('workload').dispatchEvent(new Event('change'))")
        faults = browser.faults()
        check(not faults, f"{width} px, {workload}: {faults}")
        colours = browser.ask(COLOURS)
        check(len(colours) == pictures and min(colours) > 2, f"{width} px, {workload}: a picture is blank: {colours}")
    said = browser.ask(KEYS.replace("PLACE", place))
    check(all(word in said for word in words), f"the arrow keys read out: {said}")
    if place == "#gantts":
        spans, whole = browser.ask(ZOOM)
        check(all(later < earlier for earlier, later in zip(spans[:-2], spans[1:-1])) and spans[-1] == whole, f"zooming shows {spans}")
    lines = browser.ask(DOWNLOADS)
    check(len(lines) == tables and min(lines) > 2, f"the CSV files have {lines} lines")


def write(tree, folder):
    """{subject: its report, made of few runs}."""
    paths = {}
    for subject, (_, _, _, _, *chosen) in SUBJECTS.items():
        paths[subject] = os.path.join(folder, f"{subject}.html")
        subprocess.run([os.path.join(ROOT, "kidney"), "lab", subject, "--tree", tree, "--seeds", "2", *chosen,
                        "--html", paths[subject]], stdout=subprocess.DEVNULL, check=True)
    return paths


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", required=True)
    parser.add_argument("--save", metavar="DIR", help="keep pictures of the page there")
    options = parser.parse_args()
    if not chromium.program():
        print("needs Chromium (package chromium)")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder, chromium.Chromium() as browser:
        for subject, path in write(options.tree, folder).items():
            pictures, tables, place, words = SUBJECTS[subject][:4]
            with open(path, encoding="utf-8") as file:
                text = file.read()
            check("http" not in text, f"{subject}: the report speaks of the network")
            for width, dark in ((390, False), (1280, True)):
                look(browser, path, width, dark, pictures, tables, place, words)
                if options.save:
                    browser.save_picture(os.path.join(options.save, f"{subject}-{width}.png"))
    print("the reports look right at 390 and 1280 px")
    return 0


if __name__ == "__main__":
    sys.exit(main())

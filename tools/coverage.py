#!/usr/bin/env python3
"""Which lines and branches the host tests reach: runs the tests of a coverage build, writes an HTML report and figures by folder.

`./kidney coverage` calls it, and so does the target `coverage` of the preset host-coverage. tests/coverage_floor.json says
what may not be lost again: percentages of each folder, which --raise brings up to date.
"""
import argparse
import glob
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "kidney")]
import coverage_pages  # noqa: E402

FOLDERS = ("include", "mm", "sched", "fs", "ipc", "proc", "drivers", "kernel", "sim", "arch")
KINDS = ("lines", "branches")
# Percent that may come and go without anybody's fault: the order in which threads ran decides about a few branches.
SLACK = 0.3


class Broken(Exception):
    """No report can be made, and why."""


def run_tests(tree, profiles):
    shutil.rmtree(profiles, ignore_errors=True)
    # %m: the runs of one program are merged into one file as they end.
    environment = dict(os.environ, LLVM_PROFILE_FILE=os.path.join(profiles, "%m.profraw"))
    tests = subprocess.run(["ctest", "--test-dir", tree, "-j", str(len(os.sched_getaffinity(0))), "-LE", "check|course",
                            "--output-on-failure"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if tests.returncode != 0:
        raise Broken(f"the tests failed, so their coverage means nothing:\n{tests.stdout[-4000:]}")


def merged(profiles, to):
    raw = glob.glob(f"{profiles}/*.profraw")
    # A program that was killed leaves an empty file, which llvm-profdata takes without a word.
    empty = [os.path.basename(path) for path in raw if os.path.getsize(path) == 0]
    if empty or not raw:
        raise Broken(f"programs left no counts: {', '.join(empty) or 'none of them did'}")
    subprocess.run(["llvm-profdata-19", "merge", "-sparse", "-o", to, *raw], check=True)
    return to


def by_folder(exported):
    """{folder: {"lines": (covered, all), "branches": (covered, all)}}, and the whole under ""."""
    sums = {}
    for file in exported["data"][0]["files"]:
        folder = file["filename"].split("/")[0]
        for name in (folder, ""):
            row = sums.setdefault(name, {kind: [0, 0] for kind in KINDS})
            for kind in KINDS:
                row[kind][0] += file["summary"][kind]["covered"]
                row[kind][1] += file["summary"][kind]["count"]
    return sums


def percent(pair):
    return round(100 * pair[0] / pair[1], 1) if pair[1] else 100.0


def table(sums):
    lines = [f"  {'folder':10} {'lines':>16} {'':7} {'branches':>16}"]
    for folder in [*sorted(name for name in sums if name), ""]:
        cells = " ".join(f"{percent(sums[folder][kind]):6.1f} % {sums[folder][kind][0]:>6}/{sums[folder][kind][1]:<6}" for kind in KINDS)
        lines.append(f"  {folder or 'all':10} {cells}")
    return "\n".join(lines)


def fallen(sums, floor):
    """What is below the floor, in words."""
    return [f"{folder or 'all'}: {kind} {percent(sums[folder][kind])} %, and it was {least} %"
            for folder, kinds in floor.items() if folder in sums
            for kind, least in kinds.items() if percent(sums[folder][kind]) < least - SLACK]


def report(programs, profile, source, output, folders, floor):
    """Writes output/index.html, a page for each file, and output/summary.json; returns the figures by folder. Paths are absolute."""
    objects = [word for path in programs[1:] for word in ("-object", path)]
    common = [programs[0], *objects, f"-instr-profile={profile}", f"-path-equivalence={source},."]
    shutil.rmtree(output, ignore_errors=True)
    subprocess.run(["llvm-cov-19", "show", *common, "-format=html", f"-output-dir={output}", "-project-title=KidneyOS",
                    "-show-branches=count", "-show-line-counts-or-regions", "-Xdemangler=llvm-cxxfilt-19", *folders], check=True, stderr=subprocess.DEVNULL, cwd=source)
    exported = json.loads(subprocess.run(["llvm-cov-19", "export", *common, "-summary-only", *folders], check=True,
                                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=source).stdout)
    for file in exported["data"][0]["files"]:
        file["filename"] = os.path.relpath(file["filename"], source)
    files = {file["filename"]: {kind: (file["summary"][kind]["covered"], file["summary"][kind]["count"]) for kind in KINDS}
             for file in exported["data"][0]["files"]}
    sums = by_folder(exported)
    pages = coverage_pages.adapt(output, source)
    if set(files) - set(pages):  # llvm-cov leaves out what it cannot read
        raise Broken(f"there is no page for {', '.join(sorted(set(files) - set(pages))[:5])}")
    with open(os.path.join(output, "index.html"), "w", encoding="utf-8") as file:
        file.write(coverage_pages.front_page(sums, files, floor, pages))
    with open(os.path.join(output, "summary.json"), "w", encoding="utf-8") as file:
        json.dump({folder or "all": {kind: percent(sums[folder][kind]) for kind in KINDS} for folder in sums}, file, indent=1)
    return sums


def make(tree, source, output, floor):
    """The report of all host tests, which are run first."""
    profiles = os.path.join(tree, "profiles")
    run_tests(tree, profiles)
    profile = merged(profiles, os.path.join(tree, "coverage.profdata"))
    programs = sorted(path for path in glob.glob(f"{tree}/tests/**/*_tests", recursive=True) if os.path.isfile(path))
    return report(programs, profile, source, output, [os.path.join(source, name) for name in FOLDERS], floor)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", required=True, help="build tree of the preset host-coverage")
    parser.add_argument("--source", required=True)
    parser.add_argument("--output", required=True, help="folder of the report")
    parser.add_argument("--raise", action="store_true", dest="is_raised", help="make the present figures the floor")
    options = parser.parse_args()
    floor_file = os.path.join(options.source, "tests", "coverage_floor.json")
    with open(floor_file, encoding="utf-8") as file:
        floor = json.load(file)
    try:
        sums = make(options.tree, options.source, options.output, floor)
    except Broken as broken:
        print(broken, file=sys.stderr)
        return 1
    print(table(sums))
    print(f"report: {os.path.relpath(options.output)}/index.html")
    if options.is_raised:
        with open(floor_file, "w", encoding="utf-8") as file:
            json.dump({folder: {kind: percent(sums[folder][kind]) for kind in KINDS} for folder in sorted(sums)}, file, indent=1)
            file.write("\n")
        return 0
    below = fallen(sums, floor)
    for complaint in below:
        print(f"below the floor (tests/coverage_floor.json): {complaint}")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())

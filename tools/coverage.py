#!/usr/bin/env python3
"""Runs the host tests of a coverage build and writes an HTML report (target `coverage` of preset host-coverage)."""
import argparse
import glob
import os
import shutil
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", required=True, help="build tree of the preset host-coverage")
    parser.add_argument("--source", required=True)
    options = parser.parse_args()
    profiles = os.path.join(options.tree, "profiles")
    report = os.path.join(options.tree, "coverage")
    shutil.rmtree(profiles, ignore_errors=True)
    # %m: the runs of one program are merged into one file as they end.
    environment = dict(os.environ, LLVM_PROFILE_FILE=os.path.join(profiles, "%m.profraw"))
    tests = subprocess.run(["ctest", "--test-dir", options.tree, "-j", str(os.cpu_count() or 1), "-LE", "check",
                            "--output-on-failure"], env=environment)
    merged = os.path.join(options.tree, "coverage.profdata")
    subprocess.run(["llvm-profdata-19", "merge", "-sparse", "-o", merged, *glob.glob(f"{profiles}/*.profraw")],
                   check=True)
    programs = [path for path in glob.glob(f"{options.tree}/tests/**/*_tests", recursive=True) if os.path.isfile(path)]
    objects = [word for path in programs[1:] for word in ("-object", path)]
    folders = [os.path.join(options.source, name) for name in
               ("include", "mm", "sched", "fs", "ipc", "drivers", "kernel", "sim", "arch")]
    common = [programs[0], *objects, f"-instr-profile={merged}"]
    subprocess.run(["llvm-cov-19", "show", *common, "-format=html", f"-output-dir={report}",
                    "-show-line-counts-or-regions", *folders], check=True, stderr=subprocess.DEVNULL)
    summary = subprocess.run(["llvm-cov-19", "report", *common, *folders], check=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True).stdout
    with open(os.path.join(report, "summary.txt"), "w", encoding="utf-8") as file:
        file.write(summary)
    print(summary.strip().splitlines()[-1])
    print(f"report: {report}/index.html")
    return tests.returncode


if __name__ == "__main__":
    sys.exit(main())

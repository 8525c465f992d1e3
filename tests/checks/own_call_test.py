#!/usr/bin/env python3
"""docs/design/world.md ends with a system call of one's own: this does what it says, in a copy, and the call's test passes.

The files of the kernel are parsed as the kernel compiles them; the host's test is built and run.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/design/world.md"
STEP = re.compile(r"^In `([^`]+)`, (?:a new file|behind `([^`]+)`):\n\n```\w+\n(.*?)^```$", re.M | re.S)
HOST = "proc/life/children.hpp", "tests/unit/proc/children_test.cpp"


def follow(copy):
    """The files that the page changes, in `copy`."""
    steps = STEP.findall(PAGE.read_text(encoding="utf-8"))
    assert len(steps) == 8, f"{len(steps)} steps on the page"
    for name, behind, text in steps:
        file = copy / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not behind:
            assert not (ROOT / name).exists(), f"{name} is there already"
            file.write_text(text, encoding="utf-8")
            continue
        if not file.exists():
            shutil.copy(ROOT / name, file)
        before = file.read_text(encoding="utf-8")
        assert f"{behind}\n" in before, f"{name} has no line {behind!r}"
        file.write_text(before.replace(f"{behind}\n", f"{behind}\n{text}", 1), encoding="utf-8")
    return [name for name, _, _ in steps]


def compile_with(copy, generated, *options):
    subprocess.run([os.environ.get("CXX", "clang++-19"), "-std=c++20", "-Wall", "-Wextra", "-Werror", "-Wthread-safety", "-Wno-unused-function",
                    "-Wno-gnu-statement-expression", "-DKIDNEY_DEBUG", f"-I{copy}", f"-I{ROOT}", f"-I{ROOT}/include", f"-I{generated}", *map(str, options)],
                   check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generated", required=True)
    generated = parser.parse_args().generated
    with tempfile.TemporaryDirectory(prefix="kidney-") as folder:
        copy = Path(folder)
        changed = follow(copy)
        for name in sorted(set(changed)):
            if name.startswith("kernel/") and name.endswith(".cpp"):
                compile_with(copy, generated, "--target=i686-linux-gnu", "-mno-sse", "-mno-mmx", "-fno-exceptions", "-fno-rtti", "-fsyntax-only", copy / name)
        machine = []
        for source in sorted([*(ROOT / "sim").rglob("*.cpp"), ROOT / "tests/support/host_world.cpp"]):
            machine.append(copy / f"{source.stem}.o")
            compile_with(copy, generated, "-c", source, "-o", machine[-1])

        def run_test():
            program = copy / "children_test"
            compile_with(copy, generated, copy / HOST[1], *machine, "-lgtest", "-lgtest_main", "-pthread", "-o", program)
            return subprocess.run([program], capture_output=True, text=True, check=False)

        said = run_test()
        if said.returncode != 0 or "1 test from 1 test suite ran" not in said.stdout:
            sys.exit(f"the page's test does not pass:\n{said.stdout}{said.stderr}")
        # A test that cannot fail is none.
        header = copy / HOST[0]
        header.write_text(header.read_text(encoding="utf-8").replace("children.size()", "children.size() + 1"), encoding="utf-8")
        assert run_test().returncode != 0, "a wrong count passes"
    print("the call of one's own compiles, and its test passes")


if __name__ == "__main__":
    main()

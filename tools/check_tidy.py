#!/usr/bin/env python3
"""Runs clang-tidy over the whole project in few translation units.

    tools/check_tidy.py --generated DIR [--root DIR]

The project is mostly headers, so two generated files that include all portable headers, and all of the kernel and of
arch/, cover most of it, with every check of .clang-tidy. The .cpp files follow with the cheap checks only: each would
drag the same headers through the dear ones again. Test programs are left out: they are read, not linted. What passed
is remembered by content, like in check_headers.py.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_headers  # noqa: E402
from check_layers import sources  # noqa: E402

CHEAP_CHECKS = ("-*,readability-identifier-naming,modernize-use-override,misc-static-assert,"
                "bugprone-argument-comment,bugprone-sizeof-expression,bugprone-integer-division")
FOLDERS = ("include/", "arch/", "mm/", "sched/", "fs/", "drivers/", "kernel/", "sim/")


def flags(path, root, generated):
    base = check_headers.command(path, root, generated)
    return [flag for flag in base[1:-3] if flag != "-fsyntax-only" and flag != "-Werror"] + ["-x", "c++"]


def tidy(path, key, root, generated):
    full = path if os.path.isabs(path) else os.path.join(root, path)
    where = os.path.relpath(full, root)
    config = os.path.join(root, ".clang-tidy")
    command = ["clang-tidy-19", "--quiet", f"--config-file={config}",
               f"--header-filter=^{re.escape(root)}/({'|'.join(FOLDERS)})",
               *([] if os.path.isabs(path) else [f"--checks={CHEAP_CHECKS}"]), full, "--", *flags(where if not where.startswith("..") else "kernel/", root, generated)]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root)
    if result.returncode == 0:
        return path, key, None
    lines = [line for line in (result.stdout + result.stderr).splitlines() if re.search(r": (error|warning): ", line)]
    return path, key, lines or [result.stderr]


def umbrella(name, headers, generated):
    """A file that includes these headers; its name decides the flags."""
    path = os.path.join(generated, name)
    text = "".join(f'#include "{header.removeprefix("include/")}"\n' for header in headers)
    if not os.path.exists(path) or open(path, encoding="utf-8").read() != text:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    parser.add_argument("--generated", required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    root, generated = os.path.abspath(options.root), os.path.abspath(options.generated)
    memory = os.path.join(generated, "tidy-checked.txt")
    known = set()
    if os.path.exists(memory):
        with open(memory, encoding="ascii") as file:
            known = set(file.read().split())
    with open(os.path.join(root, ".clang-tidy"), "rb") as file:
        config = check_headers.hashlib.sha256(file.read()).hexdigest()

    files = [path for path in sources(root) if path.startswith(FOLDERS)]
    headers = [path for path in files if path.endswith(".hpp")]
    in_the_kernel = [path for path in headers if path.startswith(("arch/", "kernel/"))]
    portable = [path for path in headers if path not in in_the_kernel and not path.startswith("sim/")]
    units = [umbrella("all_portable_headers.cpp", portable, generated),
             umbrella("all_kernel_headers.cpp", in_the_kernel, generated)]
    units += [path for path in files if path.endswith(".cpp")]

    def job(path):
        where = os.path.relpath(path, root) if os.path.isabs(path) else path
        key = config + check_headers.fingerprint(where, root, generated)
        return (path, key, None) if key in known else tidy(path, key, root, generated)

    passed, failed, seen = [], 0, set()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for path, key, complaint in pool.map(job, units):
            if complaint is None:
                passed.append(key)
            else:
                failed += 1
                for line in complaint:
                    if line not in seen:
                        print(line.replace(root + "/", ""), flush=True)
                    seen.add(line)
    with open(memory, "w", encoding="ascii") as file:
        file.write("\n".join(passed))
    print(f"check_tidy: {len(units)} translation units over {len(headers)} headers, {failed} with complaints")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

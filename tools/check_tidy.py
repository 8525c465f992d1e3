#!/usr/bin/env python3
"""Runs clang-tidy over the whole project in few translation units.

    tools/check_tidy.py --generated DIR [--root DIR]

The project is mostly headers, so two generated files that include all portable headers, and all of the kernel and of
arch/, cover most of it. The .cpp files are left out: each would drag the same headers through the checks again, and
the test would take ten times as long. What passed is remembered by content, like in check_headers.py.
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

FOLDERS = ("include/", "arch/", "mm/", "sched/", "fs/", "ipc/", "proc/", "drivers/", "kernel/", "sim/")


def flags(root, generated):
    """Those of the kernel: all these headers run in ring 0."""
    base = check_headers.command("kernel/", root, generated)
    return [flag for flag in base[1:-3] if flag not in ("-fsyntax-only", "-Werror")] + ["-x", "c++"]


def tidy(path, key, root, generated):
    config = os.path.join(root, ".clang-tidy")
    command = ["clang-tidy-19", "--quiet", f"--config-file={config}",
               f"--header-filter=^{re.escape(root)}/({'|'.join(FOLDERS)})", path, "--", *flags(root, generated)]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root)
    if result.returncode == 0:
        return path, key, None
    lines = [line for line in (result.stdout + result.stderr).splitlines() if re.search(r": (error|warning): ", line)]
    return path, key, lines or [result.stderr]


def umbrella(name, headers, generated):
    """A file that includes these headers."""
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

    def job(path):
        key = config + check_headers.fingerprint(os.path.relpath(path, root), root, generated)
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

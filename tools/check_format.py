#!/usr/bin/env python3
"""Checks that the sources are formatted by clang-format 19 (`clang-format-19 -i FILE` puts a file right)."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from check_layers import sources  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))


def main():
    files = sources(ROOT)
    result = subprocess.run(["clang-format-19", "--dry-run", "-Werror", *files], cwd=ROOT,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wrong = sorted({line.split(":")[0] for line in result.stdout.splitlines() if "clang-format-violations" in line})
    for path in wrong:
        print(f"{path}: not formatted")
    print(f"check_format: {len(files)} files, {len(wrong)} not formatted")
    return 1 if result.returncode != 0 else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""`./kidney run --gdb` stops at the kernel's entry with symbols, and our GDB commands work there."""
import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import guest

SKIPPED = 77
# What is typed, and what must be in the answer.
SESSION = {"info symbol $eip": "boot_entry", "kidney cpus": "CPU 0: boot_entry", "help kidney page": "translates"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True)
    options = parser.parse_args()
    if not shutil.which("gdb"):
        print("GDB is not installed: ./kidney setup installs it")
        return SKIPPED
    with tempfile.NamedTemporaryFile() as log:
        result = subprocess.run([guest.ROOT / "kidney", "run", "--tree", options.tree, "--gdb", "--log", log.name],
                                input="\n".join([*SESSION, "quit", ""]), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=600)
    missing = [answer for answer in SESSION.values() if answer not in result.stdout]
    if missing or result.returncode != 0:
        print(f"exit status {result.returncode}, not found: {missing}\n{result.stdout}")
        return 1
    print("stopped at boot_entry")
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Runs one of user/tests in the guest, or on Linux with --linux: every line must be `ok`, the status 0."""
import argparse
import sys
from pathlib import Path

import guest

FOLDER = "usr/lib/kidney-tests"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--linux", action="store_true")
    parser.add_argument("--smp", default="1")
    parser.add_argument("name")
    parser.add_argument("arguments", nargs="*", help="of the program")
    options = parser.parse_args()
    guest.require_qemu()
    if options.linux:
        guest.require_linux(options.tree)
    result = guest.run(options.tree, f"cd /; /{FOLDER}/{' '.join([options.name, *options.arguments])}", "--smp", options.smp,
                       *(["--linux"] if options.linux else []), deadline=1200)

    lines = result.out.decode("utf-8", "replace").splitlines()
    bad = [line for line in lines if not line.startswith("ok ")]
    print("\n".join(lines))
    if result.status == 0 and lines and not bad:
        return 0
    print(f"\nstatus {result.status}, {len(lines) - len(bad)} ok, {len(bad)} not\n{guest.tail(result.err)}\n{guest.tail(result.log, lines=400 if result.status is None else 25)}")
    for line in bad:
        print(line)
    return 1


if __name__ == "__main__":
    sys.exit(main())

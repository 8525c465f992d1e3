#!/usr/bin/env python3
"""Forks, pipes, locks, signals, sleeps and moves between CPUs, all at once for a while: nothing is lost, nobody is
stuck (user/tests/stress.cpp)."""
import argparse
import sys
from pathlib import Path

import guest

PROGRAM = "/usr/lib/kidney-tests/stress"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--smp", default="4")
    parser.add_argument("--seconds", default="10", help="of the guest's time (10)")
    parser.add_argument("--linux", action="store_true")
    options = parser.parse_args()
    guest.require_qemu()
    if options.linux:
        guest.require_linux(options.tree)
    result = guest.run(options.tree, f"{PROGRAM} {options.seconds}", "--smp", options.smp,
                       *(["--linux"] if options.linux else []), deadline=300 + int(options.seconds))
    lines = result.out.decode("utf-8", "replace").splitlines()
    print("\n".join(lines))
    if result.status == 0 and lines and all(line.startswith("ok ") for line in lines):
        return 0
    print(f"status {result.status}\n{guest.tail(result.err)}\n{guest.tail(result.log, lines=400)}")
    return 1


if __name__ == "__main__":
    sys.exit(main())

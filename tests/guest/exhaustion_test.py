#!/usr/bin/env python3
"""An ordinary user takes all there is of everything; root's shell goes on working, and all of it comes back.

    exhaustion_test.py --tree DIR [--memory MiB] [--smp N] [KIND...]
"""
import argparse
import re
import sys
from pathlib import Path

import guest

PROGRAM = "/usr/lib/kidney-tests/exhaust"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--memory", default="64")
    parser.add_argument("--smp", default="1")
    parser.add_argument("kinds", nargs="*")
    options = parser.parse_args()
    guest.require_qemu()
    result = guest.run(options.tree, f"{PROGRAM} {' '.join(options.kinds)}; echo the shell is here: $?",
                       "--memory", options.memory, "--smp", options.smp, deadline=900)
    lines = result.out.decode("utf-8", "replace").splitlines()
    victims = re.findall(r"out of memory: killed process \d+ \((.*)\), uid (\d+), \d+ KiB",
                         result.log.decode("utf-8", "replace"))
    print("\n".join(lines), f"\n{len(victims)} processes were killed for memory", sep="")
    complaints = []
    if result.status != 0 or not lines or lines[-1] != "the shell is here: 0":
        complaints.append(f"status {result.status}: {guest.tail(result.err)}")
    complaints += [line for line in lines[:-1] if not line.startswith("ok ")]
    complaints += [f"killed {name} of user {uid}" for name, uid in victims if uid != "1000"]
    if not options.kinds and not victims:
        complaints.append("nobody was killed: nothing was exhausted")
    for complaint in complaints:
        print(f"FAILED: {complaint}")
    if complaints:
        print(guest.tail(result.log, lines=400 if result.status is None else 25))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

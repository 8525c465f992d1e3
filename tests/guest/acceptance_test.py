#!/usr/bin/env python3
"""Alarms, preemption, shares and load, as the scheduler of the image promises them (user/tests/acceptance.cpp).

A virtual second is a number of instructions here (QEMU's -icount), so that shares do not depend on what else the
host does. On Linux, with --linux, the cases whose names do not begin with `counted`.
"""
import argparse
import re
import sys
from pathlib import Path

import guest

SOURCE = guest.ROOT / "user" / "tests" / "acceptance.cpp"
PROGRAM = "/usr/lib/kidney-tests/acceptance"
COUNTED = ("-icount", "shift=6,sleep=off")  # 64 ns an instruction: two minutes of the machine in one of the host


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--linux", action="store_true")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    guest.require_qemu()
    cases = options.cases or re.findall(r"^CHECK_CASE\((\w+)\)", SOURCE.read_text(encoding="utf-8"), re.MULTILINE)
    if options.linux:
        cases = [case for case in cases if not case.startswith("counted")]
    command = f"cd /; {PROGRAM} {' '.join(cases)}"
    if options.linux:
        guest.require_linux(options.tree)
        result = guest.run(options.tree, command, "--linux", deadline=1200)
    else:
        result = guest.run_machine(options.tree, command, accelerator="tcg,thread=single", extra=COUNTED, deadline=1200)
    lines = result.out.decode("utf-8", "replace").splitlines()
    print("\n".join(lines))
    if result.status == 0 and lines == [f"ok {case}" for case in cases]:
        return 0
    print(f"status {result.status}\n{guest.tail(result.err)}\n{guest.tail(result.log)}")
    return 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Boots on one kind of machine, runs commands there, and powers off.

    machine_test.py --tree DIR [--memory MiB] [--smp N] [--append WORDS] [--extra "QEMU arguments"] [--repeat N] [--selftest]
"""
import argparse
import re
import sys
from pathlib import Path

import guest

# Something of everything: processes, pipes, memory, files, signals.
COMMAND = """
echo start
seq 1 2000 | sort -rn | head -n 1
for i in 1 2 3 4 5 6; do (exit $i) & done; wait
mkdir /tmp/m && seq 1 5000 > /tmp/m/f && md5sum < /tmp/m/f
crash null 2>/dev/null; echo $?
sleep 0.05 && echo end
exit 7
"""
EXPECTED = b"start\n2000\na5a208cd26b07cadade3450fe14d1d93  -\n139\nend\n"


def check(condition, message, result) -> None:
    if not condition:
        print(f"FAILED: {message}\noutput:\n{guest.tail(result.out)}\nerrors:\n{guest.tail(result.err)}\n"
              f"kernel log:\n{guest.tail(result.log, 40)}")
        sys.exit(1)


def self_test(options) -> None:
    result = guest.run(options.tree, None, "--exec", "true", "--append", f"selftest {options.append}".strip(),
                       "--memory", str(options.memory), "--smp", str(options.smp))
    verdict = re.findall(rb"selftest: (\d+) passed, (\d+) failed", result.log)
    check(verdict, "no verdict in the log", result)
    passed, failed = map(int, verdict[-1])
    print(f"selftest: {passed} passed, {failed} failed")
    check(result.status == 0 and failed == 0 and passed > 0, f"status {result.status}", result)


def boot(options) -> None:
    result = guest.run_machine(options.tree, COMMAND, options.memory, options.smp, options.append,
                               options.extra.split(), options.accelerator)
    check(result.status == 7, f"init's status is {result.status}, not 7", result)
    check(result.out == EXPECTED, f"the output is {result.out!r}, not {EXPECTED!r}", result)
    for pattern in options.log:
        check(re.search(pattern.encode(), result.log), f"no {pattern!r} in the kernel log", result)
    print(f"booted with {options.memory} MiB and {options.smp} CPU(s) {options.append} {options.extra}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--memory", type=int, default=256)
    parser.add_argument("--smp", type=int, default=1)
    parser.add_argument("--append", default="")
    parser.add_argument("--extra", default="", help="further arguments for QEMU")
    parser.add_argument("--accelerator", help="instead of tcg,thread=multi")
    parser.add_argument("--log", action="append", default=[], help="an expression that the kernel log must contain")
    parser.add_argument("--repeat", type=int, default=1, help="boot so many times; each must succeed")
    parser.add_argument("--selftest", action="store_true", help="run the kernel's own tests instead")
    options = parser.parse_args()
    guest.require_qemu()
    for _ in range(options.repeat):
        self_test(options) if options.selftest else boot(options)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A kernel panic must say what happened and where, stop every CPU, and reach the person who ran it.

    panic_test.py --tree DIR [--smp N]
"""
import argparse
import re
import sys
from pathlib import Path

import guest

PANICKED = 125

# What the report must contain, in this order, for each way to panic.
REPORTS = {
    "panic=test": [rb"KERNEL PANIC: page fault", rb"CPU 0, thread \S+", rb"eip [0-9a-f]{8}", rb"cr2 fffff000",
                   rb"backtrace:", rb"test_panic\(\)\+0x", rb"first_thread\(void\*\)\+0x"],
    "panic=overflow": [rb"KERNEL PANIC: thread first has overflowed its kernel stack in [^\n]*overflow_stack\(", rb"backtrace:", rb"overflow_stack\(", rb"times more",
                       rb"first_thread\(void\*\)\+0x"],
    "panic=guard": [rb"KERNEL PANIC: thread first has touched the guard page below its kernel stack in [^\n]*touch_guard_page\(",
                    rb"eip [0-9a-f]{8}", rb"backtrace:", rb"touch_guard_page\(\)\+0x"],
}
# A release kernel does not look at its objects.
DEBUG_REPORTS = {
    "panic=heap": [rb"40 bytes at \S+ was freed twice", rb"allocated by [^\n]*free_twice\(\)",
                   rb"freed by [^\n]*free_twice\(\)", rb"noticed by [^\n]*free_twice\(\)",
                   rb"KERNEL PANIC: heap: an object was freed twice", rb"backtrace:", rb"free_twice\(\)\+0x"],
    "panic=heap_overrun": [rb"40 bytes at \S+ was written past its end", rb"allocated by [^\n]*write_past_end\(\)",
                           rb"noticed by [^\n]*write_past_end\(\), in thread first",
                           rb"KERNEL PANIC: heap: an object was written past its end"],
    "panic=heap_late": [rb"40 bytes at \S+ was written after it was freed", rb"allocated by [^\n]*write_after_free\(\)",
                        rb"freed by [^\n]*write_after_free\(\)", rb"noticed by [^\n]*, in thread first",
                        rb"KERNEL PANIC: heap: an object was written after it was freed"],
}


# Only what was built for it looks (KIDNEY_SANITIZE=undefined): debug kernels, unless somebody said no.
SANITIZED_REPORTS = {
    f"panic={word}": [rb"KERNEL PANIC: undefined behaviour: kernel/planted_faults.cpp:\d+:\d+: " + what, rb"CPU 0, thread first",
                      rb"backtrace:", rb"commit_undefined\("]
    for word, what in {"undefined": rb"1 of type '[^']+'[^\n]* shifted by 65", "undefined_index": rb"index 8 of an array [^\n]*\[4\]'",
                       "undefined_sum": rb"8 \+ 2147483640 is no [^\n]*'int'"}.items()
}


def interrupt_a_program(tree: Path, smp: int) -> bool:
    """A non-maskable interrupt is about the machine: the program that it meets must not get a signal for it."""
    with guest.Console(tree, "--smp", str(smp)) as console:
        console.expect(r"\$ |# ")
        console.send("awk 'BEGIN { print \"be\" \"gun\"; while (1) i++ }' &\n" * smp)
        for _ in range(smp):
            console.expect("begun")
        console.send("\x01c")
        console.expect(r"\(qemu\)")
        # A program that computes is still in the kernel now and then, for a timer's tick; the interrupt goes to all
        # CPUs, and the first to take it reports. So it is raised while the machine stands still with all in user mode.
        levels = []
        while levels != [b"3"] * smp:
            console.send("cont\n")
            console.expect(r"\(qemu\)")
            console.send("stop\n")
            console.expect(r"\(qemu\)")
            console.send("info registers -a\n")
            levels = [console.expect(r"CPL=(\d)")[1] for _ in range(smp)]
            console.expect(r"\(qemu\)")
        console.send("nmi\n")
        console.expect(r"\(qemu\)")
        console.send("cont\n")
        console.expect("KERNEL PANIC: non-maskable interrupt")
        console.expect("from user mode")
        return console.wait() == PANICKED


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--smp", type=int, default=1)
    options = parser.parse_args()
    guest.require_qemu()
    is_debug = re.search(r"^CMAKE_BUILD_TYPE:\w+=Debug$", (options.tree / "CMakeCache.txt").read_text(), re.MULTILINE)
    is_sanitized = "KIDNEY_SANITIZE:STRING=undefined" in (options.tree / "CMakeCache.txt").read_text()
    reports = REPORTS | (DEBUG_REPORTS if is_debug else {}) | (SANITIZED_REPORTS if is_sanitized else {})
    for words, report in reports.items():
        result = guest.run(options.tree, "echo never", "--append", words, "--smp", str(options.smp))
        complete = re.search(b".*?".join(report), result.log, re.DOTALL)
        alone = result.log.count(b"KERNEL PANIC") == 1
        if not complete or not alone or result.status != PANICKED or result.out:
            print(f"FAILED: {words}: status {result.status}, kernel log:\n{guest.tail(result.log, 40)}")
            sys.exit(1)
        print(f"{words}: status {result.status}, report complete")
    if not interrupt_a_program(options.tree, options.smp):
        print("FAILED: no panic after a non-maskable interrupt")
        sys.exit(1)
    print("non-maskable interrupt: report complete")


if __name__ == "__main__":
    main()

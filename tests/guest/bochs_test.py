#!/usr/bin/env python3
"""Headless, in Bochs, from the same images: to the shell's prompt on the serial port and off again; or, with
--selftest, the kernel's own tests on two CPUs; or, with --debugger, to a breakpoint in its debugger. Bochs minds rules of
the hardware that QEMU lets pass."""
import argparse
import shutil
import sys
from pathlib import Path

import guest
from console_test import PROMPT


def boot_to_a_prompt(tree: Path) -> int:
    with guest.Console(tree, "--bochs", "--memory", "64") as console:
        console.expect(PROMPT, 1500)
        console.send("echo $((6 * 7)); exit 3\r")
        console.expect(r"^42\r?$", 600)
        status = console.wait(600)
    if status != 3:
        print(f"the exit status is {status}, not 3\n{guest.tail(console.transcript)}")
        return 1
    print("booted to a prompt, ran a command, powered off")
    return 0


def self_test(tree: Path) -> int:
    result = guest.run(tree, None, "--bochs", "--memory", "64", "--smp", "2", "--append", "selftest", deadline=1500)
    if result.status != 0 or b" passed, 0 failed" not in result.log:
        print(f"status {result.status}\n{guest.tail(result.err)}\n{guest.tail(result.log)}")
        return 1
    print("passed the self-test on two CPUs")
    return 0


def debugger(tree: Path) -> int:
    prompt = r"<bochs:\d+> "
    with guest.Console(tree, "--bochs-debugger", "--memory", "64") as console:
        for command, answer in (('lb "kernel_entry"', ""), ("c", r"Breakpoint 1, .*\n.*\n.*\(kernel_entry\+0\)"),
                                ("page 0xc0100000", "maps to physical page 0x0*100000")):
            console.expect(prompt, 300)
            console.send(f"{command}\n")
            console.expect(answer, 300)
        console.expect(prompt, 300)
        console.send("quit\n")
        status = console.wait(300)
    print(f"exit status {status}")
    return status


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--selftest", action="store_true")
    parser.add_argument("--debugger", action="store_true")
    options = parser.parse_args()
    if not shutil.which("bochs"):
        print("Bochs is not installed: ./kidney setup installs it")
        return guest.SKIPPED
    if options.debugger:
        return debugger(options.tree)
    return self_test(options.tree) if options.selftest else boot_to_a_prompt(options.tree)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""A headless boot in Bochs, from the same images: to the shell's prompt on the serial port, and off again."""
import argparse
import shutil
import sys
from pathlib import Path

import guest
from console_test import PROMPT

SKIPPED = 77


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True)
    options = parser.parse_args()
    if not shutil.which("bochs"):
        print("Bochs is not installed: ./kidney setup installs it")
        return SKIPPED
    with guest.Console(options.tree, "--bochs", "--memory", "64") as console:
        console.expect(PROMPT, 1500)
        console.send("echo $((6 * 7)); exit 3\r")
        console.expect(r"^42\r?$", 600)
        status = console.wait(600)
    if status != 3:
        print(f"the exit status is {status}, not 3\n{guest.tail(console.transcript)}")
        return 1
    print("booted to a prompt, ran a command, powered off")
    return 0


if __name__ == "__main__":
    sys.exit(main())

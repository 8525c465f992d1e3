#!/usr/bin/env python3
"""At the end a debug kernel says what is left on its heap and which frames are out: nothing after ordinary work, and what was
lost on purpose."""
import argparse
import re
import sys
from pathlib import Path

import guest

# Among them exec_test, which ends programs in the middle of an exec, and file_test, which leaves files in memory.
WORK = ("ls -lR / >/dev/null 2>&1; touch /tmp/a; mkdir /tmp/d; seq 1 10000 | sort >/tmp/d/x;"
        " for t in exec file process signal pipe thread memory event socket socket_message pty; do /usr/lib/kidney-tests/${t}_test >/dev/null || echo $t; done")


def leaks(tree, command, *options):
    result = guest.run(tree, command, *options)
    if result.status != 0 or result.out:
        sys.exit(f"FAILED: status {result.status}, {result.out}, kernel log:\n{guest.tail(result.log)}")
    return re.findall(rb"leaks: (?:warning: )?([^\r\n]*)", result.log)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True)
    options = parser.parse_args()
    guest.require_qemu()
    if not re.search(r"^CMAKE_BUILD_TYPE:\w+=Debug$", (options.tree / "CMakeCache.txt").read_text(), re.MULTILINE):
        print("skipped: only a debug kernel counts its objects")
        sys.exit(guest.SKIPPED)
    found = {"work": leaks(options.tree, WORK, "--smp", "2"),
             "planted": leaks(options.tree, "true", "--append", "leak_test"),
             "alive": leaks(options.tree, "sleep 1000 &")}
    print(found)
    expected = {"work": [], "planted": [rb"3 objects, 120 bytes in all, allocated by .*leak_on_purpose\(\)",
                                        rb"3 frames, taken by .*leak_on_purpose\(\)"],
                "alive": [rb"\d+ programs still run: nobody looks for leaks"]}
    for name, patterns in expected.items():
        if len(found[name]) != len(patterns) or not all(map(re.fullmatch, patterns, found[name])):
            sys.exit(f"FAILED: {name}")


if __name__ == "__main__":
    main()

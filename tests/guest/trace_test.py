#!/usr/bin/env python3
"""The scheduler decides in the kernel as it does on the host.

    trace_test.py --tree DIR [--smp N]

Boots the self-test with the option `trace`, builds tools/sched/replay_trace.cpp for this machine, and lets it repeat
the recorded calls on the same policies: every answer must be the same.
"""
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import guest

SOURCE = Path(__file__).resolve().parents[2]


def build_replay(tree: Path, program: Path) -> None:
    subprocess.run(["clang++-19", "-std=c++20", "-O1", "-I", SOURCE, "-I", SOURCE / "include", "-I", tree / "generated",
                    SOURCE / "tools/sched/replay_trace.cpp", SOURCE / "tests/support/host_world.cpp", "-o", program],
                   check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--smp", type=int, default=1)
    options = parser.parse_args()
    guest.require_qemu()
    result = guest.run(options.tree, None, "--exec", "true", "--append", "selftest trace", "--smp", str(options.smp))
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory, "kernel.log")
        log.write_bytes(result.log)
        program = Path(directory, "replay_trace")
        build_replay(options.tree, program)
        replay = subprocess.run([program, log], text=True, stdout=subprocess.PIPE)
    print(replay.stdout, end="")
    if replay.returncode != 0:
        print(f"FAILED: status {replay.returncode}\nkernel log:\n{guest.tail(result.log, 40)}")
        sys.exit(1)


if __name__ == "__main__":
    main()

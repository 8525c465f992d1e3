#!/usr/bin/env python3
"""The frame allocator answers in the kernel as it does on the host.

    frame_trace_test.py --tree DIR

Records a boot and a few programs (./kidney run --record-frames), builds bench/lab/frames_lab.cpp for this machine, and
lets it repeat the recorded calls on the same policy: every answer must be the same, frame by frame, and as much must be
free at the end as was in the kernel.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import guest

SOURCE = Path(__file__).resolve().parents[2]
WORK = "cd /tmp; for i in 1 2 3; do dd if=/dev/zero of=f$i bs=4k count=200 2>/dev/null; cat f* | sed s/a/b/ | wc -c; rm f$i; done"


def build_lab(tree: Path, program: Path) -> None:
    subprocess.run(["clang++-19", "-std=c++20", "-O1", "-I", SOURCE, "-I", SOURCE / "include", "-I", tree / "generated",
                    SOURCE / "bench/lab/frames_lab.cpp", SOURCE / "tests/support/host_world.cpp", "-o", program], check=True)


def fail(text: str, log: bytes) -> None:
    print(f"FAILED: {text}\nkernel log:\n{guest.tail(log, 40)}")
    sys.exit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tree", type=Path, required=True)
    options = parser.parse_args()
    guest.require_qemu()
    with tempfile.TemporaryDirectory() as directory:
        recorded, program = Path(directory, "trace.txt"), Path(directory, "frames_lab")
        result = guest.run(options.tree, WORK, "--memory", "16", "--record-frames", str(recorded))
        if result.status != 0 or result.out != b"819200\n" * 3 or not recorded.exists():
            fail(f"status {result.status}, output {result.out!r}, {result.err!r}", result.log)
        if b"kidney-frame-trace" in result.log or b"init exited" not in result.log:
            fail("the trace was not moved out of the kernel log", result.log)
        text = recorded.read_text()
        build_lab(options.tree, program)
        policy = re.search(r"policy=(\w+)", text)[1]
        replay = subprocess.run([program, policy, "--trace", "boot"], input=text, text=True, stdout=subprocess.PIPE, check=True)
    run = json.loads(replay.stdout)
    requests = sum(run["asked"])
    print(f"{policy}: {run['calls']} calls, {run['as_recorded']} of {requests} answers are the same")
    if requests < 1000 or run["as_recorded"] != requests:
        fail("on the host the policy answers otherwise", result.log)
    free = re.search(rb"frames: (\d+) free when the trace was stopped", result.log)
    at_end = run["pictures"][-1]["free"]
    print(f"{at_end} frames are free at the end")
    if not free or int(free[1]) != at_end:
        fail("the kernel counted otherwise: a call is missing in the trace", result.log)


if __name__ == "__main__":
    main()

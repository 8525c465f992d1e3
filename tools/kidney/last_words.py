"""What a machine was doing when its time ran out: asks the kernel by its magic key, and QEMU if nobody answers.

All of it ends in the kernel log, where one looks next.
"""
import contextlib
import os
import re
import time

import qmp

REPORTS = "tldwm"  # docs/tools/magic-key.md
PATIENCE = 3  # seconds for the kernel to begin with its answer, and for QEMU
QUIET = 1 # seconds without a further line: the answer has ended


def ask(monitor, log):
    """True if the kernel told of itself."""
    with contextlib.suppress(qmp.Refused, OSError, ValueError):
        monitor.open(PATIENCE)
        if all([_report(monitor, log, letter) for letter in REPORTS]):
            return True
        with open(log, "a", encoding="utf-8") as file:
            file.write("\nThe kernel does not hear its magic key. The machine's own words (info registers -a):\n")
            file.write("\n".join(line.rstrip() for line in monitor.tell("info registers -a").splitlines()
                                 if re.match(r"CPU#|E[AI]|ES[IP]|CR", line)) + "\n")
    return False


def _report(monitor, log, letter):
    """Presses the key and waits until the log has the answer. False: none came."""
    before = os.path.getsize(log)
    monitor.press("alt", "sysrq", letter)
    size, since, patience = before, time.monotonic(), PATIENCE
    while time.monotonic() - since < patience:
        time.sleep(0.05)
        if (now := os.path.getsize(log)) != size:
            size, since, patience = now, time.monotonic(), QUIET
    with open(log, "rb") as file:
        file.seek(before)
        return b"key: " in file.read()

"""How a run ended: what the kernel log says, and what exit status of ours that makes."""
import re

import qemu
from project import say

STATUS_PANIC = 125
STATUS_TIMEOUT = 124


def guest_status(log):
    """What the kernel log says about the end: ("exit", N), ("self-test", failures), ("panic", message) or
    ("silent", None). A program that switches the machine off, or restarts it, ends the run as well: with 0.

    Init's status and the self-test's count as the last line only: anything can be printed on the console before.
    """
    with open(log, "rb") as file:
        text = file.read().decode("utf-8", "replace").replace("\r", "").rstrip()
    last_line = text.rsplit("\n", 1)[-1]
    ended = re.fullmatch(r"(?:.*\] *)?(?:\w+: )?init exited with status (\d+)", last_line)
    if ended:
        return "exit", int(ended.group(1))
    tested = re.fullmatch(r"\[.*\] selftest: \d+ passed, (\d+) failed", last_line)
    if tested:
        return "self-test", int(tested.group(1))
    if re.fullmatch(r"\[.*\] power: (off|restart), as asked for", last_line):
        return "exit", 0
    panic = re.search(r"KERNEL PANIC:? *(.*)$", text, re.MULTILINE)
    return ("panic", panic.group(1)) if panic else ("silent", None)


def conclude(code, ending, kept_log):
    """Turns the end of the machine (QEMU's exit code, guest_status()) into our exit status."""
    kind, detail = ending
    if code == qemu.EXIT_SELFTEST_FAILED or (kind == "self-test" and detail != 0):
        say(f"the self-test failed; see {kept_log}")
        return 1
    if code == qemu.EXIT_SELFTEST_PASSED or kind == "self-test":
        say(f"the self-test passed; what was tested is in {kept_log}")
        return 0
    if kind == "panic" or code == qemu.EXIT_PANIC:
        say(f"kernel panic: {detail or '(no message)'}")
        say(f"the kernel log is {kept_log}")
        return STATUS_PANIC
    if kind == "exit":
        return detail
    say(f"the machine stopped (QEMU exit {code}) without a word from init; the kernel log is {kept_log}")
    return STATUS_PANIC

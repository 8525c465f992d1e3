"""What --strace shows: which system calls there are, and their lines out of the kernel log."""
import argparse
import functools
import os
import re
import sys

from project import ROOT

MOST = 500  # characters of a list that the kernel's command line takes
LINE = re.compile(rb"\[ *\d+\.\d+\] strace: (.*)\n")


@functools.cache
def call_names():
    """Those of the table that dispatches."""
    with open(os.path.join(ROOT, "kernel", "syscall", "table.cpp"), encoding="utf-8") as file:
        return re.findall(r"^\s+KIDNEY_CALL\((\w+), \w+\)", file.read(), re.M)


def calls(text):
    """The value of --strace, checked."""
    for name in text.split(","):
        if text != "all" and name not in call_names():
            raise argparse.ArgumentTypeError(f"'{name}' is no system call of ours")
    if len(text) > MOST:
        raise argparse.ArgumentTypeError("too many calls for the kernel's command line; --strace alone shows all")
    return text


class Sieve:
    """Takes the kernel log as it comes, keeps it in a file, and hands on the lines of the trace without their stamps."""

    def __init__(self, log, output):
        """`output`: a path, or None for standard error."""
        self._log, self._rest = open(log, "wb"), b""
        self._trace = open(output, "wb") if output else sys.stderr.buffer

    def write(self, data):
        *lines, self._rest = (self._rest + data).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            found = LINE.fullmatch(line + b"\n")
            file = self._trace if found else self._log
            file.write(found.group(1) + b"\n" if found else line + b"\n")
            file.flush()

    def close(self):
        """Nothing more will come."""
        self._log.write(self._rest)
        self._log.flush()

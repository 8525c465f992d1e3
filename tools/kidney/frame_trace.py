"""Traces of the running kernel's frame allocator: out of a kernel log, and from files."""
import gzip
import hashlib
import os
import re
import textwrap
import zlib

import kernel_log
from project import ROOT, Failure

MAGIC = "kidney-frame-trace 1"
BYTES_AT_MOST = 64 << 20  # a full buffer of the kernel makes 3 MiB
RECORDED = os.path.join(ROOT, "bench", "lab", "traces")


class Trace:
    """`text` in the form of mm/trace/frame_trace.hpp; `about`: what its comments say, in one line."""

    def __init__(self, name, path, text):
        self.name, self.path, self.text = name, path, text
        self.digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        comments = [line.lstrip("# ").rstrip() for line in text.splitlines() if line.startswith("#")]
        self.about = "recorded in the running kernel: " + (" ".join(comments) or os.path.basename(path))
        if missing := dropped(text):
            self.about += f"; {missing} later calls are missing"


def dropped(text):
    """How many calls the kernel had no room for."""
    match = re.search(rf"^{MAGIC}\b.* dropped=(\d+)", text, re.MULTILINE)
    return int(match[1]) if match else 0


def load(path):
    """A file of the text form, as it is or compressed by gzip. Whether it is a good one, frames_lab says."""
    try:
        with open(path, "rb") as file:
            is_packed = file.peek(2).startswith(b"\x1f\x8b")
            data = (gzip.GzipFile(fileobj=file) if is_packed else file).read(BYTES_AT_MOST + 1)
        if len(data) > BYTES_AT_MOST:
            raise Failure(f"{path}: longer than any trace ({BYTES_AT_MOST >> 20} MiB)", 2)
        text = data.decode("ascii")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise Failure(f"{path}: {error}", 2) from None
    name = re.sub(r"\.(gz|txt|trace)$", "", re.sub(r"\.gz$", "", os.path.basename(path)))
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name):
        raise Failure(f"{path}: a trace is named after its file, so that must be of letters, digits, '_', '.' and '-'", 2)
    return Trace(name, path, text)


def recorded():
    """{name: Trace}: those that come with the project."""
    if not os.path.isdir(RECORDED):
        return {}
    traces = [load(os.path.join(RECORDED, name)) for name in sorted(os.listdir(RECORDED)) if name.endswith(".gz")]
    return {trace.name: trace for trace in traces}


def cut_out(log):
    """(the trace in a kernel log, the log without it). The trace is None if there is none, or only a part."""
    blocks, rest = kernel_log.cut_out(log, "frames", MAGIC)
    return "\n".join(blocks[0]) + "\n" if blocks else None, rest


def describe(memory, cpus, command):
    """The comment at the head of a trace."""
    words = textwrap.shorten(command, 100, placeholder=" ...")  # one line of it
    text = f"# {memory} MiB, {cpus} CPU{'s' if cpus > 1 else ''}, running: {words}\n"
    return text.encode("ascii", "backslashreplace").decode()


def write(path, text):
    if path.endswith(".gz"):
        with open(path, "wb") as file:  # without a time and a name: the same trace is the same file
            file.write(gzip.compress(text.encode(), 9, mtime=0))
    else:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

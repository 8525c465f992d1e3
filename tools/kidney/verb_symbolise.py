"""./kidney symbolise: what the addresses in a kernel log are: function, file and line.

Of the kernel those of a panic's backtrace and registers, of a program those that the kernel logs when a signal ends it. The
names come from the files of the build tree, which have what the images are without.
"""
import contextlib
import os
import re
import struct
import subprocess
import sys

from project import BUILD, ROOT, Arguments, Failure, say

TOOL = "llvm-symbolizer-19"
# "  0xc0158fc3 name+0x33" of a panic, or of another report in the log, and "... 0807c335 /bin/crash+0x34335" of a program's end.
KERNEL = re.compile(r"^((?:\[[^\]]*\] \w+:)?\s+0x)(c[0-9a-f]{7}) ")
EIP = re.compile(r"^(eip )(c[0-9a-f]{7})\b")
PROGRAM = re.compile(r"  ([0-9a-f]{8}) (/[^\s+]*)\+0x([0-9a-f]+)\s*$")


def parse(arguments):
    parser = Arguments("symbolise", "Gives the addresses in a kernel log their names: function, file and line.",
                       [("", "the log of the last run"),
                        ("panic.log", "another one"),
                        ("--tree build/i686-release panic.log", "of a kernel built there"),
                        ("- < panic.log", "from standard input")],
                       "Lines without an address come out as they are. The build tree must be the one that the log is of.")
    parser.add_argument("log", metavar="FILE", nargs="?", help="the log (default: kernel.log in the build tree); - is standard input")
    parser.add_argument("--tree", metavar="DIR", help="the build tree (default: build/i686-debug)")
    return parser.parse_args(arguments)


class Symbols:
    """The names in one ELF file, asked from a process that stays."""

    def __init__(self, path):
        self.segments = segments(path)
        self._process = subprocess.Popen([TOOL, "--demangle", "--inlines", "--relativenames", f"--obj={path}"], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def at(self, address):
        """[(function, place)], innermost first; nothing for what it does not know."""
        self._process.stdin.write(f"{address:#x}\n")
        self._process.stdin.flush()
        lines = list(iter(lambda: self._process.stdout.readline().rstrip("\n"), ""))
        return [(function, readable(place)) for function, place in zip(lines[::2], lines[1::2]) if function != "??"]

    def address_of(self, offset):
        """Of a place in the file."""
        return next((start + offset - begin for begin, start, size in self.segments if begin <= offset < begin + size), None)

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def segments(path):
    """[(offset in the file, address, size)] of what is loaded."""
    with open(path, "rb") as file:
        head = file.read(52)
        if head[:5] != b"\x7fELF\x01":
            raise Failure(f"{path}: no 32-bit ELF file")
        start, = struct.unpack_from("<I", head, 28)
        size, count = struct.unpack_from("<HH", head, 42)
        file.seek(start)
        table = file.read(size * count)
    rows = [struct.unpack_from("<5I", table, at) for at in range(0, len(table), size)]
    return [(offset, address, length) for kind, offset, address, _, length in rows if kind == 1]


def readable(place):
    """FILE:LINE:COLUMN -> FILE:LINE, from the top of the project."""
    path, _, line = place.rsplit(":", 1)[0].rpartition(":")
    if path.startswith(ROOT + os.sep):
        path = os.path.relpath(path, ROOT)
    while path.startswith("../"):  # as a compiler in the build tree sees it
        path = path[3:]
    return f"{path}:{line}"


class Symboliser:
    def __init__(self, tree):
        self._tree, self._known = tree, {}

    def _symbols(self, path):
        """None: there is no such program of ours."""
        if path not in self._known:
            file = os.path.join(self._tree, *(["kernel", "kernel.elf"] if path is None else ["user", "programs", path.lstrip("/")]))
            self._known[path] = Symbols(file) if os.path.isfile(file) else None
        return self._known[path]

    def names(self, line, is_first):
        """[(function, place)] for a line of a log. `is_first`: no line with a call of the same stack is right above."""
        if found := KERNEL.match(line) or EIP.match(line):
            return self._symbols(None).at(int(found.group(2), 16))  # the kernel has put it inside the call
        if found := PROGRAM.search(line):
            symbols = self._symbols(found.group(2))
            address = symbols.address_of(int(found.group(3), 16)) if symbols else None
            # A return address belongs to the call before it.
            return [] if address is None else symbols.at(address - (0 if is_first else 1))
        return []

    def close(self):
        for symbols in filter(None, self._known.values()):
            symbols.close()


def symbolise(lines, symboliser, output):
    in_stack = False
    for line in lines:
        output.write(line if line.endswith("\n") else line + "\n")
        for function, place in symboliser.names(line, not in_stack):
            output.write(f"      {function}  {place}\n")
        in_stack = bool(PROGRAM.search(line)) or "no code of a file" in line


def main(arguments):
    options = parse(arguments)
    tree = os.path.abspath(options.tree) if options.tree else os.path.join(BUILD, "i686-debug")
    path = options.log or os.path.join(tree, "kernel.log")
    try:
        if not os.path.isfile(os.path.join(tree, "kernel", "kernel.elf")):
            raise Failure(f"{tree}: no build tree with a kernel; --tree names another", 2)
        if path != "-" and not os.path.isfile(path):
            raise Failure(f"{path}: no such log", 2)
        symboliser = Symboliser(tree)
        with contextlib.closing(symboliser), open(0 if path == "-" else path, encoding="utf-8", errors="replace") as lines:
            symbolise(lines, symboliser, sys.stdout)
    except Failure as failure:
        say(failure)
        return failure.status
    return 0

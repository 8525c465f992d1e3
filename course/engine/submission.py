"""What is taken from a handed-in tree: the files that the manifest names, and nothing else.

The tree is a stranger's. Nothing in it is followed, run or trusted: a link, a device, a pipe or a huge file is a
finding, and so is text that is no text.
"""
import errno
import os
import re
import stat

from assignment import fill

TEXT = (".hpp", ".txt", ".md")


class Handed:
    """One file: its bytes, or why there are none."""

    def __init__(self, path, data=None, problem=None):
        self.path = path
        self.data = data
        self.problem = problem

    @property
    def text(self):
        return "" if self.data is None else self.data.decode("utf-8")


def printable(name):
    """A file name as a report can show it, whatever bytes it has."""
    raw = os.fsencode(name)
    return "".join(chr(b) if 0x20 <= b < 0x7F else f"\\x{b:02x}" for b in raw)


def _open_below(tree, path):
    """Opens a regular file without following a single link on the way."""
    folder = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    try:
        *parents, name = path.split("/")
        for part in parents:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        # To open a device may do something, and what is at the other end of a pipe may never answer.
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OSError(errno.EINVAL, "not a file")
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=folder)
    finally:
        os.close(folder)


def read(tree, path, limit):
    try:
        opened = _open_below(tree, path)
    except FileNotFoundError:
        return Handed(path, problem="the file is missing")
    except OSError as error:
        return Handed(path, problem=f"not a plain file in plain folders ({error.strerror})")
    try:
        state = os.fstat(opened)
        if not stat.S_ISREG(state.st_mode):
            return Handed(path, problem="not a plain file")
        data = b""
        while len(data) <= limit:
            piece = os.read(opened, limit + 1 - len(data))
            if not piece:
                break
            data += piece
    except OSError as error:
        return Handed(path, problem=f"cannot be read ({error.strerror})")
    finally:
        os.close(opened)
    if len(data) > limit:
        return Handed(path, problem=f"larger than {limit} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return Handed(path, problem=f"not UTF-8 text (byte {error.start})")
    if "\0" in text:
        return Handed(path, problem="not text: it has a zero byte")
    return Handed(path, data=data)


def take(tree, assignment, values):
    """{path: Handed} of what the manifest names."""
    return {path: read(tree, path, limit)
            for path, limit in ((fill(name, values), limit) for name, limit in assignment.manifest["files"].items())}


INCLUDE = re.compile(r"^[ \t]*(?:#|%:)[ \t]*(include_next|include|import|embed)\b[ \t]*(.*)$", re.M)
# Comments, and what looks like one and is none: a literal may have /* in it, and hides nothing that follows.
COMMENT_OR_LITERAL = re.compile(r'''(?P<comment>//[^\n]*|/\*.*?\*/)|R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"'''
                                r"""|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'""", re.S)


def forbidden_includes(text, allowed):
    """What a header includes and should not."""
    spliced = re.sub(r"\\[ \t]*\r?\n", "", text)
    plain = COMMENT_OR_LITERAL.sub(lambda match: " " if match["comment"] else match[0].replace("\n", " "), spliced)
    found = []
    for kind, rest in INCLUDE.findall(plain):
        match = re.match(r'["<]([^">]*)[">]', rest)
        if kind != "include" or not match or match.group(1) not in allowed:
            found.append(f"#{kind} {rest.strip()[:80]}")
    return found


def changed_files(tree, ours, permitted, most=5000):
    """Files of ours that the tree has in another form, or not at all. They are not used; who changed one should know.
    `ours`: {path: bytes}."""
    changed = []
    for path, data in sorted(ours.items())[:most]:
        if path in permitted:
            continue
        theirs = read(tree, path, len(data) + 1)
        if theirs.data != data and not (theirs.problem or "").startswith("not UTF-8"):
            changed.append(path)
    return changed


def strange_names(tree, most=50_000):
    """Names in the tree that are no UTF-8, printable; the walk is bounded and follows nothing."""
    strange, seen = [], 0
    for folder, folders, files in os.walk(os.fsencode(tree), followlinks=False):
        for name in folders + files:
            seen += 1
            try:
                name.decode("utf-8")
            except UnicodeDecodeError:
                strange.append(printable(os.path.relpath(os.path.join(folder, name), os.fsencode(tree))))
        if seen > most:
            break
    return strange[:20]

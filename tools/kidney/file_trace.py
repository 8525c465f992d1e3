"""Recorded traces of files for ./kidney lab fs: what strace prints becomes a workload (bench/lab/files/file_trace.hpp).

    strace -f -y -s 0 -o build.strace make
    python3 tools/kidney/file_trace.py build.strace > build.files
"""
import gzip
import hashlib
import os
import posixpath
import re
import sys
import zlib

from project import ROOT, Failure

MAGIC = "kidney-file-trace 1"
BYTES_AT_MOST = 256 << 20
RECORDED = os.path.join(ROOT, "bench", "lab", "files", "traces")
CALL = re.compile(r"(?:(\d+) +)?(\w+)\((.*)\) += (-?\d+)(?:<([^>]*)>)?")
BEGUN = re.compile(r"(?:(\d+) +)?(.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"(?:(\d+) +)?<\.\.\. (\w+) resumed>(.*)$")
DESCRIPTOR = re.compile(r"(\d+|AT_FDCWD)<([^>]*)>")
LOOKED_AT = ("stat", "lstat", "stat64", "lstat64", "newfstatat", "fstatat64", "statx", "access", "faccessat", "faccessat2", "readlink", "execve")
MOVES = {"read": "read", "readv": "read", "pread64": "read", "preadv": "read", "write": "write", "writev": "write", "pwrite64": "write", "pwritev": "write"}


def whole_lines(text):
    """The calls, those of several processes that were interrupted in one piece again, when they ended."""
    begun = {}
    for line in text.splitlines():
        if match := BEGUN.match(line):
            begun[match[1]] = match[2]
        elif match := RESUMED.match(line):
            yield f"{match[1] or 0} {begun.pop(match[1], '')}{match[3]}"
        else:
            yield line


class Converter:
    """Takes what happens below one folder, the first one that somebody works in, and leaves out the rest."""

    def __init__(self):
        self.root = None
        self.steps, self.had = [], {}       # lines; what was there before: {path: bytes, None for a directory}
        self.sizes, self.directories = {}, {"."}
        self.folders, self.positions = {}, {}  # of a process: where it is; of one and a descriptor: how far it has read or written
        self.open = {}                      # path -> descriptors
        self.changed = set()                # files that somebody has written or made
        self.left_out = {}

    def below(self, pid, text, folder=None):
        """A path as the workload has it; None: it is elsewhere."""
        at = posixpath.normpath(posixpath.join(folder or self.folders.get(pid, self.root) or "/", text))
        if at == self.root:
            return "."
        if not self.root or not at.startswith(self.root + "/"):
            return None
        return re.sub(r"[^A-Za-z0-9._+,/=@~-]", "_", at[len(self.root) + 1:])

    def know(self, path, size=0):
        """It must have been there before, if nobody has made it."""
        parent = posixpath.dirname(path)
        if parent and parent not in self.directories:
            self.know_directory(parent)
        if path not in self.sizes:
            self.sizes[path] = self.had[path] = 0
        if path in self.had and self.had[path] is not None and size > self.had[path] and path not in self.changed:
            self.sizes[path] = self.had[path] = size

    def know_directory(self, path):
        if path in self.directories:
            return
        parent = posixpath.dirname(path)
        if parent:
            self.know_directory(parent)
        self.directories.add(path)
        self.had[path] = None

    def add(self, *words):
        line = " ".join(map(str, words))
        # Somebody who looks at a name twice in a row, or lists a directory in pieces, does it once.
        if not (self.steps and self.steps[-1] == line and words[0] in ("stat", "list", "open")):
            self.steps.append(line)

    def make_file(self, path):
        self.add("create", path)
        self.sizes[path] = 0
        self.changed.add(path)

    def paths(self, pid, arguments):
        """Those in quotes, each from the folder whose descriptor is before it."""
        found = []
        for match in re.finditer(r'(?:(?:\d+|AT_FDCWD)<([^>]*)>, *)?"((?:[^"\\]|\\.)*)"', arguments):
            found.append(self.below(pid, match[2], match[1]))
        return found

    def convert(self, text):
        for line in whole_lines(text):
            if match := CALL.match(line.strip()):
                pid, name, arguments, result, where = match.groups()
                if self.root is None and (at := re.search(r"AT_FDCWD<([^>]*)>", arguments)):
                    self.root = at[1]
                self.one(pid or "0", name, arguments, int(result), where)
        if not self.steps:
            raise Failure("no call of a file: record with strace -f -y -s 0 -o FILE", 2)
        had = [f"had {path}/" if size is None else f"had {path} {size}"
               for path, size in sorted(self.had.items(), key=lambda item: (item[1] is not None, item[0]))]
        return "\n".join([MAGIC, *had, *self.steps]) + "\n"

    def one(self, pid, name, arguments, result, where):
        if name in ("clone", "clone3", "fork", "vfork") and result > 0:
            self.folders[str(result)] = self.folders.get(pid, self.root)
            self.positions.update({(str(result), fd): at for (who, fd), at in list(self.positions.items()) if who == pid})
        elif name == "chdir" and result == 0 and (match := re.match(r'"((?:[^"\\]|\\.)*)"', arguments)):
            self.folders[pid] = posixpath.normpath(posixpath.join(self.folders.get(pid, self.root) or "/", match[1]))
        elif name in ("openat", "open", "creat"):
            self.opened(pid, name, arguments, result, where)
        elif name in LOOKED_AT:
            for path in self.paths(pid, arguments)[:1]:
                if path and path != ".":
                    if result >= 0 and path not in self.sizes and path not in self.directories:
                        self.know_directory(path) if "S_IFDIR" in arguments else self.know(path)
                    self.add("stat", path)
        elif result >= 0:
            self.changing(pid, name, arguments, result)

    def opened(self, pid, name, arguments, result, where):
        path = self.below(pid, where) if where else next(iter(self.paths(pid, arguments)), None)
        if path is None or path == ".":
            return
        if result < 0:
            self.add("stat", path)
            return
        if "O_DIRECTORY" in arguments or path in self.directories:
            self.know_directory(path)
            return
        makes = "O_CREAT" in arguments or name == "creat"
        if (makes and path not in self.sizes) or "O_TRUNC" in arguments or name == "creat":
            if not makes:
                self.know(path)
            self.make_file(path)
        else:
            self.know(path)
            self.add("open", path)
        self.positions[pid, str(result)] = self.sizes[path] if "O_APPEND" in arguments else 0
        self.open.setdefault(path, set()).add((pid, str(result)))

    def changing(self, pid, name, arguments, result):
        descriptors = [(fd, self.below(pid, at)) for fd, at in DESCRIPTOR.findall(arguments)]
        fd, path = descriptors[0] if descriptors else (None, None)
        if name in MOVES and path in self.sizes and result > 0:
            at = None
            if name.startswith("p") and (last := re.search(r", (\d+)$", arguments)):
                at = int(last[1])
            self.move(pid, fd, MOVES[name], path, result, at)
        elif name in ("copy_file_range", "sendfile", "sendfile64") and len(descriptors) == 2 and result > 0:
            pairs = zip(("write", "read") if name.startswith("send") else ("read", "write"), descriptors)
            for kind, (one, its) in sorted(pairs, key=lambda pair: pair[0]):
                if its in self.sizes:
                    self.move(pid, one, kind, its, result, None)
        elif name in ("mmap", "mmap2") and path in self.sizes and (sizes := re.match(r"[^,]*, (\d+),.*, (?:0x)?([0-9a-f]+)$", arguments)):
            at = int(sizes[2], 16)
            length = max(0, min(int(sizes[1]), self.sizes[path] - at)) if path in self.changed else int(sizes[1])
            if length:
                self.move(pid, fd, "read", path, length, at)
        elif name in ("lseek", "_llseek") and path in self.sizes:
            self.positions[pid, fd] = result if name == "lseek" else int((re.search(r"\[(\d+)\]", arguments) or [0, 0])[1])
        elif name == "close" and path:
            self.positions.pop((pid, fd), None)
            left = self.open.get(path, set())
            left.discard((pid, fd))
            if path in self.open and not left:
                del self.open[path]
                self.add("close", path)
        elif name in ("fsync", "fdatasync") and path in self.sizes:
            self.add("fsync", path)
        elif name in ("sync", "syncfs"):
            self.add("sync")
        elif name in ("getdents", "getdents64") and path and (path == "." or path in self.directories):
            self.add("list", path)
        elif name in ("mkdir", "mkdirat", "unlink", "unlinkat", "rmdir", "rename", "renameat", "renameat2"):
            self.named(name, self.paths(pid, arguments))
        elif name in ("link", "linkat", "symlink", "symlinkat", "truncate", "ftruncate", "mknod", "mknodat") and (path or any(self.paths(pid, arguments))):
            self.left_out[name] = self.left_out.get(name, 0) + 1

    def move(self, pid, fd, kind, path, count, at):
        if at is None:
            at = self.positions.get((pid, fd), 0)
            self.positions[pid, fd] = at + count
        if kind == "read":
            self.know(path, at + count)
            count = min(count, self.sizes[path] - at)
        else:
            self.changed.add(path)
            self.sizes[path] = max(self.sizes[path], at + count)
        if count > 0:
            self.add(kind, path, at, count)

    def named(self, name, paths):
        if name.startswith("mkdir"):
            if paths and paths[0] and paths[0] != ".":
                self.add("mkdir", paths[0])
                self.directories.add(paths[0])
        elif name.startswith("rename"):
            if len(paths) == 2 and all(paths) and paths[0] not in self.directories:
                self.know(paths[0])
                self.add("rename", *paths)
                self.sizes[paths[1]] = self.sizes.pop(paths[0])
                self.changed.add(paths[1])
            elif any(paths):
                self.left_out[name] = self.left_out.get(name, 0) + 1
        elif paths and paths[0]:
            if paths[0] in self.directories:
                self.directories.discard(paths[0])
            else:
                self.know(paths[0])
                del self.sizes[paths[0]]
            self.add("unlink", paths[0])


class Trace:
    """`text` as fs_lab reads it; `about`: what its comments say, in one line."""

    def __init__(self, name, path, text):
        self.name, self.path, self.text = name, path, text
        self.digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        comments = [line.lstrip("# ").rstrip() for line in text.splitlines() if line.startswith("#")]
        self.about = "recorded: " + (" ".join(comments) or os.path.basename(path))


def load(path):
    """A workload, or what strace has printed; as it is or compressed by gzip."""
    try:
        with open(path, "rb") as file:
            is_packed = file.peek(2).startswith(b"\x1f\x8b")
            data = (gzip.GzipFile(fileobj=file) if is_packed else file).read(BYTES_AT_MOST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Failure(f"{path}: {error}", 2) from None
    if len(data) > BYTES_AT_MOST:
        raise Failure(f"{path}: longer than any trace ({BYTES_AT_MOST >> 20} MiB)", 2)
    text = data.decode("utf-8", "replace")
    name = re.sub(r"\.(gz|txt|trace|files|strace)$", "", re.sub(r"\.gz$", "", os.path.basename(path)))
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name):
        raise Failure(f"{path}: a trace is named after its file, so that must be of letters, digits, '_', '.' and '-'", 2)
    try:
        return Trace(name, path, text if text.startswith(MAGIC) else Converter().convert(text))
    except Failure as failure:
        raise Failure(f"{path}: {failure}", 2) from None


def recorded():
    """{name: Trace}: those that come with the project."""
    names = sorted(os.listdir(RECORDED)) if os.path.isdir(RECORDED) else []
    traces = [load(os.path.join(RECORDED, name)) for name in names if name.endswith(".gz")]
    return {trace.name: trace for trace in traces}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        sys.stdout.write(load(sys.argv[1]).text)
    except Failure as failure:
        sys.exit(str(failure))

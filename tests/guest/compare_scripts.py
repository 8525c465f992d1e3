#!/usr/bin/env python3
"""Shell scripts must print the same in the guest as on Linux, with the same programs: output, errors and status.

Those of scripts/ use busybox; those of debian/ (--debian) the dynamic programs of a tree of Debian packages.

Each script runs in a folder of its own under /tmp. All of them run in one boot; when one hangs or brings
the machine down, that one has failed and the rest runs in another boot. A script that differs between two runs on
Linux is not fit for the corpus, which `--linux-only` finds out. What Linux printed twice is remembered in the build
tree, as long as nothing changes that it depends on; `--remember` keeps it in answers/, for all who have the same
kernel and busybox.
"""
import argparse
import difflib
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import guest
from debian_tree import Unavailable, debian_tree

HERE = Path(__file__).resolve().parent
BLOCK = re.compile(rb"\n@@ begin (\S+)\n(.*?)\n@@ stderr \1\n(.*?)\n@@ end \1 (\d+)\n", re.DOTALL)
GUEST_FOLDER = "usr/lib/kidney-scripts"
SILENCE = 300  # seconds without a word of any script, a time after which even the slowest one hangs


class Outcome(NamedTuple):
    out: bytes
    err: bytes
    status: int


def parse(text: bytes) -> dict[str, Outcome]:
    return {name.decode(): Outcome(out, err, int(status)) for name, out, err, status in BLOCK.findall(text)}


def started(text: bytes) -> list[str]:
    return [name.decode() for name in re.findall(rb"\n@@ begin (\S+)\n", text)]


class Corpus:
    """The scripts in a folder that becomes a part of the root file system, over the programs that they use."""

    def __init__(self, tree: Path, scripts: Path, folder: str, programs: Path | None):
        self._tree = tree
        self._programs = programs
        self._overlay = Path(folder)
        target = self._overlay / GUEST_FOLDER
        target.mkdir(parents=True)
        for script in scripts.glob("*.sh"):
            shutil.copy(script, target)
        shutil.copy(HERE / "corpus.sh", target / "corpus")

    def run(self, names: list[str], *options: str) -> dict[str, Outcome]:
        command = f"sh /{GUEST_FOLDER}/corpus /{GUEST_FOLDER} /tmp/work "
        roots = ["--root", str(self._overlay)]
        if self._programs:
            roots = ["--root", str(self._programs), *roots]
            if "--linux" in options:
                roots += ["--memory", "768"]  # it has the whole tree in memory
        return run_all(names, lambda left: guest.run(self._tree, command + " ".join(left), *roots, *options,
                                                     deadline=SILENCE))

    def digest(self, name: str) -> str:
        """Of all that decides what a script prints on Linux."""
        parts = [self._overlay / GUEST_FOLDER / "corpus", self._overlay / GUEST_FOLDER / f"{name}.sh",
                 self._tree / "rootfs/bin/busybox", *sorted((guest.ROOT / "user" / "init").iterdir()),
                 *sorted((self._tree / "rootfs/etc").iterdir()), *map(Path, guest.linux.PARTS)]
        digests = [hashlib.sha256(part.read_bytes()).digest() for part in parts]
        return hashlib.sha256(b"".join(digests) + str(self._programs).encode()).hexdigest()


class Memory:
    """What Linux printed, in a file of the build tree, and what `given`, a file like it, knows."""

    def __init__(self, corpus: Corpus, path: Path, given: Path):
        self._corpus = corpus
        self._path = path
        self._known = {}
        for file in given, path:
            if file.exists():
                self._known |= json.loads(file.read_text(encoding="utf-8"))

    def recall(self, names: list[str]) -> dict[str, Outcome]:
        outcomes = {}
        for name in names:
            digest, out, err, status = self._known.get(name, ("", "", "", 0))
            if digest == self._corpus.digest(name):
                outcomes[name] = Outcome(out.encode("latin-1"), err.encode("latin-1"), status)
        return outcomes

    def keep(self, outcomes: dict[str, Outcome]) -> None:
        for name, outcome in outcomes.items():
            self._known[name] = (self._corpus.digest(name), outcome.out.decode("latin-1"),
                                 outcome.err.decode("latin-1"), outcome.status)
        fresh = self._path.with_suffix(f".{os.getpid()}")
        self.write(fresh)
        fresh.replace(self._path)  # in one step: the other test of scripts may be reading it

    def write(self, path: Path) -> None:
        lines = [f"{json.dumps(name)}: {json.dumps(self._known[name])}" for name in sorted(self._known)]
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def run_all(names: list[str], run: Callable[[list[str]], guest.Result]) -> dict[str, Outcome]:
    """What came of each. The script that hangs or ends the run has none, and the rest goes on in another run."""
    outcomes: dict[str, Outcome] = {}
    left = list(names)
    while left:
        result = run(left)
        outcomes.update(parse(result.out))
        culprits = [name for name in started(result.out) if name in left and name not in outcomes]
        if culprits:
            print(f"  {culprits[-1]} ended the run ({'hung' if result.status is None else result.status}):")
            print(guest.tail(result.err, 3) or guest.tail(result.log, 12), flush=True)
        elif not any(name in outcomes for name in left):
            print(f"  nothing ran (status {result.status}):\n{guest.tail(result.err, 3)}\n"
                  f"{guest.tail(result.log, 12)}")
            break
        left = [name for name in left if name not in outcomes and name not in culprits]
    return outcomes


def difference(expected: Outcome, actual: Outcome) -> str:
    parts = []
    if expected.status != actual.status:
        parts.append(f"    status {actual.status}, on Linux {expected.status}")
    for name in ("out", "err"):
        want, have = getattr(expected, name), getattr(actual, name)
        if want != have:
            lines = difflib.unified_diff(want.decode("utf-8", "backslashreplace").splitlines(),
                                         have.decode("utf-8", "backslashreplace").splitlines(),
                                         f"Linux {name}", f"guest {name}", lineterm="", n=1)
            parts += ["    " + line for line in list(lines)[:20]]
    return "\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tree", type=Path, required=True, help="the build tree with the images")
    parser.add_argument("--scripts", type=Path)
    parser.add_argument("--debian", action="store_true", help="the scripts for a tree of Debian packages")
    parser.add_argument("--linux-only", action="store_true", help="only check that Linux prints the same twice")
    parser.add_argument("--remember", action="store_true", help="and keep that in answers/")
    parser.add_argument("--smp", default="1")
    parser.add_argument("name", nargs="*")
    options = parser.parse_args()

    guest.require_linux(options.tree)
    programs = None
    if options.debian:
        try:
            programs = debian_tree(options.tree.absolute().parent)
        except Unavailable as why:
            print(f"skipped: there is no tree of Debian packages: {why}")
            return guest.SKIPPED
    corpus_name = "debian" if options.debian else "scripts"
    scripts = options.scripts or HERE / corpus_name
    names = options.name or sorted(path.stem for path in scripts.glob("*.sh"))
    with tempfile.TemporaryDirectory(prefix="kidney-scripts-") as folder:
        corpus = Corpus(options.tree, scripts, folder, programs)
        given = HERE / "answers" / f"{corpus_name}.json"
        memory = Memory(corpus, options.tree / f"linux-{corpus_name}.json", given)
        expected = memory.recall(names)
        unknown = [name for name in names if name not in expected]
        expected |= corpus.run(unknown, "--linux")
        if options.linux_only:
            actual = expected | corpus.run(unknown, "--linux")
            memory.keep({name: expected[name] for name in unknown if expected.get(name) == actual.get(name) is not None})
            if options.remember:
                memory.write(given)
        else:
            actual = corpus.run(names, "--smp", options.smp)

    same = 0
    for name in names:
        if name not in expected:
            print(f"FAILED {name}: it does not end on Linux")
        elif name not in actual:
            print(f"FAILED {name}: no result")
        elif expected[name] != actual[name]:
            print(f"FAILED {name}:\n{difference(expected[name], actual[name])}")
        else:
            same += 1
    print(f"{same} of {len(names)} scripts print the same")
    return 0 if same == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())

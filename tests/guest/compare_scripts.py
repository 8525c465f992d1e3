#!/usr/bin/env python3
"""Shell scripts must print the same in the guest as natively, with the same busybox: output, errors and status.

Each script of scripts/ runs in a folder of its own under /tmp. All of them run in one boot; when one hangs or brings
the machine down, that one has failed and the rest runs in another boot. Natively they run in namespaces of their
own, on a copy of the guest's root file system, and cannot hurt the machine; where namespaces are forbidden, as in
some containers, the scripts of this corpus (and no others) run without. A script that differs between two native
runs is not fit for the corpus, which `--native-only` finds out.
"""
import argparse
import difflib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import guest

HERE = Path(__file__).resolve().parent
BLOCK = re.compile(rb"\n@@ begin (\S+)\n(.*?)\n@@ stderr \1\n(.*?)\n@@ end \1 (\d+)\n", re.DOTALL)
SCRIPTS = HERE / "scripts"
GUEST_FOLDER = "usr/lib/kidney-scripts"
NAMESPACES = ["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
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
    """The scripts in a folder that becomes a part of a root file system."""

    def __init__(self, tree: Path, scripts: Path, folder: str):
        self._rootfs = Path(tree, "rootfs").absolute()
        self._tree = tree
        self._overlay = Path(folder, "overlay")
        self._root = Path(folder, "root")
        self._root.mkdir()
        target = self._overlay / GUEST_FOLDER
        target.mkdir(parents=True)
        for script in scripts.glob("*.sh"):
            shutil.copy(script, target)
        shutil.copy(HERE / "corpus.sh", target / "corpus")

    @staticmethod
    def _command(names: list[str], prefix: str = "") -> str:
        return f"sh {prefix}/{GUEST_FOLDER}/corpus {prefix}/{GUEST_FOLDER} {prefix}/tmp/work {' '.join(names)}"

    def in_guest(self, names: list[str], options: list[str]) -> guest.Result:
        return guest.run(self._tree, self._command(names), "--root", str(self._overlay), *options, deadline=SILENCE)

    def isolated(self, names: list[str]) -> guest.Result:
        """As root, or as root of a user namespace."""
        command = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), *NAMESPACES, "sh",
                   str(HERE / "isolated.sh"), str(self._root), self._command(names) if names else "true",
                   str(self._rootfs), str(self._overlay)]
        environment = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
        return guest.watch(command, SILENCE, env=environment)

    def exposed(self, names: list[str]) -> guest.Result:
        """On the machine's own file system, with busybox alone in PATH: where there are no namespaces."""
        busybox = self._rootfs / "bin" / "busybox"
        links = self._root / "bin"
        links.mkdir(exist_ok=True)
        for applet in subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split():
            if not (links / applet).is_symlink():
                (links / applet).symlink_to(busybox)
        command = [str(links / "sh"), "-c", self._command(names, str(self._overlay))]
        return guest.watch(command, SILENCE, env={"PATH": str(links)})


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


def choose_native(corpus: Corpus, scripts: Path) -> Callable[[list[str]], guest.Result]:
    probe = corpus.isolated([])
    if probe.status == 0:
        return corpus.isolated
    reason = probe.err.decode("utf-8", "replace").strip()
    if scripts != SCRIPTS:
        sys.exit(f"these scripts need namespaces to run natively, and there are none: {reason}")
    print(f"no namespaces ({reason}): the native run sees this machine's own file system", flush=True)
    return corpus.exposed


def difference(expected: Outcome, actual: Outcome) -> str:
    parts = []
    if expected.status != actual.status:
        parts.append(f"    status {actual.status}, natively {expected.status}")
    for name in ("out", "err"):
        want, have = getattr(expected, name), getattr(actual, name)
        if want != have:
            lines = difflib.unified_diff(want.decode("utf-8", "backslashreplace").splitlines(),
                                         have.decode("utf-8", "backslashreplace").splitlines(),
                                         f"native {name}", f"guest {name}", lineterm="", n=1)
            parts += ["    " + line for line in list(lines)[:20]]
    return "\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tree", type=Path, required=True, help="the build tree with the images")
    parser.add_argument("--scripts", type=Path, default=SCRIPTS)
    parser.add_argument("--native-only", action="store_true", help="only check that native runs agree with each other")
    parser.add_argument("--smp", default="1")
    parser.add_argument("name", nargs="*")
    options = parser.parse_args()

    # A shell makes its background jobs ignore it, and so would the scripts: nobody can trap an ignored signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    busybox = (options.tree / "rootfs" / "bin" / "busybox").absolute()
    if not busybox.exists():
        print("skipped: the root file system has no busybox (package busybox-static:i386)")
        return guest.SKIPPED
    names = options.name or sorted(path.stem for path in options.scripts.glob("*.sh"))
    if not options.native_only:
        guest.require_qemu()
    with tempfile.TemporaryDirectory(prefix="kidney-scripts-") as folder:
        corpus = Corpus(options.tree, options.scripts, folder)
        native = choose_native(corpus, options.scripts)
        expected = run_all(names, native)
        if options.native_only:
            actual = run_all(names, native)
        else:
            actual = run_all(names, lambda left: corpus.in_guest(left, ["--smp", options.smp]))

    same = 0
    for name in names:
        if name not in expected:
            print(f"FAILED {name}: it does not end natively")
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

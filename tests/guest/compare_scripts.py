#!/usr/bin/env python3
"""Shell scripts must print the same in the guest as natively, with the same busybox: output, errors and status.

Each script of scripts/ runs in a folder of its own under /tmp. All of them run in one boot; when one hangs or brings
the machine down, that one has failed and the rest runs in another boot. A script that differs between two native
runs is not fit for the corpus, which `--native-only` finds out.
"""
import argparse
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import guest

HERE = Path(__file__).resolve().parent
BLOCK = re.compile(rb"\n@@ begin (\S+)\n(.*?)\n@@ stderr \1\n(.*?)\n@@ end \1 (\d+)\n", re.DOTALL)
GUEST_FOLDER = "usr/lib/kidney-scripts"
SECONDS_PER_SCRIPT = 60


class Outcome(NamedTuple):
    out: bytes
    err: bytes
    status: int


def parse(text: bytes) -> dict[str, Outcome]:
    return {name.decode(): Outcome(out, err, int(status)) for name, out, err, status in BLOCK.findall(text)}


def started(text: bytes) -> list[str]:
    return [name.decode() for name in re.findall(rb"\n@@ begin (\S+)\n", text)]


def run_natively(busybox: Path, scripts: Path, names: list[str]) -> dict[str, Outcome]:
    """With busybox alone in PATH, as in the guest; as root, or as root of a user namespace."""
    with tempfile.TemporaryDirectory(prefix="kidney-scripts-", dir="/tmp") as folder:
        links = Path(folder, "bin")
        links.mkdir()
        for applet in subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split():
            (links / applet).symlink_to(busybox)
        command = [str(links / "sh"), str(HERE / "corpus.sh"), str(scripts), os.path.join(folder, "work"), *names]
        if os.geteuid() != 0:
            command = ["unshare", "--map-root-user", *command]
        result = subprocess.run(command, env={"PATH": str(links)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                timeout=SECONDS_PER_SCRIPT * len(names))
        return parse(result.stdout)


def run_in_guest(tree: Path, scripts: Path, names: list[str], options: list[str]) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="kidney-scripts-") as folder:
        target = Path(folder, GUEST_FOLDER)
        target.mkdir(parents=True)
        for script in scripts.glob("*.sh"):
            shutil.copy(script, target)
        shutil.copy(HERE / "corpus.sh", target / "corpus")
        left = list(names)
        while left:
            command = f"sh /{GUEST_FOLDER}/corpus /{GUEST_FOLDER} /tmp/work {' '.join(left)}"
            result = guest.run(tree, command, "--root", folder, *options, deadline=SECONDS_PER_SCRIPT * len(left))
            outcomes.update(parse(result.out))
            culprits = [name for name in started(result.out) if name in left and name not in outcomes]
            if culprits:
                print(f"  {culprits[-1]} ended the run ({'hung' if result.status is None else result.status}):")
                print(guest.tail(result.err, 3) or guest.tail(result.log, 12), flush=True)
            elif not any(name in outcomes for name in left):
                print(f"  the guest did not run anything (status {result.status}):\n{guest.tail(result.err, 3)}\n"
                      f"{guest.tail(result.log, 12)}")
                break
            left = [name for name in left if name not in outcomes and name not in culprits]
    return outcomes


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
    parser.add_argument("--scripts", type=Path, default=HERE / "scripts")
    parser.add_argument("--native-only", action="store_true", help="only check that native runs agree with each other")
    parser.add_argument("--smp", default="1")
    parser.add_argument("name", nargs="*")
    options = parser.parse_args()

    busybox = (options.tree / "rootfs" / "bin" / "busybox").absolute()
    if not busybox.exists():
        print("skipped: the root file system has no busybox (package busybox-static:i386)")
        return guest.SKIPPED
    names = options.name or sorted(path.stem for path in options.scripts.glob("*.sh"))
    expected = run_natively(busybox, options.scripts, names)
    if options.native_only:
        actual = run_natively(busybox, options.scripts, names)
    else:
        guest.require_qemu()
        actual = run_in_guest(options.tree, options.scripts, names, ["--smp", options.smp])

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

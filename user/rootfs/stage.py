#!/usr/bin/env python3
"""Gather the root file system of the guest in one tree, ready for `mke2fs -d`.

The tree has three sources: the skeleton beside this script (/etc), our own programs as the build made them, and
Debian's busybox with one symbolic link for each of its applets. Without a busybox the shell is rush, so that the
system still boots to a prompt.
"""

import argparse
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

DIRECTORIES = ["bin", "sbin", "usr/bin", "usr/sbin", "etc", "dev", "proc", "sys", "tmp", "root", "home", "host", "mnt", "var/log"]
# `./kidney setup` leaves it in the last place when another busybox belongs to the machine.
BUILD = Path(os.environ.get("KIDNEY_BUILD") or Path(__file__).resolve().parents[2] / "build")
BUSYBOX_PLACES = ["/bin/busybox", "/usr/bin/busybox", "/usr/lib/i386-linux-gnu/busybox",
                  str(BUILD / "busybox/bin/busybox")]
# Applets that would stand in the way of our own programs or of how the machine is started and stopped.
EXCLUDED_APPLETS = {"init", "linuxrc", "busybox"}


def is_static_i386(path: Path) -> bool:
    """True for an ELF32 i386 executable without an interpreter."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    if len(data) < 52 or data[:6] != b"\x7fELF\x01\x01":
        return False
    machine, = struct.unpack_from("<H", data, 18)
    table, = struct.unpack_from("<I", data, 28)
    size, count = struct.unpack_from("<HH", data, 42)
    interpreter = any(struct.unpack_from("<I", data, table + i * size)[0] == 3 for i in range(count))
    return machine == 3 and not interpreter


def find_busybox(explicit: str | None) -> Path | None:
    """The i386 busybox: the one asked for, or the one Debian's busybox-static:i386 installs."""
    candidates = [explicit] if explicit else [os.environ.get("KIDNEY_BUSYBOX", ""), *BUSYBOX_PLACES]
    for candidate in candidates:
        if candidate and is_static_i386(Path(candidate)):
            return Path(candidate)
    return None


def applets(busybox: Path) -> list[str]:
    """The paths of busybox's applets ("bin/ls"), asked from the program itself."""
    command = [str(busybox), "--list-full"]
    try:
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except OSError:  # a machine or a kernel without 32-bit programs
        listing = subprocess.run(["qemu-i386", *command], check=True, capture_output=True, text=True).stdout
    return [line for line in listing.split() if Path(line).name not in EXCLUDED_APPLETS]


def install(source: Path, target: Path, mode: int) -> None:
    """Copy a file unless the target is already the same."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink():
        target.unlink()
    if not target.exists() or target.read_bytes() != source.read_bytes():
        shutil.copyfile(source, target)
    target.chmod(mode)


def install_program(source: Path, target: Path) -> None:
    """Without symbols and debugging information, which stay in the build tree for ./kidney symbolise."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink():
        target.unlink()
    if not target.exists() or target.stat().st_mtime <= source.stat().st_mtime:
        target.unlink(missing_ok=True)
        subprocess.run(["llvm-objcopy-19", "--strip-all", str(source), str(target)], check=True)
    target.chmod(0o755)


def link(target: Path, destination: str) -> None:
    """Make a symbolic link, replacing another link but never a program."""
    if target.is_symlink():
        if os.readlink(target) == destination:
            return
        target.unlink()
    elif target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(destination)


def stage(skeleton: Path, programs: Path, output: Path, busybox: Path | None) -> None:
    for name in DIRECTORIES:
        (output / name).mkdir(parents=True, exist_ok=True)
    (output / "tmp").chmod(0o1777)
    (output / "root").chmod(0o700)

    for file in sorted((skeleton / "etc").rglob("*")):
        if file.is_file():
            install(file, output / file.relative_to(skeleton), 0o644)
    for file in sorted(programs.rglob("*")):
        if file.is_file():
            install_program(file, output / file.relative_to(programs))

    if busybox is None:
        link(output / "bin/sh", "rush")
        return
    install(busybox, output / "bin/busybox", 0o755)
    for applet in applets(busybox):
        link(output / applet, "/bin/busybox")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--skeleton", type=Path, required=True)
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--busybox", help="static i386 busybox; `none` leaves it out")
    options = parser.parse_args()

    os.umask(0o022)  # the guest's users are not those of this machine
    busybox = None if options.busybox == "none" else find_busybox(options.busybox)
    if busybox is None and options.busybox != "none":
        print("stage: no static i386 busybox found (package busybox-static:i386); /bin/sh is rush", file=sys.stderr)
    if busybox is None and (output_sh := options.output / "bin/sh").is_symlink():
        output_sh.unlink()
    stage(options.skeleton, options.programs, options.output, busybox)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""A disk that fails (QEMU's blkdebug) gives programs EIO and the log the device and the block; it can be unmounted, and the
machine goes on."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import guest

os.environ["PATH"] += ":/usr/sbin:/sbin"
WORK = """
cd /tmp; mkdir m
mount -t ext2 -o ro /dev/vdb m || exit 1
cat m/good > /dev/null || exit 2
cat m/bad > /dev/null 2>&1 && exit 3
umount m || exit 4
mount -t ext2 /dev/vdc m || exit 5
dd if=/dev/zero of=m/new bs=1k count=8 conv=fsync 2>/dev/null && exit 6
touch m/later 2>/dev/null && echo "written although it is read-only"
cat m/good > /dev/null || exit 7
umount m || exit 8
grep -q " /tmp/m " /proc/mounts && exit 9
mount -t ext2 -o ro /dev/vdc m || exit 10
ls m
"""


def tool(*arguments: str) -> str:
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout


def failing(name: str, image: Path, event: str, sector: int | None) -> list[str]:
    """A virtio disk whose requests of that kind fail, all or those that touch a sector."""
    rule = f"file.inject-error.0.event={event}_aio,file.inject-error.0.iotype={event},file.inject-error.0.errno=5"
    if sector is not None:
        rule += f",file.inject-error.0.sector={sector}"
    drive = f"if=none,id={name},driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename={image},{rule}"
    return ["-drive", drive, "-device", f"virtio-blk-pci,drive={name},disable-modern=on"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True)
    options = parser.parse_args()
    guest.require_qemu()
    if not shutil.which("mke2fs"):
        print("skipped: mke2fs is not installed (package e2fsprogs)")
        sys.exit(guest.SKIPPED)
    with tempfile.TemporaryDirectory(prefix="kidney-failing-") as folder:
        tree, image, other = (Path(folder, name) for name in ("tree", "read.img", "write.img"))
        tree.mkdir()
        for name in ("good", "bad"):
            (tree / name).write_bytes(name.encode() * 20000)
        tool("mke2fs", "-q", "-t", "ext2", "-b", "1024", "-d", str(tree), str(image), "4M")
        shutil.copy(image, other)
        block = int(tool("debugfs", "-R", "blocks /bad", str(image)).split()[20])
        extra = failing("reads", image, "read", 2 * block) + failing("writes", other, "write", None)
        result = guest.run_machine(options.tree, WORK, extra=extra)
        log = result.log.decode(errors="replace")
        wanted = ("vdb: read of", "vdc: write of", "a disk fails: its ext2 is read-only from now on")
        missing = [text for text in wanted if text not in log]
        if result.status != 0 or result.out.split() != [b"bad", b"good", b"lost+found"] or missing:
            sys.exit(f"FAILED: status {result.status}, {result.out}, {result.err}, not in the log: {missing}\n{guest.tail(result.log)}")
        if other.read_bytes() != image.read_bytes():
            sys.exit("FAILED: what could not be written has changed the disk")
    print("a failing disk is an error, and no more than that")


if __name__ == "__main__":
    main()

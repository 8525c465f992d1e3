#!/usr/bin/env python3
"""What the guest writes to ext2 disks is there, and e2fsck and debugfs of the host find nothing wrong with it."""
import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import guest

os.environ["PATH"] += ":/usr/sbin:/sbin"
BLOCK_SIZES = (1024, 2048, 4096)
WORK = """
cd /tmp; mkdir m; n=0
for d in b c d; do
    mount -t ext2 /dev/vd$d m || exit 1
    cp -a /bin /etc m; i=0
    while [ $i -lt 200 ]; do echo $i > m/f$i; i=$((i+1)); done
    mkdir -p m/d/e; mv m/f1* m/d; rm m/f2*; ln m/d/f1 m/hard; ln -s d/f1 m/soft; mv m/etc m/d/e
    seq 1 100000 > m/numbers; dd if=/dev/zero of=m/numbers bs=1 seek=300000 count=1 conv=notrunc 2>/dev/null
    dd if=/dev/zero of=m/sparse bs=1k seek=20000 count=1 2>/dev/null
    (sleep 1; echo later) > m/held & mount -o remount,ro m 2>/dev/null && echo "remounted under a writer"
    wait; mount -o remount,ro m || exit 2
    echo x 2>/dev/null > m/no && echo "written although read-only"
    umount m || exit 3
done
(while [ ! -e synced ]; do sync; done) & i=0
while [ $i -lt 100 ]; do mount -t ext2 /dev/vdb m && echo $i > m/x && umount m || exit 4; i=$((i+1)); done; : > synced; wait
mount -t ext2 /dev/vdd m || exit 5   # the last one is left to the power-off
md5sum /bin/busybox | cut -d" " -f1; md5sum m/numbers | cut -d" " -f1
"""


def tool(*arguments: str) -> str:
    result = subprocess.run(arguments, capture_output=True, text=True)
    return result.stdout + "\n".join(line for line in result.stderr.splitlines() if not line.startswith(
        ("e2fsck 1.", "debugfs 1.", "mke2fs 1.")))


def digest(disk: Path, path: str, folder: str) -> str:
    copy = Path(folder, "copy")
    tool("debugfs", "-R", f"dump {path} {copy}", str(disk))
    return hashlib.md5(copy.read_bytes()).hexdigest() if copy.exists() else "missing"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True)
    options = parser.parse_args()
    guest.require_qemu()
    if not shutil.which("mke2fs"):
        print("skipped: mke2fs is not installed (package e2fsprogs)")
        sys.exit(guest.SKIPPED)
    with tempfile.TemporaryDirectory(prefix="kidney-disks-") as folder:
        disks = [Path(folder, f"{size}.img") for size in BLOCK_SIZES]
        arguments = []
        for size, disk in zip(BLOCK_SIZES, disks, strict=True):
            with disk.open("wb") as empty:
                empty.truncate(32 << 20)
            tool("mke2fs", "-q", "-t", "ext2", "-b", str(size), str(disk))
            arguments += ["--disk", str(disk)]
        result = guest.run(options.tree, WORK, "--smp", "2", *arguments)
        answers = result.out.split()
        if result.status != 0 or result.err or len(answers) != 2:
            sys.exit(f"FAILED: status {result.status}, {result.out}, {result.err}\n{guest.tail(result.log)}")
        for disk in disks:
            told = tool("e2fsck", "-fn", str(disk))
            complaints = [line for line in told.splitlines() if not line.startswith(("Pass ", str(disk)))]
            found = [digest(disk, "/bin/busybox", folder), digest(disk, "/numbers", folder)]
            soft = tool("debugfs", "-R", "stat /soft", str(disk))
            if complaints or found != [a.decode() for a in answers] or 'dest: "d/f1"' not in soft:
                sys.exit(f"FAILED: {disk.name}: {told}\n{found} instead of {answers}\n{soft}")
    print(f"{len(disks)} disks are as the guest wrote them")


if __name__ == "__main__":
    main()

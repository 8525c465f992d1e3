#!/usr/bin/env python3
"""What the guest writes to a kfs and a vsfs is there after the power-off, and our checkers find nothing wrong with it."""
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import guest

WORK = """
cd /tmp; mkdir m; mount -t kfs /dev/vdb m || exit 1
cp -a /bin /etc m; i=0
while [ $i -lt 300 ]; do echo $i > m/f$i; i=$((i+1)); done
mkdir -p m/d/e; mv m/f1* m/d; rm m/f2*; ln m/d/f1 m/hard; ln -s d/f1 m/soft; mv m/etc m/d/e
seq 1 100000 > m/numbers; dd if=/dev/zero of=m/numbers bs=1 seek=300000 count=1 conv=notrunc 2>/dev/null
dd if=/dev/zero of=m/sparse bs=1k seek=20000 count=1 2>/dev/null
(sleep 1; echo later) > m/held & mount -o remount,ro m 2>/dev/null && echo "remounted under a writer"
wait; mount -o remount,ro m || exit 2
echo x 2>/dev/null > m/no && echo "written although read-only"
mount -o remount,rw m; echo again > m/again; umount m || exit 3
mount -t kfs /dev/vdb m && cat m/again m/hard m/soft; ls m/d | wc -l
md5sum < m/numbers; md5sum < m/bin/busybox; md5sum < /bin/busybox
echo synced > m/synced; sync; echo "not unmounted" > m/last
"""
# Files that are not mapped: busybox copies itself by read and write.
VSFS = """
cd /tmp; mkdir v; mount -t vsfs /dev/vdc v || exit 4
mkdir -p v/a/b; cp /bin/busybox v/a; mv v/a/busybox v/a/b/box; ln v/a/b/box v/hard; ln -s a/b/box v/soft
i=0; while [ $i -lt 60 ]; do echo $i > v/f$i; i=$((i+1)); done; rm v/f1*; mv v/f2 v/f3
dd if=/dev/zero of=v/full bs=4k count=5000 2>/dev/null && echo "no end to a vsfs"; rm v/full
umount v || exit 5; mount -t vsfs /dev/vdc v; ls v/f* | wc -l; cat v/f3
[ "$(md5sum < v/soft)" = "$(md5sum < /bin/busybox)" ] && echo same; echo synced > v/synced; sync; rm v/hard
"""
AGAIN = """
mkdir /tmp/m; mount -t kfs /dev/vdb /tmp/m && cat /tmp/m/synced; md5sum < /tmp/m/numbers
mount -t kfs /dev/vda /tmp/m; echo "status $?"
"""


def fsck(program: Path, disk: Path, kind: str) -> None:
    told = subprocess.run([program, "check", "--", disk], capture_output=True, text=True)
    if told.returncode != 0 or not told.stdout.startswith(f"{disk}: {kind}: sound"):
        sys.exit(f"FAILED: {told.stdout}{told.stderr}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True)
    options = parser.parse_args()
    guest.require_qemu()
    with tempfile.TemporaryDirectory(prefix="kidney-own-") as folder:
        program, disk, simple = guest.image_program(folder), Path(folder, "kfs.img"), Path(folder, "vsfs.img")
        subprocess.run([program, "make", f"--size={48 << 20}", "--format=kfs", "--", disk], check=True)
        subprocess.run([program, "make", f"--size={12 << 20}", "--format=vsfs", "--", simple], check=True)
        result = guest.run(options.tree, WORK + VSFS, "--smp", "2", "--disk", str(disk), "--disk", str(simple))
        lines = result.out.decode().splitlines()
        if result.status != 0 or result.err or lines[:4] != ["again", "1", "1", "112"] or lines[5] != lines[6] or lines[7:] != ["48", "2", "same"]:
            sys.exit(f"FAILED: status {result.status}, {result.out}, {result.err}\n{guest.tail(result.log)}")
        fsck(program, disk, "kfs")
        fsck(program, simple, "vsfs")
        again = guest.run(options.tree, AGAIN, "--disk", str(disk))
        if again.out.decode().splitlines()[:2] != ["synced", lines[4]]:
            sys.exit(f"FAILED: {again.out}, {again.err}\n{guest.tail(again.log)}")
        fsck(program, disk, "kfs")
    print("the disks are as the guest wrote them")


if __name__ == "__main__":
    main()

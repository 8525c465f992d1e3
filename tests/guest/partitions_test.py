#!/usr/bin/env python3
"""A guest cuts a disk into partitions with busybox fdisk (four of them, two in an extended one), puts file systems there and
takes them away again, but none that is in use; it believes a GPT that comes onto the disk, as well. sfdisk and e2fsck of the
host find the disk as the guest saw it."""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import guest

os.environ["PATH"] += ":/usr/sbin:/sbin"
LIMIT = 90  # blocks that a GPT has at either end, generously
WORK = """
cd /tmp; mkdir m
parts() { echo $(awk '/vdb/ { print $4 ":" $3 }' /proc/partitions) / $(cd /dev; echo vdb*); }
again() { blockdev --rereadpt ${1:-/dev/vdb} 2>&1; }
printf 'o\\nn\\np\\n1\\n\\n+4M\\nn\\ne\\n2\\n\\n\\nn\\nl\\n\\n+3M\\nn\\nl\\n\\n\\nw\\n' | fdisk /dev/vdb > /dev/null
parts
ls -l /dev/vdb6 | awk '{ print $1, $4, $5, $6 }'
for n in 1 5 6; do
    mke2fs /dev/vdb$n > /dev/null; mount -t ext2 /dev/vdb$n m || exit 1; echo in $n > m/name; umount m || exit 2
done
mount -t ext2 /dev/vdb5 m; again; umount m                                     # busy: mounted
exec 3< /dev/vdb1; again; exec 3<&-                                            # busy: open
again /dev/null
again /dev/vdb1; again /dev/vda                                                # no whole disk; the root is there
partprobe /dev/vdb; for n in 1 5 6; do mount -t ext2 /dev/vdb$n m; cat m/name; umount m; done
printf 'd\\n5\\nw\\n' | fdisk /dev/vdb > /dev/null; parts                         # 6 becomes 5
mount -t ext2 /dev/vdb5 m; cat m/name; umount m
p=/usr/lib/kidney-tests/partition
$p /dev/vdb add 9 1048576 65536; $p /dev/vdb add 16 12582912 65536; $p /dev/vdb remove 7
exec 3< /dev/vdb1; $p /dev/vdb remove 1; exec 3<&-; $p /dev/vdb remove 1; $p /dev/vdb add 9 1048576 65536; parts
dd if=/dev/vdb9 bs=512 count=1 2>/dev/null | cmp - /dev/vdb -n 512 -s && echo "a table of its own?"
dd if=/dev/zero of=/dev/vdb9 bs=64k count=2 2>/dev/null && echo "no end"; dd if=/dev/vdb9 bs=64k 2>/dev/null | wc -c
again; parts
cat /dev/vdb > /tmp/mbr.img; sync
# A GPT with three partitions, from another disk: the table first, and then all of it.
dd if=/dev/vdc of=/dev/vdb bs=512 count=LIMIT 2>/dev/null; again; parts
dd if=/dev/vdc of=/dev/vdb bs=64k 2>/dev/null; again; parts
mount -t ext2 /dev/vdb2 m && cat m/name; umount m
dd if=/dev/zero of=/dev/vdb bs=512 count=LIMIT 2>/dev/null; again; parts
cat /tmp/mbr.img > /dev/vdb; again; parts; mount -t ext2 /dev/vdb1 m; cat m/name; umount m
"""
EXPECTED = """
vdb:16384 vdb1:4096 vdb5:3072 vdb6:9121 / vdb vdb1 vdb5 vdb6
brw-rw---- root 254, 22
blockdev: /dev/vdb: Device or resource busy
blockdev: /dev/vdb: Device or resource busy
blockdev: /dev/null: Inappropriate ioctl for device
blockdev: /dev/vdb1: Invalid argument
blockdev: /dev/vda: Device or resource busy
in 1
in 5
in 6
vdb:16384 vdb1:4096 vdb5:9121 / vdb vdb1 vdb5
in 6
Device or resource busy
Invalid argument
No such device or address
Device or resource busy
vdb:16384 vdb5:9121 vdb9:64 / vdb vdb5 vdb9
65536
vdb:16384 vdb1:4096 vdb5:9121 / vdb vdb1 vdb5
vdb:16384 vdb1:2048 vdb2:4096 vdb7:1024 / vdb vdb1 vdb2 vdb7
vdb:16384 vdb1:2048 vdb2:4096 vdb7:1024 / vdb vdb1 vdb2 vdb7
in a GPT
vdb:16384 / vdb
vdb:16384 vdb1:4096 vdb5:9121 / vdb vdb1 vdb5
in 1
"""
IN_THE_LOG = ("vdb: its partitions cannot change: vdb5 is in use", "vdb: its partitions cannot change: vdb1 is in use",
              "vda: its partitions cannot change: vda is in use", "vdb: its second GPT is damaged")


def make_gpt(image: Path, folder: str) -> None:
    """Three partitions, with a file system in the second one."""
    table = "label: gpt\n1: start=2048, size=4096\n2: start=6144, size=8192\n7: start=14336, size=2048\n"
    subprocess.run(["sfdisk", "-q", image], input=table, text=True, check=True)
    tree, part = Path(folder, "tree"), Path(folder, "part")
    tree.mkdir()
    Path(tree, "name").write_text("in a GPT\n")
    subprocess.run(["mke2fs", "-q", "-t", "ext2", "-d", tree, part, "4M"], check=True, stdout=subprocess.DEVNULL)
    with image.open("r+b") as file:
        file.seek(6144 * 512)
        file.write(part.read_bytes())


def look_at(disk: Path, folder: str) -> str:
    """What is wrong with the disk that the guest left, by the tools of the host."""
    table = subprocess.run(["sfdisk", "-d", disk], capture_output=True, text=True).stdout
    found = [tuple(map(int, row)) for row in re.findall(r"^\S+disk(\d) : start= *(\d+), size= *(\d+)", table, re.MULTILINE)]
    if [(number, size) for number, _, size in found] != [(1, 8192), (2, 24513), (5, 18243)]:
        return table
    for number, start, size in (found[0], found[2]):
        part = Path(folder, f"part{number}")
        part.write_bytes(disk.read_bytes()[start * 512:(start + size) * 512])
        told = subprocess.run(["e2fsck", "-fn", part], capture_output=True, text=True)
        if told.returncode != 0:
            return told.stdout
    return ""


def fail(why: str, result: guest.Result) -> None:
    sys.exit(f"FAILED: {why}\nstatus {result.status}\n{result.out.decode()}\n{result.err.decode()}\n{guest.tail(result.log)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True)
    options = parser.parse_args()
    guest.require_qemu()
    for tool in ("sfdisk", "mke2fs"):
        if not shutil.which(tool):
            print(f"skipped: {tool} is not installed (packages fdisk and e2fsprogs)")
            sys.exit(guest.SKIPPED)
    with tempfile.TemporaryDirectory(prefix="kidney-parts-") as folder:
        disk, gpt = Path(folder, "disk"), Path(folder, "gpt")
        for image in (disk, gpt):
            with image.open("wb") as empty:
                empty.truncate(16 << 20)
        make_gpt(gpt, folder)
        result = guest.run(options.tree, WORK.replace("LIMIT", str(LIMIT)), "--smp", "2", "--disk", str(disk), "--disk", str(gpt))
        if result.status != 0 or result.err or result.out.decode() != EXPECTED.lstrip():
            fail("not what was expected", result)
        missing = [text for text in IN_THE_LOG if text not in result.log.decode(errors="replace")]
        if missing:
            fail(f"not in the log: {missing}", result)
        if wrong := look_at(disk, folder):
            fail(wrong, result)
    print("partitions came and went as the tables said")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What the guest writes to FAT disks is there, and fsck.fat and mtools of the host find nothing wrong with it; what mtools
has put there, the guest reads."""
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
os.environ |= {"MTOOLS_SKIP_CHECK": "1", "TZ": "UTC"}
# Bits of an entry of the table, sectors per cluster, MiB.
FORMATS = ((12, 8, 8), (16, 2, 32), (32, 1, 40))
WORK = """
cd /tmp; mkdir m
mount -t vfat -o uid=1,umask=9 /dev/vdb m 2>/dev/null && exit 5
dmesg | grep -q 'vdb as vfat: the option umask=9 is unknown, or its value wrong' || exit 6
for d in b c d; do
    t="-t vfat"; [ $d = c ] && t=""   # found out by itself
    mount $t /dev/vd$d m || exit 1
    md5sum < "m/From the Host/A file with a name.txt" | cut -d" " -f1
    mkdir -p m/bin "m/A Directory/inner"; cp /bin/busybox m/bin || exit 2
    cp -a /etc m || exit 2; i=0
    while [ $i -lt 150 ]; do echo $i > "m/A Directory/file number $i"; i=$((i+1)); done
    mv "m/A Directory/file number 14" m/moved; rm "m/A Directory/file number 2"*; mv "m/A Directory/inner" m/etc
    [ "$(cat m/MOVED)" = 14 ] || exit 3
    seq 1 20000 > m/numbers; seq 1 10 > m/numbers; seq 1 30000 >> m/numbers
    ln m/moved m/hard 2>/dev/null && echo "a hard link"
    ln -s moved m/soft 2>/dev/null && echo "a symbolic link"
    (cd "m/a directory" && pwd -P)
    rm "m/From the Host/A file with a name.txt"; sync
    [ $d = d ] || umount m || exit 4   # the last one is left to the power-off
done
md5sum /bin/busybox | cut -d" " -f1; md5sum m/numbers | cut -d" " -f1
"""


def tool(*arguments: str) -> str:
    result = subprocess.run(arguments, capture_output=True, text=True)
    return result.stdout + result.stderr


def digest(disk: Path, path: str, folder: str) -> str:
    copy = Path(folder, "copy")
    copy.unlink(missing_ok=True)
    tool("mcopy", "-n", "-i", str(disk), f"::{path}", str(copy))
    return hashlib.md5(copy.read_bytes()).hexdigest() if copy.exists() else "missing"


def make_disk(disk: Path, bits: int, sectors: int, size: int, source: Path) -> None:
    with disk.open("wb") as empty:
        empty.truncate(size << 20)
    tool("mkfs.fat", "-F", str(bits), "-s", str(sectors), str(disk))
    tool("mcopy", "-s", "-i", str(disk), str(source), "::/")


def judge(disk: Path, answers: list[str], folder: str) -> str:
    """Empty, or what is wrong."""
    told = tool("fsck.fat", "-n", str(disk)).splitlines()
    complaints = [line for line in told if not line.startswith(("fsck.fat 4.", str(disk)))]
    found = [digest(disk, "/bin/busybox", folder), digest(disk, "/numbers", folder)]
    listing = tool("mdir", "-/", "-b", "-i", str(disk), "::").splitlines()
    names = sum(line.startswith("::/A Directory/file number ") for line in listing)
    wanted = {"::/moved", "::/etc/inner/", "::/A Directory/file number 149", "::/From the Host/"}
    if complaints or found != answers or names != 138 or not wanted <= set(listing):
        return f"{complaints}\n{found} instead of {answers}\n{names} names\n{wanted - set(listing)}"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True)
    options = parser.parse_args()
    guest.require_qemu()
    if not shutil.which("mkfs.fat") or not shutil.which("mcopy"):
        print("skipped: mkfs.fat or mtools is not installed (packages dosfstools, mtools)")
        sys.exit(guest.SKIPPED)
    with tempfile.TemporaryDirectory(prefix="kidney-fat-") as folder:
        source = Path(folder, "From the Host")
        source.mkdir()
        text = bytes(n * n >> 3 & 255 for n in range(100_000))
        (source / "A file with a name.txt").write_bytes(text)
        disks = [Path(folder, f"fat{bits}.img") for bits, _, _ in FORMATS]
        arguments = []
        for disk, form in zip(disks, FORMATS, strict=True):
            make_disk(disk, *form, source)
            arguments += ["--disk", str(disk)]
        result = guest.run(options.tree, WORK, "--smp", "2", *arguments)
        answers = result.out.decode().split("\n")[:-1]
        expected = [hashlib.md5(text).hexdigest(), "/tmp/m/A Directory"] * len(disks)
        if result.status != 0 or result.err or len(answers) != len(expected) + 2 or answers[:-2] != expected:
            sys.exit(f"FAILED: status {result.status}, {answers}, {result.err}\n{guest.tail(result.log)}")
        for disk in disks:
            wrong = judge(disk, answers[-2:], folder)
            if wrong:
                sys.exit(f"FAILED: {disk.name}: {wrong}")
    print(f"{len(disks)} disks are as the guest wrote them")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Three ATA disks on both channels (master, slave, and the slave beside the CD drive): what a guest writes is there, and e2fsck
finds nothing wrong with it. And one that fails, which is an error of the program that reads it."""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import guest

os.environ["PATH"] += ":/usr/sbin:/sbin"
NAMES = {"hda": "0,unit=0", "hdb": "0,unit=1", "hdd": "1,unit=1"}  # the CD drive is hdc
WORK = """
cd /tmp; for d in hda hdb hdd; do
    mkdir $d; mke2fs /dev/$d > /dev/null; mount -t ext2 /dev/$d $d || exit 1
done
for d in hda hdb hdd; do cp -a /bin /etc $d; seq 1 100000 > $d/numbers; rm -r $d/etc; done
for d in hda hdb hdd; do (sync; dd if=/dev/$d of=/dev/null bs=64k 2> /dev/null) & done; wait
for d in hda hdb hdd; do md5sum < $d/numbers; umount $d || exit 2; done
dd if=/dev/hdb of=/dev/null bs=64k 2>/dev/null && echo read
grep -h "ata" /proc/interrupts | awk '{ print ($2 + $3 > 100) ? "interrupts" : "few interrupts" }'
cat /sys/bus/pci/devices/0000:00:01.1/uevent | grep DRIVER
awk '$3 == "hda" { print ($6 > 0) }' /proc/diskstats; ls -l /dev/hd* | awk '{ print $5 $6, $10 }'
"""
FAILING = r"""
dd if=/dev/hda of=/dev/null bs=512 count=2 2>/dev/null && echo good
dd if=/dev/hda of=/dev/null bs=512 skip=64 count=1 2>&1 | grep -o 'Input/output error'
dd if=/dev/hda of=/dev/null bs=512 skip=128 count=2 2>/dev/null && echo "good again"
"""


def drive(path: Path, where: str, options: str = "format=raw") -> list[str]:
    name = f"ata{where[0]}{where[-1]}"
    source = options if "driver=" in options else f"file={path},{options}"
    return ["-drive", f"{source},if=none,id={name}", "-device", f"ide-hd,drive={name},bus=ide.{where}"]


def write_everywhere(tree: Path, folder: str) -> None:
    extra, disks = [], []
    for name, where in NAMES.items():
        disks.append(Path(folder, name))
        with disks[-1].open("wb") as empty:
            empty.truncate(24 << 20)
        extra += drive(disks[-1], where)
    result = guest.run_machine(tree, WORK, smp=2, extra=extra)
    digest = hashlib.md5("".join(f"{n}\n" for n in range(1, 100001)).encode()).hexdigest()
    wanted = [f"{digest}  -"] * 3 + ["read", "interrupts", "interrupts", "DRIVER=ata", "1", "3,0 /dev/hda", "3,64 /dev/hdb",
                                     "22,64 /dev/hdd"]
    if result.status != 0 or result.err or result.out.decode().splitlines() != wanted:
        sys.exit(f"FAILED: status {result.status}\n{result.out.decode()}\nnot {wanted}\n{result.err.decode()}\n{guest.tail(result.log)}")
    for disk in disks:
        told = subprocess.run(["e2fsck", "-fn", disk], capture_output=True, text=True)
        if told.returncode != 0 or "Fix?" in told.stdout:
            sys.exit(f"FAILED: {told.stdout}")


def fail_here(tree: Path, folder: str) -> None:
    disk = Path(folder, "failing")
    disk.write_bytes(os.urandom(1 << 20))
    rule = ("driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename=" + str(disk) +
            ",file.inject-error.0.event=read_aio,file.inject-error.0.iotype=read,file.inject-error.0.errno=5,"
            "file.inject-error.0.sector=64")
    result = guest.run_machine(tree, FAILING, extra=drive(disk, "0,unit=0", rule))
    told = result.out.decode().splitlines()
    if result.status != 0 or told != ["good", "Input/output error", "good again"] or b"hda: read of" not in result.log:
        sys.exit(f"FAILED: status {result.status}, {told}\n{result.err.decode()}\n{guest.tail(result.log)}")


def main() -> None:
    tree = guest.tree_of_arguments(__doc__)
    if not shutil.which("e2fsck"):
        print("skipped: e2fsck is not installed (package e2fsprogs)")
        sys.exit(guest.SKIPPED)
    with tempfile.TemporaryDirectory(prefix="kidney-ata-") as folder:
        write_everywhere(tree, folder)
        fail_here(tree, folder)
    print("three ATA disks are as the guest wrote them, and one that fails says so")


if __name__ == "__main__":
    main()

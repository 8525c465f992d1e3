#!/usr/bin/env python3
"""What a guest discards becomes holes in the image on the host, and nothing else changes; a disk that cannot says so, and zeros are
written there."""
import sys
import tempfile
from pathlib import Path

import guest

MIB = 1 << 20
# The second and third MiB go, the fifth becomes zeros, the seventh a hole; then what there is no reason to do.
WORK = r"""
d=/usr/lib/kidney-tests/discard
busybox blkdiscard -o 1048576 -l 2097152 /dev/$1 && echo discarded
$d /dev/$1 zero 4194304 1048576 && echo zeroed
$d /dev/$1 hole 6291456 1048576 && echo a hole
$d /dev/$1 discard 1 512; $d /dev/$1 zero 0 1000000000; $d /dev/$1 hole 8388608 512; $d /dev/vda discard 0 512
for m in 4 6; do dd if=/dev/$1 bs=1M skip=$m count=1 2>/dev/null | tr -d '\0' | wc -c; done
awk -v d=$1 '$3 == d { print $15, $17 }' /proc/diskstats; sync
"""
REFUSED = ["Invalid argument", "Invalid argument", "Invalid argument", "Device or resource busy"]


def run(tree: Path, disk: Path, name: str, *device: str) -> list[str]:
    disk.write_bytes(b"\x5a" * (8 * MIB))
    result = guest.run_machine(tree, f"set -- {name}{WORK}", extra=[
        "-drive", f"file={disk},format=raw,if=none,id=subject,discard=unmap,detect-zeroes=off", "-device", *device])
    if result.status != 0:
        sys.exit(f"FAILED: status {result.status}\n{result.out}\n{result.err}\n{guest.tail(result.log)}")
    if b"discard of" in result.log:
        sys.exit(f"FAILED: a device that cannot discard is told of as one that fails\n{guest.tail(result.log)}")
    return result.out.decode().splitlines()


def expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        sys.exit(f"FAILED: {what}: {found}, not {wanted}")


def expect_bytes(disk: Path, kept: str) -> None:
    """Of each MiB: kept, zeros, or anything."""
    bytes_ = disk.read_bytes()
    for number, state in enumerate(kept):
        part = bytes_[number * MIB:(number + 1) * MIB]
        if state != "?":
            expect(f"MiB {number} is {state}", part == (b"\x5a" if state == "x" else b"\0") * MIB, True)


def main() -> None:
    tree = guest.tree_of_arguments(__doc__)
    with tempfile.TemporaryDirectory(prefix="kidney-discard-") as folder:
        disk = Path(folder, "disk")
        told = run(tree, disk, "vdb", "virtio-blk-pci,drive=subject")
        expect("virtio", told, ["discarded", "zeroed", "a hole", *REFUSED, "0", "0", "3 8192"])
        expect_bytes(disk, "x??x0x0x")
        expect("blocks of the file", disk.stat().st_blocks * 512 <= 5 * MIB, True)
        told = run(tree, disk, "vdb", "virtio-blk-pci,drive=subject,discard=off,write-zeroes=off")
        none = "Operation not supported"
        expect("virtio without", told, ["zeroed", none, *REFUSED, "0", str(MIB), "0 0"])
        expect_bytes(disk, "xxxx0xxx")
        told = run(tree, disk, "hda", "ide-hd,drive=subject,bus=ide.0,unit=0")
        expect("ATA", told, ["zeroed", none, *REFUSED, "0", str(MIB), "0 0"])
        expect_bytes(disk, "xxxx0xxx")
    print("what was discarded is gone, and nothing else")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The bytes of a CD are those of its image, and it is not written; an empty drive is ENXIO."""
import hashlib
import sys
from pathlib import Path

import guest

WORK = """
cd /tmp; mkdir m
for d in sr1 sr0; do [ -b /dev/$d ] && md5sum < /dev/$d; done 2>&1 | sed 's/.*: //'
blockdev --getsize64 /dev/sr1; blockdev --getss /dev/sr1; cat /sys/block/sr1/size
dd if=/dev/sr1 bs=1000 skip=333 count=7 2>/dev/null | md5sum
echo x 2>/dev/null > /dev/sr1 || echo "not written"
dd if=/dev/sr1 of=/dev/null bs=2048 skip=4096 2>/dev/null; echo $?
mount -t vfat -o ro /dev/sr0 m 2>/dev/null || echo "nothing to mount"
"""


def main() -> None:
    tree = guest.tree_of_arguments(__doc__)
    image = Path(tree, "kidney.iso").read_bytes()
    # The CD that the machine boots from is in the master of the second channel: the drive that is found last.
    extra = ["-drive", "if=none,id=empty,media=cdrom", "-device", "ide-cd,drive=empty,bus=ide.0,unit=1"]
    result = guest.run_machine(tree, WORK, smp=2, extra=extra)
    part = hashlib.md5(image[333000:340000]).hexdigest()
    wanted = [f"{hashlib.md5(image).hexdigest()}  -", "No such device or address", str(len(image)), "2048", str(len(image) // 512),
              f"{part}  -", "not written", "0", "nothing to mount"]
    told = result.out.decode().splitlines()
    if result.status != 0 or told != wanted:
        sys.exit(f"FAILED: status {result.status}\n{told}\nnot\n{wanted}\n{result.err.decode()}\n{guest.tail(result.log)}")
    print("a CD reads as its image")


if __name__ == "__main__":
    main()

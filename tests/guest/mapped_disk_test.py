#!/usr/bin/env python3
"""Files of disks, mapped and written by four threads on two CPUs: mappings, read() and write() agree, and all is there after another mount."""
import subprocess
import sys
import tempfile
from pathlib import Path

import guest
import qemu

TYPES = ("ext2", "kfs", "vfat")
WORK = """
cd /tmp; mkdir m
for n in 1 2 3; do
    set -- ext2 kfs vfat; shift $((n - 1))
    mount -t $1 /dev/vdb$n m || exit 1
    /usr/lib/kidney-tests/mapped make m || exit 2
    umount m && mount -t $1 /dev/vdb$n m || exit 3
    /usr/lib/kidney-tests/mapped look m || exit 4
    umount m || exit 5
done
"""


def main() -> None:
    tree = guest.tree_of_arguments(__doc__)
    with tempfile.TemporaryDirectory(prefix="kidney-mapped-") as folder:
        image = Path(folder, "disk.img")
        made = subprocess.run([str(guest.ROOT / "kidney"), "image", "make", str(image), "--table", "gpt", "--part", "ext2:8", "--part", "kfs:8",
                               "--part", "fat16:32"], capture_output=True, text=True)
        if made.returncode != 0:
            sys.exit(f"FAILED: no disk: {made.stderr}")
        result = guest.run_machine(tree, WORK, smp=2, extra=qemu.disk(1, str(image), snapshot=True))
        if result.status != 0 or result.out.split() != [b"ok"] * 2 * len(TYPES):
            sys.exit(f"FAILED: status {result.status}\n{result.out}\n{result.err}\n{guest.tail(result.log)}")
    print("mappings, read() and write() agree on " + ", ".join(TYPES))


if __name__ == "__main__":
    main()

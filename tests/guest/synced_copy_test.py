#!/usr/bin/env python3
"""O_SYNC costs a sendfile() or splice() one sync, not one for each page that it moves."""
import sys
import tempfile
from pathlib import Path

import guest

WORK = """
cd /tmp; mkdir m; mke2fs /dev/vdb > /dev/null; mount -t ext2 /dev/vdb m || exit 1
head -c 1048576 /bin/busybox > in; flushes() { awk '$3 == "vdb" { print $19 }' /proc/diskstats; }
for how in sendfile splice; do
    sync; n=$(flushes); /usr/lib/kidney-tests/copy_synced $how in m/$how || exit 2
    echo $(($(flushes) - n)); cmp in m/$how
done
n=$(flushes); dd if=/dev/zero of=m/one bs=4k count=1 conv=fsync 2>/dev/null; echo $(($(flushes) - n))
"""


def main() -> None:
    tree = guest.tree_of_arguments(__doc__)
    with tempfile.TemporaryDirectory(prefix="kidney-synced-") as folder:
        disk = Path(folder, "disk")
        with disk.open("wb") as empty:
            empty.truncate(16 << 20)
        result = guest.run(tree, WORK, "--disk", str(disk))
    found = [int(word) for word in result.out.split()]
    # 256 pages in one call, and in 16; the third one says what one sync costs.
    if result.status != 0 or len(found) != 3 or not 0 < found[0] <= 2 * found[2] or not 16 <= found[1] <= 2 * 16 * found[2]:
        sys.exit(f"FAILED: status {result.status}, {result.out}, {result.err}\n{guest.tail(result.log)}")
    print(f"flushes of a sendfile of 1 MiB, of 16 splices, of an fsync: {found}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""/sys tells of the disks of a guest what the host knows: sizes, numbers, partitions, and whose a PCI function is. What it
says of the machine's other functions, scripts/sys-pci.sh compares with Linux."""
import subprocess
import sys
import tempfile
from pathlib import Path

import guest

WORK = """
cd /sys/block; for d in vd* vdb/vdb*; do echo $d $(cat $d/dev $d/size $d/ro) $(grep DEVTYPE $d/uevent); done
cat vdb/vdb2/start vdb/vdb2/partition vdb/queue/logical_block_size
[ $(cat vda/stat | wc -w) = 17 ] && [ $(awk '{ print $1 }' vda/stat) -gt 0 ] && echo statistics
cd /sys/class/block; echo $(ls) | grep -o "vda.*"; cat vdb2/partition; readlink /sys/dev/block/254:18
for d in /sys/bus/pci/devices/*; do
    [ $(cat $d/vendor) = 0x1af4 ] && echo $(grep -h -e DRIVER -e PCI_ID $d/uevent) $(readlink $d/driver) $(cat $d/enable)
done
ls /sys/bus/pci/drivers/virtio_blk | wc -l
cd /sys/block/vdb/vdb2; printf 'd\\n2\\nw\\n' | fdisk /dev/vdb > /dev/null; ls ..; ls /sys/class/block /sys/dev/block | grep -v -e sr0 -e ^11:; ls | wc -l
blockdev --rereadpt /dev/vdb; for i in 1 2 3 4 5 6 7 8; do printf 'n\\np\\n2\\n\\n\\nw\\n' | fdisk /dev/vdb > /dev/null
    printf 'd\\n2\\nw\\n' | fdisk /dev/vdb > /dev/null; done; ls /sys/block/vdb
"""
FILES = ["dev", "queue", "ro", "size", "stat", "uevent", "vdb1"]
DRIVER = "DRIVER=virtio_blk PCI_ID=1AF4:1001 ../../../bus/pci/drivers/virtio_blk 1"
RNG = "DRIVER=virtio_rng PCI_ID=1AF4:1005 ../../../bus/pci/drivers/virtio_rng 1"


def expected(root: Path) -> list[str]:
    return [f"vda 254:0 {root.stat().st_size // 512} 0 DEVTYPE=disk", "vdb 254:16 16384 0 DEVTYPE=disk",
            "vdb/vdb1 254:17 4096 0 DEVTYPE=partition", "vdb/vdb2 254:18 8192 0 DEVTYPE=partition", "6144", "2", "512",
            "statistics", "vda vdb vdb1 vdb2", "2", "../../block/vdb/vdb2", RNG, DRIVER, DRIVER, "2", *FILES,
            "/sys/class/block:", "vda", "vdb", "vdb1", "", "/sys/dev/block:", "254:0", "254:16", "254:17", "7", *FILES]


def main() -> None:
    tree = guest.tree_of_arguments(__doc__)
    with tempfile.TemporaryDirectory(prefix="kidney-sys-") as folder:
        disk = Path(folder, "disk")
        with disk.open("wb") as empty:
            empty.truncate(8 << 20)
        subprocess.run(["/usr/sbin/sfdisk", "-q", disk], input="2048,4096\n6144,8192\n", text=True, check=True)
        result = guest.run(tree, WORK, "--smp", "2", "--disk", str(disk))
        told = result.out.decode().splitlines()
        if result.status != 0 or result.err or told != expected(Path(tree, "root.ext2")):
            sys.exit(f"FAILED: status {result.status}\n{told}\nnot\n{expected(Path(tree, 'root.ext2'))}\n"
                     f"{result.err}\n{guest.tail(result.log)}")
    print("/sys tells what there is")


if __name__ == "__main__":
    main()

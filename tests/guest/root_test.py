#!/usr/bin/env python3
"""Root file systems of each type: kfs, FAT and a partition boot like ext2 and keep what is written; tmpfs keeps nothing; what cannot be is told."""
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import guest

WORK = """
busybox grep " / " /proc/mounts; echo kept > /kept || exit 1; busybox mv /kept /bin/moved; busybox cat /bin/moved
busybox mount -t $1 /dev/$2 /mnt && busybox cat /mnt/bin/moved
echo over 2>/dev/null > /dev/$2 || echo "no way past it"
"""
AGAIN = "busybox cat /bin/moved; busybox grep ' / ' /proc/mounts; echo x > /no || echo read-only"


class Roots(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="kidney-root-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.program = guest.image_program(cls.folder.name)
        cls.small = Path(cls.folder.name, "small")  # without links: FAT has none
        for name in ("dev", "mnt", "proc", "sys", "tmp"):
            Path(cls.small, name).mkdir(parents=True)
        for name in ("bin/busybox", "bin/sh", "sbin/init"):
            Path(cls.small, name).parent.mkdir(exist_ok=True)
            shutil.copy(TREE / "rootfs" / name, cls.small / name)

    def image(self, *words):
        """`make` with these words, on a new file."""
        disk = Path(self.folder.name, f"{self.id()}.img")
        self.disk(["make", *words, "--", disk])
        return disk

    def disk(self, words):
        told = subprocess.run([self.program, *words], capture_output=True, text=True)
        self.assertEqual(told.returncode, 0, f"{told.stdout}{told.stderr}")
        return told.stdout

    def boots(self, disk, device, kind, flags=""):
        """It runs from it, writes to it, finds all that again, and a checker is content."""
        first = guest.run(TREE, f"set -- {kind} {device}{WORK}", "--disk", str(disk), "--append", f"root=/dev/{device} rw {flags}")
        self.assertEqual((first.status, first.out.decode().splitlines()),
                         (0, [f"/dev/root / {kind} rw,relatime 0 0", "kept", "kept", "no way past it"]),
                         f"{first.err}\n{guest.tail(first.log)}")
        again = guest.run(TREE, AGAIN, "--disk", str(disk), "--append", f"root={device} rootfstype={kind}")
        self.assertEqual(again.out.decode().splitlines(), ["kept", f"/dev/root / {kind} ro,relatime 0 0", "read-only"],
                         f"{again.err}\n{guest.tail(again.log)}")
        self.assertIn(f"{device} is the root file system, read-only {kind}".encode(), again.log)
        for log in (first.log, again.log):
            self.assertNotIn(b"should look at it", log)
        self.assertIn("sound", self.disk(["check", "--", disk]))

    def test_save_keeps_other_roots(self):
        for system, size in (("kfs", 16), ("fat32", 64)):
            disk = self.image(f"--size={size << 20}", f"--format={system}", f"--from={self.small}")
            for n in (1, 2):
                result = guest.run(TREE, "echo more >> /kept; busybox cat /kept", "--save", str(disk))
                self.assertEqual((result.status, result.out), (0, b"more\n" * n), f"{system} {result.err}\n{guest.tail(result.log)}")
            self.assertIn("sound", self.disk(["check", "--", disk]))
            disk.unlink()

    def test_kfs(self):
        self.boots(self.image(f"--size={16 << 20}", "--format=kfs", f"--from={self.small}"), "vdb", "kfs")

    def test_fat(self):
        self.boots(self.image(f"--size={64 << 20}", "--format=fat32", f"--from={self.small}"), "vdb", "vfat", "rootflags=umask=022")

    def test_ext2(self):
        self.boots(self.image(f"--size={16 << 20}", "--format=ext2", f"--from={self.small}"), "vdb", "ext2")

    def test_a_partition(self):
        disk = self.image(f"--size={32 << 20}", "--table=gpt", f"--part=ext2:{4 << 20}", f"--part=kfs:{16 << 20}")
        self.disk(["put", "--", f"{disk}:2", *sorted(str(path) for path in self.small.iterdir()), "/"])
        self.boots(disk, "vdb2", "kfs")

    def test_a_copy_in_memory(self):
        work = ("grep ' / ' /proc/mounts; echo new > /new && cat /new; ls -ld /bin/sh /tmp | cut -c1-10; readlink /bin/ls; busybox md5sum /bin/busybox; "
                "mount -t ext2 /dev/vda /mnt && ls /mnt/new; busybox md5sum /mnt/bin/busybox; stat -c %Y /bin/busybox /mnt/bin/busybox | uniq | wc -l")
        result = guest.run(TREE, work, "--append", "rootfstype=tmpfs rootflags=size=60% rw")
        lines = result.out.decode().splitlines()
        self.assertEqual(lines[:2], ["tmpfs / tmpfs rw,relatime 0 0", "new"], f"{result.err}\n{guest.tail(result.log)}")
        self.assertEqual(lines[5].split()[0], lines[6].split()[0])
        self.assertEqual(lines[7], "1", lines)
        self.assertIn(b"a copy of vda in memory is the root file system", result.log)
        self.assertIn(b"No such file", result.err)  # the disk did not change
        again = guest.run(TREE, "ls /new", "--append", "rootfstype=tmpfs")
        self.assertEqual(again.status, 1, again.out)

    def refused(self, disk, words, *reasons):
        result = guest.run(TREE, "true", "--disk", str(disk), "--append", words)
        self.assertEqual(result.status, 125, guest.tail(result.log))
        for reason in reasons:
            self.assertIn(reason.encode(), result.err)

    def test_what_cannot_be_the_root_is_told_with_what_was_tried(self):
        blank = Path(self.folder.name, "blank.img")
        with open(blank, "wb") as file:
            file.truncate(1 << 20)
        self.refused(blank, "root=/dev/vdb", "cannot mount vdb as root: its 32-bit number at byte 0, 0x00000000",
                     "16-bit number at byte 1080, 0x0000")
        self.refused(blank, "root=/dev/vdb rootfstype=kfs", "cannot mount vdb as root, as kfs (invalid_argument): it holds no kfs")
        self.refused(blank, "root=/dev/vdb rootfstype=vfat", "cannot mount vdb as root, as vfat (invalid_argument): bytes per sector is 0,")
        self.refused(blank, "root=/dev/vdb rootfstype=ext4", "rootfstype=ext4 is none of ext2, vfat, msdos, vsfs, kfs")
        self.refused(blank, "rootflags=sync", "cannot mount vda as root, as ext2 (invalid_argument): rootflags= has an option")
        self.refused(blank, "rootfstype=tmpfs rootflags=sync", "cannot make a tmpfs for the root: rootflags= has an option")
        self.refused(blank, "rootfstype=tmpfs rootflags=size=1m", "cannot copy vda into memory as root, from ", "no_space")
        self.refused(blank, "root=/dev/vdb1", "there is no disk /dev/vdb1 to mount as root")

    def test_a_disk_that_cannot_be_written_is_read(self):
        disk = self.image(f"--size={16 << 20}", "--format=kfs", f"--from={self.small}")
        extra = ["-drive", f"file={disk},format=raw,if=none,id=locked,readonly=on", "-device", "virtio-blk-pci,drive=locked"]
        result = guest.run_machine(TREE, AGAIN.replace("cat /bin/moved", "true"), append="root=/dev/vdb rw", extra=extra)
        self.assertEqual(result.out.decode().splitlines(), ["/dev/root / kfs ro,relatime 0 0", "read-only"], guest.tail(result.log))
        self.assertIn(b"vdb cannot be written", result.log)


if __name__ == "__main__":
    TREE = guest.tree_of_arguments(__doc__)
    unittest.main(verbosity=2)

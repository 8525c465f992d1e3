#!/usr/bin/env python3
"""./kidney mkfs and fsck: what they make is sound, what is damaged is named, what is not theirs stays."""
import argparse
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
TREE = None


def kidney(*arguments):
    result = subprocess.run([os.path.join(ROOT, "kidney"), *arguments, "--tree", TREE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return result.returncode, result.stdout, result.stderr


class FileSystems(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.image = os.path.join(folder.name, "disk.img")

    def test_what_is_made_is_sound(self):
        for file_system, *options in (("kfs",), ("vsfs", "--log-blocks", "33"), ("kfs", "--inodes", "64", "--log-blocks", "16")):
            self.assertEqual(kidney("mkfs", file_system, self.image, "--mebibytes", "4", *options), (0, "", ""))
            self.assertEqual(os.path.getsize(self.image), 4 << 20)
            status, out, err = kidney("fsck", self.image)
            self.assertEqual((status, err), (0, ""), out)
            self.assertRegex(out, rf"^{file_system}: sound, \d+ of \d+ blocks and \d+ of \d+ inodes are free\n$")

    def test_damage_is_named(self):
        kidney("mkfs", "kfs", self.image, "--mebibytes", "4", "--inodes", "64", "--log-blocks", "16")
        with open(self.image, "r+b") as file:
            file.seek(18 * 4096 + 4)  # the block bitmap
            file.write(b"\x0f")
        status, out, _ = kidney("fsck", self.image)
        self.assertEqual(status, 1)
        self.assertIn("a block is taken and belongs to nobody: inode 0, block 32 (only space is lost)\n", out)
        with open(self.image, "r+b") as file:
            file.seek(40)
            file.write(b"\xff")
        status, out, _ = kidney("fsck", self.image)
        self.assertEqual(status, 1)
        self.assertIn("superblock.checksum", out)

    def test_what_is_not_ours_stays(self):
        with open(self.image, "wb") as file:
            file.write(b"\0" * (1 << 20) + b"precious" + b"\0" * (1 << 20))
        status, _, err = kidney("mkfs", "kfs", self.image)
        self.assertEqual(status, 1)
        self.assertIn("holds something that is no file system of ours", err)
        self.assertEqual(kidney("fsck", self.image)[0], 1)
        with open(self.image, "rb") as file:
            self.assertIn(b"precious", file.read())
        os.truncate(self.image, 2 << 20)
        self.assertEqual(kidney("mkfs", "kfs", self.image, "--force")[0], 0)
        self.assertEqual(kidney("fsck", self.image)[0], 0)
        self.assertEqual(kidney("mkfs", "vsfs", self.image)[0], 0, "one of ours may be replaced")


def main():
    global TREE
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", required=True)
    options, rest = parser.parse_known_args()
    TREE = options.tree
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()

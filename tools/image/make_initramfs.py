#!/usr/bin/env python3
"""Makes an initramfs, from which Linux runs: one or more directory trees as a cpio archive ("newc").

    make_initramfs.py --output initramfs build/i686-debug/rootfs [overlay...]

As on the root disk, later trees are copied over earlier ones (overlay.py), what is the caller's is root's, and the time
stamps are fixed. The archive is not compressed: the emulated machine would take longer to unpack it than to read it.
"""
import argparse
import os
import stat
import sys

from make_root_disk import EPOCH
from overlay import overlay


def pad(file):
    file.write(b"\0" * (-file.tell() % 4))


def write_entry(file, name, mode=0, owner=(0, 0), links=1, inode=0, device=0, content=b""):
    name = os.fsencode(name) + b"\0"
    fields = (inode, mode, *owner, links, EPOCH, len(content), 0, 0, os.major(device), os.minor(device), len(name), 0)
    file.write(b"070701" + b"".join(b"%08x" % field for field in fields) + name)
    pad(file)
    file.write(content)
    pad(file)


def content_of(path, info):
    if stat.S_ISLNK(info.st_mode):
        return os.fsencode(os.readlink(path))
    if stat.S_ISREG(info.st_mode):
        with open(path, "rb") as file:
            return file.read()
    return b""


def write(file, trees):
    # Names of one file are told from their inode number, and the first of them brings the content.
    numbers = {}
    for name, entry in overlay(trees).items():
        info = entry.info
        key = (info.st_dev, info.st_ino)
        known = key in numbers
        inode = numbers.setdefault(key, len(numbers) + 1)
        write_entry(file, name, info.st_mode, entry.owner, info.st_nlink, inode, info.st_rdev,
                    b"" if known else content_of(entry.source, info))
    write_entry(file, "TRAILER!!!")


def main():
    parser = argparse.ArgumentParser(description="Make an initramfs from directory trees.")
    parser.add_argument("--output", required=True)
    parser.add_argument("trees", nargs="+")
    options = parser.parse_args()
    for tree in options.trees:
        if not os.path.isdir(tree):
            sys.exit(f"make_initramfs: {tree} is not a directory")
    with open(options.output, "wb") as file:
        write(file, options.trees)


if __name__ == "__main__":
    main()

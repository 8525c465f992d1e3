"""The disk that a run boots from: the image of the build tree, one made for this run, or one that --save keeps."""
import fcntl
import os
import struct
import subprocess
import sys

from project import ROOT, Failure, say

IDENTITY = b"kidneyOS\x80\x00rootfs"  # what tools/image/make_root_disk.py gives the file system
SUPERBLOCK, STATE, MAGIC, UUID = 1024, 58, 56, 104  # bytes of an ext2
HEADS = {"kfs": (0, b"KFS1"), "vfat": (3, b"KIDNEYOS")}  # what ./kidney image gives the other roots: where, what
CHECKERS = {"ext2": ("e2fsck", "-fp"), "vfat": ("fsck.fat", "-a")}  # kfs has a log


def make_disk(tree, folders, output):
    """The root disk with more trees copied over it."""
    program = os.path.join(ROOT, "tools", "image", "make_root_disk.py")
    result = subprocess.run([sys.executable, "-IS", program, "--output", output, os.path.join(tree, "rootfs"), *folders],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        raise Failure(result.stdout.strip())


def superblock(path):
    with open(path, "rb") as file:
        file.seek(SUPERBLOCK)
        return file.read(UUID + len(IDENTITY))


def is_kept(path):
    """There is something in the file already."""
    return os.path.lexists(path) and not (os.path.isfile(path) and os.path.getsize(path) == 0)


def kind(path):
    """What a root disk of ours holds; None: it is none."""
    if not os.path.isfile(path):
        return None
    found = superblock(path)
    if found[MAGIC:MAGIC + 2] == b"\x53\xef":
        return "ext2" if found[UUID:] == IDENTITY else None
    with open(path, "rb") as file:
        head = file.read(16)
    return next((name for name, (at, mark) in HEADS.items() if head[at:at + len(mark)] == mark), None)


def is_in_use(path):
    """QEMU marks what it does with a file by locks of its bytes from 100 on."""
    with open(path, "rb") as file:
        answer = fcntl.fcntl(file, fcntl.F_OFD_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 100, 200, 0))
    return struct.unpack("hhqqi4x", answer)[0] != fcntl.F_UNLCK


def mend(path):
    """After a machine that did not come to its end."""
    its_kind = kind(path)
    if its_kind not in CHECKERS or (its_kind == "ext2" and superblock(path)[STATE] & 1):
        return
    checker, how = CHECKERS[its_kind]
    result = subprocess.run([checker, how, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env=dict(os.environ, PATH=os.environ["PATH"] + ":/sbin:/usr/sbin"))
    if result.returncode > 1:
        raise Failure(f"--save {path}: it was not unmounted, and {checker} has to ask you how to mend it:\n{result.stdout.strip()}")
    if its_kind == "ext2" or result.returncode == 1:
        say(f"{path} was not unmounted; {checker} has mended it")


def root_disk(options, tree, folder):
    """Returns the path of the disk to boot from, and whether writes to it are to be forgotten."""
    if options.save and is_kept(options.save):
        if is_in_use(options.save):
            raise Failure(f"--save {options.save}: another machine runs from it")
        mend(options.save)
        return options.save, False
    path = os.path.join(tree, "root.ext2")
    if options.root:
        path = os.path.join(folder, "root.ext2")
        make_disk(tree, options.root, path)
    if not options.save:
        return path, True
    # cp keeps the holes of the image; half of one would be taken for a root disk.
    part = options.save + ".part"
    subprocess.run(["cp", "--sparse=always", path, part], check=True)
    os.replace(part, options.save)
    return options.save, False

#!/usr/bin/env python3
"""Makes the root disk: an ext2 file system filled from one or more directory trees.

    make_root_disk.py --output build/i686-debug/root.ext2 build/i686-debug/rootfs [overlay...]

Later trees are copied over earlier ones (overlay.py). What belongs to the caller belongs to root on the disk, other
owners stay. The same trees give the same image: the time stamps, the identity and the hash seed of the file system are
fixed. Beside the image, `<output>.key` holds a fingerprint of the trees; when it still fits, the image is left alone.
"""
import argparse
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile

# Python looks for nothing here when it runs in isolation (-I).
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from overlay import overlay, walk

BLOCK = 4096  # one block is one page of the page cache
EPOCH = 1767225600  # 2026-01-01: the time stamp of everything in the image
IDENTITY = "6b69646e-6579-4f53-8000-726f6f746673"
FORMAT_VERSION = "2"  # change it when this program would make another image from the same trees
# Spelled out, so that a mke2fs.conf of the host cannot change the format.
FEATURES = "none,filetype,sparse_super,large_file"


def fingerprint(trees, free_mib):
    digest = hashlib.sha256(f"{FORMAT_VERSION} {free_mib}".encode())
    for tree in trees:
        for path in walk(tree):
            full = os.path.join(tree, path)
            info = os.lstat(full)
            digest.update(os.fsencode(f"{path}\0{info.st_mode:o}\0{info.st_uid}\0{info.st_gid}\0{info.st_size}\0"
                                      f"{info.st_mtime_ns}\0"))
            if stat.S_ISLNK(info.st_mode):
                digest.update(os.fsencode(os.readlink(full)))
        digest.update(b"\1")
    return digest.hexdigest()


def copy_data(source, target):
    """Copies the bytes and leaves the holes. Returns how many bytes there are."""
    copied = 0
    with open(source, "rb") as reader, open(target, "xb") as writer:
        size = os.fstat(reader.fileno()).st_size
        writer.truncate(size)
        at = 0
        while at < size:
            try:
                at = os.lseek(reader.fileno(), at, os.SEEK_DATA)
            except OSError:  # only a hole is left
                break
            end = os.lseek(reader.fileno(), at, os.SEEK_HOLE)
            copied += end - at
            os.lseek(writer.fileno(), at, os.SEEK_SET)
            while at < end:
                at += os.sendfile(writer.fileno(), reader.fileno(), at, end - at) or sys.exit(f"{source} has shrunk")
    return copied


def stage(found, tree):
    """Makes a folder of what the disk shall hold, but for the owners. Returns how many blocks that needs."""
    blocks, names = 0, {}
    for path, entry in found.items():
        target, info = os.path.join(tree, path), entry.info
        key = (info.st_dev, info.st_ino)
        if entry.is_folder:
            os.mkdir(target)
        elif entry.is_link:
            os.symlink(os.readlink(entry.source), target)
        elif key in names:
            os.link(names[key], target)
        elif stat.S_ISREG(info.st_mode):
            data = (copy_data(entry.source, target) + BLOCK - 1) // BLOCK
            blocks += data + data // 512
        else:
            os.mknod(target, info.st_mode, info.st_rdev)  # devices: for root only
        blocks += 1  # a directory entry, a directory, an indirect block
        names.setdefault(key, target)
    # Last, because a folder may forbid to make something in it.
    for path, entry in reversed(found.items()):
        target = os.path.join(tree, path)
        if not entry.is_link:
            os.chmod(target, stat.S_IMODE(entry.info.st_mode))
        os.utime(target, (EPOCH, EPOCH), follow_symlinks=False)
    os.chmod(tree, 0o755)
    os.utime(tree, (EPOCH, EPOCH))
    return blocks


def give_to_owners(image, found):
    """mke2fs has copied the owners of the staged files, which are all the caller's."""
    commands = []
    for path, entry in found.items():
        name = "/" + path.replace('"', '""')
        commands += [f'sif "{name}" {field} {owner}' for field, owner, staged in
                     zip(("uid", "gid"), entry.owner, (os.getuid(), os.getgid())) if owner != staged]
    if commands:
        subprocess.run(["debugfs", "-w", "-f", "-", image], input="\n".join(commands), text=True, check=True,
                       errors="surrogateescape", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make(trees, output, free_mib):
    found = overlay(trees)
    folder = os.path.dirname(os.path.abspath(output))
    with tempfile.TemporaryDirectory(dir=folder, prefix="disk.") as work:
        tree = os.path.join(work, "tree")
        os.mkdir(tree)
        blocks = stage(found, tree)
        inodes = len(found) + 16 + 1024  # the last for what is created later
        blocks += inodes * 256 // BLOCK + 64 + free_mib * 1024 * 1024 // BLOCK
        image = os.path.join(work, "root.ext2")
        environment = dict(os.environ, E2FSPROGS_FAKE_TIME=str(EPOCH), MKE2FS_CONFIG="/dev/null")
        result = subprocess.run(
            ["mke2fs", "-q", "-F", "-t", "ext2", "-b", str(BLOCK), "-I", "256", "-N", str(inodes), "-m", "0",
             "-O", FEATURES, "-L", "kidney-root", "-U", IDENTITY,
             "-E", f"root_owner=0:0,hash_seed={IDENTITY}", "-d", tree, image, str(blocks)],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode != 0:
            sys.exit(f"make_root_disk: mke2fs failed:\n{result.stdout}")
        give_to_owners(image, found)
        # Replaced in one step: a machine that runs on the old image keeps it.
        shutil.move(image, output)


def main():
    parser = argparse.ArgumentParser(description="Make the ext2 root disk from directory trees.")
    parser.add_argument("--output", required=True)
    parser.add_argument("--free", type=int, default=16, metavar="MiB", help="space left free")
    parser.add_argument("trees", nargs="+")
    options = parser.parse_args()
    for tree in options.trees:
        if not os.path.isdir(tree):
            sys.exit(f"make_root_disk: {tree} is not a directory")
    key_file = options.output + ".key"
    key = fingerprint(options.trees, options.free)
    try:
        with open(key_file, encoding="ascii") as file:
            if file.read() == key and os.path.exists(options.output):
                return
    except FileNotFoundError:
        pass
    try:
        make(options.trees, options.output, options.free)
    except (OSError, ValueError) as error:
        sys.exit(f"make_root_disk: {error}")
    with open(key_file, "w", encoding="ascii") as file:
        file.write(key)


if __name__ == "__main__":
    main()

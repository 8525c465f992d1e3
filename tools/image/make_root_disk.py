#!/usr/bin/env python3
"""Makes the root disk: an ext2 file system filled from one or more directory trees.

    make_root_disk.py --output build/i686-debug/root.ext2 build/i686-debug/rootfs [overlay...]

Later trees are copied over earlier ones. Everything belongs to root. The same trees give the same image: the
time stamps, the identity and the hash seed of the file system are fixed. Beside the image, `<output>.key` holds
a fingerprint of the trees; when it still fits, the image is left alone.
"""
import argparse
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile

BLOCK = 4096  # one block is one page of the page cache
EPOCH = 1767225600  # 2026-01-01: the time stamp of everything in the image
IDENTITY = "6b69646e-6579-4f53-8000-726f6f746673"
FORMAT_VERSION = "1"  # change it when this program would make another image from the same trees
# Spelled out, so that a mke2fs.conf of the host cannot change the format.
FEATURES = "none,filetype,sparse_super,large_file"


def walk(tree):
    """Relative paths of everything in the tree, sorted."""
    for folder, folders, files in os.walk(tree):
        folders.sort()
        for name in sorted(folders + files):
            yield os.path.relpath(os.path.join(folder, name), tree)


def fingerprint(trees, free_mib):
    digest = hashlib.sha256(f"{FORMAT_VERSION} {free_mib}".encode())
    for tree in trees:
        for path in walk(tree):
            full = os.path.join(tree, path)
            info = os.lstat(full)
            digest.update(f"{path}\0{info.st_mode:o}\0{info.st_size}\0{info.st_mtime_ns}\0".encode())
            if stat.S_ISLNK(info.st_mode):
                digest.update(os.readlink(full).encode())
        digest.update(b"\1")
    return digest.hexdigest()


def merge(trees, target):
    for tree in trees:
        subprocess.run(["cp", "-a", "--no-preserve=ownership", os.path.join(tree, "."), target], check=True)
    for path in walk(target):
        os.utime(os.path.join(target, path), (EPOCH, EPOCH), follow_symlinks=False)
    os.chmod(target, 0o755)
    os.utime(target, (EPOCH, EPOCH))


def blocks_needed(tree, free_mib):
    blocks, inodes = 0, 16
    for path in walk(tree):
        info = os.lstat(os.path.join(tree, path))
        data = (info.st_size + BLOCK - 1) // BLOCK
        blocks += data + data // 512 + 1  # content, indirect blocks, directory entry
        inodes += 1
    inodes += 1024  # room for what is created later
    metadata = inodes * 256 // BLOCK + 64
    return blocks + metadata + free_mib * 1024 * 1024 // BLOCK, inodes


def give_to_root(image, tree):
    """mke2fs copies the owners of the host; in the image everything belongs to root."""
    commands = []
    for path in walk(tree):
        info = os.lstat(os.path.join(tree, path))
        name = "/" + path.replace('"', '""')
        commands += [f'sif "{name}" {field} 0' for field, owner in
                     (("uid", info.st_uid), ("gid", info.st_gid)) if owner != 0]
    if commands:
        subprocess.run(["debugfs", "-w", "-f", "-", image], input="\n".join(commands), text=True, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make(trees, output, free_mib):
    folder = os.path.dirname(os.path.abspath(output))
    with tempfile.TemporaryDirectory(dir=folder, prefix="disk.") as work:
        tree = os.path.join(work, "tree")
        os.mkdir(tree)
        merge(trees, tree)
        blocks, inodes = blocks_needed(tree, free_mib)
        image = os.path.join(work, "root.ext2")
        environment = dict(os.environ, E2FSPROGS_FAKE_TIME=str(EPOCH), MKE2FS_CONFIG="/dev/null")
        result = subprocess.run(
            ["mke2fs", "-q", "-F", "-t", "ext2", "-b", str(BLOCK), "-I", "256", "-N", str(inodes), "-m", "0",
             "-O", FEATURES, "-L", "kidney-root", "-U", IDENTITY,
             "-E", f"root_owner=0:0,hash_seed={IDENTITY}", "-d", tree, image, str(blocks)],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode != 0:
            sys.exit(f"make_root_disk: mke2fs failed:\n{result.stdout}")
        give_to_root(image, tree)
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
    make(options.trees, options.output, options.free)
    with open(key_file, "w", encoding="ascii") as file:
        file.write(key)


if __name__ == "__main__":
    main()

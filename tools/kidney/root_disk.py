"""The disk that a run boots from: the image of the build tree, or one made for this run."""
import os
import subprocess
import sys

from project import ROOT, Failure


def make_disk(tree, folders, output):
    """The root disk with more trees copied over it."""
    program = os.path.join(ROOT, "tools", "image", "make_root_disk.py")
    result = subprocess.run([sys.executable, "-IS", program, "--output", output, os.path.join(tree, "rootfs"), *folders],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        raise Failure(result.stdout.strip())


def root_disk(options, tree, folder):
    """Returns the path of the disk to boot from, and whether writes to it are to be forgotten."""
    path = os.path.join(tree, "root.ext2")
    if options.root:
        path = os.path.join(folder, "root.ext2")
        make_disk(tree, options.root, path)
    if not options.save:
        return path, True
    # cp keeps the holes of the image.
    subprocess.run(["cp", "--sparse=always", path, options.save], check=True)
    return options.save, False

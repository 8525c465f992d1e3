"""A folder of this machine in the guest: ./kidney run --share DIR, and virtio-9p of QEMU behind it."""
import argparse
import os
import subprocess
from typing import NamedTuple

import qemu
from project import Failure

TAG = "host"  # what the kernel mounts on /host


class Share(NamedTuple):
    path: str
    read_only: bool


def folder(text):
    """The value of --share: a folder, and whether the guest may only read it."""
    path, read_only = text, False
    if not os.path.isdir(path) and path.endswith(":ro"):
        path, read_only = path.removesuffix(":ro"), True
    if not os.path.isdir(path):
        raise argparse.ArgumentTypeError(f"{path}: not a directory" if os.path.exists(path) else f"{path}: no such directory")
    return Share(path, read_only)


def device(share):
    """For QEMU's command line. Files belong to whoever runs QEMU, unless that is root."""
    known = subprocess.run([qemu.PROGRAM, "-device", "help"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    if "virtio-9p-pci" not in known:
        raise Failure(f"--share: this {qemu.PROGRAM} was built without virtfs (the device virtio-9p-pci)")
    # remap: what is mounted below the folder must not have the numbers of other files in it.
    options = f"local,id=share,path={qemu.escape(share.path)},security_model=none,multidevs=remap"
    if share.read_only:
        options += ",readonly=on"
    return ["-fsdev", options, "-device", f"virtio-9p-pci,fsdev=share,mount_tag={TAG}"]

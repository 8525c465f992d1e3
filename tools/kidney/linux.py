"""./kidney run --linux: real Linux on the same machine with the same root file system, to compare with.

What Linux answers must not depend on the kernel, the CPU or the limits of the machine that we are on. So it is
Debian's kernel for i386 (the package linux-image-686) in the same QEMU, started from an initramfs that holds the
tree of the root disk. The serial ports are used as by our kernel (see qemu.py); COM4 gets the status of init.
"""
import os
import shutil
import subprocess
import sys

import qemu
from project import BUILD, ROOT, Failure

KERNEL = os.path.join(BUILD, "linux", "vmlinuz")
IMAGE_TOOLS = os.path.join(ROOT, "tools", "image")
INIT = os.path.join(IMAGE_TOOLS, "linux_init.sh")
PARTS = (KERNEL, INIT, os.path.abspath(__file__))  # all but the root file system that decides what Linux answers
START = "usr/lib/linux"  # in the initramfs: what Linux starts, and the command that it hands to our init
# The log keeps to warnings, a panic is the end, and nothing is done that takes long in an emulator and no program sees:
# detours around faults of processors, self-tests of ciphers, keys for modules, a search for ISA cards. Nor is the timer
# checked, which would fail where many machines run at once.
WORDS = (f"rdinit=/{START}/init console=ttyS0 quiet panic=-1 mitigations=off cryptomgr.notests noisapnp "
         "no_timer_check initcall_blacklist=load_system_certificate_list,crypto_kdf108_init")


def why_not(tree):
    """Why there can be no Linux here, or None."""
    if not os.path.exists(KERNEL):
        return "there is no i386 Linux in build/linux (./kidney setup fetches it: package linux-image-686:i386)"
    if not os.path.exists(os.path.join(tree, "rootfs", "bin", "busybox")):
        return "Linux needs busybox to start from the root file system (package busybox-static:i386)"
    return None


def make_initramfs(options, tree, folder):
    overlay = os.path.join(folder, "linux")
    start = os.path.join(overlay, START)
    os.makedirs(start)
    shutil.copy(INIT, os.path.join(start, "init"))
    os.chmod(os.path.join(start, "init"), 0o755)
    if options.command is not None:
        with open(os.path.join(start, "command"), "wb") as file:
            file.write(os.fsencode(options.command))
    path = os.path.join(folder, "initramfs")
    result = subprocess.run([sys.executable, "-ES", os.path.join(IMAGE_TOOLS, "make_initramfs.py"), "--output", path,
                             os.path.join(tree, "rootfs"), *options.root, overlay],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        raise Failure(result.stdout.strip())
    return path


def machine(options, tree, folder):
    """The QEMU command line without its serial ports."""
    reason = why_not(tree)
    if reason:
        raise Failure(reason)
    return qemu.computer(options.memory, options.smp, options.gui) + [
        "-kernel", KERNEL, "-initrd", make_initramfs(options, tree, folder),
        "-append", " ".join([WORDS, *options.append])]


def status_port(folder):
    """The last serial port, COM4."""
    return qemu.serial_file("status", os.path.join(folder, "status"))


def ending(folder):
    """As outcome.guest_status()."""
    with open(os.path.join(folder, "status"), "rb") as file:
        text = file.read().strip()
    return ("exit", int(text)) if text.isdigit() else ("silent", None)

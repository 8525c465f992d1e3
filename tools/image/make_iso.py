#!/usr/bin/env python3
"""Makes the boot image: a GRUB 2 ISO with the kernel as a Multiboot2 program.

    make_iso.py --kernel build/i686-debug/kernel/kernel.elf --output build/i686-debug/kidney.iso

GRUB reads the image through the BIOS, which is slow, so only what is needed goes in: the kernel without its
debugging information (GDB reads that from the ELF file in the build tree) and five GRUB modules. There is no
menu and no wait: arguments reach the kernel through fw_cfg (see docs/running.md), so that one image serves
every run. On a real machine, edit grub.cfg below to add some.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

GRUB = "/usr/lib/grub/i386-pc"
# Where `./kidney setup` unpacks it on a machine for which Debian has no such package.
BUILD = os.environ.get("KIDNEY_BUILD") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build")
MODULES = "multiboot2 normal iso9660 biosdisk part_msdos"
CONFIG = """\
# {note}
multiboot2 /boot/kidney.elf {arguments}
boot
"""


def run(command, folder=None):
    result = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        sys.exit(f"make_iso: {command[0]} failed:\n{result.stdout}")


def platform(folder):
    """GRUB's folder, but for one file: the partition schemes it tries at boot. It would look for a module of each
    that it knows and complain, on the screen, of every one that is not in the image."""
    os.mkdir(folder)
    grub = GRUB if os.path.isdir(GRUB) else os.path.realpath(os.path.join(BUILD, "grub" + GRUB))
    for name in os.listdir(grub):
        if name != "partmap.lst":
            os.symlink(os.path.join(grub, name), os.path.join(folder, name))
    with open(os.path.join(folder, "partmap.lst"), "w", encoding="ascii") as schemes:
        schemes.writelines(f"{module}\n" for module in MODULES.split() if module.startswith("part_"))


def main():
    parser = argparse.ArgumentParser(description="Make a bootable ISO from the kernel.")
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--objcopy", default="llvm-objcopy-19")
    parser.add_argument("--arguments", default="", help="kernel command line of the image")
    options = parser.parse_args()

    run(["grub-file", "--is-x86-multiboot2", options.kernel])
    folder = os.path.dirname(os.path.abspath(options.output))
    with tempfile.TemporaryDirectory(dir=folder, prefix="iso.") as work:
        grub = os.path.join(work, "tree", "boot", "grub")
        os.makedirs(grub)
        run([options.objcopy, "--strip-all", options.kernel, os.path.join(work, "tree/boot/kidney.elf")])
        with open(os.path.join(grub, "grub.cfg"), "w", encoding="ascii") as config:
            config.write(CONFIG.format(note="KidneyOS", arguments=options.arguments))
        platform(os.path.join(work, "i386-pc"))
        image = os.path.join(work, "kidney.iso")
        # Relative names: xorriso reads an equals sign in a path as an instruction.
        run(["grub-mkrescue", "--directory=i386-pc", "--output=kidney.iso",
             f"--install-modules={MODULES}", "--locales=", "--themes=", "--fonts=",
             "tree", "--", "-volid", "KIDNEYOS"], folder=work)
        # Replaced in one step: a machine that runs from the old image keeps it.
        shutil.move(image, options.output)


if __name__ == "__main__":
    main()

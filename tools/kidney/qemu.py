"""The QEMU command line for one run: which file plays which part of the machine.

  COM1   kernel log and interactive console
  COM2   standard output of an --exec command      (/dev/ttyS1 in the guest)
  COM3   its standard error                        (/dev/ttyS2)
  COM4   with --linux only: the status of init
  fw_cfg opt/kidney/append, opt/kidney/exec: words for the kernel, so the ISO need not be made again
  0xf4   isa-debug-exit: how the kernel leaves after a panic or a self-test

    python3 tools/kidney/qemu.py TREE     the command that boots a build tree, for a QEMU elsewhere
"""
import os
import shlex
import shutil
import subprocess
import sys

# Exit codes of QEMU after a write of V to isa-debug-exit are 2 V + 1.
EXIT_PANIC = 2 * 0x2A + 1
EXIT_POWERED_OFF = 2 * 0x12 + 1  # there is no ACPI to do it
EXIT_SELFTEST_PASSED = 2 * 0x10 + 1
EXIT_SELFTEST_FAILED = 2 * 0x11 + 1

PROGRAM = "qemu-system-i386"


def escape(path):
    """QEMU separates options by commas; a comma in a value is written twice."""
    return os.path.abspath(path).replace(",", ",,")


def with_parent(command):
    """The machine must not outlive us, whatever ends us."""
    return ["setpriv", "--pdeathsig", "KILL", *command] if shutil.which("setpriv") else command


def window():
    """Which kind of window this QEMU can open, or None."""
    known = subprocess.run([PROGRAM, "-display", "help"], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True).stdout.split()
    return next((kind for kind in ("gtk", "sdl") if kind in known), None)


EXIT_DEVICE = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
RANDOM_DEVICE = ["-device", "virtio-rng-pci"]


def display(gui):
    return ["-display", (window() or "vnc=localhost:0") if gui else "none"]


def computer(memory, smp, gui=False, may_restart=False):
    """Without `may_restart`, a guest that restarts the machine ends QEMU."""
    return [PROGRAM, "-nodefaults", "-vga", "std", *([] if may_restart else ["-no-reboot"]), "-no-user-config",
            "-cpu", "qemu32,+nx",  # for images with KIDNEY_PAGE_TABLE=pae
            "-accel", "tcg,thread=multi", "-m", str(memory), "-smp", str(smp), *display(gui)]


def machine(iso, memory, smp, gui=False, may_restart=False):
    """The computer with our boot image in it."""
    return [*computer(memory, smp, gui, may_restart), "-boot", "d", "-cdrom", iso, *EXIT_DEVICE, *RANDOM_DEVICE]


def disk(number, path, snapshot):
    """A virtio disk. With `snapshot`, what the guest writes is forgotten at power-off."""
    options = f"file={escape(path)},format=raw,if=none,discard=unmap,id=disk{number}"
    if snapshot:
        options += ",snapshot=on"
    return ["-drive", options, "-device", f"virtio-blk-pci,drive=disk{number}"]


def serial_file(name, path):
    return ["-chardev", f"file,id={name},path={escape(path)}", "-serial", f"chardev:{name}"]


def serial_terminal(log):
    """Ctrl-C goes to the guest. Ctrl-A X quits, Ctrl-A C is QEMU's monitor."""
    return ["-chardev", f"stdio,id=console,mux=on,signal=off,logfile={escape(log)}",
            "-serial", "chardev:console", "-mon", "chardev=console,mode=readline"]


def serial_none():
    return ["-serial", "null"]


def word(folder, name, text):
    """A fw_cfg file. Through a file on the host, because the command line cannot carry every character."""
    if not text:
        return []
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(os.fsencode(text))
    return ["-fw_cfg", f"name=opt/kidney/{name},file={escape(path)}"]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    iso, root = (os.path.abspath(os.path.join(sys.argv[1], name)) for name in ("kidney.iso", "root.ext2"))
    print(shlex.join([*machine(iso, 256, 1, may_restart=True), *disk(0, root, snapshot=True), "-serial", "mon:stdio"]))


if __name__ == "__main__":
    main()

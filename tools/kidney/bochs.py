"""Boots the same images in Bochs: another firmware, another interrupt controller, an ATA disk, and a CPU model
that keeps to the manuals where QEMU is lenient. Slow: a boot takes tens of seconds.

Bochs has no fw_cfg; words for the kernel go into a copy of the boot image. Its COM1 is a pseudo-terminal here,
which is joined to our terminal. Without a display the screen is kept by its VNC server. Debian's Bochs is always in its
debugger: it is told to go on, unless --bochs-debugger wants it; then the terminal is the debugger's.
"""
import errno
import glob
import os
import pty
import re
import selectors
import shutil
import signal
import subprocess
import sys
import termios
import time
import tty

import root_disk
from outcome import STATUS_TIMEOUT, conclude, guest_status
from project import ROOT, Failure, say

CONFIG = """\
config_interface: textconfig
display_library: {display}
memory: guest={memory}, host={memory}
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file={vga_bios}
cpu: model=core2_penryn_t9600, count={smp}, ips=100000000, reset_on_triple_fault=0
clock: sync=none
plugin_ctrl: speaker=0, gameport=0, extfpuirq=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=disk, mode=flat, path={disk}
ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15
ata1-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
com1: enabled=1, mode=term, dev={console}
magic_break: enabled={magic_break}
log: {log}
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
"""

CYLINDER = 16 * 63 * 512  # Bochs wants whole cylinders
LAST_WORDS = re.compile(rb"(init exited with status \d+|selftest: \d+ passed, \d+ failed)\r?\n")


def vga_bios():
    for path in ("/usr/share/bochs/VGABIOS-lgpl-latest", "/usr/share/vgabios/vgabios.bin"):
        if os.path.exists(path):
            return path
    raise Failure("no VGA BIOS for Bochs: install the package vgabios")


def display(gui):
    if gui:
        for kind in ("x", "sdl2", "sdl", "wx"):
            if glob.glob(f"/usr/lib/*-linux-gnu/bochs/plugins/libbx_{kind}_gui.so"):
                return kind
        say("Bochs has no window plugin here (packages bochs-x, bochs-sdl); going on without a window")
    return 'rfb, options="timeout=0"'


def boot_image(options, tree, folder):
    """The ISO of the tree, or one with the words of --append in it. Its path goes into Bochs' configuration, which a
    comma or a `$` in there would break: so it is in our folder."""
    iso = os.path.join(folder, "kidney.iso")
    if not options.append:
        os.symlink(os.path.join(os.path.abspath(tree), "kidney.iso"), iso)
        return iso
    subprocess.run([sys.executable, "-IS", os.path.join(ROOT, "tools", "image", "make_iso.py"),
                    "--kernel", os.path.join(tree, "kernel", "kernel.elf"), "--output", iso,
                    "--arguments", " ".join(options.append)], check=True)
    return iso


def whole_cylinders(options, tree, folder):
    source, _ = root_disk.root_disk(options, tree, folder)
    path = os.path.join(folder, "disk.img")
    subprocess.run(["cp", "--sparse=always", source, path], check=True)
    size = os.path.getsize(path)
    os.truncate(path, (size + CYLINDER - 1) // CYLINDER * CYLINDER)
    return path


def join_terminal(process, console, log, timeout):
    """Carries bytes between the guest's COM1 and our terminal. Ctrl-A X ends. False if the time ran out."""
    deadline = None if timeout is None else time.monotonic() + timeout
    recent = b""
    escape = False
    with selectors.DefaultSelector() as selector:
        selector.register(console, selectors.EVENT_READ)
        with_input = True
        try:
            selector.register(sys.stdin, selectors.EVENT_READ)
        except PermissionError:  # a regular file: always ready, so read when the guest is
            with_input = False
        while process.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                return False
            for key, _ in selector.select(0.2):
                if key.fd == console:
                    try:
                        data = os.read(console, 4096)
                    except OSError as error:
                        if error.errno == errno.EIO:
                            return True
                        raise
                    os.write(sys.stdout.fileno(), data)
                    log.write(data)
                    log.flush()
                    recent = (recent + data)[-200:]
                    if LAST_WORDS.search(recent):
                        return True
                elif with_input:
                    data = os.read(sys.stdin.fileno(), 1024)
                    if not data:
                        selector.unregister(sys.stdin)
                        continue
                    if escape and data[:1] in b"xX":
                        return True
                    escape = data.endswith(b"\x01")
                    os.write(console, data)
    return True


def write_symbols(tree, path):
    """The kernel's functions, for the debugger: a line each, "address name"."""
    names = subprocess.run(["llvm-nm-19", "--defined-only", os.path.join(tree, "kernel", "kernel.elf")],
                           stdout=subprocess.PIPE, text=True, check=True).stdout
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"{address} {name}\n" for address, kind, name in map(str.split, names.splitlines()) if kind in "tT")


def write_console(process, console, log):
    """Writes what the guest says to its log until Bochs ends."""
    with selectors.DefaultSelector() as selector:
        selector.register(console, selectors.EVENT_READ)
        while process.poll() is None:
            for _ in selector.select(0.2):
                log.write(os.read(console, 4096))
                log.flush()


def debug(options, tree, folder, command, environment, console, log_path):
    """Bochs' debugger in our terminal; the console only speaks, into its log."""
    write_symbols(tree, os.path.join(folder, "symbols"))
    say(f"the console is in {os.path.relpath(log_path)}; `c` goes on, Ctrl-C stops, `help` lists commands, `quit` leaves")
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the debugger's
    process = subprocess.Popen(command, env=environment)
    try:
        with open(log_path, "wb") as log:
            write_console(process, console, log)
    finally:
        process.kill()
        process.wait()
    return 0


def run(options, tree, folder):
    master, slave = pty.openpty()
    tty.setraw(slave)
    config = os.path.join(folder, "bochsrc")
    log_path = os.path.abspath(options.log or os.path.join(tree, "kernel.log"))
    bochs_log = os.path.join(folder, "bochs.log")
    with open(config, "w", encoding="utf-8") as file:
        file.write(CONFIG.format(
            display=display(options.gui), memory=options.memory, smp=options.smp, vga_bios=vga_bios(),
            disk=whole_cylinders(options, tree, folder), iso=boot_image(options, tree, folder),
            console=os.ttyname(slave), log=bochs_log, magic_break=int(options.bochs_debugger)))
    commands = os.path.join(folder, "debugger")
    with open(commands, "w", encoding="ascii") as file:
        file.write(f'ldsym global "{folder}/symbols"\n' if options.bochs_debugger else "c\n")
    environment = {key: value for key, value in os.environ.items() if key != "DISPLAY" or options.gui}
    if options.bochs_debugger:
        return debug(options, tree, folder, ["bochs", "-q", "-f", config, "-rc", commands], environment, master, log_path)
    say("booting in Bochs (this takes a while; Ctrl-A X ends it)")
    saved = termios.tcgetattr(sys.stdin) if sys.stdin.isatty() else None
    with open(os.path.join(folder, "bochs.out"), "wb") as output:
        process = subprocess.Popen(["bochs", "-q", "-f", config, "-rc", commands], env=environment,
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        if saved:
            tty.setraw(sys.stdin)
        with open(log_path, "wb") as log:
            in_time = join_terminal(process, master, log, options.timeout)
    finally:
        if saved:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)
        process.kill()
        process.wait()
    if not in_time:
        say(f"timeout: Bochs was stopped after {options.timeout:g} s; the kernel log is {log_path}")
        return STATUS_TIMEOUT
    if os.path.getsize(log_path) == 0:
        # Without a valid configuration it has no log yet.
        shutil.copy(bochs_log if os.path.exists(bochs_log) else output.name, os.path.join(tree, "bochs.log"))
        raise Failure(f"Bochs ended without a word from the kernel; see {os.path.join(tree, 'bochs.log')}")
    return conclude(0, guest_status(log_path), os.path.relpath(log_path))

"""./kidney run --gdb: QEMU waits at its first instruction, GDB takes it to the kernel's entry."""
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time

import qemu
from project import ROOT, Failure, say

# By itself GDB waits two seconds for an answer, and takes a late one for the next.
COMMANDS = """\
set confirm off
set pagination off
set architecture i386
source {script}
set remotetimeout 60
target remote {socket}
hbreak *{entry:#x}
continue
delete
{more}"""


def entry_point(elf):
    with open(elf, "rb") as file:
        header = file.read(28)
    return struct.unpack_from("<I", header, 24)[0]


def run(command, tree, log, more=""):
    """`more`: further commands for GDB, once it is at the entry."""
    elf = os.path.join(tree, "kernel", "kernel.elf")
    with tempfile.TemporaryDirectory(prefix="kidney-gdb-") as folder:
        socket = os.path.join(folder, "socket")
        script = os.path.join(folder, "commands")
        with open(script, "w", encoding="utf-8") as file:
            file.write(COMMANDS.format(script=os.path.join(ROOT, "tools", "gdb", "kidney.py"), socket=socket,
                                       entry=entry_point(elf), more=more))
        command = command + ["-S", "-chardev", f"socket,id=gdb,path={socket},server=on,wait=off",
                             "-gdb", "chardev:gdb"]
        # Ctrl-C is GDB's: it stops the guest. The machine is out of its reach in a session of its own, and we
        # look away (a handler, because GDB would inherit that we ignore it).
        machine = subprocess.Popen(qemu.with_parent(command), stdin=subprocess.DEVNULL, start_new_session=True)
        signal.signal(signal.SIGINT, lambda *_: None)
        try:
            for _ in range(200):
                if os.path.exists(socket):
                    break
                if machine.poll() is not None:
                    raise Failure(f"QEMU did not start (exit {machine.returncode})")
                time.sleep(0.05)
            say(f"the console is in {os.path.relpath(log)}; `kidney` in GDB lists our commands")
            # On a machine of another kind, Debian's `gdb` does not know ours.
            gdb = shutil.which("gdb-multiarch") or "gdb"
            subprocess.run([gdb, "-q", "-nx", "-x", script, elf], check=False)
        finally:
            machine.kill()
            machine.wait()
    return 0

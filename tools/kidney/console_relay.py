"""This terminal as a serial port of QEMU's, with us in between: for `./kidney run --record`.

In other runs QEMU has the terminal itself, and the monitor with it. What is typed to such a pair is no event of a recording
(QEMU 7.2), so here the port is alone at the other end of a socket.
"""
import contextlib
import os
import selectors
import socket
import subprocess
import sys
import termios
import time
import tty

import qemu

ESCAPE = b"\x01"  # Ctrl-A, as QEMU has it
# Between two keys. A recording QEMU takes them faster than the port can hold them, and the rest is lost.
PAUSE = 0.01


class Keys:
    """Finds what is meant for us in what is typed: Ctrl-A X ends the machine, Ctrl-A Ctrl-A is a Ctrl-A."""

    def __init__(self):
        self._escaped = False

    def of(self, typed):
        """Returns (what goes to the guest, whether the machine shall end)."""
        passed = b""
        for key in (typed[at:at + 1] for at in range(len(typed))):
            if self._escaped and key in b"xX":
                return passed, True
            if key == ESCAPE and not self._escaped:
                self._escaped = True
                continue
            self._escaped = False
            passed += key
        return passed, False


@contextlib.contextmanager
def raw(terminal):
    if not os.isatty(terminal):
        yield
        return
    saved = termios.tcgetattr(terminal)
    tty.setraw(terminal)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, saved)


def copy(process, port, timeout):
    """Until the machine is off or told to end. False: the time ran out."""
    deadline = None if timeout is None else time.monotonic() + timeout
    keys, terminal, waiting, next_key = Keys(), sys.stdin.fileno(), b"", 0
    with selectors.DefaultSelector() as selector, contextlib.suppress(ConnectionError):
        selector.register(port, selectors.EVENT_READ)
        with contextlib.suppress(PermissionError):  # a file cannot be waited for, and has nothing to type
            selector.register(terminal, selectors.EVENT_READ)
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            if waiting and time.monotonic() >= next_key:
                port.sendall(waiting[:1])
                waiting, next_key = waiting[1:], time.monotonic() + PAUSE
            for key, _ in selector.select(PAUSE if waiting else left):
                data = os.read(key.fd, 1 << 12)
                if key.fd != terminal:
                    if not data:
                        return True
                    while data:
                        data = data[os.write(sys.stdout.fileno(), data):]
                elif not data:
                    selector.unregister(terminal)
                else:
                    passed, end = keys.of(data)
                    waiting += passed
                    if end:
                        process.terminate()
    return True


def run(command, log, timeout):
    """Returns QEMU's exit code, or None: the time ran out. QEMU ends in its own way, so that its events are complete."""
    ours, theirs = socket.socketpair()
    command = command + ["-chardev", f"socket,id=console,fd={theirs.fileno()},logfile={qemu.escape(log)}",
                         "-serial", "chardev:console"]
    process = subprocess.Popen(qemu.with_parent(command), stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
                               start_new_session=True)
    theirs.close()
    try:
        with ours, raw(sys.stdin.fileno()):
            in_time = copy(process, ours, timeout)
    finally:
        if process.poll() is None:
            process.terminate()
        code = process.wait()
    return code if in_time else None

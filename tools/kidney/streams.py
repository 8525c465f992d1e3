"""Carries what the guest writes to COM2 and COM3 to our standard output and error.

QEMU could open /dev/stdout itself, but that would truncate a file and fail on a socket. So it writes into
pipes, and we copy: byte for byte, as it comes.
"""
import contextlib
import fcntl
import os
import selectors
import time

import qemu

F_SETPIPE_SZ = 1031


class Streams:
    def __init__(self):
        self._pairs = []  # (read end, write end, target)
        self._wanted, self._stop = os.pipe()

    def give_up(self):
        """As if the time of copy() had run out. For a signal handler."""
        os.write(self._stop, b"x")

    def serial(self, name, target, log=None):
        """Arguments that make the next serial port of QEMU end in `target`, a file descriptor or what has a write(), and in the
        file `log`."""
        reader, writer = os.pipe()
        with contextlib.suppress(OSError):  # a larger pipe is only faster, and a user may have too many of them
            fcntl.fcntl(writer, F_SETPIPE_SZ, 1 << 20)
        self._pairs.append((reader, writer, target))
        logged = f",logfile={qemu.escape(log)}" if log else ""
        return ["-chardev", f"file,id={name},path=/dev/fd/{writer}{logged}", "-serial", f"chardev:{name}"]

    def inherited(self):
        return [writer for _, writer, _ in self._pairs]

    def copy(self, process, timeout):
        """Copies until the machine has closed its ends. False if it took longer than `timeout` seconds, or after
        give_up()."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            for reader, writer, target in self._pairs:
                os.close(writer)
                selector.register(reader, selectors.EVENT_READ, target)
            selector.register(self._wanted, selectors.EVENT_READ)
            while len(selector.get_map()) > 1:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                for key, _ in selector.select(left):
                    if key.fd == self._wanted:
                        return False
                    data = os.read(key.fd, 1 << 16)
                    if not data:
                        selector.unregister(key.fd)
                        os.close(key.fd)
                        if hasattr(key.data, "close"):
                            key.data.close()
                    else:
                        self._write(key.data, data)
        return True

    @staticmethod
    def _write(target, data):
        if hasattr(target, "write"):
            target.write(data)
            return
        while data:
            data = data[os.write(target, data):]

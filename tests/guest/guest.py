"""Machines for tests: how a test starts our kernel and talks to it.

    run(tree, command, ...)       through the front door: ./kidney run --exec
    run_machine(tree, command, ...)   QEMU directly, for hardware that the front door does not offer
    Console(tree)                 an interactive ./kidney run on a terminal of its own

    Screen(tree)                  a machine whose keys are pressed and whose VGA screen is read, through QMP

Deadlines are generous: a slow machine is not a failure. Nothing here waits for a fixed time; it waits for what
must come, and gives up only when the machine is dead or the deadline is over.
"""
import argparse
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 600  # seconds
LAST_WORDS = 60
SKIPPED = 77    # CTest's SKIP_RETURN_CODE

sys.path.insert(0, str(ROOT / "tools" / "kidney"))
import linux  # noqa: E402
import qemu  # noqa: E402
import qmp  # noqa: E402

os.umask(0o022)  # the trees that tests add to the root file system are for all users there
EXIT_LINE = re.compile(rb"init exited with status (\d+)")


class Result(NamedTuple):
    status: int | None  # None: the deadline came first
    out: bytes
    err: bytes
    log: bytes


def require_qemu():
    """Ends the test as skipped where there is no QEMU."""
    if not shutil.which(qemu.PROGRAM):
        print(f"skipped: {qemu.PROGRAM} is not installed (package qemu-system-x86)")
        sys.exit(SKIPPED)


def tree_of_arguments(description):
    """For a program of unittest cases: the build tree that --tree names. The other arguments stay for unittest."""
    parser = argparse.ArgumentParser(description=description, epilog="other arguments are those of unittest")
    parser.add_argument("--tree", type=Path, required=True)
    options, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    require_qemu()
    return options.tree.absolute()


def require_linux(tree):
    """Ends the test as skipped where there is no Linux to compare with."""
    require_qemu()
    reason = linux.why_not(tree)
    if reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)


def watch(arguments, deadline=DEADLINE, **options) -> Result:
    """Runs a program to its end, or until it has printed nothing for `deadline` seconds. The front door then writes
    down what its machine was doing."""
    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               start_new_session=True, **options)
    texts = {process.stdout: b"", process.stderr: b""}
    streams = list(texts)
    is_silent = False
    while streams:
        ready, _, _ = select.select(streams, [], [], LAST_WORDS if is_silent else deadline)
        if not ready and is_silent:
            os.killpg(process.pid, signal.SIGKILL)
            break
        if not ready:
            is_silent = True
            process.send_signal(signal.SIGQUIT)
        for stream in ready:
            data = os.read(stream.fileno(), 65536)
            texts[stream] += data
            if not data:
                streams.remove(stream)
    status = process.wait()
    for stream in texts:
        stream.close()
    return Result(None if is_silent else status, *texts.values(), b"")


def run(tree, command, *options, deadline=DEADLINE) -> Result:
    """./kidney run --exec COMMAND on the images of a build tree; the deadline is for a machine that says nothing."""
    with tempfile.TemporaryDirectory(prefix="kidney-test-") as folder:
        log = Path(folder, "kernel.log")
        arguments = [str(ROOT / "kidney"), "run", "--tree", str(tree), "--log", str(log), *options]
        if command is not None:
            arguments += ["--exec", command]
        result = watch(arguments, deadline)
        return result._replace(log=log.read_bytes() if log.exists() else b"")


def image_program(folder) -> Path:
    """What is behind ./kidney image, a program of this host, beside a tree whose compiler makes others."""
    program = Path(folder, "disk")
    subprocess.run(["clang++-19", "-O1", "-std=c++20", "-Wno-gnu-statement-expression", f"-I{ROOT}", f"-I{ROOT}/include",
                    *ROOT.glob("tools/disk/*.cpp"), ROOT / "tests/support/host_world.cpp", "-o", program], check=True)
    return program


def run_machine(tree, command, memory=256, smp=1, append="", extra=(), accelerator=None, deadline=DEADLINE) -> Result:
    """QEMU with further arguments. The status is that of init, as the kernel log tells it."""
    with tempfile.TemporaryDirectory(prefix="kidney-test-") as folder:
        log, out, err = (Path(folder, name) for name in ("log", "out", "err"))
        arguments = qemu.machine(str(Path(tree, "kidney.iso")), memory, smp)
        if accelerator:
            arguments[arguments.index("-accel") + 1] = accelerator
        arguments += qemu.disk(0, str(Path(tree, "root.ext2")), snapshot=True)
        arguments += qemu.word(folder, "append", append) + qemu.word(folder, "exec", command)
        for name, path in (("console", log), ("output", out), ("error", err)):
            arguments += qemu.serial_file(name, str(path))
        process = subprocess.Popen([*arguments, *extra], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        end = time.monotonic() + deadline
        try:
            while process.poll() is None and time.monotonic() < end:
                time.sleep(0.05)
                # A machine that cannot switch itself off has still done its work.
                if log.exists() and EXIT_LINE.search(log.read_bytes()):
                    try:
                        process.wait(5)
                    except subprocess.TimeoutExpired:
                        break
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        texts = [path.read_bytes() if path.exists() else b"" for path in (out, err, log)]
        found = EXIT_LINE.findall(texts[2])
        return Result(int(found[-1]) if found else None, *texts)


def tail(text: bytes, lines: int = 25) -> str:
    """The end of a log, for the message of a failed test."""
    return "\n".join("    " + line for line in text.decode("utf-8", "replace").splitlines()[-lines:])


class Console:
    """An interactive run: a terminal on which text is sent and expected."""

    def __init__(self, tree, *options, command=None, size=None):
        """`size`: (columns, rows) of the terminal; without it, it does not say."""
        self._folder = tempfile.TemporaryDirectory(prefix="kidney-test-")
        log = os.path.join(self._folder.name, "kernel.log")
        arguments = command or [str(ROOT / "kidney"), "run", "--tree", str(tree), "--log", log, *options]
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.environ["TERM"] = "dumb"
            if size:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", size[1], size[0], 0, 0))
            os.execv(arguments[0], arguments)
        self._fresh = b""     # arrived and not yet matched
        self.transcript = b""
        self.status = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            # The group, so that QEMU goes too.
            for victim in (os.killpg, os.kill):
                try:
                    victim(self._pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            os.waitpid(self._pid, 0)
        os.close(self._fd)
        self._folder.cleanup()

    def send(self, text: str):
        os.write(self._fd, text.encode())

    def _receive(self, end) -> bool:
        """Reads what has come. False: nothing more will."""
        ready, _, _ = select.select([self._fd], [], [], max(0, end - time.monotonic()))
        if not ready:
            raise AssertionError(f"deadline; the console showed\n{tail(self.transcript)}")
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # EIO: the other side is closed
            return False
        # The shell asks for the cursor's position at each prompt; that is no text.
        self._fresh += data.replace(b"\x1b[6n", b"")
        # QEMU leaves the line end translation of its terminal on, so that the guest's CR LF comes as CR CR LF.
        self._fresh = re.sub(rb"\r+\n", b"\r\n", self._fresh)
        self.transcript += data
        return bool(data)

    def expect(self, pattern: str, deadline=DEADLINE) -> re.Match:
        """Waits for a match of the expression in what has not been matched yet; consumes up to its end."""
        expression = re.compile(pattern.encode(), re.MULTILINE)
        end = time.monotonic() + deadline
        while True:
            match = expression.search(self._fresh)
            if match:
                self._fresh = self._fresh[match.end():]
                return match
            if not self._receive(end):
                raise AssertionError(f"no {pattern!r} before the end; the console showed\n{tail(self.transcript)}")

    def send_until(self, text: str, pattern: str, attempts=60):
        """Sends again and again until the answer comes: for keys that are lost when they come too early."""
        for _ in range(attempts - 1):
            self.send(text)
            try:
                return self.expect(pattern, deadline=DEADLINE / attempts)
            except AssertionError:
                pass
        self.send(text)
        return self.expect(pattern)

    def wait(self, deadline=DEADLINE) -> int:
        """Waits for the end of the run; its exit status."""
        end = time.monotonic() + deadline
        while self._receive(end):
            pass
        self.status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self.status


# What QEMU calls the keys of a US keyboard that carry more than a letter or a digit, and those with shift.
KEYS = {" ": "spc", "\n": "ret", "-": "minus", "=": "equal", "[": "bracket_left", "]": "bracket_right",
        ";": "semicolon", "'": "apostrophe", "`": "grave_accent", "\\": "backslash", ",": "comma", ".": "dot",
        "/": "slash"}
SHIFTED = dict(zip("~!@#$%^&*()_+{}|:\"<>?", "`1234567890-=[]\\;',./"))


class Screen:
    """A machine seen from its keyboard and its screen, driven through QEMU's machine protocol (QMP)."""

    COLUMNS, ROWS, TEXT = 80, 25, 0xB8000

    def __init__(self, tree, memory=128, smp=1, append=""):
        self._folder = tempfile.TemporaryDirectory(prefix="kidney-test-")
        folder = Path(self._folder.name)
        self._log, self._dump = folder / "log", folder / "text"
        command = qemu.machine(str(Path(tree, "kidney.iso")), memory, smp)
        command += qemu.disk(0, str(Path(tree, "root.ext2")), snapshot=True)
        command += qemu.serial_file("console", str(self._log)) + qemu.word(str(folder), "append", append)
        self._monitor = qmp.Monitor()
        self._process = subprocess.Popen(command + self._monitor.arguments, stdin=subprocess.DEVNULL,
                                         pass_fds=self._monitor.inherited)
        self._monitor.open(DEADLINE)
        self.press = self._monitor.press
        self._read = 0  # how much of the log has been matched

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._monitor.close()
        self._folder.cleanup()

    def type(self, text: str):
        """Types a text as a person would: the next key when the kernel has shown the one before."""
        for character in text:
            key = SHIFTED.get(character, character.lower())
            name = KEYS.get(key, key)
            self.press(*(["shift", name] if character.isupper() or character in SHIFTED else [name]))
            if character != "\n":
                self.expect(re.escape(character))

    def expect(self, pattern: str, deadline=DEADLINE) -> re.Match:
        """Waits for a match in what the serial console has got and no earlier call has matched."""
        expression = re.compile(pattern.encode(), re.MULTILINE)
        end = time.monotonic() + deadline
        while True:
            text = self._log.read_bytes() if self._log.exists() else b""
            match = expression.search(text, self._read)
            if match:
                self._read = match.end()
                return match
            if time.monotonic() > end or self._process.poll() is not None:
                raise AssertionError(f"no {pattern!r} on the console; it showed\n{tail(text)}")
            time.sleep(0.02)

    def _crtc(self, register) -> int:
        """A register of the screen's controller."""
        self._monitor.tell(f"o /b 0x3d4 {register}")
        return int(self._monitor.tell("i /b 0x3d5").split()[-1], 16)

    def cells(self) -> list[list[tuple[str, int]]]:
        """(character, attribute) of each cell, row by row; for when the guest is waiting and writes nothing."""
        first = self._crtc(0x0C) << 8 | self._crtc(0x0D)
        self._monitor.ask("pmemsave", val=self.TEXT + 2 * first, size=2 * self.COLUMNS * self.ROWS, filename=str(self._dump))
        memory = self._dump.read_bytes()
        cells = list(zip(memory[::2].decode("cp437"), memory[1::2]))
        return [cells[at:at + self.COLUMNS] for at in range(0, len(cells), self.COLUMNS)]

    def rows(self) -> list[str]:
        """The text on the screen, row by row."""
        return ["".join(character for character, _ in row).rstrip() for row in self.cells()]

    def wait(self, deadline=DEADLINE):
        """Waits until the machine is off."""
        self._process.wait(deadline)

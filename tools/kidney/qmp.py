"""QEMU's machine protocol: one line of JSON for each command and each answer."""
import json
import socket


class Refused(Exception):
    """QEMU's words for why not."""


class Monitor:
    """The monitor of a machine that is started with `arguments` and inherits `theirs`."""

    def __init__(self, name="qmp"):
        self._ours, self._theirs = socket.socketpair()
        self.arguments = ["-chardev", f"socket,id={name},fd={self._theirs.fileno()}", "-mon", f"chardev={name},mode=control"]
        self._lines = None

    @property
    def inherited(self):
        return [self._theirs.fileno()]

    def open(self, patience):
        """After the machine was started. An answer that takes longer than `patience` seconds is a TimeoutError."""
        self._theirs.close()
        self._ours.settimeout(patience)
        self._lines = self._ours.makefile("rw", encoding="utf-8")
        self._lines.readline()  # the greeting
        self.ask("qmp_capabilities")

    def close(self):
        for end in (self._lines, self._ours, self._theirs):
            if end is not None:
                end.close()

    def ask(self, command, **arguments):
        self._lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._lines.flush()
        for line in self._lines:
            answer = json.loads(line)
            if "error" in answer:
                raise Refused(f"QEMU refused {command} {arguments}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise Refused(f"QEMU ended before it answered {command}")

    def tell(self, line):
        """A command of the monitor for people; what it prints."""
        return self.ask("human-monitor-command", **{"command-line": line})

    def press(self, *keys):
        """Presses keys together, by QEMU's names, and lets them go."""
        self.ask("send-key", keys=[{"type": "qcode", "data": key} for key in keys])

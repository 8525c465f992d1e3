#!/usr/bin/env python3
"""The magic key: Alt+SysRq and a letter on the keyboard, BREAK and a letter on the serial line, /proc/sysrq-trigger."""
import unittest
from pathlib import Path

import guest

TREE: Path
PROMPT = r"kidney:[^\r\n]*[#$] "


class MagicKey(unittest.TestCase):
    def start(self, **machine):
        screen = guest.Screen(TREE, **machine)
        self.addCleanup(screen.__exit__)
        screen.expect(PROMPT)
        return screen

    def press(self, screen, letter):
        screen.press("alt", "sysrq", letter)

    def test_programs_that_loop(self):
        screen = self.start(smp=2)
        screen.type("(while :; do :; done) & (while :; do :; done) & echo ready; cat\n")
        screen.expect(r"^ready\r?$")
        screen.type("echoed\n")
        screen.expect(r"^echoed\r?$")  # by cat, which reads by now
        self.press(screen, "t")
        screen.expect(r"key: CPU 0 runs \w+, \d+ ready")
        screen.expect(r"key: CPU 1 runs \w+, \d+ ready")
        screen.expect(r"key: process +1 init +waiting on CPU \d, ran \d+ ms")
        screen.expect(r"key: process +\d+ sh +(running|ready)")
        screen.expect(r"key: process +\d+ cat +waiting")
        self.press(screen, "l")
        screen.expect(r"key: CPU 0, thread \w+\r?\n")
        screen.expect(r"key: +0x[0-9a-f]{8} \S+")
        screen.expect(r"key: CPU 1, thread \w+\r?\n")
        screen.expect(r"key: +0x[0-9a-f]{8} (in the program|\S+\+0x)")
        self.press(screen, "w")
        screen.expect(r"key: process +\d+ cat +waiting")
        screen.expect(r"Terminal[^\n]*::read")
        screen.expect(r"on_system_call")
        screen.expect(r"in the program")
        screen.press("ctrl", "c")  # none of that disturbed anybody
        screen.expect(PROMPT)
        screen.type("echo $((6*7))\n")
        screen.expect(r"^42\r?$")

    def test_help_memory_locks_and_a_key_that_is_none(self):
        screen = self.start()
        self.press(screen, "h")
        screen.expect(r"key: b restart")
        screen.expect(r"key: w threads that wait")
        self.press(screen, "m")
        screen.expect(r"key: frames: \d+ KiB free of \d+ KiB")
        screen.expect(r"key: heap: \d+ bytes")
        self.press(screen, "d")
        screen.expect(r"key: d: locks that are held\r?\n")
        screen.type("t\n")  # the letter alone is a letter
        screen.expect(r"t: not found")

    def test_off(self):
        screen = self.start()
        self.press(screen, "o")
        screen.expect(r"key: o: off at once")
        screen.wait()

    def test_crash(self):
        screen = self.start()
        self.press(screen, "c")
        screen.expect(r"KERNEL PANIC: asked for by the magic key")
        screen.wait()

    def test_break_on_the_serial_line(self):
        console = guest.Console(TREE)
        self.addCleanup(console.__exit__)
        console.expect(PROMPT)
        console.send("echo ready; while :; do :; done\r")
        console.expect(r"^ready\r?$")
        console.send("\x01b")  # QEMU's key for a BREAK
        console.send("t")
        console.expect(r"key: t: run queues and threads")
        console.expect(r"key: process +\d+ sh ")
        console.send("\x03")
        console.expect(PROMPT)
        console.send("\x01bm")
        console.expect(r"key: frames: ")
        console.send("echo still $((6*7))\r")
        console.expect(r"^still 42\r?$")

    def test_from_a_program_even_if_nothing_is_printed(self):
        result = guest.run(TREE, "dmesg -n 1; echo t >/proc/sysrq-trigger; echo x >/proc/sysrq-trigger", "--append",
                           "log=error")
        self.assertRegex(result.log, rb"key: process +1 init +waiting")
        self.assertRegex(result.log, rb"key: m memory")


if __name__ == "__main__":
    TREE = guest.tree_of_arguments(__doc__)
    unittest.main(verbosity=2)

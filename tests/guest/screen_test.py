#!/usr/bin/env python3
"""The machine as somebody sees it who sits in front of it: the VGA screen and the PS/2 keyboard."""
import re
import time
import unittest
from pathlib import Path

import guest

TREE: Path
PROMPT = r"kidney:[^\r\n]*[#$] "


class InFrontOfIt(unittest.TestCase):
    def start(self, append=""):
        screen = guest.Screen(TREE, append=append)
        self.addCleanup(screen.__exit__)
        screen.expect(PROMPT)
        return screen

    def test_the_log_continues_below_the_boot_loader(self):
        rows = self.start().rows()
        loader = next(at for at, row in enumerate(rows) if "Welcome to GRUB!" in row)
        first = next(at for at, row in enumerate(rows) if row.startswith("["))
        self.assertLess(loader, first, rows)
        self.assertTrue(any("boot: KidneyOS" in row for row in rows[first:]), rows)
        self.assertFalse([row for row in rows if "error" in row], "nobody should have to ask whether that is normal")

    def test_screen_and_serial_line_show_the_same(self):
        screen = self.start()
        screen.type("echo On both\n")
        screen.expect(r"^On both\r?$")
        screen.expect(PROMPT)
        rows = [row for row in screen.rows() if row]
        self.assertRegex(rows[-3], r"^kidney:.*# echo On both$")
        self.assertEqual(rows[-2], "On both")
        self.assertRegex(rows[-1] + " ", rf"^{PROMPT}$")

    def test_what_is_for_the_serial_line_only_is_not_on_the_screen(self):
        rows = self.start("console=ttyS0").rows()
        self.assertFalse([row for row in rows if "boot: KidneyOS" in row or row.startswith("kidney:")], rows)

    def test_what_is_for_the_screen_only_is_not_on_the_serial_line(self):
        result = guest.run_machine(TREE, ":", append="console=tty0 panic=test")
        self.assertNotIn(b"boot: KidneyOS", result.log)
        self.assertIn(b"KERNEL PANIC", result.log, "a panic is for everybody")

    def test_the_screen_scrolls(self):
        screen = self.start()
        screen.type("seq 100 160\n")
        screen.expect(r"^160\r?$")
        screen.expect(PROMPT)
        rows = screen.rows()
        self.assertEqual(rows[:24], [str(number) for number in range(137, 161)])
        self.assertRegex(rows[24] + " ", rf"^{PROMPT}$")

    def show(self, screen, shown):
        """Waits until the screen shows what it should: programs write before they wait, but not when."""
        for _ in range(1000):
            rows = screen.rows()
            if shown(rows):
                return rows
            time.sleep(0.1)
        self.fail("\n".join(rows))

    def test_clear(self):
        screen = self.start()
        screen.type("seq 100; clear\n")
        rows = self.show(screen, lambda rows: re.search(PROMPT, rows[0] + " "))
        self.assertEqual(rows[1:], [""] * 24)

    def test_full_screen_programs(self):
        screen = self.start("console_size=80x25")
        screen.type("seq 1 50 >/tmp/f; vi /tmp/f\n")
        rows = self.show(screen, lambda rows: "/tmp/f 1/50" in rows[24])
        self.assertEqual(rows[:24], [str(number) for number in range(1, 25)])
        for key in ("shift", "g"), ("shift", "o"), ("n",), ("e",), ("w",), ("esc",):
            screen.press(*key)
        # Back in command mode: an escape that something follows at once could begin a sequence.
        rows = self.show(screen, lambda rows: "new" in rows and rows[24].startswith("- "))
        self.assertEqual(rows[rows.index("new"):][:2], ["new", "50"])
        for key in ("shift", "semicolon"), ("q",), ("shift", "1"), ("ret",):
            screen.press(*key)
        screen.expect(PROMPT)
        screen.type("less /tmp/f\n")
        rows = self.show(screen, lambda rows: rows[23] == "24" and rows[24])
        self.assertEqual(rows[:24], [str(number) for number in range(1, 25)])
        screen.press("shift", "g")
        rows = self.show(screen, lambda rows: "(END)" in rows[24])
        self.assertIn("50", rows)
        self.assertNotIn("1", rows)
        screen.press("q")
        screen.expect(PROMPT)
        screen.type("top\n")
        rows = self.show(screen, lambda rows: rows[0].startswith("Mem:") and "PID" in rows[3])
        self.assertRegex(rows[0], r"^Mem: *\d+K used")
        self.assertRegex(rows[3], r"PID +PPID USER")
        screen.press("q")
        screen.expect(PROMPT)

    @staticmethod
    def is_young_shell(rows):
        return sum(row.startswith("kidney:") for row in rows) == 1 and not any(row.startswith("[") for row in rows)

    def test_several_terminals(self):
        screen = self.start()
        before = screen.rows()
        screen.type("openvt -c 2 sh\n")
        screen.expect(PROMPT)
        first = screen.rows()
        screen.press("alt", "f2")
        self.show(screen, self.is_young_shell)
        for key in "t", "t", "y", "ret":  # what is typed here does not show on the serial line
            screen.press(key)
        rows = self.show(screen, lambda rows: sum(row.startswith("kidney:") for row in rows) == 2)
        asked = next(at for at, row in enumerate(rows) if row.endswith("# tty"))
        self.assertEqual(rows[asked + 1], "/dev/tty2")
        for key in "s", "l", "e", "e", "p", "spc", "9", "9", "ret", ("ctrl", "c"), "e", "c", "h", "o", "spc", ("shift", "4"), ("shift", "slash"), "ret":
            screen.press(*([key] if isinstance(key, str) else key))
        self.show(screen, lambda rows: "130" in rows)
        screen.press("alt", "f1")
        self.assertEqual(self.show(screen, lambda rows: rows == first), first)
        self.assertNotEqual(first, before)
        screen.type("openvt -s sh\n")
        self.show(screen, self.is_young_shell)  # on the first that was free
        screen.press("alt", "f9")  # there is none
        screen.press("alt", "f1")
        screen.type("echo 'in front' >/dev/tty4; chvt 4\n")
        self.show(screen, lambda rows: rows[0] == "in front")
        screen.press("alt", "f1")
        screen.type("deallocvt 3; deallocvt 4; chvt 4\n")
        screen.expect("VT_DISALLOCATE[^\\r\\n]*busy")
        self.show(screen, lambda rows: not any(rows))
        screen.press("alt", "f1")
        screen.type("echo back\n")
        screen.expect(r"^back\r?$")

    def test_colours(self):
        screen = self.start()
        screen.type("clear; printf '\\033[1;31mred\\033[0;7mback\\033[m\\n'\n")
        screen.expect(r"back.*\n")
        screen.expect(PROMPT)  # nothing is written while the cells are read
        self.show(screen, lambda rows: "redback" in rows)
        row = next(row for row in screen.cells() if "".join(c for c, _ in row).startswith("redback"))
        self.assertEqual([attribute for _, attribute in row[:8]], [0x0C] * 3 + [0x70] * 4 + [0x07])

    def test_keys_with_and_without_shift(self):
        screen = self.start()
        screen.type("cd /tmp\n")
        screen.expect(PROMPT)
        screen.type("""echo "A-z $((6*7))" '{[<|>]}' "\\\\ ~+_=:;,./?" !@#%^\\& >f\n""")
        screen.expect(PROMPT)
        screen.type("cat f\n")
        screen.expect(r"^A-z 42 \{\[<\|>\]\} \\ ~\+_=:;,\./\? !@#%\^&\r?$")

    def test_control_and_arrow_keys(self):
        screen = self.start()
        screen.type("echo ready; sleep 1000\n")
        screen.expect(r"^ready\r?$")
        screen.press("ctrl", "c")
        screen.expect(PROMPT)
        screen.type("echo status $?\n")
        screen.expect(r"^status 130\r?$")
        screen.expect(PROMPT)
        screen.press("up")
        screen.expect("echo status ")
        screen.press("ret")
        screen.expect(r"^status 0\r?$")

    def test_exit_switches_it_off(self):
        screen = self.start()
        screen.type("exit\n")
        screen.wait()


if __name__ == "__main__":
    TREE = guest.tree_of_arguments(__doc__)
    unittest.main(verbosity=2)

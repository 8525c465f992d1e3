#!/usr/bin/env python3
"""What a debug kernel finds out about its locks: a circle of orders with both its stacks, sleep where nobody can, and how long
they are held. A release kernel knows nothing, and says that."""
import re
import tempfile
import unittest
from pathlib import Path

import guest

TREE: Path
CALL = r"\] locks:     0xc[0-9a-f]{7} [^\n]*"


def stack(function):
    """A stack that `function` is on, below whoever called it; the guard that locks need not be inlined."""
    call = rf"(?:[^\n]*{CALL}\n)"
    return rf"{call}?[^\n]*{CALL}{function}\(\)\+0x[0-9a-f]+\n[^\n]*{CALL}commit_fault\([^\n]*\n{call}*"


class Locks(unittest.TestCase):
    def is_debug(self):
        return bool(re.search(r"^CMAKE_BUILD_TYPE:\w+=Debug$", (TREE / "CMakeCache.txt").read_text(), re.MULTILINE))

    def log_of(self, fault, status):
        result = guest.run(TREE, "true", "--append", f"panic={fault}", "--smp", "2")
        self.assertEqual(result.status, status, guest.tail(result.log, 40))
        return result.log.decode(errors="replace").replace("\r", "")

    def test_two_locks_both_ways_round(self):
        log = self.log_of("lock_order", status=125)
        if not self.is_debug():
            self.assertIn("KERNEL PANIC: locked this way round and that, and nobody noticed", log)
            return
        story = "".join([
            r"locks: warning: a deadlock is possible: 'north' is wanted while 'south' is held\n",
            rf"[^\n]*'south' was taken by\n{stack('go_north')}", rf"[^\n]*'north' is wanted by\n{stack('go_north')}",
            rf"[^\n]*but earlier 'north' was taken by\n{stack('go_south')}",
            rf"[^\n]*and then 'south' wanted by\n{stack('go_south')}"])
        self.assertRegex(log, story)
        self.assertEqual(log.count("a deadlock is possible"), 1)
        self.assertLess(log.index("a deadlock is possible"), log.index("KERNEL PANIC"))  # which is the rank's
        self.assertRegex(log, r"KERNEL PANIC: lock.hpp:\d+: assertion failed: .*lock order")
        with tempfile.TemporaryDirectory(prefix="kidney-test-") as folder:
            Path(folder, "log").write_text(log)
            named = guest.watch([str(guest.ROOT / "kidney"), "symbolise", "--tree", str(TREE), str(Path(folder, "log"))])
        self.assertRegex(named.out.decode(), rf"{CALL}go_south\(\)[^\n]*\n(?:      [^\n]*\n)*"
                                             r"      [^\n]*go_south\(\)  kernel/planted_faults.cpp:\d+\n")

    def test_sleep_with_interrupts_off(self):
        if not self.is_debug():
            self.assertIn("KERNEL PANIC: might have slept with interrupts off, and nobody noticed",
                          self.log_of("atomic_sleep", status=125))
            return
        log = self.log_of("atomic_sleep", status=0)  # it goes on
        self.assertRegex(log, rf"locks: warning: may sleep with interrupts off\n(?:[^\n]*{CALL}\n)*?[^\n]*{CALL}"
                              r"sleep_with_interrupts_off\(\)")
        self.assertEqual(log.count("locks: warning"), 1)

    def test_figures(self):
        result = guest.run(TREE, "ls -R /bin >/dev/null; cat /proc/kidney/locks; echo d >/proc/sysrq-trigger", "--smp", "2")
        self.assertEqual(result.status, 0, guest.tail(result.log, 40))
        text = result.out.decode()
        if not self.is_debug():
            self.assertEqual(text, "only a debug kernel knows\n")
            return
        self.assertNotIn(b"locks: warning", result.log)
        head = re.match(r"kinds (\d+) of \d+, orders (\d+) of \d+\nlock +waits +taken +too long +longest/us in\n", text)
        self.assertTrue(head, text)
        rows = re.findall(r"^(\S[\w ]*?) +(spins|sleeps) +(\d+) +(\d+) +(\d+) (threads|interrupts too)$", text, re.MULTILINE)
        self.assertEqual(len(rows), int(head[1]), text)
        self.assertGreater(int(head[2]), 5)
        by_name = {name: row for name, *row in rows}
        self.assertEqual((by_name["vfs"][0], by_name["vfs"][4]), ("sleeps", "threads"))
        self.assertEqual((by_name["timers"][0], by_name["timers"][4]), ("spins", "interrupts too"))
        for name, row in by_name.items():
            taken, too_long, longest = map(int, row[1:4])
            self.assertGreaterEqual(taken, too_long, name)
            self.assertEqual(too_long > 0, longest > 0, name)
            if too_long:  # the magic key has their stacks
                self.assertRegex(result.log, rf"key: '{name}' was held too long \d+ times, for \d+ us at most, by\r?\n".encode()
                                 + rb"[^\n]*key:     0xc")


if __name__ == "__main__":
    TREE = guest.tree_of_arguments(__doc__)
    unittest.main(verbosity=2)

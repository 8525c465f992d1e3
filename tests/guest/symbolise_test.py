#!/usr/bin/env python3
"""The kernel tells where a program was that a signal ends, and `./kidney symbolise` names it: function, file and line."""
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import guest

TREE: Path
CRASH = guest.ROOT / "user/tools/crash.c"


def line_of(text):
    """Where crash.c has it, first."""
    return next(number for number, line in enumerate(CRASH.read_text().splitlines(), 1) if text in line)


def symbolise(log, *arguments, given=None):
    return subprocess.run([str(guest.ROOT / "kidney"), "symbolise", "--tree", str(TREE), *arguments, log], input=given, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=guest.DEADLINE)


class Symbolise(unittest.TestCase):
    def named(self, *arguments, status):
        with tempfile.TemporaryDirectory(prefix="kidney-test-") as folder:
            log = Path(folder, "log")
            result = subprocess.run([str(guest.ROOT / "kidney"), "run", "--tree", str(TREE), "--log", str(log), *arguments],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=guest.DEADLINE)
            self.assertEqual(result.returncode, status, guest.tail(result.stderr))
            named = symbolise(str(log))
            self.assertEqual(named.returncode, 0, named.stderr)
            text = log.read_text(encoding="utf-8", errors="replace")
            self.assertEqual(symbolise("-", given=text).stdout, named.stdout)
            self.assertEqual([line for line in named.stdout.splitlines() if not line.startswith("      ")],
                             [line for line in text.splitlines() if not line.startswith("      ")])
            return named.stdout

    def test_the_end_of_a_program(self):
        modes = "null kernel-call stack-overflow illegal"
        text = self.named("--exec", f"for mode in {modes}; do crash $mode; sleep 1; done 2>/dev/null; exit 0", status=0)
        stacks = re.split(r"process: crash \(\d+\): .*\n", text)[1:]
        self.assertEqual(len(stacks), len(modes.split()), text)
        main = r"[^\n]*\n      main  user/tools/crash.c:\d+\n"
        self.assertRegex(stacks[0], rf"^\[.*\] process:   0[\da-f]+ /bin/crash\+0x[\da-f]+\n"
                                    rf"      null_read  user/tools/crash.c:{line_of('null_read(void)')}\n{main}")
        # The last that kernel_call() does is that call, so it has left no frame.
        self.assertRegex(stacks[1], rf"^\[.*\] process:   c0100000 no code of a file\n{main}")
        self.assertEqual(stacks[2].count("/bin/crash+0x"), 16)
        self.assertIn("      recurse  user/tools/crash.c:", stacks[2])
        self.assertRegex(stacks[3], rf"      illegal  user/tools/crash.c:{line_of('void illegal')}\n{main}")

    def test_a_storm_of_them_is_not_told_in_full(self):
        with tempfile.TemporaryDirectory(prefix="kidney-test-") as folder:
            log = Path(folder, "log")
            result = guest.watch([str(guest.ROOT / "kidney"), "run", "--tree", str(TREE), "--log", str(log), "--exec",
                                  "i=0; while [ $i -lt 60 ]; do crash null 2>/dev/null; i=$((i+1)); done; exit 0"])
            self.assertEqual(result.status, 0, guest.tail(result.err))
            # Deaths that are followed by where the program was; their lines may be far apart on a busy machine.
            told = re.findall(rb"\[ *(\d+\.\d+)\] process: crash \(\d+\): .*\n\[.*\] process:   0\w+ /bin/crash\+", log.read_bytes())
            self.assertTrue(told)
            # One in 2^27 ns, as seen by the log's clock: the first, the last, and one for its delays.
            self.assertLessEqual(len(told), (float(told[-1]) - float(told[0])) * 1e9 / (1 << 27) + 3, told)

    def test_a_panic(self):
        text = self.named("--exec", "true", "--append", "panic=test", status=125)
        self.assertRegex(text, r"\neip c[^\n]*\n      [^\n]*test_panic\(\)  kernel/\w+.cpp:\d+\n")
        self.assertRegex(text, r"  0xc[^\n]*first_thread[^\n]*\n(      [^\n]*\n)*      [^\n]*first_thread[^\n]*  kernel/main.cpp:\d+\n")


if __name__ == "__main__":
    TREE = guest.tree_of_arguments(__doc__)
    unittest.main(verbosity=2)

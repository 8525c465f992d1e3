#!/usr/bin/env python3
"""./kidney answers mistakes with exit status 2 and the valid choices, and reads the end of a kernel log right."""
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tools", "kidney"))

import verb_run  # noqa: E402
from verb_test import Case  # noqa: E402


def kidney(*arguments):
    return subprocess.run([os.path.join(ROOT, "kidney"), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True)


class Mistakes(unittest.TestCase):
    def expect(self, arguments, *words):
        result = kidney(*arguments)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stdout, "")
        for word in words:
            self.assertIn(word, result.stderr)

    def test_unknown_verb_lists_the_verbs(self):
        self.expect(["fly"], "fly", "run", "test", "bench", "doctor", "setup")

    def test_unknown_option_lists_the_options(self):
        self.expect(["run", "--fast"], "--fast", "--exec", "--smp")

    def test_numbers_have_a_range(self):
        self.expect(["run", "--smp", "9"], "--smp", "1 to 8")
        self.expect(["run", "--memory", "much"], "--memory", "16 to 3584")

    def test_wrong_policy_lists_the_policies(self):
        self.expect(["run", "--set", "KIDNEY_SCHEDULER=fast"], "KIDNEY_SCHEDULER", "round_robin")
        self.expect(["run", "--set", "KIDNEY_COLOUR=red"], "KIDNEY_SCHEDULER", "KIDNEY_FRAME_ALLOCATOR")

    def test_missing_files_are_named(self):
        self.expect(["run", "--root", "/no/such/tree"], "/no/such/tree")
        self.expect(["run", "--disk", "/no/such/disk"], "/no/such/disk")


class KernelLog(unittest.TestCase):
    def end_of(self, text):
        with tempfile.NamedTemporaryFile() as file:
            file.write(text)
            file.flush()
            return verb_run.guest_status(file.name)

    def test_exit_status(self):
        self.assertEqual(self.end_of(b"boot\r\ninit exited with status 7\r\n"), ("exit", 7))

    def test_what_the_guest_prints_on_the_console_does_not_count(self):
        self.assertEqual(self.end_of(b"he said: init exited with status 1, I think\n"), ("silent", None))

        self.assertEqual(self.end_of(b"init exited with status 1\nmore\n"), ("silent", None))
        self.assertEqual(self.end_of(b"echo KERNEL PANIC: no\ninit exited with status 0\n"), ("exit", 0))

    def test_panic(self):
        self.assertEqual(self.end_of(b"x\nKERNEL PANIC: no init\nregisters\n"), ("panic", "no init"))

    def test_silence(self):
        self.assertEqual(self.end_of(b""), ("silent", None))


class Junit(unittest.TestCase):
    def test_a_missing_program_is_a_failure_and_a_skip_has_a_reason(self):
        import xml.etree.ElementTree as xml
        gone = xml.fromstring('<testcase name="a" status="notrun"><skipped message="Unable to find executable"/></testcase>')
        self.assertEqual(Case(gone).state, "failed")
        skipped = xml.fromstring('<testcase name="b" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/>'
                                 "<system-out>needs a busybox</system-out></testcase>")
        self.assertEqual(Case(skipped).state, "skipped")
        self.assertEqual(Case(skipped).reason(), "needs a busybox")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""./kidney answers mistakes with exit status 2 and the valid choices, and reads the end of a kernel log right."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path[:0] = [os.path.join(ROOT, "tools", "kidney"), os.path.join(ROOT, "tools")]

from build import complaints  # noqa: E402
from main import VERBS  # noqa: E402
from outcome import conclude, guest_status  # noqa: E402
from project_files import project_files  # noqa: E402
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

    def test_names_that_nobody_has_are_refused_before_anything_is_built(self):
        self.expect(["bench", "nosuch"], "nosuch", "mm_frames", "sched_policy", "guest")
        self.expect(["test", "nosuch"], "nosuch", "policies", "selftest", "host-debug")

    def test_missing_files_are_named(self):
        self.expect(["run", "--root", "/no/such/tree"], "/no/such/tree")
        self.expect(["run", "--disk", "/no/such/disk"], "/no/such/disk")
        self.expect(["run", "--share", "/no/such/folder:ro"], "/no/such/folder: no such directory")
        self.expect(["run", "--share", __file__], "not a directory")
        self.expect(["run", "--bochs", "--share", "/"], "--bochs runs alone", "--share")
        self.expect(["run", "--tree", "/no/such/tree"], "/no/such/tree")

    def test_files_that_cannot_be_written_are_refused_before_anything_is_built(self):
        for option in ("--save", "--log"):
            self.expect(["run", option, "/no/such/folder/file"], option, "/no/such/folder/file")
            self.expect(["run", option, "/"], option, "directory")
        self.expect(["run", "--save", __file__], "--save", __file__, "no root disk of ours")

    def test_times_are_numbers_above_zero(self):
        for time in ("0", "-1", "nan", "inf", "soon"):
            self.expect(["run", f"--timeout={time}"], "--timeout", time, "above 0")

    def test_options_that_contradict_each_other(self):
        self.expect(["run", "--bochs", "--exec", "true"], "--exec", "Bochs")
        self.expect(["run", "--bochs-debugger", "--timeout", "9"], "--timeout")
        self.expect(["run", "--gdb", "--gdb-server", "1234"], "--gdb-server")
        self.expect(["run", "--gdb", "--exec", "true"], "--exec")
        self.expect(["run", "--linux", "--save", "disk"], "--linux", "--exec")

    def test_a_log_to_symbolise_must_be_there(self):
        self.expect(["symbolise", "--tree", "/no/such/tree"], "/no/such/tree", "--tree")

    def test_what_cannot_be_recorded_or_replayed(self):
        with tempfile.TemporaryDirectory() as folder:
            recording, other = os.path.join(folder, "a.kidney"), os.path.join(folder, "other")
            for arguments in (["--smp", "2"], ["--bochs"], ["--linux"], ["--gui"], ["--gdb"], ["--gdb-server", "1234"],
                              ["--disk", __file__], ["--save", other], ["--strace=all"], ["--exec", "true", "--record-frames", other]):
                self.expect(["run", "--record", recording, *arguments], "--record is for one CPU", arguments[-2:][0].split("=")[0])
            self.expect(["run", "--record", recording, "--replay", recording], "one of them")
        self.expect(["run", "--record", "/no/such/folder/file"], "--record", "no such directory")
        self.expect(["run", "--replay", "/no/such.kidney"], "/no/such.kidney", "no such file")
        for arguments in (["--exec", "true"], ["--smp", "2"], ["--memory", "64"], ["--set", "KIDNEY_SCHEDULER=mlfq"], ["--root", "/"]):
            self.expect(["run", "--replay", "/no/such.kidney", *arguments], "--replay has everything", arguments[0])


class Help(unittest.TestCase):
    def test_every_verb_has_some_in_both_ways(self):
        for verb in VERBS:
            for arguments in ((verb, "--help"), ("help", verb)):
                result = kidney(*arguments)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn(f"./kidney {verb}", result.stdout)


class Build(unittest.TestCase):
    def test_a_failed_build_shows_errors_and_not_commands(self):
        output = ["[1/3] Building a.o\n", "FAILED: b.o \n", "clang++ -c very long\n", "b.cpp:1: error: no\n",
                  "[2/3] Building c.o\n", "FAILED: d.o \n", "clang++ -c d\n", "d.cpp:2: error: nor this\n"]
        self.assertEqual(complaints(output),
                         "FAILED: b.o \nb.cpp:1: error: no\nFAILED: d.o \nd.cpp:2: error: nor this")
        self.assertEqual(complaints(["FAILED: a\n", "command\n", "error\n"]), "FAILED: a\nerror")
        self.assertEqual(complaints(["ninja: error: loading\n"]), "ninja: error: loading")


    def copy(self, tree):
        for file in project_files(ROOT):
            os.makedirs(os.path.dirname(os.path.join(tree, file)), exist_ok=True)
            shutil.copy(os.path.join(ROOT, file), os.path.join(tree, file))

    def configure(self, command, build, folder):
        """Until an unknown label is refused; CMake is run before that. Returns what Ninja would do."""
        result = subprocess.run([*command, "test", "i686-debug", "nosuch"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=dict(os.environ, XDG_CACHE_HOME=os.path.join(folder, "cache"), LC_ALL="tr_TR.UTF-8"))
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("selftest", result.stderr)
        commands = subprocess.check_output(["ninja", "-C", os.path.join(build, "i686-debug"), "-t", "commands", "kernel"], text=True)
        self.assertIn("kernel.elf", commands)
        return commands

    def test_a_name_that_needs_quotes_does_not_matter(self):
        with tempfile.TemporaryDirectory() as folder:
            tree = os.path.join(folder, "it's \"my\" [copy]; #1")
            self.copy(tree)
            self.configure([os.path.join(tree, "kidney")], os.path.join(tree, "build"), folder)

    def test_a_clone_that_cannot_be_written_builds_elsewhere_whatever_the_names(self):
        with tempfile.TemporaryDirectory() as folder:
            tree, build = (os.path.join(folder, f"{name} (of it), for $HOME, \u00fcbung \u03c0") for name in ("clone", "build"))
            self.copy(tree)
            subprocess.run(["chmod", "-R", "a-w", tree], check=True)
            command = [os.path.join(tree, "kidney"), "--build", build]
            if os.getuid() == 0:  # whom modes do not bind
                inside = ["unshare", "--mount", "sh", "-c",
                          'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"', tree]
                if subprocess.run([*inside, "true"], stderr=subprocess.DEVNULL).returncode == 0:
                    command = inside + command
            try:
                commands = self.configure(command, build, folder)
                self.assertNotIn("$$", commands, "CMake doubles it in link flags")
            finally:
                subprocess.run(["chmod", "-R", "u+w", tree], check=True)

    def test_a_build_folder_that_ninja_cannot_have_is_refused(self):
        result = kidney("--build", "/tmp/a [b]", "doctor")
        self.assertEqual((result.returncode, "/tmp/a [b]" in result.stderr), (2, True), result.stderr)


class KernelLog(unittest.TestCase):
    def end_of(self, text):
        with tempfile.NamedTemporaryFile() as file:
            file.write(text)
            file.flush()
            return guest_status(file.name)

    def test_exit_status(self):
        self.assertEqual(self.end_of(b"boot\r\ninit exited with status 7\r\n"), ("exit", 7))

    def test_what_the_guest_prints_on_the_console_does_not_count(self):
        self.assertEqual(self.end_of(b"he said: init exited with status 1, I think\n"), ("silent", None))

        self.assertEqual(self.end_of(b"init exited with status 1\nmore\n"), ("silent", None))
        self.assertEqual(self.end_of(b"echo KERNEL PANIC: no\ninit exited with status 0\n"), ("exit", 0))

    def test_self_test(self):
        self.assertEqual(self.end_of(b"[    2.026117] selftest: 26 passed, 0 failed\r\n"), ("self-test", 0))
        self.assertEqual(self.end_of(b"[    2.026117] selftest: 24 passed, 2 failed\r\n"), ("self-test", 2))
        self.assertEqual(self.end_of(b"selftest: 26 passed, 0 failed\n"), ("silent", None))
        self.assertEqual(conclude(0, ("self-test", 0), "log"), 0)
        self.assertEqual(conclude(0, ("self-test", 2), "log"), 1)

    def test_a_program_may_end_the_machine(self):
        self.assertEqual(self.end_of(b"[    1.200000] power: off, as asked for\r\n"), ("exit", 0))
        self.assertEqual(self.end_of(b"[    1.200000] power: restart, as asked for\r\n"), ("exit", 0))
        self.assertEqual(self.end_of(b"power: off, as asked for\n"), ("silent", None))

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

#!/usr/bin/env python3
"""`./kidney run --record` and `--replay`: docs/tools/record-replay.md, done as it says; a recorded session in the terminal;
recordings that cannot be played.
"""
import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

import chapter
import guest  # finds the modules of ./kidney, too
import recording
from project import Failure

TREE: Path
CHAPTER = guest.ROOT / "docs/tools/record-replay.md"


def kidney(*arguments):
    return subprocess.run([str(guest.ROOT / "kidney"), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=guest.DEADLINE)


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kidney-test-")
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)

    def record(self, *arguments, path="a.kidney"):
        return kidney("run", "--tree", str(TREE), "--log", "log", "--record", path, *arguments)


@unittest.skipUnless(shutil.which("gdb"), "needs gdb")
class Chapter(InFolder):
    def test_the_page_does_what_it_says(self):
        todo = chapter.steps(CHAPTER)
        while todo and not todo[0][0].endswith("--gdb"):
            line, shown = todo.pop(0)
            words = shlex.split(line)[1:]
            if "--record" in words:
                words[1:1] = ["--tree", str(TREE), "--log", "log"]
            result = kidney(*words)
            self.assertEqual(result.returncode, 125, result.stderr)
            self.assertRegex(result.stderr.decode(), chapter.pattern(shown))
        command = [str(guest.ROOT / "kidney"), *shlex.split(todo.pop(0)[0])[1:]]
        self.assertGreater(len(todo), 8)
        with guest.Console(TREE, command=command, size=(200, 50)) as console:
            self.assertEqual(chapter.in_gdb(console, todo), 0)


class Recordings(InFolder):
    def test_output_and_status_come_again(self):
        command = "uname -a; date; crash null; sleep 1; seq 2000 | md5sum; cat /proc/uptime; echo to err >&2; exit 3"
        first = self.record("--exec", command)
        self.assertEqual(first.returncode, 3, first.stderr)
        again = kidney("run", "--replay", "a.kidney")
        self.assertEqual((again.returncode, again.stdout), (3, first.stdout))
        self.assertIn(b"to err", again.stderr)
        self.assertEqual(Path("log").read_bytes(), Path("a.kidney.log").read_bytes())
        self.refuse_what_is_no_recording()

    def refuse_what_is_no_recording(self):
        def refused(words):
            with tempfile.TemporaryDirectory() as folder, self.assertRaisesRegex(Failure, words) as refusal:
                recording.load("b.kidney", folder)
            self.assertEqual(refusal.exception.status, 2)

        whole = Path("a.kidney").read_bytes()
        damaged = bytearray(whole)
        damaged[len(whole) // 2] ^= 0x10
        for bad in (b"", b"no recording", whole[:len(whole) // 2], whole[:-4], bytes(damaged), gzip.compress(b"no tar")):
            Path("b.kidney").write_bytes(bad)
            refused("not a recording")
        with tarfile.open("a.kidney") as archive:
            archive.extractall("parts")
        about = json.loads(Path("parts/about.json").read_text())
        for changed, words in (({"qemu": "QEMU emulator version 1.0"}, "recorded by QEMU emulator version 1.0"),
                               ({"format": 0}, "another version")):
            Path("parts/about.json").write_text(json.dumps(about | changed))
            with tarfile.open("b.kidney", "w:gz", compresslevel=1) as archive:
                archive.add("parts", ".")
            # The names begin with ./ now, which is no recording of ours either.
            refused("not a recording")
            with tarfile.open("b.kidney", "w:gz", compresslevel=1) as archive:
                for name in sorted(Path("parts").rglob("*")):
                    archive.add(name, str(name.relative_to("parts")), recursive=False)
            refused(words)

    def test_a_session_in_the_terminal(self):
        command = [str(guest.ROOT / "kidney"), "run", "--tree", str(TREE), "--log", "log", "--record", "a.kidney"]
        with guest.Console(TREE, command=command) as console:
            console.expect("# ")
            console.send("echo $((6 * 7)) and a line longer than what the serial port holds\n")
            console.expect("42 and a line longer than what the serial port holds")
            console.expect("# ")
            console.send("exit 5\n")
            self.assertEqual(console.wait(), 5)
        again = kidney("run", "--replay", "a.kidney")
        self.assertEqual(again.returncode, 5, again.stderr)
        self.assertIn(b"42 and a line", again.stdout)

    def test_what_was_cut_off_is_played_up_to_there(self):
        first = self.record("--exec", "echo before; sleep 1000", "--timeout", "8")
        self.assertEqual(first.returncode, 124, first.stderr)
        again = kidney("run", "--replay", "a.kidney")
        self.assertEqual((again.returncode, again.stdout), (124, first.stdout), again.stderr)
        self.assertIn(b"the recording ends here", again.stderr)


if __name__ == "__main__":
    TREE = guest.tree_of_arguments(__doc__)
    unittest.main(verbosity=2)

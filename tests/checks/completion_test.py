#!/usr/bin/env python3
"""Every verb has help with examples that its parser takes, and bash and zsh complete what the parsers know."""
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path[:0] = [os.path.join(ROOT, "tools"), os.path.join(ROOT, "tools", "kidney")]
import check_docs  # noqa: E402
import verb_completion  # noqa: E402
from main import VERBS  # noqa: E402
from project import policies_of  # noqa: E402

KIDNEY = os.path.join(ROOT, "kidney")
# Splits a line as bash does for completion, asks, and prints the answers.
ASK_BASH = """
source <(printf '%s' "$1"); shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_kidney 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""
# A shell in a terminal of its own; a key of ours completes the line and says what it is then.
ASK_ZSH = """
zmodload zsh/zpty
zpty shell "TERM=dumb zsh -f -i"
zpty -w shell "PS1=; autoload -U compinit; compinit -D -u; source $1; cd $2"
zpty -w shell 'show() { zle complete-word; zle -R; print -r -- "[$BUFFER]"; exit }; zle -N show; bindkey "^X" show; print READY$((1))'
zpty -r shell line '*READY1*'
zpty -w -n shell "$3"$'\\x18'
zpty -r shell line '*\\[*\\]*'
print -r -- "${${line##*\\[}%%\\]*}"
"""


class Help(unittest.TestCase):
    def test_the_examples_are_commands(self):
        for verb, parser in verb_completion.parsers().items():
            if parser is None:
                continue
            self.assertTrue(parser.examples, verb)
            self.assertIn("examples:\n", parser.format_help())
            for example in parser.examples:
                self.assertIsNone(check_docs.kidney_problem(shlex.split(example)), example)

    def test_every_option_says_what_it_is_for(self):
        for verb, parser in verb_completion.parsers().items():
            for action in parser._actions if parser else []:
                self.assertTrue(action.help, f"{verb} {action.option_strings}")


class Bash(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.script = subprocess.check_output([KIDNEY, "completion", "bash"], text=True)

    def complete(self, *words, cwd=ROOT):
        output = subprocess.check_output(["bash", "-c", ASK_BASH, "bash", self.script, "./kidney", *words], text=True, cwd=cwd)
        return sorted(output.split())

    def test_verbs(self):
        self.assertEqual(self.complete(""), sorted([*VERBS, "help"]))
        self.assertEqual(self.complete("do"), ["docs", "doctor"])
        self.assertEqual(self.complete("help", "la"), ["lab", "laws"])
        self.assertEqual(self.complete("--build", "/tmp", "do"), ["docs", "doctor"])

    def test_options_and_what_they_can_be(self):
        self.assertEqual(self.complete("run", "--s"), ["--save", "--set", "--share", "--smp", "--strace", "--strace-output"])
        self.assertEqual(self.complete("lab", "frames", "--policy", "bu"), ["buddy", "buddy_bitmap"])
        self.assertEqual(self.complete("test", "host-debug", "--fail"), ["--fail-fast", "--failed"])
        self.assertEqual(self.complete("completion", ""), ["bash", "zsh"])
        self.assertEqual(self.complete("image", "ch"), ["check", "chmod"])
        self.assertEqual(self.complete("image", "make", "disk.img", "--part", "vs"), ["vsfs"])
        self.assertEqual(self.complete("grade", "--format", "te"), ["text"])
        self.assertEqual(self.complete("run", "--smp", ""), [])

    def test_settings_although_bash_splits_them(self):
        self.assertEqual(self.complete("run", "--set", "KIDNEY_SCHED"),
                         sorted(f"KIDNEY_SCHEDULER={name}" for name in policies_of("scheduler")))
        self.assertEqual(self.complete("run", "--set", "KIDNEY_SCHEDULER", "=", "fix"), ["fixed_priority"])
        self.assertEqual(self.complete("run", "--set", "KIDNEY_SCHEDULER", "="), sorted(policies_of("scheduler")))

    def test_paths(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "tree"))
            open(os.path.join(folder, "trace.gz"), "w", encoding="utf-8").close()
            self.assertEqual(self.complete("lab", "frames", "--trace", "tr", cwd=folder), ["trace.gz", "tree"])
            self.assertEqual(self.complete("grade", "tr", cwd=folder), ["tree"])
            self.assertEqual(self.complete("run", "--root", "tr", cwd=folder), ["tree"])


@unittest.skipUnless(shutil.which("zsh"), "needs zsh")
class Zsh(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        with open(os.path.join(cls.folder, "completion"), "w", encoding="utf-8") as file:
            subprocess.run([KIDNEY, "completion", "zsh"], stdout=file, check=True)

    def complete(self, line):
        result = subprocess.run(["zsh", "-fc", ASK_ZSH, "zsh", os.path.join(self.folder, "completion"), ROOT, line],
                                stdout=subprocess.PIPE, text=True, timeout=120, stdin=subprocess.DEVNULL)
        return result.stdout.strip()

    def test_completes_verbs_options_and_values(self):
        self.assertEqual(self.complete("./kidney docto"), "./kidney doctor")
        self.assertEqual(self.complete("./kidney run --appe"), "./kidney run --append")
        self.assertEqual(self.complete("./kidney run --set KIDNEY_SCHEDULER=fix"), "./kidney run --set KIDNEY_SCHEDULER=fixed_priority")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""./kidney explore: the planted mistakes are found and told, the kernel's locks are right, a file of one's own works."""
import argparse
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tools", "kidney"))
import verb_explore  # noqa: E402

TREE = None


def kidney(*arguments):
    result = subprocess.run([os.path.join(ROOT, "kidney"), "explore", *arguments, "--tree", TREE], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    return result.returncode, result.stdout, result.stderr


class Explore(unittest.TestCase):
    def found(self, name, failure, *options):
        status, out, err = kidney(name, *options)
        self.assertEqual(status, 1, out + err)
        self.assertIn(f"-> {failure}", out)
        schedule = out.split("--replay ")[1].split("\n")[0].strip("'")
        story = out.split("\n\n")[1]
        again = kidney(name, "--replay", schedule)
        self.assertEqual(again[:2], (1, story))
        return story

    def test_a_lost_wake_up(self):
        story = self.found("LostWakeUp", "nobody can go on: thread 0 sleeps thread 1 has ended")
        self.assertIn("full is 0\n" + 36 * " " + "full = 1\nsleeps\n", story)

    def test_a_reader_beside_a_writer(self):
        for search in verb_explore.SEARCHES:
            self.found("BrokenReaderWriterLock", "a reader beside a writer", "--search", search)

    def test_a_deadlock(self):
        for search in verb_explore.SEARCHES:
            self.found("Deadlock", "nobody can go on: thread 0 spins thread 1 spins", "--search", search)

    def test_the_locks_are_right(self):
        for name in verb_explore.names():
            if name not in ("LostWakeUp", "BrokenReaderWriterLock", "Deadlock"):
                status, out, err = kidney(name, "--preemptions", "1")
                self.assertEqual(status, 0, out + err)
                self.assertIn("and there are no others: no failure", out)

    def test_chance_says_what_it_may_have_missed(self):
        status, out, _ = kidney("TicketLock", "--search", "pct", "--runs", "500", "--depth", "2")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"a mistake of depth 2 in \d+ steps was missed with a probability of at most \d")
        self.assertEqual(kidney("TicketLock", "--search", "pct", "--runs", "500", "--depth", "2")[1], out)

    def test_all_have_names(self):
        status, out, _ = kidney()
        self.assertEqual(status, 0)
        self.assertEqual(sorted(line.split()[0] for line in out.splitlines()), sorted(verb_explore.names()))

    def test_what_is_wrong_is_said(self):
        status, _, err = kidney("Nobody")
        self.assertEqual(status, 2)
        self.assertIn("no scenario 'Nobody'. There are: ", err)
        self.assertIn("LostWakeUp", err)
        self.assertEqual(kidney("nowhere.cpp")[0], 2)
        self.assertEqual(kidney("Mutex", "Deadlock")[0], 2)
        self.assertEqual(kidney("Mutex", "--search", "dream")[0], 2)

    def test_a_file_of_ones_own_compiles(self):
        """Its program is built by ./kidney explore FILE alone, in the release tree; here it only has to be accepted."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "mine.cpp")
            with open(path, "w", encoding="utf-8") as file:
                file.write('#include "tests/scenarios/scenario.hpp"\n'
                           "struct Mine {\n    static constexpr std::size_t threads = 2;\n"
                           "    kidney::sim::ExploredCpu::Atomic<int> x{0};\n"
                           "    void run(std::size_t) { x.store(x.load() + 1); }\n"
                           '    void check() { kidney::sim::require(x.load() == 2, "lost"); }\n};\n'
                           'KIDNEY_SCENARIO(Mine, "mine");\n')
            with open(os.path.join(TREE, "own_scenarios.cpp"), encoding="utf-8") as file:
                before = file.read()
            own = os.path.join(TREE, "own_scenarios.cpp")
            try:
                with open(own, "w", encoding="utf-8") as file:
                    file.write(f'#include "{path}"\n')
                subprocess.run(["ninja", "-C", TREE, "explore_own"], check=True, stdout=subprocess.DEVNULL)
                program = os.path.join(TREE, "tests", "scenarios", "explore_own")
                result = subprocess.run([program, "Mine"], stdout=subprocess.PIPE, text=True)
                self.assertEqual(result.returncode, 1)
                self.assertIn("-> lost", result.stdout)
            finally:
                with open(own, "w", encoding="utf-8") as file:
                    file.write(before)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", required=True)
    options, rest = parser.parse_known_args()
    TREE = os.path.abspath(options.tree)
    unittest.main(argv=[sys.argv[0], *rest])

#!/usr/bin/env python3
"""The engine without a compiler: variants, what is taken from strange trees, own tests, forms of results, the sandbox."""
import concurrent.futures
import glob
import json
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock
import xml.etree.ElementTree as xml

COURSE = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
ROOT = os.path.dirname(COURSE)
sys.path[:0] = [os.path.join(COURSE, "engine"), os.path.join(ROOT, "tools", "kidney")]

import assignment  # noqa: E402
import figures  # noqa: E402
import frames_exact  # noqa: E402
import lots  # noqa: E402
import machine  # noqa: E402
import own_tests  # noqa: E402
import results  # noqa: E402
import sandbox  # noqa: E402
import schedules  # noqa: E402
import submission  # noqa: E402
import told  # noqa: E402
import workshop  # noqa: E402


class Variants(unittest.TestCase):
    def test_years_do_not_share_their_rules(self):
        for name in assignment.names():
            chosen = assignment.find(name)
            rules = [chosen.behaviour(year) for year in range(2000, 2064)]
            options = 1
            for choice in chosen.manifest["choices"]:
                options *= len(choice["options"])
            self.assertEqual(len(set(rules)), min(options, 64), name)

    def test_a_seed_is_a_variant_and_no_seed_the_first_of_all(self):
        chosen = assignment.find("1")
        self.assertEqual(chosen.variant("2026"), chosen.variant(2026))
        self.assertNotEqual(chosen.variant("ann"), chosen.variant("bob"))
        first = chosen.variant()
        for choice in chosen.manifest["choices"]:
            for key, value in choice["options"][0].items():
                self.assertEqual(first[key], value)

    def test_an_unknown_key_is_named(self):
        with self.assertRaisesRegex(assignment.Mistake, "@nobody@"):
            assignment.fill("x @nobody@", {"somebody": "y"})
        with self.assertRaisesRegex(assignment.Mistake, "01-frames"):
            assignment.find("99")


class Manifest(unittest.TestCase):
    def test_points_make_a_hundred(self):
        for name in assignment.names():
            manifest = assignment.find(name).manifest
            points = sum(sum(policy["points"].values()) for policy in manifest["policies"])
            points += max((gain for _, gain in manifest.get("race", {"steps": []})["steps"]), default=0)
            points += manifest.get("own_tests", {"points": 0})["points"]
            self.assertEqual(points, 100, name)

    def test_there_are_enough_mutants_and_each_differs_from_the_reference(self):
        for name in assignment.names():
            chosen = assignment.find(name)
            self.assertGreaterEqual(len(chosen.mutants), 15)
            for mutant in chosen.mutants:
                source = chosen.reference(mutant["policy"])
                self.assertEqual(source.count(mutant["find"]), 1, mutant["name"])
                points = next(policy["points"] for policy in chosen.manifest["policies"] if policy["key"] == mutant["policy"])
                self.assertIn(mutant["loses"], points, mutant["name"])

    def test_pictures_are_what_their_text_says(self):
        self.assertEqual(figures.main(["--check"]), 0)


class Submissions(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = folder.name
        os.makedirs(os.path.join(self.tree, "mm"))

    def problem(self, path="mm/x.hpp", limit=1000):
        handed = submission.read(self.tree, path, limit)
        self.assertIsNone(handed.data)
        return handed.problem

    def test_a_plain_file_is_taken(self):
        with open(os.path.join(self.tree, "mm/x.hpp"), "wb") as file:
            file.write("// größer\n".encode())
        self.assertEqual(submission.read(self.tree, "mm/x.hpp", 1000).text, "// größer\n")

    def test_what_is_no_plain_file_is_not(self):
        path = os.path.join(self.tree, "mm/x.hpp")
        self.assertIn("missing", self.problem())
        os.symlink("/etc/passwd", path)
        self.assertIn("not a plain file", self.problem())
        os.remove(path)
        os.mkfifo(path)
        self.assertIn("not a plain file", self.problem())
        os.remove(path)
        os.mkdir(path)
        self.assertIn("not a plain file", self.problem())
        if os.getuid() == 0:
            os.rmdir(path)
            os.mknod(path, 0o20666, os.makedev(1, 5))  # /dev/zero
            self.assertIn("not a plain file", self.problem())

    def test_folders_are_not_followed_either(self):
        os.symlink("/etc", os.path.join(self.tree, "up"))
        self.assertIn("not a plain file", self.problem("up/passwd"))

    def test_huge_and_binary_files_are_not(self):
        path = os.path.join(self.tree, "mm/x.hpp")
        with open(path, "wb") as file:
            file.truncate(1 << 40)
        self.assertIn("larger than 1000", self.problem())
        for data in (b"\xff\xfe", b"a\0b"):
            with open(path, "wb") as file:
                file.write(data)
            self.assertIn("not", self.problem())

    def test_names_that_are_no_text_can_be_told(self):
        with open(os.path.join(os.fsencode(self.tree), b"mm", b"\xff\n.hpp"), "wb"):
            pass
        self.assertEqual(submission.strange_names(self.tree), ["mm/\\xff\\x0a.hpp"])

    def test_includes(self):
        allowed = {"array", "kidney/core/address.hpp"}
        self.assertEqual(submission.forbidden_includes('auto a = R"x(\n#include <vector>\n)" )x"; int b = 1\'000; // it\'s "\n', allowed), [])
        fine = '#include <array>\n  # include "kidney/core/address.hpp" // yes\n// #include <vector>\n/* #include "x" */\n#pragma once\n'
        self.assertEqual(submission.forbidden_includes(fine, allowed), [])
        for text in ('#include "/etc/passwd"', "#include <vector>", "#inc\\\nlude <vector>", "%:include <vector>", "#include MACRO",
                     'auto a = R"(/*)";\n#include <vector>\nauto b = R"(*/)";', 'auto a = "/*";\n#include <vector>\nauto b = "*/";',
                     "char a = '\"'; /* \" */\n#include <vector>\n// \"", "#embed </dev/zero>", "#import <array>", "#/**/include <vector>", "#include_next <array>"):
            self.assertEqual(len(submission.forbidden_includes(text, allowed)), 1, text)


class OwnTests(unittest.TestCase):
    POLICIES = {"buddy": "buddy", "twins": "buddy"}

    def test_every_statement_is_understood(self):
        text = """
            test twins "all of them"   # a comment
                span 0x1000 64
                region 0x1000 8
                a = allocate 2
                refuse allocate 3
                free a
                expect free_frames 8
                expect a at 0x1000
                expect a apart a
                expect count 1
                trap free a
            test buddy "other traps"
                trap free a order 1
                trap free a plus 1
                trap free a order 1 plus 2
                trap free frame 0x2000 order 0
        """
        tests, complaints = own_tests.parse(text, self.POLICIES)
        self.assertEqual(complaints, [])
        self.assertEqual([(test.policy, test.name, len(test.steps)) for test in tests],
                         [("buddy", "all of them", 10), ("buddy", "other traps", 4)])

    def test_nonsense_is_told_with_its_line(self):
        for text, words in (("free a", "first line begins a test"), ('test cat "x"', "buddy, twins"), ('test buddy "x"\nfly', "line 2"),
                            ('test buddy "x\n', "line 1"), ('test buddy "x"\na = allocate -1', "not a number"),
                            ('test buddy "x"\na = allocate 999', "999"), ("\x00\x1b", "line 1")):
            _, complaints = own_tests.parse(text, self.POLICIES)
            self.assertTrue(complaints and words in complaints[0], (text, complaints))

    def test_there_is_an_end(self):
        tests, complaints = own_tests.parse('test buddy "x"\n' * 100_000, self.POLICIES)
        self.assertEqual((len(tests), len(complaints)), (own_tests.MOST_TESTS, 1))
        tests, complaints = own_tests.parse(('test buddy "x"\n' + "refuse allocate 10\n" * 1500) * 20, self.POLICIES)
        self.assertEqual((sum(len(test.steps) for test in tests), len(complaints)), (own_tests.MOST_STEPS, 1))
        (test,), _ = own_tests.parse('test buddy "all of memory"\nregion 0 0x100000\n', self.POLICIES)
        self.assertIn("at most", own_tests.Runner(None).run(test))


class Forms(unittest.TestCase):
    def grade(self, text):
        grade = results.Grade("=cmd|' /C calc'!A0", "01-frames", "")
        grade.note(text)
        grade.figures["figure"] = 12.5
        grade.results = [results.Result("buddy/F5", "a law", "broken", 6, expected=text, happened=text, calls=[text], reproduce=text),
                         results.Result("buddy/F1", "another", "kept", 3),
                         results.Result("buddy/F2", "a third", "not_judged", 4, happened=text, hidden=True)]
        return grade

    def test_all_carry_whatever_a_program_may_say(self):
        for text in ("", "]]>&<\"'", "\x00\x1b[31m\x07\x7f", "\udcff\ufffe\uffff", "```\n# x\n|||", "a\r\nb", "\u202e\u2066\u200f\u2028", "😀", "x" * 100_000):
            grade = self.grade(text)
            for form, (render, _) in results.FORMATS.items():
                said = render(grade)
                said.encode("utf-8")
                self.assertNotRegex(said, "[\u202e\u2066\u200f\u2028\x1b\x00]")
                self.assertLess(len(said), 80_000, form)
            suite = xml.fromstring(results.junit(grade))
            self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("skipped")), ("3", "1", "1"))
            self.assertEqual(len(suite.findall("testcase/failure")), 1)
            content = json.loads(results.gradescope(grade))
            self.assertEqual((content["score"], [test["score"] for test in content["tests"]]), (3, [0, 3, 0]))
            self.assertEqual(content["leaderboard"], [{"name": "figure", "value": 12.5, "order": "desc"}])
            self.assertEqual([test["visibility"] for test in content["tests"]], ["visible", "visible", "after_due_date"])

    def test_the_table_does_not_depend_on_the_order_and_has_no_formulas(self):
        one, two = self.grade("x"), results.Grade("bob", "01-frames", "")
        table = results.class_table([one, two])
        self.assertEqual(table, results.class_table([two, one]))
        self.assertIn("'=cmd", table)
        again = results.from_json(json.loads(json.dumps(one.as_json())))
        self.assertEqual(results.text(again), results.text(one))


class Sandbox(unittest.TestCase):
    LIMITS = {"cpu": 2, "wall": 30, "memory": 200, "file": 1 << 20, "processes": 12}

    @classmethod
    def setUpClass(cls):
        cls.secret = os.path.join(COURSE, "01-frames", "hidden.toml")
        cls.kind, why = sandbox.find_kind(cls.secret)
        if cls.kind is None:
            raise unittest.SkipTest(why)

    def run_in(self, script, **limits):
        with tempfile.TemporaryDirectory() as folder:
            report = os.path.join(folder, "limit")
            box = sandbox.Box(self.kind, {**self.LIMITS, **limits}, report=report)
            result = subprocess.run([*box.prefix(os.path.join(folder, "box")), "bash", "-c", script], stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
            return result.returncode, result.stdout, "".join(sandbox.limits_reached(report)) or None

    def test_nothing_of_ours_is_seen(self):
        status, said, _ = self.run_in(f"cat '{self.secret}'; ls '{ROOT}/course' /root; id -u; ls /proc | grep -c '^[0-9]*$'")
        self.assertNotIn("law_seeds", said)
        self.assertNotIn("engine", said)
        if self.kind == "bubblewrap":
            self.assertLess(int(said.split()[-1]), 8)  # processes: its own
            self.assertEqual(self.run_in("cat /proc/net/dev | tail -n +3 | grep -v lo:; touch /usr/x /x && echo made")[1], "")

    def test_nothing_is_left_of_one_that_was_killed_with_its_sandbox(self):
        for kind in self.kinds():
            with tempfile.TemporaryDirectory() as folder:
                os.chmod(folder, 0o755)
                box = sandbox.Box(kind, self.LIMITS)
                mark = f"9{os.getpid()}"
                with subprocess.Popen([*box.prefix(os.path.join(folder, "box")), "bash", "-c", f"setsid sleep {mark} & echo; sleep {mark}"],
                                      stdout=subprocess.PIPE) as process:
                    process.stdout.readline()
                    process.kill()
                deadline = time.monotonic() + 60
                while subprocess.run(["pgrep", "-x", "-f", f"sleep {mark}"], stdout=subprocess.DEVNULL).returncode == 0:
                    self.assertLess(time.monotonic(), deadline, kind)
                    time.sleep(0.1)

    def kinds(self):
        return {self.kind, "user"} if os.getuid() == 0 else {self.kind}

    def test_two_that_are_graded_at_once_do_not_see_each_other(self):
        for kind in self.kinds():
            with sandbox.private_folder() as (mine, group), sandbox.private_folder() as (other, _):
                for folder in (mine, other):
                    with open(os.path.join(folder, "work.hpp"), "w", encoding="ascii") as file:
                        file.write(f"in {folder}\n")
                box = sandbox.Box(kind, self.LIMITS, {"/work": mine}, group=group)
                command = ["bash", "-c", f"cat {box.path('/work/work.hpp')}; cat {other}/work.hpp; ls {other}; id -G >&2"]
                result = subprocess.run([*box.prefix(os.path.join(mine, "box")), *command], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
                self.assertEqual(result.stdout, f"in {mine}\n", kind)
            self.assertFalse(os.path.exists(mine))

    def test_nothing_is_left_where_everybody_may_write(self):
        for kind in self.kinds():
            places = [tempfile.mktemp(prefix="left-", dir=place) for place in ("/tmp", "/var/tmp", "/dev/shm")]
            with tempfile.TemporaryDirectory() as folder:
                box = sandbox.Box(kind, self.LIMITS)
                script = "; ".join(f"mkdir -p {place}/a && chmod 0 {place}/a; echo > {place}.file" for place in places)
                subprocess.run([*box.prefix(os.path.join(folder, "box")), "bash", "-c", script], stderr=subprocess.DEVNULL)
            self.assertEqual([name for place in places for name in glob.glob(place + "*")], [], kind)

    def test_ends_with_who_waits_for_it(self):
        for kind in self.kinds():
            mark = f"8{os.getpid()}"
            with tempfile.TemporaryDirectory() as folder:
                box = sandbox.Box(kind, self.LIMITS)
                start = shlex.join([*box.prefix(os.path.join(folder, "box")), "sleep", mark])
                with subprocess.Popen(["sh", "-c", f"{start} & echo; exec sleep 60"], stdout=subprocess.PIPE) as shell:
                    shell.stdout.readline()
                    while subprocess.run(["pgrep", "-x", "-f", f"sleep {mark}"], stdout=subprocess.DEVNULL).returncode != 0:
                        time.sleep(0.1)
                    shell.kill()
                deadline = time.monotonic() + 60
                while subprocess.run(["pgrep", "-x", "-f", f"sleep {mark}"], stdout=subprocess.DEVNULL).returncode == 0:
                    self.assertLess(time.monotonic(), deadline, kind)
                    time.sleep(0.1)

    def test_memory_is_not_had_as_files(self):
        if self.kind == "bubblewrap":
            self.assertEqual(self.run_in("for f in /dev/shm /dev /run /var; do echo x > $f/file && echo $f; done")[1], "")
            self.assertNotIn("17", self.run_in("for i in $(seq 20); do head -c 1000000 /dev/zero > /tmp/$i || exit; echo $i; done")[1].split())

    def test_limits(self):
        self.assertEqual(self.run_in("while :; do :; done")[2], "cpu")
        self.assertEqual(self.run_in("sleep 1000 & sleep 1000", wall=1)[2], "wall")
        self.assertEqual(self.run_in("x=$(head -c 400000000 /dev/zero | tr '\\0' x); sleep 20", cpu=20)[2], "memory")
        # Each link of the chain sleeps, so that it takes no time, and none is ever reaped.
        status, said, limit = self.run_in("for i in $(seq 100); do sleep 60 & done; echo $(jobs -r | wc -l)", wall=15)
        self.assertTrue(limit == "wall" or status != 0 or int(said) <= 12, (status, said, limit))

    def test_who_reaches_limits_again_and_again_is_not_started_any_more(self):
        with tempfile.TemporaryDirectory() as folder:
            report = os.path.join(folder, "limit")
            with open(report, "w", encoding="ascii") as file:
                file.write("cpu\ncpu\n")
            box = sandbox.Box(self.kind, self.LIMITS, report=report)
            result = subprocess.run([*box.prefix(os.path.join(folder, "box")), "echo", "started"], stdout=subprocess.PIPE, text=True)
            self.assertEqual((result.returncode, result.stdout), (sandbox.STATUS_LIMIT, ""))

    def test_what_was_started_ends_with_it(self):
        self.assertEqual(self.run_in("sleep 54321 & echo started")[1], "started\n")
        left = subprocess.run(["pgrep", "-f", "sleep 54321"], stdout=subprocess.PIPE, text=True).stdout
        self.assertEqual(left, "")


class Programs(unittest.TestCase):
    def test_trees_that_are_graded_at_once_may_ask_for_the_same_program_first(self):
        with tempfile.TemporaryDirectory() as cache, \
                unittest.mock.patch.multiple(workshop, CACHE=cache), \
                unittest.mock.patch.object(workshop.Workshop, "_made", lambda self, label, arguments, extra="": arguments[0]), \
                concurrent.futures.ThreadPoolExecutor(8) as pool:
            shop = workshop.Workshop()
            for number in range(100):
                together = threading.Barrier(8)

                def ask(_, source=f"// {number}\n" * 100, together=together):
                    together.wait()
                    return shop.from_text(source, lambda header, _root: [header])
                self.assertEqual(len(set(pool.map(ask, range(8)))), 1)
            self.assertEqual({name for folder in os.scandir(cache) for name in os.listdir(folder)}, {"policy.hpp"})


class InTurn:
    """A round robin, right unless `mistake` says otherwise."""

    def __init__(self, quantum=4000, mistake=None):
        self.queue, self.quantum, self.mistake, self.used = [], quantum, mistake, 0

    def one(self, op, a=0, b=0, why=0, now=0, ran=0):
        value = 0
        if op == "N":
            self.queue = []
        elif op == "e":
            self.queue.insert(0 if self.mistake == "last first" else len(self.queue), a)
        elif op == "r":
            self.queue.remove(self.queue[-1] if self.mistake == "removes another" else a)
        elif op == "p":
            self.used = 0
            value = self.queue.pop(0) if self.queue and not (self.mistake == "idles" and len(self.queue) == 3) else 0
            if self.mistake == "picks twice" and len(self.queue) == 5:
                self.queue.append(value)
        elif op == "c":
            self.used += ran
            value = int(self.used >= self.quantum and bool(self.queue))
        return value, len(self.queue) + (self.mistake == "counts wrong" and len(self.queue) > 7)

    def all(self, rows):
        return [(b"d", *self.one(*row[:6])) for row in rows]


class Schedules(unittest.TestCase):
    def test_a_machine_does_what_books_say(self):
        """Silberschatz, Galvin and Gagne: 24, 3 and 3 under round robin with a quantum of 4."""
        plan = machine.Plan([machine.Task(name, [(1000 * ms, 0)], forever=False) for name, ms in (("A", 24), ("B", 3), ("C", 3))], 40_000, tick=1000)
        asked = InTurn()
        played = machine.Machine(plan, lambda *question: asked.one(*question)[0]).run()
        self.assertEqual(played.slices, [(0, 4000, 1), (4000, 7000, 2), (7000, 10000, 3), (10000, 30000, 1)])
        lines = machine.gantt(plan, {"expected": played.slices}, 7000)
        self.assertTrue(lines[0].startswith("expected  AAAABBBCCCA"), lines)
        self.assertEqual(lines[1].index("^"), lines[0].index("C"))
        self.assertIn("task B { compute 3000 us; yield }", machine.tasks_text(plan))
        self.assertEqual(vars(machine.plan_from_json(json.loads(json.dumps(plan.to_json()))).tasks[0]), vars(plan.tasks[0]))

    def test_a_machine_ends_whatever_a_policy_answers(self):
        plan = machine.Plan([machine.Task("A", [(1000, 1000)])], 10_000_000)
        for answer in (0, 1, 7, -1):
            played = machine.Machine(plan, lambda op, *_, answer=answer: answer if op == "p" else 1)
            try:
                played.run()
            except machine.Ended:
                self.assertTrue(played.calls)

    def test_books_are_kept(self):
        for keeps, mistakes in ((schedules.keeps_books, (None, "last first")), (schedules.keeps_order, (None, "last first"))):
            for mistake in mistakes:
                self.assertIsNone(keeps(InTurn(mistake=mistake), lots.Random(5)), mistake)
        for mistake in ("removes another", "idles", "picks twice", "counts wrong"):
            found = schedules.keeps_books(InTurn(mistake=mistake), lots.Random(5))
            self.assertTrue(found and found["happened"] and found["calls"], mistake)
        self.assertIn("in the order", schedules.keeps_order(InTurn(mistake="removes another"), lots.Random(5))["happened"])

    def test_the_first_difference_is_the_first(self):
        names = told.SchedulerWords(["level_of", "load_avg", "recent_cpu", "priority_of"])
        rows = [["N", 0, 0, 0, 0, 0, None, 0, ""], ["e", 1, 0, 0, 0, 0, None, 1, ""], ["e", 2, 0, 0, 0, 0, None, 2, ""],
                ["p", 0, 0, 0, 0, 0, 1, 1, "A came first"], ["c", 1, 0, 0, 5000, 5000, 0, 1, "a slice of 10 ms"], ["p", 0, 0, 0, 6000, 0, 1, 1, ""]]
        found = schedules.first_difference(InTurn(), rows, names)
        self.assertEqual(found["expected"], "charge(A, 5 ms) -> keep running. Why: a slice of 10 ms")
        self.assertEqual((found["at"], found["happened"]), (5000, "at 5 ms: charge(A, 5 ms) -> preempt"))
        self.assertIsNone(schedules.first_difference(InTurn(20_000), rows[:5], names))
        short = InTurn()
        short.all = lambda rows: InTurn().all(rows)[:2]
        self.assertEqual(schedules.first_difference(short, rows, names)["verdict"], "crashed")

    def test_the_model_of_4_4bsd_counts_as_the_kernels_own_does(self):
        """Thirty seconds, ticks of each, where priorities change with slices: to the tick (tests/unit/sched/bsd_test.cpp)."""
        chosen = assignment.find("2")
        plays = schedules.model_of(chosen)
        for nice, ticks in (((0, 0), [1500, 1500]), ((0, 5), [1900, 1100]), (range(10), [672, 588, 496, 408, 316, 228, 152, 92, 40, 8])):
            decider = plays.MODELS["bsd"]({**chosen.variant(), "each_charge": "false"})
            plan = machine.Plan([machine.Task(f"t{n}", [(100_000_000, 0)], nice=n) for n in nice], 30_000_000)
            played = machine.Machine(plan, lambda *question, decider=decider: decider.answer(*question)[0]).run()
            self.assertEqual([task.served // 10_000 for task in played.tasks], ticks)
            # The last second ends with the play.
            self.assertAlmostEqual(decider.load / (1 << 14), len(nice) * (1 - (59 / 60) ** 29), delta=0.01 * len(nice))


class Plans(unittest.TestCase):
    def test_they_are_the_same_for_ever(self):
        plan = frames_exact.make_plan(5)
        self.assertEqual(plan.calls[:4], [('a', 0, 3), ('a', 1, 1), ('a', 2, 1), ('f', 0)])
        self.assertEqual([call[2] for call in plan.calls[240:]], [*range(10, -1, -1), 0, 0, 1])
        names = [call[1] for call in plan.calls if call[0] == "f"]
        self.assertEqual(len(names), len(set(names)))


if __name__ == "__main__":
    unittest.main()

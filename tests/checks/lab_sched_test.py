#!/usr/bin/env python3
"""./kidney lab sched: every policy gets through every workload, the books balance, shards join to what one run says."""
import argparse
import json
import os
import subprocess
import sys
import unittest
from xml.etree import ElementTree

from lab_case import ROOT, LabCase, content, lab as lab_of
from perfetto_reader import File, Waking
from project import policy_slots  # noqa: E402
import lab_import  # noqa: E402
import lab_quiz  # noqa: E402
import lab_sched  # noqa: E402

TREE = None


def lab(*arguments):
    return lab_of("sched", *arguments)


class Lab(LabCase):
    def measure(self, name, *arguments):
        result = lab("--tree", TREE, "--json", self.path(name), *arguments)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return self.path(name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def test_the_program_and_the_verb_know_the_same_policies(self):
        names = subprocess.check_output([os.path.join(TREE, "bench", "lab", "sched_lab"), "--list"], text=True).split()
        slots = {slot["slot"]: slot["values"] for slot in policy_slots().values()}
        self.assertEqual(names, [*slots["scheduler"], *lab_sched.BY_NAME])

    def test_what_is_asked_is_checked_before_anything_runs(self):
        for arguments, words in ((("--policy", "nosuch"), ("nosuch", "cfs", "stcf")),
                                 (("--workload", "nosuch"), ("nosuch", "mix", "dhall")),
                                 (("--workload", "no/such.tasks"), ("no/such.tasks",)),
                                 (("--memory", "8"), ("--memory", "frames"))):
            result = lab("--tree", TREE, *arguments)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertEqual(result.stdout, "")
            for word in words:
                self.assertIn(word, result.stderr)

    def test_a_mistake_in_a_workload_is_told_with_its_place(self):
        for text, place, words in (
                ("until 1 s\ntask a { comput 1 ms }", "2:10", "compute"),
                ("until 1 s\ntask a { compute 1 }", "2:18", "unit"),
                ("task a { forever { compute 1 ms } }", "1:36", "until"),
                ("until 1 s\ntask a { wait gate }", "2:15", "semaphore gate"),
                ("until 1 s\ntask a { forever { } }", "2:20", "nothing"),
                ("until 1 s\ntask a {\n  compute 1 ms\n", "4:1", "'}'"),
                ("task a nice 20 { compute 1 ms }", "1:13", "nice"),
                ("task a reserve 5 ms every 3 ms { compute 1 ms }", "1:27", "runtime"),
                ("until 1 s", "1:10", "at least one task")):
            path = self.write("mine.tasks", text)
            result = lab("--tree", TREE, "--workload", path)
            self.assertEqual(result.returncode, 2, text)
            self.assertIn(f"mine.tasks:{place}: ", result.stderr, text)
            self.assertIn(words, result.stderr)

    def test_the_books_of_every_policy_and_workload_balance(self):
        whole = json.loads(content(self.measure("all.json", "--seeds", "1")))
        self.assertEqual(len(whole["runs"]), len(whole["policies"]) * len(whole["workloads"]))
        for run in whole["runs"]:
            with self.subTest(policy=run["policy"], workload=run["workload"]):
                self.assertGreater(run["span"], 0)
                cpus = run["inputs"]["cpus"]
                overhead = sum(run[key] for key in ("switching", "ticking", "interrupted", "refilling"))
                # A cost that is booked is done a moment later.
                self.assertAlmostEqual(run["user"] + overhead + run["idle"], cpus * run["span"], delta=1e-4 * cpus * run["span"])
                service = sum(kind["service"] for kind in run["kinds"])
                self.assertEqual(service, cpus * run["span"] - run["idle"])
                for kind in run["kinds"]:
                    for name in ("latency", "response", "slowdown"):
                        told = kind[name]
                        self.assertEqual(sum(count for _, count in told["curve"]), told["count"])
                        self.assertTrue(told["p50"] <= told["p90"] <= told["p99"] <= told["p999"] <= told["max"])
                # Of one CPU: never idle while somebody waits, unless the policy holds somebody back.
                if cpus == 1 and run["policy"] != "edf":
                    self.assertEqual(run["idle_while_waiting"], 0)
                if run["policy"] == "eevdf":
                    self.assertTrue(any("eligible, deadline" in why for why in run["why"]))
                last = {}
                for cpu, task, start, end, why, since, _ in run["slices"]:
                    self.assertLessEqual(last.get(cpu, 0), start)
                    self.assertLessEqual(since, start)
                    self.assertLessEqual(start, end)
                    self.assertLess(why, len(run["why"]))
                    last[cpu] = end

    def test_the_same_again_and_in_shards_are_the_same_bytes(self):
        few = ("--workload", "mix", "--workload", "four_cpus", "--policy", "cfs", "--policy", "lottery", "--seeds", "2")
        once = self.measure("once.json", "--csv", self.path("once.csv"), *few)
        parts = [self.measure(f"{k}.json", "--shard", f"{k}/3", *few) for k in (1, 2, 3)]
        joined = lab("--merge", *parts, "--json", self.path("joined.json"), "--csv", self.path("joined.csv"))
        self.assertEqual(joined.returncode, 0, joined.stderr)
        for kind in ("json", "csv"):
            self.assertEqual(content(self.path(f"once.{kind}")), content(self.path(f"joined.{kind}")))
        self.assertEqual(content(once), content(self.measure("again.json", *few)))
        seeds = {run["trace"] for run in json.loads(content(once))["runs"]}
        self.assertEqual(len(seeds), 8, "another seed or policy, the same decisions")

    def test_it_shows_what_each_policy_is_good_at(self):
        chosen = [word for name in ("mix", "weights", "sleeper", "gaming") for word in ("--workload", name)]
        whole = json.loads(content(self.measure("x.json", "--seeds", "1", *chosen)))
        runs = {(run["workload"], run["policy"]): run for run in whole["runs"]}
        figures = {key: lab_sched.figures(run) for key, run in runs.items()}
        for policy in ("stride", "eevdf", "cfs"):
            served = {kind["name"]: kind["service"] for kind in runs["weights", policy]["kinds"]}
            for share, name in ((1, "one"), (2, "two"), (4, "four"), (8, "eight")):
                self.assertAlmostEqual(served[name] / 10e9, share / 15, delta=0.01)
            self.assertLess(figures["mix", policy]["latency_p99_us"], figures["mix", "round_robin"]["latency_p99_us"])
        self.assertLess(figures["weights", "round_robin"]["fairness_100ms"], 0.75)
        # No bound for lotteries; for EEVDF a request of 3 ms and a tick of 10.
        self.assertLess(figures["weights", "eevdf"]["most_lag_ms"], 15)
        # Whoever sleeps just before its slice ends gains nothing from MLFQ.
        served = {kind["name"]: kind["service"] for kind in runs["gaming", "mlfq"]["kinds"]}
        self.assertLess(served["sleeper"], 2 * served["honest"])

    def test_ground_truth_is_shown_and_can_be_wrong(self):
        shown = lab("--tree", TREE, "--ground-truth")
        self.assertEqual(shown.returncode, 0, shown.stdout)
        self.assertIn("0 of them do not hold", shown.stdout)
        self.assertIn("P1 ####......####################\n", shown.stdout)
        wrong = self.write("mine.tasks", 'unit 1 ms; tick 1; free\ntask A { compute 3 }\ncase "mine" { policy fifo\n'
                           "  expect ends 4\n  expect schedule A[0,3)\n}")
        shown = lab("--tree", TREE, "--ground-truth", wrong)
        self.assertEqual(shown.returncode, 1)
        self.assertIn("NOT  ends: expected 4  (line 4)", shown.stdout)
        self.assertIn("2 expectations, 1 of them do not hold", shown.stdout)
        unknown = lab("--tree", TREE, "--ground-truth", "G999")
        self.assertEqual(unknown.returncode, 2)
        self.assertIn("G72", unknown.stderr)

    def test_schedules_are_drawn_for_papers(self):
        chart = self.path("chart.svg")
        self.measure("x.json", "--seeds", "1", "--workload", "weights", "--policy", "round_robin", "--policy", "cfs", "--svg", chart)
        root = ElementTree.parse(chart).getroot()
        space = "{http://www.w3.org/2000/svg}"
        self.assertGreater(len(root.findall(f"{space}rect")), 40)
        self.assertTrue({"round_robin", "cfs", "eight"} <= {words.text for words in root.findall(f"{space}text")})
        for rect in root.findall(f"{space}rect")[1:]:
            self.assertLessEqual(float(rect.get("x")) + float(rect.get("width")), float(root.get("width")))
        several = lab("--tree", TREE, "--seeds", "1", "--policy", "cfs", "--workload", "mix", "--workload", "weights", "--svg", chart)
        self.assertEqual(several.returncode, 2)
        self.assertIn("--workload", several.stderr)

    def test_perfetto_reads_the_schedule_that_was_simulated(self):
        trace = self.path("x.pftrace")
        path = self.measure("x.json", "--seeds", "1", "--workload", "four_cpus", "--policy", "cfs", "--perfetto", trace)
        run = json.loads(content(path))["runs"][0]
        with open(trace, "rb") as file:
            read = File(file.read())
        stays, woken = [], 0
        for cpu, events in read.cpus.items():
            running, last = None, 0
            for event in events:
                self.assertLessEqual(last, event.at)
                last = event.at
                if isinstance(event, Waking):
                    woken += 1
                    continue
                if running:
                    self.assertEqual(event.prev_pid, running[0])
                    stays.append([cpu, running[0] - 1, running[1], event.at])
                running = (event.next_pid, event.at) if event.next_pid else None
        self.assertEqual({tid: name for tid, (_, name) in read.threads.items()},
                         {index + 1: task["name"] for index, task in enumerate(run["tasks"])})
        self.assertEqual(list(read.processes.values()), ["four_cpus under cfs"])
        self.assertEqual(sorted(stays), sorted(slice_[:4] for slice_ in run["slices"]))
        self.assertGreater(woken, 40)

    def test_workloads_of_others_are_read(self):
        app = self.write("app.json", """/* an example */ {
            "tasks": {
                "thread 0": {"instance": 2, "loop": -1, "priority": 5,
                             "run": 20000, "lock": "m", "iorun": 5, "unlock": "m", "sleep": 80000, "run": 1000, },
                "rt": {"policy": "SCHED_FIFO", "priority": 99, "delay": 1000, "loop": -1, "run0": 1000, "timer0": {"ref": "t", "period": 10000}},
                "dl": {"policy": "SCHED_DEADLINE", "dl-runtime": 2000, "dl-period": 20000, "loop": 3,
                       "phases": {"one": {"loop": 2, "run": 500}, "two": {"suspend": "", "sleep": 5}}},
                "waker": {"loop": -1, "sleep": 1000, "resume": "dl", "yield": ""}
            },
            "global": {"duration": 2}}""")
        result = lab("--tree", TREE, "--seeds", "1", "--policy", "fixed_priority", "--workload", app, "--json", self.path("app.out"))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("iorun (1)", result.stderr)
        kinds = {kind["name"]: kind for kind in json.loads(content(self.path("app.out")))["runs"][0]["kinds"]}
        self.assertEqual(list(kinds), ["thread_0", "rt", "dl", "waker"])
        self.assertEqual((kinds["rt"]["jobs"], kinds["rt"]["missed"]), (200, 0))
        self.assertEqual(kinds["thread_0"]["started"], 2)
        self.assertAlmostEqual(kinds["dl"]["service"], 3 * 2 * 500e3, delta=1e5)

        switches = self.write("mine.ftrace", """
 a-1 [000] d... 1.000000: sched_switch: prev_comm=swapper prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=a next_pid=1 next_prio=120
 a-1 [000] d... 1.002000: sched_switch: prev_comm=a prev_pid=1 prev_prio=120 prev_state=R+ ==> next_comm=b next_pid=2 next_prio=110
 b-2 [000] d... 1.005000: sched_switch: prev_comm=b prev_pid=2 prev_prio=110 prev_state=S ==> next_comm=a next_pid=1 next_prio=120
 a-1 [000] d... 1.006000: sched_waking: comm=b pid=2 prio=110 target_cpu=000
 a-1 [000] d... 1.007000: sched_switch: prev_comm=a prev_pid=1 prev_prio=120 prev_state=X ==> next_comm=b next_pid=2 next_prio=110
 b-2 [000] d... 1.008000: sched_switch: prev_comm=b prev_pid=2 prev_prio=110 prev_state=S ==> next_comm=swapper next_pid=0 next_prio=120
""")
        made = lab_import.as_tasks(switches, content(switches))
        self.assertIn("task a nice 0 at 0 ns {\n    compute 4000000 ns\n}", made)
        self.assertIn("task b nice -10 at 2000000 ns {\n    compute 3000000 ns\n    sleep 1000000 ns\n    compute 1000000 ns\n}", made)
        self.measure("y.json", "--seeds", "1", "--policy", "cfs", "--workload", switches)

        own = self.write("own.trace", "kidney-sched-trace 2 policy=cfs cpu=0 seed=1 quantum=0 records=5 dropped=0\n"
                         "e 7 3 started 31 1024 0 1000\np 1200 7\nc 7 31 5000000 5001200 keep\nl 7 blocked 5001200\n"
                         "e 7 3 woken 31 1024 0 6001200\nc 7 31 2000 6003200 keep\nend\n")
        made = lab_import.as_tasks(own, content(own))
        self.assertIn("compute 5000000 ns\n    sleep 1000000 ns\n    compute 2000 ns", made)
        self.measure("z.json", "--seeds", "1", "--policy", "eevdf", "--workload", own)

        broken = self.write("broken.json", '{"tasks": {"a": {"run": "long"}}}')
        refused = lab("--tree", TREE, "--workload", broken)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("run of task a is 'long'", refused.stderr)

    def test_the_courses_machine_is_this_one(self):
        """What ./kidney grade writes beside a picture is a workload, and its machine decides in the same order."""
        sys.path.insert(0, os.path.join(ROOT, "course", "engine"))
        import machine
        tasks = [machine.Task("A", [(24_000, 5_000)]), machine.Task("B", [(3_000, 0), (2_500, 10_000)], start=4_000),
                 machine.Task("C", [(30_000, 0)], start=15_000, forever=False), machine.Task("D", [(700, 1_300)], start=60_000)]
        plan, queue, used = machine.Plan(tasks, 200_000), [], 0

        def in_turn(op, a, _b, _why, _now, ran):
            nonlocal used
            if op == "e":
                queue.append(a)
            elif op == "p":
                used = 0
                return queue.pop(0) if queue else 0
            elif op == "c":
                used += ran
                return int(bool(queue) and used >= 10_000)
            return 0
        played = machine.Machine(plan, in_turn).run()
        result = json.loads(content(self.measure("plan.json", "--workload", self.write("plan.tasks", machine.tasks_text(plan)), "--policy", "round_robin",
                                                 "--seeds", "1")))
        (run,) = result["runs"]
        self.assertEqual([kind["service"] // 1000 for kind in run["kinds"]], [task.served for task in played.tasks])
        self.assertEqual(run["idle"] // 1000, plan.until - sum(task.served for task in played.tasks))

    def test_every_quiz_can_be_answered(self):
        program = os.path.join(TREE, "bench", "lab", "sched_lab")
        asked = set()
        for seed in range(1, 40):
            question = lab_quiz.Question(seed)
            answer = lab_quiz.Answer(program, question)
            asked.add(question.policy)
            self.assertEqual([answer.order.count(name) for name in question.names], question.bursts)
            right = "\n".join(["".join(answer.order), *(" ".join(map(str, answer.of_each(key))) for key in ("turnaround", "wait"))])
            wrong = "".join(answer.order[:2]) + "?"
            if seed > 8:
                continue
            for text, status, words in ((right, 0, "3 of 3"), (wrong, 1, "first wrong step: in tick 2")):
                played = subprocess.run([os.path.join(ROOT, "kidney"), "lab", "sched", "--tree", TREE, "--quiz", str(seed)],
                                        input=text, stdout=subprocess.PIPE, text=True)
                self.assertEqual(played.returncode, status, played.stdout)
                self.assertIn(words, played.stdout)
        self.assertEqual(asked, set(lab_quiz.POLICIES))

    def test_balancers_make_the_difference_on_four_cpus(self):
        fair = {}
        for balancer in ("work_stealing", "balanced"):
            path = self.measure(f"{balancer}.json", "--seeds", "1", "--policy", "cfs", "--workload", "four_cpus", "--balancer", balancer)
            run = json.loads(content(path))["runs"][0]
            self.assertEqual(run["inputs"]["balancer"], balancer)
            fair[balancer] = lab_sched.figures(run)["fairness_100ms"]
        self.assertGreater(fair["balanced"], fair["work_stealing"] + 0.2)
        bound = lab("--tree", TREE, "--seeds", "1", "--policy", "cfs", "--workload", self.write("b.tasks", "task a on 3 { compute 1 ms }"))
        self.assertEqual(bound.returncode, 1)
        self.assertIn("none of the CPUs", bound.stdout)

    def test_a_policy_that_never_ends_costs_its_own_runs(self):
        endless = self.write("endless.tasks", "until 1 s\nsemaphore s 1\ntask a { forever { wait s; signal s } }")
        result = lab("--tree", TREE, "--workload", endless, "--policy", "cfs", "--seeds", "1")
        self.assertEqual(result.returncode, 1)
        self.assertIn("goes on for ever", result.stdout)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", required=True)
    known, rest = parser.parse_known_args()
    TREE = known.tree
    unittest.main(argv=[sys.argv[0], *rest])

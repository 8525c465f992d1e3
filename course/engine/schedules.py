"""How schedulers are judged: plays, in which each answer is compared with what the rules say.

A play is a list of calls with what each has to say and why. The instructor's tree makes plays of the assignment's model;
a student's tree has a few of them as data. What differs first is told: the call, what was expected and from what it
follows, the calls before it; and of a play on a whole machine the schedules, both, around that moment.
"""
import importlib
import json
import os
import struct
import sys

import machine
from lots import Random
from machine import Ended, Machine
from results import Result
from subject_process import Subject, TooSlow
from told import DonationWords, SchedulerWords, letter, ms

QUESTION = struct.Struct("<cBHHHqq")  # judge/schedule_wire.hpp
ANSWER = struct.Struct("<c3xiI")
KIT = ("include/kidney", "sched/policies/virtual_time.hpp", "course/judge/schedule_subject.cpp", "course/judge/donation_subject.cpp",
       "course/judge/schedule_wire.hpp", "course/judge/process.hpp")
BOOKS = {"S1": "pick_next() returns exactly what was enqueued and not removed, each once, and nobody only if nobody is queued; size() counts them",
         "S5": "remove() takes out any queued entity and no other; the order of the others does not change"}
LAST_CALLS = 12  # that are told
WORDS = SchedulerWords(())  # for who looks at nothing


class Lost(Exception):
    """No answer that could be compared: (verdict, what happened)."""


class Asked:
    """A policy's process, question by question."""

    def __init__(self, command):
        self.subject = Subject(command, QUESTION, ANSWER)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.subject.stop()

    def all(self, questions):
        """[(outcome, value, size)] for [op, a, b, why, now, ran, ...] in microseconds; fewer if the program ended."""
        try:
            return self.subject.ask([(row[0].encode(), row[3], row[1], row[2], 0, row[4] * 1000, row[5] * 1000) for row in questions])
        except TooSlow:
            raise Lost("slow", "400 000 000 steps (branches) made: that is the limit for all calls of a play") from None

    def one(self, op, a=0, b=0, why=0, now=0, ran=0):
        """(value, size), or Lost."""
        answers = self.all([[op, a, b, why, now, ran]])
        if not answers:
            raise Lost("crashed", "the program ended (a wild pointer, a hook that is in two lists, an overflow)")
        lost = what_is_wrong(answers[0])
        if lost:
            raise Lost(*lost)
        return answers[0][1:]


def what_is_wrong(answer):
    """(verdict, words) of an answer that is none; None if it is one."""
    return {b"d": None, b"t": ("crashed", "an invariant failed"), b"s": ("broken", "a pointer to nobody"),
            b"x": ("broken", "there is no such member function"),
            b"l": ("endless", "more than 1 000 000 steps (branches) in this call")}.get(answer[0], ("broken", "an answer that is none"))


class SchedulesJudge:
    def __init__(self, grader):
        self.grader, self.assignment, self.values = grader, grader.assignment, grader.values
        self.settings = grader.manifest["schedules"]
        self.words = {"schedule": SchedulerWords(self.settings["values"]), "donation": DonationWords()}
        self._plays = {}

    def prepare(self):
        pass

    def kit(self):
        return {path: path for path in KIT}

    @staticmethod
    def handed_out(assignment, values):
        """{path: text}: the plays that a student's tree has."""
        model, seeds = model_of(assignment), assignment.given["seeds"]
        return {f"course/{assignment.name}/plays/{policy['key']}-{law}.json":
                json.dumps(model.plays(values, policy["key"], law, seeds[law[0]]), separators=(",", ":"))
                for policy in assignment.manifest["policies"] for law in policy["points"] if law not in BOOKS}

    def tests(self, policy):
        return [*policy["points"], *policy.get("gates", []), *(["race"] if self.is_racer(policy) else [])]

    def is_racer(self, policy):
        return self.grader.manifest.get("race", {}).get("policy") == policy["key"]

    def title(self, test):
        return BOOKS.get(test) or self.settings["laws"].get(test, test)

    def most(self, policy, test):
        return max(points for _, points in self.grader.manifest["race"]["steps"]) if test == "race" else policy["points"].get(test, 0)

    def programs(self, _tests):
        return ["exact"]

    def arguments(self, _kind, header, policy, values, root):
        return self.grader.workshop.schedule_arguments(header, policy, values, root)

    # --- plays ---

    def plays(self, policy, law):
        key = policy["key"]
        if (key, law) not in self._plays:
            self._plays[key, law] = self.played(key, law, self.grader.tests["seeds"])
        return self._plays[key, law]

    def played(self, key, law, seeds):
        model = model_of(self.assignment)
        if model is not None:
            return model.plays(self.values, key, law, seeds[law[0]])
        with open(os.path.join(self.assignment.folder, "plays", f"{key}-{law}.json"), encoding="utf-8") as file:
            return json.load(file)

    # --- verdicts ---

    def judge(self, grade, bench, policy, programs, wanted):
        grader, key = self.grader, policy["key"]
        verdicts = {}
        for test in wanted:
            box = grader.box(bench, "run", programs["exact"])
            command = grader.boxed(bench, box, [programs["exact"]], "box.json")
            result = self.race(command, grade, verdicts, policy) if test == "race" else \
                self.books(command, test, key) if test in BOOKS else self.law(command, test, policy, grade)
            ended = grader.limit_of(box)
            if ended and result["verdict"] == "crashed":
                result.update(verdict="endless", happened=ended)
            verdicts[test] = result["verdict"]
            result.setdefault("reproduce", grader.again(f"{key}/{test}"))
            grade.results.append(Result(f"{key}/{test}", self.title(test), most=self.most(policy, test), **result))

    def law(self, command, law, policy, grade):
        for play in self.plays(policy, law):
            with Asked(command) as asked:
                try:
                    found = first_difference(asked, play["rows"], self.words[policy.get("asks", "schedule")])
                except Lost as lost:
                    return {"verdict": lost.args[0], "expected": "a policy that does less in each call", "happened": lost.args[1]}
            if found:
                if "plan" in play:
                    self.draw(command, play, found, grade, f"{policy['key']}-{law}", policy)
                hidden = not self.grader.given_only and play["seed"] not in self.assignment.given["seeds"][law[0]]
                if hidden:
                    found["reproduce"] = f"{self.grader.again(policy['key'] + '/' + law)}, which has other plays; the calls above as a test of your own"
                return {**{key: value for key, value in found.items() if key != "at"}, "hidden": False}
        return {"verdict": "kept"}

    def draw(self, command, play, found, grade, name, policy):
        """Both schedules around the first difference, and the machine as a workload for the laboratory."""
        plan = machine.plan_from_json(play["plan"])
        with Asked(command) as asked:
            mine = Machine(plan, lambda *question: asked.one(*question)[0])
            try:
                plan_until, plan.until = plan.until, min(plan.until, found["at"] + 60_000)
                mine.run()
            except (Ended, Lost):
                pass  # as far as it came
            plan.until = plan_until
        schedules = {"expected": [tuple(piece) for piece in play["slices"]], "yours": mine.slices}
        grade.files[f"{name}.tasks"] = machine.tasks_text(plan)
        called = self.values.get(policy["key"], policy["key"])
        found["picture"] = [*machine.gantt(plan, schedules, found["at"]), "",
                            f"drawn, with reasons: ./kidney lab sched --policy {called} --policy round_robin --workload build/grades/{name}.tasks "
                            "--seeds 1 --html picture.html"]

    # --- S1 and S5: a shadow keeps the books ---

    def books(self, command, law, key):
        for seed in self.grader.tests["seeds"]["S"]:
            with Asked(command) as asked:
                try:
                    found = (keeps_books if law == "S1" else keeps_order)(asked, Random(seed * 77 + 5))
                except Lost as lost:
                    found = {"verdict": lost.args[0], "happened": lost.args[1]}
            if found:
                return found
        return {"verdict": "kept"}

    # --- the race ---

    def race(self, command, grade, verdicts, policy):
        settings = self.grader.manifest["race"]
        broken = [law for law in policy.get("gates", []) if verdicts.get(law, "kept") != "kept"]
        if broken:
            return {"verdict": "not_judged", "happened": f"does not run: {', '.join(broken)} not kept"}
        plan = race_plan(settings, self.grader.tests["race_seed"])
        with Asked(command) as asked:
            mine = Machine(plan, lambda *question: asked.one(*question)[0])
            try:
                mine.run()
            except Lost as lost:
                return {"verdict": lost.args[0], "happened": f"after {ms(mine.now)}: {lost.args[1]}"}
            except Ended as ended:
                return {"verdict": "broken", "points": 0, "happened": str(ended)}
        quick = [task for task in mine.tasks if task.task.name.startswith("ui")]
        rest = [task for task in mine.tasks if task not in quick]
        responses = [response for task in quick for response in task.responses]
        throughput = 100 * sum(task.served for task in rest) / plan.until
        least = min(100 * task.served / plan.until for task in rest)
        mean = sum(responses) / len(responses) if responses else plan.until
        figure = round(100 * settings["work_us"] / mean, 1)
        said = (f"{figure}: {len(responses)} responses of {mean / 1000:.2f} ms on average; the others had {throughput:.1f} % of the CPU, none less than "
                f"{least:.1f} %; {mine.switches} switches")
        most = self.most(policy, "race")
        steps = ", ".join(f"{at} for {gain} points" for at, gain in settings["steps"])
        if throughput < settings["least_throughput"] or least < settings["least_share"]:
            return {"verdict": "broken", "points": 0, "expected": f"at least {settings['least_throughput']} % of the CPU for those that compute, and "
                    f"{settings['least_share']} % for each", "happened": said}
        grade.figures["work per response time (%)"] = figure
        points = max((gain for at, gain in settings["steps"] if figure >= at), default=0)
        return {"verdict": "kept" if points == most else "broken", "points": points, "expected": steps, "happened": said}


def race_plan(settings, seed):
    """Interactive tasks beside some that compute; one of these sleeps just before a slice of 10 ms would end."""
    random, work = Random(seed), settings["work_us"]
    tasks = [machine.Task(f"ui{i}", [(work, 40_000 + 1000 * random.below(21)) for _ in range(5)], 1000 * random.below(50)) for i in range(20)]
    tasks += [machine.Task(f"hog{i}", [(1_000_000, 1000)]) for i in range(3)] + [machine.Task("gamer", [(9_900, 100)])]
    return machine.Plan(tasks, settings["until_ms"] * 1000, switch_cost=settings["switch_us"])


def model_of(assignment):
    """The module that makes plays, or None in a tree that has none."""
    if not os.path.exists(os.path.join(assignment.folder, "plays.py")):
        return None
    if assignment.folder not in sys.path:
        sys.path.insert(0, assignment.folder)
    return importlib.import_module("plays")


# --- Comparing ---

def first_difference(asked, rows, words):
    answers = asked.all(rows)
    for i, row in enumerate(rows):
        if i >= len(answers):
            wrong = ("crashed", "the program ended (a wild pointer, a hook that is in two lists, an overflow)")
        else:
            wrong = what_is_wrong(answers[i])
        expected = row[6]
        if wrong is None and (expected is None or answers[i][1] == expected):
            continue
        verdict, happened = wrong or ("broken", words.said(row, answers[i][1]))
        return {"verdict": verdict, "at": row[4],
                "happened": f"{words.when(row)}: {happened}" if wrong is None else f"{words.when(row)}, in {words.call(row)}: {happened}",
                "expected": f"{words.said(row, expected)}. Why: {row[8]}" if expected is not None else f"{words.call(row)} to end well",
                "calls": [words.line(r) for r in [r for r in rows[:i] if r[0] not in words.looks][-LAST_CALLS:]]}
    return None


class Diary:
    """Asks, and remembers the calls."""

    def __init__(self, asked):
        self.asked, self.rows, self.now = asked, [], 0

    def __call__(self, op, a=0, b=0, why=0, ran=0):
        self.now += ran
        row = [op, a, b, why, self.now, ran]
        try:
            value, size = self.asked.one(*row)
        except Lost as lost:
            raise Lost(lost.args[0], f"{WORDS.call(row)}: {lost.args[1]}") from None
        self.rows.append([*row, value])
        return value, size

    def wrong(self, what):
        return {"verdict": "broken", "happened": what, "calls": [WORDS.said(row, row[6]) for row in self.rows[-LAST_CALLS:]]}


def keeps_books(asked, random):
    ask, queued, running, ran = Diary(asked), set(), None, 5000
    ask("N")
    new = set(range(1, 25))
    for _ in range(500):
        e, dice = 1 + random.below(24), random.below(8)
        if dice < 3 and e not in queued and e != running:
            _, size = ask("e", e, why=0 if e in new else 1)
            new.discard(e)
            queued.add(e)
        elif dice == 3 and e in queued:
            _, size = ask("r", e)
            queued.discard(e)
        elif dice < 6 and running is not None:
            ask("c", running, ran=ran)
            again = random.below(3)
            if again:
                _, size = ask("e", running, why=1 + again)
                queued.add(running)
            else:
                _, size = ask("x", running)
            running = None
        elif running is None:
            picked, size = ask("p")
            if picked not in queued and (picked or queued):
                return ask.wrong(f"pick_next() returned {letter(picked)}, and queued are: {', '.join(map(letter, sorted(queued))) or 'nobody'}")
            queued.discard(picked)
            running = picked or None
        else:
            continue
        if size != len(queued):
            return ask.wrong(f"size() is {size}, and {len(queued)} are queued")
    while queued:
        picked, _ = ask("p")
        if picked not in queued:
            return ask.wrong(f"pick_next() returned {letter(picked)}, and queued are: {', '.join(map(letter, sorted(queued)))}")
        queued.discard(picked)
    if ask("p")[0]:
        return ask.wrong("pick_next() returned somebody although nobody is queued")
    return None


def keeps_order(asked, random):
    """The same with and without one that is removed."""
    for victim in range(1, 9):
        orders = []
        for removes in (False, True):
            ask = Diary(asked)
            lots = Random(victim * 13 + 1)
            ask("N", why=victim % 2)
            for e in range(1, 9):  # what they did lately differs
                ask("e", e)
                if ask("p")[0] != e:
                    return ask.wrong(f"{letter(e)} is alone, and is not picked")
                for _ in range(lots.below(5)):
                    ask("c", e, ran=10_000)
                ask("x", e)
            for e in sorted(range(1, 9), key=lambda _: lots.below(100)):
                ask("e", e, why=1)
            if removes:
                ask("r", victim)
            orders.append([ask("p")[0] for _ in range(8 - removes)])
        without = [e for e in orders[0] if e != victim]
        if orders[1] != without or 0 in orders[0]:
            return ask.wrong(f"without {letter(victim)} they come in the order {' '.join(map(letter, orders[1]))}, with it in the order "
                             f"{' '.join(map(letter, orders[0]))}")
    return None

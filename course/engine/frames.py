"""How frame allocators are judged: laws F1 to F8 (tests/judge), places and counts beside the reference (frames_exact.py),
the race against fragmentation (judge/race.cpp)."""
import json
import os

import frames_exact
from assignment import fill
from results import Result
from sandbox import STATUS_LIMIT
from workshop import captured

EXACT = {"P1": "places blocks as the assignment says", "S1": "counts what the assignment asks for"}


# All that a policy is compiled with. Of mm/frames it gets nothing: its books are its own.
KIT = ("include/kidney", "tests/support/std_cpu.hpp", "tests/laws/frames", "tests/laws/report.hpp", "tests/judge/subject.cpp",
       "tests/judge/subject.hpp", "tests/judge/steps.hpp", "course/judge/subject.cpp", "course/judge/wire.hpp", "course/judge/process.hpp")


class FramesJudge:
    def __init__(self, grader):
        self.grader, self.workshop, self.manifest = grader, grader.workshop, grader.manifest

    def prepare(self):
        """What is compiled once for all trees."""
        for program in (self.workshop.judge, self.workshop.race, self.workshop.world):
            program()

    def kit(self):
        return {**{path: path for path in KIT}, "world.o": self.workshop.world()}

    @staticmethod
    def handed_out(_assignment, _values):
        """{path: text}: what a student's tree has besides; these laws need nothing."""
        return {}

    def tests(self, policy):
        return [*dict.fromkeys([*policy["points"], *policy.get("gates", [])]), *(["race"] if self.is_racer(policy["key"]) else [])]

    def title(self, test):
        return EXACT.get(test) or ("the race" if test == "race" else "a law of the contract")

    def most(self, policy, test):
        return self.race_points(None)[1] if test == "race" else policy["points"].get(test, 0)

    def programs(self, tests):
        """The kinds of programs that these tests need."""
        return [*(["laws"] if any(test not in EXACT and test != "race" for test in tests) else []),
                *(["exact"] if any(test in EXACT or test == "race" for test in tests) else [])]

    def arguments(self, kind, header, policy, values, root):
        if kind == "laws":
            return self.workshop.law_arguments(header, policy, values, root, os.path.join(root, "world.o"))
        return self.workshop.exact_arguments(header, policy, values, root)

    def judge(self, grade, bench, policy, programs, wanted):
        laws = [law for law in wanted if law.startswith("F")]
        verdicts = self.judge_laws(grade, bench, policy, programs["laws"], laws) if laws else {}
        for test in EXACT:
            if test in wanted:
                self.judge_exact(grade, bench, policy, programs["exact"], test, policy["points"][test])
        if "race" in wanted:
            self.race(grade, bench, policy, programs["exact"], verdicts)

    def judge_laws(self, grade, bench, policy, program, wanted):
        """{law: verdict}; adds results for those that are wanted."""
        grader, key = self.grader, policy["key"]
        box = grader.box(bench, "run", program)
        file = os.path.join(bench.folder, "laws.json")
        if os.path.exists(file):
            os.remove(file)
        command = [self.workshop.judge(), "--json", file, "--seeds", str(grader.tests["law_seeds"]), "--largest-order", "10",
                   "--reproduce", f"./kidney grade --only {key}/{{law}}"]
        started = grader.boxed(bench, box, [program], "laws-box.json")
        command += ["--via", " ".join(started[:-1])] if started[:-1] else []
        only = grader.only.partition("/")[2] if grader.only else ""
        command += ["--law", only] if only.startswith("F") else []
        captured([*command, "--subject", started[-1]], 1 << 20, bench.folder)
        try:
            with open(file, encoding="utf-8") as opened:
                content = json.load(opened)
        except (OSError, ValueError):
            content = {"complete": False, "laws": []}
        found = {entry["law"]: entry for entry in content["laws"]}
        grade.steps[key] = {"play": max((entry["steps_of_a_play"] for entry in found.values()), default=0),
                            "law": max((entry["steps"] for entry in found.values()), default=0)}
        # Who serves nothing keeps many a law.
        idle = found.get("F2", {}).get("verdict") == "not_judged"
        ended = grader.limit_of(box)
        for law in wanted:
            entry = found.get(law)
            if entry is None:
                grade.results.append(Result(f"{key}/{law}", self.title(law), "not_judged", policy["points"].get(law, 0),
                                            happened=ended or "the judge came to no verdict", reproduce=grader.again(f"{key}/{law}")))
                continue
            verdict = entry["verdict"]
            expected, happened = split_message(entry["message"])
            if verdict == "slow" and "steps" in policy:
                play, law_total = (round(policy["steps"][what] / 1e6) for what in ("play", "law"))
                expected += f" (the reference makes at most {play} million in a play, {law_total} million for a law)"
            if ended and verdict == "crashed" and happened.endswith(f"exit status {STATUS_LIMIT}"):
                verdict, happened = "endless", happened.removesuffix(f" ended the program: exit status {STATUS_LIMIT}")
            if verdict == "kept" and (idle or not content["complete"]):
                verdict, happened = "not_judged", "easily kept by who serves nothing" if idle else "the judge was interrupted"
            grade.results.append(Result(
                f"{key}/{law}", entry["text"], verdict, policy["points"].get(law, 0), expected=expected or
                (entry["text"] if verdict != "kept" else ""), happened=happened + (f" ({ended})" if ended and verdict != "kept" else ""),
                calls=entry["calls"], reproduce=grader.again(f"{key}/{law}"), hidden=False))
        return {law: entry["verdict"] for law, entry in found.items()} if content["complete"] else {}

    def judge_exact(self, grade, bench, policy, program, law, most):
        grader, key = self.grader, policy["key"]
        reference = grader.reference(key)
        if reference is None:
            grade.results.append(Result(f"{key}/{law}", EXACT[law], "not_judged", most,
                                        happened="needs a right solution to compare with: is judged when it is handed in"))
            return
        box = grader.box(bench, "exact", program, address_space=True)
        command = grader.boxed(bench, box, [program], "exact-box.json")
        verdict, expected, happened, calls, _ = frames_exact.compare(command, reference, law, grader.tests["exact_seeds"],
                                                                     fill(policy.get("count", ""), grader.values))
        ended = grader.limit_of(box)
        if ended and verdict == "crashed":
            verdict, happened = "endless", ended
        grade.results.append(Result(f"{key}/{law}", EXACT[law], verdict, most, expected=expected, happened=happened, calls=calls,
                                    reproduce=f"as a test in own-tests.txt, then {grader.again('own-tests')}",
                                    hidden=not grader.given_only))

    # --- the race ---

    def is_racer(self, key):
        return self.manifest.get("race", {}).get("policy") == key

    def race_points(self, figure):
        steps = self.manifest["race"]["steps"]
        reached = [points for least, points in steps if figure is not None and figure >= least]
        return max(reached, default=0), max(points for _, points in steps)

    def race(self, grade, bench, policy, program, verdicts):
        grader, key = self.grader, f"{policy['key']}/race"
        title = "keeps memory whole: percent of what is free in blocks of 2 MiB, mean of four protocols"
        broken = [law for law in policy.get("gates", []) if verdicts.get(law) != "kept"]
        if grader.only == key:
            broken = []
        most = self.race_points(None)[1]
        if broken:
            grade.results.append(Result(key, title, "not_judged", most, happened=f"does not run: {', '.join(broken)} not kept",
                                        reproduce=grader.again(policy["key"])))
            return
        box = grader.box(bench, "run", program, address_space=True)
        command = [self.workshop.race(), str(grader.tests["race_seed"]), *grader.boxed(bench, box, [program], "race-box.json")]
        _, text = captured(command, 1 << 16, bench.folder, errors=False)
        try:
            content = json.loads(text)
        except ValueError:
            content = {"complete": False, "message": "the race came to no end"}
        if not content["complete"]:
            ended = grader.limit_of(box)
            grade.results.append(Result(key, title, content.get("verdict", "crashed"), most, happened=ended or content["message"],
                                        reproduce=grader.again(key)))
            return
        points, _ = self.race_points(content["figure"])
        figures = ", ".join(f"{name} {value}" for name, value in content["protocols"].items())
        steps = ", ".join(f"{least} for {gain} points" for least, gain in self.manifest["race"]["steps"])
        grade.figures["whole 2 MiB blocks (%)"] = content["figure"]
        grade.results.append(Result(key, title, "kept" if points == most else "broken", most, points, expected=steps,
                                    happened=f"{content['figure']} ({figures})", reproduce=grader.again(key)))


def split_message(message):
    """"expected A, saw B" -> (A, B)."""
    before, saw, after = message.partition(", saw ")
    if saw and before.startswith("expected "):
        return before.removeprefix("expected "), after
    return "", message

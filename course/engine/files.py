"""How file systems are judged: judge/files_judge.cpp holds the disk, and asks the submission's process (judge/files_subject.cpp)
what the laws ask. Nothing that a submission says of itself decides: after a crash, and at the end of a law, the disk is read."""
import json
import os

from results import Result
from workshop import captured

# The frame around the parts is ours; in a student's tree the other parts are there, too, the student's own.
KIT = ("include/kidney", "fs/vsfs", "course/judge/files_subject.cpp", "course/judge/files/life.hpp", "course/judge/files/wire.hpp")
CRASHES = ("C1", "C2", "C3", "C4")  # by a program without sanitizers: a life for each of some thousand states


class FilesJudge:
    def __init__(self, grader):
        self.grader, self.workshop, self.manifest = grader, grader.workshop, grader.manifest

    def prepare(self):
        """What is compiled once for all trees."""
        self.workshop.files_judge()

    @staticmethod
    def kit():
        return {path: path for path in KIT}

    @staticmethod
    def handed_out(_assignment, _values):
        return {}

    @staticmethod
    def tests(policy):
        return list(policy["points"])

    def title(self, test):
        return self.manifest["laws"].get(test, "a law of file systems (include/kidney/fs)")

    @staticmethod
    def most(policy, test):
        return policy["points"].get(test, 0)

    @staticmethod
    def programs(tests):
        return [*(["laws"] if any(test not in CRASHES for test in tests) else []), *(["crash"] if any(test in CRASHES for test in tests) else [])]

    def arguments(self, kind, _header, _policy, _values, root):
        return self.workshop.files_arguments(kind, root)

    def judge(self, grade, bench, policy, programs, wanted):
        grader, key = self.grader, policy["key"]
        for law in wanted:
            program = programs["crash" if law in CRASHES else "laws"]
            box = grader.box(bench, "run", program)
            file = os.path.join(bench.folder, "law.json")
            if os.path.exists(file):
                os.remove(file)
            command = [self.workshop.files_judge(), "--law", law, "--size", grader.tests["size"], "--seed", str(grader.tests["seed"]), "--json", file, "--",
                       *grader.boxed(bench, box, [program], "law-box.json")]
            captured(command, 1 << 16, bench.folder)
            found = read(file)
            ended = grader.limit_of(box)
            if found is None:
                found = {"verdict": "not_judged", "expected": "", "happened": ended or "the judge came to no verdict", "calls": [], "story": "", "note": ""}
            elif ended and found["verdict"] == "crashed":
                found.update(verdict="endless", happened=ended)
            grade.results.append(Result(f"{key}/{law}", self.title(law), found["verdict"], self.most(policy, law), expected=found["expected"],
                                        happened=found["happened"], calls=found["calls"], picture=found["story"].splitlines(),
                                        reproduce=grader.again(f"{key}/{law}")))


def read(file):
    """A verdict that is whole, or None."""
    try:
        with open(file, encoding="utf-8") as opened:
            found = json.load(opened)
    except (OSError, ValueError):
        return None
    return found if found.get("verdict") in ("kept", "broken", "crashed", "endless") else None

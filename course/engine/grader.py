"""Grades one tree: takes what may be handed in, compiles it in a sandbox, has the judges judge, and writes down why.

Nothing that the tree says decides anything; no clock does either. What goes wrong in a submission is a result.
"""
import json
import os
import re
import subprocess

import own_tests
import submission
from assignment import Mistake, fill
from files import FilesJudge
from frames import FramesJudge
from results import Grade, Result
from sandbox import Box, limits_reached, private_folder
from schedules import SchedulesJudge
from workshop import COMMON, COMPILER, WARNINGS, Bench, Workshop, captured

JUDGES = {"files": FilesJudge, "frames": FramesJudge, "schedules": SchedulesJudge}  # the manifest's `judge`
LIMITS = {"cpu": "it used {cpu} s of CPU time", "wall": "it did not end within {wall} s",
          "memory": "it used more than {memory} MiB of memory", "written": "it wrote more than 512 MiB", "output": "it printed more than {output} bytes"}


class Grader:
    """For many trees of one assignment and variant. `kind` is a sandbox's, or None to do without."""

    def __init__(self, assignment, seed, kind, given_only=False, only=None):
        self.assignment, self.seed, self.kind = assignment, seed, kind
        self.values = assignment.variant(seed)
        self.manifest = assignment.manifest
        self.given_only = given_only or not assignment.hidden
        self.tests = assignment.given if self.given_only else {**assignment.given, **assignment.hidden}
        self.workshop = Workshop()
        self.policies = {policy["key"]: policy for policy in self.manifest["policies"]}
        self.judge = JUDGES[self.manifest["judge"]](self)
        self.only = only and self.test_called(only)
        self.judge.prepare()

    def test_called(self, name):
        """What --only names, a policy by its key or as the variant calls it: next_fit, carousel_fit/F4, own-tests."""
        part, slash, test = name.partition("/")
        keys = {self.values.get(key, key): key for key in self.policies} | {key: key for key in self.policies}
        key = keys.get(part, part)
        known = {"own-tests": []} if "own_tests" in self.manifest else {}
        for policy in self.policies.values():
            known[policy["key"]] = self.judge.tests(policy)
        if key not in known or (slash and test not in known[key]):
            raise Mistake(f"there is no test '{name}'; there are: " +
                          ", ".join(f"{key} ({' '.join(tests)})" if tests else key for key, tests in known.items()))
        return key + slash + test

    # --- programs that are trusted ---

    def reference(self, key):
        """The command of the reference, or None in a tree that has none."""
        source = self.assignment.reference(key)
        return None if source is None else [self.trusted(fill(source, self.values), key)]

    def mutants(self):
        """[(policy, name, command)]."""
        return [(mutant["policy"], mutant["name"],
                 [self.trusted(self.mutated(mutant), mutant["policy"])])
                for mutant in self.assignment.mutants]

    def trusted(self, source, key):
        """A solution of ours, from its text, as a program that answers as a student's does."""
        return self.workshop.from_text(source, lambda header, root: self.judge.arguments("exact", header, self.policies[key], self.values, root))

    def mutated(self, mutant):
        return fill(mutated(self.assignment, mutant), self.values)

    # --- one tree ---

    def grade(self, tree, name=None):
        grade = Grade(submission.printable(name or os.path.basename(os.path.abspath(tree))), self.assignment.name,
                      self.values["variant"])
        if not os.path.isdir(tree):
            grade.note("there is no such folder")
        handed = submission.take(tree, self.assignment, self.values) if os.path.isdir(tree) else {}
        if os.path.isdir(tree):
            self.look_around(tree, grade)
        with Bench(self.judge.kit()) as bench:
            for policy in self.policies.values():
                self.grade_policy(grade, bench, policy, handed)
            self.grade_own_tests(grade, bench, handed)
        return grade

    def wanted(self, key):
        return self.only is None or key == self.only or key.split("/")[0] == self.only

    def look_around(self, tree, grade):
        said = submission.read(tree, "course/handout.json", 10_000)
        try:
            variant = json.loads(said.text)["variant"] if said.data else None
        except (ValueError, TypeError, KeyError, RecursionError):
            variant = None
            grade.note("course/handout.json is not as it was handed out")
        if isinstance(variant, str) and variant != self.values["variant"]:
            grade.note(f"the tree was made for variant '{variant[:40]}'; it is graded for variant '{self.values['variant']}'")
        for name in submission.strange_names(tree):
            grade.note(f"a file name that is no UTF-8: {name}")
        if not self.given_only:
            import student_tree
            ours = student_tree.contents(self.assignment, self.seed)
            permitted = {fill(name, self.values) for name in self.manifest["files"]}
            changed = submission.changed_files(tree, ours, permitted)
            if changed:
                more = f" and {len(changed) - 8} more" if len(changed) > 8 else ""
                grade.note(f"changed, and not used (ours are): {', '.join(changed[:8])}{more}")

    def box(self, bench, limits, program, address_space=False):
        """Which limits a program reaches is remembered for all its runs: one that never ends does not take them each time."""
        report = os.path.join(bench.folder, f"{limits}-{os.path.basename(program)}.limit")
        writable = limits == "compile"
        folders = {"/kit": bench.kit, "/work": bench.work}
        if not writable:
            folders["/out"] = bench.out
        return Box(self.kind, self.manifest["limits"][limits], folders, {"/out": bench.out} if writable else {},
                   address_space, report, bench.group)

    def boxed(self, bench, box, command, file):
        """The command in the box; as it is, without a sandbox."""
        command = [inside_path(box, word) for word in command]
        return [*(box.prefix(os.path.join(bench.folder, file)) if self.kind else []), *command]

    def compile(self, bench, policy, kind):
        """(program as the box knows it, None), or (None, why not)."""
        key = policy["key"]
        header, output = fill(policy["file"], self.values), f"/out/{key}.{kind}"
        arguments = self.judge.arguments(kind, header, policy, self.values, "/kit")
        box = self.box(bench, "compile", output, address_space=True)
        command = self.boxed(bench, box, [COMPILER, *COMMON, *WARNINGS, "-I/work", "-I/kit", "-I/kit/include",
                                          *arguments, "-o", output], "compile.json")
        most = self.manifest["limits"]["compile"]["output"]
        status, text = captured(command, most, bench.work)
        if status == 0:
            return output, None
        for inside in ("/work/", "/kit/"):
            text = text.replace(bench.folder + inside, "").replace(inside, "")
        text = same_each_time(text)
        why = self.limit_of(box) or f"the compiler said:\n{text}"
        return None, f"it does not compile: {why}"

    @staticmethod
    def limit_of(box):
        reached = limits_reached(box.report)
        return LIMITS[reached[0]].format(**box.limits) if reached else None

    def again(self, key):
        return f"./kidney grade --only {key}"

    # --- a policy ---

    def grade_policy(self, grade, bench, policy, all_handed):
        key, handed = policy["key"], all_handed.get(fill(policy["file"], self.values))
        wanted = [test for test in self.judge.tests(policy) if self.wanted(f"{key}/{test}")]
        if not wanted:
            return
        why, programs = self.unusable(handed), {}
        if why is None and "with" in policy:
            bench.clear()
            for other in (all_handed.get(fill(self.policies[name]["file"], self.values)) for name in policy["with"]):
                if self.unusable(other) is None:
                    bench.put(other.path, other.data)
        if why is None:
            bench.put(handed.path, handed.data)
            for kind in self.judge.programs(wanted):
                programs[kind], why = self.compile(bench, policy, kind)
                if why is not None:
                    break
        if why is None:
            self.judge.judge(grade, bench, policy, programs, wanted)
            return
        grade.results.append(Result(f"{key}/build", policy["title"], "broken", expected=f"{fill(policy['file'], self.values)}"
                                    " that compiles", happened=why, reproduce=self.again(key)))
        for test in self.judge.tests(policy):
            grade.results.append(Result(f"{key}/{test}", self.judge.title(test), "not_judged", self.judge.most(policy, test),
                                        happened="there is no program to judge, see above"))

    def unusable(self, handed):
        if handed is None:
            return "the file is missing"
        if handed.problem:
            return handed.problem
        wrong = submission.forbidden_includes(handed.text, set(self.manifest["includes"]["allowed"]))
        return f"it includes what the assignment does not allow: {'; '.join(wrong[:5])}" if wrong else None

    # --- the student's own tests ---

    def grade_own_tests(self, grade, bench, handed):
        settings = self.manifest.get("own_tests")
        if not settings or not self.wanted("own-tests"):
            return
        title, most = "your own tests find the mistakes of others", settings["points"]
        file = handed.get(settings["file"])
        if file is None or file.problem:
            grade.results.append(Result("own-tests", title, "broken", most, expected=settings["file"],
                                        happened=file.problem if file else "the file is missing", reproduce=self.again("own-tests")))
            return
        names = {name: key for key in settings["policies"] for name in (key, self.values.get(key, key))}
        tests, complaints = own_tests.parse(file.text, names)
        references = {key: self.reference(key) for key in settings["policies"]}
        if None in references.values():
            lines = [f"tests that could be read: {len(tests)}; they are run on the reference when they are handed in",
                     *self.own_tests_on_own_policies(bench, handed, settings, tests), *complaints]
            grade.results.append(Result("own-tests", title, "broken" if complaints else "not_judged", most,
                                        happened="\n".join(lines), reproduce=self.again("own-tests")))
            return
        # What a stranger has them do is done in a sandbox, too; and not in that of the submission, which could read them.
        with private_folder() as (folder, group):
            box = Box(self.kind, self.manifest["limits"]["exact"], {"/programs": folder}, address_space=True, group=group)
            references = {key: self.shelved(box, folder, command) for key, command in references.items()}
            mutants = [(policy, name, self.shelved(box, folder, command)) for policy, name, command in self.mutants()]
            sound, refused, caught, missed = own_tests.score(tests, references, mutants)
        total = len(caught) + len(missed)
        lines = complaints + [f'line {test.line}, "{test.name}": not even the reference passes: {why}' for test, why in refused.items()]
        lines.append(f"{len(sound)} sound tests catch {len(caught)} of {total} wrong policies")
        grade.results.append(Result("own-tests", title, "kept" if not missed else "broken", most,
                                    round(most * len(caught) / max(total, 1), 1), expected=f"all {total} wrong policies caught",
                                    happened="\n".join(lines), reproduce=self.again("own-tests"), hidden=not self.given_only))

    def shelved(self, box, folder, command):
        """A program of ours as a command in this box, which sees this folder."""
        if not self.kind:
            return command
        name = os.path.basename(command[0])
        # Not by ourselves: a child that another thread forks meanwhile would have the copy open for writing, and what is
        # being written cannot be started.
        subprocess.run(["cp", "--", command[0], os.path.join(folder, name)], check=True)
        return [*box.prefix(os.path.join(folder, "box.json")), box.path(f"/programs/{name}")]

    def own_tests_on_own_policies(self, bench, handed, settings, tests):
        """A line for each test that does not agree with the student's policy: one of the two is wrong."""
        lines = []
        for key in settings["policies"]:
            policy, mine = self.policies[key], [test for test in tests if test.policy == key]
            file = fill(policy["file"], self.values)
            why = self.unusable(handed.get(file)) if mine else None
            if mine and why is None:
                bench.put(file, handed[file].data)
                program, why = self.compile(bench, policy, "exact")
            if why is not None:
                lines.append(f"{file}: {why}")
            elif mine:
                command = self.boxed(bench, self.box(bench, "exact", program, address_space=True), [program], "own-box.json")
                found = [f'line {test.line}, "{test.name}": with your {file}: {what}'
                         for test, what in own_tests.run(command, mine).items() if what]
                lines += found or [f"{file} passes {len(mine)} of {len(mine)}"]
        return lines


def same_each_time(text):
    """What a compiler says, without what is different each time: names of its own files, where it was when it failed."""
    text = text.partition("PLEASE submit a bug report")[0]
    return re.sub(r"/tmp/(?:box-\w+/)?(\w+)-[0-9a-f]{6}\.o", r"\1.o", text)


def inside_path(box, word):
    """An argument as the program in the box has to get it."""
    flag = "-I" if word.startswith("-I/") else ""
    return flag + box.path(word[len(flag):]) if word[len(flag):].startswith("/") else word


def mutated(assignment, mutant):
    source = assignment.reference(mutant["policy"])
    if mutant["find"] not in source:
        raise Mistake(f"mutant '{mutant['name']}': its text is not in the reference")
    return source.replace(mutant["find"], mutant["replace"], 1)

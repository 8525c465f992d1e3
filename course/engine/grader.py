"""Grades one tree: takes what may be handed in, compiles it in a sandbox, has the judges judge, and writes down why.

Nothing that the tree says decides anything; no clock does either. What goes wrong in a submission is a result.
"""
import json
import os
import re
import subprocess

import exact
import own_tests
import submission
from assignment import Mistake, fill
from results import Grade, Result
from sandbox import STATUS_LIMIT, Box, limits_reached, private_folder
from workshop import COMMON, COMPILER, WARNINGS, Bench, Workshop, exact_arguments, law_arguments

EXACT = {"P1": "places blocks as the assignment says", "S1": "counts what the assignment asks for"}
LEASH = ["setpriv", "--pdeathsig", "KILL"]  # what we start ends with us, however we end
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
        self.only = only and self.test_called(only)
        for program in (self.workshop.judge, self.workshop.race, self.workshop.world):
            program()

    def test_called(self, name):
        """What --only names, a policy by its key or as the variant calls it: next_fit, carousel_fit/F4, own-tests."""
        part, slash, test = name.partition("/")
        keys = {self.values.get(key, key): key for key in self.policies} | {key: key for key in self.policies}
        key = keys.get(part, part)
        known = {"own-tests": []} if "own_tests" in self.manifest else {}
        for policy in self.policies.values():
            known[policy["key"]] = [*dict.fromkeys([*policy["points"], *policy.get("gates", [])]),
                                    *(["race"] if self.is_racer(policy["key"]) else [])]
        if key not in known or (slash and test not in known[key]):
            raise Mistake(f"there is no test '{name}'; there are: " +
                          ", ".join(f"{key} ({' '.join(tests)})" if tests else key for key, tests in known.items()))
        return key + slash + test

    # --- programs that are trusted ---

    def reference(self, key):
        """The command of the reference, or None in a tree that has none."""
        path = os.path.join("reference", f"{key}.hpp.in")
        if not os.path.exists(os.path.join(self.assignment.folder, path)):
            return None
        return [self.workshop.exact_subject(fill(self.assignment.read(path), self.values), self.policies[key], self.values)]

    def mutants(self):
        """[(policy, name, command)]."""
        return [(mutant["policy"], mutant["name"],
                 [self.workshop.exact_subject(self.mutated(mutant), self.policies[mutant["policy"]], self.values)])
                for mutant in self.assignment.mutants]

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
        with Bench(self.workshop) as bench:
            for policy in self.policies.values():
                self.grade_policy(grade, bench, policy, handed.get(fill(policy["file"], self.values)))
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

    def compile(self, bench, policy, exact_one):
        """(program as the box knows it, None), or (None, why not)."""
        key = policy["key"]
        header, output = fill(policy["file"], self.values), f"/out/{key}.{'exact' if exact_one else 'laws'}"
        arguments = exact_arguments(header, policy, self.values, "/kit") if exact_one else \
            law_arguments(header, policy, self.values, "/kit", "/kit/world.o")
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

    def grade_policy(self, grade, bench, policy, handed):
        key, points = policy["key"], policy["points"]
        keys = list(dict.fromkeys([*points, *policy.get("gates", [])]))
        if self.only and not any(self.wanted(f"{key}/{law}") for law in [*keys, "race"]):
            return
        why = self.unusable(handed)
        laws = exact_program = None
        if why is None:
            bench.put(handed.path, handed.data)
            if any(self.wanted(f"{key}/{law}") for law in keys if law not in EXACT):
                laws, why = self.compile(bench, policy, exact_one=False)
        if why is None and any(self.wanted(f"{key}/{test}") for test in [*EXACT, "race"]):
            exact_program, why = self.compile(bench, policy, exact_one=True)
        if why is not None:
            grade.results.append(Result(f"{key}/build", policy["title"], "broken", expected=f"{fill(policy['file'], self.values)}"
                                        " that compiles", happened=why, reproduce=self.again(key)))
            for law in keys:
                grade.results.append(Result(f"{key}/{law}", EXACT.get(law, "a law of the contract"), "not_judged",
                                            points.get(law, 0), happened="there is no program to judge, see above"))
            if self.is_racer(key):
                grade.results.append(Result(f"{key}/race", "the race", "not_judged", self.race_points(None)[1],
                                            happened="there is no program to judge, see above"))
            return
        verdicts = self.judge_laws(grade, bench, policy, laws, keys) if laws else {}
        for law in ("P1", "S1"):
            if law in points and self.wanted(f"{key}/{law}"):
                self.judge_exact(grade, bench, policy, exact_program, law, points[law])
        if self.is_racer(key) and self.wanted(f"{key}/race"):
            self.race(grade, bench, policy, exact_program, verdicts)

    def unusable(self, handed):
        if handed is None:
            return "the file is missing"
        if handed.problem:
            return handed.problem
        wrong = submission.forbidden_includes(handed.text, set(self.manifest["includes"]["allowed"]))
        return f"it includes what the assignment does not allow: {'; '.join(wrong[:5])}" if wrong else None

    def judge_laws(self, grade, bench, policy, program, laws):
        """{law: verdict}; adds results for those that have points, or gate."""
        key = policy["key"]
        wanted = [law for law in laws if law.startswith("F")]
        box = self.box(bench, "run", program)
        file = os.path.join(bench.folder, "laws.json")
        if os.path.exists(file):
            os.remove(file)
        command = [self.workshop.judge(), "--json", file, "--seeds", str(self.tests["law_seeds"]), "--largest-order", "10",
                   "--reproduce", f"./kidney grade --only {key}/{{law}}"]
        started = self.boxed(bench, box, [program], "laws-box.json")
        command += ["--via", " ".join(started[:-1])] if started[:-1] else []
        only = self.only.partition("/")[2] if self.only else ""
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
        ended = self.limit_of(box)
        for law in wanted:
            if not self.wanted(f"{key}/{law}"):
                continue
            entry = found.get(law)
            if entry is None:
                grade.results.append(Result(f"{key}/{law}", "a law of the contract", "not_judged", policy["points"].get(law, 0),
                                            happened=ended or "the judge came to no verdict", reproduce=self.again(f"{key}/{law}")))
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
                calls=entry["calls"], reproduce=self.again(f"{key}/{law}"), hidden=False))
        return {law: entry["verdict"] for law, entry in found.items()} if content["complete"] else {}

    def judge_exact(self, grade, bench, policy, program, law, most):
        key = policy["key"]
        reference = self.reference(key)
        if reference is None:
            grade.results.append(Result(f"{key}/{law}", EXACT[law], "not_judged", most,
                                        happened="needs a right solution to compare with: is judged when it is handed in"))
            return
        box = self.box(bench, "exact", program, address_space=True)
        command = self.boxed(bench, box, [program], "exact-box.json")
        verdict, expected, happened, calls, _ = exact.compare(command, reference, law, self.tests["exact_seeds"],
                                                                 fill(policy.get("count", ""), self.values))
        ended = self.limit_of(box)
        if ended and verdict == "crashed":
            verdict, happened = "endless", ended
        grade.results.append(Result(f"{key}/{law}", EXACT[law], verdict, most, expected=expected, happened=happened, calls=calls,
                                    reproduce=f"as a test in own-tests.txt, then {self.again('own-tests')}",
                                    hidden=not self.given_only))

    # --- the race ---

    def is_racer(self, key):
        return self.manifest.get("race", {}).get("policy") == key

    def race_points(self, figure):
        steps = self.manifest["race"]["steps"]
        reached = [points for least, points in steps if figure is not None and figure >= least]
        return max(reached, default=0), max(points for _, points in steps)

    def race(self, grade, bench, policy, program, verdicts):
        key = f"{policy['key']}/race"
        title = "keeps memory whole: percent of what is free in blocks of 2 MiB, mean of four protocols"
        broken = [law for law in policy.get("gates", []) if verdicts.get(law) != "kept"]
        if self.only == key:
            broken = []
        most = self.race_points(None)[1]
        if broken:
            grade.results.append(Result(key, title, "not_judged", most, happened=f"does not run: {', '.join(broken)} not kept",
                                        reproduce=self.again(policy["key"])))
            return
        box = self.box(bench, "run", program, address_space=True)
        command = [self.workshop.race(), str(self.tests["race_seed"]), *self.boxed(bench, box, [program], "race-box.json")]
        _, text = captured(command, 1 << 16, bench.folder, errors=False)
        try:
            content = json.loads(text)
        except ValueError:
            content = {"complete": False, "message": "the race came to no end"}
        if not content["complete"]:
            ended = self.limit_of(box)
            grade.results.append(Result(key, title, content.get("verdict", "crashed"), most, happened=ended or content["message"],
                                        reproduce=self.again(key)))
            return
        points, _ = self.race_points(content["figure"])
        figures = ", ".join(f"{name} {value}" for name, value in content["protocols"].items())
        steps = ", ".join(f"{least} for {gain} points" for least, gain in self.manifest["race"]["steps"])
        grade.figures["whole 2 MiB blocks (%)"] = content["figure"]
        grade.results.append(Result(key, title, "kept" if points == most else "broken", most, points, expected=steps,
                                    happened=f"{content['figure']} ({figures})", reproduce=self.again(key)))

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
                program, why = self.compile(bench, policy, exact_one=True)
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


def captured(command, most, folder, errors=True):
    """(exit status, at most so much of what it printed). What floods its output is ended."""
    with subprocess.Popen([*LEASH, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=folder,
                          stderr=subprocess.STDOUT if errors else subprocess.DEVNULL) as process:
        data = b""
        while piece := process.stdout.read1(65536):
            data += piece
            if len(data) > most:
                process.kill()
                data = data[:most] + b"\n(output cut off)"
                break
    return process.returncode, data.decode("utf-8", "replace")


def split_message(message):
    """"expected A, saw B" -> (A, B)."""
    before, saw, after = message.partition(", saw ")
    if saw and before.startswith("expected "):
        return before.removeprefix("expected "), after
    return "", message


def mutated(assignment, mutant):
    source = assignment.read(f"reference/{mutant['policy']}.hpp.in")
    if mutant["find"] not in source:
        raise Mistake(f"mutant '{mutant['name']}': its text is not in the reference")
    return source.replace(mutant["find"], mutant["replace"], 1)

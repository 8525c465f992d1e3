"""./kidney grade: grades trees. In a student's tree: that tree, by the tests that were handed out."""
import concurrent.futures
import csv
import json
import os
import signal
import sys

from project import BUILD, ROOT, Arguments, integer_between, say

sys.path.insert(0, os.path.join(ROOT, "course", "engine"))
import assignment  # noqa: E402
import results  # noqa: E402
import sandbox  # noqa: E402
from grader import Grader  # noqa: E402

OUTPUT = os.path.join(BUILD, "grades")


def parse(arguments):
    handed_out = os.path.exists(assignment.HANDED_OUT)
    parser = Arguments("grade", "Grades trees, each in a sandbox. Leaves a report for each, and class.csv, in the output folder.",
                       [("--assignment 1 ../class/*", "a class"), ("../class/ada --only buddy/F5", "one test of one tree"),
                        ("", "in a student's tree: that tree")],
                       epilog="assignments: " + ", ".join(assignment.names()))
    parser.add_argument("tree", nargs="*", help="folders that were handed in" + (" (this tree, if none is named)" if handed_out else ""))
    parser.add_argument("--assignment", metavar="N", help="number or name").words = assignment.names
    parser.add_argument("--variant", metavar="SEED", help="the one that was handed out")
    parser.add_argument("--variants", metavar="FILE", help="CSV with a line `tree,seed` for each tree that has one of its own")
    parser.add_argument("--only", metavar="TEST", help="one policy, or one test: next_fit, buddy/F5, own-tests")
    parser.add_argument("--jobs", type=integer_between(1, 256), default=1, metavar="J", help="trees at a time")
    parser.add_argument("--format", choices=sorted(results.FORMATS), default="text", help="of what is printed")
    parser.add_argument("--out", metavar="DIR", default=OUTPUT, help="where the reports go (build/grades)")
    parser.add_argument("--shard", metavar="K/N", help="only every Nth tree, the Kth first")
    parser.add_argument("--merge", action="store_true", help="grade nothing: join the results that shards left in --out")
    parser.add_argument("--gradescope", metavar="FILE", help="grade nothing: write the autograder archive (zip)")
    parser.add_argument("--given", action="store_true", help="only with the tests that students have, too")
    parser.add_argument("--no-sandbox", action="store_true", help="run what is in the trees as yourself: for your own tree only")
    return parser.parse_args(arguments)


def shard_of(text, trees):
    if text is None:
        return trees
    try:
        k, n = (int(part) for part in text.split("/"))
        if not 1 <= k <= n:
            raise ValueError
    except ValueError:
        raise assignment.Mistake(f"--shard {text}: not K/N with K from 1 to N") from None
    return sorted(trees)[k - 1::n]


def seeds_of(options, trees):
    """{tree: seed or None}."""
    own = {}
    if options.variants:
        with open(options.variants, newline="", encoding="utf-8") as file:
            own = {row[0]: row[1] for row in csv.reader(file) if len(row) >= 2}
    return {tree: own.get(name_of(tree), options.variant) for tree in trees}


def name_of(tree):
    return os.path.basename(os.path.abspath(tree))


def report_name(tree):
    """A file name for a tree, whatever it is called."""
    plain = "".join(c if c.isalnum() and c.isascii() or c in "-_." else "_" for c in name_of(tree)).lstrip(".")
    return plain or "tree"


def sandbox_kind(options, chosen):
    if options.no_sandbox or (os.path.exists(assignment.HANDED_OUT) and not options.tree):
        return None
    secret = os.path.join(chosen.folder, "hidden.toml")
    kind, why = sandbox.find_kind(secret if os.path.exists(secret) else os.path.join(chosen.folder, "assignment.toml"))
    if kind is None:
        raise assignment.Mistake(f"no sandbox works here, so nothing is graded. {why}. (--no-sandbox runs the trees as yourself.)")
    return kind


def grade_all(options, chosen, trees, seeds):
    kind = sandbox_kind(options, chosen)
    graders = {seed: Grader(chosen, seed, kind, options.given, options.only) for seed in dict.fromkeys(seeds.values())}

    def one(tree):
        try:
            return graders[seeds[tree]].grade(tree)
        except assignment.Mistake:
            raise
        except Exception as error:  # a fault of ours must not cost the others their grades
            grade = results.Grade(name_of(tree), chosen.name, str(seeds[tree] or ""))
            grade.note(f"the grader failed, please look at this one by hand: {type(error).__name__}: {error}")
            return grade
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for tree, grade in zip(trees, pool.map(one, trees)):
            yield tree, grade


def write(options, folder, names, grade, tree):
    base = report_name(tree)
    while names.setdefault(base, tree) != tree:
        base += "_"
    for form, (render, ending) in results.FORMATS.items():
        path = os.path.join(folder, base + (".results.json" if form == "gradescope" else f".{ending}"))
        with open(path, "w", encoding="utf-8") as file:
            file.write(render(grade))
    for name, text in grade.files.items():
        with open(os.path.join(folder, f"{base}.{name}" if options.tree else name), "w", encoding="utf-8") as file:
            file.write(text)
    with open(os.path.join(folder, base + ".grade.json"), "w", encoding="utf-8") as file:
        json.dump(grade.as_json(), file, indent=1)


def join(folder):
    grades = []
    for name in sorted(os.listdir(folder)):
        if name.endswith(".grade.json"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                grades.append(results.from_json(json.load(file)))
    with open(os.path.join(folder, "class.csv"), "w", encoding="utf-8") as file:
        file.write(results.class_table(grades))
    return grades


def run(options):
    os.makedirs(options.out, exist_ok=True)
    if options.merge:
        grades = join(options.out)
        print(f"{len(grades)} trees: {os.path.join(options.out, 'class.csv')}")
        return 0 if grades else 1
    said = {}
    if os.path.exists(assignment.HANDED_OUT):
        with open(assignment.HANDED_OUT, encoding="utf-8") as file:
            said = json.load(file)
    name = options.assignment or said.get("assignment")
    if name is None:
        raise assignment.Mistake(f"which one? --assignment with one of: {', '.join(assignment.names())}")
    options.variant = options.variant or said.get("variant") or None
    chosen = assignment.find(name)
    if options.gradescope:
        import archive
        archive.make(chosen, options.variant, options.gradescope)
        print(options.gradescope)
        return 0
    if not options.tree and not said:
        raise assignment.Mistake("which trees? Name the folders")
    trees = shard_of(options.shard, options.tree or [ROOT])
    names, all_points = {}, True
    for tree, grade in grade_all(options, chosen, trees, seeds_of(options, trees)):
        write(options, options.out, names, grade, tree)
        sys.stdout.write(results.FORMATS[options.format][0](grade))
        sys.stdout.flush()
        all_points = all_points and all(result.verdict in ("kept", "noted") for result in grade.results)
    if options.shard is None and options.tree:
        join(options.out)
    return 0 if all_points else 1


def main(arguments):
    options = parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, sandbox.abandon)
    try:
        return run(options)
    except assignment.Mistake as mistake:
        say(mistake)
        return 2

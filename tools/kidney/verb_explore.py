"""./kidney explore: tries the schedules of a small scenario one after the other, and tells the story of one that fails."""
import os
import subprocess

import build
from project import ROOT, Arguments, Failure, integer_between, say

FOLDER = os.path.join(ROOT, "tests", "scenarios")
SEARCHES = ("depth-first", "reduced", "pct", "random")


def names():
    """Of the scenarios here."""
    found = []
    for file in sorted(os.listdir(FOLDER)):
        if file.endswith(".cpp"):
            with open(os.path.join(FOLDER, file), encoding="utf-8") as text:
                found += [line.split("(")[1].split(",")[0] for line in text if line.startswith("KIDNEY_SCENARIO(")]
    return found


def parse(arguments):
    parser = Arguments("explore", "Tries the schedules of a few threads, one access to an atomic after the other, and tells the\n"
                       "story of one that fails.",
                       [("", "the names of the scenarios"),
                        ("LostWakeUp", "one of them"),
                        ("Mutex --preemptions 3", "all schedules with at most three preemptions"),
                        ("McsLock --search pct --depth 3 --runs 10000", "by chance, and with what probability in vain"),
                        ("mine.cpp MyLock", "a scenario in a file of your own")])
    parser.add_argument("scenario", nargs="*", help="a name; or a file (.cpp) with scenarios, and a name in it").words = names
    parser.add_argument("--search", choices=SEARCHES, default="depth-first", help="in which order (depth-first)")
    parser.add_argument("--preemptions", type=integer_between(0, 1000), default=2, metavar="N",
                        help="depth-first: at most so many switches away from a thread that could go on (2)")
    parser.add_argument("--runs", type=integer_between(1, 10 ** 9), default=1000000, metavar="N", help="at most so many schedules (1000000)")
    parser.add_argument("--seed", type=integer_between(1, 10 ** 9), default=1, metavar="N", help="pct, random: where chance begins (1)")
    parser.add_argument("--depth", type=integer_between(1, 10), default=3, metavar="N",
                        help="pct: how many steps must be in the wrong order (3)")
    parser.add_argument("--replay", metavar="SCHEDULE", help="only this schedule, as it was printed")
    parser.add_argument("--tree", metavar="DIR", help="use the program of this build tree and build nothing")
    return parser.parse_args(arguments)


def own_program(path):
    """The program of the scenarios in a file."""
    if not os.path.isfile(path):
        raise Failure(f"{path}: no such file", 2)
    full = os.path.abspath(path)
    if '"' in full or "\n" in full or "\\" in full:
        raise Failure(f"{path}: its path has a character that #include does not take", 2)
    tree = build.configured("host-release")
    line = f'#include "{full}"\n'
    source = os.path.join(tree, "own_scenarios.cpp")
    with open(source, encoding="utf-8") as file:
        is_there = file.read() == line
    if not is_there:
        with open(source, "w", encoding="utf-8") as file:
            file.write(line)
    build.build("host-release", ["explore_own"])
    return os.path.join(tree, "tests", "scenarios", "explore_own")


def program_of(options, path):
    if path:
        return own_program(path)
    tree = options.tree or build.build("host-release", ["explore"])
    return os.path.join(tree, "tests", "scenarios", "explore")


def main(arguments):
    options = parse(arguments)
    words = list(options.scenario)
    try:
        path = words.pop(0) if words and words[0].endswith(".cpp") else None
        if len(words) > 1:
            raise Failure("one scenario at a time", 2)
        if words and not path and words[0] not in names():
            raise Failure(f"no scenario '{words[0]}'. There are: {', '.join(names())}", 2)
        program = program_of(options, path)
    except Failure as failure:
        say(failure)
        return failure.status
    if not words:
        return subprocess.run([program], check=False).returncode
    command = [program, words[0], "--search", options.search, "--preemptions", str(options.preemptions), "--runs", str(options.runs),
               "--seed", str(options.seed), "--depth", str(options.depth)]
    if options.replay is not None:
        command += ["--replay", options.replay]
    return subprocess.run(command, check=False).returncode

"""./kidney test: builds and runs everything that can fail, through CTest, and sums it up.

A suite is one preset. Tests are chosen by CTest label; a preset's name works as a label too. Each suite leaves
build/junit/<preset>.xml (JUnit) and build/junit/<preset>.log (the whole output).
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

import build
from project import BUILD, ROOT, Arguments, Failure, say
from test_results import JUNIT, Case, History, Suite, duration, summarise

# preset, what it shows, labels it is limited to (None: all)
SUITES = (
    ("host-debug", "host tests under ASan and UBSan; checks of the sources", None),
    ("host-i686", "the same host tests as 32-bit programs, but for searches", None),
    ("host-tsan", "concurrent host tests under ThreadSanitizer", "concurrent"),
    ("i686-debug", "the kernel: self-tests and guest tests in QEMU, a boot in Bochs", None),
)


# Suites that run only if they are named.
EXTRA_SUITES = (
    ("host-release", "the host tests, optimised", None),
    ("i686-release", "the optimised kernel in QEMU and Bochs", None),
    ("host-fuzz", "fuzzers, each for a short while", None),
)


class Choice:
    """What is chosen of a suite: by label, by name, every Nth test."""

    def __init__(self, labels=None, names=None, shard=None, fail_fast=False):
        self.labels, self.names, self.shard, self.fail_fast = labels, names, shard, fail_fast

    def __str__(self):
        parts = [" ".join(self.labels or []), f"failed {len(self.names)}" if self.names else "",
                 "shard {}/{}".format(*self.shard) if self.shard else ""]
        return ", ".join(part for part in parts if part) or "all"

    def is_whole(self):
        return not (self.labels or self.names or self.shard or self.fail_fast)

    def flags(self):
        found = ["--stop-on-failure"] if self.fail_fast else []
        if self.labels:
            # Tests that are for the configuration `named` run when their label is named, and never else.
            found += ["-C", "named", "-L", "^(" + "|".join(re.escape(label) for label in self.labels) + ")$"]
        if self.names:
            found += ["-C", "named", "-R", "^(" + "|".join(re.escape(name) for name in self.names) + ")$"]
        if self.shard:
            found += ["-I", "{},,{}".format(*self.shard)]
        return found


def ctest_command(tree, preset, choice):
    return ["ctest", "--test-dir", tree, "--output-on-failure", "--no-tests=ignore",
            "-j", str(len(os.sched_getaffinity(0))), "--output-junit", os.path.join(JUNIT, f"{preset}.xml"), *choice.flags()]


def environment():
    """That of the tests: what else is set here (options of sanitizers and of GoogleTest, a time zone, ...) must not
    decide how they end."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    if BUILD != os.path.join(ROOT, "build"):
        kept["KIDNEY_BUILD"] = BUILD
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "dumb"}


def follow(process, log):
    """Copies CTest's output to the log; says aloud what failed, and how far it is: always in a terminal, elsewhere now and
    then."""
    begin = spoke = time.monotonic()
    terminal = sys.stdout.isatty()
    failed = 0
    for line in process.stdout:
        log.write(line)
        match = re.match(r"\s*(\d+)/(\d+) Test\s+#\d+: (\S+) .*?(Passed|\*\*\*\S+)", line)
        if not match:
            continue
        done, total, name, verdict = match.groups()
        clear = "\r\033[K" if terminal else ""
        if verdict != "Passed" and "Skipped" not in verdict:
            failed += 1
            print(f"{clear}    FAILED {name}", flush=True)
        now = time.monotonic()
        if terminal or now - spoke > 30:
            print(f"{clear}    {done} of {total}, {failed} failed, {duration(now - begin)}", end="" if terminal else "\n", flush=True)
            spoke = now
    if terminal:
        print("\r\033[K", end="", flush=True)


def run_suite(preset, choice):
    suite = Suite(preset)
    start = time.monotonic()
    report = os.path.join(JUNIT, f"{preset}.xml")
    if os.path.exists(report):
        os.remove(report)
    try:
        tree = build.build(preset, ["all"])
        with open(os.path.join(JUNIT, f"{preset}.log"), "w", encoding="utf-8", errors="replace") as log:
            with subprocess.Popen(ctest_command(tree, preset, choice), stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                                  errors="replace", env=environment()) as process:
                follow(process, log)
        if os.path.exists(report):
            suite.cases = [Case(element) for element in xml.parse(report).getroot().iter("testcase")]
        elif process.returncode != 0:
            suite.broken = f"CTest ended with {process.returncode}; see build/junit/{preset}.log"
    except Failure as failure:
        suite.broken = str(failure)
    suite.seconds = time.monotonic() - start
    return suite


def labels_of(preset):
    """What the tests of a suite are labelled with. Configures its build tree and builds nothing."""
    with open(os.path.join(build.configured(preset), "labels.txt"), encoding="utf-8") as file:
        return set(file.read().split())


def selection(arguments):
    """[(preset, labels or None)]: which suites to run, and what of them."""
    presets = [name for name in arguments if name in {preset for preset, _, _ in SUITES + EXTRA_SUITES}]
    labels = [name for name in arguments if name not in presets]
    chosen = []
    for preset, _, limit in SUITES + EXTRA_SUITES if presets else SUITES:
        if presets and preset not in presets:
            continue
        if limit and labels and limit not in labels:
            continue
        chosen.append((preset, [limit] if limit else labels or None))
    return chosen


def refuse_unknown(chosen):
    """A typing error should be seen before anything is built."""
    asked = {label for _, labels in chosen for label in labels or ()}
    known = set().union(*(labels_of(preset) for preset, _ in chosen)) if asked else set()
    if asked - known:
        raise Failure(f"no test has the label {', '.join(sorted(asked - known))}. The labels are: "
                      f"{', '.join(sorted(known))}; the suites: {', '.join(name for name, _, _ in SUITES + EXTRA_SUITES)}", 2)


def again(chosen, history):
    """Of the chosen suites, what failed when it ran last."""
    found = []
    for preset, labels in chosen:
        names = history.failed(preset)
        if names is None:  # it could not be built, say
            found.append((preset, Choice(labels)))
        elif names:
            found.append((preset, Choice(labels, names)))
    return found


def announcement(chosen, history):
    """What will be done and how long that took last time, in a line."""
    known = [history.seconds(preset, str(choice)) for preset, choice in chosen]
    suites = f"{len(chosen)} suite{'s' if len(chosen) != 1 else ''} ({', '.join(preset for preset, _ in chosen)})"
    what = sorted({str(choice) for _, choice in chosen} - {"all"})
    took = [seconds for seconds in known if seconds is not None]
    if len(took) == len(known):
        time_it_takes = f"about {duration(sum(took))}, as last time"
    elif took:
        time_it_takes = f"more than {duration(sum(took))}: not all of this has run here before"
    else:
        time_it_takes = "this has not run here before; the first time also builds"
    return f"test: {suites}{': ' + '; '.join(what) if what else ''}; {time_it_takes}"


def parse(arguments):
    parser = Arguments("test", "Builds and runs the tests: all of them, or those with one of the labels.",
                       [("", "everything, as CI does it"), ("mm", "the tests of an area, in every suite"),
                        ("host-debug policies", "a label in one suite"), ("--failed", "what failed when it ran last"),
                        ("--matrix page_table-pae", "the kernel with another policy, built and booted")],
                       epilog="suites: " + "; ".join(f"{name}: {text}" for name, text, _ in SUITES) +
                       ". Only when named: " + "; ".join(f"{name}: {text}" for name, text, _ in EXTRA_SUITES) + ".")
    parser.add_argument("label", nargs="*", help="a CTest label (mm, check, boot, ...) or the name of a suite").words = known_labels
    parser.add_argument("--failed", action="store_true", help="only what failed when it ran last")
    parser.add_argument("--fail-fast", action="store_true", help="stop at the first failure")
    parser.add_argument("--shard", type=shard, metavar="K/N", help="only every Nth test, beginning with the Kth")
    parser.add_argument("--matrix", action="store_true",
                        help="build the kernel with every policy of every slot, and boot each; "
                             "labels are then rows of the matrix")
    parser.add_argument("--release", action="store_true", help="with --matrix: optimised kernels, without assertions")
    options = parser.parse_args(arguments)
    if options.release and not options.matrix:
        parser.error("--release goes with --matrix; the suite of that kind is called i686-release")
    if options.matrix and (options.failed or options.fail_fast or options.shard):
        parser.error("--matrix takes names of its rows, and no --failed, --fail-fast or --shard")
    if options.failed and options.shard:
        parser.error("--failed and --shard do not go together: each machine knows its own failures")
    return options


def known_labels():
    """Suites, and the labels of those that were configured."""
    found = [name for name, _, _ in SUITES + EXTRA_SUITES]
    for path in glob.glob(os.path.join(BUILD, "*", "labels.txt")):
        with open(path, encoding="utf-8") as file:
            found += file.read().split()
    return list(dict.fromkeys(found))


def shard(text):
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"'{text}' is not K/N with K from 1 to N, as in 2/4")
    return int(match[1]), int(match[2])


def run_matrix(options):
    import matrix
    try:
        passed, failed = matrix.run(options.label, options.release)
    except Failure as failure:
        say(failure)
        return failure.status
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


def main(arguments):
    options = parse(arguments)
    if options.matrix:
        return run_matrix(options)
    os.makedirs(JUNIT, exist_ok=True)
    history = History()
    try:
        chosen = selection(options.label)
        refuse_unknown(chosen)
    except Failure as failure:
        say(failure)
        return failure.status
    if options.failed:
        chosen = again(chosen, history)
        if not chosen:
            say("nothing failed when it ran last")
            return 0
    else:
        chosen = [(preset, Choice(labels, shard=options.shard)) for preset, labels in chosen]
    print(announcement(chosen, history), flush=True)
    suites = []
    for preset, choice in chosen:
        choice.fail_fast = options.fail_fast
        about = next(text for name, text, _ in SUITES + EXTRA_SUITES if name == preset)
        print(f"{preset}: {about}", flush=True)
        suite = run_suite(preset, choice)
        if choice.is_whole() and not suite.cases and not suite.broken:
            suite.broken = f"not one test was found; see {os.path.relpath(JUNIT)}/{preset}.log"
        history.record(suite, str(choice), choice.is_whole())
        print(f"    {suite.count('passed')} passed, {suite.count('failed')} failed, {suite.count('skipped')} skipped "
              f"({duration(suite.seconds)})", flush=True)
        suites.append(suite)
        if options.fail_fast and suite.count("failed"):
            print("    stopped at the first failure")
            break
    _, failed, _ = summarise(suites)
    return 1 if failed else 0

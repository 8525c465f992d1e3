"""./kidney test: builds and runs everything that can fail, through CTest, and sums it up.

A suite is one preset. Tests are chosen by CTest label; a preset's name works as a label too. Each suite leaves
build/junit/<preset>.xml (JUnit) and build/junit/<preset>.log (the whole output).
"""
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

import build
from project import BUILD, Arguments, Failure, say

JUNIT = os.path.join(BUILD, "junit")

# preset, what it shows, labels it is limited to (None: all)
SUITES = (
    ("host-debug", "host tests under ASan and UBSan; checks of the sources", None),
    ("host-i686", "the same host tests as 32-bit programs", None),
    ("host-tsan", "concurrent host tests under ThreadSanitizer", "concurrent"),
    ("i686-debug", "the kernel: self-tests and guest tests in QEMU, a boot in Bochs", None),
)


# Suites that run only if they are named.
EXTRA_SUITES = (
    ("host-release", "the host tests, optimised", None),
    ("i686-release", "the optimised kernel in QEMU and Bochs", None),
    ("host-fuzz", "fuzzers, each for a short while", None),
)


class Case:
    def __init__(self, element):
        self.name = element.get("name")
        self.seconds = float(element.get("time") or 0)
        self.output = element.findtext("system-out") or ""
        skipped = element.find("skipped")
        status = element.get("status")
        if status == "run":
            self.state = "passed"
        elif status in ("notrun", "disabled") and skipped is not None and self._is_skip(skipped.get("message", "")):
            self.state = "skipped"
        else:
            self.state = "failed"

    @staticmethod
    def _is_skip(message):
        """CTest calls a test "not run" when it skips itself, and also when its program is missing."""
        return message.startswith("SKIP_")

    def reason(self):
        """Why a test skipped itself: the line after GoogleTest's "Skipped", or the last line printed."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        for before, line in zip(lines, lines[1:]):
            if before.endswith("Skipped"):
                return line
        return lines[-1] if lines else "(it does not say why)"


class Suite:
    def __init__(self, preset):
        self.preset = preset
        self.cases = []
        self.broken = None  # why the suite could not run at all
        self.seconds = 0.0

    def count(self, state):
        broken = 1 if self.broken and state == "failed" else 0
        return sum(case.state == state for case in self.cases) + broken


def ctest_command(tree, preset, labels):
    command = ["ctest", "--test-dir", tree, "--output-on-failure", "--no-tests=ignore",
               "-j", str(len(os.sched_getaffinity(0))), "--output-junit", os.path.join(JUNIT, f"{preset}.xml")]
    if labels:
        # Tests that are for the configuration `named` run when their label is named, and never else.
        command += ["-C", "named", "-L", "^(" + "|".join(re.escape(label) for label in labels) + ")$"]
    return command


def environment():
    """That of the tests: what else is set here (options of sanitizers and of GoogleTest, a time zone, ...) must not
    decide how they end."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "dumb"}


def follow(process, log):
    """Copies CTest's output to the log; says aloud what failed, and now and then how far it is."""
    spoke = time.monotonic()
    for line in process.stdout:
        log.write(line)
        match = re.match(r"\s*(\d+)/(\d+) Test\s+#\d+: (\S+) .*?(Passed|\*\*\*\S+)", line)
        if not match:
            continue
        done, total, name, verdict = match.groups()
        if verdict != "Passed" and "Skipped" not in verdict:
            print(f"    FAILED {name}", flush=True)
        if time.monotonic() - spoke > 30:
            print(f"    {done} of {total}", flush=True)
            spoke = time.monotonic()


def run_suite(preset, labels):
    suite = Suite(preset)
    start = time.monotonic()
    report = os.path.join(JUNIT, f"{preset}.xml")
    if os.path.exists(report):
        os.remove(report)
    try:
        tree = build.build(preset, ["all"])
        with open(os.path.join(JUNIT, f"{preset}.log"), "w", encoding="utf-8", errors="replace") as log:
            with subprocess.Popen(ctest_command(tree, preset, labels), stdout=subprocess.PIPE,
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


def summarise(suites):
    print("\nsummary")
    for suite in suites:
        counts = "  ".join(f"{suite.count(state):5} {state}" for state in ("passed", "failed", "skipped"))
        print(f"  {suite.preset:14}{counts}   {suite.seconds:6.0f} s")
    for suite in suites:
        for case in suite.cases:
            if case.state == "skipped":
                print(f"  skipped {suite.preset}: {case.name}: {case.reason()}")
    for suite in suites:
        if suite.broken:
            print(f"\n  FAILED {suite.preset}: {suite.broken}")
        for case in suite.cases:
            if case.state == "failed":
                tail = "\n".join("      " + line for line in case.output.splitlines()[-25:])
                print(f"\n  FAILED {suite.preset}: {case.name}\n{tail}")
    totals = [sum(suite.count(state) for suite in suites) for state in ("passed", "failed", "skipped")]
    print(f"\nJUnit XML and logs are in {os.path.relpath(JUNIT)}")
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped", flush=True)
    return totals


def parse(arguments):
    parser = Arguments("test", "Builds and runs the tests: all of them, or those with one of the labels.",
                       epilog="suites: " + "; ".join(f"{name}: {text}" for name, text, _ in SUITES) +
                       ". Only when named: " + "; ".join(f"{name}: {text}" for name, text, _ in EXTRA_SUITES) + ".")
    parser.add_argument("label", nargs="*", help="a CTest label (mm, check, boot, ...) or the name of a suite")
    parser.add_argument("--matrix", action="store_true",
                        help="build the kernel with every policy of every slot, and boot each; "
                             "labels are then rows of the matrix")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    if options.matrix:
        import matrix
        try:
            passed, failed = matrix.run(options.label)
        except Failure as failure:
            say(failure)
            return failure.status
        print(f"{passed} passed, {failed} failed, 0 skipped")
        return 1 if failed else 0
    os.makedirs(JUNIT, exist_ok=True)
    chosen = selection(options.label)
    try:
        refuse_unknown(chosen)
    except Failure as failure:
        say(failure)
        return failure.status
    suites = []
    for preset, labels in chosen:
        about = next(text for name, text, _ in SUITES + EXTRA_SUITES if name == preset)
        print(f"{preset}: {about}", flush=True)
        suite = run_suite(preset, labels)
        if not options.label and not suite.cases and not suite.broken:
            suite.broken = f"not one test was found; see build/junit/{preset}.log"
        print(f"    {suite.count('passed')} passed, {suite.count('failed')} failed, {suite.count('skipped')} skipped "
              f"({suite.seconds:.0f} s)", flush=True)
        suites.append(suite)
    _, failed, _ = summarise(suites)
    return 1 if failed else 0

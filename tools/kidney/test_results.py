"""What came of the tests of a suite, and what is remembered of it: which failed, and how long it took."""
import json
import os

from project import BUILD

JUNIT = os.path.join(BUILD, "junit")
HISTORY = os.path.join(JUNIT, "history.json")


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
                tail = "\n".join("      " + line for line in case.output.splitlines()[-80:])
                print(f"\n  FAILED {suite.preset}: {case.name}\n{tail}")
    totals = [sum(suite.count(state) for suite in suites) for state in ("passed", "failed", "skipped")]
    print(f"\nJUnit XML and logs are in {os.path.relpath(JUNIT)}")
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped", flush=True)
    return totals


class History:
    """{preset: {"failed": [names], "broken": reason, "seconds": {what was chosen: seconds}}} of the runs so far."""

    def __init__(self, path=HISTORY):
        self._path = path
        try:
            with open(path, encoding="utf-8") as file:
                self._suites = json.load(file)
        except (OSError, ValueError):
            self._suites = {}

    def record(self, suite, choice, whole):
        """Remembers a run of the suite. `whole`: every test that failed before was a part of it."""
        entry = self._suites.setdefault(suite.preset, {"failed": [], "broken": None, "seconds": {}})
        names = {case.name for case in suite.cases}
        kept = [] if whole and not suite.broken else [name for name in entry["failed"] if name not in names]
        entry["failed"] = sorted(kept + [case.name for case in suite.cases if case.state == "failed"])
        entry["broken"] = suite.broken
        entry["seconds"][choice] = round(suite.seconds)
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        with open(self._path, "w", encoding="utf-8") as file:
            json.dump(self._suites, file, indent=1)

    def failed(self, preset):
        """What has to run again: names, None for the whole suite, or [] for nothing."""
        entry = self._suites.get(preset, {})
        return None if entry.get("broken") else entry.get("failed", [])

    def seconds(self, preset, choice):
        """How long that took last time, or None."""
        return self._suites.get(preset, {}).get("seconds", {}).get(choice)


def duration(seconds):
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

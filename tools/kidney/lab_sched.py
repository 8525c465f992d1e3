"""What ./kidney lab sched says of schedulers."""
import glob
import hashlib
import os
import re
import subprocess
import sys

import lab_import
from lab_engine import by_policy, percent
from project import ROOT, Failure

NAME = "sched"
TITLE = "the schedulers"
VERSION = 1
SLOT = "scheduler"
MORE_POLICIES = ()
VARIANTS = ()
BY_NAME = ("sjf", "stcf")  # they know the future
SOURCES = ("include/kidney/core", "include/kidney/sched", "sched", "sched/policies", "sched/balancers", "sched/sync", "bench/lab", "bench/lab/sched")
PLAN = ("cpus", "balancer", "tasks")
UNSEEDED = ()
FOLDER = os.path.join(ROOT, "bench", "lab", "tasks")
SLICES = 400  # of a Gantt chart; only of the first seed
TOTALS = ("user", "switching", "ticking", "interrupted", "refilling", "idle", "idle_while_waiting")
COLUMNS = ["latency_p50_us", "latency_p99_us", "latency_max_us", "response_p99_us", "slowdown_p99", "fairness_100ms",
           "longest_wait_ms", "most_lag_ms", "missed", "jobs", "switches", "preempted", "migrations", "user_percent",
           "overhead_percent", "idle_percent", "idle_while_waiting_us", "events"]


class Tasks:
    """A workload: a name, its text, and what it says it is about."""

    def __init__(self, path):
        self.path = path
        self.name = re.sub(r"\.(tasks|json|ftrace|trace|txt)$", "", os.path.basename(path))
        if not re.fullmatch(r"[\w.-]+", self.name):
            raise Failure(f"{path}: a workload is named after its file, so that must be of letters, digits, '_', '.' and '-'", 2)
        try:
            with open(path, encoding="utf-8") as file:
                self.text = lab_import.as_tasks(path, file.read())
        except (OSError, UnicodeError) as error:
            raise Failure(f"{path}: {error}", 2) from None
        about = re.search(r'^\s*about\s+"([^"\n]*)"', self.text, re.M)
        self.about = about[1] if about else self.name

    def plan(self):
        return {"digest": hashlib.sha256(self.text.encode()).hexdigest()[:16], "about": self.about}


def catalogue():
    """{name: Tasks}: the workloads of the house."""
    return {tasks.name: tasks for tasks in map(Tasks, sorted(glob.glob(os.path.join(FOLDER, "*.tasks"))))}


def is_file(name):
    return os.sep in name or "." in name


def workloads_of(options):
    """{name: Tasks} that can be asked for; files among the options are replaced by their names."""
    known = catalogue()
    for i, name in enumerate(options.workload):
        if is_file(name):
            tasks = Tasks(name)
            if tasks.name in known and known[tasks.name].text != tasks.text:
                raise Failure(f"--workload {name}: there is another workload '{tasks.name}'; rename the file", 2)
            known[tasks.name] = tasks
            options.workload[i] = tasks.name
    return known


def check_tasks(program, tasks):
    result = subprocess.run([program, "--check", tasks.path], input=tasks.text, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True, errors="replace")
    if result.returncode != 0:
        raise Failure(f"not a workload: {result.stderr.strip()}", 2)


def inputs(options):
    return {"cpus": options.cpus or 0, "balancer": options.balancer or ""}


def most_seconds(_plan):
    """A run takes a hundredth of that."""
    return 120


def arguments(run, plan):
    workload, policy, seed = run
    return [policy, workload, str(seed), str(plan["cpus"]), str(SLICES if seed == 1 else 0),
            *([plan["balancer"]] if plan["balancer"] else [])]


def check(path, result):
    if not (isinstance(result["tasks"], dict) and all(isinstance(tasks, dict) and isinstance(tasks.get("about"), str)
                                                      for tasks in result["tasks"].values())):
        raise Failure(f"{path}: its workloads are not those of a plan", 2)


# --- Figures ---

def merged(histograms):
    """{value: count}, in order, of all of them; a value is the end of its bucket."""
    counts = {}
    for histogram in histograms:
        for value, count in histogram["curve"]:
            value = min(value, histogram["max"])
            counts[value] = counts.get(value, 0) + count
    return dict(sorted(counts.items()))


def percentile(counts, per_mille):
    wanted, seen = -(-sum(counts.values()) * per_mille // 1000), 0
    for value, count in counts.items():
        seen += count
        if seen >= wanted:
            return value
    return 0


def figures(run):
    """The line of a run in the tables."""
    if "error" in run:
        return None
    kinds = run["kinds"]
    latency, response, slowdown = (merged(kind[what] for kind in kinds) for what in ("latency", "response", "slowdown"))
    capacity = run["span"] * run["inputs"]["cpus"]
    overhead = sum(run[key] for key in ("switching", "ticking", "interrupted", "refilling"))
    return {
        "latency_p50_us": percentile(latency, 500) / 1e3, "latency_p99_us": percentile(latency, 990) / 1e3,
        "latency_max_us": max(kind["latency"]["max"] for kind in kinds) / 1e3,
        "response_p99_us": percentile(response, 990) / 1e3, "slowdown_p99": percentile(slowdown, 990) / 100,
        "fairness_100ms": run["fairness"][1]["mean"] / 1e4 if run["fairness"][1]["windows"] else None,
        "longest_wait_ms": max(kind["longest_wait"] for kind in kinds) / 1e6,
        "most_lag_ms": max(max(kind["most_lag"], -kind["least_lag"]) for kind in kinds) / 1e6,
        **{key: sum(kind[key] for kind in kinds) for key in ("missed", "jobs", "preempted", "migrations")},
        "switches": run["switches"], "user_percent": percent(run["user"], capacity),
        "overhead_percent": percent(overhead, capacity), "idle_percent": percent(run["idle"], capacity),
        "idle_while_waiting_us": run["idle_while_waiting"] / 1e3, "events": run["events"],
    }


def mean_of(entries, key):
    values = [figures[key] for figures, _ in entries if figures and figures[key] is not None]
    return sum(values) / len(values) if values else None


def ranking(result):
    """[{policy, workload: {figure: mean over the seeds}}], in the order of the plan: no single figure says who is best."""
    runs = by_policy(sys.modules[__name__], result)
    return [{"policy": policy,
             "workloads": {workload: {key: mean_of(runs[policy, workload], key) for key in COLUMNS} for workload in result["workloads"]},
             "errors": sorted({error for workload in result["workloads"] for _, error in runs[policy, workload] if error})}
            for policy in result["policies"]]


def one_workload(result, option):
    """Its runs with schedules, of the first seed, and what it is about."""
    if len(result["workloads"]) != 1:
        raise Failure(f"{option} shows one workload: name it with --workload", 2)
    runs = [run for run in result["runs"] if run["seed"] == 1 and "error" not in run]
    if not runs:
        raise Failure(f"{option}: no run has a result", 1)
    workload = result["workloads"][0]
    return runs, f"{workload}: {result['tasks'][workload]['about']}"


def for_page(result):
    """What the report needs besides: inputs in words, and the figures of each run, by seed."""
    runs = by_policy(sys.modules[__name__], result)
    return {"slices": SLICES, "inputs": {workload: of_inputs(result, workload) for workload in result["workloads"]},
            "figures": {workload: {policy: [figures_ for figures_, _ in runs[policy, workload]] for policy in result["policies"]}
                        for workload in result["workloads"]}}


def of_inputs(result, workload):
    """What a table is about, in words: costs are inputs, so they belong to it."""
    run = next((run for run in result["runs"] if run["workload"] == workload and "error" not in run), None)
    if run is None:
        return "no result"
    given = run["inputs"]
    us = {key: f"{given[key] / 1000:g} us" for key in given if key.endswith(("_cost", "_delay"))}
    several = f"s, balancer {given['balancer']}" if given["cpus"] > 1 else ""
    quantum = f"{given['quantum'] / 1e6:g} ms" if given["quantum"] else "by policy"
    return (f"{given['cpus']} CPU{several}, {run['span'] / 1e9:g} s, tick {given['tick'] / 1e6:g} ms, "
            f"quantum {quantum}, ties to {given['ties']}; costs: switch {us['switch_cost']}, tick {us['tick_cost']}, interrupt "
            f"{us['interrupt_cost']} after {us['interrupt_delay']}, migration {us['migration_cost']}")


HEADINGS = (("latency_p50_us", "wake p50"), ("latency_p99_us", "wake p99"), ("response_p99_us", "resp. p99"),
            ("slowdown_p99", "slowdown"), ("longest_wait_ms", "starved"), ("most_lag_ms", "lag"), ("fairness_100ms", "Jain"),
            ("missed", "missed"), ("switches", "switches"), ("overhead_percent", "overhead"))
UNITS = "us us us p99 ms ms 100ms jobs  %".split(" ")


def cell(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def table(result):
    rows = ranking(result)
    width = max(len(row["policy"]) for row in rows)
    lines = []
    for workload in result["workloads"]:
        lines += ["", f"{workload}: {result['tasks'][workload]['about']}", f"  {of_inputs(result, workload)}",
                  f"  {'':{width}} " + " ".join(f"{name:>9}" for _, name in HEADINGS),
                  f"  {'':{width}} " + " ".join(f"{unit:>9}" for unit in UNITS)]
        for row in rows:
            figures_ = row["workloads"][workload]
            lines.append(f"  {row['policy']:{width}} " + " ".join(f"{cell(figures_[key]):>9}" for key, _ in HEADINGS))
    lines += [f"{row['policy']}: {error}" for row in rows for error in row["errors"]]
    seeds = f"{result['seeds']} seed{'s' if result['seeds'] > 1 else ''}"
    return "\n".join([f"Means over {seeds}. Percentiles of all tasks together; Jain's index over windows of 100 ms, of those who "
                      "never slept in one.", *lines])

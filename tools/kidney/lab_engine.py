"""The engine of ./kidney lab: a plan, its runs, shards of them, and the files.

A subject (lab_frames.py, lab_heap.py, lab_sched.py) is a module that says what is observed and what is said of it:

    NAME, TITLE, VERSION, SOURCES     "frames"; for the help; of its files; the folders whose code is observed
    SLOT, MORE_POLICIES, VARIANTS     the slot of the policies or None, further ones, and for those who name them: endings, ...
    BY_NAME                           ... and whole names
    inputs(options)                   {key: value} of its plan that every run is given
    arguments(run, plan)              what its program is called with
    most_seconds(plan)                of CPU time for a run
    WORKLOADS                         {name: what happens}
    UNSEEDED                          those of them that leave nothing to a seed
    PLAN                              keys of its plan besides the engine's
    figures(run)                      the line of a run in the tables; None if there is an "error"
    COLUMNS                           of the CSV, between the seed and the error
    ranking(result), table(result)    best first, for the report; the text for the terminal
    check(path, result)               refuses a file whose own part of the plan is none

One run is a policy, a workload and a seed, and a process of its own (bench/lab): a policy that crashes costs its runs
and nothing else. The runs of a plan are dealt out to shards in turn, so that any number of machines can share them;
merged, the shards are byte for byte what one run would have written.
"""
import concurrent.futures
import csv
import hashlib
import io
import json
import math
import os
import re
import signal
import subprocess

import build
from project import ROOT, Failure, policy_slots

PLAN = ("version", "sources", "policies", "workloads", "seeds")


def shard(text):
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise Failure(f"--shard {text}: not K/N with K from 1 to N, as in 2/8", 2)
    return [int(match[1]), int(match[2])]


def chosen(what, wanted, known):
    """In the order of the known ones: two ways to say the same are the same plan."""
    for name in wanted:
        if name not in known:
            raise Failure(f"no {what} '{name}'. There are: {', '.join(known)}", 2)
    return [name for name in known if not wanted or name in wanted]


def sources(subject):
    """Says which code was observed: shards of different code must not be mixed."""
    digest = hashlib.sha256()
    for folder in subject.SOURCES:
        for name in sorted(os.listdir(os.path.join(ROOT, folder))):
            if name.endswith((".hpp", ".cpp")):
                with open(os.path.join(ROOT, folder, name), "rb") as file:
                    digest.update(f"{folder}/{name}\n".encode() + file.read())
    return digest.hexdigest()[:16]


def plan_of(subject, options, workloads):
    """`workloads`: the names that may be asked for."""
    slots = {slot["slot"]: slot["values"] for slot in policy_slots().values()}
    policies = [*(slots[subject.SLOT] if subject.SLOT else ()), *subject.MORE_POLICIES]
    # Variants are for those who name them.
    known = policies + [policy + variant for variant in subject.VARIANTS for policy in policies] + [*subject.BY_NAME]
    return {"version": subject.VERSION, **subject.inputs(options), "sources": sources(subject),
            "policies": chosen("policy", options.policy or policies, known),
            "workloads": chosen("workload", options.workload, workloads), "seeds": options.seeds}


def is_unseeded(subject, plan, workload):
    return workload in subject.UNSEEDED or workload in plan.get("traces", {})


def memory_of(subject, options):
    """The inputs of those who manage memory."""
    return {"memory_mib": options.memory or subject.MEMORY}


def runs_of(subject, plan):
    """[(workload, policy, seed)], in the order of the result."""
    return [(workload, policy, seed) for workload in plan["workloads"] for policy in plan["policies"]
            for seed in range(1, 2 if is_unseeded(subject, plan, workload) else plan["seeds"] + 1)]


def part(subject, plan, which):
    return runs_of(subject, plan)[which[0] - 1::which[1]]


def program_of(subject, options):
    name = f"{subject.NAME}_lab"
    tree = options.tree or build.build("host-release", [name])
    program = os.path.join(tree, "bench", "lab", name)
    if not os.access(program, os.X_OK):
        raise Failure(f"--tree {tree}: has no bench/lab/{name}", 2)
    return program


def observe(program, arguments, run, text, most):
    """What the program says about one run; if it crashes or never ends (`most` CPU seconds), a run with an `error`."""
    workload, policy, seed = run
    result = subprocess.run(["sh", "-c", f'ulimit -t {most}; exec "$@"', "sh", program, *arguments], input=text,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    if result.returncode == 0:
        return json.loads(result.stdout)
    lines = [line for line in result.stderr.splitlines() if any(map(str.isalpha, line))]
    if result.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        error = f"no end after {most} s of CPU time"
    elif lines:
        error = lines[0]
    else:
        error = f"ended with {result.returncode}" if result.returncode > 0 else signal.Signals(-result.returncode).name
    return {"policy": policy, "workload": workload, "seed": seed, "error": error}


def measure(subject, plan, options, program, texts):
    """`texts`: {workload: standard input} of those that are not in the program."""
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        runs = list(pool.map(lambda run: observe(program, subject.arguments(run, plan), run, texts.get(run[0], ""),
                                                 subject.most_seconds(plan)),
                             part(subject, plan, options.shard)))
    return dict(plan, shard=options.shard, runs=runs)


# --- Recorded traces, of subjects that have a module TRACES for them ---

def traces_of(subject, options):
    """{name: Trace}: those that can be asked for."""
    traces = subject.TRACES.recorded()
    for trace in map(subject.TRACES.load, options.trace):
        if trace.name in subject.WORKLOADS or trace.name in traces and traces[trace.name].text != trace.text:
            raise Failure(f"--trace {trace.path}: there is another workload '{trace.name}'; rename the file", 2)
        traces[trace.name] = trace
    return traces


def check_trace(program, trace):
    result = subprocess.run([program, "--check-trace"], input=trace.text, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            text=True, errors="replace")
    if result.returncode != 0:
        raise Failure(f"{trace.path}: not a trace: {result.stderr.strip()}", 2)


def check_traces(path, result):
    if not (isinstance(result["traces"], dict) and all(isinstance(trace, dict) and isinstance(trace.get("about"), str)
                                                       for trace in result["traces"].values())):
        raise Failure(f"{path}: its traces are not those of a plan", 2)


# --- Shards ---

def plan_keys(subject):
    return {*PLAN, *subject.PLAN}


def load(subject, path):
    try:
        with open(path, encoding="utf-8") as file:
            result = json.load(file)
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {error}", 2) from None
    if not isinstance(result, dict) or "version" not in result:
        raise Failure(f"{path}: not a result of ./kidney lab {subject.NAME}", 2)
    if result["version"] != subject.VERSION:
        raise Failure(f"{path}: of version {result['version']} of the laboratory; this is version {subject.VERSION}", 2)
    if not all(key in result for key in (*plan_keys(subject), "shard", "runs")):
        raise Failure(f"{path}: not a result of ./kidney lab {subject.NAME}", 2)
    numbers = result["shard"]
    if not (isinstance(numbers, list) and len(numbers) == 2 and all(isinstance(n, int) for n in numbers)
            and 1 <= numbers[0] <= numbers[1]):
        raise Failure(f"{path}: its shard is {numbers}, not a part and a number of parts", 2)
    subject.check(path, result)
    return result


def names_of(result):
    try:
        return [(run["workload"], run["policy"], run["seed"]) for run in result["runs"]]
    except (KeyError, TypeError):
        return None


def merge(subject, paths):
    shards = {}
    first_path, first = None, None
    for path in paths:
        result = load(subject, path)
        first_path, first = first_path or path, first or result
        for key in (*PLAN, *subject.PLAN):
            if result[key] != first[key]:
                raise Failure(f"{path}: a shard of another plan: {key} is {result[key]}; in {first_path} it is {first[key]}", 2)
        which, count = result["shard"]
        if count != first["shard"][1]:
            raise Failure(f"{path}: part {which} of {count}; {first_path} is one of {first['shard'][1]}", 2)
        if which in shards:
            raise Failure(f"{path}: part {which} of {count} is in {shards[which][0]} already", 2)
        if names_of(result) != part(subject, result, result["shard"]):
            raise Failure(f"{path}: its runs are not those of part {which} of {count}", 2)
        shards[which] = (path, result)
    missing = [str(which) for which in range(1, first["shard"][1] + 1) if which not in shards]
    if missing:
        raise Failure(f"of {first['shard'][1]} parts these are missing: {', '.join(missing)}", 2)
    plan = {key: first[key] for key in first if key in plan_keys(subject)}
    found = {(run["workload"], run["policy"], run["seed"]): run for _, result in shards.values() for run in result["runs"]}
    return dict(plan, shard=[1, 1], runs=[found[run] for run in runs_of(subject, plan)])


# --- What is written ---

def percent(part_of, whole):
    return 100 * part_of / whole if whole else 0.0


def by_policy(subject, result):
    """{(policy, workload): [(figures or None, error or None)]}, over the seeds."""
    runs = {(policy, workload): [] for policy in result["policies"] for workload in result["workloads"]}
    for run in result["runs"]:
        runs[run["policy"], run["workload"]].append((subject.figures(run), run.get("error")))
    return runs


def mean(entries, key, crashed):
    return sum(figures[key] if figures else crashed for figures, _ in entries) / len(entries)


def times_of_best(of, policy):
    """`of`: {workload: {policy: figure}}. As many times the best figure, the geometric mean over the workloads."""
    ratios = [figures[policy] / max(1e-6, min(figures.values())) for figures in of.values()]
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def csv_text(subject, result):
    rows = io.StringIO()
    writer = csv.DictWriter(rows, ["workload", "policy", "seed", *subject.COLUMNS, "error"], extrasaction="ignore",
                            lineterminator="\n")
    writer.writeheader()
    for run in result["runs"]:
        row = {key: f"{value:.4f}" if isinstance(value, float) else value
               for key, value in (subject.figures(run) or {}).items()}
        writer.writerow(dict(run, **row))
    return rows.getvalue()


def json_text(result):
    """One line for each run: small, and files can be compared line by line."""
    head = ",\n".join(f' "{key}": {json.dumps(value)}' for key, value in result.items() if key != "runs")
    runs = ",\n".join("  " + json.dumps(run, separators=(",", ":")) for run in result["runs"])
    return f'{{{head},\n "runs": [\n{runs}\n]}}\n'

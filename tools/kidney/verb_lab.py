"""./kidney lab: what memory policies do to memory. Deterministic: the same figures on every machine.

One run is a policy, a workload and a seed, and a process of its own (bench/lab): a policy that crashes costs its runs
and nothing else. The runs of a plan are dealt out to shards in turn, so that any number of machines can share them;
merged, the shards are byte for byte what one run would have written.
"""
import collections
import concurrent.futures
import csv
import hashlib
import io
import json
import os
import re
import signal
import subprocess

import build
import frame_trace
import lab_report
from project import ROOT, Arguments, Failure, integer_between, output_file, policies_of, policy_slots, say

WORKLOADS = {
    "fbreathe50": "single frames; use swings between 40 and 60 % of memory, ten times",
    "fbreathe85": "single frames; use swings between 75 and 95 % of memory, ten times",
    "fpaper": "memory is filled, a random half is freed, then the rest is replaced frame by frame, eight times over",
    "fmix": "blocks of 4 KiB to 2 MiB at 60 % of memory; a random quarter is replaced, 120 times",
    "machine": "a file cache, processes that come and go, the kernel's heap, buffers and large pages",
    "queue": "a producer takes buffers, a consumer gives them back in the same order, much later",
}
MAGAZINES = "+magazines"  # as the kernel uses a policy: only if named
VERSION = 2
PLAN = ("version", "memory_mib", "sources", "policies", "workloads", "seeds", "traces")
LARGE = 9  # the order of a large page, 2 MiB


def shard(text):
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise Failure(f"--shard {text}: not K/N with K from 1 to N, as in 2/8", 2)
    return [int(match[1]), int(match[2])]


def parse(arguments):
    parser = Arguments("lab", "What the policies do to memory: tables, JSON, CSV, and a report with pictures.",
                       [("frames", "every policy, every workload, three seeds"),
                        ("frames --policy buddy_bitmap --workload fpaper --html report.html", "one policy, one workload, pictures"),
                        ("frames --shard 1/8 --json part1.json", "the first of eight parts of the work")])
    parser.add_argument("subject", choices=["frames"], help="frames: the frame allocators")
    parser.add_argument("--policy", action="append", default=[], metavar="P",
                        help=f"only this policy (may be repeated); P{MAGAZINES}: with single frames at hand, as in the kernel"
                        ).words = lambda: policies_of("frame_allocator")
    parser.add_argument("--workload", action="append", default=[], metavar="W",
                        help=f"only this workload (may be repeated): {', '.join([*WORKLOADS, *frame_trace.recorded()])}"
                        ).words = lambda: [*WORKLOADS, *frame_trace.recorded()]
    parser.add_argument("--trace", action="append", default=[], metavar="FILE",
                        help="only this trace of ./kidney run --record-frames, as a workload (may be repeated)")
    parser.add_argument("--seeds", type=integer_between(1, 1000), default=3, metavar="N", help="seeds 1 to N (3)")
    parser.add_argument("--memory", type=integer_between(4, 16384), default=64, metavar="MIB",
                        help="memory that the policies manage (64)")
    parser.add_argument("--jobs", type=integer_between(1, 256), default=len(os.sched_getaffinity(0)), metavar="N",
                        help="runs at a time (as many as there are CPUs)")
    parser.add_argument("--json", type=output_file, metavar="FILE", help="write all that was observed")
    parser.add_argument("--csv", type=output_file, metavar="FILE", help="write a table, one line for each run")
    parser.add_argument("--html", type=output_file, metavar="FILE", help="write the report, one file that needs no network")
    parser.add_argument("--shard", metavar="K/N", help="only the K-th of N parts of the runs; needs --json")
    parser.add_argument("--merge", nargs="+", metavar="FILE", help="instead of running: join the JSON files of all shards")
    parser.add_argument("--tree", metavar="DIR", help="use the program of this build tree and build nothing")
    options = parser.parse_args(arguments)
    if options.shard:
        options.shard = shard(options.shard)
        if options.merge:
            raise Failure("--merge joins shards; it does not go with --shard", 2)
        if not options.json:
            raise Failure("--shard needs --json FILE: a part of a plan is only good for --merge", 2)
        if options.csv or options.html:
            raise Failure("--csv and --html belong to the whole: give them to --merge", 2)
    elif not options.merge:
        options.shard = [1, 1]
    if options.merge and (options.policy or options.workload or options.trace):
        raise Failure("--merge takes policies, workloads and traces from the files", 2)
    return options


def chosen(what, wanted, known):
    """In the order of the known ones: two ways to say the same are the same plan."""
    for name in wanted:
        if name not in known:
            raise Failure(f"no {what} '{name}'. There are: {', '.join(known)}", 2)
    return [name for name in known if not wanted or name in wanted]


def sources():
    """Says which code was observed: shards of different code must not be mixed."""
    digest = hashlib.sha256()
    for folder in ("include/kidney/core", "include/kidney/mm", "mm", "mm/frames", "mm/trace", "bench/lab", "bench/workloads", "tests/laws"):
        for name in sorted(os.listdir(os.path.join(ROOT, folder))):
            if name.endswith((".hpp", ".cpp")):
                with open(os.path.join(ROOT, folder, name), "rb") as file:
                    digest.update(f"{folder}/{name}\n".encode() + file.read())
    return digest.hexdigest()[:16]


def traces_of(options):
    """{name: Trace}: those that can be asked for."""
    traces = frame_trace.recorded()
    for trace in map(frame_trace.load, options.trace):
        if trace.name in WORKLOADS or trace.name in traces and traces[trace.name].text != trace.text:
            raise Failure(f"--trace {trace.path}: there is another workload '{trace.name}'; rename the file", 2)
        traces[trace.name] = trace
    return traces


def plan_of(options, traces):
    policies = {slot["slot"]: slot["values"] for slot in policy_slots().values()}["frame_allocator"]
    wanted = options.workload + [frame_trace.load(path).name for path in options.trace]
    workloads = chosen("workload", wanted, [*WORKLOADS, *traces])
    return {"version": VERSION, "memory_mib": options.memory, "sources": sources(),
            "policies": chosen("policy", options.policy or policies,
                               policies + [name + MAGAZINES for name in policies]),
            "workloads": workloads, "seeds": options.seeds,
            "traces": {name: {"digest": traces[name].digest, "about": traces[name].about}
                       for name in workloads if name in traces}}


def runs_of(plan):
    """[(workload, policy, seed)], in the order of the result. A trace leaves nothing to a seed."""
    return [(workload, policy, seed) for workload in plan["workloads"] for policy in plan["policies"]
            for seed in range(1, 2 if workload in plan["traces"] else plan["seeds"] + 1)]


def part(plan, which):
    return runs_of(plan)[which[0] - 1::which[1]]


def check_trace(program, trace):
    result = subprocess.run([program, "--check-trace"], input=trace.text, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            text=True, errors="replace")
    if result.returncode != 0:
        raise Failure(f"{trace.path}: not a trace: {result.stderr.strip()}", 2)


def observe(program, run, memory, traces):
    """What the program says about one run; if it crashes or never ends, a run with an `error`."""
    workload, policy, seed = run
    most = 60 + memory  # CPU seconds; a run takes a hundredth of that
    arguments, text = [policy, workload, str(seed), str(memory)], ""
    if workload in traces:
        arguments, text = [policy, "--trace", workload], traces[workload].text
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


def measure(plan, options, traces):
    tree = options.tree or build.build("host-release", ["frames_lab"])
    program = os.path.join(tree, "bench", "lab", "frames_lab")
    if not os.access(program, os.X_OK):
        raise Failure(f"--tree {tree}: has no bench/lab/frames_lab", 2)
    for name in plan["traces"]:
        check_trace(program, traces[name])
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        runs = list(pool.map(lambda run: observe(program, run, plan["memory_mib"], traces), part(plan, options.shard)))
    return dict(plan, shard=options.shard, runs=runs)


# --- Shards ---

def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            result = json.load(file)
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {error}", 2) from None
    if not isinstance(result, dict) or "version" not in result:
        raise Failure(f"{path}: not a result of ./kidney lab frames", 2)
    if result["version"] != VERSION:
        raise Failure(f"{path}: of version {result['version']} of the laboratory; this is version {VERSION}", 2)
    if not all(key in result for key in (*PLAN, "shard", "runs")):
        raise Failure(f"{path}: not a result of ./kidney lab frames", 2)
    numbers = result["shard"]
    if not (isinstance(numbers, list) and len(numbers) == 2 and all(isinstance(n, int) for n in numbers)
            and 1 <= numbers[0] <= numbers[1]):
        raise Failure(f"{path}: its shard is {numbers}, not a part and a number of parts", 2)
    if not (isinstance(result["traces"], dict) and all(isinstance(trace, dict) and isinstance(trace.get("about"), str)
                                                       for trace in result["traces"].values())):
        raise Failure(f"{path}: its traces are not those of a plan", 2)
    return result


def names_of(result):
    try:
        return [(run["workload"], run["policy"], run["seed"]) for run in result["runs"]]
    except (KeyError, TypeError):
        return None


def merge(paths):
    shards = {}
    first_path, first = None, None
    for path in paths:
        result = load(path)
        first_path, first = first_path or path, first or result
        for key in PLAN:
            if result[key] != first[key]:
                raise Failure(f"{path}: a shard of another plan: {key} is {result[key]}; in {first_path} it is {first[key]}", 2)
        which, count = result["shard"]
        if count != first["shard"][1]:
            raise Failure(f"{path}: part {which} of {count}; {first_path} is one of {first['shard'][1]}", 2)
        if which in shards:
            raise Failure(f"{path}: part {which} of {count} is in {shards[which][0]} already", 2)
        if names_of(result) != part(result, result["shard"]):
            raise Failure(f"{path}: its runs are not those of part {which} of {count}", 2)
        shards[which] = (path, result)
    missing = [str(which) for which in range(1, first["shard"][1] + 1) if which not in shards]
    if missing:
        raise Failure(f"of {first['shard'][1]} parts these are missing: {', '.join(missing)}", 2)
    plan = {key: first[key] for key in PLAN}
    found = {(run["workload"], run["policy"], run["seed"]): run for _, result in shards.values() for run in result["runs"]}
    return dict(plan, shard=[1, 1], runs=[found[run] for run in runs_of(plan)])


# --- What is said of a run ---

def percent(part_of, whole):
    return 100 * part_of / whole if whole else 0.0


def figures(run):
    """The line of a run in the tables."""
    if "error" in run:
        return None
    end = run["pictures"][-1]
    asked, refused = sum(run["asked"]), {kind: sum(run[f"refused_{kind}"]) for kind in ("full", "scattered", "missed")}
    return {
        "bits_per_frame": 8 * run["metadata_bytes"] / run["frames"],
        "granted_2m": percent(run["granted_at_end"][LARGE], end["free"]),
        "whole_2m_end": percent(end["whole"][LARGE], end["free"]),
        "whole_2m_mean": sum(percent(p["whole"][LARGE], p["free"]) for p in run["pictures"]) / len(run["pictures"]),
        "asked": asked,
        "refused_full": refused["full"], "refused_scattered": refused["scattered"], "refused_missed": refused["missed"],
        "refused": percent(sum(refused.values()), asked),
    }


def csv_text(result):
    rows = io.StringIO()
    columns = ["workload", "policy", "seed", "bits_per_frame", "granted_2m", "whole_2m_end", "whole_2m_mean", "asked",
               "refused_full", "refused_scattered", "refused_missed", "error"]
    writer = csv.DictWriter(rows, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for run in result["runs"]:
        row = {key: f"{value:.4f}" if isinstance(value, float) else value for key, value in (figures(run) or {}).items()}
        writer.writerow(dict(run, **row))
    return rows.getvalue()


def ranking(result):
    """Best first: [{policy, bits, granted: {workload: percent}, mean, whole, refused, errors}], means over the seeds.

    What counts is the part of free memory that the policy gives as 2 MiB blocks when a run is over, averaged over the
    workloads; then what it refused. A run that crashed counts as nothing granted, everything refused.
    """
    runs = collections.defaultdict(list)
    for run in result["runs"]:
        runs[run["policy"], run["workload"]].append((figures(run), run.get("error")))
    rows = []
    for policy in result["policies"]:
        mine = {workload: runs[policy, workload] for workload in result["workloads"]}

        def mean(key, of, crashed=0.0):
            return sum(f[key] if f else crashed for f, _ in of) / len(of)
        everything = [entry for entries in mine.values() for entry in entries]
        granted = {workload: mean("granted_2m", entries) for workload, entries in mine.items()}
        whole = [f for f, _ in everything if f]
        rows.append({"policy": policy, "granted": granted, "mean": sum(granted.values()) / len(granted),
                     "bits": whole[0]["bits_per_frame"] if whole else None, "whole": mean("whole_2m_mean", everything),
                     "refused": mean("refused", everything, 100.0),
                     "errors": sorted({error for _, error in everything if error})})
    return sorted(rows, key=lambda row: (-round(row["mean"], 6), round(row["refused"], 6), row["policy"]))


def table(result):
    rows = ranking(result)
    width = max(len(row["policy"]) for row in rows)
    columns = result["workloads"]
    lines = [f"Percent of free memory that is granted in blocks of 2 MiB after a run; {result['memory_mib']} MiB, "
             f"{result['seeds']} seed{'s' if result['seeds'] > 1 else ''}{'; of recorded workloads their own' if result['traces'] else ''}", "",
             f"     {'':{width}} " + " ".join(f"{name:>10}" for name in columns) + f" {'mean':>8} {'refused':>9} {'bits/frame':>10}"]
    for place, row in enumerate(rows, 1):
        cells = " ".join(f"{row['granted'][name]:10.1f}" for name in columns)
        bits = f"{row['bits']:10.2f}" if row["bits"] is not None else f"{'-':>10}"
        lines.append(f"{place:3}. {row['policy']:{width}} {cells} {row['mean']:8.1f} {row['refused']:7.2f} % {bits}")
        lines += [f"     {row['policy']}: {error}" for error in row["errors"]]
    return "\n".join(lines)


def about_workloads(result):
    return {name: WORKLOADS.get(name) or result["traces"][name]["about"] for name in result["workloads"]}


def write(path, text):
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def json_text(result):
    """One line for each run: small, and files can be compared line by line."""
    head = ",\n".join(f' "{key}": {json.dumps(value)}' for key, value in result.items() if key != "runs")
    runs = ",\n".join("  " + json.dumps(run, separators=(",", ":")) for run in result["runs"])
    return f'{{{head},\n "runs": [\n{runs}\n]}}\n'


def main(arguments):
    try:
        options = parse(arguments)
        if options.merge:
            result = merge(options.merge)
        else:
            traces = traces_of(options)
            result = measure(plan_of(options, traces), options, traces)
        if options.json:
            write(options.json, json_text(result))
        if options.csv:
            write(options.csv, csv_text(result))
        if options.html:
            write(options.html, lab_report.page(result, ranking(result), about_workloads(result)))
        if result["shard"] == [1, 1]:
            print(table(result))
        else:
            print(f"part {options.shard[0]} of {options.shard[1]}: {len(result['runs'])} runs in {options.json}")
        # A policy that crashed is a result, but not a success.
        return 1 if any("error" in run for run in result["runs"]) else 0
    except Failure as failure:
        say(failure)
        return failure.status

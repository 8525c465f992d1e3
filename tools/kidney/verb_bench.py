"""./kidney bench: Google Benchmark suites with in-run ratios, and the guest's figures beside Linux's.

A suite prints each policy beside a baseline that does the same work by hand, in the same run; what counts is the
ratio, which is the same on a fast and on a slow machine. The benchmark's name says which: everything up to the
last `/baseline...` or `/policy` component is the workload.

Leaves build/bench/<suite>.json and build/bench/report.html, and adds to build/bench/history.jsonl, which the report
compares with.
"""
import glob
import json
import os
import subprocess
import sys

import build
import bench_report
from bench_report import machine_line, refusals
from project import BUILD, ROOT, Arguments, Failure, policy_slots, say

OUTPUT = os.path.join(BUILD, "bench")


def parse(arguments):
    parser = Arguments("bench", "Runs the benchmarks: all host suites, one by name, or `guest`.",
                       [("", "all suites, and build/bench/report.html"),
                        ("mm_frames --quick --filter random", "one suite, roughly, what matches"),
                        ("guest", "the system calls in the kernel"),
                        ("schedulers", "what switching costs there, under each of them")])
    parser.add_argument("name", nargs="?", help="a suite (mm_frames, sched_policy, ...); guest: the system calls in the kernel; "
                        "or schedulers: a kernel with each, and what switching costs"
                        ).words = lambda: [*suites(), *GUEST]
    parser.add_argument("--filter", metavar="REGEX", help="only benchmarks whose name matches")
    parser.add_argument("--32-bit", action="store_true", dest="is_32_bit",
                        help="as 32-bit programs, like the kernel; in QEMU's emulator where this machine runs none")
    parser.add_argument("--instructions", action="store_true",
                        help="count the instructions of a call too, by single steps of the processor (sched_policy, fs_replacement)")
    parser.add_argument("--quick", action="store_true", help="short runs: rough figures")
    return parser.parse_args(arguments)


def suites():
    """{name: program}: one for each source that ends in _bench.cpp, where bench/CMakeLists.txt looks for them."""
    sources = glob.glob(os.path.join(ROOT, "bench", "*_bench.cpp")) + glob.glob(os.path.join(ROOT, "bench", "*", "*_bench.cpp"))
    programs = sorted(os.path.basename(path).removesuffix(".cpp") for path in sources)
    return {name.removesuffix("_bench"): os.path.join("bench", name) for name in programs}


def emulator(tree):
    """What a program of this tree has to be given to: nothing, or QEMU's emulator of a 32-bit processor."""
    try:
        # An empty program, from CMake.
        runs_here = subprocess.run([os.path.join(tree, "can_run")]).returncode == 0
    except OSError:
        runs_here = False
    return [] if runs_here else ["qemu-i386"]


def run_suite(name, command, build_name, options):
    report = os.path.join(OUTPUT, f"{name}.json")
    command = [*command, f"--benchmark_out={report}", "--benchmark_out_format=json", "--benchmark_format=console",
               "--benchmark_repetitions=3", "--benchmark_enable_random_interleaving=true",
               "--benchmark_report_aggregates_only=false", f"--benchmark_min_time={0.02 if options.quick else 0.2}"]
    if options.filter:
        command.append(f"--benchmark_filter={options.filter}")
    print(f"{name}: measuring", flush=True)
    environment = {**os.environ, "KIDNEY_BENCH_INSTRUCTIONS": "1"} if options.instructions else None
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    if result.returncode != 0:
        raise Failure(f"the suite {name} failed:\n{result.stdout.strip()}")
    with open(report, encoding="utf-8") as file:
        content = json.load(file)
    return rows_of(content["benchmarks"]), machine(content["context"], build_name)


def machine(context, build_name):
    """What a figure depends on beside the code: {commit, build, machine, load}, from what the suite wrote down."""
    git = lambda *arguments: subprocess.run(["git", "-C", ROOT, *arguments], stdout=subprocess.PIPE, text=True).stdout.strip()
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), model)
    return {"commit": git("describe", "--always", "--dirty"), "build": build_name,
            "machine": f"{context['num_cpus']} x {model}, {context['mhz_per_cpu']} MHz",
            "load": "/".join(f"{value:.1f}" for value in context.get("load_avg", [])) or "unknown", "date": context["date"]}


# What every entry has, and the counters that say how long a call took and how many requests were refused.
OWN_FIELDS = {"real_time", "cpu_time", "iterations", "repetitions", "repetition_index", "threads", "family_index",
              "per_family_instance_index", "call", "refused"}
# What is told beside a time.
NOTES = ("instructions", "most_comparisons")
# What a disk was asked for, each time the same, and often less than once in an operation.
DISK_COUNTS = ("reads", "writes", "flushes", "KiB")


def rows_of(benchmarks):
    """[{workload, subject, ns, ratio, refused, notes, figures}]: the fastest repetition of each, how it compares with its
    baseline, how many requests it refused (a policy may, see bench/workloads; the figure is then one of an easier run),
    what is told beside its time, and what else the suite counted. Figures take the place of the times: they are what such a suite is about.

    Names are workload/subject[/argument...]; a subject that starts with "baseline" is what the others are
    compared with. The fastest of several runs is the one that was disturbed least.
    """
    best, refused, notes, figures = {}, {}, {}, {}
    for entry in benchmarks:
        if entry.get("run_type") == "aggregate" or entry.get("error_occurred"):
            continue
        scale = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[entry["time_unit"]]
        parts = [part for part in entry.get("run_name", entry["name"]).split("/") if ":" not in part]
        workload, subject, arguments = parts[0], parts[1] if len(parts) > 1 else "", parts[2:]
        key = ("/".join([workload, *arguments]), subject)
        # Of one call, if the suite says how many there are in a round.
        figure = entry["call"] * 1e9 if "call" in entry else entry["cpu_time"] * scale
        best[key] = min(figure, best.get(key, figure))
        refused[key] = max(int(entry.get("refused", 0)), refused.get(key, 0))
        counted = {name: value for name, value in entry.items() if name not in OWN_FIELDS and isinstance(value, float)}
        notes[key] = {name: round(counted.pop(name)) for name in NOTES if name in counted}
        notes[key] |= {name: float(f"{counted.pop(name):.4g}") for name in DISK_COUNTS if name in counted}
        figures[key] = counted
    baselines = {}
    for (workload, subject), figure in best.items():
        if subject.startswith("baseline"):
            baselines[workload] = min(figure, baselines.get(workload, figure))
    rows = [{"workload": workload, "subject": subject, "ns": figure,
             "ratio": figure / baselines[workload] if baselines.get(workload) else None,
             "refused": refused[workload, subject], "notes": notes[workload, subject], "figures": figures[workload, subject]}
            for (workload, subject), figure in best.items()]
    return sorted(rows, key=lambda row: (natural(row["workload"]), not row["subject"].startswith("baseline"),
                                         row["subject"]))


def natural(text):
    """Sorts switch/10 before switch/1000, by value."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in text.split("/")]


def table(name, rows, what):
    width = max(len(row["subject"]) for row in rows)
    workload = None
    print(f"\n{name}: {machine_line(what)}")
    for row in rows:
        if row["workload"] != workload:
            workload = row["workload"]
            print(f"  {workload}")
        if row["figures"]:
            figures = "  ".join(f"{name} {value:6.2f}" for name, value in row["figures"].items())
            print(f"    {row['subject']:{width}} {figures}{refusals(row)}")
            continue
        ratio = f"{row['ratio']:7.2f} x baseline" if row["ratio"] else ""
        notes = "".join(f"{value:9g} {name.replace('_', ' ')}" for name, value in row["notes"].items())
        print(f"    {row['subject']:{width}} {row['ns']:12.1f} ns {ratio:19}{notes}{refusals(row)}".rstrip())


def guest(options):
    tree = build.build("i686-release", ["iso", "disk"])
    program = os.path.join(ROOT, "tests", "guest", "bench_guest.py")
    command = [sys.executable, program, "--tree", tree, "--json", os.path.join(OUTPUT, "guest.json")]
    return subprocess.run(command + (["--quick"] if options.quick else [])).returncode


def schedulers(options):
    """Guest instructions of what switches most, with each scheduler and with one, two and four CPUs, which take turns."""
    rows, cpus = ("ipc.pingpong", "proc.fork"), (1, 2, 4)
    slot = policy_slots()["KIDNEY_SCHEDULER"]
    program = os.path.join(ROOT, "tests", "guest", "bench_guest.py")
    path = os.path.join(OUTPUT, "guest-scheduler.json")
    figures = {}
    for policy in slot["values"]:
        settings = {} if policy == slot["default"] else {"KIDNEY_SCHEDULER": policy}
        tree = build.build("i686-release", ["iso", "disk"], settings)
        for smp in cpus:
            command = [sys.executable, program, "--tree", tree, "--json", path, "--smp", str(smp), *rows]
            if subprocess.run(command + (["--quick"] if options.quick else []), stdout=subprocess.DEVNULL).returncode != 0:
                raise Failure(f"schedulers: no figures with {policy} on {smp} CPUs")
            with open(path, encoding="utf-8") as file:
                figures |= {(policy, entry["name"], smp): entry["kidney"] for entry in json.load(file)}
    for name, what in (("ipc.pingpong", "a round trip through two pipes: two wake-ups, two switches"),
                       ("proc.fork", "fork, exit and wait")):
        print(f"\n{what}; guest instructions, by number of CPUs\n\n| scheduler | {' | '.join(map(str, cpus))} |")
        print(f"| --- |{' --: |' * len(cpus)}")
        for policy in slot["values"]:
            values = (figures.get((policy, name, smp)) for smp in cpus)
            print(f"| {policy} | {' | '.join('-' if value is None else f'{value:.0f}' for value in values)} |")
    return 0


GUEST = {"guest": guest, "schedulers": schedulers}


def main(arguments):
    options = parse(arguments)
    os.makedirs(OUTPUT, exist_ok=True)
    try:
        if options.name in GUEST:
            return GUEST[options.name](options)
        chosen = {name: program for name, program in suites().items() if options.name in (None, name)}
        if not chosen:
            raise Failure(f"no suite '{options.name}'. The suites are: {', '.join([*suites(), *GUEST])}", 2)
        preset = "host-i686-release" if options.is_32_bit else "host-release"
        tree = build.build(preset, [os.path.basename(program) for program in chosen.values()])
        prefix = emulator(tree) if options.is_32_bit else []
        build_name = f"{preset}, {32 if options.is_32_bit else 64}-bit{', emulated by QEMU' if prefix else ''}"
        results, machines = {}, {}
        for name, program in chosen.items():
            rows, machines[name] = run_suite(name, [*prefix, os.path.join(tree, program)], build_name, options)
            if rows:
                results[name] = rows
                table(name, rows, machines[name])
        with open(os.path.join(OUTPUT, "summary.json"), "w", encoding="utf-8") as file:
            json.dump({"machines": machines, **results}, file, indent=1)
        history = os.path.join(OUTPUT, "history.jsonl")
        earlier = bench_report.read_history(history)
        path = os.path.join(OUTPUT, "report.html")
        with open(path, "w", encoding="utf-8") as file:
            file.write(bench_report.page(results, machines, earlier))
        bench_report.append_history(history, results, machines)
        print(f"\nreport: {os.path.relpath(path)}")
        return 0
    except Failure as failure:
        say(failure)
        return failure.status

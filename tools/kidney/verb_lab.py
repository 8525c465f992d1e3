"""./kidney lab: what policies do, in pictures. Deterministic: the same figures on every machine.

What is common to all subjects is in lab_engine.py; what is said of each in lab_frames.py, lab_heap.py, lab_sched.py, lab_cache.py,
lab_disk.py and lab_fs.py.
"""
import os
import random

import file_trace
import frame_trace
import lab_cache
import lab_disk
import lab_engine
import lab_frames
import lab_fs
import lab_heap
import lab_quiz
import lab_report
import lab_sched
import lab_svg
import lab_truth
import perfetto
from project import Arguments, Failure, integer_between, output_file, policies_of, say

SUBJECTS = {subject.NAME: subject for subject in (lab_frames, lab_heap, lab_sched, lab_cache, lab_disk, lab_fs)}
OF_MEMORY = [name for name, subject in SUBJECTS.items() if hasattr(subject, "MEMORY")]


def parse(arguments):
    parser = Arguments("lab", "What policies do to memory, to tasks and to disks, and file systems to a disk: tables, JSON, CSV, and a report with pictures.",
                       [("frames", "every policy, every workload, three seeds"),
                        ("frames --policy buddy_bitmap --workload fpaper --html report.html", "one policy, one workload, pictures"),
                        ("heap --html heaps.html", "the heaps, with pictures"),
                        ("sched --policy cfs --policy eevdf --workload mix --html report.html", "two schedulers beside each other"),
                        ("sched --workload mine.tasks --cpus 4", "a workload of your own, on four CPUs"),
                        ("sched --ground-truth G4 G6", "what books say, beside what the policies do"),
                        ("sched --workload app.json", "a description of rt-app; traces of sched_switch go the same way"),
                        ("sched --quiz", "who runs when?"),
                        ("cache --policy lru --policy arc --html cache.html", "which page goes, and how far from the best that is"),
                        ("disk --workload far --html disk.html", "where the head of a disk goes, and who waits for it"),
                        ("fs --policy kfs --policy ext2 --html fs.html", "what two file systems ask of a disk, and where on it"),
                        ("fs --trace build.strace", "what a program that strace has watched would ask of disks"),
                        ("frames --shard 1/8 --json part1.json", "the first of eight parts of the work")])
    parser.add_argument("subject", choices=list(SUBJECTS), help="; ".join(f"{s.NAME}: {s.TITLE}" for s in SUBJECTS.values()))
    parser.add_argument("--policy", action="append", default=[], metavar="P",
                        help="only this policy (may be repeated); of frames also P+magazines: with single frames at hand, as in the kernel"
                        ).words = lambda: [*(policy for subject in SUBJECTS.values() for policy in (policies_of(subject.SLOT) if subject.SLOT else ())),
                                  *lab_fs.MORE_POLICIES, *lab_sched.BY_NAME]
    parser.add_argument("--workload", action="append", default=[], metavar="W",
                        help="only this workload (may be repeated); of frames: "
                        f"{', '.join([*lab_frames.WORKLOADS, *frame_trace.recorded()])}; of a heap: {', '.join(lab_heap.WORKLOADS)}; of a cache: "
                        f"{', '.join(lab_cache.WORKLOADS)}; of a disk: {', '.join(lab_disk.WORKLOADS)}; of fs: {', '.join([*lab_fs.WORKLOADS, *file_trace.recorded()])}; of sched: "
                        f"{', '.join(lab_sched.catalogue())}, or a file"
                        ).words = lambda: [*lab_frames.WORKLOADS, *frame_trace.recorded(), *lab_heap.WORKLOADS, *lab_cache.WORKLOADS,
                                           *lab_disk.WORKLOADS, *lab_fs.WORKLOADS, *file_trace.recorded(), *lab_sched.catalogue()]
    parser.add_argument("--trace", action="append", default=[], metavar="FILE",
                        help="only this trace as a workload (may be repeated); frames: of ./kidney run --record-frames; "
                        "fs: what strace -f -y -s 0 has printed")
    parser.add_argument("--seeds", type=integer_between(1, 1000), default=3, metavar="N", help="seeds 1 to N (3)")
    parser.add_argument("--memory", type=integer_between(4, 16384), metavar="MIB",
                        help="memory that the policies manage (%s)" % ", ".join(f"{s.NAME}: {s.MEMORY}" for s in map(SUBJECTS.get, OF_MEMORY)))
    parser.add_argument("--cpus", type=integer_between(1, 8), metavar="N", help="sched: so many CPUs, whatever the workload says")
    parser.add_argument("--jobs", type=integer_between(1, 256), default=len(os.sched_getaffinity(0)), metavar="N",
                        help="runs at a time (as many as there are CPUs)")
    parser.add_argument("--balancer", choices=policies_of("load_balancer"), metavar="B",
                        help=f"sched: this load balancer, whatever the workload says ({', '.join(policies_of('load_balancer'))})")
    parser.add_argument("--json", type=output_file, metavar="FILE", help="write all that was observed")
    parser.add_argument("--csv", type=output_file, metavar="FILE", help="write a table, one line for each run")
    parser.add_argument("--html", type=output_file, metavar="FILE", help="write the report, one file that needs no network")
    parser.add_argument("--svg", type=output_file, metavar="FILE", help="sched: write the schedules of one workload as a Gantt chart for papers")
    parser.add_argument("--perfetto", type=output_file, metavar="FILE",
                        help="sched: write the schedule of one policy and workload for https://ui.perfetto.dev")
    parser.add_argument("--shard", metavar="K/N", help="only the K-th of N parts of the runs; needs --json")
    parser.add_argument("--merge", nargs="+", metavar="FILE", help="instead of running: join the JSON files of all shards")
    parser.add_argument("--ground-truth", nargs="*", metavar="ROW", help="sched: instead, what books say beside what the policies "
                        f"do: all rows, or these, or files ({', '.join(lab_truth.rows())})").words = lab_truth.rows
    parser.add_argument("--quiz", nargs="?", type=integer_between(1, 10 ** 9), const=0, metavar="SEED",
                        help="sched: instead, ask who runs when, grade, and explain the first wrong step")
    parser.add_argument("--tree", metavar="DIR", help="use the program of this build tree and build nothing")
    options = parser.parse_args(arguments)
    if options.shard:
        options.shard = lab_engine.shard(options.shard)
        if options.merge:
            raise Failure("--merge joins shards; it does not go with --shard", 2)
        if not options.json:
            raise Failure("--shard needs --json FILE: a part of a plan is only good for --merge", 2)
        if options.csv or options.html or options.svg or options.perfetto:
            raise Failure("--csv, --html, --svg and --perfetto belong to the whole: give them to --merge", 2)
    elif not options.merge:
        options.shard = [1, 1]
    if options.merge and (options.policy or options.workload or options.trace):
        raise Failure("--merge takes policies, workloads and traces from the files", 2)
    if options.memory and options.subject not in OF_MEMORY:
        raise Failure(f"--memory goes with {' and '.join(OF_MEMORY)}: nobody else manages memory", 2)
    if (options.svg or options.perfetto) and options.subject != "sched":
        raise Failure("--svg and --perfetto go with sched", 2)
    if options.quiz is not None and options.subject != "sched":
        raise Failure("--quiz goes with sched", 2)
    if options.ground_truth is not None and options.subject != "sched":
        raise Failure("--ground-truth goes with sched", 2)
    if (options.cpus or options.balancer) and options.subject != "sched":
        raise Failure("--cpus and --balancer go with sched", 2)
    if options.trace and not hasattr(SUBJECTS[options.subject], "TRACES"):
        raise Failure("--trace goes with frames and fs: that is what is recorded", 2)
    return options


def observe(subject, options):
    if subject is lab_sched:
        known = lab_sched.workloads_of(options)
        plan = lab_engine.plan_of(subject, options, known)
        mine = {name: known[name] for name in plan["workloads"]}
        plan["tasks"] = {name: tasks.plan() for name, tasks in mine.items()}
        program = lab_engine.program_of(subject, options)
        for tasks in mine.values():
            lab_sched.check_tasks(program, tasks)
        return lab_engine.measure(subject, plan, options, program, {name: tasks.text for name, tasks in mine.items()})
    if not hasattr(subject, "TRACES"):
        plan = lab_engine.plan_of(subject, options, subject.WORKLOADS)
        return lab_engine.measure(subject, plan, options, lab_engine.program_of(subject, options), {})
    traces = lab_engine.traces_of(subject, options)
    options.workload += [subject.TRACES.load(path).name for path in options.trace]
    plan = lab_engine.plan_of(subject, options, [*subject.WORKLOADS, *traces])
    mine = {name: traces[name] for name in plan["workloads"] if name in traces}
    plan["traces"] = {name: {"digest": trace.digest, "about": trace.about} for name, trace in mine.items()}
    program = lab_engine.program_of(subject, options)
    for trace in mine.values():
        lab_engine.check_trace(program, trace)
    return lab_engine.measure(subject, plan, options, program, {name: trace.text for name, trace in mine.items()})


def about_workloads(subject, result):
    if subject is lab_sched:
        return {name: tasks["about"] for name, tasks in result["tasks"].items()}
    return {name: subject.WORKLOADS.get(name) or result["traces"][name]["about"] for name in result["workloads"]}


def write(path, text):
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def main(arguments):
    try:
        options = parse(arguments)
        subject = SUBJECTS[options.subject]
        if options.quiz is not None:
            return lab_quiz.play(lab_engine.program_of(subject, options), options.quiz or random.randint(1, 9999))
        if options.ground_truth is not None:
            return lab_truth.show(lab_engine.program_of(subject, options), options.ground_truth)
        result = lab_engine.merge(subject, options.merge) if options.merge else observe(subject, options)
        if options.json:
            write(options.json, lab_engine.json_text(result))
        if options.csv:
            write(options.csv, lab_engine.csv_text(subject, result))
        if options.html:
            write(options.html, lab_report.page(subject, result, about_workloads(subject, result)))
        if options.svg:
            write(options.svg, lab_svg.svg(*lab_sched.one_workload(result, "--svg")))
        if options.perfetto:
            runs, _ = lab_sched.one_workload(result, "--perfetto")
            if len(runs) != 1:
                raise Failure("--perfetto shows one policy: name it with --policy", 2)
            with open(options.perfetto, "wb") as file:
                file.write(perfetto.of_run(runs[0]))
        if result["shard"] == [1, 1]:
            print(subject.table(result))
        else:
            print(f"part {options.shard[0]} of {options.shard[1]}: {len(result['runs'])} runs in {options.json}")
        # A policy that crashed is a result, but not a success.
        return 1 if any("error" in run for run in result["runs"]) else 0
    except Failure as failure:
        say(failure)
        return failure.status

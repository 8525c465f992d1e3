"""./kidney crash: cuts the power at every moment of short workloads, and tells which write, in which order, lost what."""
import json
import os
import subprocess

import build
import crash_guest
import crash_soak
from lab_engine import shard
from project import Arguments, Failure, integer_between, say

FILE_SYSTEMS = ("kfs", "kfs-homeward", "vsfs", "vsfs-small-log", "vsfs-without-log", "ext2", "ext2-2k", "ext2-4k", "fat12", "fat16", "fat32")
PLAN = ("file_system", "length", "random", "seed", "nested")
GUEST_PLAN = ("file_system", "qemu", "seed")
STATES = {"prefix": "prefixes", "torn": "torn writes", "reordered": "reordered", "recovery": "during recovery"}


def parse(arguments):
    parser = Arguments("crash", "Runs short workloads over a file system, and looks at every state that a loss of power may leave of each.",
                       [("", "vsfs with its log: all workloads of one and two steps"),
                        ("kfs", "the same of the journaled file system"),
                        ("vsfs-without-log --script lost.crash", "the smallest failure, as a story and as a script"),
                        ("ext2 --length 1", "ext2: all workloads of one step"),
                        ("--replay lost.crash", "that story again"),
                        ("--length 2 --random 100000 --seed 7", "and so many of three steps, by chance"),
                        ("ext2 --qemu 100", "and with a whole machine: 100 guests that are killed while they write to an ext2"),
                        ("--soak 480", "all file systems in turn, and their fuzzers, for eight hours"),
                        ("--shard 1/8 --json part1.json", "the first of eight parts of the work"),
                        ("--merge part1.json part2.json", "what the parts found together")])
    parser.add_argument("file_system", nargs="?", choices=list(dict.fromkeys((*FILE_SYSTEMS, *crash_guest.DISKS))), default="vsfs",
                        help=f"which (vsfs); with --qemu: {', '.join(crash_guest.DISKS)}")
    parser.add_argument("--length", type=integer_between(1, 3), default=2, metavar="N", help="all workloads of at most so many steps (2)")
    parser.add_argument("--random", type=integer_between(0, 10 ** 9), default=0, metavar="N", help="and so many of three steps, by chance (0)")
    parser.add_argument("--seed", type=integer_between(1, 10 ** 9), default=1, metavar="N", help="where chance begins (1)")
    parser.add_argument("--nested", type=integer_between(0, 2), metavar="N",
                        help="the power goes again during recovery, so often (2 for workloads of one step, else 0)")
    parser.add_argument("--qemu", type=integer_between(1, 10 ** 6), metavar="N",
                        help="instead: kill N machines while a guest writes, and look at what was synced")
    parser.add_argument("--soak", type=float, metavar="MINUTES",
                        help="instead: sweeps by chance and fuzzers of all file systems in turn, until time is up or something fails")
    parser.add_argument("--keep", metavar="DIR", help="with --qemu and --soak: keep what belongs to failures in this folder")
    parser.add_argument("--shard", metavar="K/N", help="only the K-th of N parts of the workloads; needs --json")
    parser.add_argument("--json", metavar="FILE", help="write the counts")
    parser.add_argument("--merge", nargs="+", metavar="FILE", help="instead of running: add up the JSON files of all shards")
    parser.add_argument("--script", metavar="FILE", help="write the smallest failure, for --replay")
    parser.add_argument("--replay", metavar="FILE", help="tell the story of this failure")
    parser.add_argument("--tree", metavar="DIR", help="use the program of this build tree and build nothing")
    parser.add_argument("--images", metavar="DIR", help="with --qemu: boot what is in this build tree and build nothing")
    options = parser.parse_args(arguments)
    known = crash_guest.DISKS if options.qemu else FILE_SYSTEMS
    if options.file_system not in known:
        parser.error(f"{options.file_system}: not a file system for {'--qemu' if options.qemu else 'this without --qemu'}; there are: {', '.join(known)}")
    if (options.keep and not options.qemu and options.soak is None) or (options.images and not options.qemu):
        parser.error("--keep goes with --qemu and --soak, --images with --qemu")
    if options.soak is not None and not 0 < options.soak < 1e6:
        parser.error(f"--soak {options.soak:g}: not a number of minutes")
    return options


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {error}", 2) from None
    keys = [(*PLAN, "states", "failures"), (*GUEST_PLAN, "kills", "failed")]
    if not isinstance(found, dict) or "shard" not in found or not any(all(key in found for key in some) for some in keys):
        raise Failure(f"{path}: not what ./kidney crash --json wrote", 2)
    return found


def merge(paths):
    """The counts of all parts of one sweep."""
    parts = [(path, read(path)) for path in paths]
    first_path, first = parts[0]
    plan = GUEST_PLAN if "qemu" in first else PLAN
    for path, part in parts:
        if any(part.get(key) != first[key] for key in plan) or part["shard"][1] != first["shard"][1]:
            raise Failure(f"{path}: a part of another sweep than {first_path}", 2)
    there = sorted(part["shard"][0] for _, part in parts)
    if there != list(range(1, first["shard"][1] + 1)):
        raise Failure(f"of {first['shard'][1]} parts there are: {', '.join(map(str, there))}", 2)
    if "qemu" in first:
        return crash_guest.merged([part for _, part in parts])
    whole = dict(first, shard=[1, 1])
    for key in ("workloads", "skipped", "failed_workloads"):
        whole[key] = sum(part[key] for _, part in parts)
    for group in ("states", "failures"):
        whole[group] = {key: sum(part[group][key] for _, part in parts) for key in first[group]}
    return whole


def tell(whole):
    print(f"{whole['file_system']}: {whole['workloads']} workloads ({whole['skipped']} that ask for the impossible left out)\n")
    for key, name in STATES.items():
        print(f"  {name:16} {whole['states'][key]:10} states")
    print(f"  {'all':16} {sum(whole['states'].values()):10} states\n")
    for key, count in whole["failures"].items():
        if count:
            print(f"  {count:10} failures: {key}")
    print(f"{whole['failed_workloads']} workloads fail" if whole["failed_workloads"] else "no failure")


def write(path, whole):
    """As the program does: the merged file is the same as that of one run."""
    def row(pairs):
        return ", ".join(f'"{key}": {json.dumps(value)}' for key, value in pairs)
    with open(path, "w", encoding="utf-8") as file:
        file.write("{" + row((key, whole[key]) for key in (*PLAN, "shard")) + ",\n " +
                   row((key, whole[key]) for key in ("workloads", "skipped", "failed_workloads")) + ",\n " +
                   row([("states", whole["states"])]) + ",\n " + row([("failures", whole["failures"])]) + "}\n")


def part_of(options):
    """(K, N) of --shard."""
    if options.shard and not options.json:
        raise Failure("--shard needs --json FILE: a part of a sweep is only good for --merge", 2)
    return shard(options.shard) if options.shard else (1, 1)


def kill_machines(options):
    which, parts = part_of(options)
    tree = options.tree or build.build("host-release", ["power_cut"])
    images = options.images or build.build("i686-debug", ["iso", "disk"])
    return crash_guest.kill_all(os.path.join(tree, "tests", "crash", "power_cut"), images, options, which, parts)


def command_of(options, program):
    if options.replay:
        return [program, "--replay", options.replay]
    command = [program, options.file_system, "--length", str(options.length), "--random", str(options.random), "--seed", str(options.seed)]
    if options.nested is not None:
        command += ["--nested", str(options.nested)]
    which, count = part_of(options)
    command += ["--part", str(which), "--parts", str(count)]
    for name in ("json", "script"):
        if getattr(options, name):
            command += [f"--{name}", getattr(options, name)]
    return command


def main(arguments):
    options = parse(arguments)
    try:
        if options.merge:
            whole = merge(options.merge)
            if "qemu" in whole:
                crash_guest.write(options.json, whole)
                return crash_guest.tell(whole)
            tell(whole)
            if options.json:
                write(options.json, whole)
            return 1 if whole["failed_workloads"] else 0
        if options.qemu:
            return kill_machines(options)
        if options.soak is not None:
            fuzzers = None if options.tree else build.build("host-fuzz", [f"{name}_fuzz" for name in crash_soak.FUZZERS])
            return crash_soak.soak(options, FILE_SYSTEMS, options.tree or build.build("host-release", ["crash"]), fuzzers)
        command = command_of(options, None)
        tree = options.tree or build.build("host-release", ["crash"])
        command[0] = os.path.join(tree, "tests", "crash", "crash")
    except Failure as failure:
        say(failure)
        return failure.status
    return subprocess.run(command, check=False).returncode

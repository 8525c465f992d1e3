"""What ./kidney lab fs says of file systems."""
import sys

import file_trace as TRACES  # noqa: N812
from lab_engine import by_policy, check_traces, mean, times_of_best

NAME = "fs"
TITLE = "what file systems ask of a disk"
VERSION = 2
SLOT = None
MORE_POLICIES = ("kfs", "ext2", "ext2_1k", "fat32", "fat16", "vsfs_log", "vsfs")
VARIANTS = ()
BY_NAME = ()
SOURCES = ("include/kidney/core", "include/kidney/fs", "fs", "fs/block", "fs/cache", "fs/disk", "fs/ext2", "fs/fat", "fs/kfs", "fs/replacement",
           "fs/vsfs", "bench/lab", "bench/lab/disk", "bench/lab/files", "bench/workloads", "tests/fakes", "tests/support", "tests/unit/fs")
PLAN = ("traces",)
WORKLOADS = {
    "write_4k": "a new file of 8 MiB from its beginning to its end, 4 KiB at a time, and a sync",
    "write_64k": "the same, 64 KiB at a time",
    "overwrite_64k": "the bytes of a file of 8 MiB are replaced, 64 KiB at a time, and a sync",
    "read_4k": "a file of 8 MiB of which nothing is in memory, from its beginning to its end, 4 KiB at a time",
    "read_64k": "the same, 64 KiB at a time",
    "random_read_4k": "4 KiB anywhere in a file of 8 MiB of which nothing was in memory; the cache has 2 MiB",
    "random_write_4k": "4 KiB anywhere in such a file are replaced, and a sync at the end",
    "reread_4k": "a file of 64 KiB that was read a moment ago",
    "append_1": "a byte, and a byte, and a byte, and a sync at the end",
    "append_128_synced": "a line of a log that must not be lost: 128 bytes and fsync",
    "file_64k_synced": "a file of 64 KiB, and a sync after each",
    "create": "files of 1 KiB, one after the other, and a sync at the end",
    "create_many": "the same, in a directory of 2000 (vsfs: 1000)",
    "create_long": "the same with long names, which a FAT keeps in entries of their own",
    "create_synced": "files of 1 KiB, and a sync after each",
    "look_up": "names of a directory of 300, all of them looked up before",
    "look_up_many": "names of a directory of 2000 (vsfs: 1000)",
    "look_up_missing": "names that are not there",
    "look_up_cold": "names of a directory of which nothing is in memory",
    "rename_many": "every file of a large directory gets another name in it, and a sync at the end",
    "rename_long": "the same with long names",
    "unlink_many": "every file of a large directory goes, and a sync at the end",
    "list_many": "all names of a large directory, counted by the name",
    "deep_path": "a file below eight directories is found",
}
UNSEEDED = tuple(name for name in WORKLOADS if not name.startswith(("random", "look_up")))
COLUMNS = ["calls", "reads", "writes", "flushes", "kib", "commands_per_call", "kib_per_call", "times_written", "ms_per_call", "flash_ms_per_call"]


def inputs(_options):
    return {}


def most_seconds(_plan):
    """A run takes a tenth of that."""
    return 60


def arguments(run, plan):
    workload, policy, seed = run
    return [policy, "--trace", workload] if workload in plan["traces"] else [policy, workload, str(seed)]


def check(path, result):
    check_traces(path, result)


def figures(run):
    """The line of a run in the tables."""
    if "error" in run:
        return None
    calls, kib = run["calls"], (run["sectors_read"] + run["sectors_written"]) / 2
    return {
        "calls": calls, "reads": run["reads"], "writes": run["writes"], "flushes": run["flushes"], "kib": kib,
        "commands_per_call": (run["reads"] + run["writes"]) / calls, "reads_per_call": run["reads"] / calls,
        "writes_per_call": run["writes"] / calls, "flushes_per_call": run["flushes"] / calls, "kib_per_call": kib / calls,
        # Of what is not only read: what went to the disk for each byte that somebody wrote.
        "times_written": run["sectors_written"] * 512 / run["bytes"] if run["bytes"] else 0.0,
        "ms_per_call": run["us"] / 1000 / calls, "flash_ms_per_call": run["flash_us"] / 1000 / calls,
    }


NO_END = 1e9  # milliseconds: what a run that crashed counts as
LEAST = 0.001  # milliseconds: nobody is infinitely better than somebody


def ranking(result):
    """Best first: [{policy, ms: {workload: ms}, commands: {workload: n}, times, commands_times, errors}], means over the seeds.

    What counts is how many times as long as with the best file system an operation takes on the disk with a head, the
    geometric mean over the workloads; a microsecond is added to each, because many need no disk at all.
    """
    runs = by_policy(sys.modules[__name__], result)
    of = {key: {w: {p: mean(runs[p, w], key, NO_END) for p in result["policies"]} for w in result["workloads"]}
          for key in ("ms_per_call", "commands_per_call")}
    more = {key: {w: {p: value + LEAST for p, value in row.items()} for w, row in table_.items()} for key, table_ in of.items()}
    rows = []
    for policy in result["policies"]:
        errors = sorted({error for w in result["workloads"] for _, error in runs[policy, w] if error})
        rows.append({"policy": policy, "ms": {w: of["ms_per_call"][w][policy] for w in result["workloads"]},
                     "commands": {w: of["commands_per_call"][w][policy] for w in result["workloads"]},
                     "times": times_of_best(more["ms_per_call"], policy),
                     "commands_times": times_of_best(more["commands_per_call"], policy), "errors": errors})
    return sorted(rows, key=lambda row: (round(row["times"], 6), row["policy"]))


def for_page(result):
    """What the report needs besides: the figures of each run, by seed."""
    runs = by_policy(sys.modules[__name__], result)
    return {"figures": {workload: {policy: [figures_ for figures_, _ in runs[policy, workload]] for policy in result["policies"]}
                        for workload in result["workloads"]}}


def table(result):
    """A workload is a line here: there are many of them."""
    rows = ranking(result)
    lines = []
    for title, key in (("Time of an operation on a disk with a head, in ms", "ms"), ("Commands of the disk for an operation", "commands")):
        lines += [f"{title}; the best file system first", "", f"{'':18}" + " ".join(f"{row['policy']:>10}" for row in rows)]
        for workload in result["workloads"]:
            lines.append(f"{workload:18}" + " ".join(f"{row[key][workload]:10.4g}" for row in rows))
        times = "times" if key == "ms" else "commands_times"
        lines += [f"{'times the best':18}" + " ".join(f"{row[times]:10.2f}" for row in rows), ""]
    lines += [f"{row['policy']}: {error}" for row in rows for error in row["errors"]]
    return "\n".join(lines).rstrip()

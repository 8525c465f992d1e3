"""What ./kidney lab disk says of disk schedulers."""
import sys

from lab_engine import by_policy, mean, percent, times_of_best

NAME = "disk"
TITLE = "which request a disk serves next"
VERSION = 1
SLOT = "disk_scheduler"
MORE_POLICIES = ()
VARIANTS = ()
BY_NAME = ()
SOURCES = ("include/kidney/core", "include/kidney/fs", "fs/block", "fs/disk_schedulers", "bench/lab", "bench/lab/disk", "tests/laws",
           "tests/support")
PLAN = ()
UNSEEDED = ()
WORKLOADS = {
    "random": "4 KiB anywhere, two reads for each write, as many as a disk can bear that sorts; a disk with a head",
    "streams": "four files are read and two are written from end to end at the same time, 32 KiB with each question; a disk with a head",
    "behind": "most requests come just behind where the head has been: the worst for whoever sweeps upwards; a disk with a head",
    "far": "twelve programs work in one corner, and now and then somebody reads a block at the other end; a disk with a head",
    "flood": "two programs read block after block while another writes 100 pages at a time; a disk with a head",
    "flash_random": "4 KiB anywhere, two reads for each write; flash memory with eight channels and without a head",
    "flash_streams": "the files of streams; flash memory",
    "flash_flood": "the reads and the flood; flash memory",
}
COLUMNS = ["calls", "commands", "merged", "seconds", "requests_per_second", "mib_per_second", "travel_per_command", "mean_ms",
           "read_mean_ms", "read_p99_ms", "read_longest_ms", "write_mean_ms", "write_p99_ms", "write_longest_ms"]


def inputs(_options):
    return {}


def most_seconds(_plan):
    """A run takes a hundredth of that."""
    return 60


def arguments(run, _plan):
    workload, policy, seed = run
    return [policy, workload, str(seed)]


def check(_path, _result):
    """Nothing of its own in the plan."""


def milliseconds(percentiles, which):
    return percentiles[which - 1] / 1000 if percentiles else 0.0


def figures(run):
    """The line of a run in the tables."""
    if "error" in run:
        return None
    seconds, reads, writes = run["us"] / 1e6, run["read_percentiles_us"], run["write_percentiles_us"]
    sums = {kind: run[f"{kind}_sum_us"] / 1000 for kind in ("reads", "writes")}
    return {
        "calls": run["calls"], "commands": run["commands"], "merged": run["merged"], "seconds": seconds,
        "merged_percent": percent(run["merged"], run["calls"]),
        "requests_per_second": run["calls"] / seconds, "mib_per_second": run["blocks"] / 2048 / seconds,
        "travel_per_command": run["travel"] / run["commands"],
        "mean_ms": (sums["reads"] + sums["writes"]) / run["calls"],
        "read_mean_ms": sums["reads"] / max(1, run["reads"]), "write_mean_ms": sums["writes"] / max(1, run["writes"]),
        "read_p99_ms": milliseconds(reads, 99), "read_longest_ms": milliseconds(reads, 100),
        "write_p99_ms": milliseconds(writes, 99), "write_longest_ms": milliseconds(writes, 100),
    }


NO_END = 1e9  # milliseconds: what a run that crashed counts as


def ranking(result):
    """Best first: [{policy, waits: {workload: ms}, times, worst: {workload: ms}, worst_times, travel, errors}], means over the seeds.

    What counts is how many times as long as with the best policy a request waits, the geometric mean over the workloads;
    the same of the longest wait of a read tells who starves.
    """
    runs = by_policy(sys.modules[__name__], result)
    of = {key: {w: {p: mean(runs[p, w], key, NO_END) for p in result["policies"]} for w in result["workloads"]}
          for key in ("mean_ms", "read_longest_ms")}
    rows = []
    for policy in result["policies"]:
        everything = [entry for workload in result["workloads"] for entry in runs[policy, workload]]
        rows.append({"policy": policy, "waits": {w: of["mean_ms"][w][policy] for w in result["workloads"]},
                     "times": times_of_best(of["mean_ms"], policy), "worst": {w: of["read_longest_ms"][w][policy] for w in result["workloads"]},
                     "worst_times": times_of_best(of["read_longest_ms"], policy), "travel": mean(everything, "travel_per_command", 0.0),
                     "errors": sorted({error for _, error in everything if error})})
    return sorted(rows, key=lambda row: (round(row["times"], 6), row["policy"]))


def for_page(result):
    """What the report needs besides: the figures of each run, by seed."""
    runs = by_policy(sys.modules[__name__], result)
    return {"figures": {workload: {policy: [figures_ for figures_, _ in runs[policy, workload]] for policy in result["policies"]}
                        for workload in result["workloads"]}}


def table(result):
    rows = ranking(result)
    width = max(len(row["policy"]) for row in rows)
    seeds = f"{result['seeds']} seed{'s' if result['seeds'] > 1 else ''}"
    head = f"     {'':{width}} " + " ".join(f"{name:>13}" for name in result["workloads"])
    lines = [f"How long a request waits, mean in ms, and how many times as long as with the best; {seeds}", "", f"{head} {'times':>7}"]
    for place, row in enumerate(rows, 1):
        cells = " ".join(f"{row['waits'][name]:13.2f}" for name in result["workloads"])
        lines.append(f"{place:3}. {row['policy']:{width}} {cells} {row['times']:7.2f}")
        lines += [f"     {row['policy']}: {error}" for error in row["errors"]]
    lines += ["", "The longest wait of a read, in ms", "", f"{head} {'times':>7}"]
    for row in rows:
        cells = " ".join(f"{row['worst'][name]:13.2f}" for name in result["workloads"])
        lines.append(f"     {row['policy']:{width}} {cells} {row['worst_times']:7.2f}")
    return "\n".join(lines)

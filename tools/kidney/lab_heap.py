"""What ./kidney lab says of heaps."""
import sys

from lab_engine import by_policy, mean, memory_of, percent

NAME = "heap"
TITLE = "the kernel's heaps"
VERSION = 1
SLOT = "heap"
MORE_POLICIES = ("debug_slab",)  # what debug kernels run
VARIANTS = ()
BY_NAME = ()
MEMORY = 16
SOURCES = ("include/kidney/core", "include/kidney/mm", "mm", "mm/frames", "mm/heap", "bench/lab", "tests/laws",
           "tests/support", "tests/unit/mm")
PLAN = ("memory_mib",)
UNSEEDED = ("sizes",)
WORKLOADS = {
    "fill128": "objects of 16 to 128 bytes, until half of memory is asked for",
    "fill2048": "objects of 16 to 2048 bytes, until half of memory is asked for",
    "churn": "a third of memory in objects of 16 to 2048 bytes; random ones are replaced, four times as many as there are",
    "tides": "objects of 16 to 2048 bytes, many small ones; use grows to half of memory and falls to a twentieth, four times",
    "shift": "what is wanted changes: first 16 to 31 bytes, then 32 to 63, and so on to 4 KiB; one byte in ten of each stays",
    "server": "connections with buffers and headers, most short, some long; busy hours and quiet ones; a cache of answers",
    "kernel": "a kernel's mix: processes, regions, open files, path names, inodes, pages of a file cache",
    "sizes": "objects of one size at a time, for every size: what one of them costs",
}
PAGE = 4096
COLUMNS = ["held_per_asked", "held_per_asked_at_peak", "rounding_at_peak", "pieces_at_peak", "kept", "kept_after_reclaim",
           "asked", "refused"]


def inputs(options):
    return memory_of(sys.modules[__name__], options)


def most_seconds(plan):
    """A run takes a hundredth of that."""
    return 60 + plan["memory_mib"]


def arguments(run, plan):
    workload, policy, seed = run
    return [policy, workload, str(seed), str(plan["memory_mib"])]


def check(_path, _result):
    """Nothing of its own in the plan."""


def figures(run):
    """The line of a run in the tables."""
    if "error" in run:
        return None
    peak, pictures = run["peak"], run["pictures"]
    held = PAGE * peak["held"]
    # Over the run every moment counts by what was asked for then; of single sizes each counts the same.
    costs = [held / (objects * size) for size, objects, held in run["costs"] if objects]
    over_time = PAGE * sum(p["held"] for p in pictures) / max(1, sum(p["asked"] for p in pictures))
    return {
        "held_per_asked": sum(costs) / len(costs) if costs else over_time,
        "held_per_asked_at_peak": held / max(1, peak["asked"]),
        "rounding_at_peak": percent(peak["granted"] - peak["asked"], held),
        "pieces_at_peak": percent(held - peak["granted"], held),
        "kept": run["kept"], "kept_after_reclaim": run["kept_after_reclaim"],
        "asked": run["asked"], "refused": run["refused"], "refused_percent": percent(run["refused"], run["asked"]),
    }


def ranking(result):
    """Best first: [{policy, held: {workload: ratio}, mean, peak, kept, refused, errors}], means over the seeds.

    What counts is what is held for each byte that is asked for, over time, averaged over the workloads. A run that
    crashed counts as all of memory for nothing.
    """
    runs = by_policy(sys.modules[__name__], result)
    nothing = 1000.0
    rows = []
    for policy in result["policies"]:
        mine = {workload: runs[policy, workload] for workload in result["workloads"]}
        everything = [entry for entries in mine.values() for entry in entries]
        held = {workload: mean(entries, "held_per_asked", nothing) for workload, entries in mine.items()}
        rows.append({"policy": policy, "held": held, "mean": sum(held.values()) / len(held),
                     "peak": mean(everything, "held_per_asked_at_peak", nothing),
                     "kept": mean(everything, "kept", 0.0), "kept_after_reclaim": mean(everything, "kept_after_reclaim", 0.0),
                     "refused": mean(everything, "refused_percent", 100.0),
                     "errors": sorted({error for _, error in everything if error})})
    return sorted(rows, key=lambda row: (round(row["mean"], 6), round(row["refused"], 6), row["policy"]))


def table(result):
    rows = ranking(result)
    width = max(len(row["policy"]) for row in rows)
    lines = [f"Bytes of frames that are held for each byte that is asked for, over the run; {result['memory_mib']} MiB, "
             f"{result['seeds']} seed{'s' if result['seeds'] > 1 else ''}", "",
             f"     {'':{width}} " + " ".join(f"{name:>8}" for name in result["workloads"]) +
             f" {'mean':>8} {'refused':>9} {'kept, frames: then, reclaimed':>30}"]
    for place, row in enumerate(rows, 1):
        cells = " ".join(f"{row['held'][name]:8.3f}" for name in result["workloads"])
        lines.append(f"{place:3}. {row['policy']:{width}} {cells} {row['mean']:8.3f} {row['refused']:7.2f} % "
                     f"{row['kept']:19.0f} {row['kept_after_reclaim']:10.0f}")
        lines += [f"     {row['policy']}: {error}" for error in row["errors"]]
    return "\n".join(lines)

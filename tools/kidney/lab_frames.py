"""What ./kidney lab says of frame allocators."""
import sys

import frame_trace as TRACES  # noqa: N812
from lab_engine import by_policy, check_traces, mean, memory_of, percent

NAME = "frames"
TITLE = "the frame allocators"
VERSION = 2
SLOT = "frame_allocator"
MORE_POLICIES = ()
VARIANTS = ("+magazines",)  # as the kernel uses a policy
BY_NAME = ()
MEMORY = 64
SOURCES = ("include/kidney/core", "include/kidney/mm", "mm", "mm/frames", "mm/trace", "bench/lab", "bench/workloads", "tests/laws")
PLAN = ("memory_mib", "traces")
UNSEEDED = ()
WORKLOADS = {
    "fbreathe50": "single frames; use swings between 40 and 60 % of memory, ten times",
    "fbreathe85": "single frames; use swings between 75 and 95 % of memory, ten times",
    "fpaper": "memory is filled, a random half is freed, then the rest is replaced frame by frame, eight times over",
    "fmix": "blocks of 4 KiB to 2 MiB at 60 % of memory; a random quarter is replaced, 120 times",
    "machine": "a file cache, processes that come and go, the kernel's heap, buffers and large pages",
    "queue": "a producer takes buffers, a consumer gives them back in the same order, much later",
}
LARGE = 9  # the order of a large page, 2 MiB
COLUMNS = ["bits_per_frame", "granted_2m", "whole_2m_end", "whole_2m_mean", "asked", "refused_full", "refused_scattered",
           "refused_missed"]


def inputs(options):
    return memory_of(sys.modules[__name__], options)


def most_seconds(plan):
    """A run takes a hundredth of that."""
    return 60 + plan["memory_mib"]


def arguments(run, plan):
    workload, policy, seed = run
    return [policy, "--trace", workload] if workload in plan["traces"] else [policy, workload, str(seed), str(plan["memory_mib"])]


def check(path, result):
    check_traces(path, result)


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


def ranking(result):
    """Best first: [{policy, bits, granted: {workload: percent}, mean, whole, refused, errors}], means over the seeds.

    What counts is the part of free memory that the policy gives as 2 MiB blocks when a run is over, averaged over the
    workloads; then what it refused. A run that crashed counts as nothing granted, everything refused.
    """
    runs = by_policy(sys.modules[__name__], result)
    rows = []
    for policy in result["policies"]:
        mine = {workload: runs[policy, workload] for workload in result["workloads"]}
        everything = [entry for entries in mine.values() for entry in entries]
        granted = {workload: mean(entries, "granted_2m", 0.0) for workload, entries in mine.items()}
        whole = [f for f, _ in everything if f]
        rows.append({"policy": policy, "granted": granted, "mean": sum(granted.values()) / len(granted),
                     "bits": whole[0]["bits_per_frame"] if whole else None,
                     "whole": mean(everything, "whole_2m_mean", 0.0), "refused": mean(everything, "refused", 100.0),
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

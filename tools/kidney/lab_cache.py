"""What ./kidney lab cache says of replacement policies."""
import sys

from lab_engine import by_policy, mean, percent

NAME = "cache"
TITLE = "which page goes, when the page cache is full"
VERSION = 1
SLOT = "cache_replacement"
MORE_POLICIES = ()
VARIANTS = ()
BY_NAME = ()
SOURCES = ("include/kidney/core", "include/kidney/fs", "fs/replacement", "bench/lab", "bench/lab/cache", "tests/laws", "tests/support")
PLAN = ()
UNSEEDED = ("loop",)
WORKLOADS = {
    "zipf": "single pages by Zipf's law: page n has 1/n of the odds of the first; each access by itself",
    "files": "whole files from the beginning to the end, 1 to 64 pages, some far more often than others",
    "loop": "one file over and over: whatever has fewer pages than it is just too small",
    "scan": "256 pages are in use all the time; every now and then 512 others are read once",
    "shift": "what is in use changes, slowly and all the time",
    "bursts": "each page one to four times within a moment, and then for long not; half of them never again",
    "database": "an index: its root and branches each time, a leaf and a record by Zipf's law; now and then half a table as a whole",
    "mixed": "zipf, files, loop, shift and bursts in turns",
}
COLUMNS = ["calls", "pages", "hit_ratio", "optimum_ratio", "of_optimum", "hit_ratio_pictured", "ghost_bytes"]


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


def figures(run):
    """The line of a run in the tables. The largest cache holds all: what it says is the same for everybody."""
    if "error" in run:
        return None
    hits, optimum = run["hits"][:-1], run["optimum"][:-1]
    return {
        "calls": run["calls"], "pages": run["pages"], "ghost_bytes": run["ghost_bytes"],
        "hit_ratio": percent(sum(hits), len(hits) * run["calls"]),
        "optimum_ratio": percent(sum(optimum), len(optimum) * run["calls"]),
        "of_optimum": sum(percent(h, o) if o else 100.0 for h, o in zip(hits, optimum)) / len(hits),
        "hit_ratio_pictured": percent(run["hits"][run["pictured"]], run["calls"]),
    }


def ranking(result):
    """Best first: [{policy, share: {workload: percent}, mean, hits, ghosts, errors}], means over the seeds.

    What counts is the part of the optimum's hits that a policy has, averaged over the sizes of the cache and over the
    workloads. A run that crashed counts as no hits.
    """
    runs = by_policy(sys.modules[__name__], result)
    rows = []
    for policy in result["policies"]:
        mine = {workload: runs[policy, workload] for workload in result["workloads"]}
        everything = [entry for entries in mine.values() for entry in entries]
        share = {workload: mean(entries, "of_optimum", 0.0) for workload, entries in mine.items()}
        whole = [f for f, _ in everything if f]
        rows.append({"policy": policy, "share": share, "mean": sum(share.values()) / len(share),
                     "hits": mean(everything, "hit_ratio", 0.0), "ghosts": whole[0]["ghost_bytes"] if whole else None,
                     "errors": sorted({error for _, error in everything if error})})
    return sorted(rows, key=lambda row: (-round(row["mean"], 6), row["policy"]))


def table(result):
    rows = ranking(result)
    width = max(len(row["policy"]) for row in rows)
    lines = ["Percent of the hits of the optimum (who knows the future), mean over the sizes of the cache; "
             f"{result['seeds']} seed{'s' if result['seeds'] > 1 else ''}", "",
             f"     {'':{width}} " + " ".join(f"{name:>9}" for name in result["workloads"]) + f" {'mean':>8} {'hits, %':>9} {'ghosts':>9}"]
    for place, row in enumerate(rows, 1):
        cells = " ".join(f"{row['share'][name]:9.1f}" for name in result["workloads"])
        ghosts = "-" if row["ghosts"] is None else f"{row['ghosts']} bytes" if row["ghosts"] else "none"
        lines.append(f"{place:3}. {row['policy']:{width}} {cells} {row['mean']:8.1f} {row['hits']:9.1f} {ghosts:>9}")
        lines += [f"     {row['policy']}: {error}" for error in row["errors"]]
    return "\n".join(lines)

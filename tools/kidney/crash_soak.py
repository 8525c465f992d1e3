"""./kidney crash --soak: what the tests do for seconds, for hours: sweeps by chance and fuzzers of all file systems in turn, each round with
another seed, until time is up or one finds something."""
import itertools
import json
import os
import subprocess
import tempfile
import time

from project import say

FUZZERS = ("ext2", "fat", "kfs", "vsfs", "partitions", "p9")
WORKLOADS = 1000     # of three steps, in a sweep
FUZZ_SECONDS = 20


def sweep(program, name, seed, folder):
    """Whether all was well, and what was done."""
    counts, script = os.path.join(folder, "counts.json"), os.path.join(folder, f"{name}-{seed}.crash")
    result = subprocess.run([program, name, "--length", "1", "--random", str(WORKLOADS), "--seed", str(seed), "--json", counts, "--script", script],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        print(f"{name}, seed {seed}:\n{result.stdout}", end="")
        return False, f"see it again: ./kidney crash --replay {script}"
    with open(counts, encoding="utf-8") as file:
        return True, f"{sum(json.load(file)['states'].values())} states"


def fuzz(program, name, seed, folder):
    result = subprocess.run([program, f"-max_total_time={FUZZ_SECONDS}", f"-seed={seed}", f"-artifact_prefix={folder}/{name}-", "-print_final_stats=1"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    if result.returncode != 0:
        print(f"{name} with damaged inputs, seed {seed}:\n{result.stdout}", end="")
        return False, f"see it again: {program} with the file in {folder}"
    runs = [line.split()[-1] for line in result.stdout.splitlines() if line.startswith("stat::number_of_executed_units:")]
    return True, f"{runs[0] if runs else '?'} damaged inputs"


def soak(options, file_systems, tree, fuzz_tree):
    """`fuzz_tree`: None, without fuzzers. 0: nothing was found."""
    crash = os.path.join(tree, "tests", "crash", "crash")
    work = [(name, sweep, crash) for name in file_systems if name != "vsfs-without-log"]  # that one loses things
    work += [(name, fuzz, os.path.join(fuzz_tree, "tests", "fuzz", f"{name}_fuzz")) for name in FUZZERS if fuzz_tree]
    folder = options.keep or tempfile.mkdtemp(prefix="kidney-soak-")
    os.makedirs(folder, exist_ok=True)
    end = time.monotonic() + options.soak * 60
    for n in itertools.count():
        if time.monotonic() >= end and n > 0:
            say(f"soak: nothing found, {n} times")
            return 0
        name, run, program = work[n % len(work)]
        seed = options.seed + n // len(work)
        all_well, what = run(program, name, seed, folder)
        print(f"{name:16} seed {seed:6}  {what}", flush=True)
        if not all_well:
            return 1

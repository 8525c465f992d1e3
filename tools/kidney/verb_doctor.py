"""./kidney doctor: what is installed, in which version, what is missing and how to get it."""
import os
import platform
import shutil
import subprocess

from project import BUILD, ROOT, Arguments


def packages():
    with open(os.path.join(ROOT, "tools", "kidney", "packages.txt"), encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                yield [column.strip() for column in line.split("|")]


def is_i386(path):
    try:
        with open(os.path.join(ROOT, path), "rb") as file:
            return file.read(5) == b"\x7fELF\x01"
    except OSError:
        return False


def present(probe):
    if probe.startswith("i386:"):
        return is_i386(probe.removeprefix("i386:"))
    return os.path.exists(os.path.join(ROOT, probe)) if "/" in probe else shutil.which(probe) is not None


def versions(names):
    """The versions of Debian packages that are installed, in one question."""
    if not shutil.which("dpkg-query"):
        return {}
    result = subprocess.run(["dpkg-query", "-W", "-f", "${Package}:${Architecture} ${Version}\n", *names],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = {}
    for line in result.stdout.splitlines():
        name, _, version = line.partition(" ")
        if version:
            found[name] = found[name.split(":")[0]] = version
    return found


def main(arguments):
    Arguments("doctor", "Tells what is installed, what is missing and how to get it.").parse_args(arguments)
    rows = list(packages())
    known = versions([row[0] for row in rows])
    missing, without = [], []
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}\n")
    for name, probes, verbs, purpose in rows:
        there = any(present(probe) for probe in probes.split())
        optional, on_demand = (word in verbs.split() for word in ("optional", "on-demand"))
        if not there and not on_demand:
            (without if optional else missing).append(name)
        state = "ok" if there else "later" if on_demand else "missing"
        version = known.get(name, "not from a package") if there else ""
        print(f"  {state:8} {name:22} {version:28} {purpose}")
    free = shutil.disk_usage(ROOT).free // (1 << 20)
    print(f"\n  {free} MiB free on the disk; all trees and images together need about 4000")
    if os.path.isdir(BUILD):
        trees = sorted(entry.name for entry in os.scandir(BUILD) if os.path.exists(os.path.join(entry, "build.ninja")))
        print(f"  configured build trees: {', '.join(trees) or 'none'}")
    if missing or without:
        print(f"\nmissing: {' '.join(missing + without)}\n./kidney setup installs them, or: apt-get install "
              f"{' '.join(missing + without)}")
        if any(name.endswith(":i386") for name in without):
            print("(first: dpkg --add-architecture i386 && apt-get update)")
    else:
        print("\nnothing is missing")
    return 1 if missing else 0

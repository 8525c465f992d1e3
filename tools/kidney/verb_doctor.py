"""./kidney doctor: what is installed, in which version, what is missing and how to get it."""
import os
import platform
import re
import shutil
import subprocess

from project import BUILD, ROOT, Arguments


def packages():
    """The rows of packages.txt that are for this kind of machine: [package, probes, verbs, purpose]."""
    machine = os.environ.get("HOSTTYPE", platform.machine())
    elsewhere = not re.fullmatch(r"x86_64|i.86", machine)
    return [row for row in all_packages() if ("on-x86" if elsewhere else "elsewhere") not in row[2].split()]


def all_packages():
    with open(os.path.join(ROOT, "tools", "kidney", "packages.txt"), encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                yield [column.strip() for column in line.split("|")]


def place(path):
    return os.path.join(BUILD, path.removeprefix("build/"))


def is_i386(path):
    try:
        with open(place(path), "rb") as file:
            return file.read(5) == b"\x7fELF\x01"
    except OSError:
        return False


def present(probe):
    if probe.startswith("i386:"):
        return is_i386(probe.removeprefix("i386:"))
    return os.path.exists(place(probe)) if "/" in probe else shutil.which(probe) is not None


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


def parse(arguments):
    return Arguments("doctor", "Tells what is installed, what is missing, what it is for and how to get it.",
                     [("", "the exit status is 1 if something is missing that cannot be done without")]).parse_args(arguments)


def command_for(name, probes):
    """What gets a package."""
    if not shutil.which("apt-get"):
        return "by hand: this is no Debian (docs/building/other-distributions.md has names)"
    if any("build/" in probe for probe in probes.split()):
        return "./kidney setup (it is only unpacked, into the folder of the builds)"
    return f"{'' if os.getuid() == 0 else 'sudo '}apt-get install --no-install-recommends {name}"


def complaints_of_setup():
    """What APT gave as its reasons when ./kidney setup ran last."""
    try:
        with open(os.path.join(BUILD, "setup.log"), encoding="utf-8", errors="replace") as file:
            return list(dict.fromkeys(line.strip() for line in file if line.startswith(("E:", "Err:"))))[:5]
    except OSError:
        return []


def tell_missing(rows):
    if not rows:
        print("\nnothing is missing")
        return
    print("\nmissing, what for, and what gets it:")
    for name, probes, verbs, purpose in rows:
        users = [verb for verb in verbs.split() if verb not in ("optional", "on-x86", "elsewhere")]
        print(f"  {name}: {purpose} ({', '.join(users)})\n      {command_for(name, probes)}")
    for line in complaints_of_setup():
        print(f"  the last setup: {line}")
    print("./kidney setup gets all of them" + (", and adds the architecture i386 to dpkg" if any(":i386" in row[0] for row in rows)
                                              else ""))


def main(arguments):
    parse(arguments)
    rows = packages()
    known = versions([row[0] for row in rows])
    missing, required = [], False
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}\n")
    for row in rows:
        name, probes, verbs, purpose = row
        there = any(present(probe) for probe in probes.split())
        optional, on_demand = (word in verbs.split() for word in ("optional", "on-demand"))
        if not there and not on_demand:
            missing.append(row)
            required = required or not optional
        state = "ok" if there else "later" if on_demand else "missing"
        version = known.get(name, "not from a package") if there else ""
        print(f"  {state:8} {name:22} {version:28} {purpose}")
    print(f"\n  {shutil.disk_usage(ROOT).free // (1 << 20)} MiB free on the disk; all trees and images together need about 4000")
    if os.path.isdir(BUILD):
        trees = sorted(entry.name for entry in os.scandir(BUILD) if os.path.exists(os.path.join(entry, "build.ninja")))
        print(f"  configured build trees: {', '.join(trees) or 'none'}")
    tell_missing(missing)
    return 1 if required else 0

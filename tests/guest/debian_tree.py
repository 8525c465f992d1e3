"""A Debian i386 tree from packages: dynamic programs that nobody has compiled for this kernel.

The packages and what they need come through apt-get, are kept in the build folder, and are unpacked, not installed.
"""
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = """bash bc bzip2 coreutils diffutils file findutils gawk grep gzip jq less lua5.4 make patch perl-base
    procps python3-minimal sed sqlite3 tar util-linux vim-tiny xz-utils""".split()
# Much of a package is for people; none of it is for the tests.
LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian")


class Unavailable(Exception):
    """Why there can be no such tree here."""


def run(command, **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if result.returncode != 0:
        lines = result.stdout.strip().splitlines() or ["it says nothing"]
        raise Unavailable(f"{command[0]} failed: {lines[-1]}")


def download(folder: Path) -> None:
    """The packages and all that they depend on, as if nothing were installed."""
    archives = folder / "archives"
    (archives / "partial").mkdir(parents=True)
    status = folder / "status"
    status.touch()
    settings = {"APT::Architecture": "i386", "APT::Architectures::": "i386", "Dir::State::status": status,
                "Dir::Cache::archives": archives, "APT::Install-Recommends": "false", "Debug::NoLocking": "true",
                "APT::Sandbox::User": ""}
    run(["apt-get", "--yes", "--quiet", "--download-only", *(f"-o{name}={value}" for name, value in settings.items()),
         "install", *PACKAGES])


def debian_tree(build: Path) -> Path:
    """The tree, made when it is first asked for. Error: Unavailable."""
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            raise Unavailable(f"{program} is not installed")
    key = hashlib.sha256(" ".join([*PACKAGES, *LEFT_OUT]).encode()).hexdigest()[:12]
    tree = build / "debian" / key
    if tree.exists():
        return tree
    work = build / "debian" / f"{key}.{os.getpid()}"
    try:
        work.mkdir(parents=True)
        download(work)
        fresh = work / "tree"
        for package in sorted((work / "archives").glob("*.deb")):
            run(["dpkg-deb", "--extract", package, fresh])
        for folder in LEFT_OUT:
            shutil.rmtree(fresh / folder, ignore_errors=True)
        try:
            fresh.rename(tree)  # in one step: another test may do the same at this moment
        except OSError:
            if not tree.exists():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return tree

#!/usr/bin/env python3
"""The steps of the Dockerfile, carried out in a Debian 12 that debootstrap makes: afterwards nothing is missing there, for a
plain user too. Needs root, debootstrap, network and 6 GB; runs only if the label `container` is named."""
import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tools"))
from project_files import project_files  # noqa: E402

SKIPPED = 77
CLONE = "/home/kidney/clone"


def steps(text):
    """[(instruction, rest)] of a Dockerfile."""
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


def mirror():
    """Where this machine gets Debian 12 from, or None."""
    result = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE) $(REPO_URI)", "Codename: bookworm"],
                            stdout=subprocess.PIPE, text=True)
    return next((line.split()[-1] for line in result.stdout.splitlines()), None)


def why_not():
    if os.getuid() != 0:
        return "needs root, for debootstrap"
    for program in ("debootstrap", "unshare", "apt-get"):
        if not shutil.which(program):
            return f"needs {program}"
    place = mirror()
    if not place:
        return "needs a machine that gets packages of Debian 12 (bookworm)"
    try:
        urllib.request.urlopen(f"{place.rstrip('/')}/dists/bookworm/Release", timeout=30).close()
    except OSError as error:
        return f"needs network: {error}"
    return None


def make_debian(tree):
    subprocess.run(["debootstrap", "--variant=minbase", "bookworm", tree, mirror()], check=True, stdout=subprocess.DEVNULL)
    # The image of Debian 12 has the updates too; so has this machine.
    os.remove(os.path.join(tree, "etc/apt/sources.list"))
    for name in ("apt/sources.list", "apt/sources.list.d", "apt/apt.conf.d", "apt/keyrings", "resolv.conf", "hosts"):
        source, target = os.path.join("/etc", name), os.path.join(tree, "etc", name)
        if os.path.isdir(source):
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif os.path.exists(source):
            shutil.copy(source, target)


def inside(tree, command, environment):
    """Runs a command there; its mounts end with it."""
    script = 'mount --rbind /proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
    subprocess.run(["unshare", "--mount", "sh", "-c", script, tree, "env", "-i", *environment, *command], check=True,
                   stdin=subprocess.DEVNULL)


def follow_dockerfile(tree):
    environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"]
    entry = None
    with open(os.path.join(ROOT, "Dockerfile"), encoding="utf-8") as file:
        found = steps(file.read())
    for instruction, rest in found:
        print(f"{instruction} {rest}", flush=True)
        if instruction == "ENV":
            environment += shlex.split(rest)
        elif instruction == "COPY":
            source, target = rest.split()
            os.makedirs(os.path.dirname(tree + target), exist_ok=True)
            shutil.copy(os.path.join(ROOT, source), tree + target)
        elif instruction == "RUN":
            inside(tree, ["sh", "-c", rest], environment)
        elif instruction == "ENTRYPOINT":
            entry = shlex.split(rest.strip("[]"))[0]
        elif (instruction, rest) not in (("FROM", "debian:12"), ("CMD", '["bash"]')):
            raise SystemExit(f"this test does not know the step {instruction} {rest}")
    return entry, environment


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--boot", action="store_true", help="build and boot in there, too")
    parser.add_argument("--keep", metavar="DIR", help="make the tree there and leave it")
    options = parser.parse_args()
    reason = why_not()
    if reason:
        print(reason)
        return SKIPPED
    tree = os.path.abspath(options.keep) if options.keep else tempfile.mkdtemp(prefix="kidney-debian-")
    try:
        make_debian(tree)
        entry, environment = follow_dockerfile(tree)
        for name in project_files(ROOT):
            os.makedirs(os.path.dirname(tree + os.path.join(CLONE, name)), exist_ok=True)
            shutil.copy(os.path.join(ROOT, name), tree + os.path.join(CLONE, name))
        inside(tree, ["chown", "-R", "kidney:kidney", CLONE], environment)
        command = f"cd {CLONE} && {entry} ./kidney doctor && cmake --preset i686-debug >/dev/null"
        if options.boot:
            command += " && test \"$(./kidney run --exec 'echo $((6 * 7))')\" = 42"
        inside(tree, ["setpriv", "--reuid=kidney", "--regid=kidney", "--clear-groups", "bash", "-c", command],
               [*environment, "HOME=/tmp"])
    finally:
        if not options.keep:
            subprocess.run(["rm", "-rf", "--one-file-system", tree], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

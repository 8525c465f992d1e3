"""./kidney crash --qemu: machines that are killed while a guest writes, and the judgement of what that left on their disks."""
import json
import os
import random
import subprocess
import tempfile
import time
from typing import NamedTuple

import qemu
from project import Failure, say

STEPS = 20000  # of a plan: more than a guest gets done before it dies
MOST_SYNCS = 150
DEADLINE = 300  # seconds that a machine may say nothing
WORK = ("mkdir /tmp/m && mount -t {kind} /dev/vdb /tmp/m && exec /usr/lib/kidney-tests/write_plan /tmp/m < /dev/vdc")


class Disk(NamedTuple):
    format: str     # in the words of ./kidney image
    kind: str       # in those of mount(8)
    mebibytes: int


# ext2 has blocks of 1 KiB on small disks.
DISKS = {"kfs": Disk("kfs", "kfs", 16), "ext2": Disk("ext2", "ext2", 12), "ext2-4k": Disk("ext2", "ext2", 24),
         "fat12": Disk("fat12", "vfat", 8), "fat16": Disk("fat16", "vfat", 16), "fat32": Disk("fat32", "vfat", 40)}


class Kill(NamedTuple):
    """Where chance wants one of the machines to die."""
    plan: int      # the seed of its plan
    syncs: int     # after so many that the guest speaks of,
    pause: float   # and so many seconds
    memory: int
    smp: int


def kill_of(seed, number):
    chance = random.Random(f"{seed}/{number}")
    return Kill(chance.randrange(1, 1 << 31), chance.randint(0, MOST_SYNCS), chance.random() * 0.03, chance.choice((64, 256)), chance.choice((1, 2)))


def blank(path, mebibytes):
    with open(path, "wb") as file:
        file.truncate(mebibytes << 20)


def said(path):
    """[steps that were synced, ...] and whether the guest had nothing left to do; half a line at the end does not count."""
    with open(path, "rb") as file:
        lines = [line.split() for line in file.read().split(b"\n")[:-1]]
    return [int(words[1]) for words in lines if words[0] == b"synced"], any(words[0] == b"end" for words in lines)


def run_until_killed(program, images, disk, kill, folder):
    """Boots a guest that writes to the disk, and kills it. Returns the steps that it said are synced."""
    image, plan, out, err = (os.path.join(folder, name) for name in ("disk", "plan", "out", "err"))
    steps = subprocess.run([program, "plan", disk.format, str(kill.plan), str(STEPS)], stdout=subprocess.PIPE, check=True).stdout
    with open(plan, "wb") as file:
        file.write(steps.ljust(-len(steps) % 512 + len(steps), b"\n"))
    command = qemu.machine(os.path.join(images, "kidney.iso"), kill.memory, kill.smp)
    for number, (path, forget) in enumerate(((os.path.join(images, "root.ext2"), True), (image, False), (plan, True))):
        command += qemu.disk(number, path, forget)
    command += qemu.word(folder, "exec", WORK.format(kind=disk.kind))
    for name, path in (("console", os.path.join(folder, "log")), ("output", out), ("error", err)):
        command += qemu.serial_file(name, path)
    blank(out, 0)
    process = subprocess.Popen(qemu.with_parent(command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + DEADLINE
        while process.poll() is None and time.monotonic() < end and len(said(out)[0]) <= kill.syncs:
            time.sleep(0.003)
        time.sleep(kill.pause)
        is_alive = process.poll() is None
    finally:
        process.kill()
        process.wait()
    syncs, is_done = said(out)
    if is_done or not is_alive or len(syncs) <= kill.syncs:
        with open(err, "rb") as file:
            raise Failure("the guest came to an end before it was killed: " + file.read().decode("utf-8", "replace").strip())
    return syncs[-1]


def keep(folder, options, number, told):
    """The disk of a failure, and what was said of it."""
    os.makedirs(options.keep, exist_ok=True)
    path = os.path.join(options.keep, f"{options.file_system}-{options.seed}-{number}")
    os.replace(os.path.join(folder, "disk"), path + ".img")
    with open(path + ".txt", "w", encoding="utf-8") as file:
        file.write(told)
    say(f"the disk is kept as {path}.img, and what was found beside it")


def kill_one(program, images, options, number):
    """Whether what machine `number` left is as promised, and after how many steps it died."""
    disk, kill = DISKS[options.file_system], kill_of(options.seed, number)
    with tempfile.TemporaryDirectory(prefix="kidney-crash-") as folder:
        image = os.path.join(folder, "disk")
        blank(image, disk.mebibytes)
        made = subprocess.run([program, "make", disk.format, image], stderr=subprocess.PIPE, text=True)
        if made.returncode != 0:
            raise Failure(made.stderr.strip())
        synced = run_until_killed(program, images, disk, kill, folder)
        judge = [program, "judge", disk.format, str(kill.plan), str(STEPS), str(synced), image]
        judged = subprocess.run(judge, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if judged.returncode != 0:
            told = f"machine {number} of seed {options.seed} ({kill.smp} CPUs): {judged.stdout}"
            print(told)
            if options.keep:
                keep(folder, options, number, " ".join(judge) + "\n" + told)
        return judged.returncode == 0, synced


def tell(whole, steps=()):
    span = f", after {min(steps)} to {max(steps)} steps" if steps else ""
    print(f"{whole['file_system']}: {whole['kills']} machines killed{span}: " + (f"{len(whole['failed'])} lost something" if whole["failed"] else "no failure"))
    return 1 if whole["failed"] else 0


def write(path, whole):
    if path:
        with open(path, "w", encoding="utf-8") as file:
            file.write(json.dumps(whole) + "\n")


def kill_all(program, images, options, which, parts):
    numbers = range(which, options.qemu + 1, parts)
    steps, failed = [], []
    for number in numbers:
        is_good, synced = kill_one(program, images, options, number)
        steps.append(synced)
        failed += [] if is_good else [number]
    whole = {"file_system": options.file_system, "qemu": options.qemu, "seed": options.seed, "shard": [which, parts], "kills": len(steps), "failed": failed}
    write(options.json, whole)
    return tell(whole, steps)


def merged(parts):
    """The one result of those of all shards."""
    return dict(parts[0], shard=[1, 1], kills=sum(part["kills"] for part in parts), failed=sorted(number for part in parts for number in part["failed"]))

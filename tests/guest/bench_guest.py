#!/usr/bin/env python3
"""What each system call costs, in guest instructions, beside Linux's figure and our goal.

QEMU runs with -icount shift=0,sleep=off: a virtual nanosecond is one guest instruction, so the time a program reads
from the clock is the number of instructions executed. The figures do not depend on the machine that runs this, and
repeat to a few per mille. microbench runs test by test, so that one that fails does not take the others with it.
The rows of files run on each file system, on a disk that is made for them; what waits for it is not counted, nor what others do for them.

Linux's figures: Debian's 6.1 kernel (686), measured in the same way. The goals are those of docs/design. What a row of
files has cost is known; one that costs a twentieth more than that fails the run.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import guest
import qemu


class Row(NamedTuple):
    name: str
    linux: float | None  # guest instructions per operation
    goal: float | None   # None: half of Linux's
    what: str


ROWS = (
    Row("cpu.loop", 6.0, 6.6, "control: no kernel in it"),
    Row("cpu.memcpy64k", 16434, 18000, "control: user memcpy of 64 KiB"),
    Row("sys.getpid80", 335, 90, "getpid, int 0x80"),
    Row("sys.getppid", 372, None, "getppid through libc"),
    Row("sys.enosys", 228, None, "an unknown call"),
    Row("sys.clock", 183, None, "clock_gettime (without a system call, by vDSO)"),
    Row("sys.yield", 1032, 300, "sched_yield, nothing else to run"),
    Row("io.wrnull1", 697, 200, "write 1 B to /dev/null"),
    Row("io.rdzero1", 792, None, "read 1 B of /dev/zero"),
    Row("io.rdzero64k", 18017, None, "read 64 KiB of /dev/zero"),
    Row("fs.wr64k", 32140, None, "write 64 KiB to a cached file"),
    Row("fs.rd64k", 28033, None, "read 64 KiB of a cached file"),
    Row("fs.stat", 8091, 2000, "stat"),
    Row("fs.openclose", 10708, 2500, "open + close"),
    Row("fs.creatunlink", 41620, 10000, "create + close + unlink"),
    Row("sig.install", 786, None, "signal()"),
    Row("sig.self", 5068, 1500, "kill self + handler + sigreturn"),
    Row("mm.mmap", 14342, 2500, "mmap + munmap of one page"),
    Row("mm.brk", 18200, None, "brk up and down"),
    Row("mm.faultanon", 5347, 1800, "anonymous page fault, with its share of munmap"),
    Row("mm.faultcow", 8400, 2500, "copy-on-write fault in a child"),
    Row("proc.fork", 186477, 45000, "fork + exit + wait"),
    Row("proc.vfork", 65381, 12000, "vfork + exit + wait"),
    Row("proc.forkexec", 676031, 180000, "fork + exec + wait"),
    Row("ipc.pipeself", 3112, None, "1 B through a pipe, one process"),
    Row("ipc.pingpong", 14042, 4000, "round trip through two pipes"),
    Row("ipc.pipebw64k", 81564, 45000, "64 KiB through a pipe"),
)
# What one operation on a file costs in an i686-release kernel, by file system; microbench's names, behind "fs.". None:
# it depends on when the disk answers and what is written back meanwhile.
FILE_SYSTEMS = ("tmpfs", "ext2", "kfs", "fat32")
FILES = {
    "creatunlink": ("create + close + unlink", (8313, 25575, 28330, 31629)),
    "openclose": ("open + close", (2923, 3100, 3100, 4614)),
    "rd4k": ("read 4 KiB of a cached file", (1920, 1917, 2034, 2117)),
    "wr4k": ("write 4 KiB of a cached file", (2010, 3051, 3758, 6426)),
    "append4k": ("append 4 KiB, with its share of truncating 1 MiB", (2420, 9181, 8839, 11425)),
    "statdeep": ("stat below 8 directories", (5743, 5931, 6025, 20406)),
    "readdir100": ("open, read 100 names and close", (38472, 77923, 67199, 103651)),
    "fsync": ("change 1 KiB + fsync", (1525, None, None, None)),
}
KNOWN = {f"{system}.{name}": cost for name, (_, costs) in FILES.items() for system, cost in zip(FILE_SYSTEMS, costs, strict=True)}
MOUNT = ("cd /tmp; mkdir tmpfs ext2 kfs fat32; "
         "mount -t ext2 /dev/vdb1 ext2; mount -t kfs /dev/vdb2 kfs; mount -t vfat /dev/vdb3 fat32; ")
MORE = 1.05
ACCELERATOR = "tcg,thread=single"  # counting needs one thread
COUNTED = ("-icount", "shift=0,sleep=off")
LINUX_BOOT = 4.67e9  # instructions from the start of QEMU to the shell
FIRMWARE = 0.186e9   # of which BIOS and GRUB, from our ISO


def command(names, quick) -> str:
    options = "-q -r 1" if quick else "-r 3"
    # Each test in a process of its own; the clock at the start tells what booting has cost.
    own = [name for name in names if name not in KNOWN]
    files = [name for name in names if name in KNOWN]
    return (f"for t in {' '.join(own)}; do microbench {options} $t | grep \"^$t\" || echo \"$t failed $?\"; done; {MOUNT if files else ''}"
            f"for t in {' '.join(files)}; do s=${{t%.*}}; "
            f"microbench {options} -p -d /tmp/$s fs.${{t#*.}} | sed -n \"s/^fs\\./$s./p\" | grep \"^$t\" || echo \"$t failed $?\"; done")


def parse(text: str) -> dict[str, float]:
    return {name: float(low) for name, low in re.findall(r"^(\S+) +([0-9.]+) +[0-9.]+ +[0-9.]+ +\d+ ", text, re.MULTILINE)}


def disk_of_files(folder: str) -> list[str]:
    """A disk with an ext2, a kfs and a FAT32, for QEMU."""
    image = Path(folder, "files.img")
    made = subprocess.run([str(guest.ROOT / "kidney"), "image", "make", str(image), "--table", "gpt", "--part", "ext2:32", "--part", "kfs:32",
                           "--part", "fat32:64"], capture_output=True, text=True)
    if made.returncode != 0:
        sys.exit(f"no disk for the files: {made.stderr.strip()}")
    return qemu.disk(1, str(image), snapshot=True)


def measure(tree: Path, names: list[str], quick: bool, smp: int = 1, disk: tuple[str, ...] = ()) -> tuple[dict[str, float], dict[str, str]]:
    """Figures by name, and why the others have none. A run that dies is taken up behind the test that killed it."""
    figures: dict[str, float] = {}
    reasons: dict[str, str] = {}
    left = names
    while left:
        result = guest.run_machine(tree, command(left, quick), smp=smp, append="noaslr", accelerator=ACCELERATOR, extra=(*COUNTED, *disk), deadline=3600)
        figures.update(parse(result.out.decode("utf-8", "replace")))
        complaint = result.err.decode("utf-8", "replace").strip().splitlines()
        seen = [name for name in left if re.search(rf"^{re.escape(name)} ", result.out.decode("utf-8", "replace"), re.MULTILINE)]
        for name in seen:
            if name not in figures:
                reasons[name] = next((line for line in complaint if line), "failed")
        left = left[len(seen):]
        if left and result.status is not None and not seen:
            reasons.update(dict.fromkeys(left, "microbench did not run"))
            break
        if left:
            reasons[left[0]] = "the machine stopped here" if result.status is None else "failed"
            left = left[1:]
    return figures, reasons


def boot_cost(tree: Path) -> float | None:
    """Instructions from the kernel's entry to the end of a first command. Idle time is none: with -icount, a machine
    that waits for its disk leaps to its next timer, as far away as that may be."""
    result = guest.run_machine(tree, "sh -c true; cat /proc/kidney/cpus", append="noaslr", accelerator=ACCELERATOR, extra=COUNTED)
    times = re.search(rb"^up (\d+)\ncpu0 .* idle (\d+) ", result.out, re.MULTILINE)
    return float(times[1]) - float(times[2]) if result.status == 0 and times else None


def verdict(value: float, row: Row) -> str:
    goal = row.goal if row.goal is not None else row.linux / 2
    return "goal" if value <= goal else "below Linux" if value < row.linux else "ABOVE LINUX"


def report_files(figures: dict[str, float], reasons: dict[str, str], chosen: list[str], quick: bool) -> tuple[list[dict], bool]:
    """A table with a column for each file system; what the JSON file says of it, and whether nothing costs more than it did
    (which a quick run cannot tell: the first rounds cost more than those that follow)."""
    print(f"\nfiles; in brackets, of what is known\n\n{'test':13}{''.join(f'{system:>17}' for system in FILE_SYSTEMS)}  what")
    report, all_well = [], True

    def gated(known: float | None) -> bool:
        return known is not None and not quick

    for test, (what, _) in FILES.items():
        cells = []
        for name in (f"{system}.{test}" for system in FILE_SYSTEMS):
            value, known = figures.get(name), KNOWN[name]
            if name in chosen:
                report.append({"name": name, "kidney": value, "known": known, "what": what}
                              | ({} if value is not None else {"reason": reasons.get(name, "no result")}))
                all_well = all_well and value is not None and not (gated(known) and value > known * MORE)
            share = "" if known is None else f" ({(value or 0) / known:.2f})"
            cells.append(f"{'-' if value is None else f'{value:.0f}{share}':>17}")
        if any(name.endswith(f".{test}") for name in chosen):
            print(f"{test:13}{''.join(cells)}  {what}")
    for entry in report:
        if entry["kidney"] is None:
            print(f"{entry['name']} was not run: {entry['reason']}")
        elif gated(entry["known"]) and entry["kidney"] > entry["known"] * MORE:
            print(f"{entry['name']} COSTS MORE: {entry['kidney']:.0f} instructions, known are {entry['known']}")
    return report, all_well


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="a tenth of the iterations, once")
    parser.add_argument("--smp", type=int, default=1, help="CPUs, which take turns: one instruction counts as one (1)")
    parser.add_argument("--json", type=Path, help="where the figures go (default: bench-guest.json in the tree)")
    parser.add_argument("name", nargs="*", help="only rows whose names start so")
    options = parser.parse_args()
    guest.require_qemu()
    rows = [row for row in ROWS if not options.name or row.name.startswith(tuple(options.name))]
    files = [name for name in KNOWN if not options.name or name.startswith(tuple(options.name))]
    with tempfile.TemporaryDirectory(prefix="kidney-bench-") as folder:
        figures, reasons = measure(options.tree, [row.name for row in rows] + files, options.quick, options.smp,
                                   tuple(disk_of_files(folder)) if files else ())

    print("guest instructions per operation (QEMU -icount: one virtual nanosecond is one instruction)\n")
    print(f"{'test':15}{'kidney':>11}{'linux 6.1':>11}{'goal':>9}{'of linux':>10}  verdict      what")
    report = []
    for row in rows:
        value = figures.get(row.name)
        goal = row.goal if row.goal is not None else row.linux / 2
        entry = {"name": row.name, "kidney": value, "linux": row.linux, "goal": goal, "what": row.what}
        if value is None:
            entry["reason"] = reasons.get(row.name, "no result")
            print(f"{row.name:15}{'-':>11}{row.linux:11.0f}{goal:9.0f}{'':10}  {'not run':12} {row.what}: {entry['reason']}")
        else:
            print(f"{row.name:15}{value:11.0f}{row.linux:11.0f}{goal:9.0f}{value / row.linux:10.2f}  "
                  f"{verdict(value, row):12} {row.what}")
        report.append(entry)
    all_well = True
    if files:
        of_files, all_well = report_files(figures, reasons, files, options.quick)
        report += of_files
    if not options.name and (boot := boot_cost(options.tree)) is not None:
        print(f"\nfrom the kernel's entry to the end of a first `sh -c true`, waiting for the disk left out: {boot / 1e6:.1f} M instructions\n"
              f"(BIOS and GRUB before: {FIRMWARE / 1e6:.0f} M; Linux, QEMU to its shell: {LINUX_BOOT / 1e6:.0f} M)")
        report.append({"name": "boot", "kidney": boot})
    path = options.json or options.tree / "bench-guest.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nfigures: {path}")
    return 0 if figures and all_well else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""`./kidney run --gdb`: a session stops at the kernel's entry, at a breakpoint, and at Ctrl-C in the running kernel; another
does what the book does with a page fault."""
import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import chapter
import guest

GDB = chapter.PROMPT
PAGE = guest.ROOT / "docs/tools/gdb.md"


def wait_for(log: Path, text: bytes):
    end = time.monotonic() + guest.DEADLINE
    while text not in log.read_bytes():
        if time.monotonic() > end:
            sys.exit(f"no {text!r} on the console:\n{guest.tail(log.read_bytes())}")
        time.sleep(0.1)


def session(tree, log):
    with guest.Console(tree, "--gdb", "--log", str(log)) as console:
        def answer(line, pattern):
            console.expect(GDB)
            console.send(line + "\n")
            found = console.expect(f"(?P<answer>{pattern})|{GDB}")
            assert found["answer"] is not None, f"`{line}` answered otherwise than {pattern!r}:\n{guest.tail(console.transcript)}"

        answer("info symbol $eip", "boot_entry")
        answer("kidney cpus", "CPU 0: boot_entry")
        answer("help kidney pagetable", "translates")
        answer("print &kidney::kernel::kernel_objects", r"<kidney::kernel::kernel_objects>")  # in a frame of assembly
        answer("break kernel_entry", r"Breakpoint \d+ at .*kernel/main.cpp")
        answer("continue", r"Breakpoint \d+, kernel_entry ")
        answer("backtrace", r"#0 +kernel_entry ")
        answer("continue", r"Continuing\.")
        wait_for(log, b"built-in shell")
        console.send_until("\x03", r"SIGINT")
        answer("kidney cpus", r"CPU 0: .+")
        answer("backtrace", r"#0 ")  # the kernel, or the shell's own code
        # Of the kernel's own things, each says what only the right one would.
        answer("kidney threads", r" 1 +- waiting .* init ")
        answer("kidney bt 1", r"#\d+ .*wait4 at .*kernel/syscall/process_calls.cpp:\d+")
        answer("kidney bt 4711", r"there is no process 4711")
        answer("kidney runqueue", r"CPU 0: runs \S+.* queued, \d+ switches, policy kidney::sched::")
        answer("kidney locks", r"no lock is held|rank \d+")
        answer("kidney frames", r"policy kidney::mm::\w+, \d{4,} frames")
        answer("kidney vmas 1", r"08048000-\w+ r--p .* file")
        # How values are shown.
        init = "$kidney_process(1)"
        answer(f"print *{init}->thread", r"= thread init, process 1, waiting, \d+\.\d+ s of CPU time")
        answer(f"print {init}->memory", r"= Ref to mm::AddressSpace<\.\.\.> at 0x\w+")
        answer(f"print {init}->memory.object_->regions_", r"= \d+ regions = \{\s*\[0\] = 08048000-\w+ r--p ")
        answer(f"print {init}->memory.object_->pages_.mapper_", r"= root at 0x\w+, \d+ tables below = \{\[08048000-\w+\] = \"?PU")
        answer(f"print {init}->children", r"= list of kernel::Process = \{0x\w+")
        answer("kidney pagetable &kidney::kernel::kernel_objects", r"physical 0x00\w+")
        answer("kidney pagetable 0", r"not present")
        answer("kidney log 3", r"^\[ +\d+\.\d+\] init: running /sbin/init as process 1")
        console.expect(GDB)
        console.send("quit\n")
        return console.wait()


def page_fault(tree, log):
    todo = chapter.steps(PAGE, "## A page fault, step by step")
    assert len(todo) > 5, todo
    with guest.Console(tree, "--gdb", "--log", str(log), size=(200, 50)) as console:
        return chapter.in_gdb(console, todo)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True)
    options = parser.parse_args()
    guest.require_qemu()
    if not shutil.which("gdb"):
        print("skipped: GDB is not installed: ./kidney setup installs it")
        return guest.SKIPPED
    with tempfile.TemporaryDirectory(prefix="kidney-test-") as folder:
        log = Path(folder, "kernel.log")
        log.touch()
        status = session(options.tree, log) or page_fault(options.tree, log)
    print(f"exit status {status}")
    return status


if __name__ == "__main__":
    sys.exit(main())

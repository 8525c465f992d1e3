"""./kidney run --record FILE and --replay FILE: a run that can be had again, instruction by instruction.

QEMU counts instructions instead of looking at a clock, and writes down what it cannot know beforehand: the time of day, input,
when a disk had done its work. With the same machine, images and words that is enough to do it all again. So a recording has
everything, as a compressed tar file; nothing is built for a replay, and it may be another computer's:

  about.json                    which QEMU, how much memory
  kidney.iso, root.ext2         the images
  kernel/kernel.elf             names and lines for GDB
  append, exec                  the words for the kernel
  events                        what QEMU wrote down
"""
import json
import os
import shutil
import subprocess
import tarfile
import zlib

import qemu
import root_disk
from project import Failure, say

FORMAT = 1
FILES = ("about.json", "kidney.iso", "root.ext2", "kernel/kernel.elf", "append", "exec", "events")
TIME_SHIFT = 2  # an instruction takes 2^2 ns

# Where a run ends: stopping there leaves a machine that can go back. A little later it is off, and cannot. QEMU goes back to a
# snapshot and from there forwards, so one behind the firmware and the boot loader saves most of the way.
GDB_COMMANDS = """\
monitor savevm booted
break kidney::kernel::init_has_exited
break kidney::kernel::exit_emulator
"""
HOLD_AT_END = ["-no-shutdown"]  # the last state can be looked at

NOT_RECORDED = ("smp", "bochs", "linux", "gui", "gdb", "gdb_server", "disk", "share", "save",
                "record_frames", "strace")
WITH_REPLAY = ("replay", "gdb", "gdb_server", "timeout", "log")


def check(parser, options):
    """Refuses what does not go together with --record and --replay."""
    given = {action.dest: action.option_strings[-1] for action in parser._actions
             if action.option_strings and getattr(options, action.dest, action.default) != action.default}
    if options.record and options.replay:
        parser.error("--record makes a recording, --replay plays one: one of them")
    if options.record and (others := [given[name] for name in NOT_RECORDED if name in given]):
        parser.error("--record is for one CPU and the root disk, in QEMU without a window, a debugger or traces: not together with "
                     f"{', '.join(others)}")
    if options.replay and (others := [flag for name, flag in given.items() if name not in WITH_REPLAY]):
        parser.error(f"--replay has everything from the recording: not together with {', '.join(others)}")


def qemu_version():
    result = subprocess.run([qemu.PROGRAM, "--version"], stdout=subprocess.PIPE, text=True, check=True)
    return result.stdout.partition("\n")[0]


def drive(name, path, device, of_image, of_drive=""):
    """A disk whose every answer is an event."""
    return ["-drive", f"file={qemu.escape(path)},format=raw,if=none,id={name}-image,{of_image}",
            "-drive", f"driver=blkreplay,if=none,image={name}-image,id={name}{of_drive}", "-device", f"{device},drive={name}"]


def machine(mode, memory, folder):
    """The QEMU command line without its serial ports, for a folder with what is in a recording."""
    command = qemu.computer(memory, 1)
    command[command.index("tcg,thread=multi")] = "tcg"
    at = {name: os.path.join(folder, name) for name in FILES}
    command += ["-icount", f"shift={TIME_SHIFT},rr={mode},rrfile={qemu.escape(at['events'])}"]
    # That device waits for the CPU when a snapshot is loaded, while the CPU waits for the events (QEMU 7.2): no going back.
    command += ["-global", "apic-common.vapic=off"]
    command += ["-boot", "d"] + drive("cd", at["kidney.iso"], "ide-cd", "media=cdrom,readonly=on", ",readonly=on")
    command += drive("disk0", at["root.ext2"], "virtio-blk-pci", "snapshot=on")
    command += qemu.EXIT_DEVICE
    for name in ("append", "exec"):
        with open(at[name], "rb") as file:
            command += qemu.word(folder, name, os.fsdecode(file.read()))
    return command


def start(options, tree, folder, append):
    """Gathers what the recording shall have, and returns QEMU's command line."""
    disk, _ = root_disk.root_disk(options, tree, folder)
    os.mkdir(os.path.join(folder, "kernel"))
    for name, source in (("kidney.iso", os.path.join(tree, "kidney.iso")), ("root.ext2", disk),
                         ("kernel/kernel.elf", os.path.join(tree, "kernel", "kernel.elf"))):
        if source != os.path.join(folder, name):
            subprocess.run(["cp", "--sparse=always", source, os.path.join(folder, name)], check=True)
    for name, text in (("append", append), ("exec", "" if options.command is None else options.command or ":")):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(os.fsencode(text))
    return machine("record", options.memory, folder)


def save(folder, options, is_whole):
    """The machine is off: makes the file, all of it or nothing. Not whole: the time ran out."""
    try:
        with open(os.path.join(folder, "events"), "rb") as file:
            complete = any(file.read(4))  # QEMU's last word
    except OSError:
        complete = False
    if not complete:
        raise Failure("no recording: QEMU was stopped before it could finish it")
    about = {"format": FORMAT, "qemu": qemu_version(), "memory": options.memory, "exec": options.command is not None,
             "whole": is_whole}
    with open(os.path.join(folder, "about.json"), "w", encoding="ascii") as file:
        json.dump(about, file, indent=2)
    part = os.path.join(folder, "recording")
    with tarfile.open(part, "w:gz", compresslevel=1) as archive:
        for name in FILES:
            archive.add(os.path.join(folder, name), name)
    shutil.move(part, options.record)
    say(f"recorded: ./kidney run --replay {options.record} does it again")


def load(path, folder):
    """Unpacks a recording and looks whether it can be played here. Returns what it is about."""
    if not os.path.exists(path):
        raise Failure(f"--replay {path}: no such file", 2)
    broken = Failure(f"--replay {path}: not a recording of ./kidney run --record, or damaged", 2)
    try:
        with tarfile.open(path, "r:gz") as archive:
            for name in FILES:  # no others, wherever they may want to go
                source = archive.extractfile(name)
                if source is None:
                    raise broken
                os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
                with open(os.path.join(folder, name), "wb") as target:
                    shutil.copyfileobj(source, target)
            archive.fileobj.read()  # up to the end's checksum
        with open(os.path.join(folder, "about.json"), encoding="utf-8") as file:
            about = json.load(file)
    except (tarfile.TarError, zlib.error, EOFError, ValueError, KeyError) as error:
        raise broken from error
    except OSError as error:
        if error.errno:  # of this computer, not of the file
            raise
        raise broken from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise Failure(f"--replay {path}: a recording of another version of the project", 2)
    if about["qemu"] != (here := qemu_version()):
        raise Failure(f"--replay {path}: recorded by {about['qemu']}, and this is {here}; another QEMU is another machine", 2)
    return about


def ports_of_debugger(options):
    """As many ports as there were. GDB has the terminal; what was its output is there without it."""
    return (qemu.serial_none() * 2 if options.command is not None else []) + HOLD_AT_END


def prepare(options, folder):
    """A recording as what `run` takes for a build tree and options."""
    about = load(options.replay, folder)
    options.memory = about["memory"]
    options.command = "" if about["exec"] else None
    options.is_whole = about["whole"]
    options.log = options.log or f"{options.replay}.log"
    return folder

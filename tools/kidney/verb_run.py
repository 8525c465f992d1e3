"""./kidney run: builds the images and boots them.

Each run has a folder of its own under the system's temporary directory and leaves the images alone (QEMU's
snapshot mode), so that any number of them can go on at once.
"""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import build
import console_relay
import event_trace
import frame_trace
import last_words
import linux
import qemu
import qmp
import recording
import root_disk
import share
import strace
from outcome import STATUS_TIMEOUT, conclude, guest_status
from project import Arguments, Failure, integer_between, output_file, parse_settings, possible_settings, say, seconds
from streams import Streams

EPILOG = """\
exit status: that of the guest's command, or of its shell; 124 if the time ran out; 125 after a kernel panic.
When the time of a command runs out, or at Ctrl-\\, the kernel log gets what all threads and CPUs were doing.
In the interactive terminal Ctrl-C goes to the guest; Ctrl-A X quits QEMU and Ctrl-A C shows its monitor.
"""


def parse(arguments):
    parser = Arguments("run", "Builds the boot image and the root disk, and boots them in QEMU.",
                       [("", "a shell prompt in this terminal"),
                        ("--exec 'uname -a; ls /'", "one command, its output, its exit status"),
                        ("--share . --exec 'ls -l /host'", "a folder of this machine in the guest"),
                        ("--smp 4 --set KIDNEY_SCHEDULER=fixed_priority", "four CPUs, another scheduler"),
                        ("--save mine.ext2", "what is written stays, for the next run with it"),
                        ("--strace --exec 'ls /'", "the system calls of programs, as strace shows them"),
                        ("--smp 2 --trace t.pftrace --exec 'ls | wc -l'", "what happened on each CPU, for https://ui.perfetto.dev"),
                        ("--gdb", "stop at the kernel's entry, in GDB"),
                        ("--record bug.kidney --exec 'crash null'", "write down what happens"),
                        ("--replay bug.kidney --gdb", "have it again in GDB, which can go back in it")], EPILOG)
    add = parser.add_argument
    add("--exec", metavar="CMD", dest="command", help="run /bin/sh -c CMD in the guest, print its output, power off")
    add("--root", metavar="DIR", action="append", default=[], help="copy this tree over the root file system first")
    add("--disk", metavar="FILE", action="append", default=[], help="attach this disk image too (writes go to it)")
    add("--share", metavar="DIR[:ro]", type=share.folder,
        help="the guest sees this folder at /host, and what it writes there is in it; :ro: it cannot write")
    add("--save", metavar="FILE", type=output_file, help="keep the root disk in this file, with what the guest writes; if it is there, boot from it again")
    add("--smp", metavar="N", type=integer_between(1, 8), default=1, help="number of CPUs (1)")
    add("--memory", metavar="MiB", type=integer_between(16, 3584), default=256, help="RAM (256)")
    add("--append", metavar="WORDS", action="append", default=[], help="add to the kernel's command line")
    add("--set", metavar="VAR=VALUE", action="append", default=[], dest="settings",
        help="build with another policy, e.g. KIDNEY_SCHEDULER=fixed_priority").words = possible_settings
    add("--release", action="store_true", help="the optimised kernel, without its assertions")
    add("--timeout", metavar="SECONDS", type=seconds, help="give up after this long")
    add("--log", metavar="FILE", type=output_file, help="the kernel log (default: kernel.log in the build tree)")
    add("--record-frames", metavar="FILE", type=output_file,
        help="write what the frame allocator is asked (compressed if FILE ends in .gz), for ./kidney lab frames --trace")
    add("--trace", metavar="FILE", type=output_file,
        help="write what happens on each CPU: switches, wake-ups, calls, faults, interrupts, waits for locks; https://ui.perfetto.dev shows it")
    add("--strace", metavar="CALLS", nargs="?", const="all", type=strace.calls,
        help="show the system calls of programs, or only these: open,close").words = strace.call_names
    add("--strace-output", metavar="FILE", type=output_file, help="write them there, not to standard error; goes with --exec")
    add("--record", metavar="FILE", type=output_file, help="write down all that happens, for --replay")
    add("--replay", metavar="FILE", help="do again what was recorded; with --gdb, forwards and backwards")
    add("--gui", action="store_true", help="a window with the VGA screen and the keyboard too")
    add("--bochs", action="store_true", help="boot in Bochs instead of QEMU")
    add("--bochs-debugger", action="store_true", help="boot in Bochs, with its debugger in this terminal")
    add("--linux", action="store_true", help="boot Debian's i386 Linux with the same root file system, to compare with")
    add("--gdb", action="store_true", help="stop at the kernel's entry, in GDB")
    add("--gdb-server", metavar="PORT", type=integer_between(1, 65535),
        help="wait at the first instruction for a GDB to come to this port")
    add("--tree", metavar="DIR", help="boot the images of this build tree as they are")
    options = parser.parse_args(arguments)
    options.bochs |= options.bochs_debugger
    recording.check(parser, options)
    for folder in options.root:
        if not os.path.isdir(folder):
            parser.error(f"--root {folder}: not a directory")
    for path in options.disk:
        if not os.path.isfile(path):
            parser.error(f"--disk {path}: not a file" if os.path.exists(path) else f"--disk {path}: no such file")
    if options.save and root_disk.is_kept(options.save):
        if root_disk.kind(options.save) is None:
            parser.error(f"--save {options.save}: it holds something that is no root disk of ours")
        if options.root:
            parser.error(f"--root is for a new root disk, and {options.save} is one already: not together with --save")
    if options.bochs and options.command is not None:
        parser.error("--exec needs QEMU: Bochs has no way to hand the command to the kernel")
    if options.bochs and (options.gdb or options.gdb_server or options.disk or options.share or options.save):
        parser.error("--bochs runs alone: not together with --gdb, --gdb-server, --disk, --share or --save")
    if options.bochs_debugger and options.timeout:
        parser.error("--bochs-debugger takes as long as you like: not together with --timeout")
    if options.linux and (options.bochs or options.gdb or options.gdb_server or options.disk or options.share
                          or options.save or options.settings or options.release):
        parser.error("--linux goes with --exec, --root, --smp, --memory, --append, --timeout, --log, --gui and --tree")
    if options.gdb and (options.gdb_server or options.timeout):
        parser.error("--gdb starts a GDB of its own, for as long as you like: not together with --gdb-server or --timeout")
    if options.command is not None and (options.gdb or options.gdb_server):
        parser.error("debugging is interactive: use it without --exec")
    if options.record_frames and (options.command is None or options.linux):
        parser.error("--record-frames goes with --exec, on our kernel")
    if options.trace and (options.command is None or options.linux):
        parser.error("--trace goes with --exec, on our kernel")
    if options.strace and (options.linux or options.bochs):
        parser.error("--strace goes with our kernel, in QEMU")
    if options.strace_output and (options.strace is None or options.command is None):
        parser.error("--strace-output goes with --strace and --exec")
    if options.tree and (options.settings or options.release):
        parser.error("--tree boots what is built: not together with --set or --release")
    if options.tree and not os.path.isfile(os.path.join(options.tree, "kidney.iso")):
        parser.error(f"--tree {options.tree}: no build tree with a kidney.iso")
    return options


def has_display():
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def run_command(command, options, folder, log):
    """Runs QEMU with COM2 and COM3 as our standard output and error. Returns its exit code, or None: time ran out."""
    streams = Streams()
    if options.strace:
        command += streams.serial("console", strace.Sieve(log, options.strace_output))
    else:
        command += qemu.serial_file("console", log)
    command += streams.serial("output", sys.stdout.fileno()) + streams.serial("error", sys.stderr.fileno())
    return run_streams(command, streams, options, folder, log)


def run_streams(command, streams, options, folder, log):
    if options.linux:
        command += linux.status_port(folder)
    can_be_asked = not (options.linux or options.record or options.replay)
    complaints = os.path.join(folder, "qemu.stderr")
    with open(complaints, "wb") as file, contextlib.closing(qmp.Monitor()) as monitor:
        signal.signal(signal.SIGQUIT, signal.SIG_IGN)  # in QEMU: Ctrl-\ asks us
        process = subprocess.Popen(qemu.with_parent(command + (monitor.arguments if can_be_asked else [])),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=file, pass_fds=streams.inherited() + monitor.inherited)
        signal.signal(signal.SIGQUIT, lambda *_: streams.give_up())
        return attend(process, streams, options, complaints, (monitor, log) if can_be_asked else None)


def attend(process, streams, options, complaints, questions):
    try:
        in_time = streams.copy(process, options.timeout)
        if not in_time and questions:
            last_words.ask(*questions)
        if not in_time and options.record:
            process.terminate()  # it finishes the recording
        code = process.wait() if in_time or options.record else None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if not in_time:
        return None
    if code == 1:  # QEMU's own refusals
        with open(complaints, encoding="utf-8", errors="replace") as file:
            raise Failure(f"QEMU did not start:\n{file.read().strip()}")
    return code


def terminal_size():
    """The kernel's word for the size of our terminal, if there is one: a serial line does not carry it."""
    try:
        size = os.get_terminal_size(sys.stdin.fileno())
    except OSError:
        return []
    return [f"console_size={size.columns}x{size.lines}"] if size.columns and size.lines else []


def run_interactive(command, options):
    """QEMU owns the terminal: it makes it raw, and we make sure that it is put right again."""
    terminal = sys.stdin.isatty()
    saved = subprocess.run(["stty", "-g"], stdout=subprocess.PIPE, text=True).stdout.strip() if terminal else None
    for name in ("SIGINT", "SIGQUIT", "SIGTSTP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    process = subprocess.Popen(qemu.with_parent(command))
    try:
        return process.wait(options.timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None
    finally:
        if saved:
            subprocess.run(["stty", saved])


def our_machine(options, tree, folder):
    """The QEMU command line without its serial ports."""
    interactive = options.command is None and not options.gdb
    screen_size = ["console_size=80x25"] if options.gui else terminal_size() if interactive else []
    words = " ".join([*screen_size, *(["rw"] if options.save else []), *options.append, *(["trace_frames"] if options.record_frames else []),
                      *(["trace_events"] if options.trace else []),
                      *([f"strace={options.strace}"] if options.strace else [])])
    if options.record:
        return recording.start(options, tree, folder, words)
    disk, forget = root_disk.root_disk(options, tree, folder)
    command = qemu.machine(os.path.join(tree, "kidney.iso"), options.memory, options.smp, options.gui,
                           may_restart=interactive)
    command += qemu.disk(0, disk, forget)
    for number, path in enumerate(options.disk, 1):
        command += qemu.disk(number, path, snapshot=False)
    command += share.device(options.share) if options.share else []
    command += qemu.word(folder, "append", words)
    if options.command is not None:
        command += qemu.word(folder, "exec", options.command or ":")
    return command


def wait_for_gdb(options):
    say(f"waiting for GDB on port {options.gdb_server}")
    return ["-S", "-gdb", f"tcp:localhost:{options.gdb_server}"]


def boot(options, tree, folder):
    log = os.path.join(folder, "kernel.log")
    kept_log = os.path.abspath(options.log or os.path.join(tree, "kernel.log"))
    if options.log and (os.path.isfile(kept_log) or not os.path.exists(kept_log)):
        log = kept_log  # so that it can be watched
    with open(log, "wb"):
        pass
    if options.linux:
        command = linux.machine(options, tree, folder)
    elif options.replay:
        command = recording.machine("replay", options.memory, tree)
    else:
        command = our_machine(options, tree, folder)
    if options.gdb:
        import debugger
        command += qemu.serial_file("console", kept_log)
        if options.replay:
            command += recording.ports_of_debugger(options)
        return debugger.run(command, tree, kept_log, recording.GDB_COMMANDS if options.replay else "")
    if options.replay and options.gdb_server:
        command += recording.HOLD_AT_END + wait_for_gdb(options)
    if options.command is not None:
        code = run_command(command, options, folder, log)
    elif options.replay:
        streams = Streams()
        command += streams.serial("console", sys.stdout.fileno(), log)
        code = run_streams(command, streams, options, folder, log)
    elif options.record:
        if sys.stdin.isatty():
            say("Ctrl-A X ends the recording, exit powers the machine off")
        code = console_relay.run(command, log, options.timeout)
    else:
        if options.gdb_server:
            command += wait_for_gdb(options)
        if sys.stdin.isatty():
            say("Ctrl-A X leaves QEMU, exit powers the machine off")
        command += qemu.serial_terminal(log)
        if options.linux:
            command += qemu.serial_none() + qemu.serial_none() + linux.status_port(folder)
        if options.gui and not qemu.window():
            say("this QEMU opens no windows (Debian's package qemu-system-gui does); its screen is served by VNC at "
                "localhost:5900")
        code = run_interactive(command, options)
    ending = linux.ending(folder) if options.linux else guest_status(log)
    if options.record:
        recording.save(folder, options, is_whole=code is not None)
    is_recorded = not options.record_frames or save_frame_trace(options, log)
    is_traced = not options.trace or save_event_trace(options, log)
    if log != kept_log:
        keep(log, kept_log)
    if options.replay and not options.is_whole and code == 0 and ending[0] == "silent":
        say("the recording ends here: its time ran out")
        return STATUS_TIMEOUT
    if code is None:
        when = f"after {options.timeout:g} s" if options.timeout else "by Ctrl-\\"
        say(f"timeout: the machine was stopped {when}; the kernel log is {kept_log}")
        return STATUS_TIMEOUT
    status = conclude(code, ending, os.path.relpath(kept_log))
    if not is_recorded:
        say("no trace of the frames: the kernel writes it when the command has ended, if there was memory for it")
    if not is_traced:
        say("no trace of events: the kernel writes it when the command has ended, if there was memory for it")
    return status or (0 if is_recorded and is_traced else 1)


def take_out_of(log, cut_out):
    """What cut_out(text) finds in the kernel log; the rest stays there. None: there is nothing, and all stays."""
    with open(log, encoding="utf-8", errors="surrogateescape", newline="") as file:
        trace, rest = cut_out(file.read())
    if trace is not None:
        with open(log, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(rest)
    return trace


def save_event_trace(options, log):
    """Moves it from the kernel log to its file. False if there is none."""
    trace = take_out_of(log, event_trace.cut_out)
    if trace is None:
        return False
    for cpu, lost in trace.lost.items():
        if lost:
            say(f"the trace of CPU {cpu} begins late: there was no room for its first {lost} events")
    with open(options.trace, "wb") as file:
        file.write(event_trace.for_perfetto(trace))
    return True


def save_frame_trace(options, log):
    """Moves it from the kernel log to its file. False if there is none."""
    trace = take_out_of(log, frame_trace.cut_out)
    if trace is None:
        return False
    if missing := frame_trace.dropped(trace):
        say(f"the trace of the frames ends early: the kernel had no room for the last {missing} calls")
    frame_trace.write(options.record_frames, frame_trace.describe(options.memory, options.smp, options.command) + trace)
    return True


def keep(log, place):
    """Puts the log where it was asked for: a file, or something like /dev/null."""
    if os.path.exists(place) and not os.path.isfile(place):
        with open(log, "rb") as source, open(place, "wb") as target:
            shutil.copyfileobj(source, target)
    else:
        shutil.move(log, place)


def main(arguments):
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if options.gui and not options.bochs and qemu.window() and not has_display():
            raise Failure("--gui needs a display, and neither DISPLAY nor WAYLAND_DISPLAY is set", 2)
        if options.replay:
            with tempfile.TemporaryDirectory(prefix="kidney-") as folder:
                return boot(options, recording.prepare(options, folder), folder)
        if options.tree:
            tree = os.path.abspath(options.tree)
        else:
            preset = "i686-release" if options.release else "i686-debug"
            tree = build.build(preset, ["rootfs"] if options.linux else ["iso", "disk"], parse_settings(options.settings))
        with tempfile.TemporaryDirectory(prefix="kidney-") as folder:
            if options.bochs:
                import bochs
                return bochs.run(options, tree, folder)
            return boot(options, tree, folder)
    except Failure as failure:
        say(failure)
        return failure.status

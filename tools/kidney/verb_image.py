"""./kidney image: makes, lists, reads, changes and checks disks in files, without root, with the kernel's own file systems."""
import os
import re
import signal
import subprocess

import build
from project import Arguments, integer_between

FORMATS = ("kfs", "vsfs", "ext2", "fat", "fat12", "fat16", "fat32")
# What each does to IMAGE: the names that follow it (least, most), and the options that it takes.
COMMANDS = {
    "make": ("", 0, 0, ("format", "table", "part", "mebibytes", "inodes", "log_blocks", "source", "force")),
    "info": ("", 0, 0, ()),
    "check": ("", 0, 0, ("mend",)),
    "ls": ("[PATH]...", 0, None, ("long", "recursive")),
    "cat": ("PATH...", 1, None, ()),
    "get": ("PATH... TARGET", 2, None, ()),
    "put": ("SOURCE... PATH", 2, None, ()),
    "mkdir": ("PATH...", 1, None, ("parents",)),
    "rm": ("PATH...", 1, None, ("recursive",)),
    "mv": ("OLD NEW", 2, 2, ()),
    "ln": ("OLD NEW", 2, 2, ("symbolic",)),
    "chmod": ("MODE PATH...", 2, None, ()),
}
SPOKEN = {"log_blocks": "log-blocks", "source": "from"}
EPILOG = """\
IMAGE is a file, or one partition of it: disk.img:2. PATH is one in the image, TARGET and SOURCE are files and folders here.
  info    what is in it                                cat     files, to standard output
  check   whether it is sound; --mend mends it         get     files and trees, to here
  make    a new one                                    put     files and trees, from here
  ls -l   names                                        mkdir, rm, mv, ln, chmod    as the programs
exit status: 0 it is done (check: it is sound), 1 it is not, or not all of it, 2 wrong options.
"""


def part(text):
    """FS or FS:MIB or FS:rest -> (FS, mebibytes; 0: the rest)"""
    name, _, size = text.partition(":")
    if name not in (*FORMATS, "none") or not re.fullmatch(r"(rest)?|[1-9]\d{0,6}", size):
        raise ValueError
    return name, int(size) if size.isdigit() else 0


def options_first(parser, arguments):
    """argparse wants names that follow a command in one piece; `ls disk.img -l /bin` has two."""
    takes_value = {flag for action in parser._actions if action.nargs != 0 for flag in action.option_strings}
    options, names, left = [], [], list(arguments)
    while left:
        word = left.pop(0)
        if word == "--":
            names += left
            break
        if len(word) > 1 and word.startswith("-"):
            options.append(word)
            if word in takes_value and left:
                options.append(left.pop(0))
        else:
            names.append(word)
    return [*options, "--", *names] if names else options


def parse(arguments):
    parser = Arguments("image", "Makes, lists, reads, changes and checks disks in files, without root, with the kernel's own file systems.",
                       [("make disk.img --format kfs", "a file of 64 MiB with an empty kfs; ./kidney run --disk disk.img shows it as /dev/vdb"),
                        ("make disk.img --table gpt --part kfs:32 --part ext2:64 --part fat:16", "three partitions"),
                        ("make disk.img --format ext2 --from tree", "with what is in the folder tree"),
                        ("info disk.img", "partitions, file systems, what is free"),
                        ("put disk.img:1 notes.txt src /home", "a file and a folder, to /home of the first partition"),
                        ("ls -l disk.img:1 /home", "names"),
                        ("get disk.img:1 /home/src .", "and back"),
                        ("check disk.img", "what the checkers say of each partition")], EPILOG)
    add = parser.add_argument
    add("command", choices=list(COMMANDS), help="what to do")
    add("image", metavar="IMAGE", help="the file, or one partition of it: disk.img:2")
    add("names", metavar="FILE", nargs="*", help="paths in the image, and files and folders here: see below")
    add("--format", choices=FORMATS, help="make: one file system, no partitions (kfs)")
    add("--table", choices=("gpt", "mbr"), help="make: a partition table of this kind")
    add("--part", metavar="FS[:MIB]", type=part, action="append", default=[],
        help="make: a partition with this file system, or none; of so many MiB, or of the rest (may be repeated)").words = lambda: [*FORMATS, "none"]
    add("--mebibytes", type=integer_between(1, 1 << 20), metavar="N", help="make: size (that of the old image, what the parts need, or 64)")
    add("--inodes", type=integer_between(1, 1 << 28), metavar="N", help="make, with --format: so many files and directories (one for 16 KiB)")
    add("--log-blocks", type=integer_between(0, 4096), metavar="N",
        help="make, with --format: blocks of 4 KiB for the log (kfs: 256, fewer on small disks; vsfs: none)")
    add("--from", metavar="DIR", dest="source", help="make, with --format: put what is in this folder into it")
    add("--force", action="store_true", help="make: overwrite whatever is there")
    add("--mend", action="store_true", help="check: mend what can be mended without a loss")
    add("-l", "--long", action="store_true", help="ls: with type, permissions, links, owner, size and time (UTC)")
    add("-r", "--recursive", action="store_true", help="rm, ls: with all that is in directories")
    add("-p", "--parents", action="store_true", help="mkdir: with what is missing above; no error if it is there")
    add("-s", "--symbolic", action="store_true", help="ln: a symbolic link")
    add("--tree", metavar="DIR", help="use the program of this build tree and build nothing")
    options = parser.parse_args(options_first(parser, arguments))
    check(parser, options)
    return options


def check(parser, options):
    shown, least, most, known = COMMANDS[options.command]
    every = {name for _, _, _, names in COMMANDS.values() for name in names}
    if wrong := [SPOKEN.get(name, name) for name in sorted(every - set(known)) if getattr(options, name)]:
        parser.error(f"{options.command}: there is no --{wrong[0]} for it")
    if len(options.names) < least or (most is not None and len(options.names) > most):
        parser.error(f"{options.command} wants: IMAGE {shown}".rstrip())
    if options.command == "chmod" and not re.fullmatch(r"[0-7]{1,4}", options.names[0]):
        parser.error(f"chmod: '{options.names[0]}' is no mode in octal, such as 644")
    if options.command != "make":
        return
    if bool(options.table) != bool(options.part):
        parser.error("make: --table and --part go together")
    if options.table and (options.format or options.inodes or options.log_blocks is not None or options.source):
        parser.error("make: --format, --inodes, --log-blocks and --from are for one file system without partitions")
    if [size for _, size in options.part].count(0) > 1:
        parser.error("make: only one part can have the rest")
    options.format = options.format or (None if options.table else "kfs")


def words_for(options):
    """The options in the words of the program, which counts in bytes."""
    for option in ("force", "mend", "long", "recursive", "parents", "symbolic"):
        if getattr(options, option):
            yield f"--{option}"
    for option, value in (("size", options.mebibytes and options.mebibytes << 20), ("table", options.table), ("format", options.format),
                          ("inodes", options.inodes), ("log-blocks", options.log_blocks), ("from", options.source)):
        if value is not None:
            yield f"--{option}={value}"
    for name, mebibytes in options.part:
        yield f"--part={name}:{mebibytes << 20}"


def main(arguments):
    options = parse(arguments)
    tree = options.tree or build.build("host-release", ["disk"])
    program = os.path.join(tree, "tools", "disk", "disk")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends in order, and says how far it came
    return subprocess.run([program, options.command, *words_for(options), "--", options.image, *options.names]).returncode

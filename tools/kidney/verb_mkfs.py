"""./kidney mkfs: makes an empty kfs or vsfs in a file, without root, from the kernel's own headers."""
import os
import subprocess

import build
from project import Arguments, integer_between

FILE_SYSTEMS = ("kfs", "vsfs")


def parse(arguments):
    parser = Arguments("mkfs", "Makes an empty file system in a file. It overwrites zeros, a kfs or a vsfs, and nothing else.",
                       [("kfs disk.img", "a file of 64 MiB with an empty kfs; ./kidney run --disk disk.img shows it as /dev/vdb"),
                        ("kfs disk.img --mebibytes 8 --log-blocks 16", "a small one with the smallest log"),
                        ("vsfs course.img --mebibytes 2 --log-blocks 33", "the file system of the course, with a log")])
    parser.add_argument("file_system", choices=FILE_SYSTEMS, help="which")
    parser.add_argument("image", help="the file; it is made if it is not there")
    parser.add_argument("--mebibytes", type=integer_between(1, 1 << 20), metavar="N", help="size of a new file (64)")
    parser.add_argument("--inodes", type=integer_between(1, 1 << 28), metavar="N", help="so many files and directories (one for 16 KiB)")
    parser.add_argument("--log-blocks", type=integer_between(0, 4096), metavar="N",
                        help="blocks of 4 KiB for the log (kfs: 256, fewer on small disks; vsfs: none)")
    parser.add_argument("--force", action="store_true", help="overwrite whatever is there")
    parser.add_argument("--tree", metavar="DIR", help="use the program of this build tree and build nothing")
    return parser.parse_args(arguments)


def program(tree):
    return os.path.join(tree or build.build("host-release", ["disk_tool"]), "tests", "crash", "disk_tool")


def main(arguments):
    options = parse(arguments)
    command = [program(options.tree), "mkfs", options.file_system, options.image]
    for name, value in (("--size", options.mebibytes and options.mebibytes << 20), ("--inodes", options.inodes),
                        ("--log-blocks", options.log_blocks), ("--force", 1 if options.force else None)):
        command += [] if value is None else [name, str(value)]
    return subprocess.run(command).returncode

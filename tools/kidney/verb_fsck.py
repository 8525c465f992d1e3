"""./kidney fsck: says whether a kfs or vsfs in a file is sound, from the kernel's own headers, and changes nothing."""
import subprocess

import verb_mkfs
from project import Arguments


def parse(arguments):
    parser = Arguments("fsck", "Says whether a kfs or vsfs in a file is sound. What its log has is brought home in memory first; the file\n"
                       "stays as it is. Exit status: 0 it is sound, 1 it is not.",
                       [("disk.img", "every block, inode and name of it")])
    parser.add_argument("image", help="the file")
    parser.add_argument("--tree", metavar="DIR", help="use the program of this build tree and build nothing")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    return subprocess.run([verb_mkfs.program(options.tree), "fsck", options.image]).returncode

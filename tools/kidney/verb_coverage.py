"""./kidney coverage: which lines and branches the host tests reach."""
import os
import subprocess
import sys

import build
from project import BUILD, ROOT, Arguments, Failure, say


def parse(arguments):
    parser = Arguments("coverage", "Runs the host tests with counters and writes build/coverage/index.html. Fails if a folder "
                       "has lost what tests/coverage_floor.json says it had.",
                       [("", "the table, and a page for each file"), ("--raise", "and make the figures the floor")])
    parser.add_argument("--raise", action="store_true", dest="is_raised", help="make the present figures the floor")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    try:
        tree = build.build("host-coverage", ["all"])
    except Failure as failure:
        say(failure)
        return failure.status
    command = [sys.executable, "-IS", os.path.join(ROOT, "tools", "coverage.py"), "--tree", tree, "--source", ROOT,
               "--output", os.path.join(BUILD, "coverage")]
    return subprocess.run(command + (["--raise"] if options.is_raised else [])).returncode

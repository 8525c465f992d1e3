"""The verbs of ./kidney. Each is a module here with a function main(arguments) that returns the exit status."""
import importlib
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from project import say  # noqa: E402

VERBS = {
    "run": ("verb_run", "build the images and boot them, to a shell prompt in this terminal"),
    "test": ("verb_test", "build and run all tests, or those with a label"),
    "laws": ("verb_laws", "judge policies by the laws of their contract"),
    "bench": ("verb_bench", "run the benchmarks and write a report"),
    "lab": ("verb_lab", "show what policies do to memory and to tasks: tables, and a report with pictures"),
    "explore": ("verb_explore", "try the schedules of a few threads, and tell the story of one that fails"),
    "crash": ("verb_crash", "cut the power at every moment of short workloads, and tell what a file system lost"),
    "image": ("verb_image", "make, list, read, change and check disks in files"),
    "handout": ("verb_handout", "make the tree that students get for an assignment"),
    "grade": ("verb_grade", "grade trees; in a student's tree: that tree, by the tests it came with"),
    "coverage": ("verb_coverage", "tell which lines and branches the host tests reach"),
    "docs": ("verb_docs", "make the book: everything that is written about the project, as a site"),
    "symbolise": ("verb_symbolise", "name the functions and lines in a kernel log"),
    "doctor": ("verb_doctor", "tell what is installed, what is missing and how to get it"),
    "completion": ("verb_completion", "print what makes a shell complete verbs, options and names"),
    "setup": (None, "install what is missing (Debian and Ubuntu packages; asks sudo if needed)"),
}


def help_text():
    lines = ["usage: ./kidney VERB [options]      (./kidney VERB --help tells more)", ""]
    lines += [f"  {name:11} {text}" for name, (_, text) in VERBS.items()]
    lines += ["", "Packages that a verb needs are installed on first use. Builds are kept under build/;",
              "./kidney --build DIR VERB ... keeps them elsewhere, for a clone that cannot be written."]
    return "\n".join(lines)


def main():
    os.umask(0o022)  # what we make becomes a part of the guest, whose users are not ours
    verb, arguments = sys.argv[1], sys.argv[2:]
    if verb == "help" and arguments:
        verb, arguments = arguments[0], ["--help"]
    if verb in ("help", "--help", "-h"):
        print(help_text())
        return 0
    if verb not in VERBS:
        say(f"unknown verb '{verb}'. The verbs are: {', '.join(VERBS)}, help")
        return 2
    module, about = VERBS[verb]
    if module is None:  # the shell script in front of us does it
        print(f"usage: ./kidney {verb}\n\n  {about}\n\nexamples:\n  ./kidney {verb}")
        return 0
    try:
        return importlib.import_module(module).main(arguments)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:  # who reads our output has heard enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:  # no space, no permission, ...
        say(error)
        return 1
    except subprocess.CalledProcessError as error:  # it has said why
        say(f"{error.cmd[0]} failed")
        return 1


if __name__ == "__main__":
    sys.exit(main())

"""The verbs of ./kidney. Each is a module here with a function main(arguments) that returns the exit status."""
import importlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

VERBS = {
    "run": ("verb_run", "build the images and boot them, to a shell prompt in this terminal"),
    "test": ("verb_test", "build and run all tests, or those with a label"),
    "bench": ("verb_bench", "run the benchmarks and write a report"),
    "doctor": ("verb_doctor", "tell what is installed, what is missing and how to get it"),
    "setup": (None, "install what is missing (Debian and Ubuntu packages; asks sudo if needed)"),
}


def help_text():
    lines = ["usage: ./kidney VERB [options]      (./kidney VERB --help tells more)", ""]
    lines += [f"  {name:8} {text}" for name, (_, text) in VERBS.items()]
    lines += ["", "Packages that a verb needs are installed on first use. Builds are kept under build/."]
    return "\n".join(lines)


def main():
    verb, arguments = sys.argv[1], sys.argv[2:]
    if verb in ("help", "--help", "-h"):
        print(help_text())
        return 0
    if verb not in VERBS or VERBS[verb][0] is None:
        print(f"kidney: unknown verb '{verb}'. The verbs are: {', '.join(VERBS)}, help", file=sys.stderr)
        return 2
    return importlib.import_module(VERBS[verb][0]).main(arguments)


if __name__ == "__main__":
    sys.exit(main())

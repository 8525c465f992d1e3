"""Where things are, and how ./kidney speaks to its user."""
import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import textwrap

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("KIDNEY_BUILD") or os.path.join(ROOT, "build")  # ./kidney --build


def say(text):
    """Everything ./kidney says itself goes to standard error: standard output belongs to the guest."""
    print(f"kidney: {text}", file=sys.stderr, flush=True)


class Failure(Exception):
    """Something a user can act on. Ends the program with a message and an exit status."""

    def __init__(self, text, status=1):
        super().__init__(text)
        self.status = status


class Arguments(argparse.ArgumentParser):
    """Like argparse, but a wrong option is answered with the valid ones, and the help ends with examples:
    [(arguments, what that does)]. An argument may have `words`: a function that gives what it can be, for completion."""

    def __init__(self, verb, description, examples, epilog=""):
        width = max(60, shutil.get_terminal_size().columns - 2)
        commands = [(f"./kidney {verb} {arguments}".rstrip(), about) for arguments, about in examples]
        column = max(len(command) for command, _ in commands)
        shown = "\n".join(f"  {command:{column}}  {about}".rstrip() for command, about in commands)
        wrapped = "\n".join(textwrap.fill(paragraph, width) for paragraph in epilog.splitlines())
        super().__init__(prog=f"./kidney {verb}", description=description, allow_abbrev=False,
                         epilog=f"examples:\n{shown}\n\n{wrapped}".rstrip(),
                         formatter_class=argparse.RawDescriptionHelpFormatter)
        self.examples = [command for command, _ in commands]

    def error(self, message):
        options = sorted(flag for action in self._actions for flag in action.option_strings if flag != "-h")
        say(f"{self.prog.split()[-1]}: {message}")
        say(f"valid options: {' '.join(options)}")
        sys.exit(2)


def parser_of(module):
    """The parser that the module of a verb makes."""
    class Made(Exception):
        pass

    def parse_args(parser, *_):
        raise Made(parser)

    kept, Arguments.parse_args = Arguments.parse_args, parse_args
    try:
        module.parse([])
    except Made as made:
        return made.args[0]
    finally:
        Arguments.parse_args = kept
    raise AssertionError("it makes none")


def integer_between(low, high):
    def convert(text):
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number from {low} to {high}")
        return value
    return convert


def seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds above 0")
    return value


def output_file(text):
    """A file that can be made or written over; a device such as /dev/null will do."""
    if os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"'{text}' is a directory, not a file")
    if not os.path.isdir(os.path.dirname(os.path.abspath(text))):
        raise argparse.ArgumentTypeError(f"'{text}': there is no such directory")
    return text


def policy_slots():
    """{variable: {"slot", "default", "values"}}, asked from the build description."""
    result = subprocess.run(["cmake", "-P", os.path.join(ROOT, "cmake", "list_policies.cmake")],
                            stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout)


def possible_settings():
    """All that --set can be given."""
    return [f"{variable}={value}" for variable, slot in policy_slots().items() for value in slot["values"]]


def policies_of(slot):
    return next(entry["values"] for entry in policy_slots().values() if entry["slot"] == slot)


def parse_settings(texts):
    """["KIDNEY_SCHEDULER=mlfq"] -> {"KIDNEY_SCHEDULER": "mlfq"}; says what is valid if it is not."""
    settings = {}
    if not texts:
        return settings
    slots = policy_slots()
    for text in texts:
        variable, equals, value = text.partition("=")
        if not equals or variable not in slots:
            raise Failure(f"--set {text}: not VARIABLE=VALUE with one of the variables: {', '.join(sorted(slots))}", 2)
        if value not in slots[variable]["values"]:
            raise Failure(f"--set {text}: {variable} can be: {', '.join(slots[variable]['values'])}", 2)
        settings[variable] = value
    return {variable: settings[variable] for variable in sorted(settings)}

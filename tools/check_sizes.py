#!/usr/bin/env python3
"""Checks the sizes at which something asks to be split (docs/style.md, section 8).

Headers have 400 lines at most, functions 60, folders 25 files. What is longer for a reason is in EXCEPTIONS, with the
reason; an exception that is not needed any more is a complaint, too.
"""
import collections
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from check_layers import sources  # noqa: E402

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
HEADER_LINES = 400
FUNCTION_LINES = 60
FOLDER_FILES = 25

EXCEPTIONS = {
    "kernel/syscall/errno_map.hpp: errno_of": "a table, one row per error",
    "kernel/syscall": "one file per family of calls and per type of their arguments",
    "kernel/process": "what only this kernel knows of its processes, /proc included",
    "kernel": "the composition root and what starts it up",
}

# Comments and literals hide braces; their line ends count.
HIDDEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.S)
NOT_A_FUNCTION = re.compile(r"\b(namespace|class|struct|union|enum|concept|extern|switch|if|for|while|do|else)\b|=\s*$")
TEMPLATE = re.compile(r"\btemplate\s*<(?:[^<>]|<(?:[^<>]|<[^<>]*>)*>)*>")
NAME = re.compile(r"([~\w:]+|operator\S+)\s*\(")


def functions(text):
    """(name, first line, lines) of every function body. Enough of C++ for sources that clang-format has laid out."""
    code = HIDDEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)
    opened = []
    line, start = 1, 0  # start: where the text before the next brace begins
    for i, c in enumerate(code):
        if c == "\n":
            line += 1
        elif c == "{":
            opened.append((line, code[start:i]))
            start = i + 1
        elif c == "}":
            if opened:
                first, head = opened.pop()
                head = TEMPLATE.sub("", head)
                name = NAME.search(head)
                if name and not NOT_A_FUNCTION.search(head):
                    yield name.group(1), first, line - first + 1
            start = i + 1
        elif c == ";":
            start = i + 1


def main():
    files = sources(ROOT)
    too_large = {}  # what, as EXCEPTIONS names it -> complaint
    folders = collections.Counter(os.path.dirname(path) for path in files)
    for folder, count in folders.items():
        if count > FOLDER_FILES:
            too_large[folder] = f"{folder}: {count} files, more than {FOLDER_FILES}"
    for path in files:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            text = file.read()
        lines = text.count("\n")
        if path.endswith(".hpp") and lines > HEADER_LINES:
            too_large[path] = f"{path}: {lines} lines, more than {HEADER_LINES}"
        if path.startswith(("tests/", "bench/")):
            continue  # a scenario is one function
        for name, first, length in functions(text):
            if length > FUNCTION_LINES:
                what = f"{path}: {name}"
                too_large[what] = f"{path}:{first}: {name} has {length} lines, more than {FUNCTION_LINES}"
    complaints = [text for what, text in sorted(too_large.items()) if what not in EXCEPTIONS]
    complaints += [f"{what}: an exception that is not needed" for what in EXCEPTIONS if what not in too_large]
    print("\n".join(complaints + [f"check_sizes: {len(files)} files, {len(complaints)} complaints"]))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

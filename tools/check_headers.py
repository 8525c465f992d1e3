#!/usr/bin/env python3
"""Checks that every header compiles on its own, in each world it is meant for.

    tools/check_headers.py --generated DIR [--root DIR] [--jobs N]

DIR is the folder of generated policy headers of some build tree. A header that passed is remembered (by the
content of everything it includes) beside it, so that a second run only looks at what has changed. A header that
another one includes before anything else is compiled there as if it were alone, and so needs no run of its own.

What many headers include is parsed once: of the files that a header includes itself, one may come from a precompiled
header, as if it stood first. Nothing else does, so what a header forgets to include is still missing.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from check_layers import sources  # noqa: E402

WARNINGS = ["-Wall", "-Wextra", "-Wno-pragma-once-outside-header", "-Wno-unused-function", "-Werror"]
KERNEL = ["--target=i686-linux-gnu", "-march=i686", "-ffreestanding", "-fno-exceptions", "-fno-rtti", "-fno-pic",
          "-mno-sse", "-mno-mmx", "-fno-threadsafe-statics", "-DKIDNEY_DEBUG"]
# In kernel clothes: what runs in ring 0. As a host program: the rest.
IN_THE_KERNEL = ("include/", "arch/", "mm/", "sched/", "fs/", "drivers/", "kernel/", "tests/laws/")
# Meant to be included in the middle of something, or generated from a macro: none so far.
EXCEPTIONS = ()


# Debian's googletest is sources; what the host tests build.
GOOGLETEST = "/usr/src/googletest/googletest/include"


def flags_of(path):
    if path.startswith("user/"):
        return ["--target=i686-linux-gnu"]
    return KERNEL if path.startswith(IN_THE_KERNEL) else ["-DKIDNEY_DEBUG"]


def first_include(text):
    """What a header includes before it says anything else, or None."""
    for line in text.splitlines():
        found = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        if found:
            return found[1]
        if line.strip() and not re.match(r"\s*(//|#\s*pragma once)", line):
            return None
    return None


def own_includes(path, root):
    """The project's headers that this one includes itself."""
    with open(os.path.join(root, path), encoding="utf-8") as file:
        names = re.findall(r'^\s*#\s*include "([^"]+)"', file.read(), re.M)
    found = [name if os.path.exists(os.path.join(root, name)) else f"include/{name}" for name in names]
    return [name for name in found if name.endswith(".hpp") and os.path.exists(os.path.join(root, name))]


def choose_parsed_once(headers, root, least=3):
    """{header: the one of its own includes that brings most}, of those that serve at least so many headers."""
    includes = {}

    def below(path):
        if path not in includes:
            includes[path] = set()  # a circle ends here
            direct = own_includes(path, root)
            includes[path] = set(direct).union(*map(below, direct))
        return includes[path]

    own = {path: [name for name in own_includes(path, root) if flags_of(name) == flags_of(path)] for path in headers}
    users = collections.Counter(name for names in own.values() for name in names)
    while True:
        chosen = {path: max(good, key=lambda name: (len(below(name)), name))
                  for path, names in own.items() if (good := [name for name in names if users[name] >= least])}
        taken = collections.Counter(chosen.values())
        few = [name for name, count in taken.items() if count < least]
        if not few:
            return chosen
        users[min(few, key=lambda name: (taken[name], name))] = 0


def seen_elsewhere(headers, root):
    """The headers that are compiled as if they were alone while another of these is, with the same flags."""
    known, found = set(headers), set()
    for path in headers:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            name = first_include(file.read())
        for inner in (name, f"include/{name}"):
            if inner in known and flags_of(inner) == flags_of(path):
                found.add(inner)
                break
    return found


def command(path, root, generated):
    return ["clang++-19", "-std=c++20", "-fsyntax-only", *flags_of(path), *WARNINGS, f"-I{root}", f"-I{root}/include",
            f"-I{generated}", "-isystem", GOOGLETEST, "-x", "c++", os.path.join(root, path)]


def fingerprint(path, root, generated, files=None):
    """A hash of the header and of all project headers below it: `files`, or what a compiler finds."""
    base = command(path, root, generated)
    if files is None:
        # A list of nothing would be a fingerprint that never changes.
        listing = subprocess.run([*base, "-MM", "-Wno-unused-command-line-argument"], stdout=subprocess.PIPE, text=True, check=True)
        files = rule_files(listing.stdout)
    digest = hashlib.sha256(" ".join(base).encode())
    for name in files:
        if os.path.exists(name):
            with open(name, "rb") as file:
                digest.update(file.read())
    return digest.hexdigest()


def rule_files(rule):
    """What the rule of a makefile depends on."""
    return rule.replace("\\\n", " ").split()[1:]


def compiled(arguments, folder):
    """(what the compiler read, None), or (None, what it says)."""
    rule = os.path.join(folder, "rule.d")
    result = subprocess.run([*arguments, "-MMD", "-MF", rule], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:  # then the compiler has removed the rule
        return None, result.stdout
    with open(rule, encoding="utf-8") as file:
        return rule_files(file.read()), None


class Parsed:
    """Precompiled headers, each made when it is first needed."""

    def __init__(self, folder, root, generated):
        self.folder, self.root, self.generated = folder, root, generated
        self.lock, self.made = threading.Lock(), {}

    def get(self, path):
        """(the precompiled header, what is in it), or None: it does not compile, which its own run says."""
        with self.lock:
            mine = path not in self.made
            future = self.made.setdefault(path, concurrent.futures.Future())
        if mine:
            with tempfile.TemporaryDirectory() as folder:
                target = os.path.join(self.folder, path.replace("/", "-") + ".pch")
                arguments = command(path, self.root, self.generated)
                arguments = ["c++-header" if word == "c++" else word for word in arguments if word != "-fsyntax-only"]
                files, _ = compiled([*arguments, "-o", target], folder)
                future.set_result((target, files) if files else None)
        return future.result()


def check(path, root, generated, known, parsed=None):
    """(path, [hash, files] to remember, what a compiler says or None). `known`: {path: [hash, files]}; `parsed`: what
    gives the precompiled header for one of its includes."""
    if path in known and fingerprint(path, root, generated, known[path][1]) == known[path][0]:
        return path, known[path], None
    with tempfile.TemporaryDirectory() as folder:
        first = parsed() if parsed else None
        arguments, more = command(path, root, generated), []
        if first:
            arguments[1:1], more = ["-include-pch", first[0]], first[1]
        files, complaint = compiled(arguments, folder)
        if complaint is not None:
            return path, None, complaint
    files = sorted({name for name in [*files, *more] if not name.endswith(".pch")})
    return path, [fingerprint(path, root, generated, files), files], None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    parser.add_argument("--generated", required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    root = os.path.abspath(options.root)
    memory = os.path.join(options.generated, "headers-checked.json")
    try:
        with open(memory, encoding="utf-8") as file:
            known = json.load(file)
    except (FileNotFoundError, ValueError):  # a run that was cut off has left half of it
        known = {}
    headers = [path for path in sources(root) if path.endswith(".hpp") and path not in EXCEPTIONS]
    elsewhere = seen_elsewhere(headers, root)
    alone = [path for path in headers if path not in elsewhere]
    once = choose_parsed_once(alone, root)
    passed, failed = {}, 0
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        parsed = Parsed(folder, root, options.generated)

        def look(path):
            return check(path, root, options.generated, known, (lambda: parsed.get(once[path])) if path in once else None)

        for path, key, complaint in pool.map(look, alone):
            if complaint is None:
                passed[path] = key
            else:
                failed += 1
                print(f"--- {path}, or what it includes first, does not stand on its own\n{complaint}")
    with open(memory, "w", encoding="utf-8") as file:
        json.dump(passed, file)
    print(f"check_headers: {len(headers)} headers, {failed} do not compile on their own")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

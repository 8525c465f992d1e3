#!/usr/bin/env python3
"""Checks the documents: links lead somewhere, and commands in ```sh blocks are commands that exist.

A line of an sh block is understood if it starts with ./kidney (its options are parsed by the real parsers), with
cmake (presets and targets must exist), with scripts/run-container.bash and any of these, or with a program of a list. What follows `#` is a comment.

    check_docs.py            all documents
    check_docs.py FILE...    these
"""
import json
import os
import re
import shlex
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
sys.path[:0] = [os.path.join(ROOT, "tools"), os.path.join(ROOT, "tools", "kidney")]
from project_files import project_files  # noqa: E402

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:include|arch|mm|sched|fs|drivers|kernel|sim|tests|bench|user|tools|docs|cmake)/[\w./-]*\w/?)`")
OTHER_PROGRAMS = {"cd", "git", "clang-format-19", "sudo", "echo", "build", "python3", "ctest", "clang++-19", "export", "source",
                  "apt-get", "dnf", "pacman", "zypper", "nix", "direnv", "wsl", "docker", "dpkg"}


def documents():
    return [name for name in project_files(ROOT) if name.endswith(".md")]


def anchors(text):
    """The names GitHub gives to headings."""
    found = set()
    for line in text.splitlines():
        match = re.match(r"#+ (.*)", line)
        if match:
            name = re.sub(r"[^\w\- ]", "", match.group(1).strip().lower()).replace(" ", "-")
            found.add(name)
    return found


def check_links(name, text):
    for number, line in enumerate(text.splitlines(), 1):
        for match in LINK.finditer(line):
            target = match.group(1) or match.group(2)
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            full = os.path.normpath(os.path.join(ROOT, os.path.dirname(name), path)) if path else os.path.join(ROOT, name)
            if not os.path.exists(full):
                yield number, f"link to {target}, which does not exist"
            elif anchor and full.endswith(".md"):
                with open(full, encoding="utf-8") as file:
                    if anchor not in anchors(file.read()):
                        yield number, f"link to {target}: there is no such heading"
        if line.endswith(", a new file:"):  # the reader is about to make it
            continue
        for match in PATH.finditer(line):
            if not os.path.exists(os.path.join(ROOT, match.group(1))) and not os.path.exists(
                    os.path.join(ROOT, os.path.dirname(name), match.group(1))):
                yield number, f"names {match.group(1)}, which does not exist"


def presets():
    with open(os.path.join(ROOT, "CMakePresets.json"), encoding="utf-8") as file:
        content = json.load(file)
    return {kind: {entry["name"] for entry in content[kind]} for kind in
            ("configurePresets", "buildPresets", "testPresets", "workflowPresets")}


def kidney_problem(words):
    import importlib
    import main as front_door
    if words[1:2] == ["--build"]:
        words = words[:1] + words[3:]
    if len(words) < 2 or words[1] in ("help", "setup"):
        return None
    if words[1] not in front_door.VERBS:
        return f"./kidney has no verb {words[1]}"
    module = importlib.import_module(front_door.VERBS[words[1]][0])
    if not hasattr(module, "parse"):
        return None
    arguments = [word for word in words[2:] if word not in ("&&", "||")]
    for stop in (">", "<", "|", ";"):
        if stop in arguments:
            arguments = arguments[:arguments.index(stop)]
    try:
        options = module.parse(arguments)
        if getattr(options, "settings", None):
            from project import parse_settings
            parse_settings(options.settings)
    except SystemExit:
        return "./kidney does not take these options"
    except Exception as failure:  # noqa: BLE001: any refusal is an answer here
        return str(failure)
    return None


def cmake_problem(words):
    known = presets()
    kind = {"--build": "buildPresets", "--workflow": "workflowPresets"}.get(words[1], "configurePresets")
    if words[0] == "ctest":
        kind = "testPresets"
    if "--preset" in words:
        name = words[words.index("--preset") + 1]
        if name not in known[kind]:
            return f"there is no preset {name}"
    return None


def command_problem(words):
    if words[0] == "./kidney":
        return kidney_problem(words)
    if words[0] in ("cmake", "ctest"):
        return cmake_problem(words)
    if words[0] == "scripts/run-container.bash" and words[-1] != words[0] and not words[1].startswith("-"):
        return command_problem(words[1:])  # which it runs
    if words[0].startswith(("tools/", "scripts/")):
        return None if os.path.exists(os.path.join(ROOT, words[0])) else f"{words[0]} does not exist"
    if words[0].split("/")[0] not in OTHER_PROGRAMS:
        return f"do not know the command {words[0]}"
    return None


def check_commands(text):
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = line.strip() == "```sh" and not inside
            continue
        if not inside or not line.strip() or line.strip().startswith("#"):
            continue
        try:
            words = shlex.split(line, comments=True)
        except ValueError as failure:
            yield number, f"not a shell command: {failure}"
            continue
        problem = command_problem(words)
        if problem:
            yield number, f"`{line.strip()}`: {problem}"


def main():
    os.chdir(ROOT)
    complaints = 0
    names = sys.argv[1:] or documents()
    for name in names:
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            text = file.read()
        for number, complaint in [*check_links(name, text), *check_commands(text)]:
            print(f"{name}:{number}: {complaint}")
            complaints += 1
    print(f"check_docs: {len(names)} documents, {complaints} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

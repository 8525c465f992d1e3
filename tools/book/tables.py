"""Tables that a page asks for by `[table: name](file)`: made from the sources, as Markdown; links are from the root."""
import glob
import json
import os
import re
import subprocess

import system_calls


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def first_sentence(text):
    """Of the comment at the top of a header."""
    comment = " ".join(line[3:].strip() for line in text.splitlines()[:12] if line.startswith("///"))
    return re.match(r".*?\.(?=\s|$)", comment).group(0)


def policies(root):
    """Every policy by slot, from the lines of the policies.cmake files."""
    slots = json.loads(subprocess.run(["cmake", "-P", os.path.join(root, "cmake", "list_policies.cmake")],
                                      stdout=subprocess.PIPE, text=True, check=True).stdout)
    headers = {}
    for path in ("arch/i686", "mm", "sched", "fs"):
        if os.path.exists(os.path.join(root, path, "policies.cmake")):
            for slot, name, header in re.findall(r"^kidney_policy\((\w+) (\w+) (\S+)", read(root, f"{path}/policies.cmake"), re.M):
                headers[slot, name] = header
    made = []
    for variable, slot in slots.items():
        made += [f"**{slot['slot']}**, `--set {variable}=...`", "", "| policy | idea |", "| --- | --- |"]
        for name in slot["values"]:
            header = headers.get((slot["slot"], name), f"arch/i686/mm/{name}.hpp")
            default = " (default)" if name == slot["default"] else ""
            made.append(f"| [`{name}`]({header}){default} | {first_sentence(read(root, header))} |")
        made.append("")
    return "\n".join(made)


def gdb_commands(root):
    """The commands for GDB, from their descriptions: "kidney bt PID (or ...): what it shows", or just that."""
    text = read(root, "tools/gdb/commands.py")
    rows = ["| command | what it shows |", "| --- | --- |"]
    for about, name in re.findall(r'class \w+\(gdb\.Command\):\n    """((?:(?!""").)*)"""\n(?:(?!\nclass ).)*?super\(\).__init__\("(kidney [\w ]*)"', text, re.S):
        use = name
        if about.startswith("kidney "):
            use, about = about.split(": ", 1)
        rows.append(f"| `{use}` | {about[0].upper()}{about[1:]} |")
    return "\n".join(rows)


def errors(root):
    """The kernel's errors and what programs see."""
    rows = ["| here | programs see |", "| --- | --- |"]
    rows += [f"| `{ours}` | {number} |" for ours, number in sorted(system_calls.errno_names(root).items())]
    return "\n".join(rows)


def findings(root):
    """The scripts in findings/, by the question and the answer at their top."""
    rows = ["| finding | the question | a good guess |", "| --- | --- | --- |"]
    for path in sorted(glob.glob("findings/*.sh", root_dir=root)):
        comment = " ".join(line.lstrip("#").strip() for line in read(root, path).splitlines()[1:20] if line.startswith("#"))
        question, _, rest = comment.partition(" Subject: ")
        guess = re.search(r"A good guess: (.*?[.;])(?=\s|$)", rest).group(1).rstrip(";")
        rows.append(f"| [{os.path.basename(path)[:-3]}]({path}) | {question} | {guess} |")
    return "\n".join(rows)


def coverage(root):
    """What may not be lost again, by folder."""
    floor = json.loads(read(root, "tests/coverage_floor.json"))
    rows = ["| folder | lines | branches |", "| --- | --: | --: |"]
    rows += [f"| {f'`{folder}`' if folder else 'all'} | {kinds['lines']} % | {kinds['branches']} % |"
             for folder, kinds in sorted(floor.items(), key=lambda entry: (not entry[0], entry[0]))]
    return "\n".join(rows)


TABLES = {"coverage": coverage, "policies": policies, "gdb": gdb_commands, "errors": errors, "findings": findings}

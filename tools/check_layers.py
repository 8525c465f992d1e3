#!/usr/bin/env python3
"""Checks that includes point the way the floor plan says (docs/style.md, section 2).

    tools/check_layers.py [ROOT]

Rules: a folder includes only what its row of LAYERS allows; standard headers in code that runs in the kernel come
from a list; portable folders have no inline assembly and no static data. A new arrow needs a decision page first.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from project_files import project_files  # noqa: E402

CONTRACTS = {"kidney/mm", "kidney/sched", "kidney/fs"}
VOCABULARY = {"kidney/core", "kidney/hal", "kidney/abi"}
EVERYTHING = {"*"}

# folder -> folders it may include besides itself. The longest match of a path counts.
LAYERS = {
    "include/kidney/core": set(),
    "include/kidney/hal": {"kidney/core"},
    "include/kidney/abi": set(),
    "include/kidney/mm": {"kidney/core"},
    "include/kidney/sched": {"kidney/core"},
    "include/kidney/fs": {"kidney/core", "kidney/mm"},  # a vnode is a source of pages: docs/decisions/0003
    "arch": VOCABULARY | {"drivers"},  # it drives the PC's timers and interrupt controllers: docs/decisions/0004
    "mm": VOCABULARY | CONTRACTS,
    "sched": VOCABULARY | CONTRACTS,
    "fs": VOCABULARY | CONTRACTS,
    "ipc": VOCABULARY | CONTRACTS,
    "proc": VOCABULARY | CONTRACTS | {"fs", "sched"},  # processes stand on files and threads: docs/decisions/0041
    "drivers": VOCABULARY | CONTRACTS,
    "sim": VOCABULARY | CONTRACTS,
    "kernel": EVERYTHING,
    "user": {"kidney/abi"},
    "tests": EVERYTHING,
    "tests/laws": VOCABULARY | CONTRACTS | {"tests"},
    "bench": EVERYTHING,
    "tools": EVERYTHING,
}

PORTABLE = ("include/", "mm/", "sched/", "fs/", "ipc/", "proc/", "drivers/", "sim/")
IN_THE_KERNEL = ("include/", "arch/", "mm/", "sched/", "fs/", "ipc/", "proc/", "drivers/", "kernel/", "tests/laws/")
ASSEMBLY_ALLOWED = ("arch/", "user/")

# What of the standard library, of Boost and of the Linux headers may run in ring 0.
STANDARD = set("""
    algorithm array atomic bit climits compare concepts cstddef cstdint cstring initializer_list limits new numeric optional
    span string_view tuple type_traits utility cstdarg iterator version
    elf.h asm/unistd_32.h asm/ioctls.h asm-generic/ioctls.h
""".split())
STANDARD_IN_CPP = STANDARD | {"ranges"}
LIBRARIES = ("tl/expected.hpp", "boost/intrusive/", "linux/", "asm/", "asm-generic/")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
ASSEMBLY = re.compile(r"(?<![\w.])(__asm__|__asm|asm)\s*(volatile|goto|inline|__volatile__)?\s*\(")
STATIC_DATA = re.compile(r"^\s*(inline\s+)?(static|thread_local)\s+(?!constexpr|const\b|consteval|_)[\w:<>,*&\s]+?\b\w+\s*(=[^=]|\{\}|;)")
FOLDERS = ("include", "arch", "mm", "sched", "fs", "ipc", "proc", "drivers", "kernel", "sim", "tests", "bench", "tools", "user")


def sources(root):
    return [name for name in project_files(root, FOLDERS) if name.endswith((".hpp", ".cpp", ".h"))]


def layer_of(path):
    fitting = [layer for layer in LAYERS if path.startswith(layer + "/")]
    return max(fitting, key=len) if fitting else None


def target_of(included):
    """The folder an include belongs to, in the words of LAYERS' right-hand side; None for foreign headers."""
    parts = included.split("/")
    if parts[0] == "kidney":
        return "/".join(parts[:2])
    return parts[0] if parts[0] in FOLDERS + ("policies",) else None


def without_comments(text):
    """Blanks comments and string literals, keeping the lines."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.DOTALL)


def check_include(path, included, quoted):
    layer = layer_of(path)
    target = target_of(included)
    if target is None:
        if quoted or not path.startswith(IN_THE_KERNEL) or included.startswith(LIBRARIES):
            return None
        allowed = STANDARD_IN_CPP if path.endswith(".cpp") else STANDARD
        return None if included in allowed else f"<{included}> is not among the standard headers for kernel code"
    allowed = LAYERS[layer]
    own = {layer.removeprefix("include/"), layer.split("/")[0]} - {"include"}
    if allowed == EVERYTHING or target in allowed or target in own:
        return None
    return f"{layer} must not include {target} ({included})"


def check(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        text = file.read()
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            complaint = check_include(path, match.group(2), match.group(1) == '"')
            if complaint:
                yield number, complaint
    code = without_comments(text)
    for number, line in enumerate(code.splitlines(), 1):
        if ASSEMBLY.search(line) and not path.startswith(ASSEMBLY_ALLOWED):
            yield number, "inline assembly outside arch/"
        if path.startswith(PORTABLE) and not path.startswith("sim/") and STATIC_DATA.match(line):
            yield number, "static data in a portable folder"


def main():
    root = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), ".."))
    files = sources(root)
    complaints = 0
    for path in files:
        if layer_of(path) is None:
            continue
        for number, complaint in check(root, path):
            print(f"{path}:{number}: {complaint}")
            complaints += 1
    print(f"check_layers: {len(files)} files, {complaints} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

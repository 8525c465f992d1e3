#!/usr/bin/env python3
"""docs/reference/troubleshooting.md speaks of every message that ./kidney and the kernel can give."""
import ast
import glob
import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PAGE = "docs/reference/troubleshooting.md"
HOLE = "\0"  # stands for what differs


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def texts(node):
    """What an expression can be as a text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return ["".join(part.value if isinstance(part, ast.Constant) else HOLE for part in node.values)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [left + right for left in texts(node.left) for right in texts(node.right)]
    if isinstance(node, ast.IfExp):
        return texts(node.body) + texts(node.orelse)
    return [HOLE]


def of_python(path):
    for node in ast.walk(ast.parse(read(path))):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
            if name in ("say", "Failure", "Mistake", "ArgumentTypeError") or ast.unparse(node.func) in ("parser.error", "sys.exit"):
                yield from texts(node.args[0])


def of_shell(path):
    for text in re.findall(r'^[^#\n]*\bsay "(.*?)"$', read(path), re.M):
        yield re.sub(r"\$\(.*\)|\$\{.*?\}|\$\w+", HOLE, text)


def of_kernel(path):
    text = read(path)
    for pieces in re.findall(r'(?:\bpanic\(|log::(?:warning|error)<"\w+">\(\s*)((?:"(?:[^"\\]|\\.)*"\s*)+)', text):
        joined = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', pieces))
        yield re.sub(r"\{[^}]*\}", HOLE, joined)
    for message in re.findall(r'\.asciz "KERNEL PANIC: (.*?)\\r', text):
        yield message


def sources():
    for path in ["tools/image/make_iso.py", "tools/image/make_root_disk.py", "tools/image/make_initramfs.py",
                 *sorted(glob.glob("tools/kidney/*.py", root_dir=ROOT)), *sorted(glob.glob("course/engine/*.py", root_dir=ROOT))]:
        yield path, of_python(path)
    yield "kidney", of_shell("kidney")
    for folder in ("kernel", "arch", "fs", "drivers", "mm", "sched"):
        for kind in ("cpp", "hpp", "S"):
            for path in sorted(glob.glob(f"{folder}/**/*.{kind}", root_dir=ROOT, recursive=True)):
                yield path, of_kernel(path)


def is_told(message, page):
    """One quotation of the page has the message's fixed words, in their order. Of several lines the first one counts."""
    pieces = [piece.strip() for piece in message.split("\n")[0].split(HOLE)]
    pattern = ".*?".join(re.escape(piece) for piece in pieces if piece)
    return not re.search(r"[a-z]{3}", message) or any(re.search(pattern, quoted) for quoted in page)


def main():
    page = [quoted for marks, quoted in re.findall(r"(`+)(.+?)\1(?!`)", read(PAGE))]
    count, missing = 0, []
    for path, messages in sources():
        for message in messages:
            count += 1
            if not is_told(message, page):
                missing.append(f"{path}: '{message.replace(HOLE, '…')}' is not in {PAGE}")
    print("\n".join([*missing, f"messages_test: {count} messages, {len(missing)} of them not told"]))
    return 1 if missing or count < 100 else 0


if __name__ == "__main__":
    sys.exit(main())

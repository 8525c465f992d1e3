"""Pieces of the sources for the book: shown code is the tree's, not a copy of it."""
import re

COMMENT = re.compile(r"\s*(///|//|#)")


class NotFound(Exception):
    pass


def piece(text, begins, path):
    """The definition that begins on the line that contains `begins`, with the comment and the template head above it,
    to the brace or semicolon that ends it; in assembly, to a blank line."""
    lines = text.splitlines()
    at = next((n for n, line in enumerate(lines) if begins in line and not COMMENT.match(line)), None)
    if at is None:
        raise NotFound(f"{path} has no line with '{begins}'")
    first = at
    while first > 0 and (re.match(r"\s*(///|//|template\b|requires\b|\[\[)", lines[first - 1])):
        first -= 1
    depth, last = 0, at
    for last in range(at, len(lines)):
        if path.endswith(".S"):
            if last + 1 == len(lines) or not lines[last + 1].strip():
                break
            continue
        # Braces in texts and characters would be counted; the tree has none in what is shown.
        depth += sum(lines[last].count(c) for c in "{(") - sum(lines[last].count(c) for c in "})")
        if depth == 0 and re.search(r"[;}]\s*(//.*)?$", lines[last]):
            break
    shown = lines[first:last + 1]
    margin = min(len(line) - len(line.lstrip()) for line in shown if line.strip())
    return "\n".join(line[margin:] for line in shown), first + 1


def language(path):
    name = path.rsplit("/", 1)[-1]
    kinds = {"hpp": "cpp", "cpp": "cpp", "py": "python", "S": "gas", "cmake": "cmake", "sh": "bash", "json": "json",
             "toml": "toml", "yml": "yaml", "html": "html", "awk": "awk", "c": "c", "h": "c"}
    return "cmake" if name == "CMakeLists.txt" else kinds.get(name.rsplit(".", 1)[-1], "text") if "." in name else "text"

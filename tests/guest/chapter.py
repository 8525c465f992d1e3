"""What pages of the book tell their readers to do, for tests that do it.

What a page shows must come, in its order: `…` stands for anything, a hexadecimal number for any other one, and lines may be
broken elsewhere.
"""
import re
from pathlib import Path

PROMPT = r"^\(gdb\) "


def steps(page: Path, heading=""):
    """[(command, shown lines)] of the page, or of the part of it below this heading; those for GDB without their prompt."""
    text = page.read_text(encoding="utf-8")
    if heading:
        text = text.split(f"\n{heading}\n")[1].split("\n## ")[0]
    found = []
    for kind, block in re.findall(r"^```(sh|text)\n(.*?)^```", text, re.M | re.S):
        for line in block.splitlines():
            if kind == "sh" or line.startswith("(gdb) "):
                found.append((line.removeprefix("(gdb) "), []))
            else:
                found[-1][1].append(line)
    return found


def pattern(lines):
    """An expression for lines of the page."""
    words = " ".join(lines).split()
    exactly = (r"(?s:.*?)".join(map(re.escape, word.split("…"))) for word in words)
    return r"\s+".join(re.sub(r"0x[0-9a-f]+", "0x[0-9a-f]+", word) for word in exactly)


def in_gdb(console, todo):
    """Types the steps at GDB's prompt, sees what the page shows, and leaves; the exit status."""
    for line, shown in todo:
        console.expect(PROMPT)
        console.send(line + "\n")
        if shown:
            console.expect(pattern(shown))
    console.expect(PROMPT)
    console.send("quit\n")
    return console.wait()

"""Draws the pictures of the chapters: SVG from lines of text, so that a change can be read in a diff.

    python3 course/engine/figures.py          writes figures/*.svg of every assignment
    python3 course/engine/figures.py --check  says which are not what their text says
"""
import glob
import os
import sys
from xml.sax.saxutils import escape

COURSE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLOURS = ("#4a7ebb", "#c0504d", "#7f9f3f", "#8064a2", "#d98a29", "#3f9fa8", "#b56576", "#6d7f8f")
CELL, LABEL, LINE = 22, 380, 30


def draw(text):
    rows = [line.split("|") for line in text.splitlines() if line.strip() and not line.startswith("#")]
    rows = [(label.rstrip(), cells.strip()) for label, cells in rows]
    width = LABEL + CELL * max(len(cells) for _, cells in rows) + 20
    parts, y = [], 12
    for label, cells in rows:
        if set(cells) <= set(".^"):  # marks belong to the row above
            for i, cell in enumerate(cells):
                if cell == "^":
                    x = LABEL + CELL * i + CELL // 2
                    parts.append(f'<path d="M{x} {y - 6} l-5 9 h10 z" fill="#222"/>')
            y += 12
            continue
        indent = len(label) - len(label.lstrip())
        parts.append(f'<text x="{10 + 4 * indent}" y="{y + 16}">{escape(label.strip())}</text>')
        for i, cell in enumerate(cells):
            x = LABEL + CELL * i
            fill = {".": "#ffffff", "x": "#dddddd"}.get(cell) or COLOURS[(ord(cell) - 65) % len(COLOURS)]
            parts.append(f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{fill}" stroke="#888"/>')
            if cell.isupper():
                parts.append(f'<text x="{x + CELL // 2}" y="{y + 16}" text-anchor="middle" fill="#fff">{cell}</text>')
        y += LINE
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + 8}" viewBox="0 0 {width} {y + 8}" '
            'font-family="system-ui, sans-serif" font-size="14" fill="#222">')
    return "\n".join([head, f'<rect width="{width}" height="{y + 8}" fill="#fff"/>', *parts, "</svg>"]) + "\n"


def main(arguments):
    stale = []
    for path in sorted(glob.glob(os.path.join(COURSE, "*", "figures", "*.txt"))):
        with open(path, encoding="utf-8") as file:
            picture = draw(file.read())
        target = path.removesuffix(".txt") + ".svg"
        if "--check" in arguments:
            try:
                with open(target, encoding="utf-8") as file:
                    there = file.read()
            except FileNotFoundError:
                there = None
            if there != picture:
                stale.append(os.path.relpath(target, COURSE))
        else:
            with open(target, "w", encoding="utf-8") as file:
                file.write(picture)
    if stale:
        print(f"not what the text says: {', '.join(stale)}; run course/engine/figures.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

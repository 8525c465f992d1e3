#!/usr/bin/env python3
"""Records an interactive session as a picture: docs/images/boot.svg.

    tools/record_boot.py [--tree build/i686-debug] [--output docs/images/boot.svg] [COMMAND...]

Boots the images of the tree on a terminal of its own, types the commands at the prompt, and draws what the terminal
showed. Nothing is made up: the text is what came out of the serial port.
"""
import argparse
import html
import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "guest"))
import guest  # noqa: E402
from console_test import PROMPT  # noqa: E402

COMMANDS = ["uname -a", "ls /", "seq 1 1000 | sort -rn | head -n 3", "sleep 1 & jobs; wait", "crash null",
            "exit 0"]
LINE, WIDTH, MARGIN = 18, 8.4, 16


def cleaned(transcript):
    """The text as a terminal would leave it on the screen, without colours."""
    text = transcript.decode("utf-8", "replace")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r\n", "\n")
    lines = []
    for line in text.split("\n"):
        line = line.rstrip("\r").split("\r")[-1]
        while "\b" in line:
            line = re.sub(r"[^\b]\b|^\b", "", line)
        lines.append(line.rstrip())
    return [line for line in lines if not line.startswith("kidney: ")]


def picture(lines):
    columns = max(max(len(line) for line in lines), 60)
    width, height = int(columns * WIDTH + 2 * MARGIN), len(lines) * LINE + 2 * MARGIN
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             f'viewBox="0 0 {width} {height}" role="img">',
             "<title>KidneyOS booting to a shell</title>",
             f'<rect width="{width}" height="{height}" rx="8" fill="#14181d"/>',
             '<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" '
             'fill="#d5dbe1">']
    for number, line in enumerate(lines):
        colour = ""
        if re.match(r"\[ *\d+\.\d+\]", line):
            colour = ' fill="#7f8b97"'
        elif re.match(r"kidney:.*[#$] ", line):
            colour = ' fill="#9fd18b"'
        # Browsers fold spaces in a picture; these they keep.
        text = html.escape(line).replace(" ", "\u00a0")
        parts.append(f'<text x="{MARGIN}" y="{MARGIN + LINE * (number + 1) - 5}"{colour}>{text}</text>')
    return "\n".join([*parts, "</g>", "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tree", default=os.path.join(ROOT, "build", "i686-debug"))
    parser.add_argument("--output", default=os.path.join(ROOT, "docs", "images", "boot.svg"))
    parser.add_argument("commands", nargs="*", default=COMMANDS)
    options = parser.parse_args()
    with guest.Console(options.tree, "--smp", "2") as console:
        for command in options.commands:
            console.expect(PROMPT)
            console.send(command + "\r")
        console.wait()
        lines = cleaned(console.transcript)
    os.makedirs(os.path.dirname(options.output), exist_ok=True)
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(picture([line for line in lines if line.strip()]))
    print(f"{options.output}: {len(lines)} lines")


if __name__ == "__main__":
    main()

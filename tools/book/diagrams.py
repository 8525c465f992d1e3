"""Diagrams: text in the page, drawn by Graphviz, in the colours of the page around them."""
import html
import re
import subprocess

# What a picture needs so that it can stand in any page; its own settings come later and win.
COMMON = """graph [bgcolor=transparent, fontname="sans-serif", fontsize=11]
node [fontname="sans-serif", shape=box, style=rounded, fontsize=11]
edge [fontname="sans-serif", fontsize=10]
"""


def figure(text):
    """HTML of a figure. The first line says in words what is to be seen: `// ...`."""
    match = re.match(r"//\s*(.+)\n", text)
    if not match:
        raise ValueError("a diagram begins with a line that says what it shows: // ...")
    result = subprocess.run(["dot", "-Tsvg"], input=text.replace("{", "{\n" + COMMON, 1), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        raise ValueError(f"dot: {result.stderr.strip()}")
    svg = result.stdout[result.stdout.index("<svg"):]
    svg = re.sub(r"<!--.*?-->|<title>.*?</title>", "", svg, flags=re.S)
    svg = svg.replace('stroke="black"', 'stroke="currentColor"').replace('fill="black"', 'fill="currentColor"')
    svg = svg.replace("<text ", '<text fill="currentColor" ')
    words = html.escape(match.group(1), quote=True)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{words}" ', 1)
    svg = "\n".join(line for line in svg.splitlines() if line.strip())
    return f'<figure class="diagram" tabindex="0">\n{svg}\n</figure>'

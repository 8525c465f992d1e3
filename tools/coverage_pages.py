"""The coverage report: our front page, by folder and by file, and llvm-cov's page for each file in our style."""
import glob
import html
import os
import re

import html_page

STYLE = """
table { width: 100%; }
th.bars { width: 30%; min-width: 8rem; text-align: left; }
td.bars div { background: var(--bar); height: .8rem; }
summary { cursor: pointer; font-weight: 600; margin: 1rem 0 .3rem; }
"""
# What llvm-cov calls its things, in the colours of the page. A line that was never run has a colour and is underlined.
LISTING = """
body { max-width: none; }
pre { margin: 0; display: inline-block; font-size: .82rem; line-height: 1.35; tab-size: 4; }
table { border-collapse: collapse; }
th, td { padding: 0 .6rem; border: 0; text-align: left; vertical-align: top; }
td.line-number, td.covered-line, td.uncovered-line { text-align: right; }
.line-number, .line-number a { color: var(--soft); }
td.line-number a { text-decoration: none; }
.covered-line { color: var(--mark); }
.uncovered-line { color: var(--alarm); font-weight: 600; }
.red { background: var(--alarm-back); text-decoration: underline dotted; }
.selected { outline: 2px solid var(--alarm); }
tr:has(> td > a:target), tr:has(> td.uncovered-line.selected), tr:hover { background: var(--panel); }
.centered { display: inline-block; border-left: 3px solid var(--line); }
main > .centered { border: 0; display: block; overflow-x: auto; }
.expansion-view { border-left: 3px solid var(--line); margin: .3rem 0; padding-left: .4rem; }
.source-name-title { color: var(--soft); }
.tooltip { position: relative; display: inline; }
.tooltip .tooltip-content { position: absolute; left: 0; bottom: 1.4rem; padding: 0 .4rem; background: var(--text); color: var(--page); visibility: hidden; }
.tooltip:hover .tooltip-content { visibility: visible; }
.control { position: sticky; top: 0; z-index: 1; display: block; padding: .4rem 0; background: var(--page); border-bottom: 1px solid var(--line); }
"""


def cells(row):
    """Lines and branches: percent, how many, a bar."""
    parts = []
    for kind in ("lines", "branches"):
        covered, count = row[kind]
        share = 100 * covered / count if count else 100.0
        parts.append(f"<td>{share:.1f}<td>{covered} of {count}<td class=bars><div style='width:{share:.1f}%'></div>")
    return "".join(parts)


def table(title, rows):
    """`rows`: [(name, link or None, figures)]."""
    head = f"<tr><th scope=col>{title}<th scope=col>lines, %<th scope=col>run<th scope=col class=bars>share of lines" \
           "<th scope=col>branches, %<th scope=col>taken<th scope=col class=bars>share of branches"
    linked = lambda name, link: f'<a href="{html.escape(link)}">{html.escape(name)}</a>' if link else html.escape(name)
    lines = [f"<tr><th scope=row>{linked(name, link)}{cells(row)}" for name, link, row in rows]
    return f'<div class=wide tabindex=0 role=region aria-label="{title}"><table>{head}' + "\n".join(lines) + "</table></div>"


def front_page(sums, files, floor, page_of):
    """`sums`: {folder: figures}, the whole under ""; `files`: {path: figures}; `floor`: what may not be lost; `page_of`: {path: page}."""
    whole = sums[""]
    least = ", ".join(f"{value} % of the {kind}" for kind, value in floor.get("", {}).items())
    parts = ["<header><h1>What the host tests reach</h1><p>A line counts when a test ran it, a branch when a test took it: both ways of "
             "every condition. Files that run in the kernel only are tried by its own tests, in a machine, and are not counted here. "
             f"The floor (<code>tests/coverage_floor.json</code>): {least}.</p></header><main>",
             "<section><h2>By folder</h2>",
             table("Folder", [(name or "all", f"#{name}" if name else None, sums[name]) for name in [*sorted(filter(None, sums)), ""]]),
             "</section><section><h2>By file</h2>"]
    for folder in sorted(filter(None, sums)):
        rows = [(path, page_of.get(path), row) for path, row in sorted(files.items()) if path.startswith(folder + "/")]
        parts.append(f'<details id="{folder}" open><summary>{folder}: {len(rows)} files</summary>' + table(folder, rows) + "</details>")
    lines, branches = (100 * whole[kind][0] / whole[kind][1] for kind in ("lines", "branches"))
    return html_page.page("Coverage of the host tests", "\n".join(
        [*parts, f"</section></main><footer><p>{lines:.1f} % of the lines, {branches:.1f} % of the branches.</p></footer>\n"]), "coverage", STYLE)


def adapt(output, source):
    """llvm-cov's pages of files: in our style, with a language, a title, a heading and a way back. Returns {path: page}."""
    with open(os.path.join(output, "style.css"), "w", encoding="utf-8") as file:
        file.write(html_page.text_of("page", "page.css") + LISTING)
    pages = {}
    for page in glob.glob(os.path.join(output, "coverage", "**", "*.html"), recursive=True):
        with open(page, encoding="utf-8") as file:
            text = file.read()
        full = html.unescape(re.search("<div class='source-name-title'><pre>(.*?)</pre>", text)[1])
        name = os.path.relpath(os.path.join(source, full), source)
        up = os.path.relpath(output, os.path.dirname(page))
        text = text.replace("<html>", '<html lang="en">', 1).replace("<head>", f"<head><title>{html.escape(name)}: coverage</title>", 1)
        text = re.sub("<body>.*?</h4>", lambda _: f'<body><main><h1>{html.escape(name)}</h1><p><a href="{up}/index.html">All files</a></p>', text, count=1,
                      flags=re.S).replace("</body>", "</main></body>", 1)
        with open(page, "w", encoding="utf-8") as file:
            file.write(text)
        pages[name] = os.path.relpath(page, output)
    return pages

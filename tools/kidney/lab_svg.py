"""Gantt charts as SVG, for papers: no script, no style sheet, fonts by name only."""
from xml.sax.saxutils import escape

HUES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#828282")  # Okabe and Ito
DARK = {"#0072b2", "#009e73", "#d55e00", "#828282"}  # white text stands out on these
READABLE = 24  # slices in a lane
LANE, GAP, LEFT, WIDTH, AXIS = 22, 34, 96, 720, 24


def round_step(span):
    """About six marks: 1, 2 or 5 times a power of ten."""
    return next(base * 10 ** power for power in range(19) for base in (1, 2, 5) if base * 10 ** power * 6 >= span)


def in_words(ns, step):
    for size, name in ((10 ** 9, "s"), (10 ** 6, "ms"), (10 ** 3, "us")):
        if step >= size:
            return f"{ns / size:g} {name}"
    return f"{ns} ns"


def text(x, y, words, size=11, anchor="start", fill="#1c1f24", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-family="Helvetica, Arial, sans-serif" font-size="{size}" '
            f'font-weight="{weight}" text-anchor="{anchor}" fill="{fill}">{escape(words)}</text>')


def chart(run, top, end, colours):
    cpus = run["inputs"]["cpus"]
    lines = [text(0, top - 6, run["policy"], 13, weight="bold")]
    for cpu in range(cpus):
        y = top + cpu * LANE
        lines.append(text(LEFT - 8, y + LANE / 2 + 4, f"CPU {cpu}", anchor="end"))
        lines.append(f'<rect x="{LEFT}" y="{y}" width="{WIDTH}" height="{LANE - 2}" fill="#f5f7f9"/>')
    for cpu, task, start, stop, *_ in run["slices"]:
        if start >= end or stop == start:
            continue
        x, width = LEFT + start / end * WIDTH, (min(stop, end) - start) / end * WIDTH
        colour, name = colours(run, task), run["tasks"][task]["name"] if task < len(run["tasks"]) else f"task {task}"
        y = top + cpu * LANE
        lines.append(f'<rect x="{x:.2f}" y="{y}" width="{max(width - 0.4, 0.3):.2f}" height="{LANE - 2}" fill="{colour}">'
                     f"<title>{escape(name)}: {start} to {stop} ns</title></rect>")
        if width > 6 * len(name):
            lines.append(text(x + width / 2, y + LANE / 2 + 3, name, 10, "middle", "#ffffff" if colour in DARK else "#000000"))
    return lines, top + cpus * LANE


def horizon(run):
    """Up to where a lane has no more slices than one can read, and all of them are recorded."""
    few = run["slices"][:READABLE * run["inputs"]["cpus"]]
    return few[-1][2] if len(few) < len(run["slices"]) else run["span"]


def svg(runs, about):
    """The runs, of one workload, below each other on one axis: as far as all can be read."""
    end = max(1, min(horizon(run) for run in runs))
    names = [task["name"] for task in runs[0]["tasks"]]
    kinds = [kind["name"] for kind in runs[0]["kinds"]]

    def colours(run, task):
        if len(names) <= len(HUES):
            return HUES[task % len(HUES)]
        name = run["tasks"][task]["name"] if task < len(run["tasks"]) else ""
        kind = next((i for i, kind in enumerate(kinds) if name == kind or name.rpartition(".")[0] == kind), 0)
        return HUES[kind % len(HUES)]

    lines, x = [text(0, 16, about, 12, fill="#59636e")], LEFT
    for i, name in enumerate((names if len(names) <= len(HUES) else kinds)[:len(HUES)]):
        lines.append(f'<rect x="{x}" y="26" width="11" height="11" fill="{HUES[i]}"/>')
        lines.append(text(x + 15, 35, name))
        x += 30 + 7 * len(name)
    y = 66
    for run in runs:
        more, bottom = chart(run, y, end, colours)
        lines += more
        y = bottom + GAP
    y -= GAP
    step = round_step(end)
    for at in range(0, end + 1, step):
        x = LEFT + at / end * WIDTH
        lines.append(f'<line x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + 5}" stroke="#59636e"/>')
        lines.append(text(x, y + 18, in_words(at, step), 10, "middle", "#59636e"))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 24}" height="{y + AXIS}" '
            f'viewBox="0 0 {LEFT + WIDTH + 24} {y + AXIS}">\n<rect width="100%" height="100%" fill="#ffffff"/>\n'
            + "\n".join(lines) + "\n</svg>\n")

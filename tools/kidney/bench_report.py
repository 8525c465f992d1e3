"""The report of ./kidney bench: bars, ratios, and how they have changed since earlier runs."""
import html
import json
import math
import statistics

import html_page

MOST_RUNS = 20  # earlier ones that a line shows
NOTABLE = 1.1   # a change that is more than noise, on ratios of one run
STYLE = """
table { width: 100%; }
th[scope=row] { min-width: 14rem; }
th.bars { width: 40%; min-width: 10rem; }
td.bars div { background: var(--bar); height: .8rem; min-width: 1px; }
tr.baseline td.bars div { background: var(--line); }
svg.earlier { width: 6rem; height: 1.2rem; vertical-align: middle; fill: none; stroke: var(--mark); stroke-width: 1.5; }
svg.earlier circle { fill: var(--mark); stroke: none; }
th.bars, th.earlier, td.earlier { text-align: left; }
"""


def machine_line(what):
    return f"commit {what['commit']}, {what['build']}, {what['machine']}, load {what['load']}, {what['date']}"


def note(value):
    return "" if value is None else f"{value:g}"


def refusals(row):
    return f"  ({row['refused']} requests refused)" if row["refused"] else ""


# --- Earlier runs ---

def key_of(row):
    return f"{row['workload']} {row['subject']}"


def figure_of(row):
    """What is compared: the ratio, where a suite has one; a time, or a count that the suite is about."""
    if row["figures"]:
        return next(iter(row["figures"].values()))
    return row["ratio"] or row["ns"]


def same_place(what):
    """Runs that may be compared: of one build on one kind of machine, without its clock, which wanders."""
    return [what["build"], what["machine"].rpartition(",")[0]]


def append_history(path, results, machines):
    """A line for each suite of this run."""
    with open(path, "a", encoding="utf-8") as file:
        for name, rows in results.items():
            line = {"suite": name, **machines[name], "figures": {key_of(row): figure_of(row) for row in rows}}
            file.write(json.dumps(line) + "\n")


def read_history(path):
    """[a line of append_history()], the oldest first; a line that was cut off is left out."""
    lines = []
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                    same_place(entry), entry["suite"], entry["figures"].items()
                    lines.append(entry)
                except (ValueError, KeyError, TypeError, AttributeError):
                    continue
    except FileNotFoundError:
        pass
    return lines


def earlier_figures(history, name, what):
    """{row's key: [figure, the oldest first]} of the runs that can be compared with this one."""
    found = {}
    for line in history:
        if line["suite"] == name and same_place(line) == same_place(what):
            for key, figure in line["figures"].items():
                found.setdefault(key, []).append(figure)
    return {key: figures[-MOST_RUNS:] for key, figures in found.items()}


def change(row, figures):
    """A cell: the line of the earlier figures up to this one, and what has changed since their median."""
    now = figure_of(row)
    if not figures:
        return "<td class=earlier>"
    shown = [*figures, now]
    low, high = min(shown), max(shown)
    points = [(2 + 56 * i / (len(shown) - 1), 10 - 8 * (figure - low) / (high - low) if high > low else 6)
              for i, figure in enumerate(shown)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    before = statistics.median(figures)
    percent = f"{100 * (now / before - 1):+.0f} %" if before else ""
    is_notable = before and max(now / before, before / now if now else math.inf) > NOTABLE
    said = f"{len(figures)} earlier, median {before:.2f}, now {now:.2f}"
    return (f'<td class=earlier><svg class=earlier viewBox="0 0 60 12" preserveAspectRatio="none" role="img" aria-label="{said}">'
            f'<title>{said}</title><polyline vector-effect="non-scaling-stroke" points="{line}"/></svg> '
            + (f"<strong>{percent}</strong>" if is_notable else percent))


# --- The page ---

def bar_width(ns, group):
    """Percent for a bar, and whether the scale is logarithmic: it is where the figures of a group span decades."""
    shortest, longest = min(row["ns"] for row in group), max(row["ns"] for row in group)
    if shortest > 0 and longest / shortest > 20:
        # The shortest gets a bar of its own, half a decade.
        return 100 * (math.log10(ns / shortest) + 0.5) / (math.log10(longest / shortest) + 0.5), True
    return 100 * ns / (longest or 1), False


def table(title, group, earlier):
    """The subjects of one workload."""
    has_earlier = any(key_of(row) in earlier for row in group)
    names = list(group[0]["figures"])
    is_logarithmic = not names and bar_width(group[0]["ns"], group)[1]
    columns = [f"<th scope=col>{html.escape(name)}" for name in names] if names else \
        ["<th scope=col>ns", "<th scope=col>ratio", f"<th scope=col class=bars>time{', logarithmic' if is_logarithmic else ''}"]
    # A column for what any of them has.
    notes = list(dict.fromkeys(name for row in group for name in row["notes"]))
    columns += [f"<th scope=col>{html.escape(name.replace('_', ' '))}" for name in notes]
    columns += ["<th scope=col class=earlier>since earlier runs"] if has_earlier else []
    parts = [f"<h3>{html.escape(title)}</h3>",
             f'<div class=wide tabindex=0 role=region aria-label="{html.escape(title)}"><table><tr><th scope=col>subject' + "".join(columns)]
    for row in group:
        cells = [f"<td>{row['figures'][name]:.2f}" for name in names] if names else \
            [f"<td>{row['ns']:.1f}", f"<td>{row['ratio']:.2f}" if row["ratio"] else "<td>",
             f"<td class=bars><div style='width:{bar_width(row['ns'], group)[0]:.1f}%'></div>"]
        cells += [f"<td>{note(row['notes'].get(name))}" for name in notes]
        cells += [change(row, earlier.get(key_of(row), []))] if has_earlier else []
        kind = " class=baseline" if row["subject"].startswith("baseline") else ""
        parts.append(f"<tr{kind}><th scope=row>{html.escape(row['subject'] + refusals(row))}" + "".join(cells))
    return "\n".join([*parts, "</table></div>"])


def page(results, machines, history):
    """`results`: {suite: rows as verb_bench.rows_of() has them}; `machines`: {suite: what it ran on}."""
    parts = ["<header><h1>KidneyOS benchmarks</h1><p>Fastest of three interleaved runs. The ratio is against the baseline of the "
             "same workload in the same run; 1.00 means: costs what hand-written code costs. <em>Since earlier runs</em>: the "
             "ratios of earlier runs of the same build on the same kind of machine, the oldest first, and how far this one is from "
             "their median.</p>",
             "<nav aria-label=Suites>" + " ".join(f'<a href="#{html.escape(name)}">{html.escape(name)}</a>' for name in results) + "</nav></header>",
             "<main>"]
    for name, rows in results.items():
        earlier = earlier_figures(history, name, machines[name])
        parts.append(f'<section id="{html.escape(name)}"><h2>{html.escape(name)}</h2><p>{html.escape(machine_line(machines[name]))}</p>')
        for workload in dict.fromkeys(row["workload"] for row in rows):
            parts.append(table(workload, [row for row in rows if row["workload"] == workload], earlier))
        parts.append("</section>")
    return html_page.page("KidneyOS benchmarks", "\n".join([*parts, "</main>\n"]), "bench", STYLE)

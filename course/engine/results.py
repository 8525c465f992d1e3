"""What a grading found, and the forms that is told in: text, Markdown, JUnit XML, Gradescope's results.json, CSV."""
import csv
import html
import io
import json
import re

VERDICTS = {"kept": "kept", "broken": "not kept", "crashed": "crashed", "endless": "does not end", "slow": "too slow", "not_judged": "not judged",
            "noted": "note"}
# No control characters, and none that change the direction of what follows.
CONTROL = re.compile(r"[^\x09\x0A\x20-\x7E\u00A0-\u200A\u2010-\u2027\u202F-\u2065\u206A-\uD7FF\uE000-\uFFFD]")


def clean(text, most=6000):
    """Text that every format can carry, of a length that somebody reads."""
    text = CONTROL.sub("?", text)
    return text if len(text) <= most else text[:most // 2] + "\n... (shortened) ...\n" + text[-most // 2:]


class Result:
    """One test of one tree."""

    def __init__(self, key, title, verdict, most=0.0, points=None, expected="", happened="", calls=(), reproduce="", hidden=False, picture=()):
        self.key, self.title, self.verdict, self.most = key, clean(title, 300), verdict, float(most)
        self.points = float(most if verdict == "kept" else 0) if points is None else float(points)
        self.expected, self.happened = clean(expected, 1000), clean(happened)
        self.calls = [clean(call, 200) for call in calls]
        self.picture = [clean(line, 300) for line in picture]  # lines of a fixed pitch
        self.reproduce, self.hidden = clean(reproduce, 500), hidden

    def detail(self):
        lines = []
        if self.expected:
            lines.append(f"expected:  {self.expected}")
        if self.happened:
            lines.append(("happened:  " if self.expected else "") + self.happened)
        if self.calls:
            lines.append("the calls that led there:")
            lines += [f"    {call}" for call in self.calls]
        lines += [f"    {line}" for line in self.picture]
        if self.reproduce and self.verdict not in ("kept", "noted"):
            lines.append(f"again:     {self.reproduce}")
        return "\n".join(lines)


class Grade:
    """All results of one tree."""

    def __init__(self, tree, assignment, variant):
        self.tree, self.assignment, self.variant = clean(tree, 300), assignment, variant
        self.results, self.notes, self.figures = [], [], {}
        self.files = {}  # name: text, to lie beside the report
        self.steps = {}  # policy: what its costliest play and its costliest law took; for tests

    def note(self, text):
        self.notes.append(clean(text, 1500))

    @property
    def points(self):
        return round(sum(result.points for result in self.results), 2)

    @property
    def most(self):
        return round(sum(result.most for result in self.results), 2)

    def as_json(self):
        return {"tree": self.tree, "assignment": self.assignment, "variant": self.variant, "points": self.points,
                "most": self.most, "notes": self.notes, "figures": self.figures,
                "results": [vars(result) for result in self.results]}


def from_json(content):
    grade = Grade(content["tree"], content["assignment"], content["variant"])
    grade.notes, grade.figures = content["notes"], content["figures"]
    for entry in content["results"]:
        result = Result.__new__(Result)
        vars(result).update(entry)
        grade.results.append(result)
    return grade


def number(value):
    return f"{value:g}"


def text(grade):
    lines = [f"{grade.tree}: {number(grade.points)} of {number(grade.most)} points"
             f"  ({grade.assignment}{', variant ' + grade.variant if grade.variant else ''})"]
    lines += [f"  note: {note}" for note in grade.notes]
    lines += [f"  figure: {name} {value}" for name, value in grade.figures.items()]
    for result in grade.results:
        points = f"{number(result.points):>4} / {number(result.most):<4}" if result.most else " " * 11
        lines.append(f"  {points} {VERDICTS[result.verdict]:12} {result.key:16} {result.title}")
        if result.verdict != "kept" and result.detail():
            lines += ["        " + line for line in result.detail().splitlines()]
    return "\n".join(lines) + "\n"


def markdown(grade):
    def cell(value):
        return value.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
    lines = [f"# {cell(grade.tree)}: {number(grade.points)} of {number(grade.most)} points", "",
             f"Assignment `{grade.assignment}`{', variant `' + grade.variant + '`' if grade.variant else ''}.", ""]
    lines += [f"- {cell(note)}" for note in grade.notes] + [f"- {name}: **{value}**" for name, value in grade.figures.items()]
    lines += ["", "| points | test | verdict | what |", "| --: | --- | --- | --- |"]
    lines += [f"| {number(r.points)} / {number(r.most)} | `{r.key}` | {VERDICTS[r.verdict]} | {cell(r.title)} |" for r in grade.results]
    for result in grade.results:
        if result.verdict != "kept" and result.detail():
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", result.detail())), default=0))
            lines += ["", f"## {cell(result.key)}: {VERDICTS[result.verdict]}", "", cell(result.title), "", fence, result.detail(), fence]
    return "\n".join(lines) + "\n"


def junit(grade):
    def attribute(value):
        return html.escape(value, quote=True).replace("\n", "&#10;")
    failed = sum(result.verdict not in ("kept", "noted", "not_judged") for result in grade.results)
    skipped = sum(result.verdict == "not_judged" for result in grade.results)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>',
             f'<testsuite name="{attribute(grade.assignment)}" tests="{len(grade.results)}" failures="{failed}" skipped="{skipped}">',
             f'  <properties><property name="tree" value="{attribute(grade.tree)}"/>'
             f'<property name="points" value="{number(grade.points)}"/><property name="most" value="{number(grade.most)}"/></properties>']
    for result in grade.results:
        policy, _, test = result.key.partition("/")
        head = f'  <testcase classname="{attribute(grade.assignment + "." + policy)}" name="{attribute(test + " " + result.title)}"'
        if result.verdict in ("kept", "noted"):
            lines.append(f"{head}/>")
        elif result.verdict == "not_judged":
            lines.append(f'{head}><skipped message="{attribute(result.happened or "not judged")}"/></testcase>')
        else:
            lines.append(f'{head}><failure type="{result.verdict}" message="{attribute(result.happened[:200])}">'
                         f"{html.escape(result.detail())}</failure></testcase>")
    return "\n".join(lines + ["</testsuite>"]) + "\n"


def gradescope(grade):
    tests = [{"name": f"{result.key}: {result.title}", "score": result.points, "max_score": result.most,
              "status": "passed" if result.verdict in ("kept", "noted") else "failed",
              "output": result.detail() or VERDICTS[result.verdict], "output_format": "text",
              "visibility": "after_due_date" if result.hidden else "visible"} for result in grade.results]
    content = {"score": grade.points, "output": "\n".join(grade.notes), "output_format": "text", "visibility": "visible",
               "stdout_visibility": "hidden", "tests": tests,
               "leaderboard": [{"name": name, "value": value, "order": "desc"} for name, value in grade.figures.items()]}
    return json.dumps(content, indent=1) + "\n"


FORMATS = {"text": (text, "txt"), "markdown": (markdown, "md"), "junit": (junit, "xml"), "gradescope": (gradescope, "json")}


def class_table(grades):
    """CSV: a row for each tree, sorted by name, whatever the order in which they were graded."""
    keys = list(dict.fromkeys(result.key for grade in grades for result in grade.results))
    figures = sorted({name for grade in grades for name in grade.figures})
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["tree", "points", "of", *figures, *keys])
    for grade in sorted(grades, key=lambda grade: grade.tree):
        by_key = {result.key: number(result.points) for result in grade.results}
        # A spreadsheet must not take a name for a formula.
        name = "'" + grade.tree if grade.tree[:1] in "=+-@" else grade.tree
        table.writerow([name, number(grade.points), number(grade.most), *(grade.figures.get(name, "") for name in figures),
                        *(by_key.get(key, "") for key in keys)])
    return out.getvalue()

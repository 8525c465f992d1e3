"""./kidney lab sched --ground-truth: what books say of a set of tasks, beside what the policies do."""
import glob
import json
import os
import subprocess

from project import ROOT, Failure

FOLDER = os.path.join(ROOT, "tests", "ground_truth")
WIDTH = 72


def rows():
    return sorted((os.path.basename(path).removesuffix(".tasks") for path in glob.glob(os.path.join(FOLDER, "*.tasks"))),
                  key=lambda name: (int("".join(filter(str.isdigit, name))), name))


def path_of(row):
    """Of a row, or of a file with cases."""
    if os.sep in row or row.endswith(".tasks"):
        return row
    if row not in rows():
        raise Failure(f"no row '{row}'. There are: {', '.join(rows())}", 2)
    return os.path.join(FOLDER, f"{row}.tasks")


def examine(program, row):
    path = path_of(row)
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeError) as error:
        raise Failure(f"{path}: {error}", 2) from None
    result = subprocess.run([program, "--cases", path], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        raise Failure(f"not a workload: {result.stderr.strip()}", 2)
    told = json.loads(result.stdout)
    if not told["cases"]:
        raise Failure(f"{path}: has no case, so nothing is expected", 2)
    return dict(told, name=os.path.basename(path).removesuffix(".tasks"))


def gantt(run, unit, width=WIDTH):
    """A line for each task, a column for each step of time; `#` runs there, `.` waits or sleeps."""
    slices = [slice_ for slice_ in run["slices"] if slice_[3] > slice_[2]]
    if not slices:
        return []
    end = max(slice_[3] for slice_ in slices)
    # A step is a whole number of units: 1, 2, 5, 10, ...
    step = next(base * 10 ** power * unit for power in range(12) for base in (1, 2, 5) if base * 10 ** power * unit * width >= end)
    columns = -(-end // step)
    names = [task["name"] for task in run["tasks"]]
    margin = max(map(len, names))
    lines = []
    for task, name in enumerate(names[:16]):
        cells = ["."] * columns
        for cpu, who, start, stop, *_ in slices:
            if who == task:
                for column in range(start // step, -(-stop // step)):
                    covered = min(stop, (column + 1) * step) - max(start, column * step)
                    if 2 * covered >= step:
                        cells[column] = "#" if run["inputs"]["cpus"] == 1 else str(cpu)
        lines.append(f"    {name:>{margin}} {''.join(cells)}")
    marks = "".join(f"{column * step // unit:<10}" for column in range(0, columns, 10))
    return [*lines, f"    {'':{margin}} {marks.rstrip()}"]


def text_of(told):
    lines = [f"{told['name']}: {told['about']}", *([f"  {told['source']}"] if told["source"] else [])]
    for case in told["cases"]:
        lines += ["", f"  {case['case']} ({case['run'].get('policy', '?')})", *gantt(case["run"], told["unit"] or 1)]
        for finding in case["findings"]:
            if finding["holds"]:
                lines.append(f"    ok   {finding['what']} {finding['got']}")
            else:
                lines += [f"    NOT  {finding['what']}: expected {finding['expected']}  (line {finding['line']})",
                          f"         {'':{len(finding['what'])}}  got      {finding['got']}"]
    return "\n".join(lines)


def show(program, wanted):
    """Prints the rows; 1 if an expectation does not hold."""
    told = [examine(program, row) for row in wanted or rows()]
    print("\n\n".join(map(text_of, told)))
    findings = [finding for row in told for case in row["cases"] for finding in case["findings"]]
    wrong = sum(not finding["holds"] for finding in findings)
    print(f"\n{len(told)} rows, {len(findings)} expectations, {wrong} of them do not hold")
    return 1 if wrong else 0

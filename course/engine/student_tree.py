"""The student's tree: the project without what gives the solution away, and with the skeleton in its place."""
import fnmatch
import functools
import json
import os
import re
import stat
import subprocess
import sys

import archive
import assignment as assignments
from assignment import ROOT, Mistake, fill
from grader import JUDGES

sys.path.insert(0, os.path.join(ROOT, "tools"))
from project_files import project_files  # noqa: E402

WHEN = "2026-01-01T00:00:00+0000"  # the same tree is the same commit
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s#:]+)(?:#[^)\s]*)?\)")


def _matches(path, patterns):
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def _edited(path, data, edits):
    for edit in edits:
        if edit["file"] != path:
            continue
        text = data.decode("utf-8")
        if "drop_lines" in edit:
            kept = [line for line in text.splitlines(keepends=True) if not re.search(edit["drop_lines"], line)]
            text = "".join(kept)
        else:
            text = re.sub(edit["find"], lambda match: edit["replace"], text, flags=re.M | re.S)
        if text == data.decode("utf-8"):
            raise Mistake(f"the handout's edit of {path} changes nothing: {edit}")
        data = text.encode("utf-8")
    return data


@functools.cache
def solutions():
    """What gives an assignment away, of each."""
    return [assignments.find(name).handout["solution"] for name in assignments.names()]


def is_solution(path):
    """Of any assignment: who is at one of them should not get another one's."""
    return any(_matches(path, solution["remove"]) and not _matches(path, solution["keep"]) for solution in solutions())


def kept_files(assignment):
    """Names of the project's files that a student gets."""
    common = assignments.common_handout()
    others = tuple(f"course/{name}/" for name in assignments.names() if name != assignment.name)
    return [path for path in project_files(ROOT, only_known=True) if path not in archive.ON_TOP and not path.startswith(others) and
            (not _matches(path, common["remove"]) or _matches(path, common["keep"])) and not is_solution(path)]


def without_dead_links(path, text, places):
    """A page whose links to what is not handed out are their words alone. `places`: files and folders that are."""
    def link(match):
        target = os.path.normpath(os.path.join(os.path.dirname(path), match.group(2)))
        return match.group(0) if target in places else match.group(1)
    return LINK.sub(link, text)


def folders_of(path):
    while path := os.path.dirname(path):
        yield path


def skeleton(assignment, values):
    """{path: bytes} of what stands in for the solution."""
    files, folder = {}, os.path.join(assignment.folder, "skeleton")
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.relpath(os.path.join(parent, name), folder)
            with open(os.path.join(parent, name), encoding="utf-8") as file:
                files[fill(path.removesuffix(".in"), values)] = fill(file.read(), values).encode()
    return files


def contents(assignment, seed):
    """{path: bytes} of the whole tree."""
    values = assignment.variant(seed)
    handout, mutants = assignment.handout, assignment.mutants
    edits = [*assignments.common_handout()["edits"], *(edit for solution in solutions() for edit in solution["edits"]), *handout["edits"]]
    edits = filled_edits(edits, values)
    tree = {}
    for path in kept_files(assignment):
        full = os.path.join(ROOT, path)
        if not os.path.islink(full):
            with open(full, "rb") as file:
                tree[path] = _edited(path, file.read(), edits)
    for other in map(assignments.find, assignments.names()):
        if other.handout["solution"].get("stands_in"):
            tree.update(skeleton(other, other.variant()))
    tree.update(skeleton(assignment, values))
    for path, source in handout.get("pages", {}).items():
        page = assignment.read(source).replace("](figures/", f"](course/{assignment.name}/figures/")
        tree[path] = fill(page, {**values, "mutant_count": str(len(mutants))}).encode()
    tree.update((path, text.encode()) for path, text in JUDGES[assignment.manifest["judge"]].handed_out(assignment, values).items())
    places = {*tree, *(folder for path in tree for folder in folders_of(path))}
    for path in (path for path in tree if path.endswith(".md")):
        tree[path] = without_dead_links(path, tree[path].decode(), places).encode()
    tree["course/handout.json"] = (json.dumps({"assignment": assignment.name, "variant": values["variant"]}) + "\n").encode()
    return tree


def filled_edits(edits, values):
    return [{key: fill(text, values) if key == "replace" else text for key, text in edit.items()} for edit in edits]


def is_executable(path):
    return bool(os.path.exists(os.path.join(ROOT, path)) and os.stat(os.path.join(ROOT, path)).st_mode & stat.S_IXUSR)


def make(assignment, seed, folder):
    """Writes the tree into a folder that is empty or not there, with a history of one commit."""
    if os.path.exists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
        raise Mistake(f"{folder} is there already, and not empty")
    tree = contents(assignment, seed)
    for path, data in tree.items():
        full = os.path.join(folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(data)
        if is_executable(path):
            os.chmod(full, 0o755)
    environment = {"PATH": os.environ["PATH"], "HOME": folder, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_DATE": WHEN,
                   "GIT_COMMITTER_DATE": WHEN}
    for name in ("AUTHOR", "COMMITTER"):
        environment[f"GIT_{name}_NAME"], environment[f"GIT_{name}_EMAIL"] = "KidneyOS course", "course@kidneyos.invalid"
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", f"course: hand out {assignment.name}"]):
        subprocess.run(["git", "-C", folder, *command], check=True, env=environment)
    return tree

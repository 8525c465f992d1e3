#!/usr/bin/env python3
"""For every assignment: what is handed out is whole, true, the same each time, and has nothing of a solution in it."""
import functools
import os
import re
import subprocess
import sys
import tempfile
import unittest

COURSE = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
ROOT = os.path.dirname(COURSE)
sys.path[:0] = [os.path.join(COURSE, "engine")]

import assignment  # noqa: E402
import student_tree  # noqa: E402


def seeds(chosen):
    """Where nothing differs from year to year one is enough."""
    return (None, "2026") if chosen.manifest.get("choices") else (None,)


def code_lines(text):
    """Lines of code without blanks; comments, braces and includes are everybody's."""
    lines = [re.sub(r"\s+", "", line.split("//")[0]) for line in text.splitlines()]
    return [line for line in lines if len(line) > 8 and not line.startswith("#")]


def windows(text, size=3):
    lines = code_lines(text)
    return {tuple(lines[i:i + size]) for i in range(len(lines) - size + 1)}


@functools.cache
def all_trees():
    chosen = [assignment.find(name) for name in assignment.names()]
    return [(one, seed, student_tree.contents(one, seed)) for one in chosen for seed in seeds(one)]


class Handout(unittest.TestCase):
    def trees(self):
        return all_trees()

    def test_no_solution_is_in_it(self):
        for chosen, seed, tree in self.trees():
            values = chosen.variant(seed)
            secret = set()
            for policy in chosen.manifest["policies"]:
                secret |= windows(assignment.fill(chosen.reference(policy["key"]) or "", values))
            # The kernel's own policies: of all assignments. The contract's signatures are no secret: every policy has them.
            folders = {os.path.dirname(pattern) for solution in student_tree.solutions() for pattern in solution["remove"]}
            kept = student_tree.kept_files(chosen)
            policies = [path for path in student_tree.project_files(ROOT, sorted(folders)) if path.endswith((".hpp", ".cpp"))]
            self.assertGreater(len(set(policies) - set(kept)), 15)
            shared = [path for solution in student_tree.solutions() for path in solution["shared"]]
            for path in [*sorted(policies, key=kept.__contains__), *shared]:
                with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                    found = windows(file.read())
                secret = secret - found if path in kept else secret | found
            # Nor are the names in the skeleton, and in what stands in for others' solutions.
            for one in map(assignment.find, assignment.names()):
                if one.name == chosen.name or one.handout["solution"].get("stands_in"):
                    for text in student_tree.skeleton(one, one.variant(seed)).values():
                        secret -= windows(text.decode())
            self.assertGreater(len(secret), 200)
            for path, data in tree.items():
                text = data.decode("utf-8", "replace")
                for word in (word for solution in student_tree.solutions() for word in solution["secrets"]):
                    self.assertIsNone(re.search(rf"\b{word}\b", text), f"{path} has the word {word}")
                if path.endswith((".hpp", ".cpp", ".in", ".md")):
                    found = windows(text) & secret
                    self.assertFalse(found, f"{path} has lines of a solution: {found}")

    def test_what_is_hidden_is_not_in_it(self):
        for chosen, _, tree in self.trees():
            for path in (path for path in tree if not path.startswith("docs/")):
                for part in ("reference/", "mutants", "hidden.toml", "review.md", "handout.toml", "/skeleton/", "/model.py", "/plays.py", "/donation.py"):
                    self.assertNotIn(part, path)
            folders = {path.split("/")[1] for path in tree if re.match(r"course/\d", path)}
            self.assertEqual(folders, {chosen.name}, "what belongs to other assignments")
            self.assertNotIn(b"handout", tree["tools/kidney/main.py"])

    def test_every_file_that_is_included_is_in_it(self):
        for _, _, tree in self.trees():
            for path, data in tree.items():
                if not path.endswith((".hpp", ".cpp")):
                    continue
                for name in re.findall(r'^\s*#\s*include "([^"]+)"', data.decode(), re.M):
                    self.assertTrue(name in tree or f"include/{name}" in tree or os.path.join(os.path.dirname(path), name) in tree or
                                    name.startswith(("policies/", "generated/")), f"{path} includes {name}")

    def test_plays_are_those_of_the_seed_and_have_no_rule_in_them(self):
        for chosen, seed, tree in self.trees():
            if chosen.manifest["judge"] == "schedules":
                plays = {path: data for path, data in tree.items() if "/plays/" in path}
                self.assertEqual(len(plays), sum(law not in ("S1", "S5") for policy in chosen.manifest["policies"] for law in policy["points"]))
                other = student_tree.contents(chosen, "2027")
                self.assertFalse([path for path in plays if path.endswith("P1.json") and plays[path] == other[path]])
                self.assertLess(sum(map(len, plays.values())), 3_000_000)

    def test_no_place_is_left_unfilled(self):
        for chosen, seed, tree in self.trees():
            skeleton = {path for path in tree if not os.path.exists(os.path.join(ROOT, path))}
            self.assertGreater(len(skeleton), 0)
            for path in skeleton:
                if not path.startswith("course/"):
                    self.assertIsNone(assignment.PLACE.search(tree[path].decode()), path)

    def test_it_has_a_history_of_one_commit_and_is_the_same_each_time(self):
        chosen = assignment.find("1")
        commits = []
        for _ in range(2):
            with tempfile.TemporaryDirectory() as folder:
                student_tree.make(chosen, "2026", folder)
                log = subprocess.run(["git", "-C", folder, "log", "--format=%H %s"], stdout=subprocess.PIPE, text=True).stdout
                state = subprocess.run(["git", "-C", folder, "status", "--porcelain"], stdout=subprocess.PIPE, text=True).stdout
                self.assertEqual((log.count("\n"), state), (1, ""))
                commits.append(log)
        self.assertEqual(commits[0], commits[1])

    def test_what_students_read_is_true_there(self):
        """Links lead somewhere in every page, commands are commands in those that are for students."""
        for chosen in map(assignment.find, assignment.names()):
            with tempfile.TemporaryDirectory() as folder:
                tree = student_tree.make(chosen, "2026", folder)
                pages = ("README.md", "docs/about.md", "docs/running.md", "docs/laboratory.md", "docs/course/", "docs/building/")
                pages = [name for name in tree if name.endswith(".md") and name.startswith((*pages, *chosen.handout["pages"]))]
                self.assertGreater(len(pages), 12)
                check = [sys.executable, "-B", os.path.join(folder, "tools", "check_docs.py")]
                strict = subprocess.run([*check, *pages], stdout=subprocess.PIPE, text=True)
                self.assertEqual(strict.returncode, 0, strict.stdout)
                said = subprocess.run(check, stdout=subprocess.PIPE, text=True).stdout
                self.assertIn("check_docs: ", said)
                self.assertNotIn(": link to ", said)

    def test_a_folder_that_is_in_use_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            open(os.path.join(folder, "mine"), "w", encoding="ascii").close()
            with self.assertRaisesRegex(assignment.Mistake, "not empty"):
                student_tree.make(assignment.find("1"), None, folder)


if __name__ == "__main__":
    unittest.main()

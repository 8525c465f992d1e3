#!/usr/bin/env python3
"""What editors, GitHub and Git are told to do can be done: commands exist and take their options, names that refer to another
file are there; and the hook refuses what it should."""
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import check_docs  # noqa: E402

# With what a placeholder stands for.
STANDS_FOR = {"matrix.shard": "1/2", "matrix.row": "default", "matrix.image": "--release", "matrix.preset": "i686-release",
              "input:label": "mm", "input:policy": "buddy"}


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def problems(script):
    """What check_docs has against the commands of a script that are the project's own."""
    script = re.sub(r"\$\{\{ (.*?) \}\}|\$\{(input:\w+)\}", lambda match: STANDS_FOR[match.group(1) or match.group(2)], script)
    for command in script.split("&&"):
        words = shlex.split(command)
        if words[0].startswith(("./kidney", "cmake", "scripts/", "tools/")):
            problem = check_docs.command_problem(words)
            if problem:
                yield f"{command.strip()}: {problem}"


class GitHub(unittest.TestCase):
    def setUp(self):
        try:
            import yaml
        except ImportError:
            self.skipTest("needs python3-yaml")
        self.workflows = {path: yaml.safe_load(read(path)) for path in
                          glob.glob(os.path.join(ROOT, ".github", "workflows", "*.yml"))}

    def jobs(self):
        return [(f"{os.path.basename(path)}: {name}", job, flow["jobs"]) for path, flow in self.workflows.items()
                for name, job in flow["jobs"].items()]

    def test_every_command_is_one(self):
        self.assertGreater(len(self.jobs()), 10)
        for where, job, _ in self.jobs():
            for step in job["steps"]:
                self.assertEqual(len({"run", "uses"} & set(step)), 1, where)
                self.assertEqual(list(problems(step.get("run", ""))) if step.get("run") else [], [], where)
                self.assertRegex(step.get("uses", "a/b@v1"), r"^[\w/.-]+@v\d+$", where)

    def test_jobs_need_jobs_that_exist_and_end_some_time(self):
        for where, job, jobs in self.jobs():
            needed = job.get("needs", [])
            for name in [needed] if isinstance(needed, str) else needed:
                self.assertIn(name, jobs, where)
            if any("./kidney" in step.get("run", "") for step in job["steps"]):
                self.assertIn("timeout-minutes", job, where)

    def test_the_presets_exist_and_no_suite_is_left_out(self):
        presets = next(jobs["presets"] for where, _, jobs in self.jobs() if where.endswith(": presets"))
        named = presets["strategy"]["matrix"]["preset"]
        self.assertLessEqual(set(named), check_docs.presets()["workflowPresets"])
        from verb_test import EXTRA_SUITES
        self.assertEqual(sorted(named), sorted(name for name, _, _ in EXTRA_SUITES))

    def test_the_shards_are_all_of_them(self):
        test = next(job for where, job, _ in self.jobs() if where == "ci.yml: test")
        shards = test["strategy"]["matrix"]["shard"]
        self.assertEqual(shards, [f"{k}/{len(shards)}" for k in range(1, len(shards) + 1)])


class Editor(unittest.TestCase):
    def test_tasks_are_commands_with_unique_names(self):
        tasks = json.loads(read(".vscode/tasks.json"))["tasks"]
        self.assertEqual([problem for task in tasks for problem in problems(task["command"])], [])
        self.assertEqual(len({task["label"] for task in tasks}), len(tasks))

    def test_inputs_are_asked_for(self):
        for name in ("tasks", "launch"):
            text = read(f".vscode/{name}.json")
            self.assertEqual(set(re.findall(r"\$\{input:(\w+)\}", text)), {entry["id"] for entry in json.loads(text)["inputs"]})

    def test_the_debugger_waits_for_tasks_that_exist(self):
        labels = {task["label"] for task in json.loads(read(".vscode/tasks.json"))["tasks"]}
        for configuration in json.loads(read(".vscode/launch.json"))["configurations"]:
            self.assertLessEqual({configuration.get("preLaunchTask")} - {None}, labels, configuration["name"])
            for command in configuration.get("setupCommands", []):
                for path in re.findall(r"\$\{workspaceFolder\}/(tools\S+)", command["text"]):
                    self.assertTrue(os.path.exists(os.path.join(ROOT, path)), path)


class Hook(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        shutil.copytree(os.path.join(ROOT, ".githooks"), os.path.join(self.folder, ".githooks"))
        shutil.copy(os.path.join(ROOT, ".clang-format"), self.folder)
        for command in (["init", "-q"], ["config", "core.hooksPath", ".githooks"], ["config", "user.name", "a"],
                        ["config", "user.email", "a@b.c"]):
            subprocess.run(["git", *command], cwd=self.folder, check=True)

    def commit(self, name, content):
        """(whether it was accepted, what was said)"""
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(content)
        subprocess.run(["git", "add", "-A"], cwd=self.folder, check=True)
        result = subprocess.run(["git", "commit", "-qm", "a: b"], cwd=self.folder, stderr=subprocess.PIPE, text=True)
        subprocess.run(["git", "rm", "-q", "--cached", name], cwd=self.folder, check=True)
        os.remove(os.path.join(self.folder, name))
        return result.returncode == 0, result.stderr

    def test_lets_pass_what_is_right(self):
        self.assertEqual(self.commit("a b.hpp", b"int f();\n"), (True, ""))
        self.assertEqual(self.commit("small.png", b"\x89PNG\0" + b"\0" * 1000), (True, ""))
        self.assertEqual(self.commit("long.txt", b"words\n" * 100000), (True, ""))

    def test_refuses_with_a_reason(self):
        for name, content, reason in (("a b.hpp", b"int   f( );\n", "a b.hpp: not formatted"),
                                      ("disk.img", b"", "disk.img: images are built"),
                                      ("big", b"\0" * 300000, "big: a binary file of 292 KiB")):
            accepted, said = self.commit(name, content)
            self.assertFalse(accepted, name)
            self.assertIn(reason, said)

    def test_looks_at_what_is_staged(self):
        path = os.path.join(self.folder, "c.hpp")
        for content in ("int   f( );\n", "int f();\n"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
            if "  " in content:
                subprocess.run(["git", "add", "-A"], cwd=self.folder, check=True)
        result = subprocess.run(["git", "commit", "-qm", "a: b"], cwd=self.folder, stderr=subprocess.PIPE, text=True)
        self.assertIn("c.hpp: not formatted", result.stderr)

    def test_nothing_of_the_project_would_be_refused(self):
        for path in subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], stdout=subprocess.PIPE, text=True).stdout.split("\0"):
            full = os.path.join(ROOT, path)
            if path and os.path.isfile(full) and os.path.getsize(full) > 256 * 1024:
                with open(full, "rb") as file:
                    self.assertNotIn(b"\0", file.read(), path)


if __name__ == "__main__":
    unittest.main()

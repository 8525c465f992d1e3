#!/usr/bin/env python3
"""The ways in, as far as they can be tried without what they lead into: no Docker, no Windows."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import container_test  # noqa: E402

# Records how it is called. It has an image if there is a file of that name, and runs what it is asked to run.
FAKE_ENGINE = """#!/usr/bin/env python3
import json, os, subprocess, sys
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "calls"), "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1:3] == ["image", "inspect"]:
    sys.exit(0 if os.path.exists(os.path.join(here, "image")) else 1)
if sys.argv[1] == "run":
    image = next(i for i, word in enumerate(sys.argv) if word.startswith("kidneyos:"))
    sys.exit(subprocess.run(sys.argv[image + 1:]).returncode)
"""


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


class Container(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def run_container(self, *arguments, engine="docker", **environment):
        path = os.path.join(self.folder, engine)
        with open(path, "w", encoding="utf-8") as file:
            file.write(FAKE_ENGINE)
        os.chmod(path, 0o755)
        environment = {"PATH": f"{self.folder}:/usr/bin:/bin", "KIDNEY_CONTAINER_ENGINE": engine, **environment}
        result = subprocess.run([os.path.join(ROOT, "scripts/run-container.bash"), *arguments], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=environment)
        with open(os.path.join(self.folder, "calls"), encoding="utf-8") as file:
            calls = [json.loads(line) for line in file]
        os.remove(os.path.join(self.folder, "calls"))
        return result, calls

    def test_makes_the_image_once_and_runs_the_command_as_the_caller(self):
        result, calls = self.run_container("printf", "%s|", "a b", "$HOME")
        self.assertEqual((result.stdout, result.returncode), ("a b|$HOME|", 0), result.stderr)
        self.assertEqual([call[0] for call in calls], ["image", "build", "run"])
        words = " ".join(calls[-1])
        self.assertIn(f"--volume {ROOT}:{ROOT} --workdir {ROOT}", words)
        self.assertIn(f"--user {os.getuid()}:{os.getgid()}", words)
        self.assertNotIn("--tty", words)
        open(os.path.join(self.folder, "image"), "w", encoding="utf-8").close()
        _, again = self.run_container("true")
        self.assertEqual([call[0] for call in again], ["image", "run"])
        _, anew = self.run_container("--rebuild", "true")
        self.assertIn("--no-cache", anew[0])

    def test_hands_back_the_exit_status(self):
        self.assertEqual(self.run_container("sh", "-c", "exit 7")[0].returncode, 7)

    def test_podman_maps_the_caller(self):
        _, calls = self.run_container("true", engine="podman", KIDNEY_CONTAINER_OPTIONS="--device /dev/kvm")
        self.assertIn("--userns=keep-id", calls[-1])
        self.assertIn("/dev/kvm", calls[-1])

    def test_without_an_engine_or_with_a_wrong_option_it_says_so(self):
        script = os.path.join(ROOT, "scripts/run-container.bash")
        for name in ("bash", "env", "dirname", "basename"):
            os.symlink(shutil.which(name), os.path.join(self.folder, name))
        result = subprocess.run(["bash", script], stderr=subprocess.PIPE, text=True, env={"PATH": self.folder})
        self.assertEqual((result.returncode, "neither docker nor podman" in result.stderr), (1, True), result.stderr)
        result = subprocess.run(["bash", script, "--fast"], stderr=subprocess.PIPE, text=True)
        self.assertEqual((result.returncode, "--fast" in result.stderr), (2, True), result.stderr)

    def test_the_image_is_made_of_what_its_context_has(self):
        allowed = {line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")}
        copied = {rest.split()[0] for word, rest in container_test.steps(read("Dockerfile")) if word == "COPY"}
        self.assertEqual(copied, allowed)
        for name in copied:
            self.assertTrue(os.path.exists(os.path.join(ROOT, name)), name)
            self.assertIn(name.split("/")[0], read("scripts/run-container.bash"), "its name must change with it")

    def test_the_entry_gives_the_clone_what_was_unpacked(self):
        text = read("scripts/container-entry.bash").replace("/opt/kidneyos", f"{self.folder}/opt")
        clone, made = os.path.join(self.folder, "clone"), os.path.join(self.folder, "opt/build/linux")
        os.makedirs(made)
        os.makedirs(clone)
        shutil.copy(os.path.join(ROOT, "kidney"), clone)
        for text_of_image, expected in (("one", "one"), ("two", "one")):  # what is there stays
            with open(os.path.join(made, "vmlinuz"), "w", encoding="utf-8") as file:
                file.write(text_of_image)
            result = subprocess.run(["bash", "-c", text, "entry", "sh", "-c", "cat build/linux/vmlinuz; exit 3"], cwd=clone,
                                    stdout=subprocess.PIPE, text=True)
            self.assertEqual((result.stdout, result.returncode), (expected, 3))

    def test_the_dev_container_uses_the_same_image(self):
        content = json.loads(read(".devcontainer/devcontainer.json"))
        dockerfile = os.path.normpath(os.path.join(ROOT, ".devcontainer", content["build"]["dockerfile"]))
        self.assertEqual(dockerfile, os.path.join(ROOT, "Dockerfile"))
        self.assertIn(f"useradd --create-home --shell /bin/bash {content['remoteUser']}", read("Dockerfile"))
        self.assertEqual(content["customizations"]["vscode"]["extensions"],
                         json.loads(read(".vscode/extensions.json"))["recommendations"])


if __name__ == "__main__":
    unittest.main()

"""What the tests of the laboratory stand on: its verb, and a folder for what it writes."""
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tools", "kidney"))


def lab(*arguments):
    return subprocess.run([os.path.join(ROOT, "kidney"), "lab", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def content(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class LabCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

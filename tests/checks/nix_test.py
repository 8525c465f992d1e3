#!/usr/bin/env python3
"""The Nix expressions are Nix, and name a counterpart for every package of packages.txt. What nixpkgs has is not asked: that
takes network and a store."""
import json
import os
import shutil
import subprocess
import sys
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tools", "kidney"))
from verb_doctor import all_packages  # noqa: E402

NIX = os.path.join(ROOT, "nix")


def evaluate(expression):
    # A store that is nowhere: none has to be made.
    result = subprocess.run(["nix-instantiate", "--store", "dummy://", "--eval", "--strict", "--json", "--expr", expression],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        raise AssertionError(result.stderr)
    return json.loads(result.stdout)


class Nix(unittest.TestCase):
    def test_every_file_can_be_parsed(self):
        for name in sorted(os.listdir(NIX)):
            if name.endswith(".nix"):
                subprocess.run(["nix-instantiate", "--parse", os.path.join(NIX, name)], check=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def test_there_is_a_counterpart_of_every_package(self):
        # Nix is lazy: the names can be had without nixpkgs.
        names = evaluate(f'builtins.attrNames (import "{NIX}/packages.nix" {{ pkgs = {{ }}; }})')
        self.assertEqual(sorted(names), sorted({row[0] for row in all_packages()}))

    def test_there_is_a_shell_for_both_kinds_of_host(self):
        outputs = f'(import "{NIX}/flake.nix").outputs {{ self = null; nixpkgs = null; }}'
        self.assertEqual(evaluate(f"builtins.mapAttrs (_: builtins.attrNames) ({outputs}).devShells"),
                         {"aarch64-linux": ["default"], "x86_64-linux": ["default"]})

    def test_direnv_enters_that_shell(self):
        with open(os.path.join(ROOT, ".envrc"), encoding="utf-8") as file:
            self.assertIn("use flake ./nix", file.read().splitlines())


if __name__ == "__main__":
    if not shutil.which("nix-instantiate"):
        print("needs nix-instantiate (package nix-bin)")
        sys.exit(77)
    unittest.main()

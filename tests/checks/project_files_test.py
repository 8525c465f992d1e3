#!/usr/bin/env python3
"""The checks see the project's files without Git too: a downloaded tree, a machine where it is not installed."""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from project_files import project_files  # noqa: E402


def in_a_clone(folder):
    """What is handed on is what was added: not what happens to lie about, an archive with the solutions for one."""
    subprocess.run(["git", "init", "-q", folder], check=True)
    assert project_files(folder, only_known=True) == ["docs/c.md", "mm/a.hpp", "mm/deep/b.cpp"]  # in another's clone
    subprocess.run(["git", "-C", folder, "add", "docs", "mm/a.hpp"], check=True)
    assert project_files(folder) == [".hidden/e.hpp", "build/generated/d.hpp", "docs/c.md", "mm/a.hpp", "mm/deep/b.cpp"]
    assert project_files(folder, only_known=True) == ["docs/c.md", "mm/a.hpp"]


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name in ("mm/a.hpp", "mm/deep/b.cpp", "docs/c.md", "build/generated/d.hpp", ".hidden/e.hpp"):
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        path = os.environ["PATH"]
        for where in (os.environ["PATH"], "/nonexistent"):  # Git, outside a clone; and no Git
            os.environ["PATH"] = where
            assert project_files(folder) == ["docs/c.md", "mm/a.hpp", "mm/deep/b.cpp"], project_files(folder)
            assert project_files(folder, ("mm",)) == ["mm/a.hpp", "mm/deep/b.cpp"]
            assert project_files(folder, ("nothere",)) == []
        os.environ["PATH"] = path
        in_a_clone(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())

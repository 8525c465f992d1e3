"""The Gradescope autograder archive: this tree, what is needed on top, and which assignment and variant it grades."""
import os
import shlex
import sys
import zipfile

from assignment import COURSE, ROOT, Mistake

sys.path.insert(0, os.path.join(ROOT, "tools"))
from project_files import project_files  # noqa: E402

WHEN = (2026, 1, 1, 0, 0, 0)
SCRIPTS = ("setup.sh", "run_autograder")
SETTINGS = "grading.env"
ON_TOP = (*SCRIPTS, SETTINGS)  # no files of the project


def _add(archive, name, data, executable=False):
    entry = zipfile.ZipInfo(name, WHEN)
    entry.external_attr = (0o100755 if executable else 0o100644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)


def make(assignment, seed, path):
    try:
        with zipfile.ZipFile(path, "w") as archive:
            for name in project_files(ROOT, only_known=True):
                full = os.path.join(ROOT, name)
                if not os.path.islink(full):
                    with open(full, "rb") as file:
                        _add(archive, name, file.read(), os.access(full, os.X_OK))
            for name in SCRIPTS:
                with open(os.path.join(COURSE, "gradescope", name), "rb") as file:
                    _add(archive, name, file.read(), True)
            settings = f"ASSIGNMENT={shlex.quote(assignment.name)}\nVARIANT={shlex.quote(str(seed or ''))}\n"
            _add(archive, SETTINGS, settings)
    except OSError as error:
        raise Mistake(f"{path}: {error.strerror}") from error

#!/usr/bin/env python3
"""ShellCheck finds nothing in the shell scripts that users and CI run. (What runs inside the guest is not asked.)"""
import glob
import os
import shutil
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SCRIPTS = ("kidney", ".ci/run", "scripts/*.bash", ".githooks/*", "tools/image/*.sh", "tools/symbols/*.sh")
# 2101: sees a class of characters in [![:alnum:]"$more"] that lacks its outer brackets.
FORGIVEN = "SC2101"


def main():
    if not shutil.which("shellcheck"):
        print("needs shellcheck")
        return 77
    names = sorted(name for pattern in SCRIPTS for name in glob.glob(os.path.join(ROOT, pattern)) if not name.endswith(".md"))
    result = subprocess.run(["shellcheck", "--exclude", FORGIVEN, *names])
    print(f"shell: {len(names)} scripts")
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())

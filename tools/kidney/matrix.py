"""The policy matrix: the kernel built with every policy of every slot, its self-test and a shell command booted.

Not the product of all slots, which grows too fast: the default image, then each other value of each slot with the
rest as it is. The slots come from the build description, so a new policy is in the matrix from its one line on.

    python3 tools/kidney/matrix.py --json     the rows for a CI system
"""
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from project import ROOT, policy_slots  # noqa: E402


def rows():
    """[{"name", "settings": {variable: value}}], the default first."""
    result = [{"name": "default", "settings": {}}]
    for variable, slot in policy_slots().items():
        for value in slot["values"]:
            if value != slot["default"]:
                result.append({"name": f"{slot['slot']}-{value}", "settings": {variable: value}})
    return result


def flags(settings):
    return [word for variable, value in settings.items() for word in ("--set", f"{variable}={value}")]


BOOTS = (
    ("self-test", ["--append", "selftest", "--smp", "2", "--exec", "true"], None),
    ("shell", ["--smp", "2", "--exec", "echo $((6 * 7)) | cat"], "42\n"),
)


def run():
    """Runs the matrix, prints a line per boot, returns (passed, failed)."""
    passed = failed = 0
    for row in rows():
        for name, arguments, expected in BOOTS:
            start = time.monotonic()
            result = subprocess.run([os.path.join(ROOT, "kidney"), "run", "--timeout", "300", *flags(row["settings"]),
                                     *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            good = result.returncode == 0 and (expected is None or result.stdout.endswith(expected))
            passed, failed = passed + good, failed + (not good)
            print(f"  {'passed' if good else 'FAILED'}  {row['name']:32} {name:10} "
                  f"{time.monotonic() - start:5.1f} s", flush=True)
            if not good:
                print(result.stdout)
    return passed, failed


if __name__ == "__main__":
    if sys.argv[1:] == ["--json"]:
        print(json.dumps([{"name": row["name"], "flags": " ".join(flags(row["settings"]))} for row in rows()]))
    else:
        sys.exit(1 if run()[1] else 0)

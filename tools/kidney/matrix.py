"""The policy matrix: the kernel built with every policy of every slot, its self-test and a shell command booted,
and the decisions of its scheduler repeated on the host. Each scheduler is asked whether it does what it promises, and
it and each balancer, whether anything gets lost.

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
from build import tree_for  # noqa: E402
from project import BUILD, ROOT, Failure, policy_slots  # noqa: E402


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


def boots(settings, release):
    """[(name, command, the end of its output)] for one row. The last asks the host whether it would have decided
    as the kernel did."""
    run = [os.path.join(ROOT, "kidney"), "--build", BUILD, "run", "--timeout", "300", "--smp", "2", *flags(settings)]
    run += ["--release"] if release else []
    tree = tree_for("i686-release" if release else "i686-debug", settings)

    def guest_test(name, *arguments):
        return [sys.executable, "-B", os.path.join(ROOT, "tests", "guest", name), "--tree", tree, *arguments]

    chosen = [("self-test", [*run, "--append", "selftest", "--exec", "true"], ""),
              ("shell", [*run, "--exec", "echo $((6 * 7)) | cat"], "42\n"),
              ("decisions", guest_test("trace_test.py", "--smp", "2"), "")]
    if "KIDNEY_SCHEDULER" in settings or not settings:
        chosen.append(("acceptance", guest_test("acceptance_test.py"), ""))
    if {"KIDNEY_SCHEDULER", "KIDNEY_LOAD_BALANCER"} & set(settings) or not settings:
        chosen.append(("stress", guest_test("program_test.py", "--smp", "4", "stress", "10"), ""))
    return chosen


def run(names=(), release=False):
    """Runs the matrix, or the rows with these names; prints a line per boot; returns (passed, failed)."""
    chosen = [row for row in rows() if not names or row["name"] in names]
    unknown = set(names) - {row["name"] for row in chosen}
    if unknown:
        raise Failure(f"no row is called {', '.join(sorted(unknown))}. "
                      f"The rows are: {', '.join(row['name'] for row in rows())}", 2)
    print(f"matrix: {len(chosen)} kernels, each built and booted at least {len(boots({'any': ''}, release))} times", flush=True)
    passed = failed = 0
    for row in chosen:
        for name, command, expected in boots(row["settings"], release):
            start = time.monotonic()
            result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            good = result.returncode == 0 and result.stdout.endswith(expected)
            passed, failed = passed + good, failed + (not good)
            print(f"  {'passed' if good else 'FAILED'}  {row['name']:32} {name:10} "
                  f"{time.monotonic() - start:5.1f} s", flush=True)
            if not good:
                print(result.stdout)
    return passed, failed


if __name__ == "__main__":
    if sys.argv[1:] != ["--json"]:
        sys.exit(__doc__)
    print(json.dumps([row["name"] for row in rows()]))

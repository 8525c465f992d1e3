#!/usr/bin/env python3
"""The judge as CTest cases: one that judges, and one for each law that tells its verdict.

    law_verdict.py --judge RESULTS COMMAND...    runs the judge; fails only if there are no results
    law_verdict.py --show RESULTS F3             fails if the law is not kept, and says why
"""
import json
import os
import subprocess
import sys


def judge(results, command):
    if os.path.exists(results):
        os.remove(results)
    sys.stdout.flush()
    subprocess.run(command)
    # Not the exit status: what counts are complete results.
    try:
        with open(results, encoding="utf-8") as file:
            return 0 if json.load(file)["complete"] else 1
    except (OSError, ValueError) as error:
        print(f"no results: {error}")
        return 1


def show(results, name):
    with open(results, encoding="utf-8") as file:
        law = next(law for law in json.load(file)["laws"] if law["law"] == name)
    print(f"{law['law']} {law['verdict']}: {law['text']} ({law['checks']} checks)")
    if law["verdict"] == "kept" and law["checks"] > 0:
        return 0
    print("  " + law["message"])
    for call in law["calls"]:
        print("    " + call)
    print("  again: " + law["reproduce"])
    return 1


def main(arguments):
    if len(arguments) >= 3 and arguments[0] == "--judge":
        return judge(arguments[1], arguments[2:])
    if len(arguments) == 3 and arguments[0] == "--show":
        return show(arguments[1], arguments[2])
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

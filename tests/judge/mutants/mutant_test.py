#!/usr/bin/env python3
"""A mutant must be killed by the law that it breaks, with few calls; the designs without a fault must pass.

    mutant_test.py JUDGE SUBJECT MUTANT LAW VERDICT CALLS    VERDICT kept: every law
"""
import json
import os
import subprocess
import sys
import tempfile


def main(judge, subject, mutant, name, verdict, most_calls):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "results.json")
        arguments = ["--", mutant] if mutant else []
        subprocess.run([judge, "--subject", subject, "--json", path, "--seeds", "1", "--maps", "small", *arguments])
        with open(path, encoding="utf-8") as file:
            results = json.load(file)
    assert results["complete"], "the judge could not judge"
    verdicts = {law["law"]: law["verdict"] for law in results["laws"]}
    if verdict == "kept":
        assert set(verdicts.values()) == {"kept"}, verdicts
        return 0
    law = next(law for law in results["laws"] if law["law"] == name)
    assert law["verdict"] == verdict, f"{name} should be {verdict}: {verdicts}"
    assert law["message"] and law["reproduce"], law
    assert 0 < len(law["calls"]) <= int(most_calls), f"{len(law['calls'])} calls are not few"
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

#!/usr/bin/env python3
"""A mutant must be killed by the law that it breaks, with few calls; the designs without a fault must pass.

    mutant_test.py JUDGE SUBJECT MUTANT LAW VERDICT CALLS [HOW]    VERDICT kept: every law
    mutant_test.py --slowly COMMAND...                             lets it run for a third of the time

HOW: `by_all`, the plans of all laws (those of LAW alone need more calls, or do not find it); `again`, with the same
results on a slow machine.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time


def slowly(command):
    process = subprocess.Popen(command)
    while process.poll() is None:
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.04)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.02)
    return process.returncode


def judged(judge, subject, mutant, *options):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "results.json")
        arguments = ["--", mutant] if mutant else []
        subprocess.run([judge, "--subject", subject, "--json", path, "--seeds", "1", "--maps", "small", *options, *arguments])
        with open(path, encoding="utf-8") as file:
            return json.load(file)


def main(judge, subject, mutant, name, verdict, most_calls, how=""):
    one = [] if verdict == "kept" or how == "by_all" else ["--law", name]
    results = judged(judge, subject, mutant, *one)
    if how == "again":
        again = judged(judge, subject, mutant, *one, "--via", f"{sys.executable} -IS {os.path.abspath(__file__)} --slowly")
        assert again == results, f"another verdict on a slow machine: {again}"
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
    sys.exit(slowly(sys.argv[2:]) if sys.argv[1] == "--slowly" else main(*sys.argv[1:]))

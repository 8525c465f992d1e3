#!/usr/bin/env python3
"""A wrong value of a policy variable must stop the configuration and list the valid ones."""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


def main():
    slots = json.loads(subprocess.run(["cmake", "-P", os.path.join(ROOT, "cmake", "list_policies.cmake")],
                                      stdout=subprocess.PIPE, check=True, text=True).stdout)
    assert slots, "there are no policy slots"
    for variable, slot in slots.items():
        assert slot["default"] in slot["values"], f"{variable}: the default {slot['default']} is no policy"
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run(["cmake", "--preset", "host-debug", "-B", folder, f"-D{variable}=no_such_policy"],
                                    cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert result.returncode != 0, f"{variable}=no_such_policy was accepted"
        for value in slot["values"]:
            assert value in result.stdout, f"the message for {variable} does not name {value}:\n{result.stdout}"
        print(f"{variable}: {', '.join(slot['values'])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

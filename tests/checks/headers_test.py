#!/usr/bin/env python3
"""What check_headers.py finds, also behind a header that it parses once for several others."""
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(ROOT, "tools", "check_headers.py")

GOOD = {
    "mm/shared.hpp": "#pragma once\n#include <cstdint>\nstruct Shared { std::uint32_t value = 0; };\n",
    "mm/small.hpp": "#pragma once\nstruct Small {};\n",
    **{f"mm/user{n}.hpp": f'#pragma once\n#include "mm/small.hpp"\n#include "mm/shared.hpp"\nstruct User{n} {{ Small small; Shared shared; }};\n'
       for n in range(4)},
}


class Headers(unittest.TestCase):
    def look(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            said = [subprocess.run([sys.executable, TOOL, "--root", folder, "--generated", folder], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True) for _ in range(2)]
        self.assertEqual(said[0].returncode, said[1].returncode, "what is remembered has the same answer")
        return said[0].returncode, said[0].stdout

    def test_good_ones_pass(self):
        status, text = self.look(GOOD)
        self.assertEqual((status, "6 headers, 0 do not" in text), (0, True), text)

    def test_what_only_a_neighbour_includes_is_missing(self):
        status, text = self.look(GOOD | {"mm/forgets.hpp": '#pragma once\n#include "mm/small.hpp"\nstruct Forgets { Shared shared; };\n'})
        self.assertEqual(status, 1)
        self.assertIn("mm/forgets.hpp", text)
        self.assertNotIn("user", text)

    def test_what_the_shared_one_does_not_bring_is_missing(self):
        status, text = self.look(GOOD | {
            "mm/forgets.hpp": '#pragma once\n#include "mm/shared.hpp"\nstruct Forgets { Shared shared; std::optional<int> more; };\n'})
        self.assertEqual(status, 1)
        self.assertIn("mm/forgets.hpp", text)
        self.assertNotIn("user", text)

    def test_a_broken_shared_one_is_told_of(self):
        status, text = self.look(GOOD | {"mm/shared.hpp": "#pragma once\nstruct Shared { std::uint32_t value = 0; };\n"})
        self.assertEqual(status, 1)
        self.assertIn("mm/user0.hpp", text)


if __name__ == "__main__":
    unittest.main()

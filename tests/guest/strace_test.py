#!/usr/bin/env python3
"""What ./kidney run --strace shows of a program that makes one call of each kind (user/bare/traced.cpp)."""
import re
import tempfile
import unittest
from pathlib import Path

import guest

TREE: Path
LINE = re.compile(r"(\d+)<(\w+)> (.*)")

PARENT = r"""
openat\(AT_FDCWD, "/etc/motd", O_RDONLY\|O_CLOEXEC\) = 3
read\(3, "This is KidneyOS, a teaching ope"\.\.\., 40\) = 40
lseek\(3, -4, SEEK_END\) = \d+
open\("/tmp/new", O_RDWR\|O_CREAT\|O_TRUNC, 0640\) = 4
open\(0x10, O_RDONLY\) = -1 EFAULT
write\(1, 0x10, 5\) = -1 EFAULT
open\("/none", O_WRONLY\) = -1 ENOENT
mmap2\(NULL, 8192, PROT_READ\|PROT_WRITE, MAP_PRIVATE\|MAP_ANONYMOUS, -1, \w+\) = 0x[0-9a-f]+
mprotect\(0x[0-9a-f]+, 4096, PROT_NONE\) = 0
syscall_500\(1, 2, .*\) = -1 ENOSYS
pipe2\(\[5, 6\], O_CLOEXEC\) = 0
fork\(\) = \d+
read\(5, "tab\\t\\"\\001", 16\) = 6
wait4\(\d+, \[\{WIFEXITED\(s\) && WEXITSTATUS\(s\) == 3\}\], 0, NULL\) = \d+
fork\(\) = \d+
wait4\(\d+, \[\{WIFSIGNALED\(s\) && WTERMSIG\(s\) == SIGTERM\}\], 0, NULL\) = \d+
exit_group\(7\) = \?
\+\+\+ exited with 7 \+\+\+
"""
FIRST_CHILD = r"""
nanosleep\(\{tv_sec=0, tv_nsec=20000000\}, NULL\) = 0
write\(6, "tab\\t\\"\\001", 6\) = 6
exit_group\(3\) = \?
\+\+\+ exited with 3 \+\+\+
"""
SECOND_CHILD = r"""
getpid\(\) = \d+
kill\(\d+, SIGTERM\) = 0
--- SIGTERM \{si_code=SI_USER, si_pid=\d+\} ---
\+\+\+ killed by SIGTERM \+\+\+
"""


def calls_of(trace: bytes, program: str) -> dict[str, list[str]]:
    """{pid: its lines}, in order of the pids; a call that was left unfinished is one line again."""
    found: dict[str, list[str]] = {}
    for line in trace.decode().splitlines():
        match = LINE.fullmatch(line)
        if match and match[2] == program:
            lines = found.setdefault(match[1], [])
            resumed = re.match(r"<\.\.\. (\w+) resumed>", match[3])
            if resumed:
                if not lines:  # the shell that became this program began it
                    continue
                begin = lines.pop()
                assert begin.startswith(resumed[1] + "(") and begin.endswith("<unfinished ...>"), (begin, line)
                lines.append(begin.removesuffix("<unfinished ...>").rstrip() + " " + match[3][resumed.end():])
                lines[-1] = re.sub(r" \)", ")", lines[-1]).replace("( ", "(")
            else:
                lines.append(match[3])
    return dict(sorted(found.items(), key=lambda item: int(item[0])))


class Strace(unittest.TestCase):
    def assert_lines(self, lines, expected):
        expected = expected.split("\n")[1:-1]
        for line, pattern in zip(lines, expected):
            self.assertRegex(line, rf"\A{pattern}\Z")
        self.assertEqual(len(lines), len(expected), lines)

    def test_all_calls(self):
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder, "trace")
            result = guest.run(TREE, "exec /usr/lib/kidney-tests/traced", "--strace", "--strace-output", str(output))
            trace = output.read_bytes()
        self.assertEqual((result.status, result.err), (7, b""), guest.tail(trace))
        self.assertNotIn(b"strace: ", result.log)
        self.assertIn(b"init exited with status 7", result.log)
        calls = calls_of(trace, "traced")
        self.assertEqual(len(calls), 3, calls)
        parent, first, second = calls.values()
        begin = next(n for n, line in enumerate(parent) if line.startswith("openat("))
        self.assertIn(b'execve("/usr/lib/kidney-tests/traced", ["/usr/lib/kidney-tests/traced"], 0x', trace)
        self.assert_lines(parent[begin:], PARENT)
        self.assert_lines(first, FIRST_CHILD)
        self.assert_lines(second, SECOND_CHILD)
        self.assertIn(b"read(5, <unfinished ...>", trace)
        self.assertIn(b"<... read resumed>\"tab", trace)

    def test_chosen_calls_on_standard_error(self):
        result = guest.run(TREE, "exec /usr/lib/kidney-tests/traced", "--strace=mprotect,kill", "--smp", "2")
        lines = [re.sub(r"^\d+<traced> ", "", line) for line in result.err.decode().splitlines()]
        names = [line.split("(")[0] for line in lines if "<sh>" not in line and re.match(r"\w+\(", line)]
        self.assertEqual(names, ["mprotect", "kill"], lines)

    def test_switch_while_it_runs(self):
        result = guest.run(TREE, "echo chdir >/proc/kidney/strace; cd /tmp; echo none >/proc/kidney/strace; cd /;"
                                 " echo nosuchcall >/proc/kidney/strace || echo refused")
        self.assertEqual(result.out, b"refused\n")
        self.assertEqual(re.findall(rb"strace: \d+<sh> (.*)\r", result.log), [b'chdir("/tmp") = 0'])

    def test_wrong_names_are_refused_before_anything_is_built(self):
        result = guest.run(TREE, "true", "--strace=open,shut")
        self.assertEqual(result.status, 2)
        self.assertIn(b"'shut' is no system call of ours", result.err)


if __name__ == "__main__":
    TREE = guest.tree_of_arguments(__doc__)
    unittest.main(verbosity=2)

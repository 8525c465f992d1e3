#!/usr/bin/env python3
"""rush: small scripts with known output, all in one boot, or on Linux with --linux."""
import argparse
import sys
import tempfile
from pathlib import Path

import guest

# script, its output (errors included), its status
CASES = (
    ("echo a   b 'c  d' \"e  f\" \\$x", "a b c  d e  f $x\n", 0),
    ("X='a b'; echo $X \"$X\" '$X' ${X}c", "a b a b $X a bc\n", 0),
    ("Y=1; Y=$Y$Y; echo $Y; unset Y; echo [$Y]", "11\n[]\n", 0),
    ("echo hello | tr a-z A-Z | cat", "HELLO\n", 0),
    ("false | true; echo $?; true | false; echo $?; ! true; echo $?", "0\n1\n1\n", 0),
    ("false && echo no || echo yes; true && echo both || echo no", "yes\nboth\n", 0),
    ("false; echo $?; (", "1\nrush: (: No such file or directory\n", 127),
    ("echo one > f; echo two >> f; cat < f; rm f", "one\ntwo\n", 0),
    ("sh -c 'echo out; echo err >&2' > f 2>&1; cat f; rm f", "out\nerr\n", 0),
    ("sh -c 'echo err >&2' 2> f; cat f; rm f; cat f 2>/dev/null; echo $?", "err\n1\n", 0),
    ("echo gone > /nonexistent/f; echo $?", "rush: /nonexistent/f: No such file or directory\n1\n", 0),
    ("mkdir d; cd d; touch a.c b.c .h; echo *.c ?.c '*.c' *.x; cd ..; rm -r d", "a.c b.c a.c b.c *.c *.x\n", 0),
    ("sleep 0.1 & wait; echo waited; sh -c 'exit 7' & wait $!; echo $?", "waited\n7\n", 0),
    ("sh -c 'kill -TERM $$'; echo $?", "Terminated\n143\n", 0),
    ("crash null; echo $?", "Segmentation fault\n139\n", 0),
    ("nosuchcommand; echo $?; /etc; echo $?",
     "rush: nosuchcommand: No such file or directory\n127\nrush: /etc: Permission denied\n126\n", 0),
    ("export A=1; sh -c 'echo $A'; B=2 sh -c 'echo $B'; sh -c 'echo [$B]'", "1\n2\n[]\n", 0),
    ("cd /etc; pwd; cd ..; pwd; cd -; cd /nonexistent", "/etc\n/\n/etc\nrush: cd: /nonexistent: No such file or directory\n", 1),
    ("echo 'two\nlines' # comment\necho next", "two\nlines\nnext\n", 0),
    ("echo a \\\n b", "a b\n", 0),
    ("echo a | | b", "rush: syntax error near `| b'\n", 2),
    ("echo 'open", "rush: unterminated quotation\n", 2),
    ("echo \"~ $HOME\" ~; echo $?$?", "~ /h /h\n00\n", 0),
    ("exit 42; echo never", "", 42),
    ("", "", 0),
)


def write_runner(folder: Path) -> None:
    """One script of sh that runs every case with rush and frames what it prints."""
    lines = ["cd /tmp && mkdir rush_test.$$ && cd rush_test.$$ || exit 1", "export HOME=/h"]
    for number, (script, _, _) in enumerate(CASES):
        (folder / f"{number}.rush").write_text(script)
        lines.append(f"echo '@@ begin'; rush $1/{number}.rush 2>&1; echo \"@@ end $?\"")
    lines.append("cd /; rmdir /tmp/rush_test.$$")
    (folder / "runner").write_text("\n".join(lines) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--linux", action="store_true")
    options = parser.parse_args()
    guest.require_qemu()
    if options.linux:
        guest.require_linux(options.tree)
    with tempfile.TemporaryDirectory(prefix="kidney-rush-") as overlay:
        folder = Path(overlay, "usr/lib/rush-tests")
        folder.mkdir(parents=True)
        write_runner(folder)
        result = guest.run(options.tree, "sh /usr/lib/rush-tests/runner /usr/lib/rush-tests", "--root", overlay,
                           *(["--linux"] if options.linux else []))
        if result.status != 0:
            print(f"status {result.status}\n{guest.tail(result.err)}\n{guest.tail(result.log)}")
    blocks = result.out.decode("utf-8", "replace").split("@@ begin\n")[1:]
    failed = 0
    for number, (script, expected, status) in enumerate(CASES):
        wanted = f"{expected}@@ end {status}\n"
        have = blocks[number] if number < len(blocks) else "(nothing)"
        if have != wanted:
            failed += 1
            print(f"FAILED {script!r}\n  expected {wanted!r}\n  printed  {have!r}")
    print(f"{len(CASES) - failed} of {len(CASES)} scripts of rush are right")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

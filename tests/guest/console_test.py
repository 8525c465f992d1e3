#!/usr/bin/env python3
"""An interactive session on the serial console: prompt, line editing, Ctrl-C, job control, power-off."""
import re
import unittest
from pathlib import Path

import guest

TREE: Path
PROMPT = r"kidney:[^\r\n]*[#$] "
RUSH_PROMPT = r"rush:[^\r\n]*\$ "


class Session(unittest.TestCase):
    def start(self, *options, size=None):
        console = guest.Console(TREE, *options, size=size)
        self.addCleanup(console.__exit__)
        console.expect(PROMPT)
        return console

    def test_a_command_and_exit(self):
        console = self.start()
        console.send("echo $((6*7))\r")
        console.expect(r"^42\r?$")
        console.expect(PROMPT)
        console.send("exit 3\r")
        self.assertEqual(console.wait(), 3)

    def test_a_long_line_is_read_whole(self):
        console = self.start()
        console.send("echo ready; dd bs=4096 count=1 of=/tmp/l 2>/dev/null; wc -c </tmp/l\r")
        console.expect(r"^ready\r?$")
        console.send("x" * 300 + "\r")
        console.expect(r"^301\r?$")
        console.expect(PROMPT)

    def test_much_output_arrives_whole(self):
        console = self.start()
        console.send("seq 1 3000; echo the end\r")
        console.expect(r"^the end\r?$")
        numbers = re.findall(rb"(?m)^(\d+)\r?$", console.transcript.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n"))
        self.assertEqual([int(n) for n in numbers], list(range(1, 3001)))

    def test_reboot_begins_again(self):
        console = self.start()
        console.send("touch /tmp/here; reboot\r")
        console.expect(r"boot: KidneyOS")
        console.expect(PROMPT)
        console.send("ls /tmp/here\r")
        console.expect(r"No such file")
        console.expect(PROMPT)
        console.send("exit 5\r")
        self.assertEqual(console.wait(), 5)

    def test_the_size_of_the_terminal_arrives(self):
        console = self.start(size=(132, 43))
        console.send("stty size\r")
        console.expect(r"^43 132\r?$")

    def test_end_of_input_powers_off(self):
        console = self.start()
        console.send("\x04")
        self.assertEqual(console.wait(), 0)

    def test_the_shell_edits_its_line(self):
        console = self.start()
        console.send("echo wrongg\x7f\x7f\x7f\x7f\x7f\x7fright\r")
        console.expect(r"^right\r?$")
        console.expect(PROMPT)
        console.send("echo nonsense\x15echo kept\r")  # Ctrl-U
        console.expect(r"^kept\r?$")
        console.expect(PROMPT)

    def test_the_terminal_edits_lines_for_programs(self):
        console = self.start()
        console.send("echo ready; cat\r")
        console.expect(r"^ready\r?$")  # the shell has given the terminal back by now
        console.send("abX\x7fc\r")  # erase
        console.expect(r"^abc\r$")
        console.send("all of this\x15only this\r")  # kill
        console.expect(r"^only this\r$")
        console.send("two words\x17one\r")  # word erase
        console.expect(r"^two one\r$")
        console.send("\x04")
        console.expect(PROMPT)

    def test_interrupt_ends_the_program_and_not_the_shell(self):
        console = self.start()
        for command in ("sleep 1000", "cat", "yes > /dev/null", "cat | cat", "while :; do :; done"):
            # A shell of its own, which the interrupt ends at any moment. The interactive one would lose one that
            # comes while it starts the program: its handler is still in place in the child.
            console.send(f"sh -c 'echo ready; {command}'\r")
            console.expect(r"^ready\r?$")
            console.send("\x03")
            console.expect(PROMPT)
            console.send("echo status $?\r")
            console.expect(r"^status 130\r?$")
            console.expect(PROMPT)

    def test_interrupt_drops_a_half_typed_line(self):
        console = self.start()
        console.send("echo never\x03")
        console.expect(PROMPT)
        console.send("echo again\r")
        console.expect(r"^again\r?$")
        self.assertNotRegex(console.transcript, rb"(?m)^never")

    def test_a_trap_sees_the_interrupt(self):
        console = self.start()
        console.send("sh -c 'trap \"echo caught\" INT; echo ready; sleep 9'\r")
        console.expect(r"^ready\r?$")
        console.send("\x03")
        console.expect(r"caught\r?$")
        console.expect(PROMPT)

    def test_background_and_foreground(self):
        console = self.start()
        console.send("sleep 1000 &\r")
        console.expect(PROMPT)
        console.send("jobs\r")
        console.expect(r"sleep 1000")
        console.expect(PROMPT)
        console.send("fg\r")
        console.expect(r"sleep 1000\r?$")
        console.send_until("\x1a", r"Stopped")  # Ctrl-Z: the shell ignores it until the job runs
        console.expect(PROMPT)
        console.send("kill -9 %1; wait; echo gone\r")
        console.expect(r"^gone\r?$")

    def test_quit_key_and_terminal_settings(self):
        console = self.start()
        console.send("stty -a | grep -c echo; echo ready; cat\r")
        console.expect(r"^ready\r?$")
        console.send_until("\x1c", PROMPT)  # Ctrl-\
        console.send("echo status $?\r")
        console.expect(r"^status 131\r?$")
        console.expect(PROMPT)
        console.send("tty; stty -echo; echo hidden now; stty echo\r")
        console.expect(r"^/dev/\S+\r?$")
        console.expect(PROMPT)

    def test_stop_and_start_hold_the_output(self):
        console = self.start()
        console.send("stty -echo; echo ready; cat; stty echo\r")
        console.expect(r"^ready\r?$")
        console.send("\x13one\r")  # Ctrl-S
        console.send("\x11two\r")  # Ctrl-Q; neither key reaches the program
        console.expect(r"^one\r?$")
        console.expect(r"^two\r?$")
        console.send("\x13\x03")  # an interrupt ends the wait
        console.expect(PROMPT)

    def test_programs_choose_when_a_read_returns(self):
        console = self.start()

        def expect_bytes(settings, size, keys, got):
            console.send(f"stty -icanon -echo {settings}; echo ready; dd bs={size} count=1 2>/dev/null | od -An -c;"
                         " stty sane\r")
            console.expect(r"^ready\r?$")
            console.send(keys)
            console.expect(got)
            console.expect(PROMPT)

        expect_bytes("min 1 time 0", 9, "a", r"^ +a\r?$")
        expect_bytes("min 4 time 0", 1, "b", r"^ +b\r?$")  # less than MIN, but all that was asked for
        expect_bytes("min 4 time 0", 9, "cdef", r"^ +c +d +e +f\r?$")
        expect_bytes("min 4 time 2", 9, "g", r"^ +g\r?$")  # the timer between bytes runs out

    def test_rush(self):
        console = self.start()
        console.send("rush\r")
        console.expect(RUSH_PROMPT)
        console.send("cd /etc\r")
        console.expect(r"rush:/etc\$ ")
        console.send("echo one two | tr a-z A-Z\r")
        console.expect(r"^ONE TWO\r?$")
        console.expect(RUSH_PROMPT)
        console.send("cat\r")
        console.expect(r"cat\r\n")
        console.send("x\r")
        console.expect(r"^x\r?\nx\r?$")
        console.send("\x03")
        console.expect(RUSH_PROMPT)
        console.send("echo status $?\r")
        console.expect(r"^status 130\r?$")
        console.expect(RUSH_PROMPT)
        console.send("crash null\r")
        console.expect(r"Segmentation fault")
        console.expect(RUSH_PROMPT)
        console.send("exit\r")
        console.expect(PROMPT)

    def test_the_kernel_speaks_first(self):
        console = self.start("--smp", "2")
        self.assertIn(b"KidneyOS", console.transcript)
        self.assertIn(b"Welcome to KidneyOS", console.transcript)


if __name__ == "__main__":
    TREE = guest.tree_of_arguments(__doc__)
    unittest.main(verbosity=2)

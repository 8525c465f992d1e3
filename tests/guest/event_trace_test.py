#!/usr/bin/env python3
"""./kidney run --trace: what Perfetto is shown is what happened.

On every CPU the switches follow from one another, nobody runs again who has not been woken, and as many of both are there
as the kernel itself counts in /proc/schedstat.
"""
import re
import sys
import tempfile
import unittest
from pathlib import Path

import guest

sys.path.insert(0, str(guest.ROOT / "tests" / "checks"))
from perfetto_reader import File, Switch, Waking  # noqa: E402

TREE: Path
ASLEEP, DEAD = 1, 16
WORK = "for i in 1 2 3; do ls -l /bin | wc -l; done; (sleep 0.1 & sleep 0.1; wait); dd if=/proc/schedstat bs=4096 2>/dev/null"


class EventTrace(unittest.TestCase):
    def run_traced(self, command, *options, status=0):
        with tempfile.TemporaryDirectory(prefix="kidney-test-") as folder:
            path = Path(folder, "t.pftrace")
            result = guest.run(TREE, command, "--trace", str(path), *options)
            self.assertEqual(result.status, status, guest.tail(result.err + result.log, 40))
            return result, File(path.read_bytes()) if path.exists() else None

    def check_schedule(self, file):
        """Order, what follows from what, and names; of the CPUs that have lost nothing."""
        everything = []
        for cpu, events in file.cpus.items():
            last, running = 0, None
            for event in events:
                self.assertGreaterEqual(event.at, last)
                last = event.at
                everything.append((event.at, cpu, event))
                if isinstance(event, Switch):
                    if running is not None:
                        self.assertEqual((cpu, event.prev_pid), (cpu, running))
                    running = event.next_pid
        asleep, first = set(), set()
        for _, _, event in sorted(everything, key=lambda entry: entry[0]):
            if isinstance(event, Waking):
                asleep.discard(event.pid)
                first.add(event.pid)
                continue
            self.assertNotIn(event.next_pid, asleep, event)
            if event.next_pid and not file.late:
                self.assertIn(event.next_pid, first, event)  # new ones are woken, too
            if event.prev_pid and event.prev_state in (ASLEEP, DEAD):
                asleep.add(event.prev_pid)
            for pid, comm in ((event.prev_pid, event.prev_comm), (event.next_pid, event.next_comm)):
                self.assertTrue(comm == "swapper" if pid == 0 else not comm.startswith("thread "), event)

    def work(self, smp):
        result, file = self.run_traced(WORK, "--smp", str(smp))
        self.assertEqual(sorted(file.cpus), list(range(smp)))
        self.assertEqual(file.late, set())
        self.assertNotIn(b"events:", result.log)  # it was moved out of there
        self.check_schedule(file)
        names = set(file.processes.values())
        self.assertLessEqual({"init", "ls", "wc", "sleep", "dd", "kernel"}, names)
        self.assertEqual(file.threads[1], (1, "init"))
        return result.out.decode(), file

    def slices_of(self, file, process, name=None):
        return [slice_ for slice_ in file.slices if file.tracks[slice_.track][2:] == (process,) and name in (None, slice_.name)]

    def check_counts(self, text, file):
        """Before dd asks there are at most as many as it is told, and at least as many before it has its answer."""
        reads = [slice_ for slice_ in self.slices_of(file, "dd", "read") if slice_.notes.get("result", 0) > 0]
        begin, end = reads[-1].begin, reads[-1].end
        for cpu, told in enumerate(re.findall(r"^cpu(\d+) (.*)$", text, re.MULTILINE)):
            self.assertEqual(int(told[0]), cpu)
            numbers = [int(number) for number in told[1].split()]
            switches = [event.at for event in file.cpus[cpu] if isinstance(event, Switch)]
            # A wake-up is counted where the thread goes, and told by whoever wakes. New ones are not counted.
            woken = [event.at for events in file.cpus.values() for event in events if isinstance(event, Waking) and event.cpu == cpu]
            self.assertLessEqual(sum(at < begin for at in switches), numbers[2])
            self.assertGreaterEqual(sum(at <= end for at in switches), numbers[2])
            self.assertGreaterEqual(sum(at <= end for at in woken), numbers[4])
        self.assertGreater(sum(isinstance(event, Switch) for events in file.cpus.values() for event in events), 40)

    def test_one_cpu(self):
        text, file = self.work(1)
        self.check_counts(text, file)

    def test_two_cpus(self):
        text, file = self.work(2)
        self.check_counts(text, file)
        self.assertTrue(any(slice_.name == "another CPU" for slice_ in file.slices))

    def test_calls_faults_and_interrupts(self):
        _, file = self.run_traced("dd if=/etc/passwd of=/dev/null 2>/dev/null; sleep 0.05")
        calls = [slice_ for slice_ in self.slices_of(file, "dd") if slice_.category == "call"]
        names = [slice_.name for slice_ in calls]
        self.assertLessEqual({"openat", "read", "write", "close"}, set(names))
        self.assertRegex(names[-1], "exit")
        self.assertTrue(all(slice_.end for slice_ in calls))
        size = next(slice_.notes["result"] for slice_ in calls if slice_.name == "read")
        self.assertGreater(size, 10)
        faults = [slice_ for slice_ in self.slices_of(file, "dd") if slice_.category == "fault"]
        self.assertGreater(len(faults), 3)
        self.assertTrue(all(slice_.end and int(slice_.notes["address"], 16) < 0xc0000000 for slice_ in faults))
        sleeps = [slice_ for slice_ in self.slices_of(file, "sleep") if "nanosleep" in slice_.name]
        self.assertEqual(len(sleeps), 1)
        self.assertGreaterEqual(sleeps[0].end - sleeps[0].begin, 50_000_000)
        ticks = [slice_ for slice_ in file.slices if file.tracks[slice_.track] == "CPU 0 interrupts" and slice_.name == "timer"]
        self.assertTrue(any(sleeps[0].begin < slice_.begin < sleeps[0].end for slice_ in ticks))  # it woke the sleeper
        self.assertTrue(all(slice_.end for slice_ in ticks))

    def test_waits_for_locks(self):
        # All write to one file: whoever comes second waits for its lock.
        _, file = self.run_traced("cd /tmp; for i in 1 2 3 4; do dd if=/dev/zero bs=64k count=40 2>/dev/null & done >x; wait", "--smp", "4")
        waits = [slice_ for slice_ in file.slices if slice_.category == "lock"]
        self.assertTrue(waits)
        for wait in waits:
            self.assertRegex(wait.name, r"^waits for [a-z][a-z ]+$")
        self.check_schedule(file)

    def test_what_is_too_much_for_the_ring_loses_its_beginning(self):
        # 1 MiB for each CPU holds 2^16 events.
        result, file = self.run_traced("dd if=/dev/zero of=/dev/null bs=1 count=40000 2>/dev/null; cat /proc/uptime")
        self.assertEqual(file.late, {0})
        self.assertRegex(result.err.decode(), r"kidney: the trace of CPU 0 begins late: there was no room for its first \d+ events\n")
        self.assertIn("cat", file.processes.values())
        self.check_schedule(file)

    def test_without_a_trace(self):
        result, file = self.run_traced("echo c >/proc/sysrq-trigger", status=125)
        self.assertIsNone(file)
        self.assertIn(b"kidney: no trace of events: the kernel writes it when the command has ended", result.err)
        result = guest.watch([str(guest.ROOT / "kidney"), "run", "--tree", str(TREE), "--trace", "/dev/null"])
        self.assertEqual(result.status, 2)
        self.assertIn(b"--trace goes with --exec, on our kernel", result.err)


if __name__ == "__main__":
    TREE = guest.tree_of_arguments(__doc__)
    unittest.main(verbosity=2)

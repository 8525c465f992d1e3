#!/usr/bin/env python3
"""A trace of events, as the kernel writes it to its log, becomes what Perfetto shows."""
import os
import sys
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tools", "kidney"))
import event_trace  # noqa: E402
from perfetto_reader import File, Slice, Switch, Waking  # noqa: E402
from project import Failure  # noqa: E402

HELLO = "0n1,6c6c6568,6f 0n2,0,0"
CAT = "0n1,746163,0 0n2,0,0"
LOG = f"""[    0.100000] boot: 2 CPUs
[    0.400000] events: kidney-event-trace 1 cpu=0
[    0.400000] events: 0n1,616161,0 0n2,0,0 1000c3 50l30 450u30 100f8049f10 20i20 40j 40g 300r-11
[    0.400000] events: 0n0,7,5 {HELLO} 1000s7,1,0 500i0 100w7,0,0 60j 340s0,0,7
[    0.400000] events: 90n0,7,5 {CAT} 910c1 500s7,2,0
[    0.400000] other: something else
[    0.400000] events: end events=23 lost=9
[    0.400000] events: kidney-event-trace 1 cpu=1
[    0.400000] events: 2000s0,0,3 10w9,1,1 990s3,0,0 100m9,1,0
[    0.400000] events: end events=4 lost=0
[    0.400000] events: kidney-event-trace 1 names
[    0.400000] events: call 3 read
[    0.400000] events: lock 30 file system
[    0.400000] events: line 4 ttyS0
[    0.400000] events: end
[    0.500000] process: init exited with status 0
"""


class EventTrace(unittest.TestCase):
    def read(self, log=LOG):
        trace, rest = event_trace.cut_out(log)
        return trace, rest, File(event_trace.for_perfetto(trace))

    def test_the_rest_of_the_log_stays(self):
        _, rest, _ = self.read()
        self.assertEqual([line.split("] ")[1] for line in rest.splitlines()],
                         ["boot: 2 CPUs", "other: something else", "process: init exited with status 0"])

    def test_switches_and_wake_ups(self):
        _, _, file = self.read()
        self.assertEqual(file.cpus[0], [
            Switch(3000, "hello", 5, 1, "swapper", 0), Waking(3600, "hello", 5, 0), Switch(4000, "swapper", 0, 0, "hello", 5),
            Switch(5500, "cat", 5, 16, "swapper", 0)])
        kernel = event_trace.KERNEL_THREADS
        self.assertEqual(file.cpus[1], [
            Switch(2000, "swapper", 0, 0, "thread 3", kernel + 3), Waking(2010, "thread 9", kernel + 9, 1),
            Switch(3000, "thread 3", kernel + 3, 0, "swapper", 0)])
        self.assertEqual(file.late, {0})

    def test_processes_have_the_names_that_they_had_last(self):
        _, _, file = self.read()
        self.assertEqual(file.processes, {event_trace.KERNEL_PROCESS: "kernel", 5: "cat"})
        self.assertEqual(file.threads, {5: (5, "cat")})

    def test_what_lasts(self):
        _, _, file = self.read()
        by_name = {(file.tracks[slice_.track], slice_.name): slice_[1:4] + slice_[5:] for slice_ in file.slices}
        thread = (5, 5, "cat")
        self.assertEqual(by_name, {
            (thread, "read"): (1000, 2000, "call", {"result": -11}),
            (thread, "waits for file system"): (1050, 1500, "lock", {}),
            (thread, "page fault"): (1600, 1700, "fault", {"address": "0x08049f10"}),
            ("CPU 0 interrupts", "ttyS0"): (1620, 1660, "interrupt", {}),
            ("CPU 0 interrupts", "timer"): (3500, 3660, "interrupt", {}),
            (thread, "call 1"): (5000, 5500, "call", {}),  # it ended with its thread
        })

    def test_ends_without_beginnings_are_nothing(self):
        log = LOG.replace("1000c3 50l30 450u30", "500r5 400g 100j 50u30 450u30").replace("events=23", "events=25")
        _, _, file = self.read(log)
        self.assertNotIn("read", [slice_.name for slice_ in file.slices])
        self.assertEqual([slice_.end for slice_ in file.slices if slice_.name == "page fault"], [1700])

    def test_a_wait_in_a_handler_is_the_handler_s(self):
        _, _, file = self.read(LOG.replace("20i20 40j", "20i20 10l30 20u30 10j").replace("events=23", "events=25"))
        waits = [slice_ for slice_ in file.slices if slice_.name == "waits for file system"]
        self.assertEqual([(file.tracks[slice_.track], slice_.begin) for slice_ in waits],
                         [((5, 5, "cat"), 1050), ("CPU 0 interrupts", 1630)])

    def test_half_a_trace_is_none(self):
        for cut in ("events: end events=4", "names"):
            trace, _ = event_trace.cut_out(LOG[:LOG.index(cut)])
            self.assertIsNone(trace)
        self.assertIsNone(event_trace.cut_out("[ 0.1] boot: 2 CPUs\n")[0])

    def test_what_it_does_not_understand_it_says(self):
        for old, new in (("1000c3", "1000x3"), ("events=23", "events=22"), ("1000c3", "1000c3,4"), ("cpu=0", "cpus=0")):
            with self.assertRaises(Failure):
                event_trace.cut_out(LOG.replace(old, new, 1))


if __name__ == "__main__":
    unittest.main(verbosity=2)

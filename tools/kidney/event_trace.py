"""What happened on the CPUs of the running kernel: out of its log (sched/trace/event.hpp has the form), and for Perfetto.

A process has one thread, and its number is the thread's as well. Threads of the kernel have none, so they get numbers above
those of all processes.
"""
import bisect
import heapq
import re
import sys

import kernel_log
import perfetto
from project import Failure

MAGIC = "kidney-event-trace 1"
WORD = re.compile(r"(\d+)([a-z])([-\da-f,]*)")
NUMBERS = {"s": 3, "w": 3, "m": 3, "c": 1, "r": 1, "f": 1, "g": 0, "i": 1, "j": 0, "l": 1, "u": 1, "n": 3}
HEXADECIMAL = "f"
KERNEL_PROCESS, KERNEL_THREADS = 100_000, 100_001  # max_pid is 32768
TIMER, RESCHEDULE, FIRST_LINE = 0, 1, 16
STATES = (perfetto.RUNNABLE, perfetto.ASLEEP, perfetto.DEAD)
# Numbers of tracks, which must differ.
INTERRUPT_TRACK, THREAD_TRACK = 1000, 1_000_000


class Trace:
    """`cpus`: {CPU: [(time, letter, numbers)]}, in order of time; `lost`: {CPU: events before them}; `calls`, `locks` and
    `lines`: {number: name}."""

    def __init__(self):
        self.cpus, self.lost = {}, {}
        self.names = {"call": {}, "lock": {}, "line": {}}
        self._threads = {}  # {id: [(time, pid, name)]}

    @property
    def threads(self):
        """The ids that have a name."""
        return self._threads.keys()

    def add(self, block):
        head = block[0].removeprefix(MAGIC)
        if head == " names":
            for line in block[1:-1]:
                kind, number, name = line.split(" ", 2)
                self.names[kind][int(number)] = name
            return
        found = re.fullmatch(r" cpu=(\d+)", head)
        end = re.fullmatch(r"end events=(\d+) lost=(\d+)", block[-1])
        if not found or not end:
            raise Failure(f"a trace of events that begins with '{block[0]}' and ends with '{block[-1]}' is of another version")
        cpu = int(found[1])
        events, at, name = [], 0, {}
        for text in " ".join(block[1:-1]).split():
            word = WORD.fullmatch(text)
            if not word or word[2] not in NUMBERS:
                raise Failure(f"'{text}' is no event")
            at += int(word[1])
            letter, numbers = word[2], word[3].split(",") if word[3] else []
            base = 16 if letter in HEXADECIMAL or letter == "n" and numbers[0] != "0" else 10
            numbers = [int(number, base) for number in numbers]
            if len(numbers) != NUMBERS[letter]:
                raise Failure(f"'{text}' is no event")
            if letter == "n":
                name[numbers[0]] = numbers[1:]
                if numbers[0] == 2 and len(name) == 3:  # of one at the beginning parts may be lost
                    self._note(at, name)
                name = {} if numbers[0] == 2 else name
            events.append((at, letter, numbers))
        if len(events) != int(end[1]):
            raise Failure(f"of {end[1]} events of CPU {cpu} there are {len(events)} in the log")
        self.cpus[cpu] = [event for event in events if event[1] != "n"]
        self.lost[cpu] = int(end[2])

    def _note(self, at, parts):
        letters = b"".join(word.to_bytes(4, "little") for word in parts[1] + parts[2])
        bisect.insort(self._threads.setdefault(parts[0][0], []), (at, parts[0][1], letters.split(b"\0")[0].decode("utf-8", "replace")))

    def who(self, thread, at):
        """(tid, name) at that time; perhaps what it was called a moment later, if nothing was known before."""
        if thread == 0:
            return 0, "swapper"
        known = self._threads.get(thread)
        if not known:
            return KERNEL_THREADS + thread, f"thread {thread}"
        _, pid, name = known[max(bisect.bisect(known, at, key=lambda entry: entry[0]) - 1, 0)]
        return pid or KERNEL_THREADS + thread, name

    def processes(self):
        """{pid: (name, {tid: name})}, as they were called last."""
        tree = {KERNEL_PROCESS: ("kernel", {})}
        for thread, known in sorted(self._threads.items(), key=lambda entry: entry[1][-1]):
            _, pid, name = known[-1]
            if pid:
                tree[pid] = name, {pid: name}
            else:
                tree[KERNEL_PROCESS][1][KERNEL_THREADS + thread] = name
        return tree


def cut_out(log):
    """(the trace in a kernel log, the log without it). The trace is None if there is none, or only a part."""
    blocks, rest = kernel_log.cut_out(log, "events", MAGIC)
    if not blocks or blocks[-1][0] != f"{MAGIC} names":
        return None, rest
    trace = Trace()
    for block in blocks:
        trace.add(block)
    return trace, rest


class Slices:
    """What lasts for a while, on the tracks of threads and, for interrupts, of CPUs."""

    def __init__(self, trace):
        self._trace, self._data, self._tracks = trace, [], {}
        self._open = {}  # {track: letters that have begun there}
        self._runs = {}  # {CPU: id}
        for cpu, events in trace.cpus.items():
            self._runs[cpu] = next((numbers[0] for _, letter, numbers in events if letter == "s"), None)

    def _thread_track(self, thread):
        uuid = THREAD_TRACK + thread
        if uuid not in self._tracks:
            tid, name = self._trace.who(thread, sys.maxsize)  # a track has one name: the last
            self._tracks[uuid] = perfetto.thread_track(uuid, tid if tid < KERNEL_PROCESS else KERNEL_PROCESS, tid, name)
        return uuid

    def _cpu_track(self, cpu):
        uuid = INTERRUPT_TRACK + cpu
        if uuid not in self._tracks:
            self._tracks[uuid] = perfetto.track(uuid, f"CPU {cpu} interrupts")
        return uuid

    def _track(self, cpu):
        """Where what happens now belongs: to the handler that runs, or to the thread. None: nobody knows."""
        if self._open.get(INTERRUPT_TRACK + cpu):
            return self._cpu_track(cpu)
        return self._thread_track(self._runs[cpu]) if self._runs[cpu] else None

    def _begin(self, at, track, letter, category, name, **notes):
        if track is not None:
            self._open.setdefault(track, []).append(letter)
            self._data.append(perfetto.begins(at, track, category, name, **notes))

    def _end(self, at, track, letter, **notes):
        # Without a beginning: it was before the first event that we have.
        if track is not None and letter in (is_open := self._open.get(track, [])):
            while is_open.pop() != letter:  # whose end is lost
                self._data.append(perfetto.ends(at, track))
            self._data.append(perfetto.ends(at, track, **notes))

    def add(self, cpu, at, letter, numbers):
        names = self._trace.names
        if letter == "s":
            if numbers[1] == 2:  # it will not come back to what it did
                track = self._thread_track(numbers[0])
                while self._open.get(track):
                    self._end(at, track, self._open[track][-1])
            self._runs[cpu] = numbers[2]
        elif letter == "i":
            which = numbers[0]
            name = {TIMER: "timer", RESCHEDULE: "another CPU"}.get(which) or names["line"].get(which - FIRST_LINE, f"line {which - FIRST_LINE}")
            self._begin(at, self._cpu_track(cpu), "i", "interrupt", name)
        elif letter == "j":
            self._end(at, self._cpu_track(cpu), "i")
        elif letter == "c":
            self._begin(at, self._track(cpu), "c", "call", names["call"].get(numbers[0], f"call {numbers[0]}"))
        elif letter == "r":
            self._end(at, self._track(cpu), "c", result=numbers[0])
        elif letter == "f":
            self._begin(at, self._track(cpu), "f", "fault", "page fault", address=f"{numbers[0]:#010x}")
        elif letter == "g":
            self._end(at, self._track(cpu), "f")
        elif letter == "l":
            self._begin(at, self._track(cpu), "l", "lock", f"waits for {names['lock'].get(numbers[0], f'lock {numbers[0]}')}")
        elif letter == "u":
            self._end(at, self._track(cpu), "l")

    def data(self):
        return b"".join([*self._tracks.values(), *self._data])


def for_perfetto(trace):
    """The file's content."""
    bundles = {cpu: [] for cpu in trace.cpus}
    slices = Slices(trace)
    in_order = heapq.merge(*([(at, cpu, letter, numbers) for at, letter, numbers in events] for cpu, events in trace.cpus.items()),
                           key=lambda event: event[0])
    for at, cpu, letter, numbers in in_order:
        if letter == "s":
            before, state, after = numbers
            bundles[cpu].append(perfetto.switch(at, trace.who(before, at), STATES[state], trace.who(after, at)))
        elif letter == "w":
            bundles[cpu].append(perfetto.waking(at, trace.who(numbers[0], at), numbers[1]))
        slices.add(cpu, at, letter, numbers)
    return b"".join([perfetto.processes(trace.processes()),
                     *(perfetto.bundle(cpu, events, trace.lost[cpu] != 0) for cpu, events in bundles.items()), slices.data()])

"""Reads what tools/kidney/perfetto.py writes, by the numbers of Perfetto's own .proto files."""
from collections import namedtuple

Switch = namedtuple("Switch", "at prev_comm prev_pid prev_state next_comm next_pid")
Waking = namedtuple("Waking", "at comm pid cpu")
Slice = namedtuple("Slice", "track begin end category name notes")  # of what has not ended, the end is None


def protobuf(data):
    """[(number of the field, value)]: integers, and bytes of what has a length."""
    fields, at = [], 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(data):
        key = varint()
        if key & 7 == 0:
            fields.append((key >> 3, varint()))
        else:
            assert key & 7 == 2, "neither an integer nor a length"
            length = varint()
            fields.append((key >> 3, data[at:at + length]))
            at += length
    return fields


def every(data, number):
    return [value for field, value in protobuf(data) if field == number]


class File:
    """`processes`: {pid: name}; `threads`: {tid: (pid, name)}; `cpus`: {CPU: [Switch or Waking]}; `late`: CPUs that have lost
    events; `tracks`: {uuid: name or (pid, tid, name)}; `slices`: [Slice]."""

    def __init__(self, data):
        self.processes, self.threads, self.cpus, self.late, self.tracks, self.slices = {}, {}, {}, set(), {}, []
        self._open = {}
        for packet in every(data, 1):
            at = dict(protobuf(packet)).get(8, 0)
            for number, value in protobuf(packet):
                if number in (1, 2, 11, 60):
                    {1: self._bundle, 2: self._tree, 11: self._event, 60: self._track}[number](value, at)
        for track, begun in self._open.items():
            self.slices += [Slice(track, at, None, category, name, notes) for at, category, name, notes in begun]

    def _tree(self, value, _):
        for process in map(dict, map(protobuf, every(value, 1))):
            self.processes[process[1]] = process[3].decode()
        for thread in map(dict, map(protobuf, every(value, 2))):
            self.threads[thread[1]] = thread[3], thread[2].decode()

    def _bundle(self, value, _):
        cpu = dict(protobuf(value))[1]
        events = self.cpus.setdefault(cpu, [])
        if dict(protobuf(value)).get(3):
            self.late.add(cpu)
        for event in map(dict, map(protobuf, every(value, 2))):
            if 4 in event:
                inner = dict(protobuf(event[4]))
                assert inner[2] == event[2], "the event is of another thread than it says"
                events.append(Switch(event[1], inner[1].decode(), inner[2], inner[4], inner[5].decode(), inner[6]))
            if 20 in event:
                inner = dict(protobuf(event[20]))
                events.append(Waking(event[1], inner[1].decode(), inner[2], inner[5]))

    def _track(self, value, _):
        track = dict(protobuf(value))
        thread = dict(protobuf(track[4])) if 4 in track else None
        self.tracks[track[1]] = (thread[1], thread[2], thread[5].decode()) if thread else track[2].decode()

    def _event(self, value, at):
        event = dict(protobuf(value))
        notes = {}
        for note in map(dict, map(protobuf, every(value, 4))):
            number = note.get(4)
            notes[note[10].decode()] = note[6].decode() if number is None else number - (number >> 63 << 64)
        assert event[11] in self.tracks, "an event comes before its track"
        if event[9] == 1:
            self._open.setdefault(event[11], []).append((at, event[22].decode(), event[23].decode(), notes))
        else:
            assert event[9] == 2, "neither a beginning nor an end"
            begin, category, name, begun = self._open[event[11]].pop()
            self.slices.append(Slice(event[11], begin, at, category, name, begun | notes))

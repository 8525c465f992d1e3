"""Perfetto's trace format, as far as we need it: a protocol buffer of switches and wake-ups of threads on CPUs, and of
what lasts for a while on a track.

The messages are Trace, TracePacket, FtraceEventBundle, FtraceEvent, SchedSwitchFtraceEvent, SchedWakingFtraceEvent,
ProcessTree, TrackDescriptor, ThreadDescriptor, TrackEvent and DebugAnnotation of
https://github.com/google/perfetto/tree/main/protos/perfetto/trace; the numbers below are those of their fields.
https://ui.perfetto.dev opens the file, with a track for each CPU and one for each thread and its states.

Two users: a run of the laboratory (below), and the running kernel (event_trace.py).
"""

# Linux's states, as sched_switch tells them.
RUNNABLE, ASLEEP, DEAD = 0, 1, 16
PROCESS = 1  # all threads are of one


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    """An integer, or what has a length: text, bytes, a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def packet(*fields):
    return field(1, b"".join([*fields, field(10, 1)]))  # Trace.packet; trusted_packet_sequence_id


def processes(tree):
    """ProcessTree: {pid: (name, {tid: name})}."""
    data = b""
    for pid, (name, threads) in tree.items():
        data += field(1, field(1, pid) + field(2, 0) + field(3, name))
        data += b"".join(field(2, field(1, tid) + field(2, thread) + field(3, pid)) for tid, thread in threads.items())
    return packet(field(8, 0), field(2, data))


def track(uuid, name):
    return packet(field(60, field(1, uuid) + field(2, name)))


def thread_track(uuid, pid, tid, name):
    """What lasts there is shown below the states of the thread."""
    return packet(field(60, field(1, uuid) + field(4, field(1, pid) + field(2, tid) + field(5, name))))


def begins(at, uuid, category, name, **notes):
    """Something on a track, within what has begun there and not ended. Of the notes integers are numbers, the others text."""
    return packet(field(8, at), field(11, field(9, 1) + field(11, uuid) + field(22, category) + field(23, name) + annotations(notes)))


def ends(at, uuid, **notes):
    return packet(field(8, at), field(11, field(9, 2) + field(11, uuid) + annotations(notes)))


def annotations(notes):
    return b"".join(field(4, field(10, name) + (field(4, value) if isinstance(value, int) else field(6, value)))
                    for name, value in notes.items())


def switch(at, before, state, after):
    """`before` and `after`: (tid, name); tid 0 is the idle thread."""
    inner = field(1, before[1]) + field(2, before[0]) + field(3, 120) + field(4, state)
    inner += field(5, after[1]) + field(6, after[0]) + field(7, 120)
    return at, field(2, field(1, at) + field(2, before[0]) + field(4, inner))


def waking(at, thread, cpu):
    inner = field(1, thread[1]) + field(2, thread[0]) + field(3, 120) + field(4, 1) + field(5, cpu)
    return at, field(2, field(1, at) + field(2, 0) + field(20, inner))


def bundle(cpu, events, lost=False):
    """FtraceEventBundle: of one CPU, in order of time. `lost`: there were more before them."""
    data = b"".join(data for _, data in sorted(events, key=lambda event: event[0]))
    return packet(field(1, field(1, cpu) + data + (field(3, 1) if lost else b"")))


def of_run(run):
    """A run of ./kidney lab sched, as far as its slices go."""
    names = {index + 1: task["name"] for index, task in enumerate(run["tasks"])}
    idle = (0, "swapper")
    trace = processes({PROCESS: (f"{run['workload']} under {run['policy']}", names)})
    events = {cpu: [] for cpu in range(run["inputs"]["cpus"])}
    last = {cpu: (idle, RUNNABLE, 0) for cpu in events}
    woken = set()
    for cpu, task, start, end, _, since, left in run["slices"]:
        thread = (task + 1, names.get(task + 1, f"task {task}"))
        if (task, since) not in woken and not any(slice_[1] == task and slice_[3] == since and slice_[6] == 1 for slice_ in run["slices"]):
            woken.add((task, since))
            events[cpu].append(waking(since, thread, cpu))
        before, state, until = last[cpu]
        if before != idle and until < start:
            events[cpu].append(switch(until, before, state, idle))
            before, state = idle, RUNNABLE
        events[cpu].append(switch(start, before, state, thread))
        last[cpu] = (thread, (RUNNABLE, RUNNABLE, ASLEEP, DEAD)[left], end)
    for cpu, (thread, state, end) in last.items():
        if thread != idle:
            events[cpu].append(switch(end, thread, state, idle))
        trace += bundle(cpu, events[cpu])
    return trace

"""Workloads that others have written or recorded, as the text of ./kidney lab sched: rt-app's JSON, sched_switch as
ftrace and perf print it, and the trace of this kernel's own scheduler (sched/trace/record.hpp)."""
import json
import re

from project import Failure, say

# The events of rt-app, and those of them that a workload can say.
EVENTS = ("run", "runtime", "sleep", "timer", "lock", "unlock", "wait", "signal", "broad", "sync", "suspend", "resume",
          "barrier", "iorun", "mem", "yield", "fork")
UNSUPPORTED = ("sync", "barrier", "iorun", "mem")


def word(name):
    """A name as the text form takes it."""
    made = re.sub(r"[^A-Za-z0-9_-]", "_", str(name))
    return made if made[:1].isalpha() else f"t{made}"


# --- rt-app ---

def without_comments(text):
    """rt-app's JSON may have comments, and commas before a closing bracket."""
    text = re.sub(r'("(?:[^"\\]|\\.)*")|/\*.*?\*/|//[^\n]*', lambda match: match[1] or "", text, flags=re.S)
    return re.sub(r",(\s*[}\]])", r"\1", text)


def pairs_kept(pairs):
    """A key may stand twice in a phase; all of them count, in order."""
    made = {}
    for key, value in pairs:
        while key in made:
            key += "_"
        made[key] = value
    return made


class RtApp:
    def __init__(self, path, described):
        self.path, self.described = path, described
        self.mutexes, self.semaphores, self.left_out = [], [], {}

    def wrong(self, what):
        return Failure(f"{self.path}: not a description of rt-app: {what}", 2)

    def known(self, names, name):
        if word(name) not in names:
            names.append(word(name))
        return word(name)

    def microseconds(self, value, where):
        if not isinstance(value, int) or value < 0:
            raise self.wrong(f"{where} is {value!r}, not a number of microseconds")
        return f"{value} us"

    def event(self, task, kind, value):
        """The steps of one event."""
        where = f"{kind} of task {task}"
        if kind in ("run", "runtime"):
            return [f"compute {self.microseconds(value, where)}"]
        if kind == "sleep":
            return [f"sleep {self.microseconds(value, where)}"]
        if kind in ("lock", "unlock"):
            return [f"{kind} {self.known(self.mutexes, value)}"]
        if kind == "wait":
            mutex = self.known(self.mutexes, value["mutex"])
            return [f"unlock {mutex}", f"wait {self.known(self.semaphores, value['ref'])}", f"lock {mutex}"]
        if kind == "signal":
            return [f"signal {self.known(self.semaphores, value)}"]
        if kind == "broad":
            return [f"broadcast {self.known(self.semaphores, value)}"]
        if kind in ("suspend", "resume"):
            return [f"{'wait' if kind == 'suspend' else 'signal'} {self.known(self.semaphores, f'suspended_{value or task}')}"]
        if kind == "yield":
            return ["yield"]
        if kind == "fork":
            return [f"spawn {word(value if isinstance(value, str) else value['ref'])}"]
        self.left_out[kind] = self.left_out.get(kind, 0) + 1
        return []

    def phase(self, task, described):
        steps, period = [], None
        for key, value in described.items():
            kind = re.match(r"[a-z]*", key)[0]
            if kind not in EVENTS:
                continue  # a setting
            if kind == "timer":
                period = self.microseconds(value.get("period"), f"period of {key} of task {task}")
            else:
                steps += self.event(task, kind, value)
        loop = described.get("loop", 1)
        if period is not None:  # it waits for its next period at the end of each turn
            return [f"every {period} {{ {'; '.join(steps)} }}"] if loop == -1 else \
                [f"repeat {loop} {{ {'; '.join(steps)}; sleep {period} }}"]
        if loop == 1 or not steps:
            return steps
        return [f"{'forever' if loop == -1 else f'repeat {loop}'} {{ {'; '.join(steps)} }}"]

    def settings(self, task, described):
        words = []
        policy, priority = described.get("policy", "SCHED_OTHER"), described.get("priority")
        if policy in ("SCHED_FIFO", "SCHED_RR"):
            words.append(f"priority {32 + (priority or 1) * 31 // 99}")
        elif policy == "SCHED_DEADLINE":
            runtime, period = (self.microseconds(described.get(key), f"{key} of task {task}") for key in ("dl-runtime", "dl-period"))
            words.append(f"reserve {runtime} every {period}")
            if "dl-deadline" in described:
                words.append(f"within {self.microseconds(described['dl-deadline'], 'dl-deadline')}")
        elif priority is not None:
            words.append(f"nice {priority}")
        if "delay" in described:
            words.append(f"at {self.microseconds(described['delay'], 'delay')}")
        if described.get("instance", 1) == 0:
            words.append("spawned")
        elif described.get("instance", 1) > 1:
            words.append(f"x {described['instance']}")
        if "cpus" in described:
            words.append(f"on {','.join(map(str, described['cpus']))}")
        return " ".join(words)

    def text(self):
        tasks = []
        for name, described in self.described["tasks"].items():
            phases = described["phases"].values() if "phases" in described else [described]
            # Of phases the task's own loop is round all of them; without it there is but one.
            steps = [step for phase in phases for step in self.phase(name, phase)]
            if "phases" in described and described.get("loop", 1) != 1:
                loop = described["loop"]
                steps = [f"{'forever' if loop == -1 else f'repeat {loop}'} {{ {'; '.join(steps)} }}"]
            tasks.append(f"task {word(name)} {self.settings(name, described)} {{ {'; '.join(steps)} }}")
        duration = self.described.get("global", {}).get("duration", -1)
        head = [f"until {duration} s"] if duration > 0 else []
        head += [f"semaphore {name}" for name in self.semaphores] + [f"mutex {name}" for name in self.mutexes]
        return "\n".join(head + tasks) + "\n"


def of_rt_app(path, text):
    try:
        described = json.loads(without_comments(text), object_pairs_hook=pairs_kept)
        app = RtApp(path, described)
        made = app.text()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(f"{path}: not a description of rt-app: {error}", 2) from None
    if app.left_out:
        say(f"{path}: left out, for a workload cannot say it: " + ", ".join(f"{kind} ({count})" for kind, count in app.left_out.items()))
    return 'about "described for rt-app"\n' + made


# --- Recorded schedules ---

class Recorded:
    """What each task did: it computes and sleeps for so long, whoever else runs."""

    def __init__(self):
        self.tasks = {}  # key: [name, settings, begins at, [steps], computed, asleep since]

    def task(self, key, name, settings, now):
        return self.tasks.setdefault(key, [name, settings, now, [], 0, None])

    def computes(self, task, time):
        task[4] += time

    def sleeps(self, task, now):
        if task[4]:
            task[3].append(f"compute {task[4]} ns")
            task[4] = 0
        task[5] = now

    def wakes(self, task, now):
        if task[5] is not None and now > task[5]:
            task[3].append(f"sleep {now - task[5]} ns")
        task[5] = None

    def text(self, about, first):
        lines = [f'about "{about}"']
        names = {}
        for name, settings, begin, steps, computed, _ in self.tasks.values():
            steps = steps + ([f"compute {computed} ns"] if computed else [])
            if not steps:
                continue
            name = word(name)
            names[name] = names.get(name, 0) + 1
            lines.append(f"task {name}{f'-{names[name]}' if names[name] > 1 else ''} {settings} at {max(0, begin - first)} ns {{")
            lines += [f"    {step}" for step in steps] + ["}"]
        return "\n".join(lines) + "\n"


SWITCH = re.compile(r"\[(\d+)\].*?(\d+)\.(\d{6,9}):.*sched_switch: prev_comm=(.*?) prev_pid=(\d+) prev_prio=(\d+) prev_state=(\S+)"
                    r" ==> next_comm=(.*?) next_pid=(\d+) next_prio=(\d+)")
WAKING = re.compile(r"(\d+)\.(\d{6,9}):.*sched_wak(?:ing|eup|eup_new): comm=(.*?) pid=(\d+) ")


def nanoseconds(seconds, fraction):
    return int(seconds) * 10 ** 9 + int(fraction.ljust(9, "0"))


def of_switches(path, text):
    recorded, running, first = Recorded(), {}, None
    for line in text.splitlines():
        switch = SWITCH.search(line)
        waking = None if switch else WAKING.search(line)
        if waking:
            task = recorded.tasks.get(waking[4])
            if task:
                recorded.wakes(task, nanoseconds(waking[1], waking[2]))
        if not switch:
            continue
        cpu, now = switch[1], nanoseconds(switch[2], switch[3])
        first = now if first is None else first
        if switch[5] != "0" and cpu in running and running[cpu][0] == switch[5]:
            task = recorded.tasks[switch[5]]
            recorded.computes(task, now - running[cpu][1])
            if not switch[7].startswith("R"):
                recorded.sleeps(task, now)
        running.pop(cpu, None)
        if switch[9] != "0":
            # Real-time priorities are below 100 there, and the most urgent is 0; nice 0 is 120.
            kernel = int(switch[10])
            settings = f"priority {min(63, 32 + (99 - kernel) * 31 // 99)}" if kernel < 100 else f"nice {max(-20, min(19, kernel - 120))}"
            task = recorded.task(switch[9], switch[8], settings, now)
            recorded.wakes(task, now)
            running[cpu] = (switch[9], now)
    if not recorded.tasks:
        raise Failure(f"{path}: no line of it is a sched_switch", 2)
    return recorded.text("recorded by sched_switch", first)


def of_kernel(path, text):
    """Calls of a policy: `c` charges, `l` leaves, `e ... woken` comes back."""
    recorded, first = Recorded(), None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        try:
            if words[0] == "e":
                now = int(words[7])
                first = now if first is None else first
                task = recorded.task(words[1], f"thread{words[1]}", f"priority {words[4]} weight {words[5]}", now)
                recorded.wakes(task, now)
            elif words[0] == "c" and words[1] in recorded.tasks:
                recorded.computes(recorded.tasks[words[1]], int(words[3]))
            elif words[0] == "l" and words[1] in recorded.tasks:
                recorded.sleeps(recorded.tasks[words[1]], int(words[3]))
        except (IndexError, ValueError):
            raise Failure(f"{path}:{number}: not a line of a scheduler's trace", 2) from None
    if not recorded.tasks:
        raise Failure(f"{path}: nobody is scheduled in it", 2)
    return recorded.text("recorded in the kernel", first)


def as_tasks(path, text):
    """Whatever it is; text that is none of these is taken for a workload."""
    begin = text.lstrip()
    if begin.startswith(("{", "/*")) and '"tasks"' in text:
        return of_rt_app(path, text)
    if begin.startswith("kidney-sched-trace"):
        return of_kernel(path, begin)
    if "sched_switch:" in text and "==>" in text:
        return of_switches(path, text)
    return text

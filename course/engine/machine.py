"""A machine with one CPU and tasks, whoever decides: what a scheduler policy is asked in its course, and the schedule
that comes of its answers.

Calls go as those of the kernel's dispatcher do: whoever runs is charged before anything is decided; whoever wakes up is
enqueued before the running one is asked to leave. Times are microseconds.
"""
REASONS = ("started", "woken", "preempted", "yielded", "migrated")
MOST_CALLS = 40_000  # of one run, whatever a policy answers


class Ended(Exception):
    """Who decides gives no answer any more; the text says why."""


class Task:
    """Computes and sleeps in turns, (compute, sleep) each; a sleep of 0 is a yield; then ends, or begins again."""

    def __init__(self, name, turns, start=0, forever=True, nice=0):
        self.name, self.turns, self.start, self.forever, self.nice = name, [tuple(turn) for turn in turns], start, forever, nice


class Plan:
    def __init__(self, tasks, until, tick=10_000, switch_cost=0, backwards=False, looks=()):
        self.tasks, self.until, self.tick, self.switch_cost, self.backwards = tasks, until, tick, switch_cost, backwards
        self.looks = looks  # (value, of whom: "running", "all" or "none") that are asked for after each charge

    def to_json(self):
        return {**vars(self), "tasks": [vars(task) for task in self.tasks]}


def plan_from_json(content):
    return Plan(**{**content, "tasks": [Task(**task) for task in content["tasks"]]})


class Running:
    """What the machine knows of a task."""

    def __init__(self, number, task):
        self.number, self.task = number, task
        self.turn, self.left, self.next_wake = 0, task.turns[0][0], task.start
        self.ready_since, self.responses, self.served = None, [], 0


class Machine:
    """`ask(op, a, b, why, now, ran)` decides; its answer is a number. `slices` becomes [(from, to, number of a task)]."""

    def __init__(self, plan, ask):
        self.plan, self._ask, self.calls = plan, ask, 0
        self.tasks = [Running(number, task) for number, task in enumerate(plan.tasks, 1)]
        self.slices, self.switches = [], 0
        self.now, self.current, self.charged_at, self.last = 0, None, 0, None

    def ask(self, op, a=0, b=0, why=0, ran=0):
        self.calls += 1
        if self.calls > MOST_CALLS:
            raise Ended(f"more than {MOST_CALLS} calls in {self.now / 1000:g} ms")
        return self._ask(op, a, b, why, self.now, ran)

    def run(self):
        self.ask("N", why=int(self.plan.backwards))
        for task in self.tasks:
            if task.task.nice:
                self.ask("i", task.number, task.task.nice % 65536)
        next_tick = self.plan.tick
        self.wake_up()
        self.pick()
        while True:
            events = [next_tick, *(task.next_wake for task in self.tasks if task.next_wake is not None)]
            if self.current:
                events.append(self.now + self.current.left)
            self.pass_until(min(events))
            if self.now >= self.plan.until:
                return self
            ticks = self.now == next_tick
            next_tick += self.plan.tick if ticks else 0
            preempt = self.charge()
            self.finish_turn()
            preempt = self.wake_up() or preempt
            if self.current and preempt:
                self.enqueue(self.current, "preempted")
                self.current = None
            if self.current is None:
                self.pick()

    def pass_until(self, time):
        time = min(time, self.plan.until)
        if self.current and time > self.now:
            self.current.left -= time - self.now
            self.current.served += time - self.now
            if self.slices and self.slices[-1][1] == self.now and self.slices[-1][2] == self.current.number:
                self.slices[-1] = (self.slices[-1][0], time, self.current.number)
            else:
                self.slices.append((self.now, time, self.current.number))
        self.now = time

    def charge(self):
        if not self.current:
            return False
        number = self.current.number
        verdict = self.ask("c", number, ran=self.now - self.charged_at)
        self.charged_at = self.now
        for value, who in self.plan.looks:
            for other in {"running": [number], "all": [task.number for task in self.tasks if task.turn is not None and
                                                       (task.next_wake is None)], "none": [0]}[who]:
                self.ask("q", other or number, why=value)
        return verdict == 1

    def finish_turn(self):
        task = self.current
        if not task or task.left > 0:
            return
        sleep = task.task.turns[task.turn][1]
        task.turn += 1
        if task.turn == len(task.task.turns):
            task.turn = 0 if task.task.forever else None
        ends = task.turn is None
        if not ends:
            task.left = task.task.turns[task.turn][0]
        self.current = None
        if sleep == 0 and not ends:
            self.enqueue(task, "yielded")
            return
        if task.ready_since is not None:
            task.responses.append(self.now - task.ready_since)
        task.next_wake = None if ends else self.now + sleep
        self.ask("x", task.number, why=int(ends))

    def wake_up(self):
        """True if somebody came who goes before the running one."""
        preempts = False
        for task in self.tasks:
            if task.next_wake is not None and task.next_wake <= self.now:
                begins = task.next_wake == task.task.start and task.ready_since is None
                task.next_wake, task.ready_since = None, self.now
                self.enqueue(task, "started" if begins else "woken")
                if self.current:
                    preempts = self.ask("v", task.number, self.current.number) == 1 or preempts
        return preempts

    def enqueue(self, task, why):
        self.ask("e", task.number, why=REASONS.index(why))

    def pick(self):
        number = self.ask("p")
        self.current = next((task for task in self.tasks if task.number == number), None)
        if number and (self.current is None or self.current.next_wake is not None or self.current.turn is None):
            raise Ended("somebody was picked who does not want to run")
        if self.current and self.current.number != self.last:
            self.switches += 1
            self.current.left += self.plan.switch_cost
            self.last = self.current.number
        self.charged_at = self.now


def names(plan):
    """{number: letter} of the tasks."""
    return {number: task.name for number, task in enumerate(plan.tasks, 1)}


def gantt(plan, schedules, around, width=72):
    """Lines: who runs when, a letter for a while, in each of {label: slices}; `around` is marked. A dot: nobody."""
    letters = names(plan)
    runs = sorted(end - begin for slices in schedules.values() for begin, end, _ in slices if end > begin)
    typical = runs[len(runs) // 3] if runs else 1000
    cell = next((size for size in (100, 200, 500, 1000, 2000, 5000, 10_000) if typical <= 3 * size), 20_000)
    begin = max(0, (around // cell - width * 2 // 3) * cell)
    label = max(map(len, schedules))
    lines = []
    for name, slices in schedules.items():
        row = ["."] * width
        for a, b, number in slices:
            # A cell is his who runs at its end; one who runs within a cell only is seen, too.
            for i in range(max(0, (a - begin) // cell), min(width, -(-(b - begin) // cell))):
                row[i] = letters[number][0]
        lines.append(f"{name:{label}}  {''.join(row)}")
    at = (around - begin) // cell
    lines.append(f"{'':{label}}  {' ' * min(at, width - 1)}^ {around / 1000:g} ms")
    ruler = "".join(f"|{(begin + i * cell) / 1000:<11g}" for i in range(0, width, 12))
    lines.append(f"{'ms':{label}}  {ruler}")
    return lines


def tasks_text(plan):
    """The plan as ./kidney lab sched reads it."""
    def time(us):
        return f"{us} us"
    lines = ['about "what the judge played when a law was not kept"', f"until {time(plan.until)}", f"tick {time(plan.tick)}", "free"]
    for task in plan.tasks:
        steps = []
        for compute, sleep in task.turns:
            steps += [f"compute {time(compute)}", f"sleep {time(sleep)}" if sleep else "yield"]
        program = f"forever {{ {'; '.join(steps)} }}" if task.forever else "; ".join(steps)
        at = f" at {time(task.start)}" if task.start else ""
        nice = f" nice {task.nice}" if task.nice else ""
        lines.append(f"task {task.name}{at}{nice} {{ {program} }}")
    return "\n".join(lines) + "\n"

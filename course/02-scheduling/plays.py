"""What is played for each law: calls, and what the model says of them. Not handed out; a few plays are, as data."""
import donation
import machine
import model
from lots import Random
from machine import Plan, Task
from model import LEVEL, LOAD, PRIORITY, RECENT, STARTED, WOKEN

MODELS = {"mlfq": model.Mlfq, "bsd": model.Bsd, "donation": donation.Donation}


class Recorder:
    """Asks the model, and keeps question, answer and reason. `looks`: the calls whose answers count."""

    def __init__(self, decider, looks):
        self.decider, self.looks, self.rows = decider, looks, []

    def ask(self, op, a=0, b=0, why=0, now=0, ran=0):
        value, size, because = self.decider.answer(op, a, b, why, now, ran)
        counts = op in self.looks
        self.rows.append([op, a, b, why, now, ran, value if counts else None, size, because if counts else ""])
        return value


class Script:
    """Calls one by one; whoever is charged is whom the script names, whatever was picked."""

    def __init__(self, recorder):
        self.recorder, self.now = recorder, 0
        self.ask("N")

    def ask(self, op, a=0, b=0, why=0, ran=0):
        return self.recorder.ask(op, a, b, why, self.now, ran)

    def start(self, e):
        self.ask("e", e, why=STARTED)

    def wake(self, e):
        self.ask("e", e, why=WOKEN)

    def pick(self):
        return self.ask("p")

    def remove(self, e):
        self.ask("r", e)

    def sleep(self, e):
        self.ask("x", e)

    def end(self, e):
        self.ask("x", e, why=1)

    def charge(self, e, us):
        self.now += us
        return self.ask("c", e, ran=us)

    def look(self, which, e=1):
        return self.ask("q", e, why=which)


def script(make):
    def play(values, policy, looks, random):
        recorder = Recorder(MODELS[policy](values), looks)
        make(Script(recorder), values, random)
        return {"rows": recorder.rows}
    return play


def quanta(values):
    """[quantum of each level], in microseconds."""
    first = int(values["quantum_ms"]) * 1000
    return [first << (level if values["is_doubling"] == "true" else 0) for level in range(int(values["levels"]))]


def sink(s, values, e, level):
    """The running `e`, which is at the top, to this level, with charges of whole allotments."""
    for at in range(level):
        s.charge(e, quanta(values)[at] * int(values["allotment"]))


# --- Multi-level feedback queue ---

@script
def highest_in_turn(s, values, random):
    members = list(range(1, 10))
    for e in members:
        s.start(e)
        s.pick()
        sink(s, values, e, (e + random.below(2)) % 3 if s.now < 250_000 else 0)
        s.sleep(e)
    for _ in range(2):
        order = sorted(members, key=lambda _: random.below(1000))
        for e in order:
            s.wake(e)
        for _ in order:
            s.sleep(s.pick())
    s.pick()


@script
def begins_at_the_top(s, values, random):
    for e in (1, 2):
        s.start(e)
        s.look(LEVEL, e)
        s.pick()
        sink(s, values, e, 1 + random.below(2))
        s.look(LEVEL, e)
        s.end(e)
    s.start(3)
    s.look(LEVEL, 3)
    s.start(1)  # its number is used again
    s.look(LEVEL, 1)
    for _ in range(2):
        s.sleep(s.pick())
    s.wake(2)
    s.start(4)
    s.look(LEVEL, 4)
    s.pick()


@script
def allotments(s, values, random):
    """In pieces that end with a sleep, a yield, or somebody else's turn."""
    s.start(1)
    s.pick()
    while s.now < 400_000:
        s.charge(1, 700 + 100 * random.below(80))
        s.look(LEVEL, 1)
        if random.below(3) == 0:
            s.sleep(1)
            s.now += random.below(3000)
            s.wake(1)
            s.pick()


@script
def slices(s, values, random):
    quantum, lower = quanta(values)[:2]
    # Of two at the same level: one's slice ends; the other one sleeps in its own, and has a whole one after that.
    s.start(1)
    s.start(2)
    s.pick()
    s.charge(1, quantum - 1000)
    s.charge(1, 1000)
    s.ask("e", 1, why=model.PREEMPTED)
    s.pick()
    s.charge(2, quantum // 2)
    s.sleep(2)
    s.pick()
    s.charge(1, quantum // 2)
    s.wake(2)
    s.sleep(1)
    s.pick()
    s.wake(1)
    s.charge(2, quantum // 2)
    s.charge(2, quantum // 2 - 500)
    # Alone, a slice that ends is followed by a whole one.
    s.ask("N")
    s.start(1)
    s.pick()
    s.charge(1, quantum // 2)
    s.charge(1, quantum // 2 + 100 * random.below(5))
    s.start(2)
    s.charge(1, quantum // 2)
    # Whoever is below ends nothing.
    s.ask("N")
    s.start(3)
    s.pick()
    sink(s, values, 3, 1)
    s.wake(3)
    s.start(4)
    s.pick()
    s.charge(4, quantum)
    s.charge(4, quantum - 500)
    # And slices below are as long as the assignment says.
    s.ask("N")
    for e in (5, 6):
        s.start(e)
        s.pick()
        sink(s, values, e, 1)
        s.sleep(e)
    s.wake(5)
    s.wake(6)
    s.pick()
    s.charge(5, lower - 500)
    s.charge(5, 500)


def boost(values, policy, looks, random):
    recorder = Recorder(MODELS[policy](values), looks)
    s, period = Script(recorder), int(values["boost_ms"]) * 1000
    waits = (2, 3, 4, 5)
    for e in (1, *waits, 6):
        s.start(e)
        s.pick()
        sink(s, values, e, {1: 2, 6: 1}.get(e, 1 + (e + random.below(2)) % 2))
        s.charge(e, 3000)
        s.sleep(e)
    s.wake(1)
    s.pick()
    for e in waits:
        s.wake(e)
    late = 3000 + 1000 * random.below(5)
    step = 7_000
    while s.now + step < period:
        s.charge(1, step)
    for us in (period - s.now - 1000, 1000 + late, step):
        s.charge(1, us)
        for e in (1, *waits, 6):
            s.look(LEVEL, e)
    s.start(7)
    used = int(values["allotment"]) * quanta(values)[0]
    s.sleep(1)
    for i in range(len(waits) + 1):
        picked = s.pick()
        if i == 0:
            s.charge(picked, used - 1000)
            s.look(LEVEL, picked)
        s.sleep(picked)
    s.wake(6)  # it slept through the boost
    s.look(LEVEL, 6)
    s.pick()
    # The next one: a period after the last, not at a multiple; and what was used before is forgotten.
    s.charge(6, used - 1000)
    s.look(LEVEL, 6)
    s.charge(6, 1000)
    s.look(LEVEL, 6)
    s.now = 2 * period + 1000
    s.charge(6, 1000)
    s.look(LEVEL, 6)
    s.now = 2 * period + late + 1000
    s.charge(6, 1000)
    s.look(LEVEL, 6)
    # It is due again when nobody runs: pick_next() does not see it, the next enqueue() does.
    s.start(8)
    s.charge(6, used)
    s.sleep(6)
    s.pick()
    s.charge(8, used)
    s.sleep(8)
    s.wake(6)
    s.now += period + 1000
    s.pick()
    s.look(LEVEL, 6)
    s.sleep(6)
    s.wake(8)
    s.look(LEVEL, 6)
    return {"rows": recorder.rows}


@script
def preemption(s, values, random):
    second = quanta(values)[1]
    for e in (1, 2):
        s.start(e)
        s.pick()
        sink(s, values, e, 1)
        s.sleep(e)
    s.wake(1)
    s.wake(2)
    s.pick()
    ran = 2000 + 500 * random.below(4)
    s.charge(1, ran)
    s.start(3)
    for a, b in ((3, 1), (1, 3), (2, 1), (1, 2), (3, 3)):
        s.ask("v", a, b)
    s.charge(1, 0)  # somebody is above
    s.ask("e", 1, why=model.PREEMPTED)
    s.pick()
    s.charge(3, 1000)
    s.sleep(3)
    first = s.pick()
    s.charge(first, second - ran - 500)
    s.charge(first, 500)
    s.ask("e", first, why=model.PREEMPTED)
    s.pick()


def mixed_tasks(random, seconds, most_nice=0):
    """Some that compute, some that sleep, one that sleeps just before its slice would end, one that yields."""
    tasks = []
    for _ in range(2 + random.below(2)):
        tasks.append(([(int(1_000_000 * seconds), 1000)], 1000 * random.below(50)))
    for _ in range(3 + random.below(2)):
        tasks.append(([(300 + 100 * random.below(40), 4000 + 500 * random.below(80)) for _ in range(3)], 500 * random.below(100)))
    tasks.append(([(9_000 + 100 * random.below(10), 200)], 20_000))
    tasks.append(([(3_000 + 700 * random.below(9), 0), (2_000, 30_000)], 100_000))
    return [Task(model.letter(i), turns, start, True, random.below(2 * most_nice + 1) - most_nice if most_nice else 0)
            for i, (turns, start) in enumerate(tasks, 1)]


def machine_of(most_nice, seen, until):
    def play(values, policy, looks, random):
        seconds = until[policy]
        plan = Plan(mixed_tasks(random, seconds, most_nice), int(seconds * 1_000_000), backwards=random.below(2) == 1, looks=seen)
        recorder = Recorder(MODELS[policy](values), looks)
        played = machine.Machine(plan, recorder.ask).run()
        return {"rows": recorder.rows, "plan": plan.to_json(), "slices": played.slices}
    return play


# --- 4.4BSD ---

TICK, SECOND = 10_000, 1_000_000


@script
def ticks(s, values, random):
    s.start(1)
    s.pick()
    s.start(2)
    e = 1
    while s.now < 950_000:
        s.charge(e, 500 + 100 * random.below(180))
        for other in (1, 2):
            s.look(RECENT, other)
        if random.below(8) == 0:
            s.sleep(e)
            s.pick()
            s.wake(e)
            e = 3 - e


@script
def load(s, values, random):
    waiting = 16 + random.below(5)  # so many that what is rounded off adds up
    s.start(1)
    s.pick()
    for e in range(2, waiting + 2):
        s.start(e)
    s.look(LOAD)
    for step in range(240):
        s.charge(1, 5 * TICK)
        s.look(LOAD)
        if step == 100:
            s.start(30)
        if step == 150:
            s.remove(2)
    # Nobody runs when a second begins, and several pass at once.
    s.sleep(1)
    for ready in (True, False):
        s.now += 3 * SECOND + 1000 * random.below(900)
        last = s.pick()
        s.look(LOAD)
        if ready:
            s.sleep(last)
            for e in [e for e in [*range(3, waiting + 2), 30] if e != last]:
                s.remove(e)


@script
def decays(s, values, random):
    nice = [0, random.below(10) + 1, -1 - random.below(10), 19]
    for e, n in enumerate(nice, 1):
        s.ask("i", e, n % 65536)
        s.start(e)
        if e == 1:
            s.pick()
    for _ in range(500):
        s.charge(1, TICK)
        if s.now % SECOND == 0:
            s.look(LOAD)
            for e in range(1, len(nice) + 1):
                s.look(RECENT, e)


@script
def priorities(s, values, random):
    nice = [0, -20, 19, random.below(39) - 19, 5, -5]
    for e, n in enumerate(nice, 1):
        s.ask("i", e, n % 65536)
        s.start(e)
        s.look(PRIORITY, e)
    members = range(1, len(nice) + 1)
    for e in members:
        for other in members:
            s.remove(other)
        s.wake(e)
        s.pick()
        for _ in range(30 + random.below(30)):
            s.charge(e, TICK)
            s.look(PRIORITY, e)
        s.ask("e", e, why=model.PREEMPTED)
        for other in members:
            if other != e:
                s.wake(other)
    e = s.pick()
    s.now = (s.now // SECOND + 1) * SECOND
    s.charge(e, 0)
    for other in members:
        s.look(PRIORITY, other)


@script
def sleepers(s, values, random):
    s.ask("i", 3, random.below(6) + 1)
    for e in (1, 3, 4):
        s.start(e)
        s.pick()
        for _ in range(25 + random.below(8)):
            s.charge(e, TICK)
        s.sleep(e)
    s.start(2)
    s.pick()
    for e, seconds in ((1, 2 + random.below(5)), (3, 1), (4, 90)):
        for _ in range(seconds):
            s.now += SECOND - TICK
            s.charge(2, TICK)
        s.wake(e)
        s.look(RECENT, e)
        s.look(PRIORITY, e)
        s.remove(e)
    s.wake(1)  # once more: it ran in no second of these
    s.look(RECENT, 1)


@script
def turns(s, values, random):
    for e in (1, 2, 3):
        s.start(e)
    e = s.pick()
    for _ in range(60):
        if s.charge(e, 5000 + 1000 * random.below(8)):
            s.ask("e", e, why=model.PREEMPTED)
            e = s.pick()
    s.start(4)
    for a, b in ((4, e), (e, 4), (e, e)):
        s.ask("v", a, b)
    if s.charge(e, 0):
        s.ask("e", e, why=model.PREEMPTED)
    for _ in range(4):
        s.pick()
    # One that is alone begins slice after slice.
    s.start(5)
    s.pick()
    for _ in range(10):
        s.charge(5, 9000)


def story(tell):
    def play(values, policy, looks, random):
        recorder, calls = Recorder(MODELS[policy](values), looks), 0

        def ask(op, a=0, b=0):
            nonlocal calls
            calls += op not in "NE"
            return recorder.ask(op, a, b, now=calls)
        tell(donation.Story(values, ask), random)
        return {"rows": recorder.rows}
    return play


# (how it is played, the calls whose answers count)
LAWS = {
    "mlfq": {"M1": (highest_in_turn, "p"), "M2": (begins_at_the_top, "pq"), "M3": (allotments, "q"), "M4": (slices, "c"),
             "M5": (boost, "pq"), "M6": (preemption, "pcv"),
             "P1": (machine_of(0, [(LEVEL, "running")], {"mlfq": 2.5}), "pcvq")},
    "bsd": {"B1": (ticks, "q"), "B2": (load, "q"), "B3": (decays, "q"), "B4": (priorities, "q"), "B5": (sleepers, "q"),
            "B6": (turns, "pcv"),
            "P1": (machine_of(10, [(LOAD, "none"), (RECENT, "running"), (PRIORITY, "running")], {"bsd": 3.0}), "pcvq")},
    "donation": {law: (story(tell), "EG") for law, tell in donation.STORIES.items()},
}


def plays(values, policy, law, seeds):
    """What is played for a law of a policy, a play for each seed."""
    play, looks = LAWS[policy][law]
    return [{"seed": seed, **play(values, policy, looks, Random(seed * 31 + sum(map(ord, law + policy))))} for seed in seeds]

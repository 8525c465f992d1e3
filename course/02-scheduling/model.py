"""What the rules of the assignment say, call by call, with the reason: written a second time, so that it and the
reference check each other. Not handed out; what students get is what it said in a few plays (plays.py).

Times are microseconds. A model's answer(op, a, b, why, now, ran) is (value, number of queued, reason in words).
"""
from machine import REASONS

STARTED, WOKEN, PREEMPTED = (REASONS.index(why) for why in ("started", "woken", "preempted"))
LEVEL, LOAD, RECENT, PRIORITY = range(4)  # numbers of the values, as in course/judge/schedule_subject.cpp


def letter(number):
    return chr(64 + number) if 1 <= number <= 26 else f"#{number}"


def ms(us):
    return f"{us / 1000:g} ms"


class Scheduler:
    """What both have: who is queued where, and the calls. Higher keys of `queues` run first."""

    def __init__(self, values):
        self.values = values
        self.begin()

    def begin(self):
        self.queues, self.state, self.nice, self.running = {}, {}, {}, None

    def answer(self, op, a, b, why, now, ran):
        value, because = 0, ""
        if op == "N":
            self.begin()
        elif op == "i":
            self.nice[a] = b - 65536 if b >= 32768 else b
        elif op == "e":
            self.enqueue(a, why, now)
        elif op == "r":
            self.take_out(a)
        elif op == "p":
            value, because = self.pick(now)
        elif op == "c":
            value, because = self.charge(a, ran, now)
        elif op == "v":
            value = int(self.rank(a) > self.rank(b))
            because = f"{letter(a)}: {self.place(a)}; {letter(b)}: {self.place(b)}"
        elif op == "q":
            value, because = self.value(why, a)
        return value, self.size(), because

    def size(self):
        return sum(map(len, self.queues.values()))

    def put(self, e, first=False):
        queue = self.queues.setdefault(self.rank(e), [])
        queue.insert(0 if first else len(queue), e)

    def take_out(self, e):
        for queue in self.queues.values():
            if e in queue:
                queue.remove(e)

    def highest(self):
        return max((rank for rank, queue in self.queues.items() if queue), default=None)

    def waiting(self):
        """From the first that would be picked to the last."""
        return [e for rank in sorted(self.queues, reverse=True) for e in self.queues[rank]]

    def told(self):
        return "; ".join(f"{letter(e)}: {self.place(e)}" for e in self.waiting()[:6]) or "nobody"

    def take_first(self):
        rank = self.highest()
        because = f"queued, in order: {self.told()}"
        if rank is None:
            return 0, because
        first = self.queues[rank].pop(0)
        return first, because


class Mlfq(Scheduler):
    class State:
        level = used = slice = 0

    def begin(self):
        super().begin()
        self.boosted = 0
        values = self.values
        self.levels, self.quantum, self.allotment = int(values["levels"]), int(values["quantum_ms"]) * 1000, int(values["allotment"])
        self.doubles, self.front = values["is_doubling"] == "true", values["keeps_front"] == "true"
        self.period, self.downwards = int(values["boost_ms"]) * 1000, values["boosts_downwards"] == "true"

    def quantum_of(self, level):
        return self.quantum << (level if self.doubles else 0)

    def rank(self, e):
        return -self.state[e].level

    def place(self, e):
        return f"level {self.state[e].level}"

    def boost(self, now):
        if now - self.boosted < self.period:
            return ""
        self.boosted = now
        top = list(self.queues.get(0, []))
        for rank in sorted(self.queues, reverse=self.downwards):
            top += self.queues[rank] if rank != 0 else []
        self.queues = {0: top}
        self.state = {e: Mlfq.State() for e in self.state}
        return f"a boost is due at {ms(now)}: all are at the top. "

    def enqueue(self, e, why, now):
        self.boost(now)
        if why == STARTED or e not in self.state:
            self.state[e] = Mlfq.State()
        state = self.state[e]
        goes_on = self.front and why == PREEMPTED and 0 < state.slice < self.quantum_of(state.level)
        if not goes_on:
            state.slice = 0
        self.put(e, first=goes_on)

    def pick(self, now):
        return self.take_first()

    def charge(self, e, ran, now):
        boosted = self.boost(now)
        state = self.state[e]
        over = False
        if not boosted:
            state.used += ran
            state.slice += ran
            quantum = self.quantum_of(state.level)
            over = state.slice >= quantum
            if state.used >= self.allotment * quantum and state.level + 1 < self.levels:
                state.level, state.used, state.slice, over = state.level + 1, 0, 0, True
        because = (f"{boosted}{letter(e)} has used {ms(state.used)} at level {state.level}, {ms(state.slice)} of its slice of "
                   f"{ms(self.quantum_of(state.level))}{', and its slice has ended' if over else ''}; queued: {self.told()}")
        highest = self.highest()
        if highest is not None and (highest > self.rank(e) or (over and highest == self.rank(e))):
            return 1, because
        state.slice = 0 if over else state.slice
        return 0, because

    def value(self, which, e):
        state = self.state[e]
        return state.level, (f"{letter(e)} has used {ms(state.used)} of {ms(self.allotment * self.quantum_of(state.level))} at level "
                             f"{state.level}; the last boost was at {ms(self.boosted)}")


BITS = 14
ONE = 1 << BITS


class Fixed:
    """17.14, rounded as the variant says: towards zero, or to the nearest."""

    def __init__(self, nearest):
        self.nearest = nearest

    def over(self, a, b):
        """a / b of integers; b is positive."""
        whole, rest = divmod(abs(a), b)
        whole += 1 if self.nearest and 2 * rest >= b else 0
        return whole if a >= 0 else -whole

    def times(self, x, y):
        return self.over(x * y, ONE)

    def ratio(self, x, y):
        return self.over(x * ONE, y)


class Bsd(Scheduler):
    TICK, SLICE, SECOND, MOST_SECONDS = 10_000, 40_000, 1_000_000, 60

    class State:
        recent = part = slice = second = priority = 0

    def begin(self):
        super().begin()
        values = self.values
        self.fixed = Fixed(values["rounds_nearest"] == "true")
        self.window, self.factor, self.nice_weight = int(values["window"]), int(values["decay"]), int(values["nice_weight"])
        self.each_charge = values["each_charge"] == "true"
        self.load = self.decay = self.second = 0
        self.told_load, self.told_recent = "nothing was ready yet", {}

    def rank(self, e):
        return self.state[e].priority

    def place(self, e):
        return f"priority {self.state[e].priority}"

    def set_priority(self, e):
        state = self.state[e]
        quarter = int(state.recent / (4 * ONE))  # towards zero
        state.priority = max(0, min(63, 63 - quarter - self.nice_weight * self.nice.get(e, 0)))

    def forgive(self, e, why):
        state, before = self.state[e], self.state[e].recent
        state.recent = self.fixed.times(self.decay, before) + self.nice.get(e, 0) * ONE
        self.told_recent[e] = (f"{why}: decay {self.decay} x recent_cpu {before} / {ONE} + nice {self.nice.get(e, 0)} x {ONE} = {state.recent} "
                               f"(decay from load_avg {self.load})")

    def next_second(self, running):
        self.second += 1
        ready = self.size() + (1 if running else 0)
        before, fixed = self.load, self.fixed
        keep, take = fixed.ratio(self.window - 1, self.window), fixed.ratio(1, self.window)
        self.load = fixed.times(keep, before) + take * ready
        self.told_load = f"second {self.second}: {keep} x load_avg {before} / {ONE} + {take} x {ready} ready = {self.load}"
        self.decay = fixed.ratio(self.factor * self.load, self.factor * self.load + ONE)
        for e in [*self.waiting(), *([running] if running else [])]:
            self.forgive(e, f"second {self.second}")
            self.state[e].second = self.second
        order = self.waiting()
        self.queues = {}
        for e in [*order, *([running] if running else [])]:
            self.set_priority(e)
        for e in order:
            self.put(e)

    def catch_up_with(self, now, running):
        while self.second < now // Bsd.SECOND:
            self.next_second(running)

    def enqueue(self, e, why, now):
        if why == STARTED or e not in self.state:
            self.state[e] = Bsd.State()
            self.state[e].second = self.second
            self.told_recent[e] = "it has just begun"
            self.set_priority(e)
        state = self.state[e]
        missed = min(self.second - state.second, Bsd.MOST_SECONDS)
        if missed > 0:
            for _ in range(missed):
                self.forgive(e, f"the last of {missed} seconds that it slept")
            self.set_priority(e)
        state.second = self.second
        state.slice = 0
        self.put(e)

    def pick(self, now):
        self.catch_up_with(now, None)
        return self.take_first()

    def charge(self, e, ran, now):
        state = self.state[e]
        state.part += ran
        ticks, state.part = divmod(state.part, Bsd.TICK)
        if ticks:
            self.told_recent[e] = f"{state.recent} + {ticks} x {ONE}, for {ticks} whole tick{'s' if ticks > 1 else ''} of its CPU time"
            state.recent += ticks * ONE
        self.catch_up_with(now, e)
        state.slice += ran
        over = state.slice >= Bsd.SLICE
        if self.each_charge or over:
            self.set_priority(e)
        because = (f"{letter(e)}: priority {state.priority}, {ms(state.slice)} of its slice of 40 ms{', which has ended' if over else ''}; "
                   f"queued: {self.told()}")
        highest = self.highest()
        if highest is not None and (highest > state.priority or (over and highest == state.priority)):
            return 1, because
        state.slice = 0 if over else state.slice
        return 0, because

    def value(self, which, e):
        if which == LOAD:
            return self.load, self.told_load
        state = self.state[e]
        if which == RECENT:
            return state.recent, self.told_recent[e]
        return state.priority, (f"63 - {state.recent} / 4 / {ONE} - {self.nice_weight} x nice {self.nice.get(e, 0)}, when it was last computed "
                                f"({self.told_recent[e]})")

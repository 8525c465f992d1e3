"""Part 3: what the rules of donation say, computed anew for everybody after each call, and what is played. Not handed out."""
from told import letter


class Donation:
    """Threads and locks are numbers. The urgencies are found by going round until nothing changes."""

    def __init__(self, values):
        self.larger, self.most_urgent_next = values["larger_is_more_urgent"] == "true", values["most_urgent_is_next"] == "true"
        self.own, self.holder, self.waiters, self.effective = {}, {}, {}, {}

    def answer(self, op, a, b, _why, _now, _ran):
        value, because = 0, ""
        if op == "N":
            self.own, self.holder, self.waiters, self.effective = {}, {}, {}, {}
        elif op == "B" or op == "S":
            self.own[a] = b
        elif op == "T":
            self.holder[b] = a
        elif op == "W":
            self.waiters.setdefault(b, []).append(a)
        elif op == "U":
            self.waiters[self.waits_for(a)].remove(a)
        elif op == "G":
            value, because = self.hand_over(b)
        elif op == "E":
            value, because = self.effective[a], self.reason(a)
        if op not in "NE":
            self.compute()
        return value, 0, because

    def waits_for(self, thread):
        return next((lock for lock, waiters in self.waiters.items() if thread in waiters), None)

    def most(self, priorities):
        return max(priorities) if self.larger else min(priorities)

    def hand_over(self, lock):
        waiters = self.waiters.get(lock, [])
        if not waiters:
            del self.holder[lock]
            return 0, f"nobody waits for lock {lock}"
        because = f"for lock {lock} wait, in the order of their coming: {self.told(waiters)}"
        most = self.most(self.effective[waiter] for waiter in waiters)
        following = next(waiter for waiter in waiters if self.effective[waiter] == most or not self.most_urgent_next)
        waiters.remove(following)
        self.holder[lock] = following
        return following, because

    def compute(self):
        self.effective = dict(self.own)
        while True:
            before = dict(self.effective)
            for lock, holder in self.holder.items():
                self.effective[holder] = self.most([self.effective[holder], *(self.effective[waiter] for waiter in self.waiters.get(lock, []))])
            if self.effective == before:
                return

    def told(self, threads):
        return ", ".join(f"{letter(thread)} {self.effective[thread]}" for thread in threads)

    def reason(self, thread):
        held = [(lock, self.waiters.get(lock, [])) for lock, holder in sorted(self.holder.items()) if holder == thread]
        waits = "; ".join(f"for lock {lock} wait: {self.told(waiters) or 'nobody'}" for lock, waiters in held)
        return f"{letter(thread)}'s own is {self.own[thread]}{'; ' + waits if held else ', and it holds no lock'}"


class Story:
    """Calls one by one; after each the judge looks at everybody."""

    def __init__(self, values, ask):
        self.larger, self._ask, self.threads = values["larger_is_more_urgent"] == "true", ask, []
        ask("N")

    def ask(self, op, a=0, b=0):
        value = self._ask(op, a, b)
        for thread in self.threads:
            self._ask("E", thread)
        return value

    def priority(self, urgency):
        """Urgency 0 to 63 in numbers of the variant."""
        return urgency if self.larger else 63 - urgency

    def begin(self, thread, urgency):
        self._ask("B", thread, self.priority(urgency))
        self.threads.append(thread)
        self._ask("E", thread)

    def takes(self, thread, lock):
        self.ask("T", thread, lock)

    def waits(self, thread, lock):
        self.ask("W", thread, lock)

    def gives_back(self, thread, lock):
        return self.ask("G", thread, lock)

    def gives_up(self, thread):
        self.ask("U", thread)

    def set(self, thread, urgency):
        self.ask("S", thread, self.priority(urgency))


MAIN, A, B, C, D, E = 1, 2, 3, 4, 5, 6


def one(s, random):
    """A lock and those that come for it, each more urgent, and one who is less."""
    s.begin(MAIN, 31)
    s.takes(MAIN, 1)
    for i, thread in enumerate((A, B, C)):
        s.begin(thread, (20 + random.below(11)) if i == 1 else 33 + 5 * i + random.below(4))
        s.waits(thread, 1)
    holder = MAIN
    for _ in range(4):
        holder = s.gives_back(holder, 1)


def several(s, random):
    """Two locks, given back in either order; what came of the other one stays."""
    s.begin(MAIN, 31)
    s.begin(A, 34 + random.below(3))
    s.begin(B, 38 + random.below(3))
    s.begin(C, 32)
    for first in (1, 2):
        s.takes(MAIN, 1)
        s.takes(MAIN, 2)
        s.takes(MAIN, 3)
        s.waits(A, 1)
        s.waits(B, 2)
        s.waits(C, 3)
        for lock in (first, 3, 3 - first):
            following = s.gives_back(MAIN, lock)
            s.gives_back(following, lock)


def chain(s, random):
    """Each holds a lock and waits for that of the one before; the urgency of the last goes to the first."""
    length = 9 + random.below(3)
    for thread in range(1, length + 1):
        s.begin(thread, 3 * thread)
        if thread < length:
            s.takes(thread, thread)
        if thread > 1:
            s.waits(thread, thread - 1)
    for thread in range(1, length):
        s.gives_back(thread, thread)
    # And in the middle of one.
    for thread, lock in ((1, 20), (2, 21)):
        s.takes(thread, lock)
    s.waits(2, 20)
    s.waits(4, 21)
    s.waits(3, 20)


def gives_up(s, random):
    """A time-out takes back what was lent, as far as it was that thread's; of those that stay it stays; along a chain."""
    s.begin(MAIN, 31)
    s.begin(A, 50)
    s.begin(B, 40 + random.below(5))
    s.takes(MAIN, 1)
    s.waits(A, 1)
    s.waits(B, 1)
    s.gives_up(A)
    s.gives_up(B)
    s.begin(C, 32)
    s.takes(C, 2)
    s.waits(C, 1)
    s.waits(A, 2)
    s.waits(B, 2)
    s.gives_up(A)
    s.gives_up(C)  # with its lock, and B behind it
    s.gives_back(C, 2)
    s.gives_back(MAIN, 1)


def own(s, random):
    """Own and lent are two numbers: raised, lowered, while it lends, while it borrows, along a chain."""
    s.begin(MAIN, 31)
    s.begin(A, 41 + random.below(4))
    s.takes(MAIN, 1)
    s.waits(A, 1)
    for urgency in (21, 50, 33):
        s.set(MAIN, urgency)
    s.begin(B, 35)
    s.takes(B, 2)
    s.gives_back(MAIN, 1)
    s.waits(B, 1)
    s.begin(C, 37)
    s.waits(C, 2)
    for urgency in (60, 20, 45 + random.below(5)):
        s.set(C, urgency)
    s.set(B, 5)
    s.set(A, 10)
    s.gives_back(A, 1)
    s.gives_back(B, 2)
    s.gives_back(B, 1)


def next_one(s, random):
    """Who has the lock next, and what it is lent with it; once somebody waits with what it was lent itself."""
    for thread, urgency in ((MAIN, 31), (A, 32), (D, 34), (B, 36), (C, 36), (E, 40)):
        s.begin(thread, urgency)
    for lends in (False, True):
        s.takes(MAIN, 1)
        s.takes(A, 2)
        for thread in ((D, A, B, C), (D, B, A, C))[random.below(2)]:
            s.waits(thread, 1)
        if lends:
            s.waits(E, 2)
        holder = MAIN
        for _ in range(5):
            holder = s.gives_back(holder, 1)
        if s.gives_back(A, 2):
            s.gives_back(E, 2)


def mixed(s, random):
    """Anything. Locks are taken in the order of their numbers, so that nobody waits for itself."""
    holder, waits = {}, {}
    for thread in range(1, 9):
        s.begin(thread, 5 + random.below(58))
    for _ in range(200):
        thread, lock, dice = 1 + random.below(8), 1 + random.below(4), random.below(9)
        held = [number for number, owner in holder.items() if owner == thread]
        if dice == 0:
            s.set(thread, 5 + random.below(58))
        elif thread in waits:
            if dice < 2:
                s.gives_up(thread)
                del waits[thread]
        elif dice < 4 and held:
            lock = held[random.below(len(held))]
            following = s.gives_back(thread, lock)
            del holder[lock]
            if following:
                holder[lock] = following
                del waits[following]
        elif lock > max(held, default=0) and lock not in holder:
            s.takes(thread, lock)
            holder[lock] = thread
        elif lock > max(held, default=0):
            s.waits(thread, lock)
            waits[thread] = lock


STORIES = {"D1": one, "D2": several, "D3": chain, "D4": gives_up, "D5": own, "D6": next_one, "P1": mixed}

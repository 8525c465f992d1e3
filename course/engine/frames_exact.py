"""Judges that compare a policy with the reference, call by call: the policy is a process that answers questions
(course/judge/wire.hpp), and so is the reference.

`compare` says whether blocks come from where the assignment says (P1), and whether its counter counts right (S1).
"""
import struct

import subject_process
from lots import Random
from subject_process import TooSlow

QUESTION = struct.Struct("<cBHII")
ANSWER = struct.Struct("<c3xII")
MOST_STEPS = 2_500_000_000  # wire.hpp's most_steps
TOO_SLOW = f"{MOST_STEPS:,} steps (branches) made: that is the limit for all calls together".replace(",", " ")


class Subject(subject_process.Subject):
    """A policy for frames. ask() returns [(outcome, value, free frames)]."""

    def __init__(self, command):
        super().__init__(command, QUESTION, ANSWER)


class Plan:
    """A span, its regions, and calls with names: ("a", name, order), ("f", name)."""

    def __init__(self, span, regions, calls, second_life=False):
        self.span, self.regions, self.calls, self.second_life = span, regions, calls, second_life

    def opening(self):
        """The policy lives over the span, for the first time or after a life of which nothing may be left."""
        earlier = [(b"A", 0, 0, 0x3000, 700), (b"R", 0, 0, 0x3000, 700), (b"a", 0, 0, 0, 0), (b"a", 3, 0, 0, 0)]
        return (earlier if self.second_life else []) + [(b"A", int(self.second_life), 0, *self.span)] + \
            [(b"R", 0, 0, *region) for region in self.regions]


MAPS = (
    ((0x1000, 64), ((0x1000, 64),)),
    ((0x1003, 200), ((0x1003, 90), (0x1060, 7), (0x1080, 75))),
    ((0x2000, 2048), ((0x2000, 1024), (0x2400, 1024))),
    ((0x0FF0, 1500), ((0x0FF0, 700), (0x1300, 1), (0x1310, 400), (0x14A0, 300))),
)


def make_plan(seed):
    random = Random(seed)
    span, regions = MAPS[seed % len(MAPS)]
    calls, live, named = [], [], 0
    largest = 4 if span[1] < 256 else 8
    for step in range(240):
        grows = step // 40 % 2 == 0
        if live and random.below(8) >= (6 if grows else 2):
            calls.append(("f", live.pop(random.below(len(live)))))
        else:
            order = random.below(largest) if random.below(4) == 0 else random.below(3)
            calls.append(("a", named, order))
            live.append(named)
            named += 1
    # Searches in vain: of every order there is a candidate that reaches out of an odd span.
    calls += [("a", named + i, order) for i, order in enumerate([*range(10, -1, -1), 0, 0, 1])]
    return Plan(span, regions, calls, seed // 4 % 2 == 0)


def play_reference(reference, plan, calls):
    """[(call, question, answer, count)]. A block that was refused is never freed."""
    reference.ask(plan.opening())
    frames, played = {}, []
    for call in calls:
        if call[0] == "a":
            question = (b"a", call[2], 0, 0, 0)
        elif call[1] in frames:
            question = (b"f", frames[call[1]][1], 0, frames.pop(call[1])[0], 0)
        else:
            continue
        answer, count = reference.ask([question, (b"c", 0, 0, 0, 0)])
        if answer[0] == b"s":
            frames[call[1]] = (answer[1], call[2])
        played.append((call, question, answer, count))
    return played


class Difference:
    def __init__(self, at, expected, happened, verdict="broken"):
        self.at, self.expected, self.happened, self.verdict = at, expected, happened, verdict


def spoken(question, answer):
    call = f"allocate({question[1]})" if question[0] == b"a" else f"free(0x{question[3]:x}, {question[1]})"
    if question[0] == b"f" and answer[0] == b"d":
        return call
    return f"{call} -> {told(answer)}"


def opened(question):
    kind, order, _, first, count = question
    return f"allocate({order})" if kind == b"a" else f"{'attach' if kind == b'A' else 'add_region'}(0x{first:x}, {count})"


def told(answer):
    return {b"s": f"0x{answer[1]:x}", b"r": "no_memory" if answer[1] == 0 else "another error than no_memory",
            b"t": "an invariant failure", b"d": "done"}.get(answer[0], "an answer that is none")


def differ(subject, plan, played, what, counter):
    """The first Difference in "P1" (answers) or "S1" (what the member function `counter` says), and how many calls
    agreed before."""
    questions = [question for _, asked, _, _ in played for question in (asked, (b"c", 0, 0, 0, 0))]
    opening = plan.opening()
    answers = subject.ask(opening + questions)[len(opening):]
    for at, (_, question, expected, count) in enumerate(played):
        if len(answers) < 2 * at + 2:
            return Difference(at, spoken(question, expected), "the program ended", "crashed"), at
        happened, counted = answers[2 * at], answers[2 * at + 1]
        if happened[:2] != expected[:2] and not (happened[0] == expected[0] == b"d"):
            return (Difference(at, spoken(question, expected), told(happened)) if what == "P1" else None), at
        if what == "S1" and counted[:2] != count[:2]:
            seen = "there is no such member function" if counted[0] == b"x" else str(counted[1])
            return Difference(at, f"{counter}() says {count[1]} after {spoken(question, expected)}", seen), at
    return None, len(played)


def shrink(subject, reference, plan, calls, what, counter, budget=150):
    """Leaves calls out as long as the difference stays."""
    def still(candidate):
        played = play_reference(reference, plan, candidate)
        return differ(subject, plan, played, what, counter)[0], played
    size = max(len(calls) // 2, 1)
    while budget > 0 and subject.starts < 12:
        at, smaller = 0, False
        while at < len(calls) and budget > 0 and subject.starts < 12:
            candidate = calls[:at] + calls[at + size:]
            budget -= 1
            difference, played = still(candidate)
            if difference:
                calls = [call for call, _, _, _ in played[:difference.at + 1]]
                smaller = True
            else:
                at += size
        if size == 1 and not smaller:
            break
        size = max(size // 2, 1)
    return still(calls)


def compare(command, reference_command, what, seeds, counter=""):
    """(verdict, expected, happened, calls, checks) of "P1" or "S1"."""
    checks = 0
    with Subject(command) as subject, Subject(reference_command) as reference:
        for seed in seeds:
            plan = make_plan(seed)
            played = play_reference(reference, plan, plan.calls)
            try:
                difference, agreed = differ(subject, plan, played, what, counter)
            except TooSlow:
                return "slow", "a policy that looks at fewer frames, or a loop that ends", TOO_SLOW, [], checks
            checks += agreed
            if difference:
                calls = [call for call, _, _, _ in played[:difference.at + 1]]
                try:
                    smaller, steps = shrink(subject, reference, plan, calls, what, counter)
                except TooSlow:
                    smaller = None  # what is known already is told
                if smaller:  # a program that crashes now and then may refuse to do so again
                    difference, played = smaller, steps
                shown = [opened(question) for question in plan.opening()]
                shown += [spoken(question, answer) for _, question, answer, _ in played[:difference.at]]
                return difference.verdict, difference.expected, difference.happened, shown, checks
    if checks < 50:
        return "not_judged", "answers that agree with the assignment long enough to look at the counter", \
            f"only {checks} calls did", [], checks
    return "kept", "", "", [], checks

"""The student's own tests: call sequences as text, run against the reference and its mutants.

    test buddy "two buddies become one block again"
        region 0x1000 8            # the span reaches over all regions; `span FIRST COUNT` says otherwise
        a = allocate 2             # must be served
        b = allocate 2
        refuse allocate 0          # must be no_memory
        free a
        trap free a                # must be an invariant failure; ends the test
        expect free_frames 4
        expect b at 0x1004
        expect b apart a           # no frame in common

A trap may name what is wrong: `trap free a order 1`, `trap free a plus 1`, `trap free frame 0x2000 order 0`.
"""
import re
import shlex

from frames_exact import TOO_SLOW, Subject, TooSlow

# A file of tests is run on the reference and on every mutant, each of which may look at every frame in every step.
MOST_TESTS, MOST_STEPS, MOST_FRAMES = 200, 2000, 1 << 14


class Wrong(Exception):
    """A line that says nothing."""


def _number(word):
    try:
        value = int(word, 0)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 32:
        raise Wrong(f"'{word[:40]}' is not a number")
    return value


def _order(word):
    value = _number(word)
    if value > 255:
        raise Wrong(f"an order of {value}?")
    return value


STATEMENTS = (
    (r"span (\S+) (\S+)", lambda m: ("span", _number(m[1]), _number(m[2]))),
    (r"region (\S+) (\S+)", lambda m: ("region", _number(m[1]), _number(m[2]))),
    (r"([A-Za-z]\w*) = allocate (\S+)", lambda m: ("allocate", m[1], _order(m[2]))),
    (r"refuse allocate (\S+)", lambda m: ("refuse", _order(m[1]))),
    (r"free ([A-Za-z]\w*)", lambda m: ("free", m[1])),
    (r"trap free frame (\S+) order (\S+)", lambda m: ("trap_frame", _number(m[1]), _order(m[2]))),
    (r"trap free ([A-Za-z]\w*)(?: order (\S+))?(?: plus (\S+))?",
     lambda m: ("trap", m[1], None if m[2] is None else _order(m[2]), _number(m[3] or "0"))),
    (r"expect free_frames (\S+)", lambda m: ("free_frames", _number(m[1]))),
    (r"expect ([A-Za-z]\w*) at (\S+)", lambda m: ("at", m[1], _number(m[2]))),
    (r"expect ([A-Za-z]\w*) apart ([A-Za-z]\w*)", lambda m: ("apart", m[1], m[2])),
    (r"expect count (\S+)", lambda m: ("count", _number(m[1]))),
)


def _statement(text):
    for pattern, make in STATEMENTS:
        match = re.fullmatch(pattern, text)
        if match:
            return make(match)
    raise Wrong(f"what does '{text[:60]}' mean?")


class Test:
    def __init__(self, policy, name, line):
        self.policy, self.name, self.line, self.steps = policy, name, line, []


def parse(text, policies):
    """([Test], [complaint]). `policies`: {name in the file: key}."""
    tests, complaints, steps = [], [], 0
    for number, line in enumerate(text.splitlines(), 1):
        plain = " ".join(line.split("#")[0].split())
        if not plain:
            continue
        try:
            if plain.startswith("test "):
                words = shlex.split(plain)
                if len(words) != 3 or words[1] not in policies:
                    raise Wrong(f'a test begins with: test POLICY "name", POLICY one of {", ".join(sorted(policies))}')
                tests.append(Test(policies[words[1]], words[2][:80], number))
            elif not tests:
                raise Wrong("the first line begins a test")
            elif steps == MOST_STEPS:
                complaints.append(f"line {number}: more than {MOST_STEPS} lines of tests; what follows is not run")
                return tests, complaints
            else:
                tests[-1].steps.append((number, _statement(plain)))
                steps += 1
        except (Wrong, ValueError) as error:
            complaints.append(f"line {number}: {error}")
        if len(tests) > MOST_TESTS:
            complaints.append(f"line {number}: more than {MOST_TESTS} tests")
            return tests[:MOST_TESTS], complaints
    return tests, complaints[:20]


class Failed(Exception):
    pass


class Runner:
    """One test on one subject."""

    def __init__(self, subject):
        self.subject = subject
        self.blocks = {}  # name: (first, order)
        self.free_frames = 0

    def ask(self, *question):
        answers = self.subject.ask([question])
        if not answers:
            raise Failed("the program ended")
        if answers[0][0] != b"t":
            self.free_frames = answers[0][2]
        return answers[0]

    def block(self, name):
        if name not in self.blocks:
            raise Failed(f"there is no block {name}")
        return self.blocks[name]

    def run(self, test):
        """None if it passes, or what happened."""
        regions = [step[1:] for _, step in test.steps if step[0] == "region"]
        spans = [step[1:] for _, step in test.steps if step[0] == "span"]
        first = min((region[0] for region in regions), default=0)
        span = spans[0] if spans else (first, max((sum(region) for region in regions), default=first) - first)
        if span[0] + span[1] > 1 << 20 or span[1] > MOST_FRAMES or not regions:
            return f"a test has regions, which end at frame 0x100000 at the latest, in a span of at most {MOST_FRAMES} frames"
        at = test.line
        try:
            self.must_not_trap(self.ask(b"A", 0, 0, *span))
            for at, step in test.steps:
                if step[0] == "trap" or step[0] == "trap_frame":
                    self.trap(step)
                    return None  # what the policy is like after that is nobody's business
                getattr(self, "do_" + step[0])(*step[1:])
        except Failed as failed:
            return f"line {at}: {failed}"
        except TooSlow:
            return f"line {at}: {TOO_SLOW}"
        return None

    @staticmethod
    def must_not_trap(answer):
        if answer[0] == b"t":
            raise Failed("an invariant failed")
        return answer

    def trap(self, step):
        if step[0] == "trap_frame":
            first, order = step[1], step[2]
        else:
            first, order = self.block(step[1])
            first, order = first + step[3], order if step[2] is None else step[2]
        if self.ask(b"f", order, 0, first, 0)[0] != b"t":
            raise Failed("a wrong free went unnoticed")

    def do_span(self, *_):
        pass

    def do_region(self, first, count):
        self.must_not_trap(self.ask(b"R", 0, 0, first, count))

    def do_allocate(self, name, order):
        answer = self.must_not_trap(self.ask(b"a", order, 0, 0, 0))
        if answer[0] != b"s":
            raise Failed(f"allocate({order}) was refused")
        self.blocks[name] = (answer[1], order)

    def do_refuse(self, order):
        answer = self.must_not_trap(self.ask(b"a", order, 0, 0, 0))
        if answer[:2] != (b"r", 0):
            raise Failed(f"allocate({order}) should be refused with no_memory")

    def do_free(self, name):
        first, order = self.block(name)
        self.must_not_trap(self.ask(b"f", order, 0, first, 0))

    def do_free_frames(self, count):
        if self.free_frames != count:
            raise Failed(f"free_frames() is {self.free_frames}, not {count}")

    def do_count(self, count):
        answer = self.must_not_trap(self.ask(b"c", 0, 0, 0, 0))
        if answer[1] != count:
            raise Failed(f"the count is {answer[1]}, not {count}")

    def do_at(self, name, frame):
        if self.block(name)[0] != frame:
            raise Failed(f"{name} is at 0x{self.block(name)[0]:x}, not at 0x{frame:x}")

    def do_apart(self, one, other):
        (a, k), (b, j) = self.block(one), self.block(other)
        if a < b + (1 << j) and b < a + (1 << k):
            raise Failed(f"{one} and {other} have frames in common")


def run(command, tests):
    """{test: None or what happened}."""
    with Subject(command) as subject:
        return {test: Runner(subject).run(test) for test in tests}


def score(tests, references, mutants):
    """(sound tests, {test: complaint of the reference}, [mutant caught], [mutant missed]).

    `references`: {policy: command}; `mutants`: [(policy, name, command)]. A test that the reference does not pass
    says nothing about mutants.
    """
    refused = {}
    for policy, command in references.items():
        results = run(command, [test for test in tests if test.policy == policy])
        refused.update({test: why for test, why in results.items() if why})
    sound = [test for test in tests if test not in refused]
    caught, missed = [], []
    for policy, name, command in mutants:
        results = run(command, [test for test in sound if test.policy == policy])
        (caught if any(results.values()) else missed).append((policy, name))
    return sound, refused, caught, missed

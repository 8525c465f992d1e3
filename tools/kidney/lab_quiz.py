"""./kidney lab sched --quiz: a few tasks, a policy; who runs when? Asks, grades, and explains the first wrong step."""
import json
import random
import subprocess

from project import Failure

POLICIES = {
    "fifo": ("first come, first served", ""),
    "round_robin": ("round robin with a quantum of 2; whoever arrives at the end of a slice comes before whoever had it", "quantum 2"),
    "fixed_priority": ("fixed priority, larger numbers first, without slices", "quantum 1000"),
    "sjf": ("shortest job first, not preemptive", ""),
    "stcf": ("shortest time to completion first", ""),
}


class Question:
    def __init__(self, seed):
        lots = random.Random(seed)
        self.policy = lots.choice(list(POLICIES))
        self.names = "ABCD"[:lots.choice((3, 4))]
        self.arrivals = [0] + [lots.randint(0, 5) for _ in self.names[1:]]
        self.bursts = [lots.randint(1, 6) for _ in self.names]
        self.priorities = lots.sample(range(10, 50, 10), len(self.names))

    def text(self):
        lines = ["unit 1 ms; tick 1; free", POLICIES[self.policy][1]]
        lines += [f"task {name} priority {priority} at {arrival} {{ compute {burst} }}"
                  for name, priority, arrival, burst in zip(self.names, self.priorities, self.arrivals, self.bursts)]
        return "\n".join(lines)

    def told(self):
        lines = [f"Policy: {POLICIES[self.policy][0]}. One CPU; switching costs nothing.", "",
                 "  task  arrives  computes" + ("  priority" if self.policy == "fixed_priority" else "")]
        for i, name in enumerate(self.names):
            lines.append(f"  {name:4}  {self.arrivals[i]:7}  {self.bursts[i]:8}" +
                         (f"  {self.priorities[i]:8}" if self.policy == "fixed_priority" else ""))
        return "\n".join(lines)


class Answer:
    """What the laboratory says."""

    def __init__(self, program, question):
        result = subprocess.run([program, question.policy, "quiz", "1", "1", "1000"], input=question.text(), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
        if result.returncode != 0:
            raise Failure(f"the laboratory has no answer: {result.stderr.strip()}")
        self.run = json.loads(result.stdout)
        end = max(slice_[3] for slice_ in self.run["slices"]) // 10 ** 6
        self.order = ["."] * end
        self.whys = [None] * end
        for _, task, start, stop, why, *_ in self.run["slices"]:
            for tick in range(start // 10 ** 6, stop // 10 ** 6):
                self.order[tick] = self.run["tasks"][task]["name"]
                self.whys[tick] = (start // 10 ** 6, self.run["why"][why])

    def of_each(self, key):
        return [(task["ended_at"] - task["started_at"]) // 10 ** 6 if key == "turnaround" else task["waited"] // 10 ** 6
                for task in self.run["tasks"]]


def explain(question, answer, given):
    tick = next((i for i, name in enumerate(answer.order) if i >= len(given) or given[i] != name), len(answer.order))
    if tick == len(answer.order):
        return f"  All tasks are done after {len(answer.order)} ticks; your schedule goes on."
    name = answer.order[tick]
    mine = given[tick] if tick < len(given) else "nothing"
    if name == ".":
        return f"  The first wrong step: in tick {tick} nobody can run, for nobody has arrived; you have {mine}."
    chosen, why = answer.whys[tick]
    own, _, others = why.partition(" | ")
    return (f"  The first wrong step: in tick {tick} {name} runs, you have {mine}. {name} was picked at {chosen} ({own}); "
            f"{'nobody else waited' if others == 'nobody else waits' else f'there waited {others}'}.")


def ask(prompt):
    try:
        return input(prompt)
    except EOFError:
        return ""


def numbers(text):
    return [int(word) for word in text.replace(",", " ").split() if word.lstrip("-").isdigit()]


def play(program, seed):
    """Three questions; the status is 0 if all are right."""
    question = Question(seed)
    answer = Answer(program, question)
    print(f"Question {seed}. {question.told()}\n")
    given = [c for c in ask("Who has the CPU in each tick? One letter each, '.' if nobody has: ").upper() if c in question.names + "."]
    right = given == answer.order
    points = int(right)
    print("  Right." if right else explain(question, answer, given))
    for key, what in (("turnaround", "Turnaround time of " + ", ".join(question.names)), ("wait", "Waiting time of " + ", ".join(question.names))):
        told = numbers(ask(f"{what}: "))
        expected = answer.of_each(key)
        points += told == expected
        print("  Right." if told == expected else f"  It is {' '.join(map(str, expected))}.")
    print(f"\n{points} of 3 are right. The schedule: {''.join(answer.order)}. Another one: ./kidney lab sched --quiz {seed + 1}")
    return 0 if points == 3 else 1

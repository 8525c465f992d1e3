"""Calls of the plays of schedulers and of donation, and their answers, in words."""
import machine


def letter(number):
    return chr(64 + number) if 1 <= number <= 26 else f"#{number}" if number else "nobody"


def ms(us):
    return f"{us / 1000:g} ms"


def indented(row, text):
    """A line of a play, with its time."""
    return f"{ms(row[4]):>10}  {text}"


class SchedulerWords:
    """`values`: names of the member functions that the assignment asks for, by their numbers."""
    looks = "q"  # calls that come from the judge, and change nothing

    def __init__(self, values):
        self.values = values

    def when(self, row):
        return f"at {ms(row[4])}"

    def line(self, row):
        return indented(row, self.said(row, row[6]))

    def call(self, row):
        op, a, b, why, _, ran = row[:6]
        reason = machine.REASONS[why] if why < len(machine.REASONS) else why
        return {"N": "a new policy", "i": f"{letter(a)}.nice = {b - 65536 if b >= 32768 else b}", "e": f"enqueue({letter(a)}, {reason})",
                "r": f"remove({letter(a)})", "p": "pick_next()", "c": f"charge({letter(a)}, {ms(ran)})",
                "x": f"{letter(a)} {'ends' if why else 'sleeps'}", "v": f"preempts({letter(a)}, {letter(b)})",
                "q": f"{self.values[why]}({letter(a) if self.values[why] != 'load_avg' else ''})" if op == "q" else ""}[op]

    def said(self, row, answer):
        """A call with its answer."""
        words = {"p": letter, "c": lambda value: "preempt" if value else "keep running", "v": lambda value: "true" if value else "false", "q": str}
        return self.call(row) if answer is None or row[0] not in words else f"{self.call(row)} -> {words[row[0]](answer)}"


class DonationWords:
    """Threads are letters, locks numbers; the time is the number of the call."""
    looks = "E"

    def when(self, row):
        return f"after {row[4]} calls" if row[0] in self.looks else f"call {row[4]}"

    def line(self, row):
        return f"{row[4]:>6}  {self.said(row, row[6])}"

    def call(self, row):
        op, a, b = row[:3]
        return {"N": "nobody holds anything", "B": f"begin({letter(a)}, {b})", "T": f"takes({letter(a)}, lock {b})", "W": f"waits({letter(a)}, lock {b})",
                "G": f"gives_back({letter(a)}, lock {b})", "U": f"gives_up({letter(a)})", "S": f"set_priority({letter(a)}, {b})",
                "E": f"effective({letter(a)})"}[op]

    def said(self, row, answer):
        """A call with its answer."""
        words = {"G": letter, "E": str}
        return self.call(row) if answer is None or row[0] not in words else f"{self.call(row)} -> {words[row[0]](answer)}"

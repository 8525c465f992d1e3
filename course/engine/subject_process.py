"""A program of a submission, or of ours, that answers questions through two pipes: fixed records, one answer for each."""
import os
import select
import subprocess

BATCH = 256  # questions under way at a time: less than a pipe holds
SILENCE = 600  # seconds without an answer, a backstop behind the sandbox's limits: they say what it was


class TooSlow(Exception):
    """The subject has made all the steps that a process may make."""


class Subject:
    """A process, started again when it has died. `question` and `answer`: struct.Struct."""

    def __init__(self, command, question, answer):
        self.command, self.question, self.answer = command, question, answer
        self.process = None
        self.starts = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process.wait()
            self.process = None

    def ask(self, questions):
        """The answers; fewer than questions if it ended on the way (then it is stopped)."""
        if self.process is None:
            self.starts += 1
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.DEVNULL, bufsize=0)
        answers = []
        for begin in range(0, len(questions), BATCH):
            batch = questions[begin:begin + BATCH]
            # Who has more to say than it was asked may not read on before that is read; nor do we want to.
            if select.select([self.process.stdout], [], [], 0)[0]:
                self.stop()
                break
            try:
                self.process.stdin.write(b"".join(self.question.pack(*question) for question in batch))
            except OSError:
                pass  # what it has answered before counts
            data = self._read(len(batch) * self.answer.size)
            answers += [self.answer.unpack_from(data, at) for at in range(0, len(data) - self.answer.size + 1, self.answer.size)]
            worn_out = bool(answers) and answers[-1][0] == b"w"
            if worn_out or len(data) < len(batch) * self.answer.size:
                self.stop()
                if worn_out:
                    raise TooSlow
                break
        return answers

    def _read(self, size):
        data = b""
        out = self.process.stdout.fileno()
        while len(data) < size:
            if not select.select([out], [], [], SILENCE)[0]:
                break
            piece = os.read(out, size - len(data))
            if not piece:
                break
            data += piece
        return data

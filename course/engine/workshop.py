"""Compiles the programs of a grading: judges and references here, what students wrote in a sandbox.

A program is made once for the same sources and kept under build/course, by the hash of all that goes into it.
"""
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile

import sandbox
from assignment import ROOT, Mistake, fill

COMPILER = "clang++-19"
COMMON = ["-std=c++20", "-O1", "-g", "-DKIDNEY_DEBUG", "-fuse-ld=lld"]
WARNINGS = ["-Wall", "-Wextra", "-Wno-gnu-statement-expression", "-Wno-gnu-statement-expression-from-macro-expansion",
            "-ferror-limit=10", "-fno-color-diagnostics", "-ftemplate-backtrace-limit=4"]
# Memory errors are seen, and branches counted: how much a policy may do is the same on any machine.
WATCHED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
COUNTED = ["-fsanitize-coverage=trace-pc,no-prune"]

# Of file systems what the judge is compiled from: none of it is a student's.
FILES_FRAME = ["tests/crash", "fs/vsfs/format.hpp", "fs/vsfs/device_blocks.hpp", "fs/vsfs/check.hpp", "fs/vsfs/make.hpp"]

LEASH = ["setpriv", "--pdeathsig", "KILL"]  # what we start ends with us, however we end
CACHE = os.path.join(os.environ.get("KIDNEY_BUILD") or os.path.join(ROOT, "build"), "course")


def _digest(paths):
    sha = hashlib.sha256()
    for path in paths:
        for folder, folders, files in os.walk(os.path.join(ROOT, path)) if os.path.isdir(os.path.join(ROOT, path)) \
                else [(os.path.dirname(os.path.join(ROOT, path)), [], [os.path.basename(path)])]:
            folders.sort()
            for name in sorted(files):
                with open(os.path.join(folder, name), "rb") as file:
                    sha.update(f"{name}\0".encode() + file.read())
    return sha.hexdigest()


class Workshop:
    """Trusted programs. Several graders may share it."""

    def __init__(self):
        os.makedirs(CACHE, exist_ok=True)
        self._sources = _digest(["include", "tests/support", "tests/laws", "tests/judge", "course/judge", "bench/workloads", "sched/policies/virtual_time.hpp",
                                 *FILES_FRAME])

    def _made(self, label, arguments, extra=""):
        key = hashlib.sha256("\0".join([self._sources, extra, *arguments]).encode()).hexdigest()[:20]
        path = os.path.join(CACHE, f"{label}-{key}")
        if os.path.exists(path):
            return path
        with open(path + ".lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(path):
                result = subprocess.run([COMPILER, *COMMON, f"-I{ROOT}", f"-I{ROOT}/include", *arguments, "-o", path + ".new"],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
                if result.returncode != 0:
                    raise Mistake(f"cannot compile {label}:\n{result.stdout[-4000:]}")
                os.replace(path + ".new", path)
        return path

    def judge(self):
        files = ["judge", "results", "subject_process", "verdict"]
        return self._made("judge", [f"{ROOT}/tests/judge/{file}.cpp" for file in files])

    def race(self):
        return self._made("race", [f"{ROOT}/course/judge/race.cpp"])

    def files_judge(self):
        # A law may look into an answer that is an error: what it finds there is as wrong as the error.
        return self._made("files_judge", ["-DNDEBUG", "-g1", *WARNINGS, f"{ROOT}/course/judge/files_judge.cpp"])

    def world(self):
        """The part of a law subject that is not the policy: compiled once, and not counted."""
        return self._made("world.o", [*WATCHED, "-c", f"{ROOT}/tests/judge/subject_world.cpp"])

    def from_text(self, source, arguments):
        """A trusted solution, from its text. `arguments`: of the compiler, for a header and the root of our files."""
        folder = os.path.join(CACHE, "text-" + hashlib.sha256(source.encode()).hexdigest()[:20])
        os.makedirs(folder, exist_ok=True)
        header = os.path.join(folder, "policy.hpp")
        if not os.path.exists(header):
            # A name of its own: another thread of this process may be writing the same header.
            with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as file:
                file.write(source)
            os.replace(file.name, header)
        return self._made("subject", arguments(header, ROOT), source)

    @staticmethod
    def exact_arguments(header, policy, values, root):
        count = fill(policy.get("count", "no_count"), values)
        return [*COUNTED, *subject_of(header, policy, values), f"-DKIDNEY_SUBJECT_COUNT={count}", f"{root}/course/judge/subject.cpp"]

    @staticmethod
    def law_arguments(header, policy, values, root, world):
        return [*WATCHED, *COUNTED, *subject_of(header, policy, values), f"{root}/tests/judge/subject.cpp", world]

    @staticmethod
    def files_arguments(kind, root):
        # vptr looks at memory through a pipe, and a life has no descriptor to spare (judge/files/life.hpp).
        watched = ["-O0", "-g1", *WATCHED, "-fno-sanitize=vptr"] if kind == "laws" else ["-g1", "-static"]
        return [*watched, *COUNTED, f"{root}/course/judge/files_subject.cpp"]

    @staticmethod
    def schedule_arguments(header, policy, values, root):
        return [*WATCHED, *COUNTED, *subject_of(header, policy, values), f"{root}/course/judge/{policy.get('asks', 'schedule')}_subject.cpp"]


def subject_of(header, policy, values):
    return [f'-DKIDNEY_SUBJECT_HEADER="{header}"', f"-DKIDNEY_SUBJECT_TYPE={fill(policy['type'], values)}"]


def captured(command, most, folder, errors=True):
    """(exit status, at most so much of what it printed). What floods its output is ended."""
    with subprocess.Popen([*LEASH, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=folder,
                          stderr=subprocess.STDOUT if errors else subprocess.DEVNULL) as process:
        data = b""
        while piece := process.stdout.read1(65536):
            data += piece
            if len(data) > most:
                process.kill()
                data = data[:most] + b"\n(output cut off)"
                break
    return process.returncode, data.decode("utf-8", "replace")


class Bench:
    """For one grading: the kit to compile with ({name in it: our file or folder}), the student's files, the programs. Readable for the users of its boxes,
    whoever these are; gone at the end."""

    def __init__(self, kit):
        self._private = sandbox.private_folder()
        self.folder, self.group = self._private.__enter__()
        self.kit, self.work, self.out = (os.path.join(self.folder, name) for name in ("kit", "work", "out"))
        for name, path in kit.items():
            source, target = os.path.join(ROOT, path), os.path.join(self.kit, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copytree(source, target) if os.path.isdir(source) else shutil.copy(source, target)
        os.mkdir(self.work)
        os.mkdir(self.out)
        os.chmod(self.out, 0o1777)
        subprocess.run(["chmod", "-R", "a+rX", self.kit], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._private.__exit__(None, None, None)

    def clear(self):
        """Nothing of the student's is there any more."""
        shutil.rmtree(self.work)
        os.mkdir(self.work)

    def put(self, path, data):
        target = os.path.join(self.work, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(data)

"""Runs a program that nobody trusts: it sees a handful of folders, has no network, and ends within its limits.

    python3 -IS sandbox.py DESCRIPTION COMMAND...

DESCRIPTION is a file with JSON (class Box). Input and output of the command are those of this program, which watches it: how
much memory all its processes have, how much CPU time they have used, how long it takes. Whatever the command
has started ends with it.

Two kinds. `bubblewrap`: namespaces of its own for users, mounts, processes, network, IPC, made by bwrap. `user`: where
namespaces cannot be made (in most containers), and only for root: a user id that nobody else has; then the
instructor's tree must be unreadable for others, and there is a network if the container has one.
"""
import contextlib
import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

FIRST_UID, IDS = 61100, 256  # a user for each box at a time,
FIRST_GROUP = FIRST_UID + IDS  # and a group for each folder that boxes share
MIB = 1 << 20
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/etc/alternatives", "/etc/ld.so.cache")
WRITABLE = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")  # for everybody, where there is no namespace of mounts
MOST_WRITTEN = 512 * MIB
FORWARDED = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "ASAN_SYMBOLIZER_PATH")  # what a judge asks of the sanitizers

STATUS_NOT_STARTED = 125
STATUS_LIMIT = 124


class Box:
    """What the program may see and use. Limits: cpu and wall in seconds, memory in MiB of all its processes together,
    file in bytes, processes. `readable` and `writable`: {folder inside: folder outside}. `group`: see private_folder()."""

    def __init__(self, kind, limits, readable=None, writable=None, address_space=False, report=None, group=None):
        self.kind = kind
        self.limits = limits
        self.readable = readable or {}
        self.writable = writable or {}
        self.group = group
        self.address_space = address_space  # limit it, too; programs with AddressSanitizer reserve terabytes
        # A file that is told, in a line each, which limits ended it. A judge starts a program again and again; one that
        # has reached its limits twice is not started any more.
        self.report = report

    def prefix(self, description):
        """What to put before a command; `description` is a file to be written."""
        with open(description, "w", encoding="utf-8") as file:
            json.dump(vars(self), file)
        return [sys.executable, "-IS", os.path.abspath(__file__), description]

    def path(self, inside):
        """What a path is called for the program."""
        if self.kind == "bubblewrap":
            return inside
        for name, outside in {**self.readable, **self.writable}.items():
            if inside == name or inside.startswith(name + "/"):
                return outside + inside[len(name):]
        return inside


def _bubblewrap(box, command):
    # Processes are limited inside: outside, others of the same user would count.
    arguments = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
                 "--uid", "65534", "--gid", "65534", "--hostname", "box", "--clearenv"]
    for name, value in ENVIRONMENT.items():
        arguments += ["--setenv", name, value]
    for name in FORWARDED:
        if name in os.environ:
            arguments += ["--setenv", name, os.environ[name]]
    for path in SYSTEM:
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.exists(path):
            arguments += ["--ro-bind", path, path]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev", "--size", str(16 * MIB), "--tmpfs", "/tmp"]
    for inside, outside in box.readable.items():
        arguments += ["--ro-bind", outside, inside]
    for inside, outside in box.writable.items():
        arguments += ["--bind", outside, inside]
    arguments += ["--remount-ro", "/", "--chdir", "/tmp",
                  "--", "prlimit", f"--nproc={box.limits['processes']}", "--", *command]
    return arguments


def _limit(box):
    limits = box.limits
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu"], limits["cpu"] + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["file"], limits["file"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    if box.address_space:
        resource.setrlimit(resource.RLIMIT_AS, (limits["memory"] * MIB, limits["memory"] * MIB))
    if box.kind == "user":
        resource.setrlimit(resource.RLIMIT_NPROC, (limits["processes"], limits["processes"]))


def _processes():
    """{pid: (parent, CPU seconds, resident bytes, uid)} of everything that runs."""
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            uid = os.stat(f"/proc/{entry}").st_uid
        except OSError:  # it has ended
            continue
        cpu = sum(int(fields[i]) for i in (11, 12, 13, 14)) / ticks
        found[int(entry)] = (int(fields[1]), cpu, int(fields[21]) * page, uid)
    return found


def _of_box(processes, root, uid):
    if uid is not None:
        return [pid for pid, (_, _, _, owner) in processes.items() if owner == uid]
    children = {}
    for pid, (parent, _, _, _) in processes.items():
        children.setdefault(parent, []).append(pid)
    family, queue = [], [root]
    while queue:
        pid = queue.pop()
        if pid in processes:
            family.append(pid)
        queue += children.get(pid, [])
    return family


def _written(family):
    """How many bytes these processes have written, to files or elsewhere."""
    total = 0
    for pid in family:
        try:
            with open(f"/proc/{pid}/io", encoding="ascii") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith("wchar:"))
        except (OSError, StopIteration):
            pass
    return total


def _exceeded(box, child, uid, start):
    processes = _processes()
    family = _of_box(processes, child.pid, uid)
    if sum(processes[pid][1] for pid in family) > box.limits["cpu"]:
        return "cpu"
    if sum(processes[pid][2] for pid in family) > box.limits["memory"] * MIB:
        return "memory"
    if uid is not None and _written(family) > MOST_WRITTEN:  # elsewhere /tmp is small
        return "written"
    if time.monotonic() - start > box.limits["wall"]:
        return "wall"
    return None


def _kill_user(uid):
    """Everything of this user, again and again until nothing is left: a process may be about to fork."""
    for _ in range(100):
        family = [pid for pid, entry in _processes().items() if entry[3] == uid]
        if not family:
            return
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def _sweep(uid):
    """What this user has left where everybody may write."""
    for place in filter(os.path.isdir, WRITABLE):
        for entry in os.scandir(place):
            try:
                if entry.stat(follow_symlinks=False).st_uid != uid:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    os.unlink(entry.path)
            except OSError:
                pass


def _own_id(first):
    """(id that nobody else has, the lock that says so)."""
    for number in range(first, first + IDS):
        lock = os.open(os.path.join("/run" if os.path.isdir("/run") else "/tmp", f"kidney-box-{number}"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return number, lock
        except BlockingIOError:
            os.close(lock)
    raise OSError("too many boxes at a time")


_folders = set()  # private ones that are there


def abandon(number, _=None):
    """For a signal: what is running in boxes ends with us (grader.LEASH); nothing is left of their folders."""
    for folder in list(_folders):
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(128 + number)


@contextlib.contextmanager
def private_folder():
    """(a folder for the boxes of one grading, their group): those of another cannot look into it, in either kind of sandbox."""
    group = lock = None
    with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as folder:
        _folders.add(folder)
        try:
            if os.getuid() == 0:
                group, lock = _own_id(FIRST_GROUP)
                os.chown(folder, 0, group)
                os.chmod(folder, 0o750)
            yield folder, group
        finally:
            _folders.discard(folder)
            if lock is not None:
                os.close(lock)


def _start_guard(uid, folder):
    """Ends all that the user runs when this program has ended, however it did: whoever waits for it may kill it. The lock
    on the user id is the guard's, too. Returns what to close to have that now, and the guard's process id."""
    end, begin = os.pipe()
    guard = os.fork()
    if guard == 0:
        try:
            os.setsid()  # a signal to our group is not for it
            os.close(begin)
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in range(3):
                os.dup2(null, descriptor)  # who reads our output does not wait for it
            os.read(end, 1)
            _kill_user(uid)
            shutil.rmtree(folder, ignore_errors=True)
            _sweep(uid)
        finally:
            os._exit(0)
    os.close(end)
    return begin, guard


def limits_reached(report):
    """The lines of a report."""
    try:
        with open(report, encoding="ascii") as file:
            return file.read().split()
    except OSError:
        return []


def run(box, command):
    """Returns the exit status; a signal n is 128 + n, as in a shell."""
    if box.report and len(limits_reached(box.report)) >= 2:
        return STATUS_LIMIT
    environment, folder = None, "/"
    identity, guard = {}, None
    uid = lock = None
    if os.getuid() == 0:
        # Root is not limited in its number of processes, and reads what it likes.
        owner, lock = _own_id(FIRST_UID)
        identity = {"user": owner, "group": owner, "extra_groups": [] if box.group is None else [box.group]}
        uid = owner if box.kind == "user" else None
    if box.kind == "user":
        if uid is None:
            print("sandbox: a user of its own can be given to a program by root only", file=sys.stderr)
            return STATUS_NOT_STARTED
        folder = tempfile.mkdtemp(prefix="box-")
        os.chown(folder, uid, uid)
        guard = _start_guard(uid, folder)
        environment = {**ENVIRONMENT, "HOME": folder, "TMPDIR": folder,
                       **{name: os.environ[name] for name in FORWARDED if name in os.environ}}
    else:
        command = _bubblewrap(box, command)
    ended_by = None
    start, caller = time.monotonic(), os.getppid()
    try:
        child = subprocess.Popen(command, cwd=folder, env=environment, preexec_fn=lambda: _limit(box), **identity)
        while True:
            try:
                status = child.wait(timeout=0.1 if time.monotonic() - start > 0.5 else 0.02)
                break
            except subprocess.TimeoutExpired:
                ended_by = _exceeded(box, child, uid, start)
                if ended_by or os.getppid() != caller:  # nobody waits for it any more
                    child.kill()
    except FileNotFoundError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return STATUS_NOT_STARTED
    finally:
        if guard:
            os.close(guard[0])
            os.waitpid(guard[1], 0)
        if lock is not None:
            os.close(lock)
    status = 128 - status if status < 0 else status
    if ended_by is None and status == 128 + signal.SIGXCPU:
        ended_by = "cpu"
    if box.report and ended_by:
        with open(box.report, "a", encoding="ascii") as file:
            file.write(ended_by + "\n")
    return STATUS_LIMIT if ended_by else status


def find_kind(secret):
    """(kind, None), or (None, why not): which kind of sandbox works here, tried with a program that must run, and
    with a file that must stay hidden."""
    limits = {"cpu": 10, "wall": 30, "memory": 256, "file": MIB, "processes": 8}
    reasons = []
    for kind in ("bubblewrap", "user"):
        with tempfile.NamedTemporaryFile() as description:
            prefix = Box(kind, limits).prefix(description.name)
            tried = subprocess.run([*prefix, "true"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
            if tried.returncode != 0:
                reasons.append(f"{kind}: {tried.stderr.strip() or f'exit status {tried.returncode}'}")
                continue
            peeked = subprocess.run([*prefix, "cat", secret], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if peeked.returncode == 0:
            reasons.append(f"{kind}: others can read {secret}; take their rights away (chmod -R go= of the instructor's tree)")
            continue
        return kind, None
    return None, "; ".join(reasons)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as opened:
        described = json.load(opened)
    sys.exit(run(Box(**described), sys.argv[2:]))

"""Configures and builds a tree through a CMake preset. When there is nothing to do, it is quick and silent."""
import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time

from project import BUILD, ROOT, Failure, say


def tree_for(preset, settings):
    """Each set of policies has a build tree of its own, so that switching back and forth costs nothing."""
    if not settings:
        return os.path.join(BUILD, preset)
    name = "-".join(f"{variable.removeprefix('KIDNEY_').lower()}-{value}" for variable, value in settings.items())
    return os.path.join(BUILD, "set", f"{preset}-{name}")


@contextlib.contextmanager
def locked(tree):
    """Two builds of one tree at a time would get into each other's way."""
    os.makedirs(tree, exist_ok=True)
    with open(os.path.join(tree, ".kidney-lock"), "w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another build of {os.path.relpath(tree, ROOT)}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def newer(path, than):
    try:
        return os.path.getmtime(path) > os.path.getmtime(than)
    except FileNotFoundError:
        return True


def configure(preset, tree, settings):
    # Ninja itself runs CMake again when a CMakeLists.txt changes; it does not know the presets.
    if not newer(os.path.join(ROOT, "CMakePresets.json"), os.path.join(tree, "build.ninja")):
        return
    say(f"configuring {os.path.relpath(tree, ROOT)}")
    command = ["cmake", "-S", ROOT, "--preset", preset, "-B", tree]
    command += [f"-D{variable}={value}" for variable, value in settings.items()]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        # A half-made tree would be taken for a configured one.
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(tree, "build.ninja"))
        raise Failure(f"CMake failed:\n{result.stdout.strip()}")
    with contextlib.suppress(FileNotFoundError):
        os.utime(os.path.join(tree, "build.ninja"))


# Steps that look for changes each time; they are not worth a word.
QUIET_STEPS = ("Checking the root disk", "Staging the root file system", "Re-checking globbed directories")


def complaints(output):
    """What the failed commands said, without the commands themselves: they are longer than most errors."""
    first = next((i for i, line in enumerate(output) if line.startswith("FAILED:")), None)
    if first is None:
        return "".join(output[-60:]).rstrip()
    kept = [line for before, line in zip([""] + output[first:], output[first:])
            if not before.startswith("FAILED:") and not line.startswith("[")]
    return "".join(kept[:200]).rstrip()


def ninja(tree, targets):
    """Runs Ninja; shows how far it is (always in a terminal, elsewhere each minute), and its output if it fails."""
    environment = dict(os.environ, NINJA_STATUS="[%f/%t] ")
    begin = spoke = time.monotonic()
    terminal = sys.stderr.isatty()
    width = shutil.get_terminal_size().columns - 1
    announced = False
    output = []
    with subprocess.Popen(["ninja", "-C", tree, *targets], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, errors="replace", env=environment) as process:
        for line in process.stdout:
            output.append(line)
            if "no work to do" in line or "Entering directory" in line or any(s in line for s in QUIET_STEPS):
                continue
            if not announced:
                say(f"building {os.path.relpath(tree, ROOT)}")
                announced = True
            if terminal and line.startswith("["):
                elapsed = f"{time.monotonic() - begin:.0f} s "
                sys.stderr.write("\r\033[K" + (elapsed + line.rstrip())[:width])
                sys.stderr.flush()
            elif line.startswith("[") and time.monotonic() - spoke > 60:
                spoke = time.monotonic()
                say(f"  {line[1:].split(']')[0]} steps, {(spoke - begin) / 60:.0f} min")
    if terminal and announced:
        sys.stderr.write("\r\033[K")
    if process.returncode != 0:
        raise Failure("the build failed:\n" + complaints(output))


def configured(preset):
    """Returns the build tree, configured; builds nothing."""
    tree = tree_for(preset, {})
    with locked(tree):
        configure(preset, tree, {})
        ninja(tree, ["build.ninja"])  # CMake again, if its files have changed
    return tree


def build(preset, targets, settings=None):
    """Returns the build tree, with the targets up to date. With settings it is one of its own, which takes from the
    preset's tree what no choice of a policy changes."""
    common = tree_for(preset, {})
    with locked(common):
        configure(preset, common, {})
        ninja(common, ["common"] if settings else targets)
        if not settings:
            return common
        tree = tree_for(preset, settings)
        with locked(tree):
            configure(preset, tree, {**settings, "KIDNEY_COMMON_TREE": common})
            ninja(tree, targets)
        return tree

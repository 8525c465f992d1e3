#!/usr/bin/env python3
"""A class on many machines: shards join to the table of one run; the job array on a Slurm cluster of one node; the
Gradescope archive unpacked and run."""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

COURSE = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
ROOT = os.path.dirname(COURSE)
sys.path.insert(0, os.path.join(ROOT, "tools"))
from project_files import project_files  # noqa: E402

KIDNEY = os.path.join(ROOT, "kidney")
TEST = "own-tests"  # the one that compiles nothing of a student's


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, **options)


class Class(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.trees = []
        for number in range(5):
            tree = os.path.join(self.folder, "trees", f"student{number}")
            os.makedirs(tree)
            self.trees.append(tree)
            with open(os.path.join(tree, "own-tests.txt"), "w", encoding="utf-8") as file:
                file.write('test buddy "a"\n region 0x1000 8\n a = allocate 3\n' + " free a\n expect free_frames 8\n" * (number % 2))

    def path(self, name):
        return os.path.join(self.folder, name)

    def grade(self, out, *arguments):
        return run(KIDNEY, "grade", "--assignment", "1", "--only", TEST, "--out", self.path(out), *arguments)

    def table(self, out):
        with open(os.path.join(self.path(out), "class.csv"), encoding="utf-8") as file:
            return file.read()

    def whole(self):
        result = self.grade("whole", "--jobs", "2", *self.trees)
        self.assertEqual(result.returncode, 1, result.stdout)
        return self.table("whole")

    def test_shards_join_to_the_same_table(self):
        whole = self.whole()
        self.assertEqual(whole.count("\n"), 6)
        for shard in ("2/3", "1/3", "3/3"):
            self.assertIn(self.grade("shards", "--shard", shard, *reversed(self.trees)).returncode, (0, 1))
        self.assertEqual(self.grade("shards", "--merge").returncode, 0)
        self.assertEqual(self.table("shards"), whole)
        self.assertEqual(self.grade("shards", "--shard", "4/3", *self.trees).returncode, 2)

    def test_a_job_array_on_a_cluster_of_one_node(self):
        stop = start_slurm(self.folder)
        if isinstance(stop, str):
            self.skipTest(stop)
        try:
            environment = {**os.environ, "SLURM_CONF": self.path("slurm.conf"), "KIDNEY_ROOT": ROOT}
            result = run("sbatch", "--wait", "--array=1-2", "--chdir", self.folder, os.path.join(COURSE, "cluster", "grade.sbatch"),
                         self.path("slurm"), "1", "--only", TEST, "--", *self.trees, env=environment, timeout=900)
            self.assertEqual(result.returncode, 0, result.stdout + logs(self.folder))
        finally:
            stop()
        self.assertEqual(self.grade("slurm", "--merge").returncode, 0)
        self.assertEqual(self.table("slurm"), self.whole())

    def test_the_gradescope_archive(self):
        archive = self.path("autograder.zip")
        self.assertEqual(run(KIDNEY, "grade", "--assignment", "1", "--gradescope", archive, "--variant", "2026").returncode, 0)
        with zipfile.ZipFile(archive) as opened:
            names = {entry.filename: entry.external_attr >> 16 for entry in opened.infolist()}
            self.assertIn("VARIANT=2026", opened.read("grading.env").decode())
        for name in ("setup.sh", "run_autograder", "kidney"):
            self.assertEqual(names[name] & 0o111, 0o111, name)
        for name in ("course/01-frames/hidden.toml", "tests/judge/judge.cpp", "tools/kidney/verb_grade.py"):
            self.assertIn(name, names)
        for name in ("setup.sh", "run_autograder"):
            self.assertEqual(run("bash", "-n", os.path.join(COURSE, "gradescope", name)).returncode, 0)

    def test_what_lies_about_is_not_handed_on(self):
        clone, archive, unpacked = self.path("clone"), self.path("clone/frames.zip"), self.path("unpacked")
        for name in project_files(ROOT, only_known=True):
            os.makedirs(os.path.dirname(os.path.join(clone, name)), exist_ok=True)
            shutil.copy(os.path.join(ROOT, name), os.path.join(clone, name))
        run("git", "init", "-q", clone)
        run("git", "-C", clone, "add", "-A")
        for _ in range(2):  # the second time the first one's lies there
            made = run(f"{clone}/kidney", "grade", "--assignment", "1", "--gradescope", archive)
            self.assertEqual(made.returncode, 0, made.stdout)
        with zipfile.ZipFile(archive) as opened:
            self.assertFalse([name for name in opened.namelist() if name.endswith(".zip")])
            opened.extractall(unpacked)
        handed = {}
        for name, tree in (("from a clone", clone), ("from the archive", unpacked)):
            out = self.path(name)
            made = run("bash", f"{tree}/kidney", "handout", "1", "--out", out)
            self.assertEqual(made.returncode, 0, made.stdout)
            handed[name] = {path for path in project_files(out) if not path.startswith(".")}
            self.assertFalse({path for path in handed[name] if path.endswith(".zip")})
        self.assertEqual(*handed.values())


def logs(folder):
    text = ""
    for name in sorted(os.listdir(folder)):
        if name.endswith(".log"):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                text += f"\n{name}: {file.read()[-1500:]}"
    return text


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start_slurm(folder):
    """Starts a cluster of this machine alone; returns what stops it, or why it cannot be."""
    programs = {name: shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin") for name in
                ("slurmctld", "slurmd", "sbatch", "sinfo", "munged", "mungekey")}
    missing = [name for name, path in programs.items() if not path and name != "mungekey"]
    if missing:
        return f"needs {', '.join(missing)} (package slurm-wlm)"
    if os.getuid() != 0:
        return "slurmd wants to be root"
    if not os.path.exists("/run/munge/munge.socket.2"):
        subprocess.run(["/etc/init.d/munge", "start"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not os.path.exists("/run/munge/munge.socket.2"):
            return "munge does not start here"
    host = socket.gethostname().split(".")[0]
    controller, node = free_port(), free_port()
    for name in ("state", "spool"):
        os.mkdir(os.path.join(folder, name))
    with open(os.path.join(folder, "slurm.conf"), "w", encoding="ascii") as file:
        file.write(f"""ClusterName=kidney
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
""")
    environment = {**os.environ, "SLURM_CONF": os.path.join(folder, "slurm.conf")}
    daemons = [subprocess.Popen([programs[name], "-D", "-f", os.path.join(folder, "slurm.conf")], env=environment,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for name in ("slurmctld", "slurmd")]

    def stop():
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            try:
                daemon.wait(30)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
    end = time.monotonic() + 120
    while time.monotonic() < end and all(daemon.poll() is None for daemon in daemons):
        said = run(programs["sinfo"], "-h", "-o", "%T", env=environment).stdout.strip()
        if said in ("idle", "mixed"):
            return stop
        time.sleep(0.5)  # it does not tell when it is ready
    why = logs(folder)
    stop()
    return f"the cluster does not come up here: {' '.join(why.split())[-300:]}"


if __name__ == "__main__":
    unittest.main()

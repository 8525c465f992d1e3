#!/usr/bin/env python3
"""The promises of `./kidney run --exec`: exact output, separate errors, the command's own exit status."""
import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import guest

TREE: Path


class Exec(unittest.TestCase):
    def run_command(self, command, *options, **expected):
        result = guest.run(TREE, command, *options)
        report = f"\nstderr:\n{guest.tail(result.err)}\nkernel log:\n{guest.tail(result.log)}"
        for name, value in expected.items():
            self.assertEqual(getattr(result, name), value, report)
        return result

    def test_output_is_exact(self):
        self.run_command("printf 'no newline'", out=b"no newline", err=b"", status=0)
        self.run_command("printf 'a\\r\\n\\tb\\n\\0\\377\\004\\003end'", out=b"a\r\n\tb\n\0\xff\x04\x03end", status=0)

    def test_empty_output(self):
        self.run_command("true", out=b"", err=b"", status=0)

    def test_errors_are_separate(self):
        self.run_command("echo to out; echo to err >&2; echo more", out=b"to out\nmore\n", err=b"to err\n", status=0)

    def test_exit_status(self):
        self.run_command("false", status=1)
        self.run_command("exit 42", status=42)
        self.run_command("exit 255", status=255)
        self.run_command("nosuchcommand", status=127)

    def test_death_by_signal(self):
        result = self.run_command("crash null; echo status $?", out=b"status 139\n", status=0)
        self.assertIn(b"Segmentation fault", result.err)
        result = self.run_command("crash null", status=139)
        self.assertIn(b"Segmentation fault", result.err)
        self.run_command("kill -TERM $$", status=143)

    def test_every_way_to_die(self):
        result = self.run_command("crash | while read mode signal; do crash $mode; echo $mode $?; done 2>/dev/null",
                                  status=0)
        numbers = {"SIGSEGV": 139, "SIGFPE": 136, "SIGILL": 132, "SIGTRAP": 133, "SIGABRT": 134}
        lines = dict(line.rsplit(" ", 1) for line in result.out.decode().splitlines())
        modes = self.run_command("crash", status=0).out.decode().split()
        self.assertEqual(len(modes) // 2, len(lines))
        for mode, signal in zip(modes[::2], modes[1::2]):
            self.assertEqual(int(lines[mode]), numbers[signal], mode)

    def test_the_example_of_the_readme(self):
        result = self.run_command("echo hello; uname -a; ls -l /; cat /etc/motd | wc", status=0, err=b"")
        lines = result.out.decode().splitlines()
        self.assertEqual(lines[0], "hello")
        self.assertIn("KidneyOS", lines[1])
        self.assertTrue(lines[2].startswith("total "))
        for folder in ("bin", "dev", "etc", "proc", "root", "sbin", "tmp", "usr"):
            self.assertTrue(any(line.startswith("d") and line.endswith(" " + folder) for line in lines), folder)
        motd = (TREE / "rootfs/etc/motd").read_bytes()
        self.assertEqual(lines[-1].split(), [str(motd.count(b"\n")), str(len(motd.split())), str(len(motd))])

    def test_input_is_empty(self):
        self.run_command("cat; read x; echo $?", out=b"1\n", status=0)

    def test_words_and_quotes_survive(self):
        self.run_command("""echo "a  b" 'c, d' "$((6*7))" \\$x 'é'; # comment""", out="a  b c, d 42 $x é\n".encode(), status=0)
        self.run_command("for i in 1 2 3\ndo\n  echo $i\ndone", out=b"1\n2\n3\n", status=0)

    def test_a_lot_of_output(self):
        result = self.run_command("seq 1 30000", status=0)
        self.assertEqual(result.out, b"".join(b"%d\n" % n for n in range(1, 30001)))

    def test_overlay(self):
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            Path(first, "etc").mkdir()
            Path(first, "etc/motd").write_text("from the first\n")
            Path(first, "one").write_text("1\n")
            Path(second, "one").write_text("2\n")
            os.symlink("one", Path(second, "link"))
            self.run_command("cat /etc/motd /one /link", "--root", first, "--root", second,
                             out=b"from the first\n2\n2\n", status=0)

    def test_further_disks(self):
        with tempfile.TemporaryDirectory() as folder:
            image = Path(folder, "disk")
            before = os.urandom(700 * 1024 + 512)  # ends inside a page
            image.write_bytes(before)
            result = self.run_command(
                "md5sum < /dev/vdb; blockdev --getsize64 /dev/vdb; grep -c vd /proc/partitions; ls -l /dev/vdb; "
                "dd if=/dev/vdb bs=1 skip=5000 count=7 2>/dev/null | od -An -tx1; "
                "printf 'in the middle' | dd of=/dev/vdb bs=1 seek=5000 2>/dev/null; "
                "tr '\\0' x < /dev/zero | dd of=/dev/vdb bs=1000 seek=716 2>/dev/null; echo $?; "
                "dd if=/dev/vdb bs=1 skip=5000 count=13 2>/dev/null; echo; cmp /dev/vdb /dev/vdb; sync",
                "--disk", str(image), status=0, err=b"")
            after = bytearray(before)
            after[5000:5013] = b"in the middle"
            after[716000:] = b"x" * (len(before) - 716000)
            self.assertEqual(image.read_bytes(), after)
            lines = result.out.decode().splitlines()
            self.assertEqual(lines[0].split()[0], hashlib.md5(before).hexdigest())
            self.assertEqual(lines[1:3], [str(len(before)), "2"])
            self.assertRegex(lines[3], r"^brw-rw---- .* 254, +16 ")
            self.assertEqual(lines[4].split(), [f"{byte:02x}" for byte in before[5000:5007]])
            self.assertEqual(lines[5:], ["1", "in the middle"])  # no space left

    def test_a_file_system_is_made_on_a_disk(self):
        with tempfile.TemporaryDirectory() as folder:
            image = Path(folder, "disk")
            with open(image, "wb") as file:
                file.truncate(4 << 20)
            self.run_command("mke2fs -L guest /dev/vdb > /dev/null; mkswap -L other /dev/vdc > /dev/null; blkid | sort",
                             "--disk", str(image), "--disk", self.empty_disk(folder), status=0)
            self.assertEqual(image.read_bytes()[1024 + 56:][:2], b"\x53\xef")
            self.assertEqual(image.read_bytes()[1024 + 120:][:5], b"guest")

    def empty_disk(self, folder):
        path = Path(folder, "empty")
        with open(path, "wb") as file:
            file.truncate(1 << 20)
        return str(path)

    def test_cached_pages_give_way(self):
        """A file larger than the memory fills the page cache; programs must find memory all the same."""
        with tempfile.TemporaryDirectory() as folder:
            image = Path(folder, "disk")
            data = os.urandom(1 << 20) * 20
            image.write_bytes(data)
            digest = hashlib.md5(data).hexdigest()
            result = self.run_command(
                "md5sum < /dev/vdb; grep ^Cached /proc/meminfo; "
                # 6 MiB in one buffer, a shell that forks, 2 MiB in /tmp, and the file again.
                "dd if=/dev/zero of=/dev/null bs=6M count=2 2>/dev/null && echo buffer; "
                "for i in 1 2 3 4 5 6 7 8 9 10; do (echo $i) | cat; done | wc -l; "
                "dd if=/dev/zero of=/tmp/file bs=64k count=32 2>/dev/null && wc -c < /tmp/file; "
                "grep ^Cached /proc/meminfo; md5sum < /dev/vdb",
                "--memory", "16", "--disk", str(image), status=0, err=b"")
            lines = [line.split() for line in result.out.decode().splitlines()]
            self.assertEqual((lines[0][0], lines[-1][0]), (digest, digest))
            self.assertEqual(lines[2:5], [["buffer"], ["10"], [str(2 << 20)]])
            self.assertGreater(int(lines[1][1]), 4096)                    # the cache was full,
            self.assertLess(int(lines[5][1]), int(lines[1][1]) - 2048)    # and has given way

    def test_the_root_disk_cannot_be_damaged(self):
        self.run_command("echo x 2>/dev/null > /dev/vda || echo refused; dd if=/dev/vda bs=1k skip=1 count=1 2>/dev/null"
                         " | dd bs=1 skip=56 count=2 2>/dev/null | od -An -tx1", out=b"refused\n 53 ef\n", status=0)

    def test_the_root_disk_can_be_kept(self):
        with tempfile.TemporaryDirectory() as folder:
            image = Path(folder, "kept")
            save = ("--save", str(image))
            self.run_command("mkdir /home/mine; seq 1 50000 > /home/mine/numbers; rm /bin/yes; echo done", *save, out=b"done\n", status=0)
            self.check_kept(image)
            self.run_command("md5sum < /home/mine/numbers; seq 1 50000 | md5sum; ls /bin/yes 2>/dev/null; echo again > /home/mine/more",
                             *save, status=0)
            self.check_kept(image)
            result = self.run_command("md5sum < /home/mine/numbers; seq 1 50000 | md5sum; cat /home/mine/more; ls /bin/yes 2>/dev/null; "
                                      "echo x 2>/dev/null > /ro || echo refused", *save, "--append", "ro", status=0)
            lines = result.out.splitlines()
            self.assertEqual(lines[0], lines[1])
            self.assertEqual(lines[2:], [b"again", b"refused"])
            with open(image, "r+b") as file:  # as if the power had gone
                file.seek(1024 + 58)
                file.write(b"\0\0")
            result = self.run_command("cat /home/mine/more", *save, out=b"again\n", status=0)
            self.assertIn(b"was not unmounted; e2fsck has mended it", result.err)
            self.check_kept(image)
            self.run_command("true", *save, "--root", folder, status=2)
            image.write_bytes(b"precious" * 1000)
            result = self.run_command("true", *save, status=2)
            self.assertIn(b"it holds something that is no root disk of ours", result.err)
            self.assertEqual(image.read_bytes(), b"precious" * 1000)

    def check_kept(self, image):
        said = subprocess.run(["e2fsck", "-fn", image], capture_output=True, text=True, env=dict(os.environ, PATH=os.environ["PATH"] + ":/sbin:/usr/sbin"))
        self.assertEqual((said.returncode, "? no" in said.stdout), (0, False), said.stdout)

    def test_the_log_can_be_read(self):
        result = self.run_command(
            "dmesg | grep -c 'root file system'; echo '<3>from a program' > /dev/kmsg; dmesg | tail -n 1; "
            "dmesg -r | tail -n 1 | cut -c 1-4; dmesg -n 1; echo quiet > /dev/kmsg; dmesg -c > /tmp/log; dmesg; "
            "grep -c quiet /tmp/log", status=0, err=b"")
        lines = result.out.decode().splitlines()
        self.assertEqual(lines[0], "1")
        self.assertRegex(lines[1], r"^\[ *\d+\.\d{6}\] program: from a program$")
        self.assertEqual(lines[2:], ["<3>[", "1"])
        self.assertIn(b"program: from a program", result.log)
        self.assertNotIn(b"quiet", result.log)

    def test_timeout(self):
        result = self.run_command("echo before; sleep 1000", "--timeout", "20", status=124)
        self.assertIn(result.out, (b"before\n", b""))  # a very slow machine may not even get there

    def test_a_silent_machine_leaves_its_last_words(self):
        result = guest.run(TREE, "echo before; sleep 1000", deadline=15)
        self.assertEqual(result.status, None)
        self.assertIn(b"by Ctrl-\\", result.err)
        self.assertRegex(result.log, rb"key: process +\d+ sleep +waiting on CPU 0")
        self.assertRegex(result.log, rb"key: +0x\w+ kidney::kernel::calls::[^\n]*sleep_until")
        self.assertIn(b"key: heap:", result.log)

    def test_the_first_process_ends_everything(self):
        self.run_command("sleep 1000 & sleep 1000 & echo done", out=b"done\n", status=0)

    def test_panic(self):
        result = guest.run(TREE, "true", "--append", "panic=test")
        self.assertEqual(result.status, 125, guest.tail(result.log))
        self.assertIn(b"panic", result.err)
        self.assertIn(b"KERNEL PANIC", result.log)

    def test_log_is_apart(self):
        result = self.run_command("echo x", out=b"x\n", status=0)
        self.assertIn(b"KidneyOS", result.log)
        self.assertRegex(result.log.rstrip().splitlines()[-1], rb"init exited with status 0$")


class OtherMachines(unittest.TestCase):
    """Machines that the front door does not offer: a QEMU in front of QEMU changes them."""

    def run_on(self, arguments, command, *options):
        with tempfile.TemporaryDirectory() as folder:
            wrapper = Path(folder, "qemu-system-i386")
            wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("qemu-system-i386")} "$@" {arguments}\n')
            wrapper.chmod(0o755)
            before = os.environ["PATH"]
            os.environ["PATH"] = f"{folder}:{before}"
            try:
                return guest.run(TREE, command, *options)
            finally:
                os.environ["PATH"] = before

    def test_a_machine_that_cannot_switch_itself_off_gives_the_status_too(self):
        result = self.run_on("-machine pc,acpi=off", "echo here; exit 3")
        self.assertEqual((result.status, result.out, result.err), (3, b"here\n", b""), guest.tail(result.log))

    def test_a_cpu_that_is_too_old_is_told_so(self):
        for cpu in ("486", "pentium"):
            result = self.run_on(f"-cpu {cpu}", "true", "--timeout", "600")
            self.assertEqual(result.status, 125, guest.tail(result.err))
            self.assertIn(b"this CPU is too old", result.err)
            self.assertIn(b"this CPU is too old", result.log)

    def test_no_disk_mentions_one_that_was_passed_over(self):
        result = self.run_on("-global virtio-blk-pci.disable-legacy=on -global virtio-blk-pci.disable-modern=off", "true")
        self.assertEqual(result.status, 125)
        self.assertIn(b"no disk to mount as root; a virtio disk without the legacy interface", result.err)

    def test_a_root_that_cannot_be_mounted_names_the_feature(self):
        with tempfile.TemporaryDirectory() as folder:
            disk = Path(folder, "extents.img")
            made = subprocess.run(["mke2fs", "-q", "-t", "ext2", "-O", "extent", str(disk), "4M"],
                                  env={**os.environ, "PATH": os.environ["PATH"] + ":/sbin:/usr/sbin"})
            self.assertEqual(made.returncode, 0)
            result = guest.run(TREE, "true", "--disk", str(disk), "--append", "root=/dev/vdb")
        self.assertEqual(result.status, 125)
        self.assertIn(b"cannot mount vdb as root", result.err)
        self.assertIn(b"features that are not supported: extent;", result.err)


class EndOfTheMachine(unittest.TestCase):
    def test_a_command_may_switch_it_off(self):
        for command in ("poweroff", "halt", "reboot", "poweroff -f", "reboot -f"):
            result = guest.run(TREE, f"echo before; {command}; sleep 1000")
            self.assertEqual((result.status, result.out), (0, b"before\n"), f"{command}\n{guest.tail(result.log)}")


if __name__ == "__main__":
    TREE = guest.tree_of_arguments(__doc__)
    unittest.main(verbosity=2)

#!/usr/bin/env python3
"""./kidney setup and ./kidney doctor on machines that are not this one: an aarch64 host, no network, a plain user without
sudo, no Debian. The commands that would change the machine are played."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
TOOLS = ("bash", "readlink", "dirname", "mkdir", "grep", "sed", "rm", "tar", "mktemp", "ln", "tail", "tr", "env", "chmod",
         "python3", "cat", "id")
# Notes its call. `apt-get update` fails where there is a file `offline`; what is downloaded is told by dpkg-deb.
APT = """#!/bin/bash
echo "apt-get $*" >>"$FAKES/calls"
[[ $1 == update && -e $FAKES/offline ]] && { echo 'E: Could not resolve the name of the mirror'; exit 100; }
[[ $1 == install && -e $FAKES/offline ]] && { echo 'E: Unable to fetch some archives'; exit 100; }
[ "$1" = download ] && echo "$2" >"./${2%%:*}.deb"
exit 0
"""
# A package has the file that shows that it is there.
DPKG_DEB = """#!/bin/bash
package=$(cat "$2"); folder=$(mktemp -d)
case $package in
    grub-pc-bin:i386) file=usr/lib/grub/i386-pc/multiboot2.mod ;;
    busybox-static:i386) file=bin/busybox ;;
    *) file=boot/vmlinuz-6 ;;
esac
mkdir -p "$folder/$(dirname "$file")"
printf '\\x7fELF\\x01' >"$folder/$file"
tar -cC "$folder" ./
"""


class Machine(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.fakes = os.path.join(self.folder, "fakes")
        self.clone = os.path.join(self.folder, "clone")
        os.mkdir(self.fakes)
        for name in ("kidney", "tools/kidney", "tools/project_files.py"):
            target = os.path.join(self.clone, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            (shutil.copytree if os.path.isdir(os.path.join(ROOT, name)) else shutil.copy)(os.path.join(ROOT, name), target)
        # What this machine has does not count.
        listing = os.path.join(self.clone, "tools/kidney/packages.txt")
        with open(listing, encoding="utf-8") as file:
            text = file.read()
        with open(listing, "w", encoding="utf-8") as file:
            file.write(text.replace(" /usr/", " /nowhere/").replace(" i386:/", " i386:/nowhere/"))
        for name in TOOLS:
            os.symlink(shutil.which(name), os.path.join(self.fakes, name))
        self.fake("apt-get", APT)
        self.fake("dpkg-deb", DPKG_DEB)
        self.fake("apt-cache", "#!/bin/bash\necho '  Depends: linux-image-6.1-686:i386'\n")
        self.fake("dpkg", "#!/bin/bash\necho \"dpkg $*\" >>\"$FAKES/calls\"\n")
        self.fake("dpkg-query", "#!/bin/bash\nexit 1\n")

    def fake(self, name, text):
        path = os.path.join(self.fakes, name)
        if os.path.lexists(path):
            os.remove(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)

    def kidney(self, *arguments, **environment):
        return subprocess.run(["bash", os.path.join(self.clone, "kidney"), *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env={"PATH": self.fakes, "FAKES": self.fakes, "HOME": self.folder, **environment})

    def calls(self):
        try:
            with open(os.path.join(self.fakes, "calls"), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def test_an_aarch64_host_gets_what_debian_has_there(self):
        self.kidney("setup", HOSTTYPE="aarch64")
        calls = self.calls()
        self.assertIn("dpkg --add-architecture i386", calls)
        install = next(line for line in calls.splitlines() if line.startswith("apt-get install"))
        self.assertIn(" gdb-multiarch ", install)
        self.assertNotIn("grub-pc-bin", install, "it is only unpacked")
        self.assertNotIn(" gdb ", install)
        self.assertNotIn("apt-get install -y --no-install-recommends busybox", calls, "it would not run there")
        for path in ("grub/usr/lib/grub/i386-pc/multiboot2.mod", "busybox/bin/busybox", "linux/vmlinuz"):
            self.assertTrue(os.path.exists(os.path.join(self.clone, "build", path)), path)

    def test_an_x86_host_installs_the_boot_loader(self):
        self.kidney("setup", HOSTTYPE="x86_64")
        self.assertIn(" grub-pc-bin ", self.calls())
        self.assertIn("busybox-static:i386", self.calls())
        self.assertNotIn("grub-pc-bin:i386", self.calls())
        self.assertNotIn("gdb-multiarch", self.calls())

    def test_without_network_it_gives_the_reason_and_so_does_the_doctor(self):
        open(os.path.join(self.fakes, "offline"), "w", encoding="utf-8").close()
        result = self.kidney("setup")
        self.assertEqual(result.returncode, 1)
        self.assertIn("E: Could not resolve the name of the mirror", result.stderr)
        self.assertIn("could not install clang-19 (compiles everything)", result.stderr)
        doctor = self.kidney("doctor")
        self.assertEqual(doctor.returncode, 1)
        self.assertIn("the last setup: E: Unable to fetch some archives", doctor.stdout)
        self.assertIn("apt-get install --no-install-recommends clang-19\n", doctor.stdout)
        self.assertIn("clang-19: compiles everything (run, test, bench, lab, grade)", doctor.stdout)

    def test_a_plain_user_without_sudo_is_told(self):
        self.fake("id", "#!/bin/bash\necho 1000\n")
        result = self.kidney("run", "--exec", "true")
        self.assertEqual(result.returncode, 1)
        missing, why = result.stderr.splitlines()
        self.assertRegex(missing, "^kidney: missing: clang-19 ")
        self.assertEqual(why, "kidney: installing packages needs root: run this as root, or install sudo")
        self.assertEqual(self.calls(), "")

    def test_elsewhere_than_on_debian_it_lists_what_to_install(self):
        os.remove(os.path.join(self.fakes, "apt-get"))
        result = self.kidney("run")
        self.assertEqual(result.returncode, 1)
        self.assertIn("missing: clang-19", result.stderr)
        self.assertIn("this is not Debian or Ubuntu", result.stderr)
        self.assertIn("docs/building/other-distributions.md", self.kidney("doctor").stdout)

    def test_what_cannot_be_written_is_said_in_one_line(self):
        result = self.kidney("--build", "/proc/nowhere", "setup")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "kidney: cannot write in /proc/nowhere: --build DIR, before the verb, names another "
                                        "folder for all that is made\n")
        self.assertEqual(self.kidney("--build").returncode, 2)

    def test_a_build_folder_elsewhere_gets_all_that_is_made(self):
        elsewhere = os.path.join(self.folder, "elsewhere")
        self.kidney("--build", elsewhere, "setup", HOSTTYPE="aarch64")
        self.assertTrue(os.path.exists(os.path.join(elsewhere, "grub/usr/lib/grub/i386-pc/multiboot2.mod")))
        self.assertFalse(os.path.exists(os.path.join(self.clone, "build")))


if __name__ == "__main__":
    unittest.main()

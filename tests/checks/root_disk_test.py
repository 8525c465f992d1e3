#!/usr/bin/env python3
"""Trees laid over each other for a root disk: what wins, what is followed, and that nothing leaves the disk."""
import os
import stat
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
IMAGE_TOOLS = os.path.join(ROOT, "tools", "image")
sys.path.insert(0, IMAGE_TOOLS)

from overlay import overlay  # noqa: E402


class Trees(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def tree(self, name, **files):
        """A tree of files (text), folders (None) and links (a tuple); "__" in a name is a slash."""
        for path, content in files.items():
            full = os.path.join(self.path(name), path.replace("__", "/"))
            os.makedirs(full if content is None else os.path.dirname(full), exist_ok=True)
            if isinstance(content, tuple):
                os.symlink(content[0], full)
            elif content is not None:
                with open(full, "w", encoding="ascii") as file:
                    file.write(content)
        return self.path(name)

    def merged(self, *trees):
        """{path on the disk: content} of everything but folders."""
        result = {}
        for path, entry in overlay(trees).items():
            if entry.is_link:
                result[path] = (os.readlink(entry.source),)
            elif not entry.is_folder:
                with open(entry.source, encoding="ascii") as file:
                    result[path] = file.read()
        return result

    def disk(self, *trees):
        output = self.path("disk")
        subprocess.run([sys.executable, "-IS", os.path.join(IMAGE_TOOLS, "make_root_disk.py"), "--output", output,
                        "--free", "1", *trees], check=True)
        subprocess.run(["e2fsck", "-fn", output], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return output

    def on_disk(self, disk, path):
        text = subprocess.run(["debugfs", "-R", f"stat {path}", disk], stdout=subprocess.PIPE, check=True, text=True,
                              stderr=subprocess.DEVNULL).stdout.split()
        pairs = list(zip(text, text[1:]))
        return {name[:-1]: value for name, value in reversed(pairs) if name.endswith(":")}  # the first of a name


class Overlay(Trees):
    def test_later_files_win(self):
        base = self.tree("base", bin__sh="old", etc__passwd="p")
        self.assertEqual(self.merged(base, self.tree("over", bin__sh="new", bin__ls="l")),
                         {"bin/sh": "new", "bin/ls": "l", "etc/passwd": "p"})

    def test_a_file_replaces_a_link_and_not_what_it_names(self):
        base = self.tree("base", bin__busybox="b", bin__sh=("/bin/busybox",))
        self.assertEqual(self.merged(base, self.tree("over", bin__sh="s")), {"bin/busybox": "b", "bin/sh": "s"})

    def test_a_folder_and_a_link_to_one_become_one(self):
        flat = self.tree("flat", bin__sh="flat", bin__only="o", usr__bin__awk="a")
        merged = self.tree("merged", usr__bin__sh="merged", bin=("usr/bin",))
        names = {"bin": ("usr/bin",), "usr/bin/only": "o", "usr/bin/awk": "a"}
        self.assertEqual(self.merged(flat, merged), {**names, "usr/bin/sh": "merged"})
        self.assertEqual(self.merged(merged, flat), {**names, "usr/bin/sh": "flat"})
        absolute = self.tree("absolute", usr__bin__sh="merged", bin=("/usr/bin",))
        self.assertEqual(self.merged(absolute, flat)["usr/bin/sh"], "flat")

    def test_links_are_followed_within_the_disk_only(self):
        base = self.tree("base", out=("/etc",), up=("../../..",), loop=("loop",), etc=None)
        over = self.tree("over", out__kidney="k", up__kidney="u")
        self.assertEqual(self.merged(base, over),
                         {"out": ("/etc",), "up": ("../../..",), "loop": ("loop",), "etc/kidney": "k", "kidney": "u"})
        self.assertFalse(os.path.exists("/etc/kidney"))

    def test_a_file_does_not_replace_a_folder(self):
        with self.assertRaises(ValueError):
            overlay([self.tree("base", bin__sh="s"), self.tree("over", bin="file")])


class Disk(Trees):
    def test_modes_links_and_holes_arrive(self):
        tree = self.tree("tree", bin__su="x", etc__f="x", etc__l=("f",))
        os.chmod(os.path.join(tree, "bin/su"), 0o4755)
        os.chmod(os.path.join(tree, "etc"), 0o1555)
        os.link(os.path.join(tree, "bin/su"), os.path.join(tree, "bin/hard"))
        os.mkfifo(os.path.join(tree, "fifo"), 0o600)
        with open(os.path.join(tree, "holes"), "wb") as file:
            file.truncate(1 << 30)
            file.seek(100 << 20)
            file.write(b"x")
        self.addCleanup(os.chmod, os.path.join(tree, "etc"), 0o755)
        disk = self.disk(tree)
        self.assertLess(os.stat(disk).st_size, 16 << 20)
        su = self.on_disk(disk, "/bin/su")
        self.assertEqual((su["Mode"], su["User"], su["Group"], su["Links"]), ("04755", "0", "0", "2"))
        self.assertEqual(self.on_disk(disk, "/bin/hard")["Inode"], su["Inode"])
        self.assertEqual(self.on_disk(disk, "/etc")["Mode"], "01555")
        self.assertEqual(self.on_disk(disk, "/fifo")["Type"], "FIFO")
        self.assertEqual(self.on_disk(disk, "/etc/l")["Type"], "symlink")
        self.assertEqual(self.on_disk(disk, "/holes")["Size"], str(1 << 30))
        self.assertLess(int(self.on_disk(disk, "/holes")["Blockcount"]), 64)

    @unittest.skipUnless(os.getuid() == 0, "only root can make files of others")
    def test_other_owners_stay(self):
        tree = self.tree("tree", wall="x", mine="x")
        os.chown(os.path.join(tree, "wall"), 3, 5)
        os.chmod(os.path.join(tree, "wall"), 0o2755)
        disk = self.disk(tree)
        wall = self.on_disk(disk, "/wall")
        self.assertEqual((wall["User"], wall["Group"], wall["Mode"]), ("3", "5", "02755"))
        self.assertEqual(self.on_disk(disk, "/mine")["User"], "0")
        self.assertEqual(stat.S_IMODE(os.stat(tree).st_mode) & 0o700, 0o700)


if __name__ == "__main__":
    unittest.main()

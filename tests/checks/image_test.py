#!/usr/bin/env python3
"""./kidney image: trees come back as they went, referees find nothing, and what is refused stays as it was.

The referees are e2fsck, debugfs, fsck.fat and mtools; without one its part is left out, and the last line says so.
"""
import argparse
import fcntl
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
TREE = None
MIB = 1 << 20
QUICK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # each command waits for the disk
LINUX = ("kfs", "vsfs", "ext2")
FATS = ("fat12", "fat16", "fat32")
os.environ["PATH"] += ":/sbin:/usr/sbin"


def kidney(*arguments):
    command = [os.path.join(ROOT, "kidney"), "image", *arguments, "--tree", TREE]
    if "--" in arguments:
        command = [*command[:2], "--tree", TREE, *arguments]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return result.returncode, result.stdout.decode(errors="surrogateescape"), result.stderr.decode(errors="surrogateescape")


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="surrogateescape", check=True).stdout


def write(path, data=b""):
    with open(path, "wb") as file:
        file.write(data)


def fill_tree(top, chance, kind):
    """Some hundreds of files with odd names, sizes around the borders of blocks, and what else a file system keeps."""
    is_fat = kind.startswith("fat")
    longest = 58 if kind == "vsfs" else 255
    odd = ["with a space", "-dash", ".hidden", "ünïcödé 漢字", "a" * longest, "two.dots.txt", "'quoted'", "$HOME;#&()", "~tilde", "LONG name.TXT"]
    odd += [] if is_fat else ["new\nline", "tab\there", "*?\"<>|:\\", "ends.", "ends ", "\x7f", "Case", "case"]
    folders = [top]
    for n in range(14):
        folders.append(os.path.join(chance.choice(folders), f"d{n}" if n % 3 else f"folder {n} {odd[n % len(odd)][:40]}"))
        os.mkdir(folders[-1])
    for name in odd:
        write(os.path.join(top, name), name.encode())
    sizes = [0, 1, 511, 512, 513, 4095, 4096, 4097, 12 * 1024 + 1, 81920, 300_001]
    for n in range(260):
        write(os.path.join(chance.choice(folders), f"file{n}"), chance.randbytes(sizes[n % len(sizes)] if n < 33 else chance.randrange(3000)))
    with open(os.path.join(top, "sparse"), "wb") as file:
        file.truncate(2 * MIB if is_fat else 3 * MIB)
        file.seek(MIB + 7)
        file.write(b"in the middle of nothing")
    if not is_fat:
        os.symlink("folder 0", os.path.join(top, "link"))
        os.symlink("/x" * 200, os.path.join(top, "long link"))
        os.link(os.path.join(top, "sparse"), os.path.join(folders[3], "hard"))
        os.chmod(os.path.join(top, "-dash"), 0o4755)
        os.chmod(os.path.join(top, ".hidden"), 0o400)
        os.chmod(folders[2], 0o700)
    for folder, inner, names in os.walk(top, topdown=False):
        for name in sorted(inner + names):
            time = 1_000_000_000 + chance.randrange(10 ** 8) * 2
            os.utime(os.path.join(folder, name), (time, time), follow_symlinks=False)


def described(top, with_modes, with_times=True, with_link_times=True, ignore=()):
    """{path: what is there}"""
    found = {}
    for folder, inner, names in os.walk(top):
        for name in inner + names:
            path = os.path.join(folder, name)
            info, shown = os.lstat(path), os.path.relpath(path, top)
            if shown in ignore:
                continue
            if os.path.islink(path):
                what = os.readlink(path)
            elif os.path.isdir(path):
                what = "a folder"
            else:
                with open(path, "rb") as file:
                    what = file.read()
            mode = info.st_mode & 0o777 if with_modes and not os.path.islink(path) else None
            # A folder changes when what is in it goes.
            time = int(info.st_mtime) if with_times and what != "a folder" and (with_link_times or not os.path.islink(path)) else None
            links = info.st_nlink if with_modes and what != "a folder" else None
            found[shown] = (what, mode, time, links)
    return found


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=QUICK)
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.image = self.at("disk.img")

    def at(self, *names):
        return os.path.join(self.folder, *names)

    def do(self, *arguments):
        status, out, err = kidney(*arguments)
        self.assertEqual((status, err), (0, ""), (arguments, out))
        return out

    def refuse(self, *arguments, says, status=1):
        done, out, err = kidney(*arguments)
        self.assertEqual(done, status, (arguments, out, err))
        self.assertIn(says, err)

    def bytes_of_image(self):
        with open(self.image, "rb") as file:
            return file.read()


class Trees(Case):
    def compare(self, expected, top, what, **how):
        self.maxDiff = 2000
        found = described(top, **how)
        self.assertEqual(sorted(expected), sorted(found), what)
        for path, value in expected.items():
            self.assertEqual(value, found[path], f"{what}: {path!r}")

    def read_back(self, name, kind, tree):
        """By us and by a referee; the latter knows neither partitions nor kfs."""
        is_fat = kind.startswith("fat")
        back = self.at("back")
        shutil.rmtree(back, ignore_errors=True)
        self.do("get", name, "/", back)
        ignore = ("lost+found",)
        self.compare(described(tree, not is_fat, ignore=ignore), back, f"{kind}, by us", with_modes=not is_fat, ignore=ignore)
        shutil.rmtree(back)
        if name != self.image:
            return
        os.mkdir(back)
        if kind == "ext2" and shutil.which("debugfs"):
            run("debugfs", "-R", f"rdump / {back}", self.image)
        elif is_fat and shutil.which("mcopy"):
            run("mcopy", "-s", "-m", "-n", "-Q", "-i", self.image, "::*", back)
        else:
            return
        how = {"with_modes": False, "with_times": not is_fat, "with_link_times": False, "ignore": ignore}
        self.compare(described(tree, **how), back, f"{kind}, by its own tool", **how)
        shutil.rmtree(back)

    def check(self, name):
        status, out, err = kidney("check", name)
        self.assertEqual((status, err), (0, ""), out)
        self.assertIn("sound", out)

    def there_and_back(self, kind, name, chance):
        is_fat = kind.startswith("fat")
        tree = self.at("tree")
        shutil.rmtree(tree, ignore_errors=True)
        os.mkdir(tree)
        fill_tree(tree, chance, kind)
        self.do("put", "--", name, *sorted(os.path.join(tree, one) for one in os.listdir(tree)), "/")
        self.check(name)
        self.read_back(name, kind, tree)
        files = [os.path.join(folder, one) for folder, _, ones in os.walk(tree) for one in ones]
        gone = chance.sample(sorted(files), len(files) // 2)
        self.do("rm", "--", name, *("/" + os.path.relpath(path, tree) for path in gone))
        for path in gone:
            os.unlink(path)
        deep = os.path.join(tree, next(one for one in sorted(os.listdir(tree)) if os.path.isdir(os.path.join(tree, one))))
        self.do("rm", "-r", "--", name, "/" + os.path.basename(deep))
        shutil.rmtree(deep)
        self.check(name)
        self.read_back(name, kind, tree)

    def test_trees_come_back_as_they_went(self):
        for kind in (*LINUX, *FATS):
            if kind.startswith("fat") and not shutil.which("mkfs.fat"):
                continue
            with self.subTest(kind):
                chance = random.Random(kind)
                # ext2 has blocks of 1 KiB on small disks.
                self.do("make", self.image, "--format", kind, "--mebibytes", {"fat12": "15", "ext2": "15"}.get(kind, "40"), "--force")
                self.there_and_back(kind, self.image, chance)

    def test_in_partitions_too(self):
        kinds = [kind for kind in (*LINUX, "fat16") if not kind.startswith("fat") or shutil.which("mkfs.fat")]
        for table in ("gpt", "mbr"):
            self.do("make", self.image, "--table", table, *(f"--part={kind}:20" for kind in kinds), "--force")
            before = self.bytes_of_image()
            for n, kind in enumerate(kinds, 1):
                with self.subTest(f"{table} {kind}"):
                    self.there_and_back(kind, f"{self.image}:{n}", random.Random(f"{table} {kind}"))
                    after = self.bytes_of_image()
                    begin, end = (1 + 20 * (n - 1)) * MIB, (1 + 20 * n) * MIB
                    self.assertTrue(after[:begin] == before[:begin] and after[end:] == before[end:], "it stays in its part")
                    before = after
            out = self.do("info", self.image)
            self.assertIn(f"{table.upper()}, {len(kinds)} partitions", out)
            for n, kind in enumerate(kinds, 1):
                self.assertIn(f"{self.image}:{n}: 20 MiB from {20 * n - 19} MiB on, {'vfat' if kind == 'fat16' else kind}", out)
            self.assertEqual(self.do("check", self.image).count("sound"), len(kinds))

    def test_a_tree_can_come_with_the_file_system(self):
        os.mkdir(self.at("tree"))
        fill_tree(self.at("tree"), random.Random(5), "vsfs")
        for kind in LINUX:
            self.do("make", self.image, "--format", kind, "--mebibytes", "20", "--from", self.at("tree"))
            self.check(self.image)
            self.read_back(self.image, kind, self.at("tree"))


class Names(Case):
    def setUp(self):
        super().setUp()
        self.do("make", self.image, "--format", "kfs", "--mebibytes", "8")
        write(self.at("file"), b"some bytes\n")

    def test_what_is_done_to_names(self):
        self.do("mkdir", self.image, "-p", "/a/b/c", "/a/b")
        self.do("put", self.image, self.at("file"), "/a/b")
        self.do("put", self.image, self.at("file"), "/a/other")
        self.do("mv", self.image, "/a/b/file", "/a/b/c")
        self.do("mv", self.image, "/a/other", "/a/renamed")
        self.do("ln", self.image, "/a/renamed", "/a/hard")
        self.do("ln", "-s", self.image, "../renamed", "/a/b/soft")
        self.do("chmod", self.image, "1604", "/a/b/soft")
        self.assertEqual(self.do("cat", self.image, "/a/b/c/file", "/a/b/soft"), "some bytes\nsome bytes\n")
        self.assertEqual(self.do("ls", self.image, "-r"), "a\na/b\na/b/c\na/b/c/file\na/b/soft\na/hard\na/renamed\n")
        out = self.do("ls", "-l", self.image, "/a", "/a/b/soft")
        self.assertRegex(out, r"(?m)^-rw----r-T +2 +0 +0 +11 \d{4}-\d\d-\d\d \d\d:\d\d:\d\d hard$")
        self.assertRegex(self.do("ls", "-l", self.image, "/a/b"), r"(?m)^lrwx.* soft -> \.\./renamed$")
        self.do("rm", self.image, "-r", "/a/b", "/a/hard")
        self.assertEqual(self.do("ls", self.image, "/a"), "renamed\n")
        self.do("get", self.image, "/a/renamed", self.at("back"))
        with open(self.at("back"), "rb") as file:
            self.assertEqual(file.read(), b"some bytes\n")
        self.assertIn("sound", self.do("check", self.image))

    def test_each_name_that_cannot_be_is_told(self):
        self.do("mkdir", self.image, "/d")
        self.do("put", self.image, self.at("file"), "/")
        self.refuse("cat", self.image, "/none", "/file", says="image: /none: No such file or directory\n")
        self.refuse("cat", self.image, "/d", says="image: /d: Is a directory\n")
        self.refuse("ls", self.image, "/file/x", says="image: /file/x: Not a directory\n")
        self.refuse("rm", self.image, "/d", says="image: /d: Is a directory\n")
        self.refuse("mkdir", self.image, "/d", says="image: /d: File exists\n")
        self.refuse("mv", self.image, "/d", "/d/d/e", says="image: /d to /d/d/e: ")
        self.refuse("ln", self.image, "/d", "/e", says="image: /e: Operation not permitted\n")
        self.refuse("put", self.image, self.at("none"), "/", says="none: No such file or directory\n")
        self.refuse("put", self.image, self.at("file"), "/none/", says="image: /none/: No such file or directory\n")
        self.refuse("put", self.image, self.at("file"), "/" + "n" * 256, says="File name too long\n")
        self.refuse("get", self.image, "/none", self.folder, says="image: /none: No such file or directory\n")
        self.refuse("get", self.image, "/d", "/file", self.at("no"), says="no: no such folder\n")
        self.refuse("chmod", self.image, "9", "/d", says="'9' is no mode in octal", status=2)
        self.refuse("cat", self.image, says="cat wants: IMAGE PATH...", status=2)
        self.refuse("mv", self.image, "/d", says="mv wants: IMAGE OLD NEW", status=2)
        self.refuse("ls", self.image, "--force", says="ls: there is no --force for it", status=2)
        self.assertIn("sound", self.do("check", self.image))

    def test_nothing_leaves_the_folder(self):
        os.mkdir(self.at("elsewhere"))
        os.mkdir(self.at("out"))
        os.symlink(self.at("elsewhere"), self.at("out", "d"))
        self.do("mkdir", self.image, "/d")
        self.do("put", self.image, self.at("file"), "/d")
        self.refuse("get", self.image, "/d", self.at("out"), says="/d: ")
        self.assertEqual(os.listdir(self.at("elsewhere")), [])
        os.symlink(self.at("elsewhere", "made"), self.at("out", "file"))
        self.do("get", self.image, "/d/file", self.at("out"))
        self.assertEqual(os.listdir(self.at("elsewhere")), [])
        self.assertFalse(os.path.islink(self.at("out", "file")))
        for kind in LINUX:  # a name that leads upwards
            self.do("make", self.image, "--format", kind, "--mebibytes", "8")
            write(self.at("..Xevil"), b"x")
            self.do("put", self.image, self.at("..Xevil"), "/")
            data = self.bytes_of_image()
            self.assertIn(b"..Xevil", data)
            write(self.image, data.replace(b"..Xevil", b"../evil"))
            status, _, err = kidney("get", self.image, "/", self.at("out"))
            self.assertEqual(status, 1, kind)
            self.assertRegex(err, "it has a name that cannot be one: ../evil|needs cleaning")
            self.assertFalse(os.path.exists(self.at("evil")), kind)

    def test_a_full_disk_keeps_what_was_there(self):
        for kind in (*LINUX, *(FATS if shutil.which("mkfs.fat") else ())):
            with self.subTest(kind):
                mebibytes = 40 if kind in ("fat16", "fat32") else 6
                self.do("make", self.image, "--format", kind, "--mebibytes", str(mebibytes), "--force")
                write(self.at("kept"), b"k" * 100_000)
                self.do("put", self.image, self.at("kept"), "/")
                os.makedirs(self.at("many"), exist_ok=True)
                for n in range(20):
                    write(self.at("many", f"f{n:02}"), bytes([n + 1]) * (mebibytes * MIB // 15))
                self.refuse("put", self.image, self.at("many"), "/", says="No space left on device\n")
                self.assertIn("f10", self.do("ls", self.image, "/many"))
                self.assertNotIn("f19", self.do("ls", self.image, "/many"))
                write(self.at("kept"), b"n" * (45 * MIB))
                self.refuse("put", self.image, self.at("kept"), "/", says="No space left")
                self.assertIn("sound", self.do("check", self.image))
                self.assertEqual(self.do("cat", self.image, "/kept"), "k" * 100_000)
                self.do("rm", self.image, "-r", "/many")
                self.assertIn("sound", self.do("check", self.image))


class Images(Case):
    def test_what_is_not_ours_stays(self):
        write(self.image, b"\0" * MIB + b"precious" + b"\0" * MIB)
        foreign = {"a text": self.bytes_of_image()}
        for name, command in {"an ext2": ["mke2fs", "-q", "-F", "-t", "ext2"], "a FAT": ["mkfs.fat"]}.items():
            if shutil.which(command[0]):
                write(self.image, b"\0" * 4 * MIB)
                run(*command, self.image)
                foreign[name] = self.bytes_of_image()
        for tool, line in {"sfdisk": "label: dos\nsize=2048\n", "sgdisk": None}.items():
            if shutil.which(tool):
                write(self.image, b"\0" * 4 * MIB)
                if line:
                    subprocess.run([tool, "-q", self.image], input=line, text=True, check=True, stderr=subprocess.DEVNULL)
                else:
                    run(tool, "-n", "1:2048:4096", self.image)
                foreign[f"a table by {tool}"] = self.bytes_of_image()
        for name, data in foreign.items():
            with self.subTest(name):
                write(self.image, data)
                self.refuse("make", self.image, says="it holds something that image make did not make; --force overwrites it")
                self.assertEqual(self.bytes_of_image(), data)
                self.do("make", self.image, "--format", "vsfs", "--force", "--mebibytes", "2")
                self.assertIn("vsfs: sound", self.do("check", self.image))

    def test_what_is_ours_may_be_made_anew(self):
        kinds = [*LINUX, *(FATS if shutil.which("mkfs.fat") else ())]
        for kind in kinds:
            self.do("make", self.image, "--format", kind, "--mebibytes", "34" if kind in ("fat16", "fat32") else "8")
            self.do("make", self.image, "--table", "gpt", f"--part={kind}:34", "--part=none", "--mebibytes", "40")
            self.do("make", self.image, "--table", "mbr", f"--part={kind}:34", "--mebibytes", "40")
        self.assertEqual(os.listdir(self.folder), ["disk.img"], "nothing else is left")
        before = self.bytes_of_image()
        self.refuse("make", self.image, "--format", "kfs", "--inodes", "99999999", says="no such file system has that size")
        self.refuse("make", self.image, "--table", "gpt", "--part=kfs:30", "--part=kfs:30", "--mebibytes", "40", says="the parts do not fit")
        self.refuse("make", self.image, "--table", "mbr", *["--part=none:1"] * 5, says="no room for so many parts")
        self.refuse("make", self.image, "--table", "gpt", "--part=kfs:8", "--part=ext2:8", "--part=fat16:1", says="part 3: mkfs.fat ")
        self.assertTrue(self.bytes_of_image() == before, "a mistake costs nothing")
        self.assertEqual(os.listdir(self.folder), ["disk.img"], "nothing else is left")

    def test_options_that_do_not_fit(self):
        for arguments, says in ((["--part=kfs:8"], "--table and --part go together"), (["--table", "gpt"], "--table and --part go together"),
                                (["--table", "gpt", "--part=ntfs:8"], "ntfs:8"), (["--table", "gpt", "--part=kfs:0"], "kfs:0"),
                                (["--table", "gpt", "--part=kfs", "--part=kfs:rest"], "only one part can have the rest"),
                                (["--table", "gpt", "--part=kfs", "--inodes", "9"], "are for one file system without partitions"),
                                (["--format", "ntfs"], "ntfs"),
                                (["--mend"], "make: there is no --mend for it"), (["extra"], "make wants: IMAGE")):
            self.refuse("make", self.image, *arguments, says=says, status=2)
        self.refuse("make", self.image, "--from", "/no/such", says="image: /no/such: No such file or directory\n")
        self.assertEqual(os.listdir(self.folder), [])

    def test_what_is_no_image(self):
        self.refuse("ls", self.image, says=": No such file or directory\n")
        self.refuse("info", self.folder, says=": not a file\n")
        write(self.image, b"no disk at all")
        self.refuse("ls", self.image, says="there is no file system that we know")
        self.refuse("cat", f"{self.image}:1", "/x", says="there is no such partition")
        self.do("make", self.image, "--table", "gpt", "--part=kfs:8", "--part=none:8", "--force")
        self.refuse("ls", self.image, says=f"it has partitions: name one, as in {self.image}:1")
        self.refuse("ls", f"{self.image}:2", says="there is no file system that we know")
        self.refuse("ls", f"{self.image}:3", says="there is no such partition")
        self.refuse("check", f"{self.image}:3", says="there is no such partition")
        with open(self.image, "r+b") as file:
            file.seek(512 + 40)
            file.write(b"\xff" * 8)
        status, out, err = kidney("check", self.image)
        self.assertEqual(status, 1, out)
        self.assertIn("GPT whose first copy is damaged", err)
        with open(self.image, "r+b") as file:
            file.seek(-512, os.SEEK_END)
            file.write(b"\xff" * 8)
        self.refuse("info", self.image, says="its partition table is damaged: Structure needs cleaning")

    def test_damage_is_named(self):
        self.do("make", self.image, "--mebibytes", "4", "--inodes", "64", "--log-blocks", "16")
        with open(self.image, "r+b") as file:
            file.seek(18 * 4096 + 4)  # the block bitmap
            file.write(b"\x0f")
        status, out, _ = kidney("check", self.image)
        self.assertEqual(status, 1)
        self.assertIn("a block is taken and belongs to nobody: inode 0, block 32 (only space is lost)\n", out)
        with open(self.image, "r+b") as file:
            file.seek(40)
            file.write(b"\xff")
        status, out, _ = kidney("check", self.image)
        self.assertEqual(status, 1)
        self.assertIn("superblock.checksum", out)
        self.refuse("ls", self.image, says="its kfs cannot be mounted: superblock.checksum is 0x")

    def test_what_was_not_unmounted_is_read_and_not_changed(self):
        write(self.at("file"), b"x")
        marks = {"ext2": (1024 + 58, b"\0\0"), "fat16": (37, b"\x01")}
        for kind, (place, mark) in marks.items():
            if kind == "fat16" and not shutil.which("mkfs.fat"):
                continue
            with self.subTest(kind):
                self.do("make", self.image, "--format", kind, "--mebibytes", "16", "--force")
                self.do("put", self.image, self.at("file"), "/")
                with open(self.image, "r+b") as file:
                    file.seek(place)
                    file.write(mark)
                before = self.bytes_of_image()
                status, out, err = kidney("cat", self.image, "/file")
                self.assertEqual((status, out), (0, "x"))
                self.assertIn("it was not unmounted; what is read may be wrong", err)
                self.refuse("put", self.image, self.at("file"), "/new", says="was not unmounted, and may be damaged: image check --mend")
                self.assertTrue(self.bytes_of_image() == before)
                self.assertIn("mended", self.do("check", "--mend", self.image))
                self.do("put", self.image, self.at("file"), "/new")
                self.assertIn("sound", self.do("check", self.image))

    def test_one_at_a_time(self):
        self.do("make", self.image, "--mebibytes", "8")
        write(self.at("file"), b"x")

        def mark(file, byte):  # as QEMU does
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, byte, 1, 0))
        says = "somebody else has it in use"
        with open(self.image, "rb") as file:  # a reader, who minds writers
            mark(file, 100)
            mark(file, 201)
            self.do("ls", self.image)
            self.refuse("put", self.image, self.at("file"), "/", says=says)
            self.refuse("make", self.image, "--force", says=says)
        with open(self.image, "rb") as file:  # a writer
            mark(file, 101)
            self.refuse("ls", self.image, says=says)
            self.refuse("check", self.image, says=says)
        self.do("put", self.image, self.at("file"), "/")

    def test_any_damage_ends_in_an_answer(self):
        program, chance = os.path.join(TREE, "tools", "disk", "disk"), random.Random(3)
        os.mkdir(self.at("tree"))
        for n in range(30):
            write(self.at("tree", f"a file with the number {n}"), chance.randbytes(chance.randrange(9000)))
        for kind in (*LINUX, *(("fat12",) if shutil.which("mkfs.fat") else ())):
            self.do("make", self.image, "--format", kind, "--mebibytes", "4", "--from", self.at("tree"), "--force")
            good = self.bytes_of_image()
            used = [at for at in range(0, len(good), 512) if any(good[at:at + 512])]
            for _ in range(8):
                bad = bytearray(good)
                for _ in range(chance.choice((1, 2, 10))):
                    at = chance.choice(used[:150]) + chance.randrange(512)
                    bad[at] = chance.choice((0, 255, bad[at] ^ 1 << chance.randrange(8)))
                write(self.image, bad)
                for words in (("ls", "--long", "--recursive", "--", self.image), ("check", "--", self.image),
                              ("get", "--", self.image, "/", self.at("out")), ("put", "--", self.image, self.at("tree"), "/new")):
                    shutil.rmtree(self.at("out"), ignore_errors=True)
                    done = subprocess.run([program, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
                    self.assertIn(done.returncode, (0, 1), (kind, words, done.stderr[-3000:]))

    def test_an_interruption_ends_in_order(self):
        self.do("make", self.image, "--format", "ext2", "--mebibytes", "300")
        os.mkdir(self.at("tree"))
        for n in range(200):
            write(self.at("tree", f"f{n:03}"), bytes([n]) * MIB)
        command = [os.path.join(TREE, "tools", "disk", "disk"), "put", "--", self.image, self.at("tree"), "/"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process, open(self.image, "rb") as file:
            while process.poll() is None and os.pread(file.fileno(), 1, 1024 + 58)[0] & 1:
                pass  # until it is marked as in use
            process.send_signal(signal.SIGINT)
            err = process.stderr.read()
        self.assertEqual(process.returncode, 1)
        self.assertRegex(err, r"^image: .*/tree/f\d+: interrupted before it\n$")
        self.assertIn("sound", self.do("check", self.image))
        self.assertIn("f001", self.do("ls", self.image, "/tree"))

    def test_reading_changes_nothing(self):
        write(self.at("file"), b"x" * 5000)
        for kind in LINUX:
            self.do("make", self.image, "--format", kind, "--mebibytes", "8")
            self.do("put", self.image, self.at("file"), "/")
            before = self.bytes_of_image()
            os.chmod(self.image, 0o444)
            for arguments in (("ls", "-l"), ("info",), ("check",), ("cat", "/file"), ("get", "/file", self.at("back"))):
                self.do(arguments[0], self.image, *arguments[1:])
            self.assertTrue(self.bytes_of_image() == before, kind)
            os.chmod(self.image, 0o644)


def main():
    global TREE
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", required=True)
    options, rest = parser.parse_known_args()
    TREE = options.tree
    if missing := [tool for tool in ("debugfs", "mcopy", "mkfs.fat", "sfdisk", "sgdisk") if not shutil.which(tool)]:
        print(f"left out, not installed: {', '.join(missing)}", file=sys.stderr)
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A folder of the host in the guest: each side finds what the other has written, by busybox and by Python."""
import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import guest

LARGE = 20 << 20
SMALL = 2000
WORK = f"""
cd /host || exit 1
grep -q " /host 9p rw" /proc/mounts || exit 2
grep -q "^nodev.9p$" /proc/filesystems || exit 3
cat "from the host/a file" || exit 4
md5sum < large | cut -d" " -f1; [ $(ls -l large | awk '{{print $5}}') = {LARGE} ] || exit 5
[ $(ls many | wc -l) = {SMALL} ] || exit 6; cat many/* | md5sum | cut -d" " -f1
[ "$(find "from the host" | wc -l)" = 3 ] || exit 7
[ "$(readlink "from the host/link")" = "a file" ] && cat "from the host/link" || exit 8
# Here as there.
mkdir -p made/inner; cp /bin/busybox made/inner || exit 9
./made/inner/busybox uname -s; ln -s inner/busybox made/sh; ./made/sh -c "exit 0" || exit 10
i=0; while [ $i -lt 300 ]; do echo $i > made/f$i; i=$((i+1)); done
rm made/f2*; mv made/f14 made/inner/moved; mv made/inner renamed; ln renamed/moved hard; chmod 750 renamed/moved
seq 1 100000 > numbers; seq 1 10 >> numbers; printf xyz | dd of=numbers bs=1 seek=2 conv=notrunc 2>/dev/null
dd if=/dev/zero of=cut bs=100k count=3 2>/dev/null; dd if=/dev/null of=cut bs=1 seek=12345 2>/dev/null
touch -d "2001-02-03 04:05:06" old; sync
(cat pipe > through) & echo by way of a fifo > pipe; wait; rm pipe
exec 3<> open; echo kept >&3; rm open; echo more >&3; exec 3<&-
cd renamed && [ "$(pwd -P)" = /host/renamed ] || exit 11; cd /host
rmdir made 2>/dev/null && exit 12; mv renamed renamed/x 2>/dev/null && exit 13; mkdir made 2>/dev/null && exit 14
cat nothing 2>/dev/null && exit 15
rm -r many || exit 16
mkdir /tmp/again; mount -t 9p -o trans=virtio,version=9p2000.L,ro host /tmp/again || exit 17
cmp numbers /tmp/again/numbers || exit 18; (echo x > /tmp/again/numbers) 2>/dev/null && exit 18
umount /tmp/again || exit 19
mount -t 9p -o trans=tcp host /tmp/again 2>/dev/null && exit 20
mount -t 9p nobody /tmp/again 2>/dev/null && exit 21
cd /; umount /host && mount -t 9p host /host && cat /host/renamed/moved; df /host > /dev/null || exit 22
"""
READ_ONLY = """
cat "/host/from the host/a file"; { echo x > /host/new; } 2>/dev/null && exit 1
rm /host/numbers 2>/dev/null && exit 2; mkdir /host/d 2>/dev/null && exit 3; exit 0
"""


def small(n: int) -> bytes:
    return b"%d\n" % (n * n)


def make(folder: Path) -> list[str]:
    """A tree for the guest, and what it shall say of it."""
    (folder / "from the host").mkdir()
    (folder / "from the host/a file").write_text("a text\n")
    (folder / "from the host/link").symlink_to("a file")
    large = bytes(n * n >> 5 & 255 for n in range(1 << 16)) * (LARGE >> 16)
    (folder / "large").write_bytes(large)
    os.mkfifo(folder / "pipe")  # QEMU makes none for a guest
    (folder / "many").mkdir()
    for n in range(SMALL):
        (folder / f"many/{n:04}").write_bytes(small(n))
    texts = hashlib.md5(b"".join(small(n) for n in range(SMALL)))
    return ["a text", hashlib.md5(large).hexdigest(), texts.hexdigest(), "a text", "KidneyOS", "14"]


def judge(folder: Path, tree: Path) -> list[str]:
    """What is not as the guest should have left it."""
    wanted = [("numbers", b"1\nxyz" + b"".join(b"%d\n" % n for n in range(1, 100001))[5:] + b"".join(b"%d\n" % n for n in range(1, 11))),
              ("renamed/moved", b"14\n"), ("through", b"by way of a fifo\n"), ("cut", bytes(12345))]
    wrong = [name for name, content in wanted if (folder / name).read_bytes() != content]
    names = sorted(path.name for path in (folder / "made").iterdir())
    if names != sorted(["sh", *(f"f{n}" for n in range(300) if not str(n).startswith("2") and n != 14)]):
        wrong.append(f"made: {names}")
    if sorted(os.listdir(folder)) != sorted(["from the host", "large", "made", "renamed", "hard", "numbers", "cut", "old", "through"]):
        wrong.append(f"{os.listdir(folder)}")
    if (folder / "hard").stat().st_ino != (folder / "renamed/moved").stat().st_ino or (folder / "hard").stat().st_mode & 0o777 != 0o750:
        wrong.append("hard")
    if (folder / "old").stat().st_mtime != 981173106:
        wrong.append(f"old: {(folder / 'old').stat().st_mtime}")
    if os.readlink(folder / "made/sh") != "inner/busybox":
        wrong.append("made/sh")
    image = subprocess.run(["debugfs", "-R", "dump /bin/busybox /dev/stdout", tree / "root.ext2"], capture_output=True,
                           env=os.environ | {"PATH": os.environ["PATH"] + ":/sbin:/usr/sbin"}).stdout
    if (folder / "renamed/busybox").read_bytes() != image:
        wrong.append("renamed/busybox")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True)
    options = parser.parse_args()
    guest.require_qemu()
    with tempfile.TemporaryDirectory(prefix="kidney-share-") as name:
        folder = Path(name)
        expected = make(folder)
        result = guest.run(options.tree, WORK, "--smp", "2", "--share", name)
        if b"built without virtfs" in result.err:
            print("skipped: this QEMU has no virtio-9p")
            sys.exit(guest.SKIPPED)
        if result.status != 0 or result.err or result.out.decode().splitlines() != expected:
            sys.exit(f"FAILED: status {result.status}, {result.out}, {result.err}\n{guest.tail(result.log)}")
        wrong = judge(folder, options.tree)
        if wrong:
            sys.exit(f"FAILED: the folder is not as the guest should have left it: {wrong}")
        result = guest.run(options.tree, READ_ONLY, "--share", name + ":ro")
        if result.status != 0 or result.err or result.out != b"a text\n" or (folder / "new").exists():
            sys.exit(f"FAILED: read-only: status {result.status}, {result.out}, {result.err}\n{guest.tail(result.log)}")
    print("both sides have seen the same")


if __name__ == "__main__":
    main()

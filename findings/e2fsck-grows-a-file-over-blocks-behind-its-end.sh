#!/bin/sh
# e2fsck: a file whose inode has blocks behind its end gets a new size that covers them, and bytes that nobody wrote to it.
#
# Subject: Debian 12's e2fsprogs, 1.47.0-2+b2: a file of three blocks in an ext2 of 1 KiB blocks, whose size debugfs sets to
#   100, as a power cut between the blocks and the size of an append leaves it.
# A good guess: the size is what the program was promised, so the blocks behind it are freed; or preening, which mends what
#   is safe, leaves such a file to a human.
# Seen: "i_size is 100, should be 3072", also with -p, which mends it and ends with status 1 (errors corrected). The file has
#   3072 bytes then: what was in its blocks has become its contents. So a file system that writes sizes after blocks must
#   have the bytes on the disk before either, and a judge of crashes must take "as long as its blocks" for a length that is
#   allowed after e2fsck.
# Needs: the right to run apt-get download; dpkg-deb; the libraries that e2fsprogs is linked to (libext2fs2, libss2, ...).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
version=1.47.0-2+b2
apt-get download "e2fsprogs=$version" >/dev/null 2>&1
dpkg-deb -x ./*.deb root
size_of() { # how long the file is
    root/sbin/debugfs -R 'stat f' image 2>/dev/null | sed -n 's/^User:.*Size: \([0-9]*\)$/\1/p'
}
head -c 3000 /dev/zero | tr '\0' 'a' >three
{
    root/sbin/mke2fs -q -t ext2 -b 1024 image 1M >/dev/null 2>&1
    root/sbin/debugfs -w -R 'write three f' image >/dev/null 2>&1
    echo "written: $(size_of)"
    root/sbin/debugfs -w -R 'sif f size 100' image >/dev/null 2>&1
    echo "cut: $(size_of)"
    status=0
    root/sbin/e2fsck -p -f image >said 2>&1 || status=$?
    echo "preened: status $status, $(size_of), $(grep -c 'i_size is 100, should be 3072' said) message"
} | tee seen
cat >expected <<'END'
written: 3000
cut: 100
preened: status 1, 3072, 1 message
END
if cmp -s seen expected; then
    echo "as seen: the size follows the blocks"
else
    echo "not what was seen"
    exit 1
fi

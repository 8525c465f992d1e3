#!/bin/sh
# e2fsck -p does not reconnect a file that has no name: it stops and asks for a person. An empty one it clears.
#
# Subject: Debian 12's e2fsprogs, 1.47.0-2+b2: mke2fs, debugfs and e2fsck on an image of ext2, without root.
# A good guess: -p ("preen", what a system does at boot) mends whatever loses nothing, and a file whose name is gone
#   loses nothing: it goes to /lost+found, as with -y. So a file system without a journal that writes inodes before
#   names leaves nothing behind a crash that -p would not mend.
# Seen: with -p a file of five bytes without a name ends the run with status 4 ("RUN fsck MANUALLY"), a directory
#   without a name as well; an empty file without a name is cleared, and a wrong count of links is mended, both with
#   status 1. With -y all four end with status 1. Writing inodes first is therefore not safe enough for -p.
# Needs: the right to run apt-get download; dpkg-deb.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
version=1.47.0-2+b2
apt-get download "e2fsprogs=$version" "libext2fs2=$version" "libss2=$version" "libcom-err2=$version" >/dev/null 2>&1
for package in *.deb; do
    dpkg-deb -x "$package" root
done
LD_LIBRARY_PATH=$(dirname "$(find "$folder/root" -name 'libext2fs.so.2' | head -n 1)")
LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$folder/root/lib/$(uname -m)-linux-gnu:$folder/root/usr/lib/$(uname -m)-linux-gnu
export LD_LIBRARY_PATH
tools=$folder/root/sbin
export MKE2FS_CONFIG=$folder/root/etc/mke2fs.conf
printf 'hello' >five
: >none
status_of() { # STEP OPTION: what e2fsck says of an image that debugfs has changed
    rm -f image
    truncate -s 1M image
    "$tools/mke2fs" -q -F -t ext2 -b 1024 image
    printf 'write five full\nwrite none empty\nmkdir d\n%s\n' "$1" >steps
    "$tools/debugfs" -w -f steps image >/dev/null 2>&1
    status=0
    "$tools/e2fsck" -f "$2" image >told 2>&1 || status=$?
    echo "$status"
}
for step in "unlink full" "unlink d" "unlink empty" "ln full second"; do
    echo "$step: $(status_of "$step" -p) with -p, $(status_of "$step" -y) with -y"
done | tee seen
cat >expected <<'END'
unlink full: 4 with -p, 1 with -y
unlink d: 4 with -p, 1 with -y
unlink empty: 1 with -p, 1 with -y
ln full second: 1 with -p, 1 with -y
END
if cmp -s seen expected; then
    echo "as seen: -p mends no file without a name unless it is empty"
else
    echo "not what was seen"
    exit 1
fi

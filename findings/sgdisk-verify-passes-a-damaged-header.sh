#!/bin/sh
# sgdisk: --verify says "No problems found" and exits with 0 for a disk whose first GPT header is damaged.
#
# Subject: Debian 12's gdisk, 1.0.9-2.1: sgdisk -v on an image with one partition, before and after one byte of the first
#   header has changed, so that its CRC no longer fits.
# A good guess: --verify counts that as a problem, or at least ends with a status other than 0, as the fsck programs do.
# Seen: on its way in, sgdisk takes the second header and mends the first one in memory; --verify looks at what is in memory.
#   So the report has "Main header: ERROR" on the error stream, and "No problems found" and status 0 as its verdict. Whoever
#   asks whether a table on the disk is whole has to read the lines about both headers and both tables.
# Needs: the right to run apt-get download; dpkg-deb; the libraries that gdisk is linked to (libpopt, libuuid, libstdc++).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
version=1.0.9-2.1
apt-get download "gdisk=$version" >/dev/null 2>&1
dpkg-deb -x ./*.deb root
truncate -s 8M image
root/sbin/sgdisk -n 1:2048:4095 image >/dev/null
verify() { # NAME: what it says of the image
    status=0
    root/sbin/sgdisk -v image >out 2>err || status=$?
    echo "$1: status $status, $(grep -c 'No problems found' out) verdict, $(grep -c 'Main header: ERROR' err) complaint"
}
{
    verify whole
    printf 'X' | dd of=image bs=1 seek=572 conv=notrunc 2>/dev/null # byte 60 of the header in block 1
    verify damaged
} | tee seen
cat >expected <<'END'
whole: status 0, 1 verdict, 0 complaint
damaged: status 0, 1 verdict, 1 complaint
END
if cmp -s seen expected; then
    echo "as seen: --verify judges what was mended in memory"
else
    echo "not what was seen"
    exit 1
fi

#!/bin/sh
# QEMU's blkdebug: the event of an inject-error rule arms it; from then on requests of every kind fail.
#
# Subject: Debian 12's qemu-utils, 1:7.2+dfsg-7+deb12u18+b3: qemu-io over blkdebug on a raw image.
# A good guess: "event=write_aio" names the requests that fail: all writes, and nothing but writes. So a disk with that rule
#   can be read.
# Seen: reads work until the first write. That one fails, as wanted, and every read after it as well: the event says when
#   the rule begins to count, and a rule without "once" counts from then on. Which requests it fails is "iotype", which
#   is every kind unless it is given. With iotype=write the same steps read.
# Needs: the right to run apt-get download; dpkg-deb; the libraries that QEMU is linked to (any qemu-system package has them).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
version=1:7.2+dfsg-7+deb12u18+b3
apt-get download "qemu-utils=$version" >/dev/null 2>&1
dpkg-deb -x ./*.deb root
truncate -s 1M image
steps() { # RULE: what the requests of a disk with this rule come to
    root/usr/bin/qemu-io --image-opts \
        "driver=raw,file.driver=blkdebug,file.image.driver=file,file.image.filename=image,file.inject-error.0.errno=5,$1" \
        -c "read 0 512" -c "write 0 512" -c "read 0 512" 2>&1 | sed -n 's/^\(read\|wrote\|write\) \(failed\)\{0,1\}.*/\1 \2/p' |
        sed 's/ $/ done/' | paste -s -d ,
}
{
    echo "event alone: $(steps file.inject-error.0.event=write_aio)"
    echo "and iotype:  $(steps file.inject-error.0.event=write_aio,file.inject-error.0.iotype=write)"
} | tee seen
cat >expected <<'END'
event alone: read done,write failed,read failed
and iotype:  read done,write failed,read done
END
if cmp -s seen expected; then
    echo "as seen: the event arms the rule, iotype says whom it fails"
else
    echo "not what was seen"
    exit 1
fi

#!/bin/sh
# The mode of a file in /proc/sys also binds root.
#
# Subject: Debian 12's linux-image-6.1.0-50-686 (6.1.176-1) in QEMU; the reader is busybox-static (i386), as root with
#   every capability.
# A good guess: CAP_DAC_OVERRIDE opens every file, so root reads vm.drop_caches (mode 0200) and gets the value written
#   last; modes hold for others only. So it is with a file of mode 0200 in a tmpfs.
# Seen: "Permission denied". Files below /proc/sys have a check of their own that takes root for an ordinary owner. A
#   kernel that answers there by its usual rule for files differs from Linux.
# Needs: root or the right to run apt-get download, dpkg-deb, cpio, qemu-system-i386 (package qemu-system-x86).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
dpkg --print-foreign-architectures | grep -qx i386 || { echo "needs: dpkg --add-architecture i386, apt-get update"; exit 2; }
apt-get download linux-image-6.1.0-50-686:i386=6.1.176-1 busybox-static:i386 >/dev/null 2>&1
mkdir kernel root
for package in linux-image-*.deb; do dpkg-deb -x "$package" kernel; done
for package in busybox-static_*.deb; do dpkg-deb -x "$package" root; done
mkdir -p root/proc root/dev root/tmp
cat >root/init <<'END'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t devtmpfs dev /dev
$b mount -t tmpfs tmp /tmp
{
    $b grep CapEff /proc/self/status
    echo 1 >/proc/sys/vm/drop_caches && echo "drop_caches: written"
    $b ls -l /proc/sys/vm/drop_caches
    $b cat /proc/sys/vm/drop_caches && echo "drop_caches: read"
    echo "ordinary file: read" >/tmp/file
    $b chmod 0200 /tmp/file
    $b cat /tmp/file
} >/dev/ttyS1 2>&1
$b poweroff -f
END
chmod 755 root/init
(cd root && find . | cpio -o -H newc --quiet) >initrd
timeout 600 qemu-system-i386 -accel tcg -cpu qemu32 -m 512 -display none -no-reboot -kernel kernel/boot/vmlinuz-6.1.0-50-686 \
    -initrd initrd -append "console=ttyS0 quiet panic=-1 no_timer_check" -serial file:console -serial file:seen </dev/null
tr -d '\r' <seen
seen() { tr -d '\r' <seen | grep -q "$1"; }
if seen '^drop_caches: written$' && seen 'drop_caches.*Permission denied' && ! seen '^drop_caches: read$' &&
    seen '^ordinary file: read$'; then
    echo "as seen: root may write it and not read it"
else
    echo "not what was seen"
    exit 1
fi

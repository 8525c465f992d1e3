#!/bin/sh
# Where a native i386 Linux loads a position-independent program.
#
# Subject: Debian 12's linux-image-6.1.0-50-686 (6.1.176-1), a 32-bit kernel, in QEMU; the program is /bin/cat of
#   coreutils 9.1-1 (i386, dynamically linked, PIE). Address randomisation is off (norandmaps).
# A good guess: 0x56555000, the base that every debugger and every write-up shows for 32-bit programs.
# Seen: 0x00400000. 0x56555000 is where a 64-bit kernel puts them in compatibility mode: two thirds of a 4 GiB address
#   space, less a page table. The 32-bit kernel has a base of its own, and the heap follows far below the libraries.
# Needs: root or the right to run apt-get download, dpkg-deb, cpio, qemu-system-i386 (package qemu-system-x86).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
dpkg --print-foreign-architectures | grep -qx i386 || { echo "needs: dpkg --add-architecture i386, apt-get update"; exit 2; }
apt-get download linux-image-6.1.0-50-686:i386=6.1.176-1 coreutils:i386=9.1-1 libc6:i386 busybox-static:i386 >/dev/null 2>&1
mkdir kernel root
for package in linux-image-*.deb; do dpkg-deb -x "$package" kernel; done
for package in coreutils_*.deb libc6_*.deb busybox-static_*.deb; do dpkg-deb -x "$package" root; done
mkdir -p root/proc root/dev
cat >root/init <<'END'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
/bin/cat /proc/self/maps >/dev/ttyS1
/bin/busybox poweroff -f
END
chmod 755 root/init
(cd root && find . | cpio -o -H newc --quiet) >initrd
timeout 600 qemu-system-i386 -accel tcg -cpu qemu32 -m 512 -display none -no-reboot -kernel kernel/boot/vmlinuz-6.1.0-50-686 \
    -initrd initrd -append "console=ttyS0 quiet norandmaps panic=-1 no_timer_check" -serial file:console -serial file:maps </dev/null
first=$(tr -d '\r' <maps | head -n 1)
echo "first mapping of /bin/cat: $first"
case $first in
    00400000-*/bin/cat) echo "as seen: 0x00400000" ;;
    *) echo "not what was seen"; exit 1 ;;
esac

#!/bin/sh
# The first program of the initramfs that tools/kidney/linux.py boots: makes of Linux what our kernel is when it starts
# /sbin/init (file systems mounted, the root read-only), starts that, and powers off. Its status goes to COM4.
mount -t proc proc /proc
mount -t devtmpfs devfs /dev
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr
mount -o remount,ro /
command=/usr/lib/linux/command
[ -e $command ] && set -- --exec "$(cat $command)"
env -i HOME=/ TERM=linux /sbin/init "$@"
status=$?
# Setting a terminal waits until all that was written has left.
stty -F /dev/ttyS1 raw
stty -F /dev/ttyS2 raw
stty -F /dev/ttyS3 raw
echo $status >/dev/ttyS3
poweroff -f

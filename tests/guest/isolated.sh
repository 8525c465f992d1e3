#!/bin/sh
# Runs a command natively in a root as like the guest's as can be: copies of the trees that the guest's disk is made
# of, read-only, with a /tmp, /dev and /proc of its own. ROOT is an empty folder to build it on. The caller starts
# this in namespaces of its own (compare_scripts.py knows which), so nothing of it is seen outside, or stays.
# usage: sh isolated.sh ROOT COMMAND TREE...
set -e
root=$1
command=$2
shift 2
mount -t tmpfs -o mode=755 root "$root"
for tree; do
    cp -R "$tree/." "$root"
done
mount -t tmpfs -o mode=1777,size=128m tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 devtmpfs "$root/dev"
# Nodes of its own would need privileges that root of a user namespace does not have.
for device in null zero full random urandom tty; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
# What is written there changes the machine's kernel, not this namespace alone.
mount -t proc -o ro proc "$root/proc"
mount -o remount,bind,ro "$root"
# As the first process this one waits, as init does in the guest. The clock and the kernel's log have no namespace.
env -i PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root USER=root \
    setpriv --bounding-set=-sys_time,-sys_module,-sys_boot,-syslog chroot "$root" /bin/sh -c "$command"

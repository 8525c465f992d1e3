[ -n "$BASH_VERSION" ] || exec bash "$0"  # not the busybox that would answer to all of these names
# The dynamic loader itself.
/lib/ld-linux.so.2 /bin/echo direct
/lib/ld-linux.so.2 --list /bin/true | grep -v linux-gate | sed 's/(0x.*/(address)/'
/lib/ld-linux.so.2 --version | head -n 1
LD_TRACE_LOADED_OBJECTS=1 /bin/true | grep -c libc
LD_BIND_NOW=1 /bin/echo now; LD_LIBRARY_PATH=/tmp /bin/echo path
LD_PRELOAD=/nope.so /bin/echo preload
cp /bin/echo copy; printf '\0' | dd of=copy bs=1 seek=$((0x$(grep -abo /lib/ld-linux copy | head -n 1 | cut -d: -f1 | xargs printf %x) + 8)) conv=notrunc status=none
./copy hello; echo $?
bash -c ./copy; echo $?
readlink /proc/self/exe; head -c 4 /proc/self/exe | od -c | head -n 1

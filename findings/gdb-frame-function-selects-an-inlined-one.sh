#!/bin/sh
# Which frame GDB's `frame function NAME` selects when the program stands in a function that is inlined into NAME.
#
# Subject: gdb 13.1-3 of Debian 12, and a C program that gcc 12 compiles with -g -O1.
# A good guess: the frame of NAME, as the manual says ("Select the stack frame for function name") and as the backtrace lists it;
#   so it is the sure way to a function's arguments, whether or not its first lines come from an inlined one.
# Seen: frame 0, that of the inlined function, which has another name; `print` of an argument of NAME says that there is no such
#   symbol. GDB compares addresses: an inlined frame lies in the code of the function around it, so the innermost one is found
#   first. `up` leads to the right one.
# Needs: the right to run apt-get download; dpkg-deb, gcc, and the libraries that Debian's gdb needs (as where it is installed).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download gdb=13.1-3 >/dev/null 2>&1
dpkg-deb -x gdb_*.deb root
cat >program.c <<'END'
volatile int x;
static inline __attribute__((always_inline)) int inlined(void) { int sum = x; sum += x; return sum; }
__attribute__((noinline)) int around(int argument) { int sum = inlined(); x = sum; return sum + argument; }
int main(int count, char** words) { (void)words; return around(count) & 1; }
END
gcc -g -O1 program.c -o program
debug() {  # it fails if its last command did
    root/usr/bin/gdb --data-directory=root/usr/share/gdb -nx -q -batch -ex "break inlined" -ex run "$@" ./program 2>&1 || true
}
debug -ex backtrace | grep '^#1  around (argument=1)'
debug -ex "frame function around" -ex "print argument" >said
tail -n 3 said
grep -q '^#0  inlined ()' said && grep -q 'No symbol "argument" in current context' said
debug -ex up -ex "print argument" | tail -n 1 | grep -x '$1 = 1'

#!/bin/sh
# GDB cannot name a C++ variable of a nested namespace while the program stands in a function written in assembly.
#
# Subject: gdb 13.1-3 of Debian 12, a C++ program and an assembly file, both with -g, compiled by gcc 12.
# A good guess: a fully qualified name with :: means the same wherever the program stands, as `info variables` and break
#   take it; an assembly frame has no scope that could be in the way.
# Seen: there the language is "asm" ("auto; currently asm"), whose expressions are those of C: `print outer::inner::value`
#   says that there is no type "inner" within class or namespace "outer", and gdb.parse_and_eval() of a script fails in the
#   same way, while gdb.lookup_type() of a name in the same namespace works. After `set language c++` the name is found, at
#   the price of one warning about the frame. A script for C++ programs that have assembly should set the language itself.
# Needs: the right to run apt-get download; dpkg-deb, g++, and the libraries that Debian's gdb needs (as where it is installed).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download gdb=13.1-3 >/dev/null 2>&1
dpkg-deb -x gdb_*.deb root
cat >program.cpp <<'END'
namespace outer::inner { struct Thing { int number; }; Thing value{42}; }
extern "C" void in_assembly();
int main() { in_assembly(); return outer::inner::value.number == 42 ? 0 : 1; }
END
cat >entry.s <<'END'
    .globl in_assembly
    .type in_assembly, @function
in_assembly:
    nop
    ret
    .size in_assembly, . - in_assembly
    .section .note.GNU-stack, "", @progbits
END
g++ -g program.cpp entry.s -o program
debug() {
    root/usr/bin/gdb --data-directory=root/usr/share/gdb -nx -q -batch -ex "break in_assembly" -ex run "$@" ./program 2>&1 || true
}
{
    debug -ex "show language" | tail -n 1
    debug -ex "print outer::inner::value" | tail -n 1
    debug -ex 'python print(gdb.lookup_type("outer::inner::Thing"))' | tail -n 1
    debug -ex "set language c++" -ex "print outer::inner::value" | grep '^\$1'
} | tee seen
cat >expected <<'END'
The current source language is "auto; currently asm".
No type "inner" within class or namespace "outer".
outer::inner::Thing
$1 = {number = 42}
END
if cmp -s seen expected; then
    echo "as seen: the language of the frame decides"
else
    echo "not what was seen"
    exit 1
fi

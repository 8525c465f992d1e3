#!/bin/sh
# Whether -fbuiltin gives a freestanding compiler its built-in memcpy back.
#
# Subject: clang-19 1:19.1.7-3~deb12u1 beside gcc-12 12.2.0-14+deb12u1, both for the machine they run on, -O2.
# A good guess: yes, in both. -ffreestanding is documented as implying -fno-builtin, and the later of two options wins;
#   with GCC that is so, and clang takes the same options.
# Seen: GCC compiles an 8-byte memcpy and the strlen of a literal inline again. clang calls memcpy and strlen all the
#   same, without a word about the option that it ignores; -fno-builtin -fbuiltin by itself works in both. A kernel pays
#   for it with a call for each small copy.
# Needs: the right to run apt-get download, dpkg-deb; amd64.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download clang-19=1:19.1.7-3~deb12u1 libclang-common-19-dev=1:19.1.7-3~deb12u1 libclang-cpp19=1:19.1.7-3~deb12u1 \
    libllvm19=1:19.1.7-3~deb12u1 gcc-12=12.2.0-14+deb12u1 cpp-12=12.2.0-14+deb12u1 libgcc-12-dev=12.2.0-14+deb12u1 \
    >/dev/null 2>&1
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH="$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/usr/lib/llvm-19/lib"
cat >copy.c <<'END_OF_C'
void *memcpy(void *, const void *, unsigned long);
unsigned long strlen(const char *);
int sum(const int *from) { int to[2]; memcpy(to, from, sizeof to); return to[0] + to[1]; }
unsigned long length(void) { return strlen("seven!!"); }
END_OF_C
# calls COMPILER OPTION...: how many calls of memcpy and strlen it leaves
calls() {
    "$@" -O2 -S -o out.s copy.c
    grep -cE '(call|jmp).*(memcpy|strlen)' out.s || true
}
clang=root/usr/lib/llvm-19/bin/clang
gcc="root/usr/bin/x86_64-linux-gnu-gcc-12 -B$folder/root/usr/lib/gcc/x86_64-linux-gnu/12"
result="gcc: $(calls $gcc) $(calls $gcc -ffreestanding) $(calls $gcc -ffreestanding -fbuiltin) $(calls $gcc -fno-builtin -fbuiltin)
clang: $(calls $clang) $(calls $clang -ffreestanding) $(calls $clang -ffreestanding -fbuiltin) $(calls $clang -fno-builtin -fbuiltin)"
echo "calls left: hosted, -ffreestanding, -ffreestanding -fbuiltin, -fno-builtin -fbuiltin"
echo "$result"
[ "$result" = "gcc: 0 2 0 0
clang: 0 2 2 0" ] || { echo "not what was seen"; exit 1; }
echo "as seen: clang stays freestanding in this, GCC does not"

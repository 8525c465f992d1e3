#!/bin/sh
# What __builtin_prefetch becomes on an i686 without SSE.
#
# Subject: clang-19 1:19.1.7-3~deb12u1, -O2, --target=i686-linux-gnu, with and without -mno-sse (as a kernel is built, whose
#   programs own the SSE registers).
# A good guess: the prefetch instruction in both cases. It touches no SSE register; or else a warning, or a plain load.
# Seen: prefetcht0 with SSE. Without, nothing at all: no instruction, no load, and no warning of -Wall -Wextra;
#   the address is not even computed. What was tuned on the host does nothing in the kernel.
#   __has_builtin(__builtin_prefetch) says 1 in both cases, so it cannot be asked for. -mno-sse -mprfchw, an option about
#   prefetching for writes, brings back both: prefetchw for writes, and for reads prefetcht0 of the SSE that is turned off.
# Needs: the right to run apt-get download, dpkg-deb; amd64.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download clang-19=1:19.1.7-3~deb12u1 libclang-common-19-dev=1:19.1.7-3~deb12u1 libclang-cpp19=1:19.1.7-3~deb12u1 \
    libllvm19=1:19.1.7-3~deb12u1 >/dev/null 2>&1
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH="$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/usr/lib/llvm-19/lib"
cat >prefetch.c <<'END_OF_C'
#if !__has_builtin(__builtin_prefetch)
#error no such builtin
#endif
void for_reading(const char *p) { __builtin_prefetch(p + 64); }
void for_writing(char *p) { __builtin_prefetch(p + 64, 1); }
END_OF_C
# instructions OPTION...: of both functions, but for their returns; and what the compiler said
instructions() {
    root/usr/lib/llvm-19/bin/clang --target=i686-linux-gnu -O2 -fomit-frame-pointer -Wall -Wextra \
        "$@" -S -o out.s prefetch.c 2>said.txt
    echo "$(grep -cP '^\s+(?!ret)[a-z]' out.s || true) instructions, $(grep -cP '^\s+prefetch' out.s || true) prefetches ($(grep -oP '^\s+\Kprefetch\w+' out.s | xargs)), $(grep -c . said.txt || true) warnings"
}
result="with SSE: $(instructions -msse)
without: $(instructions -mno-sse)
without, prfchw: $(instructions -mno-sse -mprfchw)"
echo "$result"
[ "$result" = "with SSE: 4 instructions, 2 prefetches (prefetcht0 prefetcht0), 0 warnings
without: 0 instructions, 0 prefetches (), 0 warnings
without, prfchw: 4 instructions, 2 prefetches (prefetcht0 prefetchw), 0 warnings" ] || { echo "not what was seen"; exit 1; }
echo "as seen: without SSE a prefetch is nothing, in silence"

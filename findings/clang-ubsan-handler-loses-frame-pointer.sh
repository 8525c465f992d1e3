#!/bin/sh
# Whether -fno-omit-frame-pointer holds for a UBSan handler of one's own that is defined in an instrumented file.
#
# Subject: clang-19 1:19.1.7-3~deb12u1, -O2, amd64. A kernel or a sandbox brings its own __ubsan_handle_*: there is no run-time
#   library for it, and -fsanitize-trap says too little.
# A good guess: yes. The option is for all functions of the file, and where in the file a function stands makes no difference.
# Seen: it holds if the handler is defined above all code that can call it. Below such code it has no frame pointer, without a
#   word: the first check has made the function, with attributes of a run-time function, and the definition that comes later does
#   not add its own. A backtrace from the handler, which is what it is there for, then skips whoever called it.
# Needs: the right to run apt-get download, dpkg-deb; amd64.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download clang-19=1:19.1.7-3~deb12u1 libclang-common-19-dev=1:19.1.7-3~deb12u1 libclang-cpp19=1:19.1.7-3~deb12u1 \
    libllvm19=1:19.1.7-3~deb12u1 >/dev/null 2>&1
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH="$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/usr/lib/llvm-19/lib"
cat >handler.h <<'END_OF_C'
void report(const void *);
void __ubsan_handle_add_overflow_abort(void *data, unsigned long left, unsigned long right) {
    (void)left, (void)right;
    report(data);
    for (;;) { }
}
END_OF_C
echo 'int sum(int a, int b) { return a + b; }' >sum.h
printf '#include "handler.h"\n#include "sum.h"\n' >above.c
printf '#include "sum.h"\n#include "handler.h"\n' >below.c
# frame_pointers FILE OPTION...: in how many of its two functions the frame pointer is set up
frame_pointers() {
    file=$1
    shift
    root/usr/lib/llvm-19/bin/clang -O2 -fno-omit-frame-pointer "$@" -S -o out.s "$file"
    grep -c 'movq.*%rsp, %rbp' out.s || true
}
checks="-fsanitize=signed-integer-overflow -fno-sanitize-recover=all"
result="above: $(frame_pointers above.c) $(frame_pointers above.c $checks)
below: $(frame_pointers below.c) $(frame_pointers below.c $checks)"
echo "functions with a frame pointer, of two: without checks, with them"
echo "$result"
[ "$result" = "above: 2 2
below: 2 1" ] || { echo "not what was seen"; exit 1; }
echo "as seen: a handler below the code that it is for has none"

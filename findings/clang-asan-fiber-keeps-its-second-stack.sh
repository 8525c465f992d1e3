#!/bin/sh
# What AddressSanitizer maps for a fiber beside its stack, and when that goes.
#
# Subject: clang-19 1:19.1.7-3~deb12u1, -fsanitize=address, ucontext fibers that are announced by
#   __sanitizer_start_switch_fiber() and __sanitizer_finish_switch_fiber().
# A good guess: nothing more than shadow memory. Looking for the use of a stack frame after its return was an option that one had
#   to turn on, and what belongs to a fiber would go with the stack that the program frees, or be used by the next fiber.
# Seen: it is on. The first function of each fiber with a variable that is watched maps a second ("fake") stack, about eleven
#   times the first one: 100 fibers of 64 KiB, one after the other on the same stack, leave over 64 MiB of address space mapped.
#   Only a fiber that tells in its last switch that it will not be back (no place to save to) has it unmapped. With
#   detect_stack_use_after_return=0 there is none. A simulator that makes a fiber for each of thousands of threads spends most of
#   its time there, in mmap() and fresh pages.
# Needs: the right to run apt-get download, dpkg-deb; amd64, and the headers and start files of a C library and of GCC.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download clang-19=1:19.1.7-3~deb12u1 libclang-common-19-dev=1:19.1.7-3~deb12u1 libclang-cpp19=1:19.1.7-3~deb12u1 \
    libclang-rt-19-dev=1:19.1.7-3~deb12u1 libllvm19=1:19.1.7-3~deb12u1 lld-19=1:19.1.7-3~deb12u1 >/dev/null 2>&1
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH="$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/usr/lib/llvm-19/lib"
cat >fibers.c <<'END_OF_C'
#include <sanitizer/common_interface_defs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { fibers = 100, stack_bytes = 64 * 1024 };
static ucontext_t host, fiber;
static const void* host_bottom;
static size_t host_bytes;
static int says_goodbye;

__attribute__((noinline)) static void touch(char* buffer) {
    __asm__ volatile("" : : "r"(buffer) : "memory");
}
static void work(void) {
    char buffer[64];
    touch(buffer);
}
static void first(void) {
    void* mine = 0;
    __sanitizer_finish_switch_fiber(0, &host_bottom, &host_bytes);
    work();
    __sanitizer_start_switch_fiber(says_goodbye ? 0 : &mine, host_bottom, host_bytes);
    swapcontext(&fiber, &host);
}
static long mapped_kib(void) {
    char line[256];
    long kib = 0;
    FILE* file = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "VmSize: %ld", &kib);
    }
    fclose(file);
    return kib;
}
int main(int count, char** words) {
    says_goodbye = count > 1 && strcmp(words[1], "goodbye") == 0;
    void* const stack = malloc(stack_bytes);
    const long before = mapped_kib();
    for (int n = 0; n < fibers; ++n) {
        void* mine = 0;
        getcontext(&fiber);
        fiber.uc_stack.ss_sp = stack;
        fiber.uc_stack.ss_size = stack_bytes;
        fiber.uc_link = 0;
        makecontext(&fiber, first, 0);
        __sanitizer_start_switch_fiber(&mine, stack, stack_bytes);
        swapcontext(&host, &fiber);
        __sanitizer_finish_switch_fiber(mine, 0, 0);
    }
    const long mib = (mapped_kib() - before) / 1024;
    puts(mib < 16 ? "under 16 MiB" : mib > 64 ? "over 64 MiB" : "between");
    return 0;
}
END_OF_C
PATH="$folder/root/usr/lib/llvm-19/bin:$PATH" root/usr/lib/llvm-19/bin/clang -fsanitize=address -fuse-ld=lld fibers.c -o fibers
result="by default: $(./fibers)
with a goodbye: $(./fibers goodbye)
not watched: $(ASAN_OPTIONS=detect_stack_use_after_return=0 ./fibers)"
echo "$result"
[ "$result" = "by default: over 64 MiB
with a goodbye: under 16 MiB
not watched: under 16 MiB" ] || { echo "not what was seen"; exit 1; }
echo "as seen: a fiber's second stack is as large as eleven of the first, and stays"

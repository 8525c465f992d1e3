/// bare: a C++ program with no library at all below it. Shows what a program is given (the initial
/// stack), what it may ask for (system calls) and what it gets back. Prints its arguments, grows
/// its heap, forks, and waits.
///
/// The processor state at the entry: esp at argc, all other registers unspecified but edx, which is
/// 0 or a function to call at exit. Nothing has run before us, so there are no constructors, no
/// stdio, no errno.

#include "user/bare/syscall.hpp"

namespace {

unsigned long length_of(const char* text) {
    unsigned long length = 0;
    while (text[length] != '\0') {
        ++length;
    }
    return length;
}

void print(const char* text) {
    bare::write(1, text, length_of(text));
}

void print_number(unsigned long value, unsigned base) {
    char digits[32];
    char* at = digits + sizeof digits;
    do {
        *--at = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    bare::write(1, at, static_cast<unsigned long>(digits + sizeof digits - at));
}

void show_arguments(int argc, char** argv) {
    for (int i = 0; i < argc; ++i) {
        print("argument ");
        print_number(static_cast<unsigned long>(i), 10);
        print(": ");
        print(argv[i]);
        print("\n");
    }
}

/// The auxiliary vector follows the environment: pairs of type and value, ended by type 0.
void show_page_size(char** environment) {
    constexpr unsigned long page_size_entry = 6;  // AT_PAGESZ
    while (*environment != nullptr) {
        ++environment;
    }
    const auto* entry = reinterpret_cast<const unsigned long*>(environment + 1);
    for (; entry[0] != 0; entry += 2) {
        if (entry[0] == page_size_entry) {
            print("page size: ");
            print_number(entry[1], 10);
            print("\n");
        }
    }
}

bool grow_heap() {
    constexpr bare::Word growth = 16 * 4096;
    const bare::Word end = bare::set_break(0);
    if (bare::set_break(end + growth) != end + growth) {
        return false;
    }
    auto* heap = reinterpret_cast<unsigned char*>(end);
    bool zeroed = true;
    for (bare::Word i = 0; i < growth; ++i) {
        zeroed = zeroed && heap[i] == 0;
        heap[i] = static_cast<unsigned char>(i);
    }
    print(zeroed ? "heap: 64 KiB of zeros\n" : "heap: not zeroed!\n");
    return zeroed;
}

bool fork_and_wait() {
    const bare::Word child = bare::fork();
    if (child == 0) {
        print("child: exiting with 7\n");
        bare::exit(7);
    }
    if (bare::is_error(child)) {
        print("fork failed\n");
        return false;
    }
    int status = 0;
    const bool waited = bare::wait_for(child, &status) == child && status == 7 << 8;
    print(waited ? "parent: the child exited with 7\n" : "parent: wait failed!\n");
    return waited;
}

}  // namespace

extern "C" [[noreturn]] void bare_main(unsigned long* stack) {
    const int argc = static_cast<int>(stack[0]);
    auto** argv = reinterpret_cast<char**>(stack + 1);
    show_arguments(argc, argv);
    show_page_size(argv + argc + 1);
    const bool good = grow_heap() && fork_and_wait();
    bare::exit(good ? 0 : 1);
}

/// The entry point hands its stack pointer over and aligns the stack as the calling convention
/// wants it.
asm(R"(
        .globl  _start
_start: movl    %esp, %eax
        xorl    %ebp, %ebp          # the outermost frame, for backtraces
        andl    $-16, %esp
        subl    $12, %esp
        pushl   %eax
        call    bare_main
)");

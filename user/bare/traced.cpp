/// traced: makes one call of each kind, for tests/guest/strace_test.py, which knows what
/// `./kidney run --strace` must show of it.

#include "user/bare/syscall.hpp"

#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

namespace {

using bare::system_call;
using bare::Word;

Word word(const void* pointer) {
    return reinterpret_cast<Word>(pointer);
}

/// A child that ends by itself with the pipe's other end, while we wait in read().
void talk_through_pipe() {
    int ends[2];
    system_call(__NR_pipe2, word(ends), O_CLOEXEC);
    const Word child = bare::fork();
    if (child == 0) {
        struct {
            long seconds, nanoseconds;
        } pause{0, 20'000'000};
        system_call(__NR_nanosleep, word(&pause), 0);
        bare::write(ends[1], "tab\t\"\x01", 6);
        bare::exit(3);
    }
    char text[16];
    system_call(__NR_read, ends[0], word(text), sizeof text);
    int status = 0;
    system_call(__NR_wait4, child, word(&status), 0, 0);
}

void lose_child() {
    const Word child = bare::fork();
    if (child == 0) {
        system_call(__NR_kill, bare::process_id(), SIGTERM);
    }
    int status = 0;
    system_call(__NR_wait4, child, word(&status), 0, 0);
}

}  // namespace

extern "C" [[noreturn]] void traced_main() {
    static char text[64];
    const Word file = system_call(__NR_openat, AT_FDCWD, word("/etc/motd"), O_RDONLY | O_CLOEXEC);
    system_call(__NR_read, file, word(text), 40);
    system_call(__NR_lseek, file, -4, 2);
    system_call(__NR_open, word("/tmp/new"), O_RDWR | O_CREAT | O_TRUNC, 0640);
    system_call(__NR_open, 16, O_RDONLY);
    system_call(__NR_write, 1, 16, 5);
    system_call(__NR_open, word("/none"), O_WRONLY);
    const Word page =
        system_call(__NR_mmap2, 0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    system_call(__NR_mprotect, page, 4096, PROT_NONE);
    system_call(500, 1, 2);
    talk_through_pipe();
    lose_child();
    bare::exit(7);
}

asm(R"(
        .globl  _start
_start: xorl    %ebp, %ebp
        andl    $-16, %esp
        call    traced_main
)");

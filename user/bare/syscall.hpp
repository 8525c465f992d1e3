#pragma once
/// The system call interface, bare: one instruction, `int $0x80`. Number in eax, up to six
/// arguments in ebx, ecx, edx, esi, edi and ebp, result in eax; -1 .. -4095 is a negated error
/// number. Everything else is convention on top of this. For programs without a libc; programs with
/// one use <unistd.h>.

#include <asm/unistd_32.h>

namespace bare {

using Word = long;

/// Whether a result is an error; the error number is then `-result`.
constexpr bool is_error(Word result) {
    return static_cast<unsigned long>(result) >= static_cast<unsigned long>(-4095);
}

inline Word system_call(Word number, Word a = 0, Word b = 0, Word c = 0, Word d = 0, Word e = 0) {
    Word result = number;
    // "memory": the kernel reads and writes our memory behind the compiler's back.
    asm volatile("int $0x80"
                 : "+a"(result)
                 : "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                 : "memory", "cc");
    return result;
}

inline Word write(int fd, const char* text, unsigned long size) {
    return system_call(__NR_write, fd, reinterpret_cast<Word>(text), static_cast<Word>(size));
}

inline Word process_id() {
    return system_call(__NR_getpid);
}

/// Moves the end of the heap; returns the end as it is afterwards, whether or not it moved.
inline Word set_break(Word end) {
    return system_call(__NR_brk, end);
}

/// 0 in the child, the child's id in the parent.
inline Word fork() {
    return system_call(__NR_fork);
}

inline Word wait_for(Word pid, int* status) {
    return system_call(__NR_waitpid, pid, reinterpret_cast<Word>(status), 0);
}

[[noreturn]] inline void exit(int status) {
    for (;;) {
        system_call(__NR_exit_group, status);
    }
}

}  // namespace bare

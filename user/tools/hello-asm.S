# hello-asm: the smallest program that says something. No libc, no stack, two system calls.
#
# At _start: esp points to argc, then argv, a null, the environment, a null, the auxiliary vector.
# A system call is `int $0x80` with its number in eax and arguments in ebx, ecx, edx, esi, edi, ebp; the result
# comes back in eax, errors as -1 .. -4095. All other registers are kept.

#include <asm/unistd_32.h>

        .text
        .globl  _start
        .type   _start, @function
_start:
        movl    $__NR_write, %eax
        movl    $1, %ebx                # standard output
        movl    $message, %ecx
        movl    $message_length, %edx
        int     $0x80

        xorl    %ebx, %ebx              # status 0 ...
        cmpl    $message_length, %eax
        je      1f
        incl    %ebx                    # ... or 1 if not all of it was written
1:      movl    $__NR_exit_group, %eax
        int     $0x80
        .size   _start, . - _start

        .section .rodata
message:
        .ascii  "Hello from assembly!\n"
        .set    message_length, . - message

        .section .note.GNU-stack, "", @progbits

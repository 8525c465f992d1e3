/* The way into the kernel that AT_SYSINFO names, and the ways back to it from a signal's handler. */
#include <asm/unistd_32.h>

    .text

    .globl __kernel_vsyscall
    .type __kernel_vsyscall, @function
    .balign 16
__kernel_vsyscall:
    .cfi_startproc
    int $0x80
    ret
    .cfi_endproc
    .size __kernel_vsyscall, . - __kernel_vsyscall

/* Where a handler returns to that brings no code of its own for it: see kernel/signal/handler_frame.cpp. No unwind
   tables: unwinders and debuggers know these very bytes. They look at the byte before an address that is returned to,
   so there is one before each. */
    .balign 16
    nop
    .globl __kernel_sigreturn
    .type __kernel_sigreturn, @function
__kernel_sigreturn:
    popl %eax
    movl $__NR_sigreturn, %eax
    int $0x80
    .size __kernel_sigreturn, . - __kernel_sigreturn

    .balign 16
    nop
    .globl __kernel_rt_sigreturn
    .type __kernel_rt_sigreturn, @function
__kernel_rt_sigreturn:
    movl $__NR_rt_sigreturn, %eax
    int $0x80
    .size __kernel_rt_sigreturn, . - __kernel_rt_sigreturn

    .section .note.GNU-stack, "", @progbits

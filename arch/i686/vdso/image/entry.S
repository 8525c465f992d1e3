/* The way into the kernel that AT_SYSINFO names. */
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

    .section .note.GNU-stack, "", @progbits

/* Where the other CPUs begin: real mode, at the page AP_TRAMPOLINE, to which start.cpp copies this code.
 * Only position-independent or page-relative addressing until protected mode; then on to the boot CPU's
 * own way to the higher half. */
#include "arch/i686/boot/layout.h"

#define AT(symbol) (symbol - ap_trampoline_start)
#define CR0_PE 1

    .section .rodata.ap_trampoline, "a"
    .globl ap_trampoline_start, ap_trampoline_end
    .code16
ap_trampoline_start:
    cli
    cld
    movw %cs, %ax                       /* AP_TRAMPOLINE >> 4 */
    movw %ax, %ds
    lgdtl AT(gdt_pointer)
    movl %cr0, %eax
    orl $CR0_PE, %eax
    movl %eax, %cr0
    ljmpl $8, $(AP_TRAMPOLINE + AT(protected_mode))

    .code32
protected_mode:
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $1, %eax
    cpuid
    movl %edx, %edi
    movl $(AP_TRAMPOLINE + AT(stack_end)), %esp
    movl $enable_paging, %eax           /* in the .boot sections: its address is physical */
    call *%eax
    movl $ap_higher_half, %eax
    jmp *%eax

    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9a000000ffff            /* code, flat */
    .quad 0x00cf92000000ffff            /* data, flat */
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .long AP_TRAMPOLINE + AT(gdt)
    .balign 4
    .skip 64
stack_end:
ap_trampoline_end:

/* Above 0xC0000000. The boot tables have done their work: the stack is mapped in the kernel's own only.
 * start.cpp has put both in place; one CPU comes this way at a time. */
    .text
ap_higher_half:
    movl ap_kernel_root, %eax
    movl %eax, %cr3
    movl ap_stack_top, %esp
    xorl %ebp, %ebp
    pushl %ebp
    jmp ap_entry

    .section .note.GNU-stack, "", @progbits

/* Moves to and from user memory. Every instruction that touches it is in the exception table. */
#include "arch/i686/cpu/string_moves.inc"

    .text

/* size_t user_copy(void* to, const void* from, size_t length): bytes not copied */
    .globl user_copy
    .balign 16
user_copy:
    pushl %esi
    pushl %edi
    movl 12(%esp), %edi
    movl 16(%esp), %esi
    movl 20(%esp), %ecx
    move_words_and_bytes movs, copy_words, copy_bytes
copy_end:
    movl %ecx, %eax
    popl %edi
    popl %esi
    ret
    survive_faults copy_words_fault, copy_words, copy_bytes, copy_end

/* size_t user_fill_zero(void* to, size_t length): bytes not written */
    .globl user_fill_zero
    .balign 16
user_fill_zero:
    pushl %edi
    movl 8(%esp), %edi
    movl 12(%esp), %ecx
    xorl %eax, %eax
    move_words_and_bytes stos, fill_words, fill_bytes
fill_end:
    movl %ecx, %eax
    popl %edi
    ret
    survive_faults fill_words_fault, fill_words, fill_bytes, fill_end

    .section .note.GNU-stack, "", @progbits

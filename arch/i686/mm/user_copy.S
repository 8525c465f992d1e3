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

/* uint32_t user_store_words(uint32_t* to, const uint32_t* from, uint32_t words), one or two words: 0, or
 * how many are missing at least. Results of a few bytes are not worth the loop above. */
    .globl user_store_words
    .balign 16
user_store_words:
    movl 8(%esp), %ecx
    movl 4(%esp), %edx
    movl (%ecx), %eax
store_first:
    movl %eax, (%edx)
    cmpl $1, 12(%esp)
    je store_end
    movl 4(%ecx), %eax
store_second:
    movl %eax, 4(%edx)
store_end:
    xorl %eax, %eax
    ret
store_fault:
    movl $1, %eax
    ret

/* uint32_t user_compare_exchange(uint32_t* at, uint32_t expected, uint32_t desired, uint32_t* seen): 0,
 * or 1 if there is no such word. `seen` gets what the word was. */
    .globl user_compare_exchange
    .balign 16
user_compare_exchange:
    movl 4(%esp), %edx
    movl 8(%esp), %eax
    movl 12(%esp), %ecx
compare_exchange:
    lock cmpxchgl %ecx, (%edx)
    movl 16(%esp), %ecx
    movl %eax, (%ecx)
    xorl %eax, %eax
    ret

    .pushsection .exception_table, "a"
    .long store_first, store_fault
    .long store_second, store_fault
    .long compare_exchange, store_fault
    .popsection

    .section .note.GNU-stack, "", @progbits

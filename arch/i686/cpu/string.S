/* memcpy and friends: the compiler calls them by name. String instructions are short, need no
 * unrolling, and move a cache line at a time on every CPU since the Pentium Pro. */
#include "arch/i686/cpu/string_moves.inc"

    .text

/* void* memcpy(void* to, const void* from, size_t n) */
    .globl memcpy
    .balign 16
memcpy:
    pushl %esi
    pushl %edi
    movl 12(%esp), %edi
    movl 16(%esp), %esi
    movl 20(%esp), %ecx
    movl %edi, %eax
    move_words_and_bytes movs, 1, 2
    popl %edi
    popl %esi
    ret

/* void* memmove(void* to, const void* from, size_t n): backwards if `to` lies inside [from, from+n) */
    .globl memmove
    .balign 16
memmove:
    movl 4(%esp), %eax
    subl 8(%esp), %eax
    cmpl 12(%esp), %eax
    jae memcpy
    pushl %esi
    pushl %edi
    movl 20(%esp), %ecx
    movl 16(%esp), %esi
    movl 12(%esp), %edi
    movl %edi, %eax
    leal -1(%esi, %ecx), %esi
    leal -1(%edi, %ecx), %edi
    std
    rep movsb
    cld
    popl %edi
    popl %esi
    ret

/* void* memset(void* to, int byte, size_t n) */
    .globl memset
    .balign 16
memset:
    pushl %edi
    movl 8(%esp), %edi
    movzbl 12(%esp), %eax
    movl 16(%esp), %ecx
    imull $0x01010101, %eax, %eax
    move_words_and_bytes stos, 1, 2
    movl 8(%esp), %eax
    popl %edi
    ret

/* int memcmp(const void* a, const void* b, size_t n) */
    .globl memcmp
    .balign 16
memcmp:
    pushl %esi
    pushl %edi
    movl 12(%esp), %esi
    movl 16(%esp), %edi
    movl 20(%esp), %ecx
    xorl %eax, %eax
    cmpl %eax, %eax                     /* equal, should n be zero */
    repe cmpsb
    je 1f
    movzbl -1(%esi), %eax
    movzbl -1(%edi), %ecx
    subl %ecx, %eax
1:  popl %edi
    popl %esi
    ret

/* void* memchr(const void* in, int byte, size_t n) */
    .globl memchr
    .balign 16
memchr:
    pushl %edi
    movl 8(%esp), %edi
    movl 12(%esp), %eax
    movl 16(%esp), %ecx
    orl %ecx, %ecx                      /* clears ZF unless there is nothing to search */
    jz 1f
    repne scasb
    jne 1f
    leal -1(%edi), %eax
    popl %edi
    ret
1:  xorl %eax, %eax
    popl %edi
    ret

/* size_t strlen(const char*) */
    .globl strlen
    .balign 16
strlen:
    movl 4(%esp), %eax
1:  cmpb $0, (%eax)
    je 2f
    incl %eax
    jmp 1b
2:  subl 4(%esp), %eax
    ret

    .section .note.GNU-stack, "", @progbits

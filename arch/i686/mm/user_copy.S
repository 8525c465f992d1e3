/* Moves to and from user memory. Every instruction that touches it is in the exception table. */
    .text

/* size_t user_copy(void* to, const void* from, size_t length): bytes not copied */
    .globl user_copy
    .balign 16
user_copy:
    pushl %esi
    pushl %edi
    movl 12(%esp), %edi
    movl 16(%esp), %esi
    movl 20(%esp), %edx
    movl %edx, %ecx
    shrl $2, %ecx
copy_words:
    rep movsl
    movl %edx, %ecx
    andl $3, %ecx
copy_bytes:
    rep movsb
copy_end:
    movl %ecx, %eax
    popl %edi
    popl %esi
    ret
/* A word can begin in good memory and end in bad: find the exact end byte by byte. */
copy_words_fault:
    andl $3, %edx
    leal (%edx, %ecx, 4), %ecx
    jmp copy_bytes

/* size_t user_fill_zero(void* to, size_t length): bytes not written */
    .globl user_fill_zero
    .balign 16
user_fill_zero:
    pushl %edi
    movl 8(%esp), %edi
    movl 12(%esp), %edx
    xorl %eax, %eax
    movl %edx, %ecx
    shrl $2, %ecx
fill_words:
    rep stosl
    movl %edx, %ecx
    andl $3, %ecx
fill_bytes:
    rep stosb
fill_end:
    movl %ecx, %eax
    popl %edi
    ret
fill_words_fault:
    andl $3, %edx
    leal (%edx, %ecx, 4), %ecx
    jmp fill_bytes

    .section .exception_table, "a"
    .long copy_words, copy_words_fault
    .long copy_bytes, copy_end
    .long fill_words, fill_words_fault
    .long fill_bytes, fill_end

    .section .note.GNU-stack, "", @progbits

/* The context switch. */
    .text

/* void switch_stacks(void** save, void* load) */
    .globl switch_stacks
    .balign 16
switch_stacks:
    movl 4(%esp), %eax
    movl 8(%esp), %edx
    pushl %ebp
    pushl %ebx
    pushl %esi
    pushl %edi
    movl %esp, (%eax)
    movl %edx, %esp
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    ret

/* The first return of a prepared context arrives here: EBX = entry, ESI = argument. */
    .globl start_of_context
start_of_context:
    pushl %esi
    pushl $0                            /* no return address: the entry never returns */
    jmp *%ebx

    .section .note.GNU-stack, "", @progbits

/* Into the kernel and out again.
 *
 * Three ways in, by what they need: system calls (the short one), exceptions, interrupts. All push the
 * frame of trap_frame.hpp and load the kernel's segments; %gs is left alone. One way out.
 *
 * Interrupts may arrive anywhere between two instructions of the system-call path (its gate leaves
 * them on); that is why each entry loads its segments itself, whatever it interrupted.
 */
#define KERNEL_CODE (12 << 3)
#define KERNEL_DATA (13 << 3)
#define USER_CODE (14 << 3 | 3)
#define USER_DATA (15 << 3 | 3)
#define CPU_LOCAL (27 << 3)
#define CPU_RETURN_WORK %fs:8
#define CPU_USER_TIME %fs:16

#define SYSTEM_CALL 0x80
#define GENERAL_PROTECTION 13
#define FRAME_CS 56

    .text

/* Behind the processor's part, the error code and the vector: the registers. */
.macro push_frame
    pushl %fs
    pushl %es
    pushl %ds
    pushal
    movl $KERNEL_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl $CPU_LOCAL, %eax
    movl %eax, %fs
    cld
    xorl %ebp, %ebp                     /* a backtrace ends here; the panic goes on from the frame */
.endm

.macro upcall function
    pushl %esp
    call \function
    addl $4, %esp
.endm

    .balign 16
system_call_entry:
    pushl %eax                          /* the error-code slot keeps the call's number */
    pushl $SYSTEM_CALL
    push_frame
    upcall trap_system_call
return_to_user:
    cli
    cmpl $0, CPU_RETURN_WORK
    jne user_work
    movl CPU_USER_TIME, %ecx            /* the books of context/user_time.hpp: user mode begins */
    rdtsc
    movl %eax, (%ecx)
    movl %edx, 4(%ecx)
restore:
    popal
pop_ds:
    popl %ds
pop_es:
    popl %es
pop_fs:
    popl %fs
    addl $8, %esp                       /* vector, error code */
leave:
    iret

user_work:
    upcall trap_return_work
    jmp return_to_user

    .balign 16
exception_entry:
    push_frame
    upcall trap_exception
    testl $3, FRAME_CS(%esp)
    jne return_to_user
    cli
    jmp restore

    .balign 16
interrupt_entry:
    push_frame
    upcall trap_interrupt
    testl $3, FRAME_CS(%esp)
    jne return_to_user
    cmpl $0, CPU_RETURN_WORK
    je restore
    call trap_preemption_point
    jmp restore

/* A program can leave selectors in its frame that are invalid by the time we pop them (it freed a TLS
 * entry). A bad data selector becomes the null selector. A bad code or stack selector becomes a general
 * protection fault of the program, at the instruction it would have returned to. */
bad_iret:
    movw $USER_CODE, %ss:4(%esp)
    movw $USER_DATA, %ss:16(%esp)
    pushl $0
    pushl $GENERAL_PROTECTION
    jmp exception_entry
bad_ds:
    movl $0, %ss:(%esp)
    jmp pop_ds
bad_es:
    movl $0, %ss:(%esp)
    jmp pop_es
bad_fs:
    movl $0, %ss:(%esp)
    jmp pop_fs

    .section .exception_table, "a"
    .long pop_ds, bad_ds
    .long pop_es, bad_es
    .long pop_fs, bad_fs
    .long leave, bad_iret
    .text

/* The stubs: each vector pushes what the processor did not. */
.macro stub vector
stub_\vector:
    .if \vector == SYSTEM_CALL
    .elseif \vector < 32
    .if !(\vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21)
    pushl $0
    .endif
    pushl $\vector
    jmp exception_entry
    .else
    pushl $0
    pushl $\vector
    jmp interrupt_entry
    .endif
.endm

    .altmacro
    .set vector, 0
    .rept 256
    stub %vector
    .set vector, vector + 1
    .endr

    .section .rodata
    .balign 4
    .globl trap_stubs
.macro stub_address vector
    .if \vector == SYSTEM_CALL
    .long system_call_entry
    .else
    .long stub_\vector
    .endif
.endm
trap_stubs:
    .set vector, 0
    .rept 256
    stub_address %vector
    .set vector, vector + 1
    .endr
    .noaltmacro

/* The double-fault task: on a stack of its own, with its own CR3; the victim's registers are in the
 * other TSS. It does not return. */
    .text
    .globl double_fault_entry
double_fault_entry:
    xorl %ebp, %ebp
    pushl %ebp
    jmp trap_double_fault

/* void enter_user_mode(const TrapFrame*): leaves the kernel through the common way out. */
    .globl enter_user_mode
enter_user_mode:
    movl 4(%esp), %esp
    jmp return_to_user

    .section .note.GNU-stack, "", @progbits

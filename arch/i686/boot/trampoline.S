/* From the boot loader's world (paging off, addresses are physical) to the kernel proper above
 * 0xC0000000. Everything here lives in the .boot sections, which are linked at their load address;
 * the rest of the kernel is linked 0xC0000000 higher than it is loaded (kernel.ld).
 *
 * Multiboot2 promises (specification 3.2): EAX = magic, EBX = boot information, flat 32-bit segments,
 * A20 open, paging off, interrupts off. No stack.
 */
#include "arch/i686/boot/layout.h"

#define MULTIBOOT2_HEADER_MAGIC 0xE85250D6
#define MULTIBOOT2_LOADER_MAGIC 0x36D76289

#define CR0_WP (1 << 16)
#define CR0_AM (1 << 18)
#define CR0_NW (1 << 29)
#define CR0_CD (1 << 30)
#define CR0_PG (1 << 31)
#define CR4_PSE (1 << 4)
#define CR4_PAE (1 << 5)
#define CR4_PGE (1 << 7)
#define CPUID_PSE (1 << 3)
#define CPUID_TSC (1 << 4)
#define CPUID_PAE (1 << 6)
#define CPUID_CX8 (1 << 8)
#define CPUID_PGE (1 << 13)
#define CPUID_CMOV (1 << 15)
#define EFLAGS_ID (1 << 21)
/* What the compiler's -march=i686 and the clock use without asking. */
#define CPUID_BASELINE (CPUID_TSC | CPUID_CX8 | CPUID_CMOV)

#ifdef KIDNEY_PAE
#define CPUID_LARGE_PAGES CPUID_PAE
#define LARGE_PAGE 0x200000
#define BOOT_ROOT boot_pointer_table
#else
#define CPUID_LARGE_PAGES CPUID_PSE
#define LARGE_PAGE 0x400000
#define BOOT_ROOT boot_directory
#endif

#define CPUID_NX (1 << 20)
#define MSR_EFER 0xC0000080
#define EFER_NXE (1 << 11)

#define ENTRY_PRESENT_WRITABLE_LARGE 0x083

    .section .boot.header, "a"
    .balign 8
header:
    .long MULTIBOOT2_HEADER_MAGIC
    .long 0                                                     /* i386, protected mode */
    .long header_end - header
    .long -(MULTIBOOT2_HEADER_MAGIC + 0 + (header_end - header))
    .balign 8
    .word 6, 0                                                  /* modules start on a page */
    .long 8
    .balign 8
    .word 0, 0                                                  /* end of tags */
    .long 8
header_end:

    .section .boot.text, "ax"
    .globl boot_entry
boot_entry:
    cli
    cld
    movl $boot_stack_top, %esp
    cmpl $MULTIBOOT2_LOADER_MAGIC, %eax
    movl $message_magic, %esi
    jne boot_failed
    movl %ebx, %ebp                                             /* CPUID clobbers EBX */

    movl $message_baseline, %esi
    pushfl                                                      /* a CPU has CPUID if EFLAGS.ID can be */
    popl %eax                                                   /* changed (SDM 1, 20.1) */
    movl %eax, %ecx
    xorl $EFLAGS_ID, %eax
    pushl %eax
    popfl
    pushfl
    popl %eax
    xorl %ecx, %eax
    testl $EFLAGS_ID, %eax
    jz boot_failed

    movl $1, %eax
    cpuid
    movl %edx, %eax
    notl %eax
    testl $CPUID_BASELINE, %eax
    jnz boot_failed

    movl $message_paging, %esi
    testl $CPUID_LARGE_PAGES, %edx
    jz boot_failed

    movl %edx, %edi                                             /* CPU features */
#ifdef KIDNEY_PAE
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb boot_failed
    movl $0x80000001, %eax
    cpuid
    testl $CPUID_NX, %edx
    jz boot_failed
#endif

    call build_tables
    call enable_paging
    movl $higher_half, %eax
    jmp *%eax

/* Boot tables: physical 0-896 MiB in large pages, at 0 (identity: this code) and at KERNEL_BASE (the
 * direct map). Not global: the kernel replaces them by tables with stricter rights, and the processor must
 * not remember these. The kernel drops the identity part when all CPUs are up. */
#ifdef KIDNEY_PAE
build_tables:
    movl $boot_directory_low + 1, boot_pointer_table
    movl $boot_directory_high + 1, boot_pointer_table + 3 * 8
    xorl %ecx, %ecx
    movl $ENTRY_PRESENT_WRITABLE_LARGE, %eax
1:  movl %eax, boot_directory_low(, %ecx, 8)
    movl %eax, boot_directory_high(, %ecx, 8)
    addl $LARGE_PAGE, %eax
    incl %ecx
    cmpl $DIRECT_MAP_SIZE / LARGE_PAGE, %ecx
    jb 1b
    ret
#else
build_tables:
    xorl %ecx, %ecx
    movl $ENTRY_PRESENT_WRITABLE_LARGE, %eax
1:  movl %eax, boot_directory(, %ecx, 4)
    movl %eax, boot_directory + (KERNEL_BASE >> 20)(, %ecx, 4)
    addl $LARGE_PAGE, %eax
    incl %ecx
    cmpl $DIRECT_MAP_SIZE / LARGE_PAGE, %ecx
    jb 1b
    ret
#endif

/* In: EDI = CPUID features. Also the way of the other CPUs (smp/ap_trampoline.S). */
    .globl enable_paging
enable_paging:
#ifdef KIDNEY_PAE
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_NXE, %eax
    wrmsr
    movl %cr4, %eax
    orl $CR4_PAE, %eax
#else
    movl %cr4, %eax
    orl $CR4_PSE, %eax
#endif
    movl %eax, %cr4
    movl $BOOT_ROOT, %eax
    movl %eax, %cr3
    movl %cr0, %eax
    andl $~(CR0_CD | CR0_NW), %eax                              /* reset turns the cache off, INIT leaves it */
    orl $CR0_PG | CR0_WP | CR0_AM, %eax
    movl %eax, %cr0
    testl $CPUID_PGE, %edi
    jz 1f
    movl %cr4, %eax                                             /* global pages: after paging (SDM 3, 2.5) */
    orl $CR4_PGE, %eax
    movl %eax, %cr4
1:  ret

/* In: ESI = message. The only outputs this early are the serial port and the text screen, as the firmware
 * left them. The message goes to the top of the screen, over whatever is there. Only instructions of a 386. */
#define COM1 0x3F8
#define LINE_STATUS 5
#define LINE_STATUS_EMPTY 0x20
#define ISA_DEBUG_EXIT 0xF4
#define EXIT_PANICKED 0x2A
#define SCREEN 0xB8000
#define WHITE_ON_RED 0x4F
boot_failed:
    movl $SCREEN, %edi
0:  lodsb
    testb %al, %al
    jz 3f
    movb $WHITE_ON_RED, %ah
    cmpb $' ', %al                                              /* not the line end */
    jb 4f
    stosw
4:  movb %al, %bl
    movl $100000, %ecx                                          /* do not hang without a port */
1:  movw $COM1 + LINE_STATUS, %dx
    inb %dx, %al
    testb $LINE_STATUS_EMPTY, %al
    jnz 2f
    loop 1b
2:  movw $COM1, %dx
    movb %bl, %al
    outb %al, %dx
    jmp 0b
3:  movw $ISA_DEBUG_EXIT, %dx                                    /* leaves QEMU, as a panic does */
    movl $EXIT_PANICKED, %eax
    outl %eax, %dx
5:  hlt
    jmp 5b

    .section .boot.rodata, "a"
message_magic:
    .asciz "KERNEL PANIC: not started by a Multiboot2 loader\r\n"
message_baseline:
    .asciz "KERNEL PANIC: this CPU is too old: it has no CMOV, CMPXCHG8B or TSC; a Pentium Pro or later has\r\n"
message_paging:
    .asciz "KERNEL PANIC: this CPU has no large pages (PSE; PAE and NX for an image with PAE)\r\n"

    .section .boot.bss, "aw", @nobits
    .balign 4096
#ifdef KIDNEY_PAE
    .globl boot_directory_low, boot_directory_high, boot_pointer_table
boot_directory_low:
    .skip 4096
boot_directory_high:
    .skip 4096
boot_pointer_table:
    .skip 4096
#else
    .globl boot_directory
boot_directory:
    .skip 4096
#endif
    .skip 1024
boot_stack_top:

/* The kernel proper: first instructions at a high address. */
    .text
higher_half:
    movl $kernel_bss_start, %edi                                /* EBX is spent: EBP has the info */
    movl $kernel_bss_end, %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl
    movl $boot_cpu_stack_top, %esp
    pushl %ebp
    xorl %ebp, %ebp                                             /* ends backtraces */
    pushl $0
    jmp kernel_entry                                            /* void kernel_entry(info) */

    .section .bss.boot_stack, "aw", @nobits
    .balign 4096
    .globl boot_cpu_stack
boot_cpu_stack:
    .skip KERNEL_STACK_SIZE
    .globl boot_cpu_stack_top
boot_cpu_stack_top:

    .section .note.GNU-stack, "", @progbits

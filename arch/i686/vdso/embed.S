/* The finished image, alone in its page: programs read it there. */
    .section .rodata.vdso, "a", @progbits
    .balign 4096
    .globl vdso_image
vdso_image:
    .incbin "vdso.elf"
    .balign 4096

    .section .note.GNU-stack, "", @progbits

/* Address layout of the kernel half. One file for assembly, the linker script and C++.
 *
 *   0xC0000000  direct map: physical 0 .. 896 MiB, large global pages
 *   0xF8000000  vmap: guarded stacks, device registers, temporary windows on higher frames
 */
#define KERNEL_BASE 0xC0000000
#define DIRECT_MAP_SIZE 0x38000000
#define VMAP_BASE 0xF8000000
/* What programs may read: the clock, and the code that reads it (arch/i686/vdso). */
#define USER_CLOCK 0xFFFFD000
#define USER_VDSO 0xFFFFE000
#define KERNEL_LOAD_ADDRESS 0x100000
#define KERNEL_STACK_SIZE 16384
/* Where the other CPUs start, in real mode: a page below 1 MiB that is never handed out. */
#define AP_TRAMPOLINE 0x8000

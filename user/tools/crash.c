/* crash: dies in a chosen way. A kernel shows its manners when a program misbehaves, and tests want to see them.
 *   usage: crash MODE      `crash` alone lists the modes
 * Each mode must end this program with the signal in the table, and nothing else: not the shell, not the kernel.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Read through a volatile, so that no compiler can see that the pointer is bad. */
static void *volatile bad_address;

static void null_read(void) { (void)*(volatile int *)bad_address; }
static void null_write(void) { *(volatile int *)bad_address = 42; }
static void null_call(void) { ((void (*)(void))bad_address)(); }

static void kernel_read(void)
{
    bad_address = (void *)0xC0100000u;
    (void)*(volatile int *)bad_address;
}

static void kernel_write(void)
{
    bad_address = (void *)0xC0100000u;
    *(volatile int *)bad_address = 42;
}

static void kernel_call(void)
{
    bad_address = (void *)0xC0100000u;
    ((void (*)(void))bad_address)();
}

static void text_write(void)
{
    bad_address = (void *)&text_write;
    *(volatile char *)bad_address = (char)0xc3;
}

static void divide(void)
{
    /* In C this would be undefined, and a compiler makes of it what it likes. */
    __asm__ volatile("divl %0" : : "r"(0), "a"(1), "d"(0) : "cc");
}

/* The depth is never reached; it is there because compilers refuse a recursion without an end. */
static int recurse(volatile int *below, unsigned depth)
{
    volatile int here[256];
    here[0] = *below + 1;
    return depth ? recurse(here, depth - 1) + here[255] : 0;
}

static void stack_overflow(void)
{
    volatile int bottom = 0;
    recurse(&bottom, ~0u);
}

static void illegal(void) { __asm__ volatile("ud2"); }
static void privileged(void) { __asm__ volatile("hlt"); }
static void port(void) { __asm__ volatile("outb %%al, $0x80" : : "a"(0)); }
static void breakpoint(void) { __asm__ volatile("int3"); }
static void bad_interrupt(void) { __asm__ volatile("int $0x20"); }
static void bad_segment(void) { __asm__ volatile("movw %w0, %%gs" : : "r"(0xfff8)); }

static void unaligned_sse(void)
{
    static char area[32] __attribute__((aligned(16)));
    __asm__ volatile("movaps (%0), %%xmm0" : : "r"(area + 1));
}

static void unmapped(void)
{
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page, 4096);
    bad_address = page;
    null_write();
}

static const struct {
    const char *name;
    void (*run)(void);
    const char *ending;
} modes[] = {
    {"null", null_read, "SIGSEGV"},
    {"null-write", null_write, "SIGSEGV"},
    {"null-call", null_call, "SIGSEGV"},
    {"kernel-pointer", kernel_read, "SIGSEGV"},
    {"kernel-write", kernel_write, "SIGSEGV"},
    {"kernel-call", kernel_call, "SIGSEGV"},
    {"text-write", text_write, "SIGSEGV"},
    {"unmapped", unmapped, "SIGSEGV"},
    {"stack-overflow", stack_overflow, "SIGSEGV"},
    {"divide", divide, "SIGFPE"},
    {"illegal", illegal, "SIGILL"},
    {"privileged", privileged, "SIGSEGV"},
    {"port", port, "SIGSEGV"},
    {"bad-interrupt", bad_interrupt, "SIGSEGV"},
    {"bad-segment", bad_segment, "SIGSEGV"},
    {"unaligned-sse", unaligned_sse, "SIGSEGV"},
    {"breakpoint", breakpoint, "SIGTRAP"},
    {"abort", abort, "SIGABRT"},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (argc < 2) {
            printf("%-16s %s\n", modes[i].name, modes[i].ending);
        } else if (!strcmp(argv[1], modes[i].name)) {
            modes[i].run();
            printf("crash: survived %s\n", modes[i].name);
            return 1;
        }
    }
    if (argc >= 2)
        fprintf(stderr, "crash: no mode %s\n", argv[1]);
    return argc < 2 ? 0 : 2;
}

/// What a program must not get by instructions: selectors, flags and stack pointers from hell, in
/// signal frames, TLS descriptors and registers. It may get a signal; the kernel goes on.

#include "user/tests/check.hpp"

#include <asm/ldt.h>
#include <asm/unistd_32.h>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <sched.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

namespace {

constexpr std::uint32_t selectors[] = {
    0,    1,    2,     3,     0x04,   0x07,  // null, the local table (there is none)
    0x08, 0x0b, 0x10,  0x13,  0x18,   0x1b,  // entries nobody uses
    0x33, 0x3b, 0x43,                        // TLS
    0x60, 0x63, 0x68,  0x6b,                 // the kernel's code and data
    0x73, 0x7b, 0x70,  0x78,                 // the user's
    0x80, 0x83, 0xd8,  0xdb,  0xf8,   0xfb,  // task states, the CPU's own segment
    0xfc, 0xff, 0x100, 0x103, 0x7fff, 0xfff8, 0xffff,
};

/// It ended somehow, and everybody else goes on.
void expect_an_end(int status) {
    EXPECT(WIFEXITED(status) || WIFSIGNALED(status));
    EXPECT_EQ(check::status_of_child([] { _Exit(3); }), 3 << 8);
}

template <class Body>
void expect_signal(int signal, Body body) {
    const int status = check::status_of_child(body);
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), signal);
}

void set_handler(int signal, void (*handler)(int, siginfo_t*, void*), int flags = 0) {
    struct sigaction action{};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    EXPECT_EQ(sigaction(signal, &action, nullptr), 0);
}

// What the next handler puts into its frame.
int change_register = 0;
std::uint32_t change_to = 0;

void change_rt_frame(int, siginfo_t*, void* context) {
    static_cast<ucontext_t*>(context)->uc_mcontext.gregs[change_register] =
        static_cast<greg_t>(change_to);
}

/// The old frame: the registers lie behind the argument.
void change_old_frame(int) {
    auto* const frame = static_cast<volatile std::uint32_t*>(__builtin_frame_address(0));
    constexpr int saved_ebp_return_and_signal = 3;
    frame[saved_ebp_return_and_signal + change_register] = change_to;
}

void return_through(bool old_frame, int which, std::uint32_t value) {
    change_register = which;
    change_to = value;
    if (old_frame) {
        struct sigaction action{};
        action.sa_handler = &change_old_frame;
        EXPECT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
    } else {
        set_handler(SIGUSR1, &change_rt_frame);
    }
    raise(SIGUSR1);
}

std::uint32_t read_flags() {
    std::uint32_t flags;
    asm volatile("pushfl; popl %0" : "=r"(flags));
    return flags;
}

constexpr std::uint32_t trap_flag = 1U << 8, io_privilege = 3U << 12, nested_task = 1U << 14,
                        resume = 1U << 16, virtual_8086 = 1U << 17, alignment = 1U << 18;

volatile sig_atomic_t steps = 0;
void count_step(int, siginfo_t*, void* context) {
    steps = steps + 1;
    if (steps == 20) {
        static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &=
            static_cast<greg_t>(~trap_flag);
    }
}

void exit_seven(int, siginfo_t*, void*) {
    _exit(7);
}

/// On a 64-bit kernel nearly all of the 4 GiB belongs to 32-bit programs.
bool is_readable(std::uint32_t address) {
    return access(reinterpret_cast<const char*>(address), F_OK) == 0 || errno != EFAULT;
}

/// user_desc with every combination of its flags, by number.
user_desc descriptor(unsigned n) {
    user_desc d{};
    d.entry_number = 6 + n % 3;
    constexpr std::uint32_t bases[] = {0, 0x1000, 0xbffff000, 0xc0000000, 0xfffff000};
    constexpr std::uint32_t limits[] = {0, 1, 0xfff, 0xfffff, 0x7ffff};
    d.base_addr = bases[n % 5];
    d.limit = limits[n / 5 % 5];
    n /= 25;
    d.seg_32bit = n & 1;
    d.contents = n >> 1 & 3;
    d.read_exec_only = n >> 3 & 1;
    d.limit_in_pages = n >> 4 & 1;
    d.seg_not_present = n >> 5 & 1;
    d.useable = n >> 6 & 1;
    return d;
}
constexpr unsigned descriptors = 25U << 7;

long set_area(user_desc& d) {
    return syscall(__NR_set_thread_area, &d);
}

}  // namespace

CHECK_CASE(selectors_in_signal_frames) {
    alarm(0);
    for (const bool old_frame : {false, true}) {
        for (const int which : {REG_CS, REG_SS, REG_DS, REG_ES, REG_FS, REG_GS}) {
            for (const std::uint32_t value : selectors) {
                expect_an_end(check::status_of_child([=] {
                    return_through(old_frame, which, value);
                    sched_yield();
                    _exit(0);
                }));
            }
        }
    }
}

CHECK_CASE(flags_in_signal_frames) {
    for (const bool old_frame : {false, true}) {
        for (const std::uint32_t value :
             {io_privilege, nested_task, resume, virtual_8086, virtual_8086 | io_privilege, 0U,
              ~0U & ~trap_flag & ~alignment, alignment}) {
            expect_an_end(check::status_of_child([=] {
                return_through(old_frame, REG_EFL, value);
                const std::uint32_t now = read_flags();
                _exit((now & (io_privilege | virtual_8086)) == 0 && (now >> 9 & 1) != 0 ? 0 : 1);
            }));
            const int status = check::status_of_child([=] {
                return_through(old_frame, REG_EFL, value & ~alignment);
                const std::uint32_t now = read_flags();
                asm volatile("cld");
                _Exit((now & (io_privilege | virtual_8086)) == 0 && (now >> 9 & 1) != 0 ? 0 : 1);
            });
            EXPECT_EQ(status, 0);
        }
    }
    expect_signal(SIGTRAP, [] { return_through(false, REG_EFL, read_flags() | trap_flag); });
}

CHECK_CASE(addresses_in_signal_frames) {
    for (const int which : {REG_EIP, REG_ESP}) {
        for (const std::uint32_t value : {0U, 3U, 0xbfffffffU, 0xc0000000U, 0xc0100000U,
                                          0xf8004000U, 0xfffff000U, 0xffffffffU}) {
            if (is_readable(value)) {
                continue;
            }
            const int status = check::status_of_child([=] {
                return_through(false, which, value);
                asm volatile("pushl $0");
                _exit(0);
            });
            // To push at 3 is to write across the end of the stack segment, which some processors
            // report as a stack fault. Others, and QEMU, go on at 0.
            const bool across = which == REG_ESP && value == 3;
            EXPECT(WIFSIGNALED(status));
            EXPECT(WTERMSIG(status) == SIGSEGV || (across && WTERMSIG(status) == SIGBUS));
        }
    }
}

CHECK_CASE(selectors_loaded_directly) {
    for (const std::uint32_t value : selectors) {
        expect_an_end(check::status_of_child([=] {
            asm volatile("movl %0, %%ds; movl (%%esp), %%ecx" ::"r"(value) : "ecx", "memory");
            _exit(0);
        }));
        expect_an_end(check::status_of_child([=] {
            asm volatile("movl %0, %%es" ::"r"(value) : "memory");
            sched_yield();
            _exit(0);
        }));
        expect_an_end(check::status_of_child([=] {
            asm volatile("movl %0, %%fs; movl %0, %%gs" ::"r"(value) : "memory");
            asm volatile("movl $158, %%eax; int $0x80" ::: "eax", "memory");  // sched_yield
            asm volatile("movl $1, %%eax; xorl %%ebx, %%ebx; int $0x80" ::: "eax", "ebx", "memory");
        }));
        expect_an_end(check::status_of_child([=] {
            asm volatile("movl %0, %%ss" ::"r"(value) : "memory");
            _exit(0);
        }));
        expect_an_end(check::status_of_child([=] {
            asm volatile("pushl %0; pushl $1f; lretl; 1:" ::"r"(value) : "memory");
            _exit(0);
        }));
    }
}

CHECK_CASE(there_is_no_local_descriptor_table) {
    // Not even one that the processor looks for in our memory: general protection, no page fault.
    const int status = check::status_of_child([] {
        set_handler(SIGSEGV, [](int, siginfo_t* info, void* context) {
            const greg_t trap = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_TRAPNO];
            _exit(info->si_code == SI_KERNEL ? static_cast<int>(trap) : 99);
        });
        asm volatile("movl %0, %%es" ::"r"(0x100f) : "memory");
    });
    EXPECT_EQ(status, 13 << 8);
}

CHECK_CASE(exceptions_become_the_signals_of_linux) {
    const auto expect_code = [](int signal, int code, bool has_address, auto body) {
        static int expected_code;
        static bool expects_address;
        expected_code = code;
        expects_address = has_address;
        const int status = check::status_of_child([=] {
            set_handler(signal, [](int, siginfo_t* info, void*) {
                const bool is_right =
                    info->si_code == expected_code && (info->si_addr != nullptr) == expects_address;
                _exit(is_right ? 7 : 8);
            });
            body();
        });
        EXPECT_EQ(status, 7 << 8);
    };
    expect_code(SIGTRAP, SI_KERNEL, false, [] { asm volatile("int3"); });
    expect_code(SIGTRAP, TRAP_TRACE, true, [] {
        asm volatile("pushfl; orl %0, (%%esp); popfl; nop" ::"i"(trap_flag) : "memory", "cc");
    });
    expect_code(SIGILL, ILL_ILLOPN, true, [] { asm volatile("ud2"); });
    expect_code(SIGSEGV, SI_KERNEL, false, [] { asm volatile("hlt"); });
    // A stack segment of one page: the push beyond it is a stack fault. Its handler needs another
    // stack.
    expect_code(SIGBUS, SI_KERNEL, false, [] {
        static char memory[16384];
        const stack_t alternate{.ss_sp = memory, .ss_flags = 0, .ss_size = sizeof memory};
        EXPECT_EQ(sigaltstack(&alternate, nullptr), 0);
        struct sigaction action{};
        EXPECT_EQ(sigaction(SIGBUS, nullptr, &action), 0);
        action.sa_flags |= SA_ONSTACK;
        EXPECT_EQ(sigaction(SIGBUS, &action, nullptr), 0);
        user_desc d{};
        d.entry_number = ~0U;
        d.limit = 0xfff;
        d.seg_32bit = d.useable = 1;
        EXPECT_EQ(set_area(d), 0);
        asm volatile("movl %0, %%ss; pushl %%eax; popl %%eax" ::"r"(d.entry_number << 3 | 3)
                     : "memory");
        _exit(7);  // QEMU does not look at limits
    });
}

CHECK_CASE(privileged_instructions) {
    const auto refused = [](auto body) { expect_signal(SIGSEGV, body); };
    refused([] { asm volatile("hlt"); });
    refused([] { asm volatile("cli"); });
    refused([] { asm volatile("sti"); });
    refused([] { asm volatile("inb $0x64, %%al" ::: "eax"); });
    refused([] { asm volatile("outb %%al, $0xf4" ::"a"(0)); });
    refused([] { asm volatile("outl %%eax, %%dx" ::"a"(0), "d"(0xf4)); });
    refused([] { asm volatile("movl %%cr0, %%eax" ::: "eax"); });
    refused([] { asm volatile("movl %%eax, %%cr3" ::"a"(0)); });
    refused([] { asm volatile("movl %%eax, %%dr7" ::"a"(0)); });
    refused([] { asm volatile("invlpg 0"); });
    refused([] { asm volatile("clts"); });
    refused([] { asm volatile("wbinvd"); });
    refused([] { asm volatile("rdmsr" ::"c"(0x1b) : "eax", "edx"); });
    refused([] { asm volatile("wrmsr" ::"c"(0x176), "a"(0), "d"(0)); });
    refused([] { asm volatile("ltr %w0" ::"r"(0x80)); });
    refused([] { asm volatile("lldt %w0" ::"r"(0)); });
    refused([] { asm volatile("lgdt (%0)" ::"r"("12345678")); });
    refused([] { asm volatile("lidt (%0)" ::"r"("12345678")); });
}

CHECK_CASE(software_interrupts_and_traps) {
    expect_signal(SIGTRAP, [] { asm volatile("int3"); });
    expect_signal(SIGTRAP, [] { asm volatile(".byte 0xcd, 3"); });
    // Undocumented, and not every emulator knows what it is.
    expect_an_end(check::status_of_child([] { asm volatile(".byte 0xf1"); }));
    expect_signal(SIGILL, [] { asm volatile("ud2"); });
    expect_signal(SIGSEGV, [] { asm volatile("movb $0x7f, %%al; addb $1, %%al; into" ::: "eax"); });
    expect_signal(SIGSEGV, [] {
        const std::int32_t bounds[2] = {1, 2};
        asm volatile("bound %0, (%1)" ::"r"(5), "r"(&bounds[0]) : "memory");
    });
    expect_signal(SIGFPE, [] { asm volatile("xorl %%ecx, %%ecx; divl %%ecx" ::: "eax", "ecx"); });
    const auto refused = [](auto body) { expect_signal(SIGSEGV, body); };
    refused([] { asm volatile("int $0"); });
    refused([] { asm volatile("int $2"); });
    refused([] { asm volatile("int $8"); });
    refused([] { asm volatile("int $13"); });
    refused([] { asm volatile("int $14"); });
    refused([] { asm volatile("int $18"); });
    refused([] { asm volatile("int $0x20"); });
    refused([] { asm volatile("int $0x81"); });
    refused([] { asm volatile("int $0xf0"); });
    refused([] { asm volatile("int $0xff"); });
}

CHECK_CASE(other_ways_into_the_kernel) {
    // Whether they exist depends on the processor; what they do, on the kernel. An end either way.
    for (const std::uint32_t stack : {0U, 0xc0100000U, 0x08048000U}) {
        expect_an_end(check::status_of_child([=] {
            asm volatile("movl %0, %%ebp; movl $20, %%eax; sysenter" ::"r"(stack)
                         : "eax", "ecx", "edx", "memory");
            _exit(0);
        }));
    }
    expect_an_end(check::status_of_child([] {
        asm volatile("movl $20, %%eax; .byte 0x0f, 0x05" ::: "eax", "ecx", "memory");
        _exit(0);
    }));
    expect_signal(SIGSEGV, [] { asm volatile("lcall $0x60, $0"); });
    expect_signal(SIGSEGV, [] { asm volatile("ljmp $0x80, $0"); });
    expect_signal(SIGSEGV, [] { asm volatile("ljmp $0xf8, $0"); });
    for (const std::uint32_t target :
         {0xc0000000U, 0xc0100000U, 0xc0101000U, 0xf8004000U, 0xffc00000U, 0xfffffff0U}) {
        if (is_readable(target)) {
            continue;
        }
        expect_signal(SIGSEGV, [=] { asm volatile("jmp *%0" ::"r"(target)); });
        expect_signal(SIGSEGV, [=] { *reinterpret_cast<volatile int*>(target) = 1; });
    }
}

CHECK_CASE(flags_set_directly) {
    // NT: the way into and out of the kernel must not take it for a nested task.
    const int nested = check::status_of_child([] {
        asm volatile("pushfl; orl %0, (%%esp); popfl; movl $20, %%eax; int $0x80" ::"i"(nested_task)
                     : "eax", "memory", "cc");
        asm volatile("pushfl; andl %0, (%%esp); popfl" ::"i"(~nested_task) : "memory", "cc");
        sched_yield();
        _exit(5);
    });
    EXPECT_EQ(nested, 5 << 8);
    expect_signal(SIGSEGV, [] {
        asm volatile("pushfl; orl %0, (%%esp); popfl; iret" ::"i"(nested_task) : "memory", "cc");
    });
    const int ports = check::status_of_child([] {
        asm volatile("pushfl; orl %0, (%%esp); popfl" ::"i"(io_privilege | virtual_8086)
                     : "memory", "cc");
        _exit((read_flags() & (io_privilege | virtual_8086)) == 0 ? 5 : 1);
    });
    EXPECT_EQ(ports, 5 << 8);
    const int direction = check::status_of_child([] {
        asm volatile("std; movl $20, %%eax; int $0x80; cld" ::: "eax", "memory", "cc");
        _exit(5);
    });
    EXPECT_EQ(direction, 5 << 8);
}

CHECK_CASE(single_steps_over_system_calls) {
    const int status = check::status_of_child([] {
        set_handler(SIGTRAP, &count_step);
        asm volatile(
            "pushfl; orl %0, (%%esp); popfl\n"
            "movl $20, %%eax; int $0x80; nop\n"
            "movl $20, %%eax; int $0x80; nop\n"
            "movl $158, %%eax; int $0x80; nop; nop; nop; nop; nop; nop\n"
            "nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop" ::"i"(trap_flag)
            : "eax", "memory", "cc");
        _exit(steps == 20 && (read_flags() & trap_flag) == 0 ? 5 : 1);
    });
    EXPECT_EQ(status, 5 << 8);
    // And without a handler that ends it.
    expect_signal(SIGTRAP, [] {
        asm volatile(
            "pushfl; orl %0, (%%esp); popfl; movl $20, %%eax; int $0x80; nop" ::"i"(trap_flag)
            : "eax", "memory", "cc");
    });
}

CHECK_CASE(signals_on_impossible_stacks) {
    for (const std::uint32_t stack :
         {0U, 4U, 0x100U, 0x1000U, 0xbffffffcU, 0xc0000000U, 0xc0000004U, 0xc0000800U, 0xc0100000U,
          0xf8004000U, 0xfffffffcU}) {
        const auto crash = [=] { asm volatile("movl %0, %%esp; ud2" ::"r"(stack) : "memory"); };
        // No room for the frame: the signal that says so cannot be handled either.
        const int status = check::status_of_child([=] {
            set_handler(SIGILL, &exit_seven);
            set_handler(SIGSEGV, &exit_seven);
            crash();
        });
        EXPECT(WIFSIGNALED(status) || stack == 0xc0000000U || stack == 0xbffffffcU);
        expect_signal(SIGSEGV, [=] {
            asm volatile("movl %0, %%esp; pushl $1; popl %%eax; jmp *%%eax" ::"r"(stack)
                         : "memory");
        });
        // With a stack of its own the handler runs.
        const int saved = check::status_of_child([=] {
            static char memory[16384];
            const stack_t alternate{.ss_sp = memory, .ss_flags = 0, .ss_size = sizeof memory};
            EXPECT_EQ(sigaltstack(&alternate, nullptr), 0);
            set_handler(SIGILL, &exit_seven, SA_ONSTACK);
            crash();
        });
        EXPECT_EQ(saved, 7 << 8);
    }
}

CHECK_CASE(descriptors_of_every_kind) {
    alarm(0);
    constexpr unsigned per_child = 128;
    for (unsigned first = 0; first < descriptors; first += per_child) {
        expect_an_end(check::status_of_child([=] {
            for (unsigned n = first; n < first + per_child; ++n) {
                user_desc d = descriptor(n);
                if (set_area(d) != 0) {
                    EXPECT_EQ(errno, EINVAL);
                    continue;
                }
                user_desc back{};
                back.entry_number = d.entry_number;
                EXPECT_EQ(syscall(__NR_get_thread_area, &back), 0);
                const std::uint32_t selector = d.entry_number << 3 | 3;
                // In a child of its own: what can be loaded may still fault when it is used.
                const int status = check::status_of_child([=] {
                    asm volatile("movl %0, %%fs" ::"r"(selector) : "memory");
                    sched_yield();
                    asm volatile("movl %%fs:0, %%eax" ::: "eax", "memory");
                    _exit(0);
                });
                EXPECT(WIFEXITED(status) || WIFSIGNALED(status));
            }
            _exit(0);
        }));
    }
}

CHECK_CASE(descriptors_that_are_refused) {
    user_desc first{};
    first.entry_number = ~0U;
    first.seg_32bit = 1;
    first.base_addr = 0x1000;
    EXPECT_EQ(set_area(first), 0);
    for (unsigned n = 0; n < descriptors; ++n) {
        user_desc d = descriptor(n);
        d.entry_number = first.entry_number;
        const bool is_nothing = d.base_addr == 0 && d.limit == 0 && d.contents == 0 &&
                                d.seg_32bit == 0 && d.limit_in_pages == 0 && d.useable == 0 &&
                                d.read_exec_only == d.seg_not_present;
        // Data that is there, and no 16-bit stacks: IRET does not restore all of their pointer.
        const bool is_good = d.seg_32bit == 1 && d.contents < 2 && d.seg_not_present == 0;
        EXPECT_EQ(set_area(d), is_nothing || is_good ? 0 : -1);
    }
}

CHECK_CASE(descriptors_that_vanish_while_they_are_loaded) {
    for (int round = 0; round < 20; ++round) {
        expect_an_end(check::status_of_child([] {
            user_desc d{};
            d.entry_number = 8;
            d.limit = 0xfffff;
            d.seg_32bit = d.limit_in_pages = d.useable = 1;
            EXPECT_EQ(set_area(d), 0);
            user_desc none{};
            none.entry_number = 8;
            none.read_exec_only = none.seg_not_present = 1;
            asm volatile("movl %0, %%ds; movl %0, %%es; movl %0, %%fs" ::"r"(8 << 3 | 3)
                         : "memory");
            asm volatile("int $0x80" ::"a"(__NR_set_thread_area), "b"(&none) : "memory");
            for (int i = 0; i < 50; ++i) {
                asm volatile("int $0x80" ::"a"(__NR_sched_yield) : "memory");
            }
            _exit(0);
        }));
    }
}

CHECK_CASE(iret_does_not_lead_into_virtual_8086_mode) {
    // A processor ignores the flag outside of ring 0 and goes on behind the iret; QEMU does not.
    for (const bool with_io_privilege : {false, true}) {
        const std::uint32_t flags = 0x0002'0202U | (with_io_privilege ? 0x3000U : 0);
        for (const std::uint32_t code_segment : {0U, 0x1b5eU, 0x1000U, 0xffffU}) {
            expect_an_end(check::status_of_child([=] {
                asm volatile(
                    "pushl $0; pushl $0; pushl $0; pushl $0\n"  // gs, fs, ds, es
                    "pushl $0x1000; pushl $0x100\n"             // ss, esp
                    "pushl %0; pushl %1; pushl $0\n"
                    "iret"
                    :
                    : "r"(flags), "r"(code_segment)
                    : "memory");
            }));
        }
    }
}

CHECK_CASE(the_oldest_calls_are_refused) {
    for (const long number : {long{__NR_vm86}, long{__NR_vm86old}}) {
        expect_an_end(check::status_of_child([=] {
            char area[512] = {};
            errno = 0;
            _exit(syscall(number, 1, area) == -1 ? 0 : 1);
        }));
    }
    for (const int level : {1, 2, 3}) {
        expect_an_end(check::status_of_child([=] { syscall(__NR_iopl, level); }));
    }
}

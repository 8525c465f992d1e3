/// Registers, x87 and SSE state: kept across preemption, fork, signals and system calls.

#include "user/tests/check.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

namespace {

/// Everything that a context switch could lose, as `fxsave` writes it: x87, MXCSR and the xmm
/// registers.
struct alignas(16) FpuState {
    unsigned char bytes[512];
};

/// Fills x87 and xmm registers with values that depend on the seed.
void load_pattern(unsigned seed) {
    alignas(16) std::uint32_t pattern[4] = {seed, seed * 3 + 1, seed * 5 + 2, seed * 7 + 3};
    const double number = seed * 1.5;
    asm volatile(
        "fninit; fldl (%1); fldl (%1); fld1; faddp\n"
        "movaps (%0), %%xmm0; movaps %%xmm0, %%xmm3; movaps %%xmm0, %%xmm7\n"
        "paddd %%xmm3, %%xmm7"
        :
        : "r"(pattern), "r"(&number)
        : "memory");
}

void save(FpuState& state) {
    std::memset(state.bytes, 0, sizeof state.bytes);
    asm volatile("fxsave (%0)" : : "r"(state.bytes) : "memory");
    // Fields 8..23 are the address of the last x87 instruction: not state.
    std::memset(state.bytes + 8, 0, 16);
    // Bytes 464 and up belong to software.
    std::memset(state.bytes + 464, 0, 48);
}

bool same(const FpuState& a, const FpuState& b) {
    return std::memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

/// Spins with a pattern in the registers and checks at each round that it is still there.
void hold_pattern(unsigned seed, int rounds) {
    FpuState before;
    FpuState after;
    for (int round = 0; round < rounds; ++round) {
        load_pattern(seed + static_cast<unsigned>(round));
        save(before);
        for (volatile int i = 0; i < 20000; i = i + 1) {
        }
        save(after);
        EXPECT(same(before, after));
    }
}

}  // namespace

CHECK_CASE(floating_point_survives_preemption) {
    pid_t pids[4];
    for (unsigned i = 0; i < 4; ++i) {
        pids[i] = check::fork_or_fail();
        if (pids[i] == 0) {
            hold_pattern(1000 * (i + 1), 400);
            _Exit(0);
        }
    }
    hold_pattern(7, 400);
    for (const pid_t pid : pids) {
        EXPECT_EQ(check::wait_status(pid), 0);
    }
}

/// The kernel clears and copies pages through these registers, and puts them back.
CHECK_CASE(floating_point_survives_page_faults) {
    constexpr std::size_t pages = 64;
    constexpr std::size_t page = 4096;
    void* const area =
        mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(area != MAP_FAILED);
    auto* const bytes = static_cast<volatile unsigned char*>(area);
    FpuState before;
    FpuState after;
    for (const unsigned round : {1U, 2U}) {
        // Round 1 fills with zeros; after the fork, round 2 copies what is shared.
        const pid_t pid = round == 1 ? 0 : check::fork_or_fail();
        load_pattern(31 * round);
        save(before);
        bool kept = true;
        for (std::size_t i = 0; i < pages; ++i) {
            kept = kept && bytes[i * page + 17] == (round == 1 ? 0 : 1) &&
                   bytes[i * page + page - 1] == 0;
            bytes[i * page + 17] = static_cast<unsigned char>(round);
        }
        save(after);
        EXPECT(kept);
        EXPECT(same(before, after));
        if (round == 2) {
            if (pid == 0) {
                _Exit(0);
            }
            EXPECT_EQ(check::wait_status(pid), 0);
        }
    }
}

CHECK_CASE(floating_point_is_copied_by_fork) {
    FpuState before;
    FpuState after;
    load_pattern(99);
    save(before);
    // The raw call: libc would use the registers on the way.
    int pid = 2;
    asm volatile("int $0x80" : "+a"(pid) : : "memory");
    save(after);
    if (pid == 0) {
        _exit(same(before, after) ? 0 : 1);
    }
    EXPECT(same(before, after));
    EXPECT_EQ(check::wait_status(pid), 0);
}

CHECK_CASE(a_new_program_finds_a_clean_fpu) {
    // Control words as after fninit, although this program has changed them: seen through exec of
    // ourselves.
    const unsigned short strange = 0x0c7f;
    asm volatile("fldcw %0" : : "m"(strange));
    const int status = check::status_of_child([] {
        execl("/proc/self/exe", "cpu_state_test", "initial_control_words",
              static_cast<char*>(nullptr));
        execl("/usr/lib/kidney-tests/cpu_state_test", "cpu_state_test", "initial_control_words",
              static_cast<char*>(nullptr));
        _Exit(99);
    });
    EXPECT_EQ(status, 0);
}

CHECK_CASE(initial_control_words) {
    unsigned short control = 0;
    unsigned mxcsr = 0;
    asm volatile("fnstcw %0; stmxcsr %1" : "=m"(control), "=m"(mxcsr));
    EXPECT_EQ(control, 0x37f);
    EXPECT_EQ(mxcsr & 0xffc0, 0x1f80);
}

CHECK_CASE(a_handler_does_not_disturb_the_interrupted_program) {
    struct sigaction action{};
    action.sa_handler = [](int) { load_pattern(0xdeadbeef); };
    EXPECT_EQ(sigaction(SIGALRM, &action, nullptr), 0);
    const itimerval often{{0, 2000}, {0, 2000}};
    EXPECT_EQ(setitimer(ITIMER_REAL, &often, nullptr), 0);
    hold_pattern(31337, 150);
    const itimerval never{};
    EXPECT_EQ(setitimer(ITIMER_REAL, &never, nullptr), 0);
}

CHECK_CASE(a_handler_with_information_does_not_disturb_either) {
    struct sigaction action{};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t*, void*) { load_pattern(0xcafe); };
    EXPECT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
    FpuState before;
    FpuState after;
    const int self = getpid();
    load_pattern(5);
    save(before);
    int result = 37;  // kill
    asm volatile("int $0x80" : "+a"(result) : "b"(self), "c"(SIGUSR1) : "memory");
    save(after);
    EXPECT_EQ(result, 0);
    EXPECT(same(before, after));
}

CHECK_CASE(a_handler_begins_with_a_clean_fpu) {
    static FpuState seen;
    struct sigaction action{};
    action.sa_handler = [](int) { save(seen); };
    for (const int flags : {0, SA_SIGINFO}) {
        action.sa_flags = flags;
        EXPECT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
        const unsigned short strange = 0x0c7f;
        const int self = getpid();
        int result = 37;  // kill
        load_pattern(7);
        asm volatile("fldcw %0" : : "m"(strange));
        asm volatile("int $0x80" : "+a"(result) : "b"(self), "c"(SIGUSR1) : "memory");
        unsigned short after = 0;
        asm volatile("fnstcw %0; fninit" : "=m"(after));
        EXPECT_EQ(result, 0);
        EXPECT_EQ(after, strange);
        EXPECT_EQ(seen.bytes[0] | seen.bytes[1] << 8, 0x37f);
        EXPECT_EQ(seen.bytes[4], 0);  // nothing on the x87 stack
    }
}

CHECK_CASE(floating_point_errors_are_told_apart) {
    struct sigaction action{};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = [](int, siginfo_t* info, void*) {
        volatile double number = 1.5;  // the handler computes: the error is not pending any more
        number = number * 3;
        _Exit(info->si_addr != nullptr ? info->si_code : 99);
    };
    EXPECT_EQ(sigaction(SIGFPE, &action, nullptr), 0);
    const auto expect_code = [](int code, auto body) {
        const int status = check::status_of_child([&] {
            const unsigned short all_unmasked = 0x340;
            asm volatile("fninit; fldcw %0" : : "m"(all_unmasked));
            body();
        });
        EXPECT(WIFEXITED(status));
        EXPECT_EQ(WEXITSTATUS(status), code);
    };
    expect_code(FPE_FLTDIV, [] { asm volatile("fldpi; fldz; fdivrp; fwait"); });
    expect_code(FPE_FLTINV, [] { asm volatile("fldz; fldz; fdivrp; fwait"); });
    expect_code(FPE_FLTRES, [] { asm volatile("fldpi; fld1; fdivp; fwait"); });
    expect_code(FPE_INTDIV, [] { asm volatile("xorl %%ecx, %%ecx; divl %%ecx" ::: "eax", "ecx"); });
    // Not every emulator knows the exceptions of SSE.
    const int status = check::status_of_child([] {
        const unsigned unmasked = 0;
        asm volatile("ldmxcsr %0; xorps %%xmm0, %%xmm0; cvtsi2ss %1, %%xmm1; divss %%xmm0, %%xmm1"
                     :
                     : "m"(unmasked), "r"(1)
                     : "memory");
        _Exit(0);
    });
    EXPECT(WIFEXITED(status));
    EXPECT(WEXITSTATUS(status) == FPE_FLTDIV || WEXITSTATUS(status) == 0);
}

/// The classic way out of a SIGFPE: in the frame mask the errors, and forget those that happened.
CHECK_CASE(a_handler_mends_the_fpu_in_its_frame) {
    struct sigaction action{};
    action.sa_flags = SA_SIGINFO;
    static unsigned long tags;
    action.sa_sigaction = [](int, siginfo_t*, void* context) {
        _libc_fpstate& fpu = *static_cast<ucontext_t*>(context)->uc_mcontext.fpregs;
        tags = fpu.tag & 0xffff;
        fpu.cw |= 0x3f;
        fpu.sw &= ~0x80ffUL;
    };
    EXPECT_EQ(sigaction(SIGFPE, &action, nullptr), 0);
    // An error that is pending from the outset: emulators differ in what a division leaves behind.
    std::uint32_t environment[7];
    asm volatile("fninit; fldpi; fldz; fnstenv %0" : "=m"(environment));
    constexpr std::uint32_t division = 1U << 2, pending = 0x8080;
    environment[0] &= ~division;
    environment[1] |= division | pending;
    double kept = 0;
    unsigned short control = 0;
    asm volatile("fldenv %2; fwait; fstp %%st(0); fstpl %0; fnstcw %1"
                 : "=m"(kept), "=m"(control)
                 : "m"(environment));
    EXPECT(kept > 3.14 && kept < 3.15);
    EXPECT_EQ(control, 0x37f);
    EXPECT_EQ(tags, 0x1fff);  // pi is a number, then a zero, the rest is empty
}

CHECK_CASE(a_system_call_keeps_every_register) {
    // getpid (20) with values in all others; ebp too, so everything is pushed first.
    struct Registers {
        std::uint32_t ebx, ecx, edx, esi, edi, ebp, flags;
    } seen{};
    std::uint32_t result = 20;
    asm volatile(
        "pushl %%ebp\n"
        "pushl %1\n"
        "movl $0x11111111, %%ebx; movl $0x22222222, %%ecx; movl $0x33333333, %%edx\n"
        "movl $0x44444444, %%esi; movl $0x55555555, %%edi; movl $0x66666666, %%ebp\n"
        "stc\n"
        "int $0x80\n"
        "pushfl\n"
        "pushl %%ebp; pushl %%edi; pushl %%esi; pushl %%edx; pushl %%ecx; pushl %%ebx\n"
        "movl 28(%%esp), %%edi\n"  // the pointer pushed above the seven values
        "popl (%%edi); popl 4(%%edi); popl 8(%%edi); popl 12(%%edi)\n"
        "popl 16(%%edi); popl 20(%%edi); popl 24(%%edi)\n"
        "addl $4, %%esp\n"
        "popl %%ebp\n"
        : "+a"(result)
        : "r"(&seen)
        : "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
    EXPECT_EQ(result, getpid());
    EXPECT_EQ(seen.ebx, 0x11111111U);
    EXPECT_EQ(seen.ecx, 0x22222222U);
    EXPECT_EQ(seen.edx, 0x33333333U);
    EXPECT_EQ(seen.esi, 0x44444444U);
    EXPECT_EQ(seen.edi, 0x55555555U);
    EXPECT_EQ(seen.ebp, 0x66666666U);
    EXPECT_EQ(seen.flags & 1, 1);  // carry
}

CHECK_CASE(a_signal_keeps_every_register) {
    static volatile int handled;
    signal(SIGALRM, [](int) { handled = handled + 1; });
    const itimerval often{{0, 1000}, {0, 1000}};
    EXPECT_EQ(setitimer(ITIMER_REAL, &often, nullptr), 0);
    while (handled < 30) {
        std::uint32_t a = 1;
        std::uint32_t b = 2;
        std::uint32_t c = 3;
        std::uint32_t d = 4;
        std::uint32_t e = 5;
        // A long loop in registers only, with a checksum of all of them at the end.
        asm volatile(
            "pushl %%ebp; movl $100000, %%ebp\n"
            "1: addl %%ebx, %%eax; addl %%ecx, %%ebx; addl %%edx, %%ecx; addl %%esi, %%edx; roll "
            "$1, %%esi\n"
            "decl %%ebp; jnz 1b; popl %%ebp"
            : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(e)
            :
            : "cc", "memory");
        static std::uint32_t first = 0;
        const std::uint32_t sum = a ^ (b * 3) ^ (c * 5) ^ (d * 7) ^ (e * 11);
        first = first == 0 ? sum : first;
        EXPECT_EQ(sum, first);
    }
}

CHECK_CASE(the_direction_flag_is_clear_for_handlers) {
    static volatile std::uint32_t flags;
    signal(SIGUSR1, [](int) {
        std::uint32_t now = 0;
        asm volatile("pushfl; popl %0" : "=r"(now));
        flags = now | 2;
    });
    const int self = getpid();
    int result = 37;
    asm volatile("std; int $0x80; cld" : "+a"(result) : "b"(self), "c"(SIGUSR1) : "memory", "cc");
    EXPECT(flags != 0);
    EXPECT_EQ(flags & 0x400, 0);
}

CHECK_CASE(single_stepping_traps_and_ends) {
    const int status = check::status_of_child([] {
        asm volatile("pushfl; orl $0x100, (%%esp); popfl; nop; nop" : : : "memory", "cc");
    });
    EXPECT(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), SIGTRAP);
}

/// One function per privileged or special instruction; nothing else in the tree contains inline
/// assembly but this folder and its neighbours in arch/i686. "memory" is clobbered where the
/// compiler must not move memory accesses across the instruction.
#pragma once

#include <cstdint>
#include <optional>

namespace kidney::arch {

inline void cli() noexcept {
    asm volatile("cli" ::: "memory");
}
inline void sti() noexcept {
    asm volatile("sti" ::: "memory");
}
/// sti holds interrupts off for one more instruction, so none can slip in before the hlt.
inline void sti_hlt() noexcept {
    asm volatile("sti; hlt" ::: "memory");
}
inline void hlt() noexcept {
    asm volatile("hlt" ::: "memory");
}
inline void pause() noexcept {
    asm volatile("pause" ::: "memory");
}
/// Stops in the debugger of Bochs (`./kidney run --bochs-debugger`); anywhere else it does nothing:
/// it exchanges a register with itself.
inline void bochs_break() noexcept {
    asm volatile("xchgw %%bx, %%bx" ::: "memory");
}
[[nodiscard]] inline std::uint32_t read_eflags() noexcept {
    std::uint32_t flags;
    asm volatile("pushfl; popl %0" : "=r"(flags)::"memory");
    return flags;
}
[[nodiscard]] inline std::uint32_t read_cr0() noexcept {
    std::uint32_t value;
    asm volatile("movl %%cr0, %0" : "=r"(value));
    return value;
}
inline void write_cr0(std::uint32_t value) noexcept {
    asm volatile("movl %0, %%cr0" ::"r"(value) : "memory");
}
/// The faulting address of the last page fault.
[[nodiscard]] inline std::uint32_t read_cr2() noexcept {
    std::uint32_t value;
    asm volatile("movl %%cr2, %0" : "=r"(value));
    return value;
}
/// The physical address of the root page table.
[[nodiscard]] inline std::uint32_t read_cr3() noexcept {
    std::uint32_t value;
    asm volatile("movl %%cr3, %0" : "=r"(value));
    return value;
}
inline void write_cr3(std::uint32_t value) noexcept {
    asm volatile("movl %0, %%cr3" ::"r"(value) : "memory");
}
[[nodiscard]] inline std::uint32_t read_cr4() noexcept {
    std::uint32_t value;
    asm volatile("movl %%cr4, %0" : "=r"(value));
    return value;
}
inline void write_cr4(std::uint32_t value) noexcept {
    asm volatile("movl %0, %%cr4" ::"r"(value) : "memory");
}
inline void invlpg(std::uint32_t address) noexcept {
    asm volatile("invlpg (%0)" ::"r"(address) : "memory");
}
[[nodiscard]] inline std::uint64_t rdtsc() noexcept {
    std::uint64_t value;
    asm volatile("rdtsc" : "=A"(value));
    return value;
}
[[nodiscard]] inline std::uint64_t rdmsr(std::uint32_t msr) noexcept {
    std::uint64_t value;
    asm volatile("rdmsr" : "=A"(value) : "c"(msr));
    return value;
}
inline void wrmsr(std::uint32_t msr, std::uint64_t value) noexcept {
    asm volatile("wrmsr" ::"c"(msr), "A"(value) : "memory");
}

struct CpuidResult {
    std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};
[[nodiscard]] inline CpuidResult cpuid(std::uint32_t leaf) noexcept {
    CpuidResult r;
    asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
    return r;
}

/// A random number of the processor's own (RDRAND, Intel SDM volume 1, 7.3.17), or nothing: it has
/// none, or none just now.
[[nodiscard]] inline std::optional<std::uint32_t> draw_random() noexcept {
    constexpr std::uint32_t has_rdrand = 1U << 30U;
    if ((cpuid(1).ecx & has_rdrand) == 0) {
        return std::nullopt;
    }
    for (int attempt = 0; attempt < 10; ++attempt) {
        std::uint32_t value;
        bool is_good;
        asm volatile("rdrand %0" : "=r"(value), "=@ccc"(is_good));
        if (is_good) {
            return value;
        }
    }
    return std::nullopt;
}

/// The operand of lgdt and lidt (Intel SDM volume 3, 3.5.1).
struct [[gnu::packed]] TablePointer {
    std::uint16_t limit = 0;
    std::uint32_t base = 0;
};
inline void lidt(const TablePointer& table) noexcept {
    asm volatile("lidt %0" ::"m"(table));
}
/// A fault without a table of handlers, which ends in shutdown: PCs restart on that.
[[noreturn]] inline void triple_fault() noexcept {
    lidt({});
    __builtin_trap();
}
/// Loads the table and every segment register with the kernel's selectors: between the two, the
/// registers would name entries of the old table.
inline void lgdt_and_reload(const TablePointer& table, std::uint16_t code, std::uint16_t data,
                            std::uint16_t cpu_local) noexcept {
    asm volatile(
        "lgdt %0\n"
        "pushl %1\n"
        "pushl $1f\n"
        "lretl\n"
        "1: movl %2, %%ds\n"
        "movl %2, %%es\n"
        "movl %2, %%ss\n"
        "movl %3, %%fs\n"
        "movl %4, %%gs\n"
        :
        : "m"(table), "r"(std::uint32_t{code}), "r"(std::uint32_t{data}),
          "r"(std::uint32_t{cpu_local}), "r"(0U)
        : "memory");
}
inline void ltr(std::uint16_t selector) noexcept {
    asm volatile("ltr %0" ::"r"(selector) : "memory");
}
inline void lldt(std::uint16_t selector) noexcept {
    asm volatile("lldt %0" ::"r"(selector) : "memory");
}
[[nodiscard]] inline std::uint16_t read_gs() noexcept {
    std::uint32_t value;
    asm volatile("movl %%gs, %0" : "=r"(value));
    return static_cast<std::uint16_t>(value);
}
/// A selector that names no user segment faults; then %gs becomes null.
inline void load_gs(std::uint16_t selector) noexcept {
    std::uint32_t value = selector;
    asm volatile(
        "1: movl %0, %%gs\n"
        ".pushsection .text.fixup, \"ax\"\n"
        "2: xorl %0, %0\n"
        "jmp 1b\n"
        ".popsection\n"
        ".pushsection .exception_table, \"a\"\n"
        ".long 1b, 2b\n"
        ".popsection\n"
        : "+r"(value)::"memory");
}
[[nodiscard]] inline std::uint32_t read_ebp() noexcept {
    std::uint32_t value;
    asm volatile("movl %%ebp, %0" : "=r"(value));
    return value;
}

inline void fninit() noexcept {
    asm volatile("fninit" ::: "memory");
}
inline void fnclex() noexcept {
    asm volatile("fnclex" ::: "memory");
}
inline void fxsave(void* area) noexcept {
    asm volatile("fxsave (%0)" ::"r"(area) : "memory");
}
inline void fxrstor(const void* area) noexcept {
    asm volatile("fxrstor (%0)" ::"r"(area) : "memory");
}
inline void fnsave(void* area) noexcept {
    asm volatile("fnsave (%0)" ::"r"(area) : "memory");
}
inline void frstor(const void* area) noexcept {
    asm volatile("frstor (%0)" ::"r"(area) : "memory");
}
inline void ldmxcsr(std::uint32_t value) noexcept {
    asm volatile("ldmxcsr %0" ::"m"(value));
}

}  // namespace kidney::arch

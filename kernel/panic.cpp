#include "kernel/panic.hpp"

#include "arch/i686/boot/layout.h"
#include "arch/i686/cpu/cpu.hpp"
#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/cpu/port_io.hpp"
#include "arch/i686/smp/messages.hpp"
#include "arch/i686/trap/trap_frame.hpp"
#include "arch/i686/trap/vectors.hpp"
#include "kernel/console.hpp"
#include "kernel/symbols.hpp"
#include "kidney/core/assert.hpp"
#include "kidney/core/log.hpp"

#include <atomic>

namespace kidney::kernel {

namespace {

constinit std::atomic<PanicAction> panic_action{PanicAction::exit};
constinit std::atomic<ThreadNameHook> thread_name{nullptr};
constinit std::atomic<std::uint32_t> panics{0};

struct ConsoleText {
    void write(std::string_view text) noexcept { console_write(text); }
};

template <class... Args>
void print(FormatString<std::type_identity_t<Args>...> text, const Args&... arguments) noexcept {
    ConsoleText out;
    format_to<ConsoleText, Args...>(out, text, arguments...);
}

void print_location(std::uint32_t address) noexcept {
    const Symbol symbol = symbol_at(VirtAddr(address));
    if (symbol.name.empty()) {
        print("  {}\n", VirtAddr(address));
    } else {
        print("  {} {}+0x{:x}\n", VirtAddr(address), symbol.name, symbol.offset);
    }
}

/// Follows the saved frame pointers. A frame lies above the previous one and not far from it;
/// anything else ends the walk, so a smashed stack cannot send it into unmapped memory. A
/// recursion's frames are counted, not listed.
void print_backtrace(std::uint32_t eip, std::uint32_t ebp) noexcept {
    constexpr std::uint32_t max_lines = 32;
    constexpr std::uint32_t max_frame = 16 * 1024;
    print("backtrace:\n");
    print_location(eip);
    std::uint32_t last = 0;
    std::uint32_t repeats = 0;
    for (std::uint32_t lines = 0; lines < max_lines;) {
        if (ebp < KERNEL_BASE || ebp % 4 != 0) {
            break;
        }
        const auto* const frame = reinterpret_cast<const std::uint32_t*>(ebp);
        const std::uint32_t next = frame[0];
        const std::uint32_t return_to = frame[1];
        if (return_to == last) {
            ++repeats;
        } else {
            if (repeats != 0) {
                print("  ... and {} times more\n", repeats);
            }
            repeats = 0;
            last = return_to;
            if (return_to == 0) {
                return;  // the first frame of a thread
            }
            print_location(return_to - 1);  // inside the call, not after it
            ++lines;
        }
        if (next <= ebp || next - ebp > max_frame) {
            return;
        }
        ebp = next;
    }
}

void print_registers(const hal::TrapFrame& f) noexcept {
    // Only a trap from user mode pushes a stack pointer, and a double fault's frame is made up from
    // the TSS; otherwise the interrupted code's stack begins where the frame ends.
    const bool has_stack = f.from_user() || f.vector == arch::vector::double_fault;
    constexpr std::uint32_t above_pusha =
        offsetof(hal::TrapFrame, esp) - offsetof(hal::TrapFrame, ds);
    const std::uint32_t esp = has_stack ? f.esp : f.esp_at_pusha + above_pusha;
    const std::uint32_t ss = has_stack ? f.ss : arch::selector::kernel_data;
    print("eip {:08x}  eflags {:08x}  vector {}  error {:x}  from {}\n", f.eip, f.eflags, f.vector,
          f.error_code, f.from_user() ? "user mode" : "the kernel");
    print("eax {:08x}  ebx {:08x}  ecx {:08x}  edx {:08x}\n", f.eax, f.ebx, f.ecx, f.edx);
    print("esi {:08x}  edi {:08x}  ebp {:08x}  esp {:08x}\n", f.esi, f.edi, f.ebp, esp);
    print("cs {:04x}  ds {:04x}  es {:04x}  fs {:04x}  gs {:04x}  ss {:04x}\n", f.cs & 0xffff,
          f.ds & 0xffff, f.es & 0xffff, f.fs & 0xffff, arch::read_gs(), ss & 0xffff);
    print("cr0 {:08x}  cr2 {:08x}  cr3 {:08x}  cr4 {:08x}\n", arch::read_cr0(), arch::read_cr2(),
          arch::read_cr3(), arch::read_cr4());
}

[[noreturn]] void leave() noexcept {
    if (panic_action.load() == PanicAction::exit) {
        exit_emulator(exit_panicked);
        console_write("panic: halted\n");
    }
    arch::stop_this_cpu();
}

/// Returns on the one CPU that shall report.
void begin() noexcept {
    arch::cli();
    if (!arch::stop_other_cpus()) {
        arch::stop_this_cpu();
    }
    break_console_lock();
    if (panics.fetch_add(1) != 0) {
        console_write("KERNEL PANIC inside the panic report\n");
        leave();
    }
}

void print_heading(std::string_view reason) noexcept {
    const ThreadNameHook hook = thread_name.load();
    print("\nKERNEL PANIC: {}\n", reason);
    print("CPU {}, thread {}\n", arch::Cpu::id(),
          hook == nullptr ? std::string_view("(boot)") : hook());
}

}  // namespace

void panic(std::string_view reason) noexcept {
    begin();
    print_heading(reason);
    const auto* const frame = reinterpret_cast<const std::uint32_t*>(arch::read_ebp());
    print_backtrace(frame[1] - 1, frame[0]);
    leave();
}

void panic(std::string_view reason, const hal::TrapFrame& frame) noexcept {
    begin();
    print_heading(reason);
    print_registers(frame);
    print_backtrace(frame.eip, frame.ebp);
    leave();
}

void set_panic_action(PanicAction chosen) noexcept {
    panic_action.store(chosen);
}

void set_thread_name_hook(ThreadNameHook hook) noexcept {
    thread_name.store(hook);
}

void exit_emulator(std::uint8_t value) noexcept {
    console_use_interrupts(false);  // nothing that has been written is lost
    constexpr std::uint16_t isa_debug_exit = 0xf4;
    arch::PortIo{}.write32(isa_debug_exit, value);
}

}  // namespace kidney::kernel

namespace kidney {

void assertion_failed(const char* expression, const char* why, const char* file,
                      int line) noexcept {
    kernel::panic("{}:{}: assertion failed: {} {}", file, line, expression, why);
}

}  // namespace kidney

/// What <assert.h> calls: the checks inside library headers (Boost.Intrusive's, in debug kernels).
extern "C" void __assert_fail(const char* expression, const char* file, unsigned int line,
                              const char* /*function*/) noexcept {
    kidney::assertion_failed(expression, "", file, static_cast<int>(line));
}

/// What an abstract class's table points to.
extern "C" void __cxa_pure_virtual() noexcept {
    kidney::assertion_failed("pure virtual call", "an object was used while it was made or ended",
                             __FILE_NAME__, __LINE__);
}

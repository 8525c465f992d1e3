/// The kernel's entry: from the trampoline to a running system.
#include "arch/i686/boot/boot.hpp"
#include "arch/i686/cpu/cpu.hpp"
#include "arch/i686/cpu/tables.hpp"
#include "arch/i686/time/clock.hpp"
#include "arch/i686/trap/interrupts.hpp"
#include "kernel/boot/command_line.hpp"
#include "kernel/boot/multiboot2.hpp"
#include "kernel/console.hpp"
#include "kernel/panic.hpp"
#include "kidney/core/log.hpp"

namespace kidney::kernel {

namespace {

[[gnu::noinline]] void test_panic() noexcept {
    constexpr std::uint32_t never_mapped = 0xffff'f000;
    *reinterpret_cast<volatile std::uint32_t*>(never_mapped) = 1;
}

[[noreturn]] void idle() noexcept {
    for (;;) {
        arch::Cpu::wait_for_interrupt();
    }
}

}  // namespace

/// Called by the trampoline (arch/i686/boot), on the boot stack, interrupts off.
extern "C" [[noreturn]] void kernel_entry(std::uint32_t boot_information) noexcept {
    arch::start_clock();
    arch::load_cpu_tables(CpuId(0), arch::boot_root());
    arch::initialise_pic();
    start_console();

    const Result<BootInfo> info = multiboot2::parse(arch::boot_information(boot_information));
    if (!info) {
        panic("the boot information is broken: {}", info.error());
    }
    BootOptions options;
    command_line::parse(info->command_line.view(), options);
    set_panic_action(options.panic);
    arch::calibrate_clock();
    log::info<"boot">("KidneyOS, started by {}", info->loader.view());
    for (const auto& word : options.unknown.view()) {
        log::warning<"boot">("unknown option: {}", word.view());
    }
    for (const MemoryRegion& region : info->memory.view()) {
        log::info<"boot">("memory {:010x} + {:x} kind {}", region.start, region.size,
                          static_cast<std::uint32_t>(region.kind));
    }
    if (options.panic_test) {
        test_panic();
    }
    idle();
}

}  // namespace kidney::kernel

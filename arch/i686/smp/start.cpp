#include "arch/i686/smp/start.hpp"

#include "arch/i686/boot/layout.h"
#include "arch/i686/context/fpu.hpp"
#include "arch/i686/cpu/instructions.hpp"
#include "arch/i686/cpu/tables.hpp"
#include "arch/i686/smp/online.hpp"
#include "arch/i686/time/clock.hpp"
#include "arch/i686/trap/interrupts.hpp"
#include "kidney/core/log.hpp"

#include <atomic>
#include <cstring>

namespace kidney::arch {

extern "C" const std::byte ap_trampoline_start[];
extern "C" const std::byte ap_trampoline_end[];

extern "C" {
// Read by ap_trampoline.S.
constinit std::byte* ap_stack_top = nullptr;
constinit std::uint32_t ap_kernel_root = 0;
}

namespace {

/// For the CPU that is starting; the next one only begins when this one is online or given up.
struct Starting {
    CpuId id;
    PhysAddr kernel_root;
    CpuEntry entry = nullptr;
};
constinit Starting starting;

void wait(Duration time) noexcept {
    const Instant end = Clock::now() + time;
    while (Clock::now() < end) {
        pause();
    }
}

bool wait_until_online(CpuId cpu, Duration time) noexcept {
    const Instant end = Clock::now() + time;
    while (!online_cpus().contains(cpu)) {
        if (Clock::now() > end) {
            return false;
        }
        pause();
    }
    return true;
}

}  // namespace

/// First C++ of another CPU, from ap_trampoline.S.
extern "C" [[noreturn]] void ap_entry() noexcept {
    const Starting self = starting;
    load_cpu_tables(self.id, self.kernel_root);
    initialise_fpu();
    enable_local_apic();
    set_online(self.id);
    self.entry(self.id);
    for (;;) {
        hlt();
    }
}

void start_cpus(std::span<StartingCpu> cpus, PhysAddr kernel_root, CpuEntry entry) noexcept {
    using Mode = drivers::InterruptCommand::Mode;
    auto* const apic = local_apic();
    if (apic == nullptr || cpus.empty()) {
        return;
    }
    std::memcpy(reinterpret_cast<void*>(KERNEL_BASE + AP_TRAMPOLINE), ap_trampoline_start,
                static_cast<std::size_t>(ap_trampoline_end - ap_trampoline_start));
    for (const StartingCpu& cpu : cpus) {
        apic->send(cpu.apic_id, Mode::init, 0);
    }
    wait(Duration::milliseconds(10));
    for (StartingCpu& cpu : cpus) {
        ap_stack_top = cpu.stack.data() + cpu.stack.size();
        ap_kernel_root = kernel_root.value();
        starting = {cpu.id, kernel_root, entry};
        std::atomic_thread_fence(std::memory_order_seq_cst);  // before the message
        constexpr std::uint8_t start_page = AP_TRAMPOLINE >> page_shift;
        apic->send(cpu.apic_id, Mode::startup, start_page);
        cpu.is_up = wait_until_online(cpu.id, Duration::milliseconds(2));
        if (!cpu.is_up) {  // some need it twice; one that has started ignores the second
            apic->send(cpu.apic_id, Mode::startup, start_page);
            cpu.is_up = wait_until_online(cpu.id, Duration::milliseconds(100));
        }
        if (!cpu.is_up) {
            log::warning<"smp">("CPU with APIC id {} does not answer", cpu.apic_id);
            return;  // it may still wake up late and take the next one's stack: stop here
        }
    }
}

}  // namespace kidney::arch

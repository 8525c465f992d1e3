/// The kernel's entry: from the trampoline to a running system.
#include "arch/i686/boot/boot.hpp"
#include "arch/i686/cpu/cpu.hpp"
#include "arch/i686/cpu/tables.hpp"
#include "arch/i686/time/clock.hpp"
#include "arch/i686/trap/interrupts.hpp"
#include "drivers/fw_cfg/fw_cfg.hpp"
#include "drivers/timer/cmos_clock.hpp"
#include "kernel/boot/command_line.hpp"
#include "kernel/boot/machine.hpp"
#include "kernel/boot/multiboot2.hpp"
#include "kernel/console.hpp"
#include "kernel/decision_trace.hpp"
#include "kernel/event_trace.hpp"
#include "kernel/exec/exec.hpp"
#include "kernel/hardware/pci.hpp"
#include "kernel/hardware/random.hpp"
#include "kernel/kernel.hpp"
#include "kernel/memory/boot_memory.hpp"
#include "kernel/panic.hpp"
#include "kernel/planted_faults.hpp"
#include "kernel/process/cpu_usage.hpp"
#include "kernel/process/init.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/selftest/self_test.hpp"
#include "kernel/sockets.hpp"
#include "kernel/storage/disks.hpp"
#include "kernel/storage/flusher.hpp"
#include "kernel/storage/mounts.hpp"
#include "kernel/storage/shares.hpp"
#include "kernel/syscall/trace/trace.hpp"
#include "kernel/system_v.hpp"
#include "kernel/threads.hpp"
#include "kernel/tty/console_terminal.hpp"
#include "kidney/core/log.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace kidney::kernel {

namespace {

constinit BootInfo boot_info;
constinit BootOptions boot_options;

/// Files need times; without the chip they begin in 1970.
void read_time_of_day() noexcept {
    const Result<drivers::CalendarTime> now = drivers::CmosClock(arch::PortIo()).read();
    if (!now) {
        log::warning<"time">("{}: the time of day begins in 1970",
                             now.error() == Errc::corrupted ? "the clock's date cannot be"
                                                            : "no battery-backed clock");
        return;
    }
    const Duration since_epoch = Duration::seconds(drivers::seconds_since_epoch(*now));
    if (!set_wall_clock(since_epoch)) {
        log::warning<"time">("the clock says 1970, before this machine was booted");
    }
}

/// The command of `./kidney run --exec` is a file of QEMU's, because it can be long.
void start_init() noexcept {
    constexpr std::size_t max_command = 64 * 1024;
    static constinit std::array<char, max_command> command{};
    const Result<std::size_t> length =
        drivers::FwCfg(arch::PortIo()).read_file("opt/kidney/exec", command);
    const FirstProgram program{.path = boot_options.init.view(),
                               .exec_command = {command.data(), length.value_or(0)},
                               .arguments = boot_options.init_arguments.view(),
                               .leaks = boot_options.leak_test};
    if (const Status status = start_first_process(program); !status) {
        panic("cannot start the first process: {}", status.error());
    }
}

void read_boot_information(std::uint32_t address) noexcept {
    const Result<BootInfo> info = multiboot2::parse(arch::boot_information(address));
    if (!info) {
        panic("the boot information is broken: {}", info.error());
    }
    command_line::parse(info->command_line.view(), boot_options);
    // What `./kidney run --append` adds, so that the boot image need not be made again.
    std::array<char, 1024> more;
    const Result<std::size_t> length =
        drivers::FwCfg(arch::PortIo()).read_file("opt/kidney/append", more);
    command_line::parse({more.data(), length.value_or(0)}, boot_options);
    set_panic_action(boot_options.panic);
    set_log_level(boot_options.log);
    if (boot_options.no_randomisation) {
        set_layout_randomisation(Randomisation::none);
    }
    if (boot_options.console != ConsoleChoice()) {
        choose_console(boot_options.console.serial, boot_options.console.screen);
    }
    log::info<"boot">("KidneyOS, started by {}", info->loader.view());
    log::info<"boot">("frames by {}, threads by {}, objects by {}, CPUs by {}, disks by {}",
                      FramePolicy::name, SchedulerPolicy::name, HeapPolicy::name,
                      LoadBalancer::name, DiskPolicy::name);
    for (const auto& word : boot_options.unknown.view()) {
        log::warning<"boot">("unknown option: {}", word.view());
    }
    boot_info = *info;
    if (length.value_or(0) != 0) {
        boot_info.command_line.append(" ");
        boot_info.command_line.append({more.data(), *length});
    }
}

/// A list that is too long for its option ends in half a name, which is then unknown.
void watch_system_calls() noexcept {
    std::string_view unknown;
    if (!watch_calls(boot_options.strace.view(), unknown)) {
        log::warning<"strace">("no system call is called {}: none is shown", unknown);
    }
}

/// The first thread: what needs to sleep, and then the first program.
void first_thread(void* /*argument*/) noexcept {
    commit_fault(boot_options.fault);
    if (boot_options.self_test) {
        run_self_tests();
    }
    watch_system_calls();
    start_load_average();
    read_time_of_day();
    find_pci_devices();
    gather_randomness();
    find_disks(boot_info);
    find_shares();
    mount_file_systems(boot_options);
    start_flusher();
    start_system_v();
    start_sockets();
    const ConsoleSize size = boot_options.console_size;
    console_terminal().resize({.rows = size.rows, .columns = size.columns});
    start_init();
}

/// Where every CPU but the first begins.
void run_cpu(CpuId /*id*/) noexcept {
    become_idle_thread();
}

}  // namespace

const BootInfo& boot_information() noexcept {
    return boot_info;
}

/// Called by the trampoline (arch/i686/boot), on the boot stack, interrupts off.
extern "C" [[noreturn]] void kernel_entry(std::uint32_t boot_information) noexcept {
    arch::start_clock();
    arch::load_cpu_tables(CpuId(0), arch::boot_root());
    arch::initialise_pic();
    start_console();
    arch::calibrate_clock();

    read_boot_information(boot_information);
    start_memory(boot_info, boot_options.trace_frames);
    kernel_objects.dispatcher.create();
    set_thread_name_hook([]() noexcept { return current_thread().name(); });
    adopt_this_cpu();
    if (boot_options.trace) {
        start_decision_trace();
    }
    find_machine(boot_info, boot_options);
    const CpuSet cpus = start_other_cpus(boot_options, &run_cpu);
    if (boot_options.trace_events) {
        start_event_trace(cpus);
    }
    const int count = std::popcount(cpus.bits());
    log::info<"boot">("{} {}", count, count == 1 ? "CPU" : "CPUs");
    MUST(start_kernel_thread("first", &first_thread, nullptr));
    become_idle_thread();
}

}  // namespace kidney::kernel

#include "kernel/process/proc_files.hpp"

#include "arch/i686/cpu/description.hpp"
#include "arch/i686/smp/online.hpp"
#include "arch/i686/trap/interrupts.hpp"
#include "arch/i686/trap/vectors.hpp"
#include "fs/procfs/procfs.hpp"
#include "fs/procfs/standard_files.hpp"
#include "kernel/boot/boot_info.hpp"
#include "kernel/devices.hpp"
#include "kernel/event/change_files.hpp"
#include "kernel/exec/exec.hpp"
#include "kernel/hardware/random.hpp"
#include "kernel/interrupts.hpp"
#include "kernel/kernel.hpp"
#include "kernel/lock_checks.hpp"
#include "kernel/log_device.hpp"
#include "kernel/magic/magic_key.hpp"
#include "kernel/memory/heap_reports.hpp"
#include "kernel/process/cpu_times.hpp"
#include "kernel/process/cpu_usage.hpp"
#include "kernel/process/process_source.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/resource/accounts.hpp"
#include "kernel/resource/out_of_memory.hpp"
#include "kernel/sockets.hpp"
#include "kernel/storage/disk_files.hpp"
#include "kernel/storage/disks.hpp"
#include "kernel/storage/file_systems.hpp"
#include "kernel/storage/mounts.hpp"
#include "kernel/syscall/system_calls.hpp"
#include "kernel/syscall/trace/trace.hpp"
#include "kernel/system_v.hpp"
#include "kernel/version.hpp"
#include "mm/free_blocks.hpp"

#include <algorithm>
#include <array>

namespace kidney::kernel {
namespace {

using Procfs = fs::Procfs<Heap, Mutex<ranks::file>, WallFileClock>;

void write_statistics(void*, fs::TextOutput& out) noexcept {
    const auto line = [&out](std::string_view name, const CpuUsage& u) noexcept {
        fs::write_cpu_ticks(name, {clock_ticks(u.user), clock_ticks(u.system), clock_ticks(u.idle)},
                            out);
    };
    const CpuUsage all = cpu_usage();
    line("cpu ", all);
    for (std::uint32_t n = 0; n < max_cpus; ++n) {
        if (arch::online_cpus().contains(CpuId(n))) {
            TextBuffer<8> name;
            format_to(name, "cpu{}", n);
            line(name.view(), cpu_usage(CpuId(n)));
        }
    }
    std::uint64_t forks = 0;
    {
        LockGuard guard(World::process_lock);
        forks = processes().added();
    }
    const Duration since_boot = Clock::now() - Instant();
    const std::int64_t booted = (wall_clock() - since_boot).count() / 1'000'000'000;
    format_to(out, "ctxt {}\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\n",
              all.switches, booted, forks, runnable_threads());
}
void write_schedstat(void*, fs::TextOutput& out) noexcept {
    fs::write_schedstat_head(clock_ticks(Clock::now() - Instant()), out);
    for (std::uint32_t n = 0; n < max_cpus; ++n) {
        if (!arch::online_cpus().contains(CpuId(n))) {
            continue;
        }
        const sched::CpuStatistics s = dispatcher().statistics(CpuId(n));
        fs::write_schedstat({.cpu = n,
                             .yields = s.yields,
                             .picks = s.picks,
                             .idles = s.idles,
                             .wakeups = s.wakeups,
                             .wakeups_here = s.wakeups_here,
                             .ran = static_cast<std::uint64_t>(s.ran.count()),
                             .waited = static_cast<std::uint64_t>(s.waited.count())},
                            out);
    }
}
void write_load(void*, fs::TextOutput& out) noexcept {
    const sched::LoadAverage load = load_average();
    fs::LoadNumbers numbers;
    for (std::size_t i = 0; i < numbers.hundredths.size(); ++i) {
        numbers.hundredths[i] = load.hundredths(i);
    }
    numbers.runnable = runnable_threads();
    {
        LockGuard guard(World::process_lock);
        numbers.threads = processes().count();
        numbers.last_pid = processes().last_pid().word();
    }
    fs::write_loadavg(numbers, out);
}
/// All CPUs are of one kind.
void write_cpus(void* description, fs::TextOutput& out) noexcept {
    for (std::uint32_t n = 0; n < max_cpus; ++n) {
        if (arch::online_cpus().contains(CpuId(n))) {
            fs::write_cpuinfo(n, *static_cast<const hal::CpuDescription*>(description), out);
        }
    }
}
void write_memory(void*, fs::TextOutput& out) noexcept {
    const auto frames_now = frames().counts();
    const fs::CacheCounts pages = kernel_objects.page_cache.get().counts();
    const std::uint64_t cached = pages.pages;
    const std::uint64_t usable = frames_now.free + cached - pages.dirty;
    const std::uint64_t reserved = frames().reserve().highest();
    fs::write_meminfo({.total_kib = std::uint64_t{frames_now.total} * 4,
                       .free_kib = std::uint64_t{frames_now.free} * 4,
                       .available_kib = (usable - std::min(usable, reserved)) * 4,
                       .cached_kib = cached * 4,
                       .shared_kib = std::uint64_t{memory_file_pages()} * 4,
                       .dirty_kib = std::uint64_t{pages.dirty} * 4,
                       .writeback_kib = std::uint64_t{pages.being_written} * 4},
                      out);
}
/// What the clock and each CPU did so far, in nanoseconds; finer than /proc/stat, for measurements.
void write_cpu_times(void*, fs::TextOutput& out) noexcept {
    format_to(out, "up {}\n", (Clock::now() - Instant()).count());
    for (std::uint32_t n = 0; n < max_cpus; ++n) {
        if (arch::online_cpus().contains(CpuId(n))) {
            const CpuUsage u = cpu_usage(CpuId(n));
            format_to(out, "cpu{} user {} system {} idle {} switches {}\n", n, u.user.count(),
                      u.system.count(), u.idle.count(), u.switches);
        }
    }
}
void write_policies(void*, fs::TextOutput& out) noexcept {
    format_to(out, "frame_allocator {}\nscheduler {}\nheap {}\n",
              static_cast<const char*>(FramePolicy::name),
              static_cast<const char*>(SchedulerPolicy::name),
              static_cast<const char*>(Heap::name));
    format_to(out, "disk_scheduler {}\ncache_replacement {}\n",
              static_cast<const char*>(DiskPolicy::name),
              static_cast<const char*>(CachePolicy::name));
}
/// A template, because what a policy does not offer must not be compiled.
template <class AllFrames>
void write_free_blocks(const AllFrames& all_frames, fs::TextOutput& out) noexcept {
    if constexpr (mm::FreeRows<AllFrames>) {
        // Of each zone and those before it.
        std::array<mm::FreeBlocks, mm::frame_zones> up_to;
        mm::FreeBlocks all;
        for (std::size_t zone = 0; zone < up_to.size(); ++zone) {
            all.add(all_frames, all_frames.zone_span(static_cast<mm::FrameZone>(zone)));
            up_to[zone] = all;
        }
        for (std::uint8_t k = 0; k <= mm::max_order.value(); ++k) {
            const FrameOrder order(k);
            const std::uint32_t unusable = all.unusable(order);
            format_to(out, "order {} dma {} direct {} high {} unusable {}.{:03}\n", k,
                      up_to[0].frames(order), up_to[1].frames(order) - up_to[0].frames(order),
                      all.frames(order) - up_to[1].frames(order), unusable / 1000, unusable % 1000);
        }
    } else {
        out.write("order unknown: the policy does not tell which frames are free\n");
    }
}
/// What of the frames is free, and in blocks of which order. Those in magazines are in no block,
/// and others go on meanwhile: the lines need not add up.
void write_frames(void*, fs::TextOutput& out) noexcept {
    const mm::FrameCounts counts = frames().counts();
    const auto write_zone = [&](const char* name, std::size_t total, std::size_t free) {
        format_to(out, "zone {} total {} free {}\n", name, total, free);
    };
    format_to(out, "policy {}\n", static_cast<const char*>(Frames::name));
    write_zone("dma", counts.total_dma, counts.free_dma);
    write_zone("direct", counts.total_direct - counts.total_dma,
               counts.free_direct - counts.free_dma);
    write_zone("high", counts.total - counts.total_direct, counts.free - counts.free_direct);
    format_to(out, "reserve {}\n", frames().reserve().highest());
    write_free_blocks(frames(), out);
}
void write_version(void*, fs::TextOutput& out) noexcept {
    format_to(out, "Linux version {} (kidney) {}\n", kernel_release, kernel_version());
}

/// What /proc/sys/vm/drop_caches takes: 1 the files' pages, 2 the kernel's objects and stacks, 3
/// both. Linux's 4 asks for no note in the log, and there is none.
Status drop_caches(std::string_view text) noexcept {
    const std::int32_t what = TRY(fs::parse_value(text));
    if (what < 1 || what > 4) {
        return fail(Errc::invalid_argument);
    }
    // In batches, under no lock for long; and others may fill a cache as fast as it is emptied.
    const auto drop = [](mm::FrameReclaimer& cache) {
        const std::size_t batches = frames().total_frames() / ReclaimingFrames::batch;
        for (std::size_t n = 0; n < batches && cache.reclaim(ReclaimingFrames::batch) != 0; ++n) {
        }
    };
    if ((what & 1) != 0) {
        drop(kernel_objects.page_cache.get());
    }
    if ((what & 2) != 0) {
        drop(stacks());
        drop(heap());
    }
    return {};
}

constinit std::array<std::byte, 16> boot_id{};
constinit hal::CpuDescription cpu_description;

/// /proc/sys/kernel/random.
Status add_random_names(Procfs& proc, fs::ProcId kernel) noexcept {
    const fs::ProcId random = TRY(proc.add_directory(kernel, "random"));
    // Seeded before the first program, the pool has all the bits it can have.
    for (const char* const name : {"entropy_avail", "poolsize"}) {
        TRY(proc.add_file(random, name,
                          [](void*, fs::TextOutput& out) noexcept { out.write("256\n"); }));
    }
    TRY(proc.add_file(random, "uuid", [](void*, fs::TextOutput& out) noexcept {
        std::array<std::byte, 16> bytes;
        fill_random(bytes);
        fs::write_uuid(bytes, out);
    }));
    fill_random(boot_id);
    TRY(proc.add_file(random, "boot_id",
                      [](void*, fs::TextOutput& out) noexcept { fs::write_uuid(boot_id, out); }));
    return {};
}

/// /proc/sys/kernel and /proc/filesystems: what scripts and sysctl ask a Linux for.
Status add_system_names(Procfs& proc) noexcept {
    const fs::ProcId system = TRY(proc.add_directory("sys"));
    const fs::ProcId kernel = TRY(proc.add_directory(system, "kernel"));
    const auto add = [&](const char* name, fs::TextGenerator generate) {
        return proc.add_file(kernel, name, generate);
    };
    TRY(add("ostype", [](void*, fs::TextOutput& out) noexcept { out.write("KidneyOS\n"); }));
    TRY(add("osrelease",
            [](void*, fs::TextOutput& out) noexcept { format_to(out, "{}\n", kernel_release); }));
    TRY(add("version",
            [](void*, fs::TextOutput& out) noexcept { format_to(out, "{}\n", kernel_version()); }));
    TRY(add("hostname",
            [](void*, fs::TextOutput& out) noexcept { format_to(out, "{}\n", host_name()); }));
    TRY(add("pid_max",
            [](void*, fs::TextOutput& out) noexcept { format_to(out, "{}\n", max_pid); }));
    TRY(add("threads-max", [](void*, fs::TextOutput& out) noexcept {
        format_to(out, "{}\n", process_capacity());
    }));
    TRY(add("ngroups_max", [](void*, fs::TextOutput& out) noexcept {
        format_to(out, "{}\n", Identity::max_groups);
    }));
    TRY(proc.add_setting(
        kernel, "randomize_va_space",
        [](void*, fs::TextOutput& out) noexcept {
            format_to(out, "{}\n", static_cast<unsigned>(layout_randomisation()));
        },
        [](std::string_view text) noexcept -> Status {
            const std::int32_t how = TRY(fs::parse_value(text));
            if (how < 0 || how > static_cast<std::int32_t>(Randomisation::all)) {
                return fail(Errc::invalid_argument);
            }
            set_layout_randomisation(static_cast<Randomisation>(how));
            return {};
        }));
    const fs::ProcId files = TRY(proc.add_directory(system, "fs"));
    TRY(proc.add_file(files, "file-max", [](void*, fs::TextOutput& out) noexcept {
        format_to(out, "{}\n", std::uint64_t{max_pid} * decltype(Process::files)::capacity);
    }));
    // Whatever programs ask for they get, until the memory is used up.
    const fs::ProcId memory = TRY(proc.add_directory(system, "vm"));
    TRY(proc.add_file(memory, "overcommit_memory",
                      [](void*, fs::TextOutput& out) noexcept { out.write("1\n"); }));
    TRY(proc.add_command(memory, "drop_caches", drop_caches));
    TRY(proc.add_file(files, "pipe-max-size", [](void*, fs::TextOutput& out) noexcept {
        format_to(out, "{}\n", largest_pipe());
    }));
    const fs::ProcId changes = TRY(proc.add_directory(files, "inotify"));
    TRY(proc.add_file(changes, "max_queued_events", [](void*, fs::TextOutput& out) noexcept {
        format_to(out, "{}\n", change_files().limits().records);
    }));
    TRY(proc.add_file(changes, "max_user_instances", [](void*, fs::TextOutput& out) noexcept {
        format_to(out, "{}\n", change_files().limits().files);
    }));
    TRY(proc.add_file(changes, "max_user_watches", [](void*, fs::TextOutput& out) noexcept {
        format_to(out, "{}\n", change_files().limits().watches);
    }));
    TRY(add_random_names(proc, kernel));
    return proc.add_file("filesystems", write_file_system_types);
}

void write_swaps(void*, fs::TextOutput& out) noexcept {
    out.write("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
}
void write_paging(void*, fs::TextOutput& out) noexcept {
    std::uint64_t faults = 0;
    for (std::uint32_t cpu = 0; cpu < max_cpus; ++cpu) {
        faults += arch::interrupts_taken(CpuId(cpu), arch::vector::page_fault);
    }
    std::uint64_t blocks_read = 0, blocks_written = 0;
    for (Disk* const disk : disks()) {
        const fs::BlockStatistics s = disk->counted.statistics();
        blocks_read += s.read.bytes / 1024;
        blocks_written += s.written.bytes / 1024;
    }
    format_to(out, "nr_free_pages {}\nnr_file_pages {}\npgpgin {}\npgpgout {}\npgfault {}\n",
              frames().counts().free, kernel_objects.page_cache.get().size(), blocks_read,
              blocks_written, faults);
}

/// Files about devices, and about the machine below them.
Status add_device_files(Procfs& proc) noexcept {
    TRY(proc.add_file("interrupts",
                      [](void*, fs::TextOutput& out) noexcept { write_interrupts(out); }));
    TRY(proc.add_file("devices",
                      [](void*, fs::TextOutput& out) noexcept { write_device_list(out); }));
    TRY(proc.add_file("diskstats", &write_disk_statistics));
    TRY(proc.add_file("swaps", &write_swaps));
    TRY(proc.add_file("vmstat", &write_paging));
    TRY(proc.add_special("kmsg", 0400, &open_kernel_log));
    return proc.add_file("cmdline", [](void*, fs::TextOutput& out) noexcept {
        out.write(boot_information().command_line.view());
        out.write("\n");
    });
}

constinit BootObject<Procfs> proc_file_system;

}  // namespace

Result<fs::FileSystem*> create_proc_files(std::uint32_t device) noexcept {
    Procfs& proc = proc_file_system.create(heap(), create_process_source(), file_clock(), device);
    TRY(proc.start());
    TRY(proc.add_file("meminfo", &write_memory));
    TRY(proc.add_file("uptime", [](void*, fs::TextOutput& out) noexcept {
        fs::write_uptime(Clock::now(), cpu_usage().idle, out);
    }));
    TRY(proc.add_link("mounts", "self/mounts"));
    TRY(add_device_files(proc));
    TRY(proc.add_file("version", &write_version));
    TRY(proc.add_file("stat", &write_statistics));
    TRY(proc.add_file("loadavg", &write_load));
    TRY(proc.add_file("schedstat", &write_schedstat));
    arch::CpuidDescriber::describe(cpu_description);
    TRY(proc.add_file("cpuinfo", &write_cpus, &cpu_description));
    TRY(proc.add_file("partitions", &write_disk_list));
    TRY(add_system_names(proc));
    const fs::ProcId ipc = TRY(proc.add_directory("sysvipc"));
    TRY(proc.add_file(ipc, "msg", &write_message_queues));
    TRY(proc.add_file(ipc, "sem", &write_semaphores));
    TRY(proc.add_file(ipc, "shm", &write_shared_memory));
    const fs::ProcId net = TRY(proc.add_directory("net"));
    TRY(proc.add_file(net, "unix", &write_sockets));
    const fs::ProcId own = TRY(proc.add_directory("kidney"));
    TRY(proc.add_file(own, "policies", &write_policies));
    TRY(proc.add_file(own, "cpus", &write_cpu_times));
    TRY(proc.add_file(own, "frames", &write_frames));
    TRY(proc.add_file(own, "locks", [](void*, fs::TextOutput& out) noexcept { write_locks(out); }));
    TRY(proc.add_command(own, "strace", &watch_calls_of_line));
    TRY(proc.add_private_file(own, "heap", &write_heap_sites));
    TRY(proc.add_command(fs::ProcId{}, "sysrq-trigger", [](std::string_view text) noexcept {
        if (!text.empty()) {
            press_magic_key(text.front());
        }
        return Status();
    }));
    TRY(proc.add_private_file(fs::ProcId{}, "slabinfo", &write_slab_info));
    return &proc;
}

}  // namespace kidney::kernel

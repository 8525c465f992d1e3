#include "kernel/process/proc_files.hpp"

#include "arch/i686/cpu/description.hpp"
#include "arch/i686/smp/online.hpp"
#include "fs/mappable_node.hpp"
#include "fs/procfs/procfs.hpp"
#include "fs/procfs/standard_files.hpp"
#include "kernel/devices.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process/cpu_times.hpp"
#include "kernel/process/cpu_usage.hpp"
#include "kernel/process/process.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/resource/accounts.hpp"
#include "kernel/resource/out_of_memory.hpp"
#include "kernel/storage/disk_files.hpp"
#include "kernel/storage/mounts.hpp"
#include "kernel/syscall/open_flags.hpp"
#include "kernel/syscall/system_calls.hpp"
#include "kernel/system_v.hpp"
#include "kernel/tty/console_terminal.hpp"
#include "kernel/tty/terminal.hpp"
#include "kernel/tty/terminal_file.hpp"
#include "kernel/version.hpp"

#include <algorithm>
#include <array>

namespace kidney::kernel {
namespace {

using Procfs = fs::Procfs<Heap, Mutex<ranks::file>, WallFileClock>;

[[nodiscard]] std::uint64_t ticks(Duration time) noexcept {
    return static_cast<std::uint64_t>(time.count()) / 10'000'000;
}

/// A process by number, kept until the caller lets go of it.
[[nodiscard]] Result<Ref<Process>> find_process(std::uint32_t pid) noexcept {
    LockGuard guard(process_lock);
    Process* const p = processes().find(Pid(static_cast<std::int32_t>(pid)));
    return p == nullptr ? Result<Ref<Process>>(fail(Errc::not_found)) : Ref<Process>::share(*p);
}

/// The same, if the caller may look into it.
[[nodiscard]] Result<Ref<Process>> find_open_process(std::uint32_t pid) noexcept {
    Ref<Process> p = TRY(find_process(pid));
    const Process& self = current_process();
    LockGuard guard(process_lock);
    if (p.get() != &self && !self.identity.may_inspect(p->identity, p->dumpable)) {
        return fail(Errc::permission_denied);
    }
    return p;
}

/// Copies text out of a program's memory, whether it runs or not; what is no longer there ends it.
void copy_text(AddressSpace& memory, VirtRange from, fs::TextOutput& out) noexcept {
    constexpr std::uint32_t most = 64 * 1024;
    std::array<char, 256> piece;
    std::uint32_t left = std::min(from.size, most);
    while (left > 0) {
        const auto size = std::min<std::uint32_t>(left, piece.size());
        const auto bytes = std::as_writable_bytes(std::span(piece).first(size));
        if (!memory.copy_from(from.start, bytes)) {
            return;
        }
        out.write({piece.data(), size});
        from.start += size;
        left -= size;
    }
}

[[nodiscard]] char state_letter(const Process& p) noexcept REQUIRES(process_lock) {
    switch (p.state) {
        case Process::State::zombie:
            return 'Z';
        case Process::State::stopped:
            return 'T';
        case Process::State::running:
            break;
    }
    return p.thread != nullptr && is_runnable(*p.thread) ? 'R' : 'S';
}

void add_signal_facts(const Process& p, fs::ProcessFacts& f) noexcept REQUIRES(process_lock) {
    f.pending = p.signals.pending().bits();
    f.blocked = p.signals.blocked().bits();
    for (std::uint32_t s = 1; s <= abi::signal_count; ++s) {
        const Disposition& d = p.signals.disposition(s);
        const std::uint64_t bit = SignalSet::of(s).bits();
        f.ignored |= d.is_ignored() ? bit : 0;
        f.caught |= d.is_ignored() || d.is_default() ? 0 : bit;
    }
}

[[nodiscard]] fs::ProcessFacts facts_of(Process& p) noexcept REQUIRES(process_lock) {
    fs::ProcessFacts f;
    f.pid = p.pid.word();
    f.parent = p.parent == nullptr ? 0 : p.parent->pid.word();
    f.group = p.group.word();
    f.session = p.session.word();
    f.state = state_letter(p);
    const std::string_view name = p.thread == nullptr ? p.final_name.view() : p.name();
    for (std::size_t i = 0; i < name.size() && i + 1 < f.name.size(); ++i) {
        f.name[i] = name[i];
    }
    const CpuTimes times = cpu_times(p);
    f.user_ticks = ticks(times.user);
    f.system_ticks = ticks(times.system);
    f.children_user_ticks = ticks(p.children_times.user);
    f.children_system_ticks = ticks(p.children_times.system);
    f.start_ticks = ticks(p.started - Instant());
    f.nice = p.thread == nullptr ? 0 : p.thread->nice;
    if (p.terminal != nullptr) {
        f.terminal = terminal_major << 8 | 64;  // the console is the only one
        f.foreground_group = p.terminal->foreground().value();
    }
    f.umask = p.umask;
    f.memory_score =
        mm::badness_score(victim_facts(p), static_cast<std::uint32_t>(frames().counts().total));
    f.memory_adjustment = p.memory_adjustment;
    add_signal_facts(p, f);
    f.uid = p.identity.user.real;
    f.effective_uid = p.identity.user.effective;
    f.gid = p.identity.group.real;
    f.effective_gid = p.identity.group.effective;
    return f;
}

/// What /proc says about processes. A process may end at any moment: what is looked at is kept by a
/// reference, and what it consists of is looked at through Process::look_at().
class Processes final : public fs::ProcessSource {
public:
    std::uint32_t current() noexcept override { return current_process().pid.word(); }
    std::uint32_t next(std::uint32_t after) noexcept override EXCLUDES(process_lock) {
        LockGuard guard(process_lock);
        std::uint32_t found = 0;
        processes().for_each([&](Process& p) {
            const std::uint32_t pid = p.pid.word();
            if (pid > after && (found == 0 || pid < found)) {
                found = pid;
            }
        });
        return found;
    }
    Result<fs::ProcessFacts> facts(std::uint32_t pid) noexcept override EXCLUDES(process_lock) {
        const Ref<Process> p = TRY(find_process(pid));
        fs::ProcessFacts f;
        {
            LockGuard guard(process_lock);
            f = facts_of(*p);
        }
        if (const Ref<AddressSpace> memory = p->look_at(p->memory)) {
            const auto usage = memory->usage();
            f.virtual_bytes = usage.bytes;
            f.resident_pages = usage.resident.total();
        }
        return f;
    }
    Status command_line(std::uint32_t pid, fs::TextOutput& out) noexcept override {
        return write_strings(TRY(find_process(pid)), &Process::arguments, out);
    }
    Status environment(std::uint32_t pid, fs::TextOutput& out) noexcept override {
        return write_strings(TRY(find_open_process(pid)), &Process::environment, out);
    }
    Status maps(std::uint32_t pid, fs::TextOutput& out) noexcept override {
        const Ref<Process> p = TRY(find_open_process(pid));
        const Ref<AddressSpace> memory = p->look_at(p->memory);
        if (!memory) {
            return {};
        }
        memory->for_each_region([&](const mm::Region& region) { write_region(region, out); });
        return {};
    }
    void write_region(const mm::Region& region, fs::TextOutput& out) noexcept {
        const mm::RegionTraits& traits = region.traits;
        const mm::Protection& right = traits.protection;
        // Every source in this kernel is a node.
        auto* const node = static_cast<fs::MappableNode*>(traits.source.get());
        const fs::Attributes file =
            node == nullptr ? fs::Attributes{} : node->attributes().value_or(fs::Attributes{});
        TextBuffer<96> line;
        format_to(line, "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ",
                  region.range.start.value(), region.range.end().value(), right.read ? 'r' : '-',
                  right.write ? 'w' : '-', right.execute ? 'x' : '-', traits.shared ? 's' : 'p',
                  traits.source_page << page_shift, file.device >> 8, file.device & 0xFF,
                  file.inode);
        std::array<char, 512> path;
        std::string_view name = traits.kind == mm::RegionKind::heap    ? "[heap]"
                                : traits.kind == mm::RegionKind::stack ? "[stack]"
                                                                       : "";
        if (node != nullptr) {
            name = path_of(*node, path).value_or("");
        }
        fs::write_column(line.view(), name.empty() ? 0 : 49, out);
        out.write(name);
        out.write("\n");
    }
    Status limits(std::uint32_t pid, fs::TextOutput& out) noexcept override {
        const Ref<Process> p = TRY(find_process(pid));
        std::array<fs::ProcessLimit, Limits::count> all;
        {
            LockGuard guard(process_lock);
            for (std::uint32_t n = 0; n < all.size(); ++n) {
                const Limit l = p->limits.get(n).value_or(Limit{});
                all[n] = {l.current, l.maximum};
            }
        }
        fs::write_limits(all, out);
        return {};
    }
    Result<Ref<fs::Vnode>> link(std::uint32_t pid, fs::ProcessLink which) noexcept override {
        const Ref<Process> p = TRY(find_open_process(pid));
        Ref<fs::Vnode> node = p->look_at(which == fs::ProcessLink::executable  ? p->executable
                                         : which == fs::ProcessLink::directory ? p->directory
                                                                               : p->root);
        return node ? Result<Ref<fs::Vnode>>(std::move(node)) : fail(Errc::not_found);
    }
    Result<std::uint32_t> next_descriptor(std::uint32_t pid, std::uint32_t from) noexcept override {
        const auto fd = TRY(find_open_process(pid))->files.next_open(Fd(from));
        return fd ? Result<std::uint32_t>(fd->value()) : fail(Errc::not_found);
    }
    Result<Ref<fs::File>> descriptor(std::uint32_t pid, std::uint32_t fd) noexcept override {
        auto file = TRY(find_open_process(pid))->files.share(Fd(fd));
        return file ? std::move(file) : fail(Errc::not_found);
    }
    Status descriptor_text(std::uint32_t pid, std::uint32_t fd,
                           fs::TextOutput& out) noexcept override {
        const Ref<Process> p = TRY(find_open_process(pid));
        const auto file = p->files.share(Fd(fd));
        if (!file) {
            return fail(Errc::not_found);
        }
        const std::uint64_t position = (*file)->seek(0, fs::Whence::current).value_or(0);
        const bool closes = p->files.close_on_exec(Fd(fd)).value_or(false);
        fs::write_descriptor(position, open_flags_of((*file)->mode()) | (closes ? O_CLOEXEC : 0U),
                             out);
        return {};
    }
    Result<std::string_view> path_of(fs::Vnode& node, std::span<char> to) noexcept override {
        static constexpr std::string_view deleted_mark = " (deleted)";
        const Process& self = current_process();
        const auto found = vfs().path_of(*self.root, node, to);
        const std::string_view started_as = self.executable_path.view();
        if (!found && &node == self.executable.get() && !started_as.empty()) {
            std::size_t size = started_as.copy(to.data(), to.size());
            if (const auto now = node.attributes(); now && now->links == 0) {
                size += deleted_mark.copy(to.data() + size, to.size() - size);
            }
            return std::string_view(to.data(), size);
        }
        return found;
    }

private:
    static Status write_strings(const Ref<Process>& p, VirtRange Process::* which,
                                fs::TextOutput& out) noexcept EXCLUDES(process_lock) {
        VirtRange where;
        {
            LockGuard guard(process_lock);
            where = (*p).*which;
        }
        if (const Ref<AddressSpace> memory = p->look_at(p->memory)) {  // a zombie has none
            copy_text(*memory, where, out);
        }
        return {};
    }
};

void write_statistics(void*, fs::TextOutput& out) noexcept {
    const auto line = [&out](std::string_view name, const CpuUsage& u) noexcept {
        fs::write_cpu_ticks(name, {ticks(u.user), ticks(u.system), ticks(u.idle)}, out);
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
        LockGuard guard(process_lock);
        forks = processes().added();
    }
    const Duration since_boot = Clock::now() - Instant();
    const std::int64_t booted = (wall_clock() - since_boot).count() / 1'000'000'000;
    format_to(out, "ctxt {}\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\n",
              all.switches, booted, forks, runnable_threads());
}
void write_load(void*, fs::TextOutput& out) noexcept {
    const sched::LoadAverage load = load_average();
    fs::LoadNumbers numbers;
    for (std::size_t i = 0; i < numbers.hundredths.size(); ++i) {
        numbers.hundredths[i] = load.hundredths(i);
    }
    numbers.runnable = runnable_threads();
    {
        LockGuard guard(process_lock);
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
    const std::uint64_t cached = kernel_objects.page_cache.get().size();
    const std::uint64_t usable = frames_now.free + cached;
    const std::uint64_t reserved = frames().reserve().highest();
    fs::write_meminfo({.total_kib = std::uint64_t{frames_now.total} * 4,
                       .free_kib = std::uint64_t{frames_now.free} * 4,
                       .available_kib = (usable - std::min(usable, reserved)) * 4,
                       .cached_kib = cached * 4,
                       .shared_kib = std::uint64_t{memory_file_pages()} * 4},
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
}
void write_version(void*, fs::TextOutput& out) noexcept {
    format_to(out, "Linux version {} (kidney) {}\n", kernel_release, kernel_version());
}

constinit WallFileClock file_clock;
constinit std::array<std::byte, 16> boot_id{};
constinit hal::CpuDescription cpu_description;

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
    const fs::ProcId files = TRY(proc.add_directory(system, "fs"));
    TRY(proc.add_file(files, "file-max", [](void*, fs::TextOutput& out) noexcept {
        format_to(out, "{}\n", std::uint64_t{max_pid} * decltype(Process::files)::capacity);
    }));
    const fs::ProcId random = TRY(proc.add_directory(kernel, "random"));
    TRY(proc.add_file(random, "uuid", [](void*, fs::TextOutput& out) noexcept {
        std::array<std::byte, 16> bytes;
        fill_random(bytes);
        fs::write_uuid(bytes, out);
    }));
    fill_random(boot_id);
    TRY(proc.add_file(random, "boot_id",
                      [](void*, fs::TextOutput& out) noexcept { fs::write_uuid(boot_id, out); }));
    return proc.add_file("filesystems", [](void*, fs::TextOutput& out) noexcept {
        out.write("nodev\tproc\nnodev\ttmpfs\nnodev\tdevtmpfs\n\text2\n");
    });
}

constinit BootObject<Processes> process_source;
constinit BootObject<Procfs> proc_file_system;

}  // namespace

Result<fs::FileSystem*> create_proc_files(std::uint32_t device) noexcept {
    Procfs& proc = proc_file_system.create(heap(), process_source.create(), file_clock, device);
    TRY(proc.start());
    TRY(proc.add_file("meminfo", &write_memory));
    TRY(proc.add_file("uptime", [](void*, fs::TextOutput& out) noexcept {
        fs::write_uptime(Clock::now(), cpu_usage().idle, out);
    }));
    TRY(proc.add_file("mounts",
                      [](void*, fs::TextOutput& out) noexcept { fs::write_mounts(vfs(), out); }));
    TRY(proc.add_file("version", &write_version));
    TRY(proc.add_file("stat", &write_statistics));
    TRY(proc.add_file("loadavg", &write_load));
    arch::CpuidDescriber::describe(cpu_description);
    TRY(proc.add_file("cpuinfo", &write_cpus, &cpu_description));
    TRY(proc.add_file("partitions", &write_disk_list));
    TRY(add_system_names(proc));
    const fs::ProcId ipc = TRY(proc.add_directory("sysvipc"));
    TRY(proc.add_file(ipc, "msg", &write_message_queues));
    TRY(proc.add_file(ipc, "sem", &write_semaphores));
    TRY(proc.add_file(ipc, "shm", &write_shared_memory));
    const fs::ProcId own = TRY(proc.add_directory("kidney"));
    TRY(proc.add_file(own, "policies", &write_policies));
    TRY(proc.add_file(own, "cpus", &write_cpu_times));
    return &proc;
}

}  // namespace kidney::kernel

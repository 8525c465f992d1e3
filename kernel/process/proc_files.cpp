#include "kernel/process/proc_files.hpp"

#include "fs/procfs/procfs.hpp"
#include "fs/procfs/standard_files.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process/cpu_times.hpp"
#include "kernel/process/process.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/process/wall_clock.hpp"
#include "kernel/storage/disk_files.hpp"
#include "kernel/version.hpp"

namespace kidney::kernel {
namespace {

using Procfs = fs::Procfs<Heap, Mutex<ranks::file>, WallFileClock>;

[[nodiscard]] std::uint64_t ticks(Duration time) noexcept {
    return static_cast<std::uint64_t>(time.count()) / 10'000'000;
}

/// Facts of any process. Descriptors, links and maps only of the caller's own: they belong to the
/// thread of their process, and nobody else may look at them while it runs.
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
        const std::uint32_t caller = current();
        LockGuard guard(process_lock);
        Process* const p = processes().find(Pid(static_cast<std::int32_t>(pid)));
        if (p == nullptr) {
            return fail(Errc::not_found);
        }
        fs::ProcessFacts f;
        f.pid = pid;
        f.parent = p->parent == nullptr ? 0 : p->parent->pid.word();
        f.group = p->group.word();
        f.session = p->session.word();
        f.state = p->state == Process::State::zombie    ? 'Z'
                  : p->state == Process::State::stopped ? 'T'
                  : pid == caller                       ? 'R'
                                                        : 'S';
        const std::string_view name = p->thread == nullptr ? std::string_view("?") : p->name();
        for (std::size_t i = 0; i < name.size() && i + 1 < f.name.size(); ++i) {
            f.name[i] = name[i];
        }
        const CpuTimes times = cpu_times(*p);
        f.user_ticks = ticks(times.user);
        f.system_ticks = ticks(times.system);
        const fs::Credentials who = p->identity.effective();
        f.uid = f.effective_uid = who.uid;
        f.gid = f.effective_gid = who.gid;
        return f;
    }
    /// Copied under the lock, written without it: the reader's memory may fault.
    Status command_line(std::uint32_t pid, fs::TextOutput& out) noexcept override
        EXCLUDES(process_lock) {
        BoundedText<128> text;
        {
            LockGuard guard(process_lock);
            Process* const p = processes().find(Pid(static_cast<std::int32_t>(pid)));
            if (p == nullptr) {
                return fail(Errc::not_found);
            }
            if (p->state != Process::State::zombie) {  // a zombie has no command line
                text = p->command_line;
            }
        }
        out.write(text.view());
        return {};
    }
    Status maps(std::uint32_t pid, fs::TextOutput& out) noexcept override {
        Process& self = *TRY(own(pid));
        self.memory->for_each_region([&out](const auto& region) {
            const auto& right = region.traits.protection;
            format_to(out, "{:08x}-{:08x} {}{}{}{} 00000000 00:00 0\n", region.range.start.value(),
                      region.range.end().value(), right.read ? 'r' : '-', right.write ? 'w' : '-',
                      right.execute ? 'x' : '-', region.traits.shared ? 's' : 'p');
        });
        return {};
    }
    Result<Ref<fs::Vnode>> link(std::uint32_t pid, fs::ProcessLink which) noexcept override {
        Process& self = *TRY(own(pid));
        Ref<fs::Vnode> node = which == fs::ProcessLink::executable  ? self.executable
                              : which == fs::ProcessLink::directory ? self.directory
                                                                    : self.root;
        return node ? Result<Ref<fs::Vnode>>(std::move(node)) : fail(Errc::not_found);
    }
    Result<std::uint32_t> next_descriptor(std::uint32_t pid, std::uint32_t from) noexcept override {
        Process& self = *TRY(own(pid));
        for (; from < FdTable::capacity; ++from) {
            if (self.files.is_open(Fd(from))) {
                return from;
            }
        }
        return fail(Errc::not_found);
    }
    Result<Ref<fs::File>> descriptor(std::uint32_t pid, std::uint32_t fd) noexcept override {
        const auto file = TRY(own(pid))->files.get(Fd(fd));
        return file ? Result<Ref<fs::File>>(Ref<fs::File>::share(**file)) : fail(Errc::not_found);
    }
    Result<std::string_view> path_of(fs::Vnode& node, std::span<char> to) noexcept override {
        const Process& self = current_process();
        const auto found = vfs().path_of(*self.root, node, to);
        const std::string_view started_as = self.executable_path.view();
        if (!found && &node == self.executable.get() && !started_as.empty()) {
            return std::string_view(to.data(), started_as.copy(to.data(), to.size()));
        }
        return found;
    }

private:
    [[nodiscard]] static Result<Process*> own(std::uint32_t pid) noexcept {
        Process& self = current_process();
        return self.pid.word() == pid ? Result<Process*>(&self) : fail(Errc::not_found);
    }
};

void write_memory(void*, fs::TextOutput& out) noexcept {
    const auto frames_now = frames().counts();
    const std::uint64_t cached = kernel_objects.page_cache.get().size();
    fs::write_meminfo({.total_kib = std::uint64_t{frames_now.total} * 4,
                       .free_kib = std::uint64_t{frames_now.free} * 4,
                       .cached_kib = cached * 4},
                      out);
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
constinit BootObject<Processes> process_source;
constinit BootObject<Procfs> proc_file_system;

}  // namespace

Result<fs::FileSystem*> create_proc_files(std::uint32_t device) noexcept {
    Procfs& proc = proc_file_system.create(heap(), process_source.create(), file_clock, device);
    TRY(proc.start());
    TRY(proc.add_file("meminfo", &write_memory));
    TRY(proc.add_file("uptime", [](void*, fs::TextOutput& out) noexcept {
        fs::write_uptime(Clock::now(), Duration(), out);
    }));
    TRY(proc.add_file("mounts",
                      [](void*, fs::TextOutput& out) noexcept { fs::write_mounts(vfs(), out); }));
    TRY(proc.add_file("version", &write_version));
    TRY(proc.add_file("partitions", &write_disk_list));
    const fs::ProcId own = TRY(proc.add_directory("kidney"));
    TRY(proc.add_file(own, "policies", &write_policies));
    return &proc;
}

}  // namespace kidney::kernel

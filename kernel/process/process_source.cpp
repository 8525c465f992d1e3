#include "kernel/process/process_source.hpp"

#include "arch/i686/smp/online.hpp"
#include "fs/mappable_node.hpp"
#include "fs/procfs/standard_files.hpp"
#include "kernel/boot_object.hpp"
#include "kernel/kernel.hpp"
#include "kernel/process/cpu_times.hpp"
#include "kernel/process/cpu_usage.hpp"
#include "kernel/process/process.hpp"
#include "kernel/process/process_table.hpp"
#include "kernel/resource/out_of_memory.hpp"
#include "kernel/syscall/open_flags.hpp"
#include "kernel/system_v.hpp"
#include "kernel/tty/terminal.hpp"

#include <algorithm>
#include <array>

namespace kidney::kernel {
namespace {

[[nodiscard]] Thread* thread_of(std::uint32_t number) noexcept REQUIRES(World::process_lock) {
    return processes().find_thread(Pid(static_cast<std::int32_t>(number)));
}

/// A process by its number or that of a thread, kept until the caller lets go of it.
[[nodiscard]] Result<Ref<Process>> find_process(std::uint32_t pid) noexcept {
    LockGuard guard(World::process_lock);
    const Thread* const thread = thread_of(pid);
    Process* const p =
        thread != nullptr ? thread->process : processes().find(Pid(static_cast<std::int32_t>(pid)));
    return p == nullptr ? Result<Ref<Process>>(fail(Errc::not_found)) : Ref<Process>::share(*p);
}

/// The same, if the caller may look into it.
[[nodiscard]] Result<Ref<Process>> find_open_process(std::uint32_t pid) noexcept {
    Ref<Process> p = TRY(find_process(pid));
    const Process& self = current_process();
    LockGuard guard(World::process_lock);
    if (p.get() != &self && !self.identity.may_inspect(p->identity, p->dumpable)) {
        return fail(Errc::permission_denied);
    }
    return p;
}

/// "/" for who looks.
[[nodiscard]] Snapshot<fs::Place> root_here() noexcept {
    const Process& self = current_process();
    return {self, self.root};
}

constexpr std::uint32_t piece_of_text = 4096;

/// Copies text out of a program's memory, whether it runs or not; what is no longer there ends it.
/// `cursor` is the offset in the range.
void copy_text(AddressSpace& memory, VirtRange from, std::uint64_t& cursor,
               fs::TextOutput& out) noexcept {
    std::array<char, 256> bytes;
    const auto end =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(cursor + piece_of_text, from.size));
    auto at = static_cast<std::uint32_t>(cursor);
    while (at < end) {
        const auto size = std::min<std::uint32_t>(end - at, bytes.size());
        if (!memory.copy_from(from.start + at,
                              std::as_writable_bytes(std::span(bytes).first(size)))) {
            break;
        }
        out.write({bytes.data(), size});
        at += size;
    }
    cursor = at < end || end == from.size ? fs::end_of_text : at;
}

/// A program that has written over the end of its arguments shows a title of its own: all from
/// their beginning to the first NUL.
void write_title(AddressSpace& memory, VirtAddr from, fs::TextOutput& out) noexcept {
    std::array<char, 256> bytes;
    for (std::uint32_t at = 0; at < piece_of_text; at += bytes.size()) {
        if (!memory.copy_from(from + at, std::as_writable_bytes(std::span(bytes)))) {
            return;
        }
        const std::string_view text(bytes.data(), bytes.size());
        const std::size_t end = text.find('\0');
        out.write({bytes.data(), end == std::string_view::npos ? text.size() : end + 1});
        if (end != std::string_view::npos) {
            return;
        }
    }
}
[[nodiscard]] bool has_title(AddressSpace& memory, VirtRange arguments) noexcept {
    std::byte last{};
    return arguments.size != 0 && memory.copy_from(arguments.end() - 1, std::span(&last, 1)) &&
           last != std::byte{0};
}

/// What maps tells of what is shown. The name may lie in `path`.
struct RegionName {
    std::uint32_t device = 0;
    std::uint64_t inode = 0;
    std::string_view text;
};
[[nodiscard]] RegionName name_of_region(const mm::RegionTraits& traits,
                                        std::array<char, 256>& path) noexcept {
    mm::PageSource* const source = traits.source.get();
    if (source != nullptr && source->kind() == mm::SourceKind::file) {
        auto& node = static_cast<fs::MappableNode&>(*source);
        const auto file = node.attributes().value_or(fs::Attributes{});
        return {file.device, file.inode,
                vfs().paths().describe(*root_here(), node, path).value_or("?")};
    }
    if (SharedMemory::is_segment(source)) {
        const auto name = SharedMemory::name_of(*source);
        TextBuffer<32> text;
        format_to(text, "/SYSV{:08x} (deleted)", static_cast<std::uint32_t>(name.key));
        std::ranges::copy(text.view(), path.begin());
        return {1, static_cast<std::uint32_t>(name.id), {path.data(), text.view().size()}};
    }
    return {.text = traits.kind == mm::RegionKind::heap    ? "[heap]"
                    : traits.kind == mm::RegionKind::stack ? "[stack]"
                    : traits.shared                        ? "/dev/zero (deleted)"
                                                           : ""};
}

/// A line of maps.
void write_region(const mm::Region& region, fs::TextOutput& out) noexcept {
    const mm::RegionTraits& traits = region.traits;
    const mm::Protection& right = traits.protection;
    std::array<char, 256> path;
    const RegionName name = name_of_region(traits, path);
    TextBuffer<96> line;
    format_to(line, "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ", region.range.start.value(),
              region.range.end().value(), right.read ? 'r' : '-', right.write ? 'w' : '-',
              right.execute ? 'x' : '-', traits.shared ? 's' : 'p',
              traits.source_page << page_shift, name.device >> 8, name.device & 0xffU, name.inode);
    fs::write_column(line.view(), name.text.empty() ? 0 : 49, out);
    out.write(name.text);
    out.write("\n");
}

/// What smaps adds: how much of it is there. Its own pages count as dirty, for they have no other
/// place; how many share a page is not known.
void write_region_usage(const mm::Region& region, const mm::ResidentPages& there,
                        fs::TextOutput& out) noexcept {
    const auto kib = [&out](const char* name, std::uint32_t pages) noexcept {
        TextBuffer<32> label;
        format_to(label, "{}:", name);
        fs::write_column(label.view(), 16, out);
        format_to(out, "{:8} kB\n", std::uint64_t{pages} * (page_size / 1024));
    };
    kib("Size", region.range.size >> page_shift);
    kib("KernelPageSize", 1);
    kib("MMUPageSize", 1);
    kib("Rss", there.total());
    kib("Private_Clean", 0);
    kib("Private_Dirty", there.anonymous);
    kib("Shared_Clean", there.file);
    kib("Shared_Dirty", there.shared_memory);
    kib("Anonymous", there.anonymous);
    kib("Swap", 0);
    kib("Locked", 0);
}

/// Some regions, from the address `cursor` on.
void write_regions(AddressSpace& memory, bool with_usage, std::uint64_t& cursor,
                   fs::TextOutput& out) noexcept {
    constexpr std::size_t regions_in_a_piece = 32;
    std::size_t count = 0;
    VirtAddr next(static_cast<std::uint32_t>(cursor));
    cursor = fs::end_of_text;
    const auto write = [&](const mm::Region& region, const auto& pages_in) noexcept {
        if (count++ == regions_in_a_piece) {
            cursor = region.range.start.value();
            return false;
        }
        write_region(region, out);
        if (with_usage) {
            write_region_usage(region, pages_in(region.range), out);
        }
        return true;
    };
    memory.for_each_region(write, next);
}

/// `only`: of that thread; null: of the process as a whole, which runs if one of its threads does.
[[nodiscard]] char state_letter(Process& p, const Thread* only) noexcept
    REQUIRES(World::process_lock) {
    switch (p.state) {
        case Process::State::zombie:
            return 'Z';
        case Process::State::stopped:
            return 'T';
        case Process::State::running:
            break;
    }
    for (Thread& t : p.threads) {
        if ((only == nullptr || only == &t) && is_runnable(t)) {
            return 'R';
        }
    }
    return 'S';
}

void add_signal_facts(const Process& p, fs::ProcessFacts& f) noexcept
    REQUIRES(World::process_lock) {
    f.shared_pending = p.signals.shared_pending().bits();
    for (std::uint32_t s = 1; s <= abi::signal_count; ++s) {
        const Disposition& d = p.signals.disposition(s);
        const std::uint64_t bit = SignalSet::of(s).bits();
        f.ignored |= d.is_ignored() ? bit : 0;
        f.caught |= d.is_ignored() || d.is_default() ? 0 : bit;
    }
}

void add_identity_facts(const Identity& who, fs::ProcessFacts& f) noexcept {
    f.uid = who.user.real;
    f.effective_uid = who.user.effective;
    f.saved_uid = who.user.saved;
    f.file_uid = who.user.file;
    f.gid = who.group.real;
    f.effective_gid = who.group.effective;
    f.saved_gid = who.group.saved;
    f.file_gid = who.group.file;
    f.is_privileged = who.is_privileged();
    f.may_be_privileged = who.may_be_privileged();
    f.group_count = who.groups().size();
    std::ranges::copy(who.groups(), f.groups.begin());
}

/// What differs from thread to thread.
void add_thread_facts(Thread& t, fs::ProcessFacts& f) noexcept REQUIRES(World::process_lock) {
    f.name = {};
    t.name().copy(f.name.data(), f.name.size() - 1);
    f.nice = t.nice;
    f.pending = t.signals.pending.set().bits();
    f.blocked = t.signals.blocked().bits();
    f.policy = t.scheduling.policy;
    f.real_time_priority = t.scheduling.priority;
    f.cpus = t.allowed.in_common_with(arch::online_cpus()).bits();
    f.last_cpu = t.cpu.load(std::memory_order_relaxed);
    const sched::ThreadStatistics got = dispatcher().statistics(t);
    const auto of = [](Duration d) { return static_cast<std::uint64_t>(d.count()); };
    f.scheduling = {.scheduler = SchedulerPolicy::name,
                    .ran = of(got.ran),
                    .waited = of(got.waited),
                    .longest_wait = of(got.longest_wait),
                    .picks = got.picks,
                    .preemptions = got.preemptions,
                    .migrations = got.migrations,
                    .weight = t.weight};
}

void add_times(const CpuTimes& times, fs::ProcessFacts& f) noexcept {
    f.user_ticks = clock_ticks(times.user);
    f.system_ticks = clock_ticks(times.system);
}

[[nodiscard]] fs::ProcessFacts facts_of(Process& p) noexcept REQUIRES(World::process_lock) {
    fs::ProcessFacts f;
    f.pid = f.process = p.pid.word();
    f.parent = p.parent == nullptr ? 0 : p.parent->pid.word();
    f.group = p.group.word();
    f.session = p.session.word();
    f.state = state_letter(p, nullptr);
    add_times(cpu_times(p), f);
    f.children_user_ticks = clock_ticks(p.children_usage.times.user);
    f.children_system_ticks = clock_ticks(p.children_usage.times.system);
    f.start_ticks = clock_ticks(p.started - Instant());
    if (p.terminal != nullptr) {
        f.terminal = p.terminal->number();
        f.foreground_group = p.terminal->foreground().value();
    }
    f.umask = p.umask;
    f.memory_score =
        mm::badness_score(victim_facts(p), static_cast<std::uint32_t>(frames().total_frames()));
    f.memory_adjustment = p.memory_adjustment;
    add_signal_facts(p, f);
    add_identity_facts(p.identity, f);
    f.no_new_rights = p.no_new_rights;
    f.exit_signal = p.exit_signal;
    f.minor_faults = usage_of(p).faults;
    f.threads = static_cast<std::uint32_t>(p.threads.size());
    f.queued_signals = p.account->held(Holding::pending_signals);
    f.queued_signals_limit = p.limits.pending_signals();
    if (p.thread != nullptr) {
        add_thread_facts(*p.thread, f);
    } else {
        p.final_name.view().copy(f.name.data(), f.name.size() - 1);
        f.cpus = arch::online_cpus().bits();
        f.exit_code = p.status.word();
    }
    return f;
}

/// What /proc says about processes. A process may end at any moment: what is looked at is kept by a
/// reference, and what it consists of is looked at through Process::look_at().
class Processes final : public fs::ProcessSource {
public:
    std::uint32_t current() noexcept override { return current_process().pid.word(); }
    std::uint32_t current_thread() noexcept override {
        return kernel::current_thread().number.word();
    }
    Result<std::uint32_t> next_thread(std::uint32_t pid, std::uint32_t from) noexcept override
        EXCLUDES(World::process_lock) {
        const Ref<Process> p = TRY(find_process(pid));
        std::uint32_t found = ~0U;
        LockGuard guard(World::process_lock);
        if (p->threads.empty() && from <= pid) {
            return pid;  // a zombie
        }
        for (const Thread& t : p->threads) {
            const std::uint32_t number = t.number.word();
            found = number >= from ? std::min(found, number) : found;
        }
        return found != ~0U ? Result<std::uint32_t>(found) : fail(Errc::not_found);
    }
    std::uint32_t next(std::uint32_t after) noexcept override EXCLUDES(World::process_lock) {
        LockGuard guard(World::process_lock);
        std::uint32_t found = 0;
        processes().for_each([&](Process& p) {
            const std::uint32_t pid = p.pid.word();
            if (pid > after && (found == 0 || pid < found)) {
                found = pid;
            }
        });
        return found;
    }
    Result<fs::ProcessFacts> facts(std::uint32_t pid) noexcept override
        EXCLUDES(World::process_lock) {
        const Ref<Process> p = TRY(find_process(pid));
        fs::ProcessFacts f;
        {
            LockGuard guard(World::process_lock);
            f = facts_of(*p);
            if (Thread* const thread = thread_of(pid); thread != nullptr && pid != f.pid) {
                f.pid = pid;
                f.state = state_letter(*p, thread);
                add_times(cpu_times(*thread), f);
                add_thread_facts(*thread, f);
            }
        }
        if (const Ref<AddressSpace> memory = p->look_at(p->memory)) {
            const auto usage = memory->usage();
            f.virtual_bytes = usage.bytes;
            f.anonymous_pages = usage.resident.anonymous;
            f.file_pages = usage.resident.file;
            f.shared_memory_pages = usage.resident.shared_memory;
            f.peak_pages = usage.resident.peak;
        }
        return f;
    }
    Result<fs::ProcessOwner> owner(std::uint32_t pid) noexcept override
        EXCLUDES(World::process_lock) {
        const Ref<Process> p = TRY(find_process(pid));
        LockGuard guard(World::process_lock);
        return fs::ProcessOwner{p->identity.user.effective, p->identity.group.effective,
                                p->dumpable};
    }
    Status check_inside(std::uint32_t pid) noexcept override {
        TRY(find_open_process(pid));
        return {};
    }
    Status text(std::uint32_t pid, fs::ProcessText which, std::uint64_t& cursor,
                fs::TextOutput& out) noexcept override EXCLUDES(World::process_lock) {
        using enum fs::ProcessText;
        const bool is_public = which == cmdline || which == mounts || which == mountinfo ||
                               which == limits || which == wchan;
        const Ref<Process> p = TRY(is_public ? find_process(pid) : find_open_process(pid));
        if (fs::comes_in_pieces(which) || which == auxv) {
            return write_memory_text(*p, which, cursor, out);
        }
        cursor = fs::end_of_text;
        switch (which) {
            case mounts:
                fs::write_mounts(vfs(), *root_here(), out);
                break;
            case mountinfo:
                fs::write_mountinfo(vfs(), *root_here(), out);
                break;
            case limits:
                write_limits(*p, out);
                break;
            case personality:
                format_to(out, "{:08x}\n", p->personality);
                break;
            default:
                out.write("0");  // wchan: where a thread sleeps in the kernel is not told
        }
        return {};
    }
    Status store(std::uint32_t pid, fs::ProcessText which, std::string_view text) noexcept override
        EXCLUDES(World::process_lock) {
        if (which == fs::ProcessText::oom_score_adj) {
            return set_memory_adjustment(pid, TRY(fs::parse_value(text)));
        }
        LockGuard guard(World::process_lock);
        Thread* const thread = thread_of(pid);
        if (which != fs::ProcessText::comm || thread == nullptr ||
            thread->process != &current_process()) {
            return fail(Errc::invalid_argument);
        }
        thread->set_name(text);  // a line end is a part of the name, as on Linux
        return {};
    }
    Status read_memory(std::uint32_t pid, std::uint32_t address,
                       std::span<std::byte> to) noexcept override {
        const Ref<Process> p = TRY(find_open_process(pid));
        const Ref<AddressSpace> memory = p->look_at(p->memory);
        return memory && memory->copy_from(VirtAddr(address), to) ? Status() : fail(Errc::io_error);
    }
    Status write_memory(std::uint32_t pid, std::uint32_t address,
                        std::span<const std::byte> from) noexcept override {
        const Ref<Process> p = TRY(find_open_process(pid));
        const Ref<AddressSpace> memory = p->look_at(p->memory);
        return memory && memory->copy_to(VirtAddr(address), from) ? Status() : fail(Errc::io_error);
    }
    Result<Ref<fs::Vnode>> link(std::uint32_t pid, fs::ProcessLink which) noexcept override {
        const Ref<Process> p = TRY(find_open_process(pid));
        Ref<fs::Vnode> node =
            which == fs::ProcessLink::executable
                ? p->look_at(p->executable)
                : p->look_at(which == fs::ProcessLink::directory ? p->directory : p->root).node;
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
        (*file)->describe(out);
        return {};
    }
    Result<std::string_view> path_of(fs::Vnode& node, std::span<char> to) noexcept override {
        return vfs().paths().describe(*root_here(), node, to);
    }

private:
    /// Who is not root may make a process a better victim, and a worse one only down to where root
    /// has put it. Errors: invalid_argument, permission_denied.
    static Status set_memory_adjustment(std::uint32_t pid, std::int32_t value) noexcept
        EXCLUDES(World::process_lock) {
        constexpr std::int32_t first_victim = 1000;
        if (value < mm::never_a_victim || value > first_victim) {
            return fail(Errc::invalid_argument);
        }
        const bool is_privileged = current_process().identity.is_privileged();
        LockGuard guard(World::process_lock);
        Process* const p = processes().find(Pid(static_cast<std::int32_t>(pid)));
        if (p == nullptr || p->thread == nullptr) {
            return fail(Errc::no_process);
        }
        if (!is_privileged && value < p->least_adjustment) {
            return fail(Errc::permission_denied);
        }
        p->memory_adjustment = value;
        if (is_privileged) {
            p->least_adjustment = value;
        }
        return {};
    }
    /// What lies in the program's memory, or is about it.
    static Status write_memory_text(Process& p, fs::ProcessText which, std::uint64_t& cursor,
                                    fs::TextOutput& out) noexcept EXCLUDES(World::process_lock) {
        const Ref<AddressSpace> memory = p.look_at(p.memory);
        if (!memory) {  // a zombie
            cursor = fs::end_of_text;
            return {};
        }
        if (which == fs::ProcessText::maps || which == fs::ProcessText::smaps) {
            write_regions(*memory, which == fs::ProcessText::smaps, cursor, out);
            return {};
        }
        VirtRange where;
        {
            LockGuard guard(World::process_lock);
            where = which == fs::ProcessText::cmdline   ? p.arguments
                    : which == fs::ProcessText::environ ? p.environment
                                                        : p.auxiliary;
        }
        if (which == fs::ProcessText::cmdline && has_title(*memory, where)) {
            cursor = fs::end_of_text;
            write_title(*memory, where.start, out);
            return {};
        }
        copy_text(*memory, where, cursor, out);
        return {};
    }
    static void write_limits(const Process& p, fs::TextOutput& out) noexcept
        EXCLUDES(World::process_lock) {
        std::array<fs::ProcessLimit, Limits::count> all;
        {
            LockGuard guard(World::process_lock);
            for (std::uint32_t n = 0; n < all.size(); ++n) {
                const Limit l = p.limits.get(n).value_or(Limit{});
                all[n] = {l.current, l.maximum};
            }
        }
        fs::write_limits(all, out);
    }
};

constinit BootObject<Processes> process_source;

}  // namespace

fs::ProcessSource& create_process_source() noexcept {
    return process_source.create();
}

}  // namespace kidney::kernel

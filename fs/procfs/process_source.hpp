/// What /proc must be told about processes: the kernel implements this, tests fake it.
#pragma once

#include "fs/procfs/process_files.hpp"
#include "fs/procfs/text.hpp"
#include "kidney/fs/file.hpp"
#include "kidney/fs/vnode.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

namespace kidney::fs {

/// How a process fared with the scheduler; times in nanoseconds.
struct SchedulingFacts {
    const char* scheduler = "";  ///< the policy of this kernel
    std::uint64_t ran = 0;
    std::uint64_t waited = 0;  ///< ready, while others ran
    std::uint64_t longest_wait = 0;
    std::uint32_t picks = 0;        ///< how often it was given a CPU
    std::uint32_t preemptions = 0;  ///< how often it left one although it was ready
    std::uint32_t migrations = 0;
    std::uint32_t weight = 0;

    [[nodiscard]] constexpr std::uint32_t sleeps() const noexcept {
        return picks - std::min(picks, preemptions);
    }
};

/// A process at one moment; times in clock ticks of 1/100 s, as /proc shows them.
struct ProcessFacts {
    std::uint32_t pid = 0, process = 0;  ///< what was asked for, and whose thread that is
    std::uint32_t parent = 0, group = 0, session = 0;
    std::uint32_t terminal = 0;          ///< device number as in stat(2), 0: none
    std::int32_t foreground_group = -1;  ///< of that terminal
    char state = 'R';                    ///< R running, S sleeping, T stopped, Z zombie
    std::array<char, 16> name{};         ///< with its NUL
    std::uint64_t user_ticks = 0, system_ticks = 0;
    std::uint64_t children_user_ticks = 0, children_system_ticks = 0;
    std::uint64_t start_ticks = 0;  ///< since boot
    std::int32_t nice = 0;
    std::uint32_t threads = 1;
    std::uint64_t virtual_bytes = 0;
    std::uint32_t anonymous_pages = 0, file_pages = 0, shared_memory_pages = 0;
    std::uint32_t peak_pages = 0;    ///< the most that were ever there
    std::uint64_t minor_faults = 0;  ///< pages that came without a disk
    std::uint32_t uid = 0, effective_uid = 0, saved_uid = 0, file_uid = 0;
    std::uint32_t gid = 0, effective_gid = 0, saved_gid = 0, file_gid = 0;
    std::array<std::uint32_t, 32> groups{};
    std::size_t group_count = 0;
    std::uint32_t umask = 0;
    std::uint32_t memory_score = 0;      ///< oom_score
    std::int32_t memory_adjustment = 0;  ///< oom_score_adj
    std::uint32_t policy = 0, real_time_priority = 0;
    SchedulingFacts scheduling{};
    std::uint32_t last_cpu = 0;
    std::uint32_t cpus = 1;  ///< where it may run; bit n is CPU n
    std::uint32_t queued_signals = 0;
    std::uint64_t queued_signals_limit = 0;  ///< of its user
    std::uint32_t exit_code = 0;             ///< of a zombie, as wait(2) tells it
    std::uint32_t exit_signal = 0;
    bool is_privileged = false, may_be_privileged = false;  ///< all capabilities, or none
    bool no_new_rights = false;
    /// Sets of signals; bit n is signal n + 1: pending for its first thread, and for any of them.
    std::uint64_t pending = 0, shared_pending = 0;
    std::uint64_t blocked = 0, ignored = 0, caught = 0;
};

struct ProcessOwner {
    std::uint32_t uid = 0, gid = 0;
    bool is_open = true;  ///< else all but its directory is root's
};
inline constexpr std::uint64_t end_of_text = ~std::uint64_t{0};

enum class ProcessLink : std::uint8_t { executable, directory, root };

/// Errors of all functions: not_found, when there is no such process (any more) or no such thing;
/// permission_denied, when the caller may not know.
/// A `pid` may be the number of any thread of a process as well: it names the thread where facts
/// differ, and else its process.
class ProcessSource {
public:
    [[nodiscard]] virtual std::uint32_t current() noexcept = 0;
    [[nodiscard]] virtual std::uint32_t current_thread() noexcept = 0;
    /// The smallest number of a thread of process `pid` that is not below `from`. Error: not_found.
    [[nodiscard]] virtual Result<std::uint32_t> next_thread(std::uint32_t pid,
                                                            std::uint32_t from) noexcept = 0;
    /// The smallest pid greater than `after`; 0: there is none.
    [[nodiscard]] virtual std::uint32_t next(std::uint32_t after) noexcept = 0;
    [[nodiscard]] virtual Result<ProcessFacts> facts(std::uint32_t pid) noexcept = 0;
    /// Whose a process is, without a look at anything else: every stat(2) asks.
    [[nodiscard]] virtual Result<ProcessOwner> owner(std::uint32_t pid) noexcept = 0;
    /// May the caller look inside it (ProcessTextName::is_private)?
    [[nodiscard]] virtual Status check_inside(std::uint32_t pid) noexcept = 0;
    /// The next part of a text that is not made of facts. `cursor` begins at 0, is the source's
    /// own meanwhile, and `end_of_text` after the last part; each part has a few pages at most,
    /// unless the text does not come in pieces: then it is the only one.
    [[nodiscard]] virtual Status text(std::uint32_t pid, ProcessText which, std::uint64_t& cursor,
                                      TextOutput& out) noexcept = 0;
    /// Writes one of the texts that can be written (comm, oom_score_adj). Errors: invalid_argument,
    /// permission_denied.
    [[nodiscard]] virtual Status store(std::uint32_t pid, ProcessText which,
                                       std::string_view text) noexcept = 0;
    /// Moves bytes between its memory and a buffer, with the rights that it has itself. Errors:
    /// io_error (nothing is there).
    [[nodiscard]] virtual Status read_memory(std::uint32_t pid, std::uint32_t address,
                                             std::span<std::byte> to) noexcept = 0;
    [[nodiscard]] virtual Status write_memory(std::uint32_t pid, std::uint32_t address,
                                              std::span<const std::byte> from) noexcept = 0;
    [[nodiscard]] virtual Result<Ref<Vnode>> link(std::uint32_t pid,
                                                  ProcessLink which) noexcept = 0;
    /// The smallest open descriptor not below `from`.
    [[nodiscard]] virtual Result<std::uint32_t> next_descriptor(std::uint32_t pid,
                                                                std::uint32_t from) noexcept = 0;
    [[nodiscard]] virtual Result<Ref<File>> descriptor(std::uint32_t pid,
                                                       std::uint32_t fd) noexcept = 0;
    /// /proc/N/fdinfo/M: where the file stands, and how it was opened.
    [[nodiscard]] virtual Status descriptor_text(std::uint32_t pid, std::uint32_t fd,
                                                 TextOutput& out) noexcept = 0;
    /// The path of a node, for readlink; at the end of `to`.
    [[nodiscard]] virtual Result<std::string_view> path_of(Vnode& node,
                                                           std::span<char> to) noexcept = 0;

protected:
    ~ProcessSource() = default;
};

[[nodiscard]] inline std::uint32_t resident_pages(const ProcessFacts& f) noexcept {
    return f.anonymous_pages + f.file_pages + f.shared_memory_pages;
}

/// /proc/N/stat, proc(5).
inline void write_stat(const ProcessFacts& f, TextOutput& out) noexcept {
    // What top shows as PR: 20 + nice, or a real-time one below 0.
    const std::int32_t priority = f.real_time_priority == 0
                                      ? 20 + f.nice
                                      : -1 - static_cast<std::int32_t>(f.real_time_priority);
    format_to(out, "{} ({}) {} {} {} {} {} {} 0 {} 0 0 0 {} {} {} {} {} {} {} 0 {} {} {}", f.pid,
              static_cast<const char*>(f.name.data()), f.state, f.parent, f.group, f.session,
              f.terminal, f.foreground_group, f.minor_faults, f.user_ticks, f.system_ticks,
              f.children_user_ticks, f.children_system_ticks, priority, f.nice, f.threads,
              f.start_ticks, f.virtual_bytes, resident_pages(f));
    // rsslim and the addresses that a debugger would ask for, then the first 31 signals.
    constexpr std::uint64_t old_signals = 0x7fff'ffff;
    format_to(out, " 4294967295 0 0 0 0 0 {} {} {} {} 0 0 0 {} {} {} {}", f.pending & old_signals,
              f.blocked & old_signals, f.ignored & old_signals, f.caught & old_signals,
              f.exit_signal, f.last_cpu, f.real_time_priority, f.policy);
    format_to(out, " 0 0 0 0 0 0 0 0 0 0 {}\n", f.exit_code);
}
[[nodiscard]] constexpr std::string_view state_name(char state) noexcept {
    return state == 'R'   ? "running"
           : state == 'S' ? "sleeping"
           : state == 'T' ? "stopped"
           : state == 'Z' ? "zombie"
                          : "disk sleep";
}
/// The members of a set as people write them: 0-2,5.
inline void write_ranges(std::uint32_t set, TextOutput& out) noexcept {
    bool is_first = true;
    for (std::uint32_t at = 0; at < 32; ++at) {
        if ((set >> at & 1U) == 0) {
            continue;
        }
        std::uint32_t last = at;
        while (last < 31 && (set >> (last + 1) & 1U) != 0) {
            ++last;
        }
        out.write(is_first ? "" : ",");
        format_to(out, "{}", at);
        if (last != at) {
            format_to(out, "-{}", last);
        }
        is_first = false;
        at = last;
    }
}
/// /proc/N/status, the lines that ps, top and scripts read.
inline void write_status(const ProcessFacts& f, TextOutput& out) noexcept {
    format_to(out, "Name:\t{}\nUmask:\t0{}{}{}\n", static_cast<const char*>(f.name.data()),
              f.umask >> 6 & 7U, f.umask >> 3 & 7U, f.umask & 7U);
    format_to(out, "State:\t{} ({})\nTgid:\t{}\nNgid:\t0\nPid:\t{}\nPPid:\t{}\nTracerPid:\t0\n",
              f.state, state_name(f.state), f.process, f.pid, f.parent);
    format_to(out, "Uid:\t{}\t{}\t{}\t{}\nGid:\t{}\t{}\t{}\t{}\nFDSize:\t64\nGroups:\t", f.uid,
              f.effective_uid, f.saved_uid, f.file_uid, f.gid, f.effective_gid, f.saved_gid,
              f.file_gid);
    for (std::size_t n = 0; n < f.group_count && n < f.groups.size(); ++n) {
        format_to(out, "{} ", f.groups[n]);
    }
    if (f.virtual_bytes != 0) {  // a zombie has no memory to speak of
        const auto kib = [&out](const char* name, std::uint64_t value) noexcept {
            format_to(out, "\n{}:\t{:8} kB", name, value);
        };
        kib("VmSize", f.virtual_bytes / 1024);
        kib("VmHWM", std::uint64_t{f.peak_pages} * 4);
        kib("VmRSS", std::uint64_t{resident_pages(f)} * 4);
        kib("RssAnon", std::uint64_t{f.anonymous_pages} * 4);
        kib("RssFile", std::uint64_t{f.file_pages} * 4);
        kib("RssShmem", std::uint64_t{f.shared_memory_pages} * 4);
    }
    format_to(out, "\nThreads:\t{}\nSigQ:\t{}/{}", f.threads, f.queued_signals,
              f.queued_signals_limit);
    format_to(out, "\nSigPnd:\t{:016x}\nShdPnd:\t{:016x}\nSigBlk:\t{:016x}\n", f.pending,
              f.shared_pending, f.blocked);
    format_to(out, "SigIgn:\t{:016x}\nSigCgt:\t{:016x}\n", f.ignored, f.caught);
    constexpr std::uint64_t all = 0x1ff'ffff'ffff;
    const std::uint64_t effective = f.is_privileged ? all : 0;
    const std::uint64_t permitted = f.may_be_privileged ? all : 0;
    format_to(out, "CapInh:\t{:016x}\nCapPrm:\t{:016x}\nCapEff:\t{:016x}\nCapBnd:\t{:016x}\n", 0U,
              permitted, effective, all);
    format_to(out, "CapAmb:\t{:016x}\n", 0U);
    format_to(out, "NoNewPrivs:\t{}\nSeccomp:\t0\nSeccomp_filters:\t0\nCpus_allowed:\t{:x}\n",
              f.no_new_rights ? 1U : 0U, f.cpus);
    out.write("Cpus_allowed_list:\t");
    write_ranges(f.cpus, out);
    format_to(out, "\nvoluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n",
              f.scheduling.sleeps(), f.scheduling.preemptions);
}
/// /proc/N/statm: size, resident, shared, text, library, data, dirty; in pages.
inline void write_statm(const ProcessFacts& f, TextOutput& out) noexcept {
    format_to(out, "{} {} {} 0 0 {} 0\n", f.virtual_bytes / 4096, resident_pages(f),
              f.file_pages + f.shared_memory_pages, f.virtual_bytes / 4096);
}
/// /proc/N/schedstat: nanoseconds that it ran and that it waited to run, and how often it did.
inline void write_schedstat(const SchedulingFacts& s, TextOutput& out) noexcept {
    format_to(out, "{} {} {}\n", s.ran, s.waited, s.picks);
}
/// /proc/N/sched: the same in words, and more. Times in milliseconds.
inline void write_sched(const ProcessFacts& f, TextOutput& out) noexcept {
    const SchedulingFacts& s = f.scheduling;
    const auto number = [&out](std::string_view name, std::int64_t value) noexcept {
        format_to(out, "{:<45}:{:21}\n", name, value);
    };
    const auto time = [&out](std::string_view name, std::uint64_t nanoseconds) noexcept {
        format_to(out, "{:<45}:{:14}.{:06}\n", name, nanoseconds / 1'000'000,
                  nanoseconds % 1'000'000);
    };
    format_to(out, "{} ({}, #threads: {})\n", static_cast<const char*>(f.name.data()), f.pid,
              f.threads);
    out.write("-------------------------------------------------------------------\n");
    format_to(out, "{:<45}:{:21}\n", std::string_view("scheduler"), std::string_view(s.scheduler));
    time("se.sum_exec_runtime", s.ran);
    time("wait_sum", s.waited);
    time("wait_max", s.longest_wait);
    number("se.nr_migrations", s.migrations);
    number("nr_switches", s.picks);
    number("nr_voluntary_switches", s.sleeps());
    number("nr_involuntary_switches", s.preemptions);
    number("se.load.weight", s.weight);
    number("policy", f.policy);
    // As Linux counts inside: 0 to 99 for real-time classes, the lower the more urgent.
    number("prio", f.real_time_priority != 0 ? 99 - std::int64_t{f.real_time_priority}
                                             : 120 + std::int64_t{f.nice});
}
/// A text that is made of facts.
inline void write_facts(ProcessText which, const ProcessFacts& f, TextOutput& out) noexcept {
    switch (which) {
        case ProcessText::stat:
            return write_stat(f, out);
        case ProcessText::status:
            return write_status(f, out);
        case ProcessText::statm:
            return write_statm(f, out);
        case ProcessText::sched:
            return write_sched(f, out);
        case ProcessText::schedstat:
            return write_schedstat(f.scheduling, out);
        case ProcessText::login_uid:
            return out.write("4294967295");  // nobody has logged in
        case ProcessText::oom_score:
            format_to(out, "{}\n", f.memory_score);
            return;
        case ProcessText::oom_score_adj:
            format_to(out, "{}\n", f.memory_adjustment);
            return;
        default:
            format_to(out, "{}\n", static_cast<const char*>(f.name.data()));
    }
}
/// /proc/N/fdinfo/M. `flags` as open(2) takes them.
inline void write_descriptor(std::uint64_t position, std::uint32_t flags,
                             TextOutput& out) noexcept {
    TextBuffer<16> octal;
    for (std::uint32_t shift = 33; shift > 0;) {
        shift -= 3;
        if (const std::uint32_t digits = flags >> shift; digits != 0) {
            format_to(octal, "{}", digits & 7U);
        }
    }
    format_to(out, "pos:\t{}\nflags:\t0{}\nmnt_id:\t1\n", position, octal.view());
}

}  // namespace kidney::fs

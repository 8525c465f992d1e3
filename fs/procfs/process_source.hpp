/// What /proc must be told about processes: the kernel implements this, tests fake it.
#pragma once

#include "fs/procfs/text.hpp"
#include "kidney/fs/vnode.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace kidney::fs {

/// A process at one moment; times in clock ticks of 1/100 s, as /proc shows them.
struct ProcessFacts {
    std::uint32_t pid = 0, parent = 0, group = 0, session = 0;
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
    std::uint32_t resident_pages = 0;
    std::uint32_t uid = 0, effective_uid = 0, gid = 0, effective_gid = 0;
    std::uint32_t umask = 0;
    std::uint32_t memory_score = 0;      ///< oom_score
    std::int32_t memory_adjustment = 0;  ///< oom_score_adj
    /// Sets of signals; bit n is signal n + 1.
    std::uint64_t pending = 0, blocked = 0, ignored = 0, caught = 0;
};

enum class ProcessLink : std::uint8_t { executable, directory, root };

/// Errors of all functions: not_found, when there is no such process (any more) or no such thing;
/// permission_denied, when the caller may not know.
class ProcessSource {
public:
    [[nodiscard]] virtual std::uint32_t current() noexcept = 0;
    /// The smallest pid greater than `after`; 0: there is none.
    [[nodiscard]] virtual std::uint32_t next(std::uint32_t after) noexcept = 0;
    [[nodiscard]] virtual Result<ProcessFacts> facts(std::uint32_t pid) noexcept = 0;
    /// The argument strings, each with its NUL.
    [[nodiscard]] virtual Status command_line(std::uint32_t pid, TextOutput& out) noexcept = 0;
    [[nodiscard]] virtual Status environment(std::uint32_t pid, TextOutput& out) noexcept = 0;
    [[nodiscard]] virtual Status maps(std::uint32_t pid, TextOutput& out) noexcept = 0;
    [[nodiscard]] virtual Status limits(std::uint32_t pid, TextOutput& out) noexcept = 0;
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

/// /proc/N/stat, proc(5).
inline void write_stat(const ProcessFacts& f, TextOutput& out) noexcept {
    format_to(out, "{} ({}) {} {} {} {} {} {} 0 0 0 0 0 {} {} {} {} 20 {} {} 0 {} {} {}", f.pid,
              static_cast<const char*>(f.name.data()), f.state, f.parent, f.group, f.session,
              f.terminal, f.foreground_group, f.user_ticks, f.system_ticks, f.children_user_ticks,
              f.children_system_ticks, f.nice, f.threads, f.start_ticks, f.virtual_bytes,
              f.resident_pages);
    // rsslim and what a debugger would ask for: addresses, signals, wait channel, exit code.
    out.write(" 4294967295 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
}
/// /proc/N/status, the lines that ps, top and scripts read.
inline void write_status(const ProcessFacts& f, TextOutput& out) noexcept {
    const std::string_view state = f.state == 'R'   ? "running"
                                   : f.state == 'S' ? "sleeping"
                                   : f.state == 'T' ? "stopped"
                                   : f.state == 'Z' ? "zombie"
                                                    : "disk sleep";
    format_to(out, "Name:\t{}\nUmask:\t0{}{}{}\n", static_cast<const char*>(f.name.data()),
              f.umask >> 6 & 7U, f.umask >> 3 & 7U, f.umask & 7U);
    format_to(out, "State:\t{} ({})\nTgid:\t{}\nPid:\t{}\nPPid:\t{}\nTracerPid:\t0\n", f.state,
              state, f.pid, f.pid, f.parent);
    format_to(out, "Uid:\t{}\t{}\t{}\t{}\nGid:\t{}\t{}\t{}\t{}\n", f.uid, f.effective_uid,
              f.effective_uid, f.effective_uid, f.gid, f.effective_gid, f.effective_gid,
              f.effective_gid);
    format_to(out, "VmSize:\t{:8} kB\nVmRSS:\t{:8} kB\nThreads:\t{}\n", f.virtual_bytes / 1024,
              f.resident_pages * 4, f.threads);
    format_to(out, "SigPnd:\t{:016x}\nShdPnd:\t{:016x}\nSigBlk:\t{:016x}\n", 0U, f.pending,
              f.blocked);
    format_to(out, "SigIgn:\t{:016x}\nSigCgt:\t{:016x}\n", f.ignored, f.caught);
    out.write("NoNewPrivs:\t0\nSeccomp:\t0\n");
}
/// /proc/N/statm: size, resident, shared, text, library, data, dirty; in pages.
inline void write_statm(const ProcessFacts& f, TextOutput& out) noexcept {
    format_to(out, "{} {} 0 0 0 {} 0\n", f.virtual_bytes / 4096, f.resident_pages,
              f.virtual_bytes / 4096);
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

/// The files in the directory of a process, and how its limits are written.
#pragma once

#include "fs/procfs/text.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace kidney::fs {

enum class ProcessText : std::uint8_t {
    // Made of ProcessFacts.
    stat,
    status,
    statm,
    comm,
    login_uid,
    oom_score,
    sched,
    schedstat,
    oom_score_adj,
    // The source's own.
    cmdline,
    maps,
    smaps,
    environ,
    auxv,
    mem,  ///< no text: the memory itself
    mounts,
    mountinfo,
    limits,
    personality,
    wchan,
};
/// A file of a process. `is_private`: open only to those who may look inside the process.
struct ProcessTextName {
    std::string_view name;
    ProcessText text;
    std::uint16_t permissions = 0444;
    bool is_private = false;
};
inline constexpr auto process_texts =
    std::to_array<ProcessTextName>({{"stat", ProcessText::stat},
                                    {"status", ProcessText::status},
                                    {"statm", ProcessText::statm},
                                    {"sched", ProcessText::sched},
                                    {"schedstat", ProcessText::schedstat},
                                    {"cmdline", ProcessText::cmdline},
                                    {"comm", ProcessText::comm, 0644},
                                    {"maps", ProcessText::maps, 0444, true},
                                    {"smaps", ProcessText::smaps, 0444, true},
                                    {"environ", ProcessText::environ, 0400, true},
                                    {"auxv", ProcessText::auxv, 0400, true},
                                    {"mem", ProcessText::mem, 0600, true},
                                    {"mounts", ProcessText::mounts},
                                    {"mountinfo", ProcessText::mountinfo},
                                    {"limits", ProcessText::limits},
                                    {"personality", ProcessText::personality, 0400, true},
                                    {"wchan", ProcessText::wchan},
                                    {"loginuid", ProcessText::login_uid},
                                    {"oom_score", ProcessText::oom_score},
                                    {"oom_score_adj", ProcessText::oom_score_adj, 0644}});
/// May be longer than memory has room for in one piece: it is written as it is read.
[[nodiscard]] constexpr bool comes_in_pieces(ProcessText text) noexcept {
    return text == ProcessText::maps || text == ProcessText::smaps ||
           text == ProcessText::cmdline || text == ProcessText::environ;
}
inline constexpr std::array<std::string_view, 3> process_links{"exe", "cwd", "root"};

/// A resource limit: the one that counts, and the most it can be raised to. All bits set: none.
struct ProcessLimit {
    std::uint64_t soft = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t hard = std::numeric_limits<std::uint64_t>::max();
};
/// In the order of RLIMIT_*.
inline constexpr std::array<std::array<std::string_view, 2>, 16> limit_names{
    {{"Max cpu time", "seconds"},
     {"Max file size", "bytes"},
     {"Max data size", "bytes"},
     {"Max stack size", "bytes"},
     {"Max core file size", "bytes"},
     {"Max resident set", "bytes"},
     {"Max processes", "processes"},
     {"Max open files", "files"},
     {"Max locked memory", "bytes"},
     {"Max address space", "bytes"},
     {"Max file locks", "locks"},
     {"Max pending signals", "signals"},
     {"Max msgqueue size", "bytes"},
     {"Max nice priority", ""},
     {"Max realtime priority", ""},
     {"Max realtime timeout", "us"}}};

/// Text at the left of a column.
inline void write_column(std::string_view text, std::size_t width, TextOutput& out) noexcept {
    out.write(text);
    for (std::size_t n = text.size(); n < width; ++n) {
        out.write(" ");
    }
}
/// /proc/N/limits, proc(5).
inline void write_limits(std::span<const ProcessLimit, limit_names.size()> limits,
                         TextOutput& out) noexcept {
    const auto line = [&out](std::string_view name, std::string_view soft, std::string_view hard,
                             std::string_view unit) noexcept {
        write_column(name, 26, out);
        write_column(soft, 21, out);
        write_column(hard, 21, out);
        write_column(unit, unit.empty() ? 0 : 10, out);
        out.write("\n");
    };
    const auto number = [](std::uint64_t value, TextBuffer<24>& text) noexcept {
        if (value == std::numeric_limits<std::uint64_t>::max()) {
            text.write("unlimited");
        } else {
            format_to(text, "{}", value);
        }
        return text.view();
    };
    line("Limit", "Soft Limit", "Hard Limit", "Units");
    for (std::size_t n = 0; n < limits.size(); ++n) {
        TextBuffer<24> soft, hard;
        line(limit_names[n][0], number(limits[n].soft, soft), number(limits[n].hard, hard),
             limit_names[n][1]);
    }
}

}  // namespace kidney::fs

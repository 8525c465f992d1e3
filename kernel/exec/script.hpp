/// The first line of a script: `#!interpreter [one argument]`.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/core/text.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace kidney::kernel {

struct ScriptLine {
    std::string_view interpreter;
    std::string_view
        argument;  ///< everything behind the interpreter, blanks inside kept; may be empty
};

/// Longest `#!` line that is looked at, as in Linux (BINPRM_BUF_SIZE).
inline constexpr std::size_t max_script_line = 256;

/// nullopt: not a script. Error not_executable: a script without an interpreter, or a line that
/// does not end within max_script_line. The views point into `head`.
[[nodiscard]] constexpr Result<std::optional<ScriptLine>> parse_script_line(
    std::string_view head) noexcept {
    if (!head.starts_with("#!")) {
        return std::optional<ScriptLine>();
    }
    constexpr std::string_view blanks = " \t";
    std::string_view line = slice(head, 2, max_script_line - 2);
    const std::size_t newline = line.find('\n');
    if (newline == std::string_view::npos && head.size() > max_script_line) {
        return fail(Errc::not_executable);
    }
    line = slice(line, 0, newline);
    const auto strip = [blanks](std::string_view s) {
        const std::size_t first = s.find_first_not_of(blanks);
        if (first == std::string_view::npos) {
            return std::string_view();
        }
        return slice(s, first, s.find_last_not_of(blanks) - first + 1);
    };
    line = strip(line);
    if (line.empty() || line.find('\0') != std::string_view::npos) {
        return fail(Errc::not_executable);
    }
    const std::size_t blank = line.find_first_of(blanks);
    ScriptLine script{slice(line, 0, blank), {}};
    if (blank != std::string_view::npos) {
        script.argument = strip(slice(line, blank));
    }
    return std::optional<ScriptLine>(script);
}

}  // namespace kidney::kernel

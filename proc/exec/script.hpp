/// The first line of a script: `#!interpreter [one argument]`.
#pragma once

#include "kidney/core/result.hpp"
#include "kidney/core/text.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace kidney::proc {

struct ScriptLine {
    std::string_view interpreter;
    std::string_view
        argument;  ///< everything behind the interpreter, blanks inside kept; may be empty
};

/// Bytes of a file that are looked at for a `#!` line, as in Linux (BINPRM_BUF_SIZE).
inline constexpr std::size_t max_script_line = 256;

/// `head` is the start of the file; max_script_line bytes of it count. nullopt: not a script. Error
/// not_executable: no interpreter, or one whose path may go on behind these bytes. What is cut off
/// of an argument is lost, as in Linux: an interpreter that wants it all reads the script. A NUL
/// ends a string. The views point into `head`.
[[nodiscard]] constexpr Result<std::optional<ScriptLine>> parse_script_line(
    std::string_view head) noexcept {
    if (!head.starts_with("#!")) {
        return std::optional<ScriptLine>();
    }
    constexpr std::string_view blanks = " \t";
    constexpr std::string_view terminators(" \t\0", 3);
    std::string_view line = slice(head, 2, max_script_line - 2);
    const std::size_t newline = line.find('\n');
    if (newline == std::string_view::npos && head.size() >= max_script_line) {
        const std::size_t name = line.find_first_not_of(blanks);
        if (name == std::string_view::npos ||
            line.find_first_of(terminators, name) == std::string_view::npos) {
            return fail(Errc::not_executable);
        }
        line.remove_suffix(1);
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
    const std::size_t end = line.find_first_of(terminators);
    ScriptLine script{slice(line, 0, end), {}};
    if (script.interpreter.empty()) {
        return fail(Errc::not_executable);
    }
    if (end != std::string_view::npos && line[end] != '\0') {
        script.argument = strip(slice(line, end));
        script.argument = slice(script.argument, 0, script.argument.find('\0'));
    }
    return std::optional<ScriptLine>(script);
}

}  // namespace kidney::proc

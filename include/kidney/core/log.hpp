/// The log: `log::info<"mm">("mapped {} at {}", count, address)`.
///
/// A line is formatted on the caller's stack and handed to `log_line`, which each world defines
/// once (kernel/console.cpp: serial, VGA and the ring; tests/support: standard error). Not for hot
/// paths, not under a spin lock. Policies do not log.
#pragma once

#include "kidney/core/format.hpp"

#include <cstddef>
#include <string_view>

namespace kidney {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// Takes one line without its newline. Concurrency: any, interrupts on or off. Defined once per
/// world.
void log_line(LogLevel level, std::string_view module, std::string_view text) noexcept;

namespace log {

/// A module name as a template argument.
template <std::size_t N>
struct Module {
    char text[N]{};
    consteval Module(const char (&name)[N]) {
        for (std::size_t i = 0; i < N; ++i) {
            text[i] = name[i];
        }
    }
    [[nodiscard]] constexpr std::string_view view() const noexcept { return {text, N - 1}; }
};

inline constexpr std::size_t max_line = 240;  ///< characters; the rest is cut

template <Module M, class... Args>
void line(LogLevel level, FormatString<std::type_identity_t<Args>...> text,
          const Args&... arguments) noexcept {
    TextBuffer<max_line> buffer;
    format_to(buffer, text, arguments...);
    log_line(level, M.view(), buffer.view());
}

template <Module M, class... Args>
void debug([[maybe_unused]] FormatString<std::type_identity_t<Args>...> text,
           [[maybe_unused]] const Args&... arguments) noexcept {
#ifdef KIDNEY_DEBUG
    line<M, Args...>(LogLevel::debug, text, arguments...);
#endif
}
template <Module M, class... Args>
void info(FormatString<std::type_identity_t<Args>...> text, const Args&... arguments) noexcept {
    line<M, Args...>(LogLevel::info, text, arguments...);
}
template <Module M, class... Args>
void warning(FormatString<std::type_identity_t<Args>...> text, const Args&... arguments) noexcept {
    line<M, Args...>(LogLevel::warning, text, arguments...);
}
template <Module M, class... Args>
void error(FormatString<std::type_identity_t<Args>...> text, const Args&... arguments) noexcept {
    line<M, Args...>(LogLevel::error, text, arguments...);
}

}  // namespace log
}  // namespace kidney

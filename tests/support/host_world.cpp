/// What each world must define once: where assertions and log lines go. On the host: standard
/// error.
#include "kidney/core/assert.hpp"
#include "kidney/core/log.hpp"

#include <cstdio>
#include <cstdlib>

namespace kidney {
namespace {

const char* law_in_hand = nullptr;

}  // namespace

namespace test {

void note_law(const char* law) noexcept {
    law_in_hand = law;
}

}  // namespace test

void assertion_failed(const char* expression, const char* why, const char* file,
                      int line) noexcept {
    std::fprintf(stderr, "%s:%d: assertion failed: %s%s%s\n", file, line, expression,
                 *why != '\0' ? ": " : "", why);
    if (law_in_hand != nullptr) {
        std::fprintf(stderr, "  while this law was checked: %s\n", law_in_hand);
    }
    std::abort();
}

void log_line(LogLevel level, std::string_view module, std::string_view text) noexcept {
    static constexpr const char* names[] = {"debug", "info", "warning", "error"};
    std::fprintf(stderr, "[%s] %.*s: %.*s\n", names[static_cast<int>(level)],
                 static_cast<int>(module.size()), module.data(), static_cast<int>(text.size()),
                 text.data());
}

}  // namespace kidney

/// What each world must define once: where assertions and log lines go. On the host: standard
/// error.
#include "kidney/core/assert.hpp"
#include "kidney/core/log.hpp"

#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/time.h>
#include <unistd.h>

namespace kidney {
namespace {

// Written by one thread, read by its signal handler.
const char* volatile law_in_hand = nullptr;
std::jmp_buf* after_assertion = nullptr;

/// No law needs a hundredth of this, in any build. CPU time: a busy machine does not shorten it.
constexpr long law_seconds = 120;

void write_text(const char* text) noexcept {
    if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) {
        return;  // nobody listens; the exit status tells
    }
}

void give_up(int) noexcept {
    write_text("an endless loop, while this law was checked: ");
    write_text(law_in_hand);
    write_text("\n");
    std::abort();
}

}  // namespace

namespace test {

void note_law(const char* law) noexcept {
    law_in_hand = law;
    struct sigaction action{};
    action.sa_handler = law == nullptr ? SIG_DFL : &give_up;
    ::sigaction(SIGVTALRM, &action, nullptr);
    const itimerval limit{{0, 0}, {law == nullptr ? 0 : law_seconds, 0}};
    ::setitimer(ITIMER_VIRTUAL, &limit, nullptr);
}

void go_on_after_assertion(std::jmp_buf* where) noexcept {
    after_assertion = where;
}

}  // namespace test

void assertion_failed(const char* expression, const char* why, const char* file,
                      int line) noexcept {
    if (after_assertion != nullptr) {
        std::longjmp(*after_assertion, 1);
    }
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

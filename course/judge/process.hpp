/// What the process of every subject does: reads questions, answers, survives a failed invariant,
/// and counts the steps of who is judged.
///
/// Included before the subject's own header, so that what that defines changes nothing here.
#pragma once

#include "kidney/core/assert.hpp"

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <unistd.h>

namespace kidney::course {

/// How a call into the subject ended.
enum class End : int { returned = 0, trapped = 1, worn_out = 2, endless = 3 };

/// Branches that the subject may take: the same verdict on every machine.
struct StepLimits {
    std::uint64_t all;       ///< in one process
    std::uint64_t one_call;  ///< in one call; more is a loop that does not end
};

namespace process {
inline std::jmp_buf before_the_call;
// Counted while the subject is at work, not while we are.
inline bool at_work = false;
inline std::uint64_t left = 0;
inline std::uint64_t left_of_call = 0;
}  // namespace process

template <class T>
bool read_all(T& to) {
    auto* bytes = reinterpret_cast<char*>(&to);
    for (std::size_t done = 0; done < sizeof(T);) {
        const ssize_t n = ::read(STDIN_FILENO, bytes + done, sizeof(T) - done);
        if (n <= 0) {
            return false;
        }
        done += static_cast<std::size_t>(n);
    }
    return true;
}

template <class T>
bool write_all(const T& from) {
    return ::write(STDOUT_FILENO, &from, sizeof(T)) == static_cast<ssize_t>(sizeof(T));
}

/// Calls `call`, which is the subject's code.
template <class F>
End guarded(const StepLimits& limits, F&& call) {
    process::left_of_call = limits.one_call;
    const int end = setjmp(process::before_the_call);
    if (end == 0) {
        process::at_work = true;
        call();
    }
    process::at_work = false;
    return static_cast<End>(end);
}

/// One answer for each question, until there are no more, or the steps are used up: what the
/// subject was about to do then is not undone.
template <class Question, class Subject>
int serve(Subject& subject) {
    Question question;
    while (read_all(question)) {
        const auto answer = subject.answer(question);
        if (!write_all(answer)) {
            return 1;
        }
        if (answer.is_last()) {
            return 0;
        }
    }
    return 0;
}

}  // namespace kidney::course

namespace kidney {
void assertion_failed(const char* /*expression*/, const char* /*why*/, const char* /*file*/,
                      int /*line*/) noexcept {
    std::longjmp(course::process::before_the_call, static_cast<int>(course::End::trapped));
}
}  // namespace kidney

/// Called by the compiler at every branch (-fsanitize-coverage=trace-pc).
extern "C" __attribute__((no_sanitize("coverage"))) void __sanitizer_cov_trace_pc() {
    namespace process = kidney::course::process;
    if (!process::at_work) {
        return;
    }
    if (--process::left == 0 || --process::left_of_call == 0) {
        process::at_work = false;  // where this jumps to is counted, too
        const kidney::course::End end =
            process::left == 0 ? kidney::course::End::worn_out : kidney::course::End::endless;
        std::longjmp(process::before_the_call, static_cast<int>(end));
    }
}

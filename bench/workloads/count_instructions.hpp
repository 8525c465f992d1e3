/// How many instructions something executes: exact, on every machine, whatever else runs there.
///
/// A child does it, one step at a time, while this process counts. So no performance counters are
/// needed, which virtual machines seldom have; and what is counted is the processor's instructions,
/// not a model of them. Slow (a few microseconds for each), so: for hundreds of calls, not
/// millions.
#pragma once

#include <csignal>
#include <cstdint>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

namespace kidney::bench {

/// Of f(), and of what it takes to begin and end counting: subtract two runs. Zero: not allowed
/// here, or more than anybody has the time for.
inline constexpr std::uint64_t most_steps = 100'000;
template <class F>
[[nodiscard]] std::uint64_t instructions_of(F&& f) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        ::raise(SIGSTOP);
        f();
        ::raise(SIGSTOP);
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    std::uint64_t steps = 0;
    while (WIFSTOPPED(status)) {
        const bool is_done = steps != 0 && WSTOPSIG(status) == SIGSTOP;
        if (is_done || steps == most_steps ||
            ::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) {
            ::kill(child, SIGKILL);
            ::waitpid(child, &status, 0);
            return is_done ? steps : 0;
        }
        ++steps;
        ::waitpid(child, &status, 0);
    }
    return 0;
}

/// Of one call of f() among many.
template <class F>
[[nodiscard]] double instructions_per_call(F&& f) {
    constexpr int calls = 40;
    const auto times = [&](int n) {
        return instructions_of([&] {
            for (int i = 0; i < n; ++i) {
                f();
            }
        });
    };
    const std::uint64_t once = times(calls);
    const std::uint64_t twice = times(2 * calls);
    return twice > once ? static_cast<double>(twice - once) / calls : 0;
}

}  // namespace kidney::bench

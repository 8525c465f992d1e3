/// What a run of the laboratory observes. Times in nanoseconds.
#pragma once

#include "bench/lab/sched/histogram.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace kidney::lab {

/// Of all tasks of one kind.
struct KindResult {
    std::string name;
    std::uint32_t started = 0;
    std::uint32_t finished = 0;
    Histogram latency{};   ///< from runnable to running, after a sleep or a start
    Histogram response{};  ///< from a wake-up or a release until it sleeps again, or is complete
    Histogram slowdown{};  ///< that, by the CPU time it took; in hundredths
    std::uint64_t service = 0;
    std::uint64_t waited = 0;        ///< runnable and not running
    std::uint64_t longest_wait = 0;  ///< at one time: starvation
    std::uint64_t blocked = 0;       ///< for a mutex
    std::uint64_t preempted = 0;
    std::uint64_t yielded = 0;
    std::uint64_t slept = 0;  ///< switches because it went to sleep, waited or ended
    std::uint64_t migrations = 0;
    std::uint64_t jobs = 0;
    std::uint64_t missed = 0;
    std::uint64_t most_late = 0;
    std::int64_t most_lag = 0;  ///< behind an ideal machine that runs all at once
    std::int64_t least_lag = 0;
};

/// Of one task.
struct TaskResult {
    std::string name;
    std::uint64_t started_at = 0;
    std::uint64_t first_run = 0;
    std::uint64_t ended_at = 0;  ///< zero: it did not
    std::uint64_t service = 0;
    std::uint64_t waited = 0;
    std::uint64_t longest_response = 0;
    std::uint64_t jobs = 0;
    std::uint64_t missed = 0;
    std::uint64_t preempted = 0;
    std::vector<std::uint64_t> misses{};  ///< the first of them: when the deadlines were
    std::int64_t most_lag = 0;
    std::int64_t least_lag = 0;
    bool has_run = false;
};

/// A stay of a task on a CPU.
struct Slice {
    std::uint32_t cpu = 0;
    std::uint32_t task = 0;  ///< index, counted as they begin
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    std::uint64_t runnable_since = 0;  ///< woken or preempted then
    enum class Left : std::uint8_t { running, preempted, asleep, exited };
    Left left = Left::running;  ///< how the stay ended
    std::string why{};
};

/// A look at the whole.
struct Sample {
    static constexpr std::size_t lags = 8;
    std::uint64_t at = 0;
    std::uint32_t waiting = 0;
    std::uint32_t running = 0;
    std::array<std::int64_t, lags> lag{};  ///< of the first tasks
};

/// Jain's index of service by weight, over windows of one length; in parts of 10 000.
struct Fairness {
    std::uint64_t window = 0;
    std::uint64_t windows = 0;
    std::uint64_t sum = 0;
    std::uint64_t least = 10'000;
};

/// What a policy with a load average says at a moment; in hundredths.
struct Probe {
    std::uint64_t at = 0;
    std::int32_t load = 0;
    std::vector<std::int32_t> recent{};  ///< of each task
};

struct RunResult {
    std::vector<KindResult> kinds;
    std::vector<TaskResult> tasks;  ///< the first
    std::vector<Slice> slices;      ///< the first
    std::vector<Sample> samples;
    std::vector<Probe> probes;
    std::array<Fairness, 3> fairness{{{10'000'000}, {100'000'000}, {1'000'000'000}}};
    std::uint64_t span = 0;  ///< from beginning to end
    // CPU time, of all CPUs together.
    std::uint64_t user = 0;
    std::uint64_t switching = 0;
    std::uint64_t ticking = 0;
    std::uint64_t interrupted = 0;
    std::uint64_t refilling = 0;  ///< caches, after a migration
    std::uint64_t idle = 0;
    std::uint64_t idle_while_waiting = 0;  ///< part of it: somebody could have run
    std::uint64_t switches = 0;
    std::uint64_t ticks = 0;
    std::uint64_t interrupts = 0;
    std::uint64_t events = 0;  ///< switches, ticks, interrupts, wake-ups, ends of computations
    std::uint64_t waits_for_ever = 0;  ///< tasks that nobody will wake
    std::uint64_t trace_hash = 0;      ///< of all decisions
    std::string error;
};

/// Jain's index of x, in parts of 10 000; x is scaled to 16 bits, so that squares fit.
[[nodiscard]] inline std::uint64_t jain(const std::vector<std::uint64_t>& x) noexcept {
    const std::uint64_t most = x.empty() ? 0 : *std::max_element(x.begin(), x.end());
    if (most == 0) {
        return 10'000;
    }
    std::uint64_t sum = 0;
    std::uint64_t squares = 0;
    const unsigned spare = most >> 47 != 0 ? 17 : 0;
    for (const std::uint64_t value : x) {
        const std::uint64_t scaled = ((value >> spare) << 16) / (most >> spare);
        sum += scaled;
        squares += scaled * scaled;
    }
    return sum * sum / x.size() / (squares / 10'000);
}

}  // namespace kidney::lab

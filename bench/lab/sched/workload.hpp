/// A workload as data: kinds of tasks, each with a small program. workload_text.hpp reads it from
/// its text form.
#pragma once

#include "bench/lab/sched/draws.hpp"
#include "kidney/core/time.hpp"
#include "kidney/sched/policy.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kidney::lab {

/// One step of a task's program. All but compute, sleep, wait and lock take no time.
struct Step {
    enum class Op : std::uint8_t {
        compute,    ///< for `time`
        sleep,      ///< for `time`
        spin,       ///< computes until so long after the beginning, in pieces of `number` ns
        wait,       ///< takes one from semaphore `argument`, or waits for it
        signal,     ///< gives semaphore `argument` `number`
        broadcast,  ///< wakes all that wait for it
        lock,       ///< of mutex `argument`
        unlock,
        yield,
        spawn,     ///< starts `number` tasks of kind `argument`
        nice,      ///< `number`, plus 20
        priority,  ///< `number`
        weight,    ///< `number`
        repeat,    ///< counter `argument` starts with `number`
        again,     ///< one less: back to step `target`, until it is zero
        jump,      ///< to step `target`
        release,   ///< waits for the next period of `time`; a deadline of `number` ns after it
        complete,  ///< the job of this period is done
        exit,
    };
    Op op = Op::exit;
    std::uint32_t argument = 0;
    std::uint32_t target = 0;
    std::uint64_t number = 0;
    Distribution time{};
};

struct TaskKind {
    static constexpr std::uint32_t most_loops = 4;  ///< inside each other

    std::string name;
    std::uint32_t count = 1;
    std::optional<Distribution> start;  ///< none: only when another task spawns it
    sched::SchedulingParameters parameters;
    std::vector<Step> steps;
};

/// Random periodic tasks: utilisations by UUniFast, periods evenly on a logarithmic scale.
struct PeriodicSet {
    std::string name;
    std::uint32_t count = 0;
    std::uint32_t utilisation_per_mille = 0;  ///< of all together, of one CPU
    Duration shortest;
    Duration longest;
};

/// Who comes first when a wake-up falls on the end of another one's slice. Text books differ and
/// seldom say it; the kernel's timer interrupt wakes first.
enum class TieRule : std::uint8_t { arrival_first, preempted_first };

/// What a run is given beside the tasks: printed with every result.
struct Inputs {
    std::uint32_t cpus = 1;
    std::uint64_t seed = 1;
    Duration until;  ///< zero: until nothing more can happen
    Instant clock;   ///< when it begins
    Duration tick = Duration::milliseconds(10);
    Duration quantum;  ///< zero: the policy's own
    TieRule ties = TieRule::arrival_first;
    std::string balancer = "balanced";
    // Costs, which delay whoever runs next on that CPU.
    Duration switch_cost = Duration::microseconds(2);
    Duration tick_cost = Duration::microseconds(1);
    Duration interrupt_cost = Duration::microseconds(1);
    Duration migration_cost = Duration::microseconds(10);  ///< an empty cache
    Duration interrupt_delay = Duration::microseconds(1);  ///< from one CPU to another

    // Rules of single policies.
    std::uint32_t mlfq_levels = 4;
    std::uint32_t mlfq_allotment = 2;
    bool mlfq_doubles = true;
    bool mlfq_forgets = false;
    bool eevdf_fresh = false;
    Duration mlfq_boost = Duration::seconds(1);
    Duration cfs_latency;              ///< zero: eight times the granularity
    std::vector<std::uint32_t> draws;  ///< of a lottery, out of 100
    std::vector<Instant> probes;       ///< when to ask a policy that keeps a load average for it
};

struct Semaphore {
    std::string name;
    std::uint32_t initial = 0;
};

/// One line `expect`: what it is about, and the rest of the line.
struct Expectation {
    std::string what;
    std::string text;
    std::uint32_t line = 0;
};
/// One run with its expectations. A workload without cases is one itself.
struct Case {
    std::string name;
    std::string policy;
    Inputs inputs;
    std::vector<Expectation> expectations;
};

struct Workload {
    std::string about;
    std::string source;      ///< where it is from
    std::uint64_t unit = 0;  ///< of numbers without one, in nanoseconds
    Inputs inputs;
    std::vector<TaskKind> kinds;
    std::vector<PeriodicSet> sets;
    std::vector<Semaphore> semaphores;
    std::vector<std::string> mutexes;
    std::vector<Case> cases;
};

}  // namespace kidney::lab

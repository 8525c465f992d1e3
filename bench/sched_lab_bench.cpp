/// How fast the laboratory of schedulers is: CPU time for an event, with all its books.
///
///   sleepers   n tasks that compute a little and sleep for long, so that half of the CPU is used
///
/// An event is a switch, a tick, an interrupt, a wake-up or the end of a computation.
#include "bench/lab/sched/run.hpp"
#include "bench/lab/sched/workload_text.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace kidney::lab {
namespace {

Workload sleepers(std::int64_t n) {
    const std::string mean = std::to_string(n * 20);  // microseconds
    const std::string text = "until " + std::to_string(n <= 1000 ? 1000 : n / 50) +
                             " ms\n"
                             "task sleeper x " +
                             std::to_string(n) + " at uniform(0 us, " + mean +
                             " us) { forever { compute uniform(5 us, 15 us); sleep exponential(" +
                             mean + " us) } }\n";
    std::variant<Workload, TextFault> read = read_workload(text);
    if (const auto* fault = std::get_if<TextFault>(&read)) {
        std::fprintf(stderr, "%s\n", fault->message.c_str());
        std::abort();
    }
    return std::get<Workload>(std::move(read));
}

void run(benchmark::State& state, const std::string& policy) {
    const Workload workload = sleepers(state.range(0));
    std::uint64_t events = 0;
    for (auto _ : state) {
        const std::optional<RunResult> result = run_workload(policy, workload, workload.inputs, 0);
        if (!result || !result->error.empty()) {
            state.SkipWithError("the run failed");
            break;
        }
        events += result->events;
    }
    state.counters["call"] = benchmark::Counter(
        static_cast<double>(events), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

const bool registered = [] {
    for (const std::string& policy : lab_policy_names()) {
        auto* const benchmark =
            benchmark::RegisterBenchmark(("sleepers/" + policy).c_str(), run, policy);
        benchmark->Arg(10)->Arg(1000);
        if (std::getenv("KIDNEY_BENCH_SMALL") == nullptr) {
            benchmark->Arg(100'000);
        }
    }
    return true;
}();

}  // namespace
}  // namespace kidney::lab

/// What files cost on each of our file systems, on a disk in memory that counts its commands: the
/// rows of bench/workloads/file_workloads.hpp. Times are of one operation; the counts beside them
/// are exact, and of one operation, too.
#include "bench/baselines/files_by_hand.hpp"
#include "bench/workloads/file_systems.hpp"
#include "bench/workloads/file_workloads.hpp"

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

namespace kidney::bench {
namespace {

/// 4 MiB: an eighth of the large file.
constexpr std::uint32_t cache_pages = 1024;
constexpr unsigned repetitions = 3;
constexpr std::int64_t long_enough = 1'000'000'000;

[[nodiscard]] FileScale scale() {
    return std::getenv("KIDNEY_BENCH_SMALL") != nullptr ? small_files : FileScale{};
}

/// Each time on an empty one.
void run(benchmark::State& state, const FileWorkload& workload, const char* name) {
    const std::unique_ptr<FileStore> store =
        name == nullptr ? std::make_unique<FilesByHand>() : make_file_system(name, cache_pages);
    std::optional<Measured> best;
    for (auto _ : state) {
        const std::int64_t begin = thread_nanoseconds();
        // The first one touches memory. What takes long anyway is not done again.
        for (unsigned n = 0; n < repetitions && thread_nanoseconds() - begin < long_enough; ++n) {
            const Result<Measured> measured = measure(workload, *store, scale());
            if (!measured) {
                state.SkipWithError(std::string(to_string(measured.error())).c_str());
                return;
            }
            if (!best || measured->nanoseconds < best->nanoseconds) {
                best = *measured;
            }
        }
    }
    state.counters["call"] = best->each(static_cast<std::uint64_t>(best->nanoseconds)) * 1e-9;
    if (store->disk() != nullptr) {
        state.counters["reads"] = best->each(best->cost.reads);
        state.counters["writes"] = best->each(best->cost.writes);
        state.counters["flushes"] = best->each(best->cost.flushes);
        state.counters["KiB"] = best->each(best->disk_bytes()) / 1024;
    }
}

/// Before main(), as BENCHMARK() does it, because the rows are a list.
const bool registered = [] {
    for (const FileWorkload& workload : file_workloads()) {
        const auto add = [&](const char* subject, const char* store) {
            benchmark::RegisterBenchmark((std::string(workload.name) + "/" + subject).c_str(), run,
                                         workload, store)
                ->Iterations(1);
        };
        add("baseline_by_hand", nullptr);
        for (const char* const name : file_systems()) {
            add(name, name);
        }
    }
    return true;
}();

}  // namespace
}  // namespace kidney::bench

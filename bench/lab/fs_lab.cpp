/// One run of the laboratory: a file system, a workload, a seed; or `--trace NAME`, a recorded one
/// on standard input (file_trace.hpp). Prints what it asked a disk for, and how long disks would
/// have taken for that, as JSON, the same on every machine. `./kidney lab fs` runs it many times
/// and makes the tables and pictures.
#include "bench/lab/command.hpp"
#include "bench/lab/disk/models.hpp"
#include "bench/lab/files/file_trace.hpp"
#include "bench/lab/files/modelled_time.hpp"
#include "bench/workloads/file_systems.hpp"
#include "bench/workloads/file_workloads.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::lab {
namespace {

using bench::DiskCost;
using bench::Measured;

/// A run is a second at most; the cache is a quarter of the large file.
constexpr std::uint32_t cache_pages = 512;
constexpr bench::FileScale scale{.large_kib = 8192,
                                 .files = 300,
                                 .many = 2000,
                                 .blocks = 2048,
                                 .appends = 8192,
                                 .synced = 200,
                                 .rounds = 1};
constexpr std::size_t most_moves = 600;
constexpr std::uint64_t pictures = 64;

[[nodiscard]] unsigned long long wide(std::uint64_t value) {
    return value;
}
[[nodiscard]] int kind_of(const Command& command) {
    return command.operation == fs::BlockOperation::read    ? 0
           : command.operation == fs::BlockOperation::write ? 1
                                                            : 2;
}

/// The first commands, and what was moved over time.
void print_pictures(std::span<const Command> commands, std::span<const std::uint64_t> ends) {
    std::printf(",\n \"moves\": [");
    const char* separator = "";
    for (std::size_t n = 0; n < std::min(commands.size(), most_moves); ++n) {
        std::printf("%s[%llu,%llu,%llu,%d]", separator, wide(ends[n]), wide(commands[n].first),
                    wide(commands[n].sectors), kind_of(commands[n]));
        separator = ",";
    }
    std::printf("],\n \"pictures\": [");
    separator = "";
    std::size_t at = 0;
    for (std::uint64_t n = 1; n <= pictures && !ends.empty(); ++n) {
        const std::uint64_t time = n == pictures ? ends.back() : ends.back() * n / pictures;
        std::uint64_t moved[3] = {};
        for (; at < ends.size() && ends[at] <= time; ++at) {
            moved[kind_of(commands[at])] +=
                commands[at].operation == fs::BlockOperation::flush ? 1 : commands[at].sectors;
        }
        std::printf("%s[%llu,%llu,%llu,%llu]", separator, wide(time), wide(moved[0]),
                    wide(moved[1]), wide(moved[2]));
        separator = ",";
    }
    std::printf("]}\n");
}
void print_run(const char* name, const char* workload, std::uint32_t seed, const Measured& measured,
               std::uint64_t sectors, std::span<const Command> commands) {
    const std::vector<std::uint64_t> ends = ends_of<HeadDisk>(commands);
    const std::vector<std::uint64_t> on_flash = ends_of<FlashDisk>(commands);
    const DiskCost& c = measured.cost;
    std::printf("{\"policy\": \"%s\", \"workload\": \"%s\", \"seed\": %u, \"calls\": %llu,\n", name,
                workload, seed, wide(measured.operations));
    std::printf(
        " \"bytes\": %llu, \"disk_blocks\": %llu, \"reads\": %llu, \"writes\": %llu, "
        "\"sectors_read\": %llu, \"sectors_written\": %llu, \"flushes\": %llu, \"us\": %llu, "
        "\"flash_us\": %llu",
        wide(measured.bytes), wide(sectors), wide(c.reads), wide(c.writes), wide(c.sectors_read),
        wide(c.sectors_written), wide(c.flushes), wide(ends.empty() ? 0 : ends.back()),
        wide(on_flash.empty() ? 0 : on_flash.back()));
    print_pictures(commands, ends);
}

void print_measured(bench::FileStore& store, const char* workload, std::uint32_t seed,
                    const Measured& measured, const CommandRecorder& recorder) {
    const DiskCost& c = measured.cost;
    print_run(store.name(), workload, seed, measured, store.disk()->block_count(),
              std::span(recorder.commands())
                  .subspan(static_cast<std::size_t>(measured.first_command),
                           static_cast<std::size_t>(c.reads + c.writes + c.flushes)));
}

/// Those with a disk.
[[nodiscard]] std::vector<const char*> names() {
    std::vector<const char*> with_disk = bench::file_systems();
    std::erase_if(with_disk, [](const char* name) {
        return bench::make_file_system(name, 1)->disk() == nullptr;
    });
    return with_disk;
}
bool run(std::string_view name, std::string_view workload_name, std::uint32_t seed) {
    const std::unique_ptr<bench::FileStore> store = bench::make_file_system(name, cache_pages);
    const std::vector<bench::FileWorkload> all = bench::file_workloads();
    const auto workload = std::ranges::find_if(
        all, [&](const bench::FileWorkload& w) { return workload_name == w.name; });
    if (store == nullptr || store->disk() == nullptr || workload == all.end()) {
        return false;
    }
    CommandRecorder recorder;
    store->disk()->listener = &recorder;
    bench::FileScale seeded = scale;
    seeded.seed = seed;
    const Result<Measured> measured = bench::measure(*workload, *store, seeded);
    if (!measured) {
        const std::string_view error = to_string(measured.error());
        std::fprintf(stderr, "%s: %.*s\n", store->name(), static_cast<int>(error.size()),
                     error.data());
        std::exit(1);
    }
    print_measured(*store, workload->name, seed, *measured, recorder);
    return true;
}
/// The trace is on standard input. What it is called, the caller knows.
int run_trace(std::string_view name, const char* called) {
    FileTrace trace;
    if (const std::string wrong = parse_file_trace(std::cin, trace); !wrong.empty()) {
        std::fprintf(stderr, "%s\n", wrong.c_str());
        return 2;
    }
    if (called == nullptr) {
        return 0;
    }
    const std::unique_ptr<bench::FileStore> store = bench::make_file_system(name, cache_pages);
    if (store == nullptr || store->disk() == nullptr) {
        return 2;
    }
    CommandRecorder recorder;
    store->disk()->listener = &recorder;
    FileReplay replay(*store);
    const Result<Measured> measured = replay.run(trace);
    if (!measured) {
        std::fprintf(
            stderr, "%s: %s %s: %s\n", store->name(),
            std::string(file_call_names[static_cast<std::size_t>(replay.step().call)]).c_str(),
            replay.step().path.c_str(), std::string(to_string(measured.error())).c_str());
        return 1;
    }
    print_measured(*store, called, 1, *measured, recorder);
    return 0;
}
void print_all_names() {
    const auto print = [](const char* what, const auto& list, const char* end) {
        std::printf("\"%s\": [", what);
        const char* separator = "";
        for (const char* const name : list) {
            std::printf("%s\"%s\"", separator, name);
            separator = ", ";
        }
        std::printf("]%s", end);
    };
    std::vector<const char*> workloads;
    for (const bench::FileWorkload& workload : bench::file_workloads()) {
        workloads.push_back(workload.name);
    }
    print("policies", names(), ", ");
    print("workloads", workloads, "");
}

}  // namespace
}  // namespace kidney::lab

int main(int count, char** arguments) {
    using namespace kidney::lab;
    const std::string_view second = count > 1 ? arguments[1] : "",
                           third = count > 2 ? arguments[2] : "";
    if (count == 2 && second == "--check-trace") {
        return run_trace({}, nullptr);
    }
    if (count == 4 && third == "--trace") {
        return run_trace(second, arguments[3]);
    }
    return one_run("fs_lab", count, arguments, &print_all_names, &run);
}

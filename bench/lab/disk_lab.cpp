/// One run of the laboratory: a disk scheduler, a workload, a seed. Prints what happened as JSON,
/// the same on every machine. `./kidney lab disk` runs it many times and makes the tables and
/// pictures.
#include "bench/lab/command.hpp"
#include "bench/lab/disk/disk_run.hpp"
#include "bench/lab/disk/disk_workloads.hpp"
#include "bench/lab/disk/models.hpp"
#include "kidney/core/type_list.hpp"
#include "policies/disk_scheduler.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

namespace kidney::lab {
namespace {

using Policies = policies::disk_scheduler::All;
using DiskWorkloads =
    TypeList<RandomAccess<false>, Streams<false>, BehindTheHead, FarAway, ReadsInAFlood<false>>;
using FlashWorkloads = TypeList<RandomAccess<true>, Streams<true>, ReadsInAFlood<true>>;
template <class One, class Other>
struct Join;
template <class... Ts, class... Us>
struct Join<TypeList<Ts...>, TypeList<Us...>> {
    using Type = TypeList<Ts..., Us...>;
};
using Workloads = Join<DiskWorkloads, FlashWorkloads>::Type;

constexpr std::size_t most_moves = 400;
constexpr std::size_t most_pictures = 128;

/// Of waits in their order: 1 %, 2 %, ..., 100 %.
void print_percentiles(const char* name, const std::vector<std::int64_t>& waits) {
    std::vector<std::int64_t> values;
    for (std::size_t percent = 1; percent <= 100 && !waits.empty(); ++percent) {
        values.push_back(waits[(waits.size() * percent + 99) / 100 - 1]);
    }
    print_list(name, values);
}
void print_waits(const DiskResult& result) {
    for (const bool is_read : {true, false}) {
        std::vector<std::int64_t> waits;
        for (const Wait& wait : result.waits) {
            if (wait.is_read == is_read) {
                waits.push_back(wait.microseconds);
            }
        }
        std::sort(waits.begin(), waits.end());
        std::int64_t sum = 0;
        for (const std::int64_t wait : waits) {
            sum += wait;
        }
        const char* const kind = is_read ? "reads" : "writes";
        std::printf(",\n \"%s\": %zu, \"%s_sum_us\": %lld", kind, waits.size(), kind,
                    static_cast<long long>(sum));
        print_percentiles(is_read ? "read_percentiles_us" : "write_percentiles_us", waits);
    }
}
/// The first moves of the head, and how much waited over time.
void print_pictures(const DiskResult& result) {
    std::printf(",\n \"moves\": [");
    const char* separator = "";
    for (const Moved& moved :
         std::span(result.moved).first(std::min(result.moved.size(), most_moves))) {
        std::printf("%s[%llu,%llu,%d]", separator,
                    static_cast<unsigned long long>(moved.end.nanoseconds() / 1000),
                    static_cast<unsigned long long>(moved.first), moved.is_read ? 1 : 0);
        separator = ",";
    }
    std::printf("],\n \"pictures\": [");
    separator = "";
    std::size_t at = 0;
    for (std::size_t n = 1; n <= most_pictures; ++n) {
        const Instant time(result.end.nanoseconds() / most_pictures * n);
        while (at + 1 < result.backlog.size() && result.backlog[at + 1].time <= time) {
            ++at;
        }
        const Backlog& then = result.backlog[at];
        std::printf("%s[%llu,%u,%u]", separator,
                    static_cast<unsigned long long>(time.nanoseconds() / 1000), then.reads,
                    then.writes);
        separator = ",";
    }
    std::printf("]}\n");
}

template <class Device, class Policy, class Workload>
void print_run(std::uint32_t seed) {
    DiskRun<Device, Policy> run(Workload::customers(), seed);
    const DiskResult result = run.run();
    std::uint64_t blocks = 0;
    for (const Moved& moved : result.moved) {
        blocks += moved.blocks;
    }
    std::printf("{\"policy\": \"%s\", \"workload\": \"%s\", \"seed\": %u, \"device\": \"%s\",\n",
                Policy::name, Workload::name, seed, Device::name);
    std::printf(
        " \"disk_blocks\": %llu, \"calls\": %zu, \"commands\": %zu, \"merged\": %llu, "
        "\"blocks\": %llu, \"travel\": %llu, \"us\": %llu",
        static_cast<unsigned long long>(Device::block_count()), result.waits.size(),
        result.moved.size(), static_cast<unsigned long long>(result.counts.merged),
        static_cast<unsigned long long>(blocks), static_cast<unsigned long long>(result.travel),
        static_cast<unsigned long long>(result.end.nanoseconds() / 1000));
    print_waits(result);
    print_pictures(result);
}

template <class Device, class List>
bool run(std::string_view policy, std::string_view workload, std::uint32_t seed) {
    bool is_known = false;
    List::for_each([&]<class W>() {
        Policies::for_each([&]<class P>() {
            if (workload == W::name && policy == P::name) {
                is_known = true;
                print_run<Device, P, W>(seed);
            }
        });
    });
    return is_known;
}

}  // namespace
}  // namespace kidney::lab

int main(int count, char** arguments) {
    using namespace kidney::lab;
    return one_run<Policies, Workloads>(
        "disk_lab", count, arguments, [](auto policy, auto workload, auto seed) {
            return run<HeadDisk, DiskWorkloads>(policy, workload, seed) ||
                   run<FlashDisk, FlashWorkloads>(policy, workload, seed);
        });
}

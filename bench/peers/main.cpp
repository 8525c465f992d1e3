/// Ours beside others of the same class, the same rows in one run: times, commands, and how many
/// times as much the other needs.
#include "bench/peers/peers.hpp"
#include "bench/workloads/file_systems.hpp"
#include "bench/workloads/file_workloads.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>

namespace kidney::bench {
namespace {

constexpr std::uint32_t cache_pages = 1024;  // 4 MiB, as in fs_files
/// So much is added to commands of both, where one needs none at all.
constexpr double no_command = 0.01;

/// The fastest of three, or one that took long.
Result<Measured> best_of(const FileWorkload& workload, FileStore& store, const FileScale& scale) {
    Measured best = TRY(measure(workload, store, scale));
    for (int n = 0; n < 2 && best.nanoseconds < 500'000'000; ++n) {
        const Measured again = TRY(measure(workload, store, scale));
        best = again.nanoseconds < best.nanoseconds ? again : best;
    }
    return best;
}
void compare(FileStore& ours, FileStore& peer) {
    FileScale scale;
    scale.large_kib = std::min(scale.large_kib, peer.most_kib());
    scale.many = std::min(scale.many, peer.most_files());
    scale.synced = 200;
    std::printf(
        "\n%s beside %s: us, commands and flushes of an operation; times: how many the peer "
        "needs for one of ours\n%-18s %10s %9s %9s | %10s %9s %9s | %8s %8s\n",
        ours.name(), peer.name(), "", ours.name(), "commands", "flushes", peer.name(), "commands",
        "flushes", "times us", "commands");
    double time = 0;
    double commands = 0;
    int rows = 0;
    for (const FileWorkload& workload : file_workloads()) {
        const Result<Measured> a = best_of(workload, ours, scale);
        const Result<Measured> b = best_of(workload, peer, scale);
        if (!a || !b) {
            const std::string_view error = to_string(a ? b.error() : a.error());
            std::printf("%-18s %s: %.*s\n", workload.name, a ? peer.name() : ours.name(),
                        static_cast<int>(error.size()), error.data());
            continue;
        }
        const auto us = [](const Measured& m) {
            return m.each(static_cast<std::uint64_t>(m.nanoseconds)) / 1000;
        };
        const double of_time = us(*b) / us(*a);
        const double of_commands =
            (b->each(b->commands()) + no_command) / (a->each(a->commands()) + no_command);
        std::printf("%-18s %10.3f %9.4f %9.4f | %10.3f %9.4f %9.4f | %8.2f %8.2f\n", workload.name,
                    us(*a), a->each(a->commands()), a->each(a->cost.flushes), us(*b),
                    b->each(b->commands()), b->each(b->cost.flushes), of_time, of_commands);
        std::fflush(stdout);
        time += std::log(of_time);
        commands += std::log(of_commands);
        ++rows;
    }
    std::printf("%-18s %80s %8.2f %8.2f\n", "geometric mean", "", std::exp(time / rows),
                std::exp(commands / rows));
}

}  // namespace
}  // namespace kidney::bench

int main() {
    using namespace kidney::bench;
    compare(*make_file_system("fat32", cache_pages), *make_fatfs());
    compare(*make_file_system("ext2", cache_pages), *make_lwext4(false));
    compare(*make_file_system("kfs", cache_pages), *make_littlefs());
    compare(*make_file_system("kfs", cache_pages), *make_lwext4(true));
    compare(*make_file_system("kfs", cache_pages), *make_xv6());
    return 0;
}

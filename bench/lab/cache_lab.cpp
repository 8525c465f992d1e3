/// One run of the laboratory: a replacement policy, a workload, a seed; caches of many sizes.
/// Prints what happened as JSON, the same on every machine. `./kidney lab cache` runs it many times
/// and makes the tables and pictures.
#include "bench/lab/album.hpp"
#include "bench/lab/cache/cache_subject.hpp"
#include "bench/lab/cache/cache_workloads.hpp"
#include "bench/lab/cache/page_trace.hpp"
#include "bench/lab/command.hpp"
#include "kidney/core/type_list.hpp"
#include "policies/cache_replacement.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::lab {
namespace {

using Policies = policies::cache_replacement::All;
using Workloads =
    TypeList<ZipfPages, WholeFiles, Loop, ScanInHotSet, Shift, Bursts, Database, Mixed>;

constexpr std::uint32_t regions = 64;
/// Sizes of caches, in parts of 32 of all pages that are asked for. Of one there are pictures.
constexpr std::array<std::uint32_t, 12> sizes{1, 2, 3, 4, 6, 8, 11, 16, 20, 24, 28, 32};
constexpr std::size_t pictured = 5;

[[nodiscard]] std::size_t pages_of(std::uint32_t size, const PageTrace& trace) {
    return std::max<std::size_t>(1, std::size_t{trace.pages()} * size / 32);
}

/// What happened since the last one.
struct CachePicture {
    std::uint64_t calls = 0;
    std::uint64_t hits = 0, optimum = 0;
    std::string regions;
};

template <class Subject>
std::string regions_of(const PageTrace& trace, const Subject& subject) {
    std::array<std::uint64_t, regions> here{};
    std::array<std::uint64_t, regions> all{};
    for (std::uint32_t page = 0; page < trace.pages(); ++page) {
        const std::size_t region = std::size_t{page} * regions / trace.pages();
        ++all[region];
        here[region] += subject.is_here(page) ? 1 : 0;
    }
    std::string digits;
    for (std::size_t n = 0; n < regions; ++n) {
        digits += level_digit(here[n], std::max<std::uint64_t>(1, all[n]));
    }
    return digits;
}

template <class Policy>
void print_run(const PageTrace& trace) {
    std::vector<std::uint64_t> capacities;
    std::vector<std::uint64_t> hits;
    std::vector<std::uint64_t> optimum;
    for (const std::uint32_t size : sizes) {
        const std::size_t capacity = pages_of(size, trace);
        CacheSubject<Policy> subject(trace, capacity);
        Optimum best(trace, capacity);
        capacities.push_back(capacity);
        std::uint64_t its_hits = 0;
        std::uint64_t best_hits = 0;
        for (const std::uint32_t page : trace.accesses()) {
            its_hits += subject.access(page) ? 1 : 0;
            best_hits += best.access(page) ? 1 : 0;
        }
        hits.push_back(its_hits);
        optimum.push_back(best_hits);
    }
    std::printf(" \"pages\": %u, \"calls\": %zu, \"ghost_bytes\": %zu", trace.pages(),
                trace.accesses().size(), fs::or_default::ghost_bytes<Policy>(1));
    print_list("sizes", capacities);
    print_list("hits", hits);
    print_list("optimum", optimum);

    const std::size_t capacity = pages_of(sizes[pictured], trace);
    CacheSubject<Policy> subject(trace, capacity);
    Optimum best(trace, capacity);
    // Evenly spaced: the length is known here.
    const std::size_t stride = (trace.accesses().size() + 127) / 128;
    CachePicture now;
    std::printf(",\n \"pictured\": %zu, \"pictures\": [", pictured);
    const char* separator = "\n";
    for (std::size_t n = 0; n < trace.accesses().size(); ++n) {
        now.hits += subject.access(trace.accesses()[n]) ? 1 : 0;
        now.optimum += best.access(trace.accesses()[n]) ? 1 : 0;
        if ((n + 1) % stride == 0 || n + 1 == trace.accesses().size()) {
            std::printf(
                "%s  {\"calls\": %zu, \"hits\": %llu, \"optimum\": %llu, \"regions\": \"%s\"}",
                separator, n + 1, static_cast<unsigned long long>(now.hits),
                static_cast<unsigned long long>(now.optimum), regions_of(trace, subject).c_str());
            separator = ",\n";
            now = {};
        }
    }
    std::printf("]}\n");
}

/// False if there is no such policy or workload.
bool run(std::string_view policy, std::string_view workload, std::uint32_t seed) {
    std::optional<PageTrace> trace;
    Workloads::for_each([&]<class W>() {
        if (workload == W::name) {
            laws::Random random(seed);
            trace.emplace(W::accesses(random));
        }
    });
    bool is_known = false;
    Policies::for_each([&]<class P>() {
        if (trace && policy == P::name) {
            is_known = true;
            std::printf("{\"policy\": \"%s\", \"workload\": \"%s\", \"seed\": %u,\n", P::name,
                        workload.data(), seed);
            print_run<P>(*trace);
        }
    });
    return is_known;
}

}  // namespace
}  // namespace kidney::lab

int main(int count, char** arguments) {
    using namespace kidney::lab;
    return one_run<Policies, Workloads>("cache_lab", count, arguments, run);
}

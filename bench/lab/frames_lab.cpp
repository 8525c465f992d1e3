/// One run of the laboratory: a frame policy, a workload, a seed. Prints what happened as JSON, the
/// same on every machine. `./kidney lab frames` runs it many times and makes the tables and
/// pictures. Instead of a workload, a trace of the running kernel can be asked again.
#include "bench/lab/command.hpp"
#include "bench/lab/recorded_trace.hpp"
#include "bench/lab/subject.hpp"
#include "bench/lab/workloads.hpp"
#include "bench/workloads/fragmentation.hpp"
#include "kidney/core/lock.hpp"
#include "kidney/core/type_list.hpp"
#include "kidney/hal/per_cpu.hpp"
#include "mm/locked_frames.hpp"
#include "mm/magazines.hpp"
#include "policies/frame_allocator.hpp"
#include "tests/support/std_cpu.hpp"

#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::lab {
namespace {

/// A protocol of the benchmarks as a workload of the laboratory.
template <class P>
struct Protocol {
    static constexpr const char* name = P::name;
    static void run(Subject& frames, laws::Random& random) {
        bench::Tenants<Subject> tenants(frames, {FrameNumber(0), frames.map().frames()});
        P::run(tenants, random, [](const auto&) {});
    }
};

using Policies = policies::frame_allocator::All;
using Workloads = TypeList<Protocol<bench::Breathe<40, 60>>, Protocol<bench::Breathe<75, 95>>,
                           Protocol<bench::Paper>, Protocol<bench::MixedOrders>, Machine, Queue>;

/// What is printed of a run besides what the subject saw.
struct Run {
    std::string_view policy;
    std::string_view workload;
    std::uint32_t seed = 1;
    std::size_t metadata_bytes = 0;
    std::uint32_t region_frames = 0;
    std::optional<std::uint64_t> as_recorded{};  ///< of a trace
};

void print(const Run& run, const Subject& subject, const ByOrder& granted) {
    std::printf("{\"policy\": \"%s\", \"workload\": \"%s\", \"seed\": %u,\n", run.policy.data(),
                run.workload.data(), run.seed);
    std::printf(" \"frames\": %u, \"region_frames\": %u, \"metadata_bytes\": %zu, \"calls\": %llu",
                subject.map().frames(), run.region_frames, run.metadata_bytes,
                static_cast<unsigned long long>(subject.album().calls()));
    if (run.as_recorded) {
        std::printf(", \"as_recorded\": %llu", static_cast<unsigned long long>(*run.as_recorded));
    }
    print_list("asked", subject.requests().asked);
    print_list("refused_full", subject.requests().full);
    print_list("refused_scattered", subject.requests().scattered);
    print_list("refused_missed", subject.requests().missed);
    print_list("granted_at_end", granted);
    std::printf(",\n \"pictures\": [");
    const char* separator = "\n";
    for (const Picture& picture : subject.album().pictures()) {
        std::printf("%s  {\"calls\": %llu, \"free\": %u, \"regions\": \"%s\", \"whole\": [",
                    separator, static_cast<unsigned long long>(picture.calls), picture.free,
                    picture.regions.c_str());
        for (unsigned k = 0; k < orders; ++k) {
            std::printf(k == 0 ? "%u" : ",%u", picture.whole[k]);
        }
        std::printf("]}");
        separator = ",\n";
    }
    std::printf("]}\n");
}

/// A policy as the kernel uses it, on one CPU: `POLICY+magazines`.
constexpr std::string_view magazines = "+magazines";
template <class Policy>
using WithMagazines =
    mm::Magazines<mm::SharedFrames<Policy, NullLock>, test::StdCpu, hal::NoPin, mm::LiveMarks>;

/// The policy with all frames of the regions; null if there is none of this name. Adds to the run
/// what it costs.
std::unique_ptr<AnyFrames> held(Run& run, FrameRange span, std::span<const FrameRange> regions) {
    std::unique_ptr<AnyFrames> policy;
    const auto hold = [&]<class Policy>() {
        policy = std::make_unique<Holding<Policy>>(span, regions);
        run.metadata_bytes = Policy::metadata_bytes(span);
    };
    Policies::for_each([&]<class P>() {
        using Policy = mm::FramesOf<P, test::StdCpu>;
        if (run.policy == P::name) {
            hold.template operator()<Policy>();
        } else if (run.policy == std::string(P::name).append(magazines)) {
            hold.template operator()<WithMagazines<Policy>>();
        }
    });
    return policy;
}

/// 64, and none smaller than a large page could tell apart.
constexpr std::uint32_t regions_of_the_map = 64;

/// False if there is no such policy or workload.
bool run_workload(Run run, std::uint32_t memory_mib) {
    const FrameRange all{FrameNumber(0), memory_mib * 256};
    run.region_frames = all.count / regions_of_the_map;
    auto policy = held(run, all, {&all, 1});
    if (policy == nullptr) {
        return false;
    }
    Subject subject(std::move(policy), all.count, run.region_frames, {&all, 1});
    bool is_known = false;
    Workloads::for_each([&]<class W>() {
        if (run.workload == W::name) {
            is_known = true;
            laws::Random random(run.seed);
            W::run(subject, random);
        }
    });
    subject.finish();
    if (is_known) {
        print(run, subject, subject.granted_now());
    }
    return is_known;
}

/// False if there is no such policy.
bool run_trace(Run run, const RecordedTrace& trace) {
    run.region_frames = trace.map_frames() / regions_of_the_map;
    auto policy = held(run, trace.span, trace.regions);
    if (policy == nullptr) {
        return false;
    }
    Subject subject(std::move(policy), trace.map_frames(), run.region_frames, trace.regions);
    run.as_recorded = replay(trace, subject);
    subject.finish();
    print(run, subject, subject.granted_now());
    return true;
}

/// From standard input. The exit status of a broken one.
int with_trace(std::string_view policy, std::string_view name) {
    TraceReader reader;
    const std::optional<RecordedTrace> trace = reader.read(std::cin);
    if (!trace) {
        std::fprintf(stderr, "%s\n", reader.error().c_str());
        return 2;
    }
    if (policy.empty()) {
        std::printf("{\"policy\": \"%s\", \"frames\": %u, \"calls\": %zu, \"dropped\": %u}\n",
                    trace->policy.c_str(), trace->span.count, trace->calls.size(), trace->dropped);
        return 0;
    }
    return run_trace({.policy = policy, .workload = name}, *trace) ? 0 : 2;
}

}  // namespace
}  // namespace kidney::lab

int main(int count, char** arguments) {
    using namespace kidney::lab;
    if (count == 2 && std::strcmp(arguments[1], "--list") == 0) {
        std::printf("{");
        print_names<Policies>("policies", false);
        print_names<Workloads>("workloads", true);
        std::printf("}\n");
        return 0;
    }
    if (count == 2 && std::strcmp(arguments[1], "--check-trace") == 0) {
        return with_trace("", "");
    }
    if (count == 4 && std::strcmp(arguments[2], "--trace") == 0) {
        return with_trace(arguments[1], arguments[3]);
    }
    if (count == 5) {
        const auto seed = number(arguments[3], 1, ~std::uint32_t{0});
        const auto memory = number(arguments[4], 4, 1U << 14);
        if (seed && memory &&
            run_workload({.policy = arguments[1], .workload = arguments[2], .seed = *seed},
                         *memory)) {
            return 0;
        }
    }
    std::fprintf(stderr,
                 "usage: frames_lab POLICY WORKLOAD SEED MIB\n"
                 "       frames_lab POLICY --trace NAME <TRACE\n"
                 "       frames_lab --list, frames_lab --check-trace <TRACE\n");
    return 2;
}

/// One run of the scheduling laboratory: a policy, a workload on standard input, a seed. Prints
/// what happened as JSON, the same on every machine. `./kidney lab sched` runs it many times and
/// makes the tables and pictures.
#include "bench/lab/command.hpp"
#include "bench/lab/sched/ground_truth.hpp"
#include "bench/lab/sched/result_json.hpp"
#include "bench/lab/sched/run.hpp"
#include "bench/lab/sched/workload_text.hpp"
#include "kidney/core/cpu_id.hpp"

#include <cstdio>
#include <cstring>
#include <iostream>
#include <iterator>
#include <string>
#include <utility>
#include <variant>

namespace kidney::lab {
namespace {

constexpr int refused = 2;

/// Says why if standard input is none.
std::optional<Workload> read_input(const char* name) {
    const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    std::variant<Workload, TextFault> read = read_workload(text);
    if (const auto* fault = std::get_if<TextFault>(&read)) {
        std::fprintf(stderr, "%s:%u:%u: %s\n", name, fault->line, fault->column,
                     fault->message.c_str());
        return std::nullopt;
    }
    return std::get<Workload>(std::move(read));
}

int run(const char* policy, const char* name, std::uint32_t seed, std::uint32_t cpus,
        std::uint32_t slices, const char* balancer) {
    std::optional<Workload> workload = read_input(name);
    if (!workload) {
        return refused;
    }
    Inputs inputs = workload->inputs;
    inputs.seed = seed;
    inputs.cpus = cpus != 0 ? cpus : inputs.cpus;
    inputs.balancer = balancer != nullptr ? balancer : inputs.balancer;
    const std::optional<RunResult> result = run_workload(policy, *workload, inputs, slices);
    if (!result) {
        std::fprintf(stderr, "no policy '%s'\n", policy);
        return refused;
    }
    if (!result->error.empty()) {
        std::fprintf(stderr, "%s\n", result->error.c_str());
        return 1;
    }
    const std::string text = to_json(policy, name, inputs, *result);
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
}

/// The workload is one: what it is about.
int check(const char* name) {
    const std::optional<Workload> workload = read_input(name);
    if (!workload) {
        return refused;
    }
    std::printf("%s\n", json_string(workload->about).c_str());
    return 0;
}

/// What is expected of each case of the workload, and what came of it; as JSON.
int check_cases(const char* name) {
    const std::optional<Workload> workload = read_input(name);
    if (!workload) {
        return refused;
    }
    std::printf("{\"name\":%s,\"about\":%s,\"source\":%s,\"unit\":%llu,\"cases\":[",
                json_string(name).c_str(), json_string(workload->about).c_str(),
                json_string(workload->source).c_str(),
                static_cast<unsigned long long>(workload->unit));
    const char* separator = "";
    for (const Case& c : workload->cases) {
        const CaseResult result = check_case(*workload, c);
        std::printf("%s\n{\"case\":%s,\"findings\":[", separator, json_string(c.name).c_str());
        separator = "";
        for (const Finding& f : result.findings) {
            std::printf("%s{\"what\":%s,\"expected\":%s,\"got\":%s,\"holds\":%s,\"line\":%u}",
                        separator, json_string(f.what).c_str(), json_string(f.expected).c_str(),
                        json_string(f.got).c_str(), f.holds ? "true" : "false", f.line);
            separator = ",";
        }
        std::printf("],\"run\":%s}", to_json(c.policy, name, c.inputs, result.run).c_str());
        separator = ",";
    }
    std::printf("]}\n");
    return 0;
}

}  // namespace
}  // namespace kidney::lab

int main(int count, char** arguments) {
    using namespace kidney::lab;
    if (count == 2 && std::strcmp(arguments[1], "--list") == 0) {
        for (const std::string& name : lab_policy_names()) {
            std::printf("%s\n", name.c_str());
        }
        return 0;
    }
    if (count == 3 && std::strcmp(arguments[1], "--check") == 0) {
        return check(arguments[2]);
    }
    if (count == 3 && std::strcmp(arguments[1], "--cases") == 0) {
        return check_cases(arguments[2]);
    }
    if (count == 6 || count == 7) {
        const auto seed = number(arguments[3], 1, ~std::uint32_t{0});
        const auto cpus = number(arguments[4], 0, kidney::max_cpus);
        const auto slices = number(arguments[5], 0, 1U << 20);
        if (seed && cpus && slices) {
            return run(arguments[1], arguments[2], *seed, *cpus, *slices,
                       count == 7 ? arguments[6] : nullptr);
        }
    }
    std::fprintf(stderr,
                 "usage: sched_lab POLICY NAME SEED CPUS SLICES [BALANCER] < WORKLOAD\n"
                 "       sched_lab --check NAME < WORKLOAD\n"
                 "       sched_lab --cases NAME < WORKLOAD\n"
                 "       sched_lab --list\n"
                 "CPUS 0: as the workload says. SLICES: so many of the Gantt chart.\n");
    return refused;
}

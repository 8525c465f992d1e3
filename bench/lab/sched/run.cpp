#include "bench/lab/sched/run.hpp"

#include "bench/lab/sched/lab_policies.hpp"
#include "bench/lab/sched/periodic_sets.hpp"
#include "bench/lab/sched/simulation.hpp"

namespace kidney::lab {

std::optional<RunResult> run_workload(std::string_view policy, const Workload& workload,
                                      const Inputs& inputs, std::size_t most_slices) {
    const Workload whole = with_sets_drawn(workload, inputs.seed);
    if (!LabBalancer::is_known(inputs.balancer)) {
        RunResult result;
        result.error = "no load balancer '" + inputs.balancer + "'";
        return result;
    }
    for (const TaskKind& kind : whole.kinds) {
        const CpuSet there = CpuSet::first(inputs.cpus);
        if (kind.parameters.allowed.in_common_with(there).is_empty()) {
            RunResult result;
            result.error = "task '" + kind.name + "' may run on none of the CPUs";
            return result;
        }
    }
    Rules::inputs = &inputs;
    std::optional<RunResult> result;
    LabPolicies::for_each([&]<class P>() {
        if (policy == P::name) {
            result = Simulation<P>(whole, inputs, most_slices).run();
        }
    });
    return result;
}

std::vector<std::string> lab_policy_names() {
    std::vector<std::string> names;
    LabPolicies::for_each([&]<class P>() { names.emplace_back(P::name); });
    return names;
}

}  // namespace kidney::lab

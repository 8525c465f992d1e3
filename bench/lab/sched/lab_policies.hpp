/// The policies of the laboratory: the kernel's, with the rules that a workload may give, and those
/// that know the future.
#pragma once

#include "bench/lab/sched/oracles.hpp"
#include "bench/lab/sched/workload.hpp"
#include "kidney/core/type_list.hpp"
#include "policies/scheduler.hpp"

#include <cstdint>
#include <type_traits>

namespace kidney::lab {

/// What the policies made next read.
struct Rules {
    static inline const Inputs* inputs = nullptr;
};

struct MlfqByRules : sched::Mlfq {
    explicit MlfqByRules(const PolicySetup& setup) noexcept : Mlfq(rules_for(setup)) {}
    MlfqByRules() noexcept = default;

private:
    [[nodiscard]] static MlfqRules rules_for(const PolicySetup& setup) noexcept {
        const Inputs& in = *Rules::inputs;
        return {.levels = in.mlfq_levels,
                .quantum = setup.quantum_or(MlfqRules().quantum),
                .doubles = in.mlfq_doubles,
                .allotment = in.mlfq_allotment,
                .boost = in.mlfq_boost,
                .forgets = in.mlfq_forgets};
    }
};

struct CfsByRules : sched::Cfs {
    explicit CfsByRules(const PolicySetup& setup) noexcept : Cfs(rules_for(setup)) {}
    CfsByRules() noexcept = default;

private:
    [[nodiscard]] static CfsRules rules_for(const PolicySetup& setup) noexcept {
        CfsRules rules;
        rules.granularity = setup.quantum_or(rules.granularity);
        rules.latency = Rules::inputs->cfs_latency != Duration()
                            ? Rules::inputs->cfs_latency
                            : Duration::nanoseconds(rules.granularity.count() * 8);
        return rules;
    }
};

/// The paper lets who begins begin at once; the kernel's lets it owe a request first.
struct EevdfByRules : sched::Eevdf {
    using Eevdf::Eevdf;
    void enqueue(Entity& entity, EnqueueReason why, Instant now) noexcept {
        const bool anew = why == EnqueueReason::started && Rules::inputs->eevdf_fresh;
        // Whoever wakes up has the lag that it had, which is none at first.
        Eevdf::enqueue(entity, anew ? EnqueueReason::woken : why, now);
    }
};

/// Draws as a book prints them, out of 100, if the workload has some.
class DrawsByRules {
public:
    explicit DrawsByRules(std::uint64_t seed) noexcept : own_(seed) {}
    [[nodiscard]] std::uint32_t next() noexcept {
        const auto& printed = Rules::inputs->draws;
        if (printed.empty()) {
            return own_.next();
        }
        const std::uint64_t lot = printed[used_++ % printed.size()];
        return static_cast<std::uint32_t>(((lot << 32) + 99) / 100);
    }

private:
    Xorshift own_;
    std::size_t used_ = 0;
};
static_assert(DrawSource<DrawsByRules>);

template <class P>
struct InLab {
    using Type = P;
};
template <>
struct InLab<sched::Mlfq> {
    using Type = MlfqByRules;
};
template <>
struct InLab<sched::Cfs> {
    using Type = CfsByRules;
};
template <>
struct InLab<sched::Lottery> {
    using Type = LotteryBy<DrawsByRules>;
};

template <>
struct InLab<sched::Eevdf> {
    using Type = EevdfByRules;
};

template <class List>
struct LabPoliciesOf;
template <class... Ps>
struct LabPoliciesOf<TypeList<Ps...>> {
    using Type = TypeList<typename InLab<Ps>::Type..., ShortestJobFirst, ShortestTimeToCompletion>;
};
using LabPolicies = LabPoliciesOf<policies::scheduler::All>::Type;

}  // namespace kidney::lab

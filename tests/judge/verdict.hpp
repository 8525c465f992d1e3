/// From answers to verdicts: one for each law, with the fewest calls that break it.
#pragma once

#include "tests/judge/subject_process.hpp"
#include "tests/laws/frames/director.hpp"
#include "tests/laws/frames/plans.hpp"
#include "tests/laws/frames/shadow.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace kidney::judge {

using laws::frames::Law;
using laws::frames::law_count;

struct Verdict {
    enum class Kind : std::uint8_t { kept, broken, crashed, endless, slow, not_judged };
    Kind kind = Kind::not_judged;
    std::size_t checks = 0;
    std::uint64_t steps = 0;            ///< of the policy, in all plays of the law
    std::uint64_t steps_of_a_play = 0;  ///< the costliest
    std::string message;
    std::vector<std::string> calls;
};

/// How a plan went wrong, as far as one law is concerned.
struct Failure {
    Verdict::Kind kind = Verdict::Kind::broken;
    Law law = Law::f1;
    laws::frames::Finding::Kind finding{};
    std::string message;
    OwnedPlan plan;                                                          ///< as it was made
    std::vector<std::pair<laws::frames::Call, laws::frames::Answer>> trace;  ///< to the failure
};

class Judge {
public:
    /// `maps`: how many of frames::all_maps; small_maps leaves out those of a million frames.
    Judge(SubjectProcess& subject, std::uint32_t seeds, unsigned maps);

    /// Every law, or one of them.
    [[nodiscard]] std::array<Verdict, law_count> judge(std::optional<Law> only);

private:
    using Trace = std::vector<std::pair<laws::frames::Call, laws::frames::Answer>>;
    /// What one run shows.
    struct Examination {
        Trace trace;
        std::vector<laws::frames::Finding> findings;
        std::array<std::size_t, law_count> checks{};
        std::optional<Verdict::Kind> disaster;  ///< crashed, endless or slow, in the last call
        std::string message;                    ///< of the disaster
    };

    void judge_plans_of(Law law);
    [[nodiscard]] Examination examine(const OwnedPlan& plan, const Run& run);
    /// The runs that a plan needs.
    [[nodiscard]] static std::vector<OwnedPlan> runs_of(const OwnedPlan& plan);
    /// Everything that the runs of one plan show to be wrong.
    [[nodiscard]] std::vector<Failure> failures_of(const OwnedPlan& plan,
                                                   std::span<const OwnedPlan> plans,
                                                   std::span<const Run> runs, bool count);
    void compare(const OwnedPlan& plan, const std::vector<Examination>& seen, unsigned variation,
                 std::vector<Failure>& failures, bool count);
    void note(Failure failure);
    /// The same failure with fewer calls.
    [[nodiscard]] Failure shrink(Failure failure);
    class Pieces;
    std::vector<std::vector<std::size_t>> those_that_can_go(
        const Pieces& pieces, std::span<const std::vector<std::size_t>> sets, const Failure& best,
        std::size_t& work, std::optional<Failure>& better);
    [[nodiscard]] std::vector<std::optional<Failure>> try_all(
        const std::vector<OwnedPlan>& candidates, const Failure& like);
    void share_disasters();
    [[nodiscard]] Verdict verdict_of(Law law);

    SubjectProcess& subject_;
    std::uint32_t seeds_;
    unsigned maps_;
    laws::frames::PlanMaker maker_;
    std::array<std::vector<std::uint8_t>, laws::frames::max_instances> states_;
    std::array<std::vector<laws::frames::Blocks::Block>, laws::frames::max_instances> blocks_;
    std::array<std::vector<std::uint32_t>, laws::frames::max_instances> live_;
    std::array<laws::frames::FrameBooks, laws::frames::max_instances> books_;
    std::array<laws::frames::Blocks, laws::frames::max_instances> names_;
    std::array<std::optional<Failure>, law_count> failures_;
    std::array<std::size_t, law_count> checks_{};
    struct Steps {
        std::uint64_t all = 0;
        std::uint64_t of_a_play = 0;
    };
    std::array<Steps, law_count> steps_{};
    std::uint64_t shrinking_ = 0;  ///< steps that this takes
};

}  // namespace kidney::judge

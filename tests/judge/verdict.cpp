#include "tests/judge/verdict.hpp"

#include "tests/judge/steps.hpp"

#include <algorithm>

namespace kidney::judge {
namespace {

namespace frames = laws::frames;
using frames::Answer;
using frames::Call;
using frames::Op;
using frames::Step;

struct StringSink {
    std::string text;
    void write(std::string_view piece) noexcept { text += piece; }
};

std::string text_of(const Call& call, const Answer* answer, bool two) {
    StringSink sink;
    frames::write_call(sink, call, answer, two);
    return sink.text;
}

/// A call as a step that does not depend on chance.
Step step_of(const Call& call) {
    Step step{call.op, call.instance, call.order, 0, 0};
    switch (call.op) {
        case Op::add_region:
        case Op::measure:
            step.a = call.range.first.value();
            step.b = call.range.count;
            break;
        case Op::allocate:
            step.a = call.id;
            break;
        case Op::free:
            step.a = call.id;
            step.b = call.id == frames::unnamed ? call.range.first.value() : call.offset;
            break;
        default:
            break;
    }
    return step;
}

// Shrinking may take so many starts of the subject, as many steps as the plays of a law may, and so
// much work: a call may look at each frame of its span.
constexpr unsigned max_starts = 24;
constexpr std::size_t max_work = 2'000'000'000;

/// Of one replay.
std::size_t work_of(const OwnedPlan& plan) {
    const std::size_t frames = plan.head.spans[0].count + plan.head.spans[1].count;
    return plan.steps.size() * frames * (plan.head.law == Law::f8 ? frames::variations : 1);
}

/// What a run that was ended for its steps should have done, and what it did.
std::string too_slow(const Run& run) {
    const bool in_this_play = run.steps >= play_steps;
    return "expected at most " +
           std::to_string((in_this_play ? play_steps : start_steps) / 1'000'000) +
           (in_this_play ? " million steps (branches) in one play"
                         : " million steps (branches) in all plays of a law together") +
           ", saw all of them used up in call ";
}

/// A law whose plans the subject has not survived so often is known well enough.
constexpr unsigned enough_deaths = 2;

}  // namespace

Judge::Judge(SubjectProcess& subject, std::uint32_t seeds, unsigned maps)
    : subject_(subject), seeds_(seeds), maps_(maps) {
    for (unsigned i = 0; i < frames::max_instances; ++i) {
        states_[i].resize(1U << 20);
        blocks_[i].resize(frames::plan_blocks);
        live_[i].resize(frames::plan_blocks);
        books_[i].use(states_[i]);
        names_[i].use(blocks_[i], live_[i]);
    }
}

Judge::Examination Judge::examine(const OwnedPlan& owned, const Run& run) {
    Examination seen;
    const frames::Plan plan = owned.plan();
    frames::Director director(plan, names_, subject_.largest_order());
    frames::Shadow shadow(books_, subject_.largest_order());
    Call call;
    bool followed = true;
    std::size_t answered = 0;
    while (director.next(call)) {
        if (answered == run.answers.size()) {
            seen.trace.emplace_back(call, Answer{});
            const bool endless = run.end == Run::End::endless;
            seen.disaster = endless ? Verdict::Kind::endless : Verdict::Kind::crashed;
            seen.message =
                text_of(call, nullptr, false) +
                (endless ? " did not come back in time" : " ended the program: " + run.death);
            break;
        }
        const Answer& answer = run.answers[answered++];
        seen.trace.emplace_back(call, answer);
        director.hear(call, answer);
        if (answer.outcome == Answer::Outcome::endless) {
            seen.disaster = Verdict::Kind::endless;
            seen.message = text_of(call, nullptr, false) + " does not come back: an endless loop";
            break;
        }
        if (answer.outcome == Answer::Outcome::worn_out) {
            seen.disaster = Verdict::Kind::slow;
            seen.message = too_slow(run) + std::to_string(answered) + " of a play over " +
                           std::to_string(owned.head.spans[call.instance].count) +
                           " frames: " + text_of(call, nullptr, false);
            break;
        }
        if (!followed) {
            continue;  // only to see whether it survives
        }
        const auto next = shadow.judge(call, answer);
        followed = next == frames::Shadow::Next::goes_on;
        if (next == frames::Shadow::Next::disaster) {
            seen.disaster = Verdict::Kind::crashed;
            seen.message = text_of(call, nullptr, false) +
                           " is right, and ended in an invariant failure: " + run.complaint;
        }
    }
    if (!seen.disaster && (run.end != Run::End::complete || answered != run.answers.size())) {
        seen.disaster = Verdict::Kind::crashed;
        seen.message = "the answers are not complete: " + run.death;
    }
    seen.findings.assign(shadow.findings().begin(), shadow.findings().end());
    for (std::size_t law = 0; law < law_count; ++law) {
        seen.checks[law] = shadow.checks(static_cast<Law>(law));
    }
    return seen;
}

std::vector<OwnedPlan> Judge::runs_of(const OwnedPlan& owned) {
    if (owned.head.law != Law::f8) {
        return {owned};
    }
    std::vector<OwnedPlan> runs;
    for (unsigned v = 0; v < frames::variations; ++v) {
        runs.push_back({vary(owned.head, v), owned.steps});
    }
    return runs;
}

/// F8: did each allocator answer as it did in the first run?
void Judge::compare(const OwnedPlan& plan, const std::vector<Examination>& seen, unsigned variation,
                    std::vector<Failure>& failures, bool count) {
    constexpr const char* circumstances[] = {
        "",
        "with the metadata at another address, in memory that held other bytes",
        "with every frame's number changed by a multiple of 2^10",
        "without the other allocator beside it",
        "without the other allocator beside it",
        "in a second life, after attach(0x3003, 700), add_region(0x3003, 700), allocate(0)"};
    static_assert(std::size(circumstances) == frames::variations);
    for (unsigned i = 0; i < frames::max_instances; ++i) {
        std::size_t other = 0;
        const auto& varied = seen[variation].trace;
        for (std::size_t n = 0; n < seen[0].trace.size(); ++n) {
            const auto& [call, answer] = seen[0].trace[n];
            if (call.instance != i) {
                continue;
            }
            while (other < varied.size() && varied[other].first.instance != i) {
                ++other;
            }
            if (other == varied.size()) {
                break;  // it did not take part, or its run was cut short
            }
            const auto& [same_call, instead] = varied[other++];
            if (answer.outcome == Answer::Outcome::worn_out ||
                instead.outcome == Answer::Outcome::worn_out) {
                break;  // its steps were used up by the runs before
            }
            checks_[static_cast<std::size_t>(Law::f8)] += count ? 1 : 0;
            if (answer.outcome == instead.outcome && answer.frame == instead.frame &&
                answer.free_frames == instead.free_frames && answer.size == instead.size) {
                continue;
            }
            Failure failure;
            failure.law = Law::f8;
            failure.finding = frames::Finding::Kind::differs;
            failure.plan = plan;
            failure.trace.assign(seen[0].trace.begin(),
                                 seen[0].trace.begin() + static_cast<std::ptrdiff_t>(n) + 1);
            failure.message = text_of(call, &answer, false) + " (" +
                              std::to_string(answer.free_frames) + " frames free), but" +
                              text_of(same_call, &instead, false)
                                  .substr(text_of(same_call, nullptr, false).size()) +
                              " (" + std::to_string(instead.free_frames) + ") " +
                              circumstances[variation];
            failures.push_back(std::move(failure));
            return;
        }
    }
}

std::vector<Failure> Judge::failures_of(const OwnedPlan& plan, std::span<const OwnedPlan> plans,
                                        std::span<const Run> runs, bool count) {
    std::vector<Failure> failures;
    std::vector<Examination> seen;
    for (std::size_t i = 0; i < runs.size() && runs[i].end != Run::End::not_run; ++i) {
        seen.push_back(examine(plans[i], runs[i]));
        const Examination& now = seen.back();
        for (std::size_t law = 0; count && law < law_count; ++law) {
            checks_[law] += now.checks[law];
        }
        for (const frames::Finding& finding : now.findings) {
            Failure failure;
            failure.law = finding.law;
            failure.finding = finding.kind;
            failure.plan = plans[i];
            const auto end = now.trace.begin() + static_cast<std::ptrdiff_t>(finding.index) + 1;
            failure.trace.assign(now.trace.begin(), end);
            StringSink sink;
            write_finding(sink, finding);
            failure.message = sink.text;
            failures.push_back(std::move(failure));
        }
        if (now.disaster) {
            Failure failure;
            failure.kind = *now.disaster;
            failure.law = plan.head.law;
            failure.plan = plans[i];
            failure.trace = now.trace;
            failure.message = now.message;
            failures.push_back(std::move(failure));
        }
    }
    for (unsigned v = 1; plan.head.law == Law::f8 && v < seen.size(); ++v) {
        compare(plan, seen, v, failures, count);
    }
    return failures;
}

/// The failure that is told is the one with the fewest calls; a disaster before anything else,
/// because what comes after it is not known.
void Judge::note(Failure failure) {
    std::optional<Failure>& known = failures_[static_cast<std::size_t>(failure.law)];
    const auto rank = [](const Failure& f) {
        return std::pair(f.kind == Verdict::Kind::broken ? 0 : 1, f.trace.size());
    };
    if (!known || rank(failure) < rank(*known)) {
        known = std::move(failure);
    }
}

void Judge::judge_plans_of(Law law) {
    std::vector<OwnedPlan> made;
    for (std::uint32_t seed = 1; seed <= seeds_; ++seed) {
        maker_.for_each(law, seed, maps_, [&](const frames::Plan& plan) {
            // What takes megabytes is the same for every seed.
            if (seed == 1 || plan.spans[0].count <= frames::small_map_frames) {
                made.push_back({plan, {plan.steps.begin(), plan.steps.end()}});
            }
        });
    }
    std::vector<OwnedPlan> plans;
    for (const OwnedPlan& plan : made) {
        for (OwnedPlan& run : runs_of(plan)) {
            plans.push_back(std::move(run));
        }
    }
    const std::vector<Run> runs = subject_.play(plans, enough_deaths);
    Steps& steps = steps_[static_cast<std::size_t>(law)];
    for (const Run& run : runs) {
        steps.all += run.steps;
        steps.of_a_play = std::max<std::uint64_t>(steps.of_a_play, run.steps);
    }
    const std::size_t each = plans.size() / made.size();
    for (std::size_t i = 0; i < made.size(); ++i) {
        for (Failure& failure : failures_of(made[i], std::span(plans).subspan(i * each, each),
                                            std::span(runs).subspan(i * each, each), true)) {
            note(std::move(failure));
        }
    }
}

/// Which of the candidates still fail in the same way.
std::vector<std::optional<Failure>> Judge::try_all(const std::vector<OwnedPlan>& candidates,
                                                   const Failure& like) {
    std::vector<OwnedPlan> plans;
    for (const OwnedPlan& candidate : candidates) {
        for (OwnedPlan& run : runs_of(candidate)) {
            plans.push_back(std::move(run));
        }
    }
    // One that is not survived is what is looked for, where that is the failure.
    const std::vector<Run> runs =
        subject_.play(plans, like.kind == Verdict::Kind::broken ? enough_deaths : 1);
    for (const Run& run : runs) {
        shrinking_ += run.steps;
    }
    const std::size_t each = plans.size() / candidates.size();
    std::vector<std::optional<Failure>> results(candidates.size());
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        for (Failure& failure : failures_of(candidates[i], std::span(plans).subspan(i * each, each),
                                            std::span(runs).subspan(i * each, each), false)) {
            if (failure.kind == like.kind && failure.law == like.law &&
                failure.finding == like.finding) {
                results[i] = std::move(failure);
                break;
            }
        }
    }
    return results;
}

/// The steps in pieces, counted from the end.
class Judge::Pieces {
public:
    using Set = std::vector<std::size_t>;

    Pieces(const OwnedPlan& whole, std::size_t length) : whole_(whole), length_(length) {}
    [[nodiscard]] std::size_t count() const {
        return (whole_.steps.size() + length_ - 1) / length_;
    }
    /// An allocator's first call stays as long as any other does.
    [[nodiscard]] OwnedPlan without(const Set& pieces) const {
        std::vector<bool> goes(count());
        for (const std::size_t piece : pieces) {
            goes[piece] = true;
        }
        OwnedPlan plan{whole_.head, {}};
        std::array<bool, frames::max_instances> attached{};
        for (std::size_t i = 0; i < whole_.steps.size(); ++i) {
            const Step& step = whole_.steps[i];
            const bool first = step.op == Op::attach && !attached[step.instance];
            attached[step.instance] = attached[step.instance] || first;
            if (first || !goes[(whole_.steps.size() - 1 - i) / length_]) {
                plan.steps.push_back(step);
            }
        }
        return plan;
    }

private:
    const OwnedPlan& whole_;
    std::size_t length_;
};

/// The sets without whose pieces it still fails, each tried by itself and all in one start of the
/// subject; `better` becomes the shortest of these failures. What `work` does not suffice for is
/// not tried.
std::vector<Judge::Pieces::Set> Judge::those_that_can_go(const Pieces& pieces,
                                                         std::span<const Pieces::Set> sets,
                                                         const Failure& best, std::size_t& work,
                                                         std::optional<Failure>& better) {
    std::vector<Pieces::Set> tried;
    std::vector<OwnedPlan> candidates;
    for (const Pieces::Set& set : sets) {
        OwnedPlan candidate = pieces.without(set);
        const std::size_t its_work = work_of(candidate);
        if (candidate.steps.size() < best.trace.size() && its_work <= work) {
            work -= its_work;
            candidates.push_back(std::move(candidate));
            tried.push_back(set);
        }
    }
    std::vector<Pieces::Set> can_go;
    if (candidates.empty()) {
        return can_go;
    }
    std::vector<std::optional<Failure>> results = try_all(candidates, best);
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (!results[i] || results[i]->trace.size() >= best.trace.size()) {
            continue;
        }
        can_go.push_back(tried[i]);
        if (!better || results[i]->trace.size() < better->trace.size()) {
            better = std::move(results[i]);
        }
    }
    return can_go;
}

/// After Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002): leaves
/// out halves, then quarters, down to single calls. Two starts of the subject for each length: one
/// asks of every piece whether it can go, the other how many of those can go together.
Failure Judge::shrink(Failure failure) {
    // The calls as they were, by themselves.
    const auto plan_of = [](const Failure& from) {
        OwnedPlan plan = from.plan;
        plan.head.interleaved = false;
        plan.steps.clear();
        for (const auto& [call, answer] : from.trace) {
            plan.steps.push_back(step_of(call));
        }
        return plan;
    };
    const unsigned first_start = subject_.starts();
    std::size_t work = max_work;
    shrinking_ = 0;
    auto flat = try_all({plan_of(failure)}, failure);
    if (!flat[0]) {
        return failure;
    }
    Failure best = std::move(*flat[0]);
    std::size_t length = std::max<std::size_t>(best.trace.size() / 2, 1);
    for (bool go_on = true;
         go_on && subject_.starts() - first_start < max_starts && shrinking_ < start_steps;) {
        const OwnedPlan whole = plan_of(best);
        const Pieces pieces(whole, length);
        std::optional<Failure> better;
        std::vector<Pieces::Set> sets;
        // From the end: what comes late depends on what comes early.
        for (std::size_t piece = 0; piece < pieces.count(); ++piece) {
            sets.push_back({piece});
        }
        Pieces::Set alone;
        for (const Pieces::Set& set : those_that_can_go(pieces, sets, best, work, better)) {
            alone.push_back(set[0]);
        }
        sets.clear();
        for (std::size_t n = alone.size(); n > 1; n /= 2) {
            sets.emplace_back(alone.begin(), alone.begin() + static_cast<std::ptrdiff_t>(n));
            sets.emplace_back(alone.end() - static_cast<std::ptrdiff_t>(n), alone.end());
        }
        those_that_can_go(pieces, sets, best, work, better);
        go_on = length > 1 || better;
        if (better) {
            best = std::move(*better);
        }
        length = std::min((length + 1) / 2, std::max<std::size_t>(best.trace.size() / 2, 1));
    }
    return best;
}

Verdict Judge::verdict_of(Law law) {
    Verdict verdict;
    verdict.checks = checks_[static_cast<std::size_t>(law)];
    verdict.steps = steps_[static_cast<std::size_t>(law)].all;
    verdict.steps_of_a_play = steps_[static_cast<std::size_t>(law)].of_a_play;
    std::optional<Failure>& found = failures_[static_cast<std::size_t>(law)];
    if (!found) {
        verdict.kind = verdict.checks != 0 ? Verdict::Kind::kept : Verdict::Kind::not_judged;
        if (verdict.checks == 0) {
            verdict.message = "nothing happened that this law could be judged by";
        }
        return verdict;
    }
    const bool broken = found->kind == Verdict::Kind::broken;
    Failure failure = broken ? shrink(std::move(*found)) : std::move(*found);
    verdict.kind = failure.kind;
    verdict.message = failure.message;
    if (failure.kind == Verdict::Kind::crashed) {
        // Once more, slowly, for a report with source lines.
        const OwnedPlan plan = failure.plan;
        const Run run = subject_.play_carefully(plan, true);
        const Examination seen = examine(plan, run);
        if (seen.disaster) {
            verdict.message = seen.message;
        }
    }
    std::array<bool, frames::max_instances> used{};
    for (const auto& [call, answer] : failure.trace) {
        used[call.instance] = true;
    }
    for (std::size_t i = 0; i < failure.trace.size(); ++i) {
        const auto& [call, answer] = failure.trace[i];
        const bool last = i + 1 == failure.trace.size();
        const bool unanswered = last && failure.kind != Verdict::Kind::broken;
        verdict.calls.push_back(text_of(call, unanswered ? nullptr : &answer, used[0] && used[1]));
    }
    return verdict;
}

/// A disaster is seldom of one law alone: all that end in one are told the shortest way to it.
void Judge::share_disasters() {
    for (const Verdict::Kind kind : {Verdict::Kind::crashed, Verdict::Kind::endless}) {
        const Failure* shortest = nullptr;
        for (const std::optional<Failure>& failure : failures_) {
            if (failure && failure->kind == kind &&
                (shortest == nullptr || failure->trace.size() < shortest->trace.size())) {
                shortest = &*failure;
            }
        }
        if (shortest == nullptr) {
            continue;
        }
        const Failure best = shrink(*shortest);
        for (std::optional<Failure>& failure : failures_) {
            if (failure && failure->kind == kind) {
                failure = best;
            }
        }
    }
}

std::array<Verdict, law_count> Judge::judge(std::optional<Law> only) {
    std::array<Verdict, law_count> verdicts;
    for (std::size_t law = 0; law < law_count; ++law) {
        if (!only || *only == static_cast<Law>(law)) {
            judge_plans_of(static_cast<Law>(law));
        }
    }
    share_disasters();
    for (std::size_t law = 0; law < law_count; ++law) {
        if (!only || *only == static_cast<Law>(law)) {
            verdicts[law] = verdict_of(static_cast<Law>(law));
        }
    }
    return verdicts;
}

}  // namespace kidney::judge

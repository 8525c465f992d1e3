/// Runs a subject on a list of plans, as often as it takes, and reads what it answered.
#pragma once

#include "tests/laws/frames/calls.hpp"

#include <string>
#include <vector>

namespace kidney::judge {

/// A plan that owns its steps.
struct OwnedPlan {
    laws::frames::Plan head;
    std::vector<laws::frames::Step> steps;

    [[nodiscard]] laws::frames::Plan plan() const noexcept {
        laws::frames::Plan p = head;
        p.steps = steps;
        return p;
    }
};

/// What came back for one plan.
struct Run {
    enum class End : std::uint8_t { complete, endless, worn_out, died, not_run };
    End end = End::not_run;
    std::vector<laws::frames::Answer> answers;
    std::uint32_t steps = 0;  ///< that the policy has made; 0 if it died
    std::string complaint;    ///< of an invariant failure
    std::string death;        ///< signal or status, and what a sanitizer said
};

class SubjectProcess {
public:
    /// The command's first word is a path; `via` is put before it.
    SubjectProcess(std::vector<std::string> command, std::vector<std::string> via);

    /// Starts it once, with nothing to do. False if it does not say who it is.
    [[nodiscard]] bool introduce();
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] FrameOrder largest_order() const noexcept { return largest_; }
    [[nodiscard]] const std::string& last_words() const noexcept { return death_; }

    /// Plays the plans in order. After `deaths` plans that it did not survive the rest is not run,
    /// nor is it once all its steps are made.
    [[nodiscard]] std::vector<Run> play(const std::vector<OwnedPlan>& plans, unsigned deaths);
    /// One plan, answered call by call, with a report that names source lines.
    [[nodiscard]] Run play_carefully(const OwnedPlan& plan, bool with_lines);

    [[nodiscard]] unsigned starts() const noexcept { return starts_; }

private:
    struct Output {
        std::string text;
        std::string errors;
        std::string end;  ///< empty: exit status 0
        bool too_late = false;
    };
    [[nodiscard]] Output start(const std::string& input, bool with_lines);
    /// Reads complete plans from `text` into `runs`, and a part of another; returns how many.
    std::size_t read(const std::string& text, std::vector<Run>& runs, std::size_t first);

    std::vector<std::string> command_;
    std::string name_;
    std::string death_;
    FrameOrder largest_ = mm::max_order;
    unsigned starts_ = 0;
};

}  // namespace kidney::judge

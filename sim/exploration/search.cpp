/// In which order schedules are tried. All searches are without memory: they keep choices, not
/// states, and execute again what leads to the next one.
///
/// Bounding: Musuvathi and Qadeer, "Iterative Context Bounding for Systematic Testing of
/// Multithreaded Programs" (2007): most mistakes need two or three preemptions, and of n threads
/// with k steps each there are at most C(nk, c) (n + c)! schedules with c of them.
/// Reduction: sleep sets; Godefroid, "Partial-Order Methods for the Verification of Concurrent
/// Systems" (1996). If two steps do not meet, whichever comes first, one of both orders is enough.
/// A bound could cut off just the order that is kept, so there is none.
/// By chance: Burckhardt, Kothari, Musuvathi and Nagarakatte, "A Randomized Scheduler with
/// Probabilistic Guarantees of Finding Bugs" (2010): one run finds a mistake that takes d steps in
/// the wrong order with a probability of at least 1/(n k^(d-1)).
#include "sim/exploration/engine.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

namespace kidney::sim::explored {
namespace {

/// What a search is, beside somebody who chooses.
class Searcher : public Chooser {
public:
    /// After a run: false if there is nothing left to try.
    virtual bool next(const Engine& engine) = 0;
    /// Whether the last run was another one over again.
    [[nodiscard]] virtual bool was_redundant() const { return false; }
};

class DepthFirst final : public Searcher {
public:
    explicit DepthFirst(std::size_t bound) : bound_(bound) {}

    void begin() override {
        at_ = 0;
        preemptions_ = 0;
    }
    std::size_t choose(const Candidates& candidates) override {
        if (candidates.count == 1) {
            return 0;
        }
        if (at_ == nodes_.size()) {
            nodes_.push_back({candidates.count, 0, candidates.running_is_first, preemptions_});
        }
        const Node& node = nodes_[at_++];
        preemptions_ += node.is_preemption_if_other && node.chosen != 0 ? 1 : 0;
        return node.chosen;
    }
    /// The last decision that has an untried candidate takes it.
    bool next(const Engine&) override {
        while (!nodes_.empty()) {
            Node& last = nodes_.back();
            const bool affordable =
                !last.is_preemption_if_other || last.preemptions_before < bound_;
            if (affordable && last.chosen + 1 < last.count) {
                ++last.chosen;
                return true;
            }
            nodes_.pop_back();
        }
        return false;
    }

private:
    struct Node {
        std::size_t count;
        std::size_t chosen;
        bool is_preemption_if_other;
        std::size_t preemptions_before;
    };
    std::size_t bound_;
    std::vector<Node> nodes_;
    std::size_t at_ = 0;
    std::size_t preemptions_ = 0;
};

/// A thread is *asleep* at a node if its step was tried before at this place, and nothing has
/// happened since that meets it: to take it now would be the same schedule over again.
class Reduced final : public Searcher {
public:
    void begin() override {
        at_ = 0;
        asleep_.clear();
        redundant_ = false;
    }
    std::size_t choose(const Candidates& candidates) override {
        if (redundant_) {
            return 0;  // to the end, so that nothing is left on the stacks
        }
        if (at_ == nodes_.size()) {
            const std::size_t first = awake(candidates, 0, asleep_);
            if (first == none) {
                redundant_ = true;
                return 0;
            }
            nodes_.push_back({candidates, first, {}, asleep_});
        }
        const Node& node = nodes_[at_++];
        asleep_ = node.asleep;  // those that were tried here since included
        return node.chosen;
    }
    void did(const Step& step) override {
        if (redundant_) {
            return;
        }
        nodes_[at_ - 1].step = step;
        std::erase_if(asleep_, [&step](const Step& other) {
            return other.thread == step.thread || other.meets(step);
        });
    }
    bool next(const Engine&) override {
        while (!nodes_.empty()) {
            Node& last = nodes_.back();
            last.asleep.push_back(last.step);
            const std::size_t other = awake(last.candidates, last.chosen + 1, last.asleep);
            if (other != none) {
                last.chosen = other;
                return true;
            }
            nodes_.pop_back();
        }
        return false;
    }
    [[nodiscard]] bool was_redundant() const override { return redundant_; }

private:
    struct Node {
        Candidates candidates;
        std::size_t chosen;
        Step step;  ///< what the chosen one did
        std::vector<Step> asleep;
    };
    [[nodiscard]] static std::size_t awake(const Candidates& candidates, std::size_t from,
                                           const std::vector<Step>& asleep) {
        for (std::size_t i = from; i < candidates.count; ++i) {
            const bool sleeps =
                std::ranges::any_of(asleep, [thread = candidates.thread[i]](const Step& step) {
                    return step.thread == thread;
                });
            if (!sleeps) {
                return i;
            }
        }
        return none;
    }

    std::vector<Node> nodes_;
    std::size_t at_ = 0;
    std::vector<Step> asleep_;
    bool redundant_ = false;
};

/// Seeded: xorshift64*.
class Chance {
public:
    explicit Chance(std::uint64_t seed) : state_(seed * 2 + 1) {}
    /// Less than `end`, which is not 0.
    std::size_t below(std::size_t end) {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return static_cast<std::size_t>((state_ * 0x2545'F491'4F6C'DD1DULL >> 32) * end >> 32);
    }

private:
    std::uint64_t state_;
};

class RandomWalk final : public Searcher {
public:
    explicit RandomWalk(std::uint64_t seed) : chance_(seed) {}
    std::size_t choose(const Candidates& candidates) override {
        return chance_.below(candidates.count);
    }
    bool next(const Engine&) override { return true; }

private:
    Chance chance_;
};

/// The thread with the highest priority runs. At depth - 1 steps by chance, whoever runs gets a
/// priority below all others.
class Pct final : public Searcher {
public:
    Pct(std::size_t threads, std::size_t depth, std::uint64_t seed)
        : chance_(seed), depth_(std::max<std::size_t>(depth, 1)), priorities_(threads) {}

    void begin() override {
        for (std::size_t i = 0; i < priorities_.size(); ++i) {
            priorities_[i] = depth_ + i;
        }
        for (std::size_t i = priorities_.size(); i > 1; --i) {
            std::swap(priorities_[i - 1], priorities_[chance_.below(i)]);
        }
        changes_.clear();
        for (std::size_t i = 1; i < depth_; ++i) {
            changes_.push_back(chance_.below(longest_));
        }
        step_ = 0;
    }
    std::size_t choose(const Candidates& candidates) override {
        for (std::size_t i = 0; i < changes_.size(); ++i) {
            if (changes_[i] == step_ && candidates.running_is_first) {
                priorities_[candidates.thread[0]] = i;
            }
        }
        ++step_;
        std::size_t best = 0;
        for (std::size_t i = 1; i < candidates.count; ++i) {
            if (priorities_[candidates.thread[i]] > priorities_[candidates.thread[best]]) {
                best = i;
            }
        }
        return best;
    }
    bool next(const Engine& engine) override {
        longest_ = std::max(longest_, engine.steps());
        return true;
    }

private:
    Chance chance_;
    std::size_t depth_;
    std::vector<std::size_t> priorities_;
    std::vector<std::size_t> changes_;
    std::size_t step_ = 0;
    std::size_t longest_ = 16;
};

std::unique_ptr<Searcher> searcher(const Program& program, const ExploreOptions& options) {
    switch (options.search) {
        case Search::depth_first:
            return std::make_unique<DepthFirst>(options.preemptions);
        case Search::reduced:
            return std::make_unique<Reduced>();
        case Search::pct:
            return std::make_unique<Pct>(program.threads, options.depth, options.seed);
        case Search::random:
            break;
    }
    return std::make_unique<RandomWalk>(options.seed);
}

/// Of `runs` runs by PCT.
double missed_at_most(std::size_t threads, const Exploration& e, std::size_t depth) {
    const double found =
        1 / (static_cast<double>(threads) *
             std::pow(static_cast<double>(e.steps), static_cast<double>(depth) - 1));
    return std::pow(1 - std::min(found, 1.0), static_cast<double>(e.schedules));
}

/// What happens, and how many preemptions that takes.
struct Outcome {
    std::string failure;
    std::string schedule;
    std::size_t preemptions = 0;
};
Outcome outcome_of(const Program& program, std::string_view schedule) {
    Engine engine(program);
    Follow follow(schedule);
    engine.run(follow);
    return {engine.failure(), engine.schedule(), engine.preemptions()};
}

}  // namespace

Exploration explore(const Program& program, const ExploreOptions& options) {
    Exploration result;
    Engine engine(program);
    const std::unique_ptr<Searcher> search = searcher(program, options);
    while (result.schedules < options.max_schedules) {
        engine.run(*search);
        ++result.schedules;
        result.redundant += search->was_redundant() ? 1 : 0;
        result.steps = std::max(result.steps, engine.steps());
        if (!engine.failure().empty()) {
            result.failure = engine.failure();
            result.schedule = engine.schedule();
            return result;
        }
        if (!search->next(engine)) {
            result.complete = true;
            break;
        }
    }
    if (options.search == Search::pct) {
        result.missed_at_most = missed_at_most(program.threads, result, options.depth);
    }
    return result;
}

Exploration replay(const Program& program, std::string_view schedule) {
    Outcome outcome = outcome_of(program, schedule);
    return {.schedules = 1,
            .complete = true,
            .failure = std::move(outcome.failure),
            .schedule = std::move(outcome.schedule)};
}

namespace {

/// The schedule with the block of decisions at `i` put off until after the next one of the same
/// thread as the one before it: A B A' becomes A A' B. Empty: there is no such block.
std::string with_block_put_off(const std::string& schedule, std::size_t i) {
    const char first = schedule[i];
    const std::size_t other = schedule.find_first_not_of(first, i);
    const std::size_t again = schedule.find(first, other);
    if (other == std::string::npos || again == std::string::npos ||
        schedule.find_first_not_of(schedule[other], other) != again) {
        return "";
    }
    const std::size_t end = std::min(schedule.find_first_not_of(first, again), schedule.size());
    return schedule.substr(0, other) + schedule.substr(again, end - again) +
           schedule.substr(other, again - other) + schedule.substr(end);
}

}  // namespace

std::string minimise(const Program& program, std::string_view schedule) {
    Outcome best = outcome_of(program, schedule);
    for (std::size_t i = 0; i < best.schedule.size();) {
        const std::string attempt = with_block_put_off(best.schedule, i);
        Outcome other = attempt.empty() ? Outcome() : outcome_of(program, attempt);
        if (other.failure == best.failure && other.preemptions < best.preemptions) {
            best = std::move(other);
            i = 0;
        } else {
            i = std::min(best.schedule.find_first_not_of(best.schedule[i], i),
                         best.schedule.size());
        }
    }
    // Few preemptions are few schedules: perhaps all of them can be tried.
    constexpr std::size_t patience = 20'000;
    for (std::size_t bound = 0; bound < best.preemptions; ++bound) {
        const Exploration simpler =
            explore(program, {.preemptions = bound, .max_schedules = patience});
        if (simpler.failure == best.failure) {
            best = outcome_of(program, simpler.schedule);
            break;
        }
        if (!simpler.complete) {
            break;
        }
    }
    // What would be chosen anyway need not be said.
    std::string shortest = best.schedule;
    while (!shortest.empty() &&
           outcome_of(program, shortest.substr(0, shortest.size() - 1)).schedule == best.schedule) {
        shortest.pop_back();
    }
    return shortest;
}

}  // namespace kidney::sim::explored

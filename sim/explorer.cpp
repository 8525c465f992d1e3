#include "sim/explorer.hpp"

#include "kidney/core/assert.hpp"
#include "sim/fiber.hpp"

#include <array>
#include <memory>
#include <vector>

namespace kidney::sim {
namespace explored {
namespace {

constexpr std::size_t stack_bytes = 128 * 1024;

enum class State : std::uint8_t { parked, ready, spinning, blocked, blocked_may_give_up, ended };

/// A point where more than one thread could go on.
struct Decision {
    std::vector<std::size_t> candidates;  ///< the running thread first, if it can go on
    std::size_t chosen = 0;               ///< index
    bool is_preemption_if_other = false;  ///< candidates[0] is the running thread
    std::size_t preemptions_before = 0;
};

struct Worker {
    Fiber fiber;
    Fiber* active = &fiber;  ///< stands for the context that runs on this CPU
    std::unique_ptr<std::byte[]> stack;
    State state = State::parked;
    HeldRanks held_ranks;
    bool interrupts_enabled = true;
    bool interrupt_pending = false;
    bool has_missed_write = false;  ///< somebody wrote since it last looked around and gave way
};

class Explorer {
public:
    explicit Explorer(const Program& program) : program_(program) {
        KIDNEY_INVARIANT(program.threads >= 1 && program.threads <= max_threads, "threads");
        for (std::size_t i = 0; i < program.threads; ++i) {
            workers_.push_back(std::make_unique<Worker>());
            workers_[i]->stack = std::make_unique<std::byte[]>(stack_bytes);
            arguments_[i] = {this, i};
            prepare_fiber(
                workers_[i]->fiber, {workers_[i]->stack.get(), stack_bytes},
                [](void* argument) noexcept {
                    auto* const self = static_cast<Argument*>(argument);
                    self->explorer->work(self->thread);
                },
                &arguments_[i]);
        }
    }

    /// One run: follows `plan` (thread numbers), then takes the first candidate at each decision.
    void run(const std::vector<std::size_t>& plan, Explorer*& active) {
        plan_ = &plan;
        decisions_.clear();
        failure_.clear();
        preemptions_ = 0;
        program_.reset();
        for (auto& worker : workers_) {
            worker->state = State::ready;
            worker->held_ranks = {};
            worker->interrupts_enabled = true;
            worker->interrupt_pending = false;
            worker->has_missed_write = false;
        }
        active = this;
        adopt_host_stack(host_);
        inside_ = true;
        running_ = none;
        if (const std::size_t first = choose(); first != none) {
            running_ = first;
            transfer(host_, *workers_[first]->active);
        }
        inside_ = false;
        if (failure_.empty()) {
            program_.check();
        }
        active = nullptr;
    }

    /// Called on a worker: lets the chosen thread go on.
    void reschedule() {
        const std::size_t self = running_;
        const std::size_t next = choose();
        if (next == self) {
            return;
        }
        Fiber& target = next == none ? host_ : *workers_[next]->active;
        running_ = next;
        transfer(*workers_[self]->active, target);
        running_ = self;
    }

    void switch_context(Fiber& from, Fiber& to) {
        Worker& self = *workers_[running_];
        rename_fiber(*self.active, from);
        self.active = &to;
        transfer(from, to);
    }
    void on_reschedule() { program_.on_reschedule(); }

    /// Only a write can end a spin loop, so spinners look again after one. (After any step, two of
    /// them could keep each other busy for ever.)
    void wrote() {
        for (std::size_t i = 0; i < workers_.size(); ++i) {
            Worker& worker = *workers_[i];
            worker.has_missed_write |= i != running_;
            if (worker.state == State::spinning) {
                worker.state = State::ready;
            }
        }
    }
    /// A loop may look at several things; a write that came after its first look is a reason to
    /// look at them all again.
    void spin() {
        Worker& self = *workers_[running_];
        if (!std::exchange(self.has_missed_write, false)) {
            self.state = State::spinning;
            reschedule();
            self.has_missed_write = false;
        }
    }

    void fail(std::string_view what) {
        if (failure_.empty()) {
            failure_ = what;
        }
        if (inside_) {  // the run ends here; its stacks are never resumed
            broken_ = true;
            transfer(*workers_[running_]->active, host_);
        }
    }

    [[nodiscard]] Worker& worker(std::size_t i) { return *workers_[i]; }
    [[nodiscard]] std::size_t running() const { return running_; }
    [[nodiscard]] bool inside() const { return inside_; }
    [[nodiscard]] bool broken() const { return broken_; }
    [[nodiscard]] const std::string& failure() const { return failure_; }
    [[nodiscard]] const std::vector<Decision>& decisions() const { return decisions_; }

    static constexpr std::size_t none = ~std::size_t{0};

private:
    struct Argument {
        Explorer* explorer;
        std::size_t thread;
    };

    /// Body of a worker, run after run: a fiber is made once, a run is only a few transfers.
    [[noreturn]] void work(std::size_t thread) {
        for (;;) {
            program_.run(thread);
            Worker& self = *workers_[thread];
            rename_fiber(*self.active, self.fiber);  // back from the contexts of the scenario
            self.active = &self.fiber;
            self.state = State::ended;
            reschedule();
        }
    }

    /// Who goes on; `none` when all have ended, or nobody can (which is a failure).
    std::size_t choose() {
        std::vector<std::size_t> candidates;
        const bool stays = running_ != none && workers_[running_]->state == State::ready;
        if (stays) {
            candidates.push_back(running_);
        }
        bool all_ended = true;
        for (std::size_t i = 0; i < workers_.size(); ++i) {
            const State state = workers_[i]->state;
            all_ended = all_ended && state == State::ended;
            if (!(stays && i == running_) &&
                (state == State::ready || state == State::blocked_may_give_up)) {
                candidates.push_back(i);
            }
        }
        if (candidates.empty()) {
            if (!all_ended && failure_.empty()) {
                failure_ = deadlock_text();
                broken_ = true;
            }
            return none;
        }
        if (candidates.size() == 1) {
            return candidates[0];
        }
        return decide(std::move(candidates), stays);
    }

    std::size_t decide(std::vector<std::size_t> candidates, bool stays) {
        Decision decision{std::move(candidates), 0, stays, preemptions_};
        if (decisions_.size() < plan_->size()) {
            const std::size_t planned = (*plan_)[decisions_.size()];
            for (std::size_t i = 0; i < decision.candidates.size(); ++i) {
                if (decision.candidates[i] == planned) {
                    decision.chosen = i;
                }
            }
        }
        preemptions_ += stays && decision.chosen != 0 ? 1 : 0;
        decisions_.push_back(decision);
        return decision.candidates[decision.chosen];
    }

    [[nodiscard]] std::string deadlock_text() const {
        std::string text = "nobody can go on:";
        for (std::size_t i = 0; i < workers_.size(); ++i) {
            const State state = workers_[i]->state;
            text += " thread " + std::to_string(i) +
                    (state == State::ended      ? " has ended"
                     : state == State::spinning ? " spins"
                                                : " sleeps");
        }
        return text;
    }

    const Program& program_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::array<Argument, max_threads> arguments_{};
    Fiber host_;
    const std::vector<std::size_t>* plan_ = nullptr;
    std::vector<Decision> decisions_;
    std::size_t preemptions_ = 0;
    std::size_t running_ = none;
    std::string failure_;
    bool inside_ = false;
    bool broken_ = false;  ///< fibers were abandoned in the middle; not to be used again
};

// One exploration at a time per host thread; the models below are static and find it here.
Explorer* active_explorer = nullptr;

std::string text_of(const std::vector<Decision>& decisions) {
    std::string text;
    for (const Decision& d : decisions) {
        text += static_cast<char>('0' + d.candidates[d.chosen]);
    }
    return text;
}

/// The next plan in depth-first order: the last decision that has an untried candidate takes it.
bool advance(const std::vector<Decision>& decisions, std::size_t bound,
             std::vector<std::size_t>& plan) {
    for (std::size_t last = decisions.size(); last-- > 0;) {
        const Decision& d = decisions[last];
        const bool affordable = !d.is_preemption_if_other || d.preemptions_before < bound;
        if (!affordable || d.chosen + 1 == d.candidates.size()) {
            continue;
        }
        plan.clear();
        for (std::size_t i = 0; i < last; ++i) {
            plan.push_back(decisions[i].candidates[decisions[i].chosen]);
        }
        plan.push_back(d.candidates[d.chosen + 1]);
        return true;
    }
    return false;
}

}  // namespace

Exploration explore(const Program& program, const ExploreOptions& options) {
    Exploration result;
    Explorer explorer(program);
    std::vector<std::size_t> plan;
    while (result.schedules < options.max_schedules) {
        explorer.run(plan, active_explorer);
        ++result.schedules;
        if (!explorer.failure().empty()) {
            result.failure = explorer.failure();
            result.schedule = text_of(explorer.decisions());
            return result;
        }
        if (!advance(explorer.decisions(), options.preemptions, plan)) {
            result.complete = true;
            return result;
        }
    }
    return result;
}

Exploration replay(const Program& program, std::string_view schedule) {
    Explorer explorer(program);
    std::vector<std::size_t> plan;
    for (const char c : schedule) {
        plan.push_back(static_cast<std::size_t>(c - '0'));
    }
    explorer.run(plan, active_explorer);
    return {.schedules = 1,
            .complete = true,
            .failure = explorer.failure(),
            .schedule = text_of(explorer.decisions())};
}

bool is_running() noexcept {
    return active_explorer != nullptr && active_explorer->inside();
}

std::size_t current() noexcept {
    return is_running() ? active_explorer->running() : 0;
}

void switch_point() noexcept {
    if (is_running()) {
        active_explorer->reschedule();
        take_interrupt();
    }
}

void wrote() noexcept {
    if (is_running()) {
        active_explorer->wrote();
    }
}

void spin() noexcept {
    KIDNEY_INVARIANT(is_running(), "spinning outside of a scenario");
    active_explorer->spin();
}

bool block(bool may_give_up) noexcept {
    Worker& self = active_explorer->worker(current());
    self.state = may_give_up ? State::blocked_may_give_up : State::blocked;
    active_explorer->reschedule();
    const bool unblocked = self.state == State::ready;
    self.state = State::ready;
    return unblocked;
}

void unblock(std::size_t thread) noexcept {
    active_explorer->worker(thread).state = State::ready;
    active_explorer->wrote();
}

bool is_blocked(std::size_t thread) noexcept {
    const State state = active_explorer->worker(thread).state;
    return state == State::blocked || state == State::blocked_may_give_up;
}

HeldRanks& held_ranks() noexcept {
    static HeldRanks outside;  // of who builds and checks a scenario
    return is_running() ? active_explorer->worker(current()).held_ranks : outside;
}

bool& interrupts_enabled() noexcept {
    static bool outside = false;
    return is_running() ? active_explorer->worker(current()).interrupts_enabled : outside;
}

void switch_context(Fiber& from, Fiber& to) noexcept {
    active_explorer->switch_context(from, to);
}

void send_interrupt(std::size_t thread) noexcept {
    active_explorer->worker(thread).interrupt_pending = true;
    if (is_blocked(thread)) {
        unblock(thread);
    }
}

void take_interrupt() noexcept {
    if (is_running()) {
        Worker& self = active_explorer->worker(current());
        if (self.interrupt_pending && self.interrupts_enabled) {
            self.interrupt_pending = false;
            self.interrupts_enabled = false;
            active_explorer->on_reschedule();
            // The handler may have switched away, and this context may be on another CPU by now.
            active_explorer->worker(current()).interrupts_enabled = true;
        }
    }
}

void wait_for_interrupt() noexcept {
    switch_point();  // the last moment at which one can come before the CPU halts
    Worker& self = active_explorer->worker(current());
    while (!self.interrupt_pending) {
        block(false);
    }
    self.interrupt_pending = false;
    active_explorer->on_reschedule();
}

}  // namespace explored

void require(bool held, std::string_view what) {
    if (!held) {
        explored::active_explorer->fail(what);
    }
}

}  // namespace kidney::sim

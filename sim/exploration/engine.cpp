#include "sim/exploration/engine.hpp"

#include "kidney/core/assert.hpp"

#include <utility>

namespace kidney::sim {
namespace explored {
namespace {

constexpr std::size_t stack_bytes = 128 * 1024;
constexpr std::size_t most_steps = 100'000;

// One run at a time per host thread; the models are static and find it here.
Engine* active_engine = nullptr;

}  // namespace

std::size_t Follow::choose(const Candidates& candidates) {
    if (candidates.count == 1) {
        return 0;
    }
    const char planned = at_ < schedule_.size() ? schedule_[at_] : '\0';
    ++at_;
    for (std::size_t i = 0; i < candidates.count; ++i) {
        if (static_cast<char>('0' + candidates.thread[i]) == planned) {
            return i;
        }
    }
    return 0;
}

Engine::Engine(const Program& program) : program_(program) {
    KIDNEY_INVARIANT(program.threads >= 1 && program.threads <= max_threads, "threads");
    for (std::size_t i = 0; i < program.threads; ++i) {
        workers_.push_back(std::make_unique<Worker>());
        workers_[i]->stack = std::make_unique<std::byte[]>(stack_bytes);
        arguments_[i] = {this, i};
        prepare_fiber(
            workers_[i]->fiber, {workers_[i]->stack.get(), stack_bytes},
            [](void* argument) noexcept {
                auto* const self = static_cast<Argument*>(argument);
                self->engine->work(self->thread);
            },
            &arguments_[i]);
    }
}

Engine::~Engine() = default;

Engine* Engine::active() noexcept {
    return active_engine;
}

void Engine::run(Chooser& chooser) {
    chooser_ = &chooser;
    chooser.begin();
    schedule_.clear();
    failure_.clear();
    steps_ = 0;
    preemptions_ = 0;
    step_ = {};
    program_.reset();
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        Worker& worker = *workers_[i];
        worker.state = State::ready;
        worker.next = {.thread = i};
        worker.held_ranks = {};
        worker.interrupts_enabled = true;
        worker.interrupt_pending = false;
        worker.has_missed_write = false;
    }
    active_engine = this;
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
    active_engine = nullptr;
}

/// Body of a worker, run after run: a fiber is made once, a run is only a few transfers.
void Engine::work(std::size_t thread) {
    for (;;) {
        program_.run(thread);
        Worker& self = *workers_[thread];
        rename_fiber(*self.active, self.fiber);  // back from the contexts of the scenario
        self.active = &self.fiber;
        self.state = State::ended;
        reschedule();
    }
}

namespace {

bool lies_in(const void* object, const std::byte* begin, std::size_t bytes) {
    const auto at = reinterpret_cast<std::uintptr_t>(object);
    const auto from = reinterpret_cast<std::uintptr_t>(begin);
    return at >= from && at - from < bytes;
}

}  // namespace

void Engine::about_to(const void* object, bool writes, bool is_opaque) {
    bool is_known = lies_in(object, program_.home.data(), program_.home.size());
    for (const auto& worker : workers_) {
        is_known = is_known || lies_in(object, worker->stack.get(), stack_bytes);
    }
    workers_[running_]->next = {running_, object, writes, is_opaque || !is_known};
}

/// Called on a worker: lets the chosen thread go on.
void Engine::reschedule() {
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

/// Who goes on; `none` when all have ended, or nobody can (which is a failure).
std::size_t Engine::choose() {
    if (step_.thread != none) {
        chooser_->did(step_);
    }
    Candidates candidates;
    const auto add = [&candidates](std::size_t i) { candidates.thread[candidates.count++] = i; };
    candidates.running_is_first = running_ != none && workers_[running_]->state == State::ready;
    if (candidates.running_is_first) {
        add(running_);
    }
    bool all_ended = true;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        const State state = workers_[i]->state;
        all_ended = all_ended && state == State::ended;
        const bool is_first = candidates.running_is_first && i == running_;
        if (!is_first && (state == State::ready || state == State::blocked_may_give_up)) {
            add(i);
        }
    }
    if (candidates.count == 0) {
        if (!all_ended && failure_.empty()) {
            failure_ = deadlock_text();
        }
        return none;
    }
    if (steps_ == most_steps) {
        failure_ = "no end after " + std::to_string(steps_) + " steps";
        return none;
    }
    const std::size_t chosen = chooser_->choose(candidates);
    const std::size_t thread = candidates.thread[chosen];
    if (candidates.count > 1) {
        schedule_ += static_cast<char>('0' + thread);
        preemptions_ += candidates.running_is_first && chosen != 0 ? 1 : 0;
    }
    ++steps_;
    step_ = std::exchange(workers_[thread]->next, Step{.thread = thread});
    return thread;
}

std::string Engine::deadlock_text() const {
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

void Engine::switch_context(Fiber& from, Fiber& to) {
    Worker& self = *workers_[running_];
    is_opaque();
    rename_fiber(*self.active, from);
    self.active = &to;
    transfer(from, to);
}

/// Only a write can end a spin loop, so spinners look again after one. (After any step, two of them
/// could keep each other busy for ever.)
void Engine::wrote() {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        Worker& worker = *workers_[i];
        worker.has_missed_write |= i != running_;
        if (worker.state == State::spinning) {
            worker.state = State::ready;
        }
    }
}

/// A loop may look at several things; a write that came after its first look is a reason to look at
/// them all again.
void Engine::spin() {
    Worker& self = *workers_[running_];
    is_opaque();
    if (!std::exchange(self.has_missed_write, false)) {
        self.state = State::spinning;
        about_to(nullptr, false, true);
        reschedule();
        self.has_missed_write = false;
    }
}

void Engine::fail(std::string_view what) {
    if (failure_.empty()) {
        failure_ = what;
    }
    if (inside_) {  // the run ends here; its stacks are never resumed
        transfer(*workers_[running_]->active, host_);
    }
}

// --- The models ---

bool is_running() noexcept {
    return active_engine != nullptr && active_engine->inside();
}

std::size_t current() noexcept {
    return is_running() ? active_engine->running() : 0;
}

namespace {

void switch_here(const void* object, bool writes, bool is_opaque) noexcept {
    if (is_running()) {
        active_engine->about_to(object, writes, is_opaque);
        active_engine->reschedule();
        take_interrupt();
    }
}

}  // namespace

void switch_point() noexcept {
    switch_here(nullptr, false, true);
}

void switch_point(const void* object, bool writes) noexcept {
    switch_here(object, writes, false);
}

void wrote() noexcept {
    if (is_running()) {
        active_engine->wrote();
    }
}

void spin() noexcept {
    KIDNEY_INVARIANT(is_running(), "spinning outside of a scenario");
    active_engine->spin();
}

bool block(bool may_give_up) noexcept {
    using State = Engine::State;
    Engine::Worker& self = active_engine->worker(current());
    active_engine->is_opaque();
    if (telling) {
        say("sleeps");
    }
    self.state = may_give_up ? State::blocked_may_give_up : State::blocked;
    active_engine->about_to(nullptr, false, true);
    active_engine->reschedule();
    const bool unblocked = self.state == State::ready;
    self.state = State::ready;
    if (telling) {
        say(unblocked ? "wakes up" : "gives up waiting");
    }
    return unblocked;
}

void unblock(std::size_t thread) noexcept {
    active_engine->is_opaque();
    if (telling) {
        say("wakes thread " + std::to_string(thread));
    }
    active_engine->worker(thread).state = Engine::State::ready;
    active_engine->wrote();
}

bool is_blocked(std::size_t thread) noexcept {
    using State = Engine::State;
    if (is_running()) {
        active_engine->is_opaque();
    }
    const State state = active_engine->worker(thread).state;
    return state == State::blocked || state == State::blocked_may_give_up;
}

HeldRanks& held_ranks() noexcept {
    static HeldRanks outside;  // of who builds and checks a scenario
    return is_running() ? active_engine->worker(current()).held_ranks : outside;
}

bool& interrupts_enabled() noexcept {
    static bool outside = false;
    return is_running() ? active_engine->worker(current()).interrupts_enabled : outside;
}

void switch_context(Fiber& from, Fiber& to) noexcept {
    active_engine->switch_context(from, to);
}

void send_interrupt(std::size_t thread) noexcept {
    active_engine->is_opaque();
    if (telling) {
        say("interrupts CPU " + std::to_string(thread));
    }
    active_engine->worker(thread).interrupt_pending = true;
    if (is_blocked(thread)) {
        unblock(thread);
    }
}

void take_interrupt() noexcept {
    if (is_running()) {
        Engine::Worker& self = active_engine->worker(current());
        if (self.interrupt_pending && self.interrupts_enabled) {
            self.interrupt_pending = false;
            self.interrupts_enabled = false;
            active_engine->is_opaque();
            active_engine->on_reschedule();
            // The handler may have switched away, and this context may be on another CPU by now.
            active_engine->worker(current()).interrupts_enabled = true;
        }
    }
}

void wait_for_interrupt() noexcept {
    switch_point();  // the last moment at which one can come before the CPU halts
    Engine::Worker& self = active_engine->worker(current());
    while (!self.interrupt_pending) {
        block(false);
    }
    self.interrupt_pending = false;
    active_engine->on_reschedule();
}

}  // namespace explored

void require(bool held, std::string_view what) {
    if (!held) {
        explored::Engine::active()->fail(what);
    }
}

}  // namespace kidney::sim

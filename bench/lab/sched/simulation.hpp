/// One run: a policy, a workload, a seed. Goes from event to event; tasks do their programs' steps.
///
/// At one instant things happen in this order: wake-ups, then computations that end, then ticks,
/// then the preemption points (`TieRule::preempted_first`: ticks come before wake-ups, but not for
/// whoever's computation ends). So a task that is done is never preempted in its last instant, and
/// whoever picks the next sees all that have woken.
#pragma once

#include "bench/lab/sched/simulated_cpus.hpp"
#include "bench/lab/sched/sleepers.hpp"
#include "bench/lab/sched/workload.hpp"
#include "proc/priorities.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace kidney::lab {

[[nodiscard]] constexpr std::uint32_t weight_of_nice(std::uint64_t nice_plus_20) noexcept {
    return proc::weight_of({}, static_cast<std::int32_t>(nice_plus_20) - 20);
}

template <sched::SchedulerPolicy P>
class Simulation : SimulatedCpus<P> {
public:
    Simulation(const Workload& workload, const Inputs& inputs, std::size_t most_slices)
        : SimulatedCpus<P>(inputs, most_slices),
          workload_(workload),
          semaphores_(workload.semaphores.size()),
          mutexes_(workload.mutexes.size()) {}

    RunResult run() {
        create_tasks();
        const bool to_completion = inputs_.until == Duration();
        const Instant end = to_completion ? Instant::never() : inputs_.clock + inputs_.until;
        for (;;) {
            const Instant next = next_event();
            if (next > end || next == Instant::never()) {
                advance(end == Instant::never() ? FlatMachine::now : end);
                break;
            }
            this->probe(next);
            if (!advance(next) || !result_.error.empty()) {
                break;
            }
            happen(next);
        }
        for (std::uint32_t i = 0; i < inputs_.cpus; ++i) {
            settle(cpus_[i]);
        }
        for (LabTask& task : tasks_) {
            const Step& first = task.kind.steps.front();
            if (task.is_runnable && task.next_step == 0 && first.op == Op::release) {
                begin_job(task, first);  // it never ran, and its jobs are late all the same
            }
            result_.waits_for_ever +=
                to_completion && task.state == sched::ThreadState::waiting ? 1 : 0;
        }
        observer_.finish(FlatMachine::now);
        return std::move(result_);
    }

private:
    using Op = Step::Op;
    using Cpus = SimulatedCpus<P>;
    using Cpus::cpus_;
    using Cpus::dispatcher_;
    using Cpus::for_each_cpu;
    using Cpus::inputs_;
    using Cpus::observer_;
    using Cpus::result_;
    using Cpus::settle;
    using typename Cpus::CpuBooks;

    struct LabSemaphore {
        std::uint64_t count = 0;
        std::deque<LabTask*> waiters;
    };
    struct LabMutex {
        LabTask* owner = nullptr;
        std::deque<LabTask*> waiters;
    };

    // --- Tasks ---

    void create_tasks() {
        for (std::size_t i = 0; i < semaphores_.size(); ++i) {
            semaphores_[i].count = workload_.semaphores[i].initial;
        }
        made_.resize(workload_.kinds.size());
        // All first: references to their results must last.
        for (const TaskKind& kind : workload_.kinds) {
            result_.kinds.push_back({.name = kind.name});
        }
        for (std::size_t k = 0; k < workload_.kinds.size(); ++k) {
            const TaskKind& kind = workload_.kinds[k];
            for (std::uint32_t i = 0; kind.start && i < kind.count; ++i) {
                LabTask& task = create(k);
                sleepers_.push(inputs_.clock + drawn(*kind.start, task), task);
            }
        }
    }
    LabTask& create(std::size_t kind_index) {
        const TaskKind& kind = workload_.kinds[kind_index];
        LabTask& task =
            tasks_.emplace_back(kind, result_.kinds[kind_index],
                                static_cast<std::uint32_t>(tasks_.size()), inputs_.seed);
        static_cast<sched::SchedulingParameters&>(task) = kind.parameters;
        task.id = task.index + 1;
        const std::uint32_t n = ++made_[kind_index];
        task.set_name(kind.count == 1 && kind.start ? kind.name
                                                    : kind.name + "." + std::to_string(n));
        if (!dispatcher_->admit(task, this->heap_)) {
            result_.error = "no memory for another task";
        }
        observer_.created(task);
        return task;
    }
    [[nodiscard]] static Duration drawn(const Distribution& d, LabTask& task) {
        return Duration::nanoseconds(static_cast<std::int64_t>(d.draw(task.lots)));
    }
    void wake(LabTask& task) {
        if constexpr (requires { P::knows_bursts; }) {
            task.reservation.runtime = task.next_burst();
        }
        observer_.woken(task, FlatMachine::now);
        if (task.state == sched::ThreadState::created) {
            dispatcher_->start(task, {}, nullptr, nullptr);
        } else {
            static_cast<void>(dispatcher_->wake(task));
        }
    }

    // --- Time ---

    [[nodiscard]] Instant next_event() const noexcept {
        Instant next = sleepers_.first();
        for (std::uint32_t i = 0; i < inputs_.cpus; ++i) {
            const FlatCpuState& hardware = FlatMachine::cpus[i];
            next = std::min({next, cpus_[i].done_at, hardware.timer_at, hardware.interrupt_at});
        }
        return std::max(next, FlatMachine::now);
    }
    /// False: time does not go on.
    bool advance(Instant now) {
        if (now != FlatMachine::now) {
            turns_ = 0;
        } else if (++turns_ > most_turns) {
            result_.error = "at " + std::to_string(observer_.since_start(now)) +
                            " ns nobody computes and nobody sleeps: time does not go on";
            return false;
        }
        observer_.advance(now, [&] {
            FlatMachine::now = now;
            for (std::uint32_t i = 0; i < inputs_.cpus; ++i) {
                settle(cpus_[i]);
            }
        });
        FlatMachine::now = now;
        return true;
    }
    void happen(Instant now) {
        if (inputs_.ties == TieRule::preempted_first) {
            for_each_cpu([&](CpuBooks& cpu) {
                if (cpu.done_at > now) {
                    this->tick(cpu);
                    this->preemption_point(cpu);
                }
            });
        }
        while (sleepers_.first() <= now) {
            LabTask& task = sleepers_.pop();
            FlatMachine::here = task.cpu.load();
            wake(task);
        }
        for_each_cpu([&](CpuBooks& cpu) {
            if (cpu.done_at <= now) {
                ++result_.events;
                run_program(cpu);
            }
        });
        if (inputs_.ties == TieRule::arrival_first) {
            for_each_cpu([&](CpuBooks& cpu) { this->tick(cpu); });
        } else {
            for_each_cpu([&](CpuBooks& cpu) {
                if (cpu.task == nullptr) {
                    this->tick(cpu);
                }
            });
        }
        for_each_cpu([&](CpuBooks& cpu) {
            this->take_interrupt(cpu);
            this->preemption_point(cpu);
            this->explain(cpu);
        });
    }
    // --- Programs ---

    /// Steps of the task on this CPU until one takes time.
    void run_program(CpuBooks& cpu) {
        settle(cpu);
        LabTask& task = *cpu.task;
        for (std::uint32_t steps = 0; cpu.task == &task; ++steps) {
            if (steps > most_turns) {
                result_.error = "task '" + std::string(task.name()) +
                                "' goes on for ever without " + "computing or sleeping";
                cpu.done_at = Instant::never();
                return;
            }
            const Step& step = task.kind.steps[task.next_step++];
            if (step.op == Op::compute) {
                task.remaining = drawn(step.time, task).count();
                if (task.remaining != 0) {
                    cpu.done_at = FlatMachine::now + Duration::nanoseconds(task.due());
                    return;
                }
            } else if (!take_step(task, step)) {
                return;
            }
        }
    }
    /// False: the task does not go on now.
    bool take_step(LabTask& task, const Step& step) {
        switch (step.op) {
            case Op::repeat:
                task.counters[step.argument] = step.number;
                return true;
            case Op::again:
                task.next_step = --task.counters[step.argument] != 0 ? step.target : task.next_step;
                return true;
            case Op::jump:
                task.next_step = step.target;
                return true;
            case Op::sleep:
                return sleep_until(task, FlatMachine::now + drawn(step.time, task));
            case Op::spin:
                return spin(task, step);
            case Op::release:
                return release(task, step);
            case Op::complete:
                observer_.completed(task, FlatMachine::now);
                return true;
            case Op::yield:
                return yield(task);
            case Op::exit:
                end(task);
                return false;
            case Op::spawn:
                for (std::uint64_t i = 0; i < step.number; ++i) {
                    wake(create(step.argument));
                }
                return true;
            default:
                return step.op < Op::yield ? use_object(task, step) : change(task, step);
        }
    }
    bool sleep_until(LabTask& task, Instant at) {
        if (at <= FlatMachine::now) {
            return true;
        }
        sleepers_.push(at, task);
        dispatcher_->block();
        return false;
    }
    /// False: there is more to do.
    bool spin(LabTask& task, const Step& step) {
        const Instant end =
            inputs_.clock + Duration::nanoseconds(static_cast<std::int64_t>(step.time.low));
        if (FlatMachine::now >= end) {
            return true;
        }
        --task.next_step;
        task.remaining =
            std::min((end - FlatMachine::now).count(), static_cast<std::int64_t>(step.number));
        cpus_[FlatMachine::here].done_at = FlatMachine::now + Duration::nanoseconds(task.due());
        return false;
    }
    bool release(LabTask& task, const Step& step) {
        begin_job(task, step);
        return sleep_until(task, task.release_at);
    }
    static void begin_job(LabTask& task, const Step& step) {
        task.period = Duration::nanoseconds(static_cast<std::int64_t>(step.time.low));
        task.release_at = task.is_periodic ? task.release_at + task.period : task.runnable_since;
        task.is_periodic = true;
        task.deadline =
            task.release_at + Duration::nanoseconds(static_cast<std::int64_t>(step.number));
    }
    bool yield(LabTask& task) {
        this->yields_ = true;
        dispatcher_->yield();
        this->yields_ = false;
        return cpus_[FlatMachine::here].task == &task;
    }
    void end(LabTask& task) {
        for (const LabMutex& mutex : mutexes_) {
            if (mutex.owner == &task) {
                result_.error = "task '" + std::string(task.name()) + "' ends with a mutex locked";
            }
        }
        dispatcher_->end_current();
    }
    bool use_object(LabTask& task, const Step& step) {
        switch (step.op) {
            case Op::wait:
                return take(task, semaphores_[step.argument]);
            case Op::signal:
                give(semaphores_[step.argument], step.number);
                return true;
            case Op::broadcast: {
                LabSemaphore& semaphore = semaphores_[step.argument];
                give(semaphore, semaphore.waiters.size());
                return true;
            }
            case Op::lock:
                return lock(task, mutexes_[step.argument]);
            default:
                unlock(task, mutexes_[step.argument]);
                return true;
        }
    }
    bool take(LabTask& task, LabSemaphore& semaphore) {
        if (semaphore.count != 0) {
            --semaphore.count;
            return true;
        }
        semaphore.waiters.push_back(&task);
        dispatcher_->block();
        return false;
    }
    void give(LabSemaphore& semaphore, std::uint64_t n) {
        for (; n != 0 && !semaphore.waiters.empty(); --n) {
            LabTask& first = *semaphore.waiters.front();
            semaphore.waiters.pop_front();
            wake(first);
        }
        semaphore.count += n;
    }
    /// As the kernel's: whoever unlocks hands over to whoever waited longest.
    bool lock(LabTask& task, LabMutex& mutex) {
        if (mutex.owner == nullptr) {
            mutex.owner = &task;
            return true;
        }
        mutex.waiters.push_back(&task);
        task.waits_for_mutex = true;
        task.blocked_since = FlatMachine::now;
        dispatcher_->block();
        return false;
    }
    void unlock(LabTask& task, LabMutex& mutex) {
        if (mutex.owner != &task) {
            result_.error =
                "task '" + std::string(task.name()) + "' unlocks what it has not locked";
            return;
        }
        mutex.owner = nullptr;
        if (!mutex.waiters.empty()) {
            LabTask& first = *mutex.waiters.front();
            mutex.waiters.pop_front();
            mutex.owner = &first;
            first.result.blocked +=
                static_cast<std::uint64_t>((FlatMachine::now - first.blocked_since).count());
            wake(first);
            first.waits_for_mutex = false;
        }
    }
    bool change(LabTask& task, const Step& step) {
        observer_.changes_weight(task, FlatMachine::now,
                                 step.op == Op::weight ? static_cast<std::uint32_t>(step.number)
                                 : step.op == Op::nice ? weight_of_nice(step.number)
                                                       : task.weight);
        dispatcher_->change(task, [&](sched::SchedulingParameters& p) noexcept {
            if (step.op == Op::priority) {
                p.priority = sched::Priority(static_cast<std::uint8_t>(step.number));
            } else if (step.op == Op::weight) {
                p.weight = static_cast<std::uint32_t>(step.number);
            } else {
                p.nice = static_cast<std::int8_t>(static_cast<int>(step.number) - 20);
                p.weight = weight_of_nice(step.number);
            }
        });
        return true;
    }

    static constexpr std::uint32_t most_turns = 1'000'000;

    const Workload& workload_;
    std::deque<LabTask> tasks_;
    Sleepers<LabTask> sleepers_;
    std::vector<LabSemaphore> semaphores_;
    std::vector<LabMutex> mutexes_;
    std::vector<std::uint32_t> made_;  ///< so many of each kind
    std::uint32_t turns_ = 0;
};

}  // namespace kidney::lab

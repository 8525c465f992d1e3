/// The CPUs of a run: the kernel's own dispatcher on `FlatCpu`, its ticks, interrupts and switches,
/// what they cost, and why each choice was made. simulation.hpp drives it.
#pragma once

#include "bench/lab/sched/flat_cpu.hpp"
#include "bench/lab/sched/lab_balancer.hpp"
#include "bench/lab/sched/lab_task.hpp"
#include "bench/lab/sched/observer.hpp"
#include "bench/lab/sched/workload.hpp"
#include "kidney/core/format.hpp"
#include "kidney/core/result.hpp"
#include "kidney/sched/explains.hpp"
#include "sched/dispatcher.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace kidney::lab {

/// Where policies have their tables.
class LabHeap {
public:
    static constexpr const char* name = "lab";
    [[nodiscard]] Result<void*> allocate(std::size_t bytes) noexcept {
        blocks_.push_back(std::make_unique<std::byte[]>(bytes));
        return blocks_.back().get();
    }
    /// Tables only grow, to twice the size: what is given back is kept to the end.
    void free(void*, std::size_t) noexcept {}
    [[nodiscard]] std::size_t used_bytes() const noexcept { return 0; }

private:
    std::vector<std::unique_ptr<std::byte[]>> blocks_;
};

template <sched::SchedulerPolicy P>
class SimulatedCpus {
public:
    SimulatedCpus(const SimulatedCpus&) = delete;
    SimulatedCpus& operator=(const SimulatedCpus&) = delete;

protected:
    using Op = Step::Op;
    struct CpuBooks {
        LabTask* task = nullptr;  ///< null: it idles
        Instant since;            ///< up to here its books are kept
        Instant done_at = Instant::never();
        bool has_switched = false;
    };

    struct Hooks {
        static void switching(LabTask& from, LabTask& to) noexcept { active->switched(from, to); }
        static void exited(LabTask& task) noexcept { active->dispatcher_->dismiss(task); }
    };
    struct Config {
        using Cpu = FlatCpu;
        using Clock = FlatClock;
        using Timer = FlatTimer;
        using Local = FlatLocal;
        using Policy = P;
        using Balancer = LabBalancer;
        using Thread = LabTask;
        using Hooks = SimulatedCpus::Hooks;
        static inline Duration tick;
        static inline sched::PolicySetup setup;
        static sched::PolicySetup policy_setup(CpuId cpu) noexcept {
            sched::PolicySetup s = setup;
            s.cpu = cpu;
            return s;
        }
        static constexpr LockRank timer_rank{56, "timers"};
        static constexpr LockRank inheritance_rank{74, "inheritance"};
        static constexpr LockRank roster_rank{78, "roster"};
        static constexpr LockRank run_queue_rank{80, "run queue"};
    };
    using Dispatcher = sched::Dispatcher<Config>;

    SimulatedCpus(const Inputs& inputs, std::size_t most_slices)
        : inputs_(inputs), observer_(result_, inputs, most_slices), explains_(most_slices != 0) {
        active = this;
        FlatMachine::reset(inputs.clock, inputs.interrupt_delay);
        Config::tick = inputs.tick;
        Config::setup = {.cpu = CpuId(0), .seed = inputs.seed, .quantum = inputs.quantum};
        LabBalancer::chosen = inputs.balancer;
        dispatcher_ = std::make_unique<Dispatcher>();
        for (std::uint32_t i = 0; i < inputs.cpus; ++i) {
            FlatMachine::here = i;
            idle_.emplace_back(idle_kind_, idle_result_, i, 0);
            dispatcher_->adopt_cpu(idle_.back());
            cpus_[i].since = inputs.clock;
        }
    }
    ~SimulatedCpus() = default;

    template <class F>
    void for_each_cpu(F&& f) {
        for (std::uint32_t i = 0; i < inputs_.cpus; ++i) {
            FlatMachine::here = i;
            f(cpus_[i]);
        }
    }

    /// Books what the CPU did since the last time.
    void settle(CpuBooks& cpu) noexcept {
        if (cpu.task != nullptr) {
            observer_.serve(*cpu.task, (FlatMachine::now - cpu.since).count());
        }
        cpu.since = FlatMachine::now;
    }
    /// The CPU has more to do before the task goes on.
    void delay(CpuBooks& cpu, Duration by, std::uint64_t& account) noexcept {
        if (cpu.task == nullptr || by == Duration()) {
            return;
        }
        settle(cpu);
        cpu.task->overhead += by.count();
        account += static_cast<std::uint64_t>(by.count());
        cpu.done_at = FlatMachine::now + Duration::nanoseconds(cpu.task->due());
    }

    void tick(CpuBooks& cpu) {
        FlatCpuState& hardware = FlatMachine::cpu();
        if (hardware.timer_at > FlatMachine::now) {
            return;
        }
        hardware.timer_at = Instant::never();
        ++result_.ticks;
        ++result_.events;
        dispatcher_->on_timer();
        delay(cpu, inputs_.tick_cost, result_.ticking);
        hardware.has_work = hardware.has_work || cpu.task == nullptr;
    }
    void take_interrupt(CpuBooks& cpu) {
        FlatCpuState& hardware = FlatMachine::cpu();
        if (hardware.interrupt_at > FlatMachine::now) {
            return;
        }
        hardware.interrupt_at = Instant::never();
        ++result_.interrupts;
        ++result_.events;
        dispatcher_->on_reschedule();
        delay(cpu, inputs_.interrupt_cost, result_.interrupted);
        hardware.has_work = hardware.has_work || cpu.task == nullptr;
    }
    void preemption_point(CpuBooks& cpu) {
        FlatCpuState& hardware = FlatMachine::cpu();
        if (!hardware.has_work) {
            return;
        }
        hardware.has_work = false;
        if (cpu.task == nullptr) {
            dispatcher_->run_others();
        } else {
            dispatcher_->on_preemption_point();
        }
    }

    /// The dispatcher switches on the CPU that executes.
    void switched(LabTask& from, LabTask& to) noexcept {
        const std::uint32_t here = FlatMachine::here;
        const Instant now = FlatMachine::now;
        CpuBooks& cpu = cpus_[here];
        ++result_.events;
        ++result_.switches;
        settle(cpu);
        if (cpu.task != nullptr) {
            observer_.stops(from, now, yields_);
            observer_.ends_slice(here, now,
                                 from.state == sched::ThreadState::ready    ? Slice::Left::preempted
                                 : from.state == sched::ThreadState::exited ? Slice::Left::exited
                                                                            : Slice::Left::asleep);
        } else {
            observer_.idles(false);
        }
        hash(from.id, to.id);
        if (&to == &idle_[here]) {
            cpu.task = nullptr;
            cpu.done_at = Instant::never();
            observer_.idles(true);
            return;
        }
        cpu.task = &to;
        cpu.has_switched = true;
        observer_.runs(to, now);
        observer_.begins_slice(here, to, now);
        to.overhead += inputs_.switch_cost.count();
        result_.switching += static_cast<std::uint64_t>(inputs_.switch_cost.count());
        if (to.last_cpu != here) {
            if (to.last_cpu != max_cpus) {
                ++to.result.migrations;
                to.overhead += inputs_.migration_cost.count();
                result_.refilling += static_cast<std::uint64_t>(inputs_.migration_cost.count());
            }
            to.last_cpu = here;
        }
        cpu.done_at = now + Duration::nanoseconds(to.due());
    }
    void hash(std::uint32_t from, std::uint32_t to) noexcept {
        for (const std::uint64_t part :
             {FlatMachine::now.nanoseconds(), std::uint64_t{from} << 32 | to}) {
            result_.trace_hash = (result_.trace_hash ^ part) * 0x0000'0100'0000'01B3U;
            result_.trace_hash ^= result_.trace_hash >> 29;
        }
    }

    /// Asks the policy, before anything happens at `now`.
    void probe(Instant now) {
        if (probed_ == inputs_.probes.size() || inputs_.probes[probed_] > now) {
            return;
        }
        FlatMachine::here = 0;
        if constexpr (requires(const P& p, LabTask& task) {
                          p.load_average();
                          P::recent_cpu(task);
                      }) {
            dispatcher_->with_policy(CpuId(0), [&](P& policy) noexcept {
                Probe probe{.at = inputs_.probes[probed_].nanoseconds(),
                            .load = policy.load_average().hundredths()};
                for (const LabTask* task : observer_.tasks()) {
                    probe.recent.push_back(P::recent_cpu(*task).hundredths());
                }
                result_.probes.push_back(std::move(probe));
            });
        }
        ++probed_;
    }

    // --- Why ---

    void explain(CpuBooks& cpu) {
        if (!explains_ || !cpu.has_switched) {
            return;
        }
        cpu.has_switched = false;
        Slice* const slice = observer_.open_slice(FlatMachine::here);
        if (slice == nullptr || cpu.task == nullptr) {
            return;
        }
        dispatcher_->with_policy(CpuId(FlatMachine::here), [&](P& policy) noexcept {
            slice->why = key_of(policy, *cpu.task);
            std::size_t others = 0;
            for (const LabTask* other : observer_.tasks()) {
                if (other->queued && other->cpu.load() == FlatMachine::here && ++others <= 4) {
                    slice->why += (others == 1 ? " | " : "; ") + std::string(other->name()) + ": " +
                                  key_of(policy, *other);
                }
            }
            if (others > 4) {
                slice->why += "; and " + std::to_string(others - 4) + " more";
            }
            if (others == 0) {
                slice->why += " | nobody else waits";
            }
        });
    }
    [[nodiscard]] std::string key_of(const P& policy, const LabTask& task) {
        TextBuffer<96> text;
        if constexpr (sched::Explains<P>) {
            policy.explain(text, task, FlatMachine::now);
        } else {
            format_to(text, "waited since {} us", observer_.since_start(task.waits_since) / 1000);
        }
        return std::string(text.view());
    }

    const Inputs& inputs_;
    RunResult result_;
    Observer observer_;
    LabHeap heap_;
    std::unique_ptr<Dispatcher> dispatcher_;
    std::array<CpuBooks, max_cpus> cpus_{};
    std::size_t probed_ = 0;
    bool yields_ = false;

private:
    static inline SimulatedCpus* active = nullptr;

    TaskKind idle_kind_;
    KindResult idle_result_;
    std::deque<LabTask> idle_;
    bool explains_;
};

}  // namespace kidney::lab

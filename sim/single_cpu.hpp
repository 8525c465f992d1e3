/// A one-CPU schedule of compute-only tasks, in whole ticks: text-book examples run on real
/// policies.
///
/// Much less than `sim::Machine`: no threads, no interrupts, no locks. For ground-truth tests and
/// first experiments with a policy.
#pragma once

#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kidney::sim {

/// One task; times in ticks.
struct Job {
    std::string name;
    std::uint32_t arrival = 0;
    std::uint32_t burst = 0;
    sched::Priority priority{};
    std::uint32_t weight = 1024;
    sched::Reservation reservation{};
    std::optional<std::uint32_t> slot{};  ///< breaks ties, the lower first; default: its index
};

/// Who goes to the queue first when a job arrives in the tick in which another one's slice ends.
/// Text books differ and seldom say it.
enum class TieRule : bool { arrival_first, preempted_first };

struct Slice {
    std::string name;
    std::uint32_t start = 0;
    std::uint32_t end = 0;
};

struct JobResult {
    std::uint32_t start = 0;       ///< first tick of service
    std::uint32_t completion = 0;  ///< end of the last
    std::uint32_t turnaround = 0;
    std::uint32_t wait = 0;
};

struct Schedule {
    std::vector<Slice> slices;  ///< one per stay of a job on the CPU; adjacent ones are merged
    std::vector<JobResult> jobs;
    std::uint32_t switches = 0;  ///< from one job to a different one

    /// `P1[0,4) P2[4,7)`
    [[nodiscard]] std::string text() const {
        std::string out;
        for (const Slice& s : slices) {
            out += (out.empty() ? "" : " ") + s.name + "[" + std::to_string(s.start) + "," +
                   std::to_string(s.end) + ")";
        }
        return out;
    }
    [[nodiscard]] std::uint32_t total_wait() const {
        std::uint32_t sum = 0;
        for (const JobResult& j : jobs) {
            sum += j.wait;
        }
        return sum;
    }
    [[nodiscard]] std::uint32_t total_turnaround() const {
        std::uint32_t sum = 0;
        for (const JobResult& j : jobs) {
            sum += j.turnaround;
        }
        return sum;
    }
};

inline constexpr Duration single_cpu_tick = Duration::milliseconds(1);

/// Runs `jobs` to completion. Job i is entity i + 1.
template <sched::SchedulerPolicy P>
class SingleCpu {
public:
    SingleCpu(P& policy, const std::vector<Job>& jobs, TieRule ties)
        : policy_(policy), jobs_(jobs), ties_(ties), entities_(jobs.size()), left_(jobs.size()) {
        schedule_.jobs.resize(jobs.size());
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            entities_[i].id = static_cast<std::uint32_t>(i + 1);
            entities_[i].slot = jobs[i].slot.value_or(static_cast<std::uint32_t>(i));
            entities_[i].priority = jobs[i].priority;
            entities_[i].weight = jobs[i].weight;
            entities_[i].reservation = jobs[i].reservation;
            left_[i] = jobs[i].burst;
        }
    }

    Schedule run() {
        arrive();
        for (std::size_t done = 0; done < jobs_.size();) {
            if (running_ == nullptr) {
                dispatch();
            }
            if (running_ == nullptr) {  // idle until somebody arrives
                ++tick_;
                arrive();
                continue;
            }
            done += serve_one_tick() ? 1 : 0;
        }
        return schedule_;
    }

private:
    [[nodiscard]] Instant now() const {
        return Instant(std::uint64_t{tick_} * static_cast<std::uint64_t>(single_cpu_tick.count()));
    }

    void arrive() {
        for (std::size_t i = 0; i < jobs_.size(); ++i) {
            if (jobs_[i].arrival == tick_) {
                policy_.enqueue(entities_[i], sched::EnqueueReason::started, now());
                wants_cpu_ = wants_cpu_ ||
                             (running_ != nullptr && policy_.preempts(entities_[i], *running_));
            }
        }
    }

    void dispatch() {
        wants_cpu_ = false;
        running_ = policy_.pick_next(now());
        if (running_ == nullptr) {
            return;
        }
        const std::size_t i = running_->id - 1;
        if (left_[i] == jobs_[i].burst) {
            schedule_.jobs[i].start = tick_;
        }
        std::vector<Slice>& slices = schedule_.slices;
        const bool same =
            !slices.empty() && slices.back().name == jobs_[i].name && slices.back().end == tick_;
        if (!same) {
            schedule_.switches += slices.empty() ? 0 : 1;
            slices.push_back({jobs_[i].name, tick_, tick_});
        }
    }

    /// Returns true if the running job is complete.
    bool serve_one_tick() {
        const std::size_t i = running_->id - 1;
        ++tick_;
        --left_[i];
        schedule_.slices.back().end = tick_;
        if (left_[i] == 0) {
            static_cast<void>(policy_.charge(*running_, single_cpu_tick, now()));
            sched::or_default::leave(policy_, *running_, sched::LeaveReason::exited, now());
            JobResult& result = schedule_.jobs[i];
            result.completion = tick_;
            result.turnaround = tick_ - jobs_[i].arrival;
            result.wait = result.turnaround - jobs_[i].burst;
            running_ = nullptr;
            arrive();
            return true;
        }
        if (ties_ == TieRule::arrival_first) {
            arrive();
            preempt_if(charge());
        } else {
            const bool slice_ended = charge();
            preempt_if(slice_ended);
            arrive();
            preempt_if(running_ != nullptr && wants_cpu_);
        }
        return false;
    }

    bool charge() {
        return policy_.charge(*running_, single_cpu_tick, now()) == sched::TickVerdict::preempt;
    }
    void preempt_if(bool slice_ended) {
        if (slice_ended || wants_cpu_) {
            policy_.enqueue(*running_, sched::EnqueueReason::preempted, now());
            running_ = nullptr;
        }
    }

    P& policy_;
    const std::vector<Job>& jobs_;
    TieRule ties_;
    std::vector<sched::Entity> entities_;
    std::vector<std::uint32_t> left_;  ///< service still needed
    Schedule schedule_;
    sched::Entity* running_ = nullptr;
    bool wants_cpu_ = false;
    std::uint32_t tick_ = 0;
};

template <sched::SchedulerPolicy P>
[[nodiscard]] Schedule run_jobs(P&& policy, const std::vector<Job>& jobs,
                                TieRule ties = TieRule::arrival_first) {
    return SingleCpu<std::remove_reference_t<P>>(policy, jobs, ties).run();
}

}  // namespace kidney::sim

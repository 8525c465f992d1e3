/// Keeps the books of a run: who waited how long, what each CPU did, how fair it was.
#pragma once

#include "bench/lab/sched/lab_task.hpp"
#include "bench/lab/sched/results.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace kidney::lab {

/// Cost: O(1) for each event, O(tasks) at the end of each window of fairness.
class Observer {
public:
    static constexpr std::size_t most_told = 128;  ///< tasks with a result of their own
    static constexpr std::size_t most_samples = 256;

    Observer(RunResult& result, const Inputs& inputs, std::size_t most_slices)
        : result_(result), start_(inputs.clock), cpus_(inputs.cpus), most_slices_(most_slices) {
        result_.tasks.reserve(most_told);
        sample_every_ = 1'000;
        idle_ = cpus_;
        last_ = start_;
        next_look_ = start_;
        for (std::size_t i = 0; i < windows; ++i) {
            window_ends_[i] = result_.fairness[i].window;
        }
    }

    [[nodiscard]] std::uint64_t since_start(Instant t) const noexcept {
        return static_cast<std::uint64_t>((t - start_).count());
    }

    void created(LabTask& task) {
        tasks_.push_back(&task);
        if (result_.tasks.size() < most_told) {
            result_.tasks.push_back({.name = std::string(task.name())});
            task.told = &result_.tasks.back();
        }
    }
    /// Time goes on; nothing happens in between. `settle` books what runs.
    template <class F>
    void advance(Instant now, F&& settle) {
        if (idle_ != 0) {
            const auto elapsed = static_cast<std::uint64_t>((now - last_).count());
            result_.idle += elapsed * idle_;
            result_.idle_while_waiting += elapsed * std::min(idle_, waiting_);
        }
        last_ = now;
        if (now >= next_look_) {
            settle();
            look(now);
        }
    }

    void woken(LabTask& task, Instant now) {
        task.is_runnable = true;
        task.just_woken = true;
        task.waits_since = now;
        if (!task.waits_for_mutex) {
            task.runnable_since = now;
            task.service_before = task.service;
        }
        ++waiting_;
        ++result_.events;
        if (cpus_ == 1) {
            ideal_.join(task, now);
        }
        if (task.state == sched::ThreadState::created) {
            ++task.result.started;
            if (task.told != nullptr) {
                task.told->started_at = since_start(now);
            }
        }
    }
    /// It leaves the CPU.
    void stops(LabTask& task, Instant now, bool yields) {
        note_lag(task, now);
        if (task.state == sched::ThreadState::ready) {
            task.waits_since = now;
            ++waiting_;
            ++(yields ? task.result.yielded : task.result.preempted);
            if (task.told != nullptr && !yields) {
                ++task.told->preempted;
            }
        } else {
            task.is_runnable = false;
            task.slept_in_windows = 7;
            ++task.result.slept;
            if (cpus_ == 1) {
                ideal_.leave(task, now);
            }
            if (!task.is_periodic && !task.waits_for_mutex) {
                responded(task, task.runnable_since, now);
            }
            if (task.state == sched::ThreadState::exited) {
                ++task.result.finished;
                if (task.told != nullptr) {
                    task.told->ended_at = since_start(now);
                }
            }
        }
    }
    void runs(LabTask& task, Instant now) {
        const auto waited = static_cast<std::uint64_t>((now - task.waits_since).count());
        --waiting_;
        KindResult& kind = task.result;
        kind.waited += waited;
        kind.longest_wait = std::max(kind.longest_wait, waited);
        if (task.just_woken) {
            task.just_woken = false;
            kind.latency.add(waited);
        }
        note_lag(task, now);
        if (task.told != nullptr) {
            task.told->waited += waited;
            if (!task.told->has_run) {
                task.told->has_run = true;
                task.told->first_run = since_start(now);
            }
        }
    }
    void idles(bool does) noexcept { idle_ += does ? 1U : ~0U; }

    /// The CPU did `elapsed` for the task.
    void serve(LabTask& task, std::int64_t elapsed) noexcept {
        const std::int64_t overhead = std::min(elapsed, task.overhead);
        task.overhead -= overhead;
        task.remaining -= elapsed - overhead;
        task.service += elapsed;
        result_.user += static_cast<std::uint64_t>(elapsed - overhead);
    }
    /// A job is complete.
    void completed(LabTask& task, Instant now) {
        ++task.result.jobs;
        if (task.told != nullptr) {
            ++task.told->jobs;
        }
        responded(task, task.release_at, now);
        if (now > task.deadline) {
            missed(task, now);
        }
    }
    void missed(LabTask& task, Instant now) {
        ++task.result.missed;
        const auto late = static_cast<std::uint64_t>((now - task.deadline).count());
        task.result.most_late = std::max(task.result.most_late, late);
        if (task.told != nullptr) {
            ++task.told->missed;
            if (task.told->misses.size() < 8) {
                task.told->misses.push_back(since_start(task.deadline));
            }
        }
    }
    void changes_weight(LabTask& task, Instant now, std::uint32_t weight) noexcept {
        if (cpus_ == 1 && task.is_runnable) {
            ideal_.leave(task, now);
            task.weight = weight;
            ideal_.join(task, now);
        }
    }

    void begins_slice(std::uint32_t cpu, const LabTask& task, Instant now) {
        if (result_.slices.size() < most_slices_) {
            open_[cpu] = result_.slices.size() + 1;
            result_.slices.push_back({.cpu = cpu,
                                      .task = task.index,
                                      .start = since_start(now),
                                      .runnable_since = since_start(task.waits_since)});
        }
    }
    void ends_slice(std::uint32_t cpu, Instant now, Slice::Left left = Slice::Left::running) {
        if (open_[cpu] != 0) {
            Slice& slice = result_.slices[open_[cpu] - 1];
            slice.end = since_start(now);
            slice.left = left;
            open_[cpu] = 0;
        }
    }
    [[nodiscard]] Slice* open_slice(std::uint32_t cpu) noexcept {
        return open_[cpu] == 0 ? nullptr : &result_.slices[open_[cpu] - 1];
    }

    void finish(Instant now) {
        result_.span = since_start(now);
        for (std::uint32_t cpu = 0; cpu < cpus_; ++cpu) {
            ends_slice(cpu, now);
        }
        for (LabTask* task : tasks_) {
            finish(*task, now);
        }
    }
    [[nodiscard]] const std::vector<LabTask*>& tasks() const noexcept { return tasks_; }

private:
    static constexpr std::size_t windows = 3;

    void responded(LabTask& task, Instant since, Instant now) {
        const auto took = static_cast<std::uint64_t>((now - since).count());
        task.result.response.add(took);
        const auto served = static_cast<std::uint64_t>(task.service - task.service_before);
        if (served != 0 && took < ~std::uint64_t{0} / 100) {
            task.result.slowdown.add(took * 100 / served);
        }
        task.service_before = task.service;
        if (task.told != nullptr) {
            task.told->longest_response = std::max(task.told->longest_response, took);
        }
    }
    void note_lag(LabTask& task, Instant now) {
        if (cpus_ != 1) {
            return;
        }
        const std::int64_t lag = ideal_.lag_of(task, now);
        task.result.most_lag = std::max(task.result.most_lag, lag);
        task.result.least_lag = std::min(task.result.least_lag, lag);
        if (task.told != nullptr) {
            task.told->most_lag = std::max(task.told->most_lag, lag);
            task.told->least_lag = std::min(task.told->least_lag, lag);
        }
    }
    void finish(LabTask& task, Instant now) {
        task.result.service += static_cast<std::uint64_t>(task.service);
        if (task.told != nullptr) {
            task.told->service = static_cast<std::uint64_t>(task.service);
        }
        if (task.state == sched::ThreadState::ready) {
            const auto waited = static_cast<std::uint64_t>((now - task.waits_since).count());
            task.result.waited += waited;
            task.result.longest_wait = std::max(task.result.longest_wait, waited);
        }
        if (task.is_runnable) {
            note_lag(task, now);
        }
        // Jobs that should be complete and are not.
        while (task.is_periodic && task.is_runnable && task.deadline <= now) {
            missed(task, now);
            task.deadline = task.deadline + task.period;
        }
    }

    void look(Instant now) {
        const std::uint64_t t = since_start(now);
        for (std::size_t i = 0; i < windows; ++i) {
            while (t >= window_ends_[i]) {
                end_window(i);
                window_ends_[i] += result_.fairness[i].window;
            }
        }
        if (t >= next_sample_) {
            sample(t, now);
        }
        next_look_ = start_ + Duration::nanoseconds(static_cast<std::int64_t>(
                                  std::min(next_sample_, *std::ranges::min_element(window_ends_))));
    }
    void sample(std::uint64_t t, Instant now) {
        Sample s{.at = t, .waiting = waiting_, .running = cpus_ - idle_};
        for (std::size_t i = 0; cpus_ == 1 && i < Sample::lags && i < tasks_.size(); ++i) {
            s.lag[i] = ideal_.lag_of(*tasks_[i], now);
        }
        result_.samples.push_back(s);
        if (result_.samples.size() == most_samples) {  // every second one goes
            for (std::size_t i = 0; i < most_samples / 2; ++i) {
                result_.samples[i] = result_.samples[2 * i];
            }
            result_.samples.resize(most_samples / 2);
            sample_every_ *= 2;
        }
        next_sample_ = (t / sample_every_ + 1) * sample_every_;
    }
    void end_window(std::size_t i) {
        // Among more than one for each millisecond nobody's share says anything yet.
        if (tasks_.size() * 1'000'000 > result_.fairness[i].window) {
            return;
        }
        shares_.clear();
        for (LabTask* task : tasks_) {
            const auto had = static_cast<std::uint64_t>(task->service - task->window_service[i]);
            task->window_service[i] = task->service;
            if (task->state == sched::ThreadState::exited) {
                continue;
            }
            if ((task->slept_in_windows >> i & 1U) == 0) {
                shares_.push_back(had * 1024 / task->weight);
            }
            task->slept_in_windows =
                (task->slept_in_windows & ~(1U << i)) | (task->is_runnable ? 0U : 1U << i);
        }
        if (shares_.size() >= 2) {
            const std::uint64_t index = jain(shares_);
            Fairness& fairness = result_.fairness[i];
            ++fairness.windows;
            fairness.sum += index;
            fairness.least = std::min(fairness.least, index);
        }
    }

    RunResult& result_;
    Instant start_;
    std::uint32_t cpus_;
    std::size_t most_slices_;
    IdealMachine ideal_;
    std::vector<LabTask*> tasks_;
    Instant last_;
    Instant next_look_;
    std::uint32_t idle_ = 0;
    std::uint32_t waiting_ = 0;
    std::uint64_t sample_every_ = 0;
    std::uint64_t next_sample_ = 0;
    std::array<std::uint64_t, windows> window_ends_{};
    std::array<std::size_t, max_cpus> open_{};
    std::vector<std::uint64_t> shares_;
};

}  // namespace kidney::lab

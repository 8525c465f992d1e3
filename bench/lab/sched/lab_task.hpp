/// A simulated task: a thread to the dispatcher, a program to the laboratory.
#pragma once

#include "bench/lab/sched/draws.hpp"
#include "bench/lab/sched/flat_cpu.hpp"
#include "bench/lab/sched/results.hpp"
#include "bench/lab/sched/workload.hpp"
#include "sched/thread.hpp"

#include <array>
#include <cstdint>

namespace kidney::lab {

struct LabTask : sched::ThreadBase<FlatCpu> {
    LabTask(const TaskKind& what, KindResult& books, std::uint32_t number, std::uint64_t seed)
        : kind(what), result(books), lots(seed, number), index(number) {}

    const TaskKind& kind;
    KindResult& result;
    Lots lots;
    const std::uint32_t index;

    // The program.
    std::uint32_t next_step = 0;
    std::uint32_t last_cpu = max_cpus;
    std::array<std::uint64_t, TaskKind::most_loops> counters{};
    std::int64_t remaining = 0;  ///< to compute
    std::int64_t overhead = 0;   ///< that the CPU has to do first
    Instant release_at;          ///< of the current job
    Instant deadline = Instant::never();
    Duration period;
    bool is_periodic = false;

    // The books.
    bool is_runnable = false;
    bool just_woken = false;
    bool waits_for_mutex = false;
    Instant runnable_since;
    Instant blocked_since;  ///< for a mutex
    Instant waits_since;    ///< runnable, but not running
    std::int64_t service = 0;
    std::int64_t service_before = 0;  ///< when this activation began
    std::int64_t ideal = 0;           ///< what GPS would have served, but for now
    std::uint64_t joined_at = 0;      ///< in its virtual time
    std::array<std::int64_t, 3> window_service{};
    std::uint32_t slept_in_windows = 7;  ///< bits: it was not runnable all the time
    TaskResult* told = nullptr;          ///< if it is one of the first

    /// What the CPU must still do before the next step.
    [[nodiscard]] std::int64_t due() const noexcept { return overhead + remaining; }
    /// For policies that know what no kernel can know.
    [[nodiscard]] Duration next_burst() const noexcept {
        std::uint32_t step = next_step;
        while (kind.steps[step].op != Step::Op::compute && kind.steps[step].op != Step::Op::exit) {
            ++step;
        }
        return Duration::nanoseconds(static_cast<std::int64_t>(kind.steps[step].time.low));
    }
};

/// General processor sharing, the fluid ideal: everybody runnable runs all the time, at a rate by
/// its weight. For one CPU.
class IdealMachine {
public:
    void join(LabTask& task, Instant now) noexcept {
        advance(now);
        task.joined_at = virtual_time_;
        weight_ += task.weight;
    }
    void leave(LabTask& task, Instant now) noexcept {
        advance(now);
        task.ideal += share_of(task);
        weight_ -= task.weight;
    }
    /// What it should have had by now, less what it had.
    [[nodiscard]] std::int64_t lag_of(const LabTask& task, Instant now) noexcept {
        advance(now);
        return task.ideal + (task.is_runnable ? share_of(task) : 0) - task.service;
    }

private:
    static constexpr unsigned bits = 10;  ///< behind the point of virtual time
    void advance(Instant now) noexcept {
        if (weight_ != 0 && now != last_) {
            // The rest is carried over: of a set that does not change not a nanosecond is lost.
            const std::uint64_t elapsed =
                (static_cast<std::uint64_t>((now - last_).count()) << bits) + rest_;
            virtual_time_ += elapsed / weight_;
            rest_ = elapsed % weight_;
        }
        last_ = now;
    }
    [[nodiscard]] std::int64_t share_of(const LabTask& task) const noexcept {
        return static_cast<std::int64_t>((virtual_time_ - task.joined_at) * task.weight >> bits);
    }

    std::uint64_t weight_ = 0;
    std::uint64_t virtual_time_ = 0;
    std::uint64_t rest_ = 0;
    Instant last_;
};

}  // namespace kidney::lab

/// One call of a scheduler policy, with its arguments and its answer; and its text form.
///
/// A trace is the calls since the policy was made, so whoever repeats them on a new policy of the
/// same setup must get the same answers (law S4): `tests/support/trace_replay.hpp` does.
///
/// Text form, version 4: a header, one line per record, `end`.
///
///     kidney-sched-trace 4 policy=cfs cpu=0 seed=1 quantum=0 records=9 dropped=0
///     e 7 3 started 31 1024 0 ff slices 1000
///                                      enqueue: id, slot, reason, priority, weight, nice, CPUs
///                                      that it may run on, whether it gives way to equals
///                                      (`slices`) or `runs_on`, now; and runtime, deadline, period
///                                      if it has a reservation
///     p 1200 7                         pick_next: now, id of the answer or 0
///     c 7 31 5000000 5001200 keep      charge: id, priority, ran, now, verdict
///     q 8 40 7 31 yes                  preempts: candidate, its priority, running, its, answer
///     r 7                              remove: id
///     l 7 blocked 5001200              leave: id, reason, now
///     g 6000000 1 2048 8               give_away: now, CPU, most weight, id of the answer or 0
///     o 8 6000000                      move_out: id, now
///     i 9 6000000 00a1... 0            move_in: id, now, what the policy kept of it elsewhere,
///                                      what it was lent
///     u 7 40 6500000                   lend: id, urgency, now
///     n 7 31 15 19 ff slices 7000000   reconsider: id, and what is new, as of enqueue
///     t 8000000                        replenish: now
///     end
#pragma once

#include "kidney/core/format.hpp"
#include "kidney/core/time.hpp"
#include "kidney/sched/policy.hpp"
#include "kidney/sched/refinements.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace kidney::sched {

struct TraceRecord {
    enum class Call : std::uint8_t {
        enqueue,
        remove,
        pick_next,
        charge,
        preempts,
        leave,
        give_away,
        move_out,
        move_in,
        reconsider,
        lend,
        replenish,
    };

    Call call = Call::enqueue;
    std::uint8_t answer = 0;  ///< charge: TickVerdict; preempts: 0 or 1
    EnqueueReason reason = EnqueueReason::started;
    LeaveReason leaves = LeaveReason::blocked;
    Priority priority;                ///< of `id`
    Priority other_priority{0};       ///< of `other`
    std::uint32_t id = 0;             ///< pick_next, give_away: the answer, 0 for none
    std::uint32_t other = 0;          ///< preempts: the running one
    std::uint32_t slot = 0;           ///< of enqueue
    SchedulingParameters parameters;  ///< of enqueue and reconsider
    Duration ran;
    Taker taker;  ///< of give_away
    Instant now;
    decltype(Entity::kept) kept{};  ///< of move_in
    Urgency lent = Urgency::none;   ///< of move_in and lend

    friend bool operator==(const TraceRecord&, const TraceRecord&) noexcept = default;
};

inline constexpr std::string_view trace_magic = "kidney-sched-trace 4";

[[nodiscard]] constexpr std::string_view to_string(EnqueueReason reason) noexcept {
    constexpr std::array<std::string_view, 5> names = {"started", "woken", "preempted", "yielded",
                                                       "migrated"};
    return names[static_cast<std::size_t>(reason)];
}

[[nodiscard]] constexpr std::string_view to_string(LeaveReason reason) noexcept {
    return reason == LeaveReason::exited ? "exited" : "blocked";
}

template <TextSink S>
void write_parameters(S& sink, const SchedulingParameters& p, Instant now) noexcept {
    format_to(sink, "{} {} {} {:x} {} {}", std::uint32_t{p.priority.value()}, p.weight,
              std::int32_t{p.nice}, p.allowed.bits(), p.runs_on ? "runs_on" : "slices", now);
    if (const Reservation& r = p.reservation; r.is_any()) {
        format_to(sink, " {} {} {}", r.runtime, r.deadline, r.period);
    }
}

/// One record as text, without a newline.
template <TextSink S>
void write_record(S& sink, const TraceRecord& r) noexcept {
    const std::uint32_t priority = r.priority.value();
    switch (r.call) {
        case TraceRecord::Call::enqueue:
            format_to(sink, "e {} {} {} ", r.id, r.slot, to_string(r.reason));
            write_parameters(sink, r.parameters, r.now);
            return;
        case TraceRecord::Call::remove:
            format_to(sink, "r {}", r.id);
            return;
        case TraceRecord::Call::pick_next:
            format_to(sink, "p {} {}", r.now, r.id);
            return;
        case TraceRecord::Call::charge:
            format_to(sink, "c {} {} {} {} {}", r.id, priority, r.ran, r.now,
                      r.answer == 0 ? "keep" : "preempt");
            return;
        case TraceRecord::Call::preempts:
            format_to(sink, "q {} {} {} {} {}", r.id, priority, r.other,
                      std::uint32_t{r.other_priority.value()}, r.answer == 0 ? "no" : "yes");
            return;
        case TraceRecord::Call::leave:
            format_to(sink, "l {} {} {}", r.id, to_string(r.leaves), r.now);
            return;
        case TraceRecord::Call::give_away:
            format_to(sink, "g {} {} {} {}", r.now, r.taker.cpu, r.taker.most_weight, r.id);
            return;
        case TraceRecord::Call::move_out:
            format_to(sink, "o {} {}", r.id, r.now);
            return;
        case TraceRecord::Call::move_in:
            format_to(sink, "i {} {} ", r.id, r.now);
            for (const std::byte b : r.kept) {
                format_to(sink, "{:02x}", std::to_integer<std::uint32_t>(b));
            }
            format_to(sink, " {}", static_cast<std::uint64_t>(r.lent));
            return;
        case TraceRecord::Call::reconsider:
            format_to(sink, "n {} ", r.id);
            write_parameters(sink, r.parameters, r.now);
            return;
        case TraceRecord::Call::lend:
            format_to(sink, "u {} {} {}", r.id, static_cast<std::uint64_t>(r.lent), r.now);
            return;
        case TraceRecord::Call::replenish:
            format_to(sink, "t {}", r.now);
            return;
    }
}

/// A whole trace; `line` is called with each line.
template <class Line>
void write_trace(std::span<const TraceRecord> records, std::size_t dropped, std::string_view policy,
                 const PolicySetup& setup, Line&& line) noexcept {
    TextBuffer<160> text;
    format_to(text, "{} policy={} cpu={} seed={} quantum={} records={} dropped={}", trace_magic,
              policy, setup.cpu, setup.seed, setup.quantum, records.size(), dropped);
    line(text.view());
    for (const TraceRecord& r : records) {
        text.clear();
        write_record(text, r);
        line(text.view());
    }
    line(std::string_view("end"));
}

}  // namespace kidney::sched

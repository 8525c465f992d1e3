/// Repeats a recorded decision trace on a fresh policy and compares every answer.
#pragma once

#include "kidney/core/type_list.hpp"
#include "kidney/sched/policy.hpp"
#include "sched/trace/record.hpp"

#include <algorithm>
#include <istream>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

namespace kidney::test {

/// A trace as read from text.
struct RecordedTrace {
    std::string policy;
    sched::PolicySetup setup;
    std::size_t dropped = 0;
    std::vector<sched::TraceRecord> records;
};

struct ReplayResult {
    std::size_t decisions = 0;  ///< answers compared: pick_next, charge, preempts
    std::string difference;     ///< the first one, or empty

    [[nodiscard]] bool is_identical() const { return difference.empty(); }
};

/// The calls that have no answer and that not every policy has.
template <sched::SchedulerPolicy P>
void tell(P& policy, const sched::TraceRecord& r, sched::Entity& e) {
    using Call = sched::TraceRecord::Call;
    e.id = r.id;
    if (r.call == Call::leave) {
        sched::or_default::leave(policy, e, r.leaves, r.now);
    } else if (r.call == Call::replenish) {
        sched::or_default::replenish(policy, r.now);
    } else if (r.call == Call::move_in) {
        e.kept = r.kept;
        e.lent = r.lent;
    } else if (r.call == Call::reconsider) {
        sched::or_default::reconsider(
            policy, e, [&r](sched::SchedulingParameters& p) { p = r.parameters; }, r.now);
    }
    if constexpr (sched::LendsUrgency<P>) {
        if (r.call == Call::lend) {
            policy.lend(e, r.lent, r.now);
        }
    }
    if constexpr (sched::MovesState<P>) {
        if (r.call == Call::move_out) {
            policy.move_out(e, r.now);
        } else if (r.call == Call::move_in) {
            policy.move_in(e, r.now);
        }
    }
}

template <sched::SchedulerPolicy P>
[[nodiscard]] ReplayResult replay_on(const std::vector<sched::TraceRecord>& records,
                                     const sched::PolicySetup& setup = {}) {
    using Call = sched::TraceRecord::Call;
    P policy = sched::or_default::make<P>(setup);
    std::uint32_t slots = 0;
    for (const sched::TraceRecord& r : records) {
        slots = std::max(slots, r.slot + 1);
    }
    std::vector<std::byte> tables(sched::or_default::table_bytes<P>(slots));
    sched::or_default::use_tables(policy, std::span(tables), slots);
    std::map<std::uint32_t, sched::Entity> entities;
    const auto entity = [&](std::uint32_t id, sched::Priority priority) -> sched::Entity& {
        sched::Entity& e = entities[id];
        e.id = id;
        if (!e.queued) {  // a queued one keeps what the policy sorted it by
            e.priority = priority;
        }
        return e;
    };
    ReplayResult result;
    for (std::size_t i = 0; i < records.size(); ++i) {
        const sched::TraceRecord& r = records[i];
        std::uint64_t expected = r.answer;
        std::uint64_t got = expected;
        switch (r.call) {
            case Call::enqueue: {
                sched::Entity& e = entity(r.id, r.priority);
                if (r.reason == sched::EnqueueReason::started) {
                    e.kept = {};  // an id may come back
                    e.lent = sched::Urgency::none;
                }
                e.slot = r.slot;
                static_cast<sched::SchedulingParameters&>(e) = r.parameters;
                policy.enqueue(e, r.reason, r.now);
                continue;
            }
            case Call::remove:
                policy.remove(entity(r.id, r.priority));
                continue;
            case Call::pick_next: {
                const sched::Entity* const answer = policy.pick_next(r.now);
                expected = r.id;
                got = answer == nullptr ? 0 : answer->id;
                break;
            }
            case Call::charge:
                got = static_cast<std::uint64_t>(
                    policy.charge(entity(r.id, r.priority), r.ran, r.now));
                break;
            case Call::preempts:
                got = policy.preempts(entity(r.id, r.priority), entity(r.other, r.other_priority))
                          ? 1
                          : 0;
                break;
            case Call::give_away: {
                expected = r.id;
                got = 0;
                if constexpr (sched::GivesAway<P>) {
                    const sched::Entity* const answer = policy.give_away(r.taker, r.now);
                    got = answer == nullptr ? 0 : answer->id;
                }
                break;
            }
            case Call::leave:
            case Call::move_out:
            case Call::move_in:
            case Call::reconsider:
            case Call::lend:
            case Call::replenish:
                tell(policy, r, entities[r.id]);
                continue;
        }
        ++result.decisions;
        if (got != expected) {
            TextBuffer<160> text;
            sched::write_record(text, r);
            result.difference = "record " + std::to_string(i) + " (" + std::string(text.view()) +
                                "): this policy answers " + std::to_string(got);
            return result;
        }
    }
    return result;
}

/// Replays on the policy of `Policies` that the trace names.
template <class Policies>
[[nodiscard]] ReplayResult replay(const RecordedTrace& trace) {
    std::optional<ReplayResult> result;
    Policies::for_each([&]<class P>() {
        if (trace.policy == P::name) {
            result = replay_on<P>(trace.records, trace.setup);
        }
    });
    return result ? *result
                  : ReplayResult{.difference = "there is no policy '" + trace.policy + "'"};
}

namespace detail {

/// The value of `key=value` in a header.
inline std::string header_value(const std::string& header, const std::string& key) {
    const std::size_t at = header.find(key + "=");
    if (at == std::string::npos) {
        return "";
    }
    const std::size_t start = at + key.size() + 1;
    return header.substr(start, header.find(' ', start) - start);
}

inline std::uint64_t header_number(const std::string& header, const std::string& key) {
    return std::stoull("0" + header_value(header, key));
}

/// The parameters of an enqueue or a reconsider, and when that was. False: they are none.
inline bool parse_parameters(std::istream& in, sched::TraceRecord& r) {
    sched::SchedulingParameters& p = r.parameters;
    std::string word;
    std::uint32_t priority = 0, allowed = 0;
    std::int32_t nice = 0;
    std::uint64_t now = 0;
    in >> priority >> p.weight >> nice >> std::hex >> allowed >> std::dec >> word >> now;
    p.priority = r.priority = sched::Priority(static_cast<std::uint8_t>(priority));
    p.nice = static_cast<std::int8_t>(nice);
    p.allowed = CpuSet(allowed);
    p.runs_on = word == "runs_on";
    r.now = Instant(now);
    const bool is_complete = !in.fail() && (p.runs_on || word == "slices");
    if (std::int64_t runtime = 0, deadline = 0, period = 0; in >> runtime >> deadline >> period) {
        p.reservation = {Duration::nanoseconds(runtime), Duration::nanoseconds(deadline),
                         Duration::nanoseconds(period)};
    }
    return is_complete;
}

/// False if the line is not a record.
inline bool parse_record(const std::string& line, sched::TraceRecord& r) {
    using Call = sched::TraceRecord::Call;
    std::istringstream in(line);
    char kind = 0;
    std::string word;
    std::uint32_t priority = 0;
    std::uint32_t other_priority = 0;
    std::uint32_t cpu = 0;
    std::int64_t ran = 0;
    std::uint64_t now = 0;
    std::uint64_t lent = 0;
    in >> kind;
    switch (kind) {
        case 'e':
            r.call = Call::enqueue;
            in >> r.id >> r.slot >> word;
            for (std::uint8_t reason = 0; reason < 5; ++reason) {
                if (to_string(static_cast<sched::EnqueueReason>(reason)) == word) {
                    r.reason = static_cast<sched::EnqueueReason>(reason);
                }
            }
            break;
        case 'r':
            r.call = Call::remove;
            in >> r.id;
            break;
        case 'p':
            r.call = Call::pick_next;
            in >> now >> r.id;
            break;
        case 'c':
            r.call = Call::charge;
            in >> r.id >> priority >> ran >> now >> word;
            r.answer = word == "preempt" ? 1 : 0;
            break;
        case 'q':
            r.call = Call::preempts;
            in >> r.id >> priority >> r.other >> other_priority >> word;
            r.answer = word == "yes" ? 1 : 0;
            break;
        case 'l':
            r.call = Call::leave;
            in >> r.id >> word >> now;
            r.leaves = word == "exited" ? sched::LeaveReason::exited : sched::LeaveReason::blocked;
            break;
        case 'g':
            r.call = Call::give_away;
            in >> now >> cpu >> r.taker.most_weight >> r.id;
            break;
        case 'o':
            r.call = Call::move_out;
            in >> r.id >> now;
            break;
        case 'i':
            r.call = Call::move_in;
            in >> r.id >> now >> word >> lent;
            for (std::size_t i = 0; i < r.kept.size() && 2 * i + 1 < word.size(); ++i) {
                r.kept[i] = std::byte(std::stoul(word.substr(2 * i, 2), nullptr, 16));
            }
            break;
        case 'n':
            r.call = Call::reconsider;
            in >> r.id;
            break;
        case 'u':
            r.call = Call::lend;
            in >> r.id >> lent >> now;
            break;
        case 't':
            r.call = Call::replenish;
            in >> now;
            break;
        default:
            return false;
    }
    if (kind == 'e' || kind == 'n') {
        return parse_parameters(in, r);
    }
    r.priority = sched::Priority(static_cast<std::uint8_t>(priority));
    r.other_priority = sched::Priority(static_cast<std::uint8_t>(other_priority));
    r.taker.cpu = CpuId(cpu);
    r.ran = Duration::nanoseconds(ran);
    r.now = Instant(now);
    r.lent = sched::Urgency{lent};
    return !in.fail();
}

}  // namespace detail

/// Finds all traces in a kernel log: whatever stands before the magic or a record on its line (a
/// time stamp, a module name) is skipped, up to the last ": ". An incomplete trace is left out.
[[nodiscard]] inline std::vector<RecordedTrace> read_traces(std::istream& log) {
    std::vector<RecordedTrace> traces;
    std::optional<RecordedTrace> open;
    for (std::string line; std::getline(log, line);) {
        while (!line.empty() && line.back() == '\r') {
            line.pop_back();
        }
        if (const std::size_t at = line.find(sched::trace_magic); at != std::string::npos) {
            const std::string header = line.substr(at);
            open = RecordedTrace{
                .policy = detail::header_value(header, "policy"),
                .setup = {.cpu = CpuId(
                              static_cast<std::uint32_t>(detail::header_number(header, "cpu"))),
                          .seed = detail::header_number(header, "seed"),
                          .quantum = Duration::nanoseconds(
                              static_cast<std::int64_t>(detail::header_number(header, "quantum")))},
                .dropped = static_cast<std::size_t>(detail::header_number(header, "dropped")),
                .records = {}};
            continue;
        }
        if (!open) {
            continue;
        }
        const std::size_t prefix = line.rfind(": ");
        const std::string body = prefix == std::string::npos ? line : line.substr(prefix + 2);
        if (body == "end") {
            traces.push_back(std::move(*open));
            open.reset();
            continue;
        }
        sched::TraceRecord record;
        if (detail::parse_record(body, record)) {
            open->records.push_back(record);
        }
    }
    return traces;
}

}  // namespace kidney::test

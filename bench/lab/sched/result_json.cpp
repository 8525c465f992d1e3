#include "bench/lab/sched/result_json.hpp"

#include <array>
#include <concepts>
#include <cstdio>
#include <initializer_list>
#include <utility>

namespace kidney::lab {

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            std::array<char, 8> code{};
            std::snprintf(code.data(), code.size(), "\\u%04x", static_cast<unsigned>(c));
            out += code.data();
        } else {
            out += c;
        }
    }
    return out + "\"";
}

namespace {

/// An object or a list, as it grows.
class Json {
public:
    explicit Json(char opening) : text_(1, opening), closing_(opening == '{' ? '}' : ']') {}
    Json& raw(std::string_view name, std::string_view value) {
        separate();
        text_ += json_string(name) + ":";
        text_ += value;
        return *this;
    }
    template <std::integral T>
    Json& field(std::string_view name, T value) {
        return raw(name, std::to_string(value));
    }
    Json& field(std::string_view name, std::string_view value) {
        return raw(name, json_string(value));
    }
    Json& field(std::string_view name, Duration value) { return field(name, value.count()); }
    Json& item(std::string_view value) {
        separate();
        text_ += value;
        return *this;
    }
    template <std::integral T>
    Json& number(T value) {
        return item(std::to_string(value));
    }
    [[nodiscard]] std::string end() const { return text_ + closing_; }

private:
    void separate() {
        if (text_.size() != 1) {
            text_ += ',';
        }
    }
    std::string text_;
    char closing_;
};

std::string of_histogram(const Histogram& h) {
    Json json('{');
    json.field("count", h.count()).field("mean", h.mean());
    for (const auto& [name, per_mille] : std::initializer_list<std::pair<const char*, unsigned>>{
             {"p50", 500}, {"p90", 900}, {"p99", 990}, {"p999", 999}}) {
        json.field(name, h.percentile(per_mille));
    }
    Json curve('[');
    h.for_each([&](std::uint64_t value, std::uint32_t count) {
        curve.item(Json('[').number(value).number(count).end());
    });
    return json.field("max", h.most()).raw("curve", curve.end()).end();
}

std::string of_inputs(const Inputs& in) {
    Json json('{');
    json.field("cpus", in.cpus)
        .field("balancer", in.balancer)
        .field("until", in.until)
        .field("tick", in.tick)
        .field("quantum", in.quantum)
        .field("ties", in.ties == TieRule::arrival_first ? "arrival" : "preempted")
        .field("switch_cost", in.switch_cost)
        .field("tick_cost", in.tick_cost)
        .field("interrupt_cost", in.interrupt_cost)
        .field("migration_cost", in.migration_cost)
        .field("interrupt_delay", in.interrupt_delay);
    return json.end();
}

std::string of_kind(const KindResult& k) {
    Json json('{');
    json.field("name", k.name)
        .field("started", k.started)
        .field("finished", k.finished)
        .field("service", k.service)
        .field("waited", k.waited)
        .field("longest_wait", k.longest_wait)
        .field("blocked", k.blocked)
        .field("preempted", k.preempted)
        .field("yielded", k.yielded)
        .field("slept", k.slept)
        .field("migrations", k.migrations)
        .field("jobs", k.jobs)
        .field("missed", k.missed)
        .field("most_late", k.most_late)
        .field("most_lag", k.most_lag)
        .field("least_lag", k.least_lag)
        .raw("latency", of_histogram(k.latency))
        .raw("response", of_histogram(k.response))
        .raw("slowdown", of_histogram(k.slowdown));
    return json.end();
}

std::string of_task(const TaskResult& t) {
    Json json('{');
    json.field("name", t.name)
        .field("started_at", t.started_at)
        .field("first_run", t.first_run)
        .field("ended_at", t.ended_at)
        .field("service", t.service)
        .field("waited", t.waited)
        .field("preempted", t.preempted)
        .field("missed", t.missed);
    return json.end();
}

/// Reasons repeat: each stands once, and slices say which.
std::string of_slices(const RunResult& r) {
    std::vector<std::string> reasons;
    Json slices('[');
    for (const Slice& s : r.slices) {
        std::size_t why = 0;
        while (why < reasons.size() && reasons[why] != s.why) {
            ++why;
        }
        if (why == reasons.size()) {
            reasons.push_back(s.why);
        }
        slices.item(Json('[')
                        .number(s.cpu)
                        .number(s.task)
                        .number(s.start)
                        .number(s.end)
                        .number(why)
                        .number(s.runnable_since)
                        .number(static_cast<unsigned>(s.left))
                        .end());
    }
    Json why('[');
    for (const std::string& reason : reasons) {
        why.item(json_string(reason));
    }
    return "\"slices\":" + slices.end() + ",\"why\":" + why.end();
}

std::string of_samples(const std::vector<Sample>& samples) {
    Json list('[');
    for (const Sample& s : samples) {
        Json one('[');
        one.number(s.at).number(s.waiting).number(s.running);
        for (const std::int64_t lag : s.lag) {
            one.number(lag);
        }
        list.item(one.end());
    }
    return list.end();
}

}  // namespace

std::string to_json(std::string_view policy, std::string_view workload, const Inputs& inputs,
                    const RunResult& r) {
    Json kinds('[');
    for (const KindResult& kind : r.kinds) {
        kinds.item(of_kind(kind));
    }
    Json tasks('[');
    for (const TaskResult& task : r.tasks) {
        tasks.item(of_task(task));
    }
    Json fairness('[');
    for (const Fairness& f : r.fairness) {
        fairness.item(Json('{')
                          .field("window", f.window)
                          .field("windows", f.windows)
                          .field("mean", f.windows == 0 ? 0 : f.sum / f.windows)
                          .field("least", f.windows == 0 ? 0 : f.least)
                          .end());
    }
    Json json('{');
    json.field("policy", policy).field("workload", workload).field("seed", inputs.seed);
    json.raw("inputs", of_inputs(inputs))
        .field("span", r.span)
        .field("user", r.user)
        .field("switching", r.switching)
        .field("ticking", r.ticking)
        .field("interrupted", r.interrupted)
        .field("refilling", r.refilling)
        .field("idle", r.idle)
        .field("idle_while_waiting", r.idle_while_waiting)
        .field("switches", r.switches)
        .field("ticks", r.ticks)
        .field("interrupts", r.interrupts)
        .field("events", r.events)
        .field("waits_for_ever", r.waits_for_ever)
        .field("trace", std::to_string(r.trace_hash))
        .raw("fairness", fairness.end())
        .raw("kinds", kinds.end())
        .raw("tasks", tasks.end())
        .raw("samples", of_samples(r.slices.empty() ? std::vector<Sample>() : r.samples));
    const std::string text = json.end();
    return text.substr(0, text.size() - 1) + "," + of_slices(r) + "}\n";
}

}  // namespace kidney::lab

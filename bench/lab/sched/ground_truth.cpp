#include "bench/lab/sched/ground_truth.hpp"

#include "bench/lab/sched/run.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <sstream>
#include <utility>

namespace kidney::lab {
namespace {

constexpr std::size_t most_slices = 100'000;

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) {
        words.push_back(word);
    }
    return words;
}

/// numerator / denominator with as many digits behind the point as `like` has, rounded.
std::string as_written(std::int64_t numerator, std::int64_t denominator, const std::string& like) {
    const std::size_t point = like.find('.');
    const std::size_t digits = point == std::string::npos ? 0 : like.size() - point - 1;
    std::int64_t scale = 1;
    for (std::size_t i = 0; i < digits; ++i) {
        scale *= 10;
    }
    const bool negative = numerator < 0;
    const std::int64_t size = negative ? -numerator : numerator;
    // A value in nanoseconds times 10^4 fits for runs of a day.
    const std::int64_t rounded = (size * scale + denominator / 2) / denominator;
    std::string text = std::to_string(rounded / scale);
    if (digits != 0) {
        std::string part = std::to_string(rounded % scale);
        text += "." + std::string(digits - part.size(), '0') + part;
    }
    return (negative && rounded != 0 ? "-" : "") + text;
}

/// Knows a run, and says of it what an expectation asks for.
class Judge {
public:
    Judge(const Workload& workload, const Case& c, const RunResult& run)
        : case_(c),
          run_(run),
          unit_(workload.unit == 0 ? 1 : static_cast<std::int64_t>(workload.unit)) {}

    Finding judge(const Expectation& e) {
        Finding finding{.what = e.what, .expected = e.text, .got = "", .line = e.line};
        const auto found = answers().find(e.what);
        if (found == answers().end()) {
            finding.got = "no such expectation";
            return finding;
        }
        words_ = words_of(e.text);
        finding.got = (this->*found->second)();
        finding.holds = finding.got == joined(words_);
        return finding;
    }

private:
    using Answer = std::string (Judge::*)();
    static const std::map<std::string, Answer>& answers() {
        static const std::map<std::string, Answer> all = {
            {"schedule", &Judge::schedule},
            {"order", &Judge::order},
            {"count", &Judge::count},
            {"wait", &Judge::wait},
            {"turnaround", &Judge::turnaround},
            {"response", &Judge::response},
            {"average_wait", &Judge::average_wait},
            {"average_turnaround", &Judge::average_turnaround},
            {"average_response", &Judge::average_response},
            {"service", &Judge::service},
            {"switches", &Judge::switches},
            {"preemptions", &Judge::preemptions},
            {"missed", &Judge::missed},
            {"misses", &Judge::misses},
            {"longest_response", &Judge::longest_response},
            {"idle", &Judge::idle},
            {"share", &Judge::share},
            {"ends", &Judge::ends},
            {"lags", &Judge::lags},
            {"lag_range", &Judge::lag_range},
            {"load_average", &Judge::load_average},
            {"recent_cpu", &Judge::recent_cpu},
        };
        return all;
    }
    static std::string joined(const std::vector<std::string>& words) {
        std::string text;
        for (const std::string& word : words) {
            text += (text.empty() ? "" : " ") + word;
        }
        return text;
    }
    [[nodiscard]] std::string in_units(std::int64_t ns, const std::string& like) const {
        return as_written(ns, unit_, like);
    }
    [[nodiscard]] const std::string& name_of(const Slice& s) const {
        return run_.tasks[s.task].name;
    }
    [[nodiscard]] std::vector<const Slice*> slices() const {
        std::vector<const Slice*> all;
        for (const Slice& s : run_.slices) {
            if (s.end != s.start) {
                all.push_back(&s);
            }
        }
        return all;
    }
    /// `value` of each task, in units.
    std::string of_each(const std::function<std::int64_t(const TaskResult&)>& value) {
        std::vector<std::string> got;
        for (std::size_t i = 0; i < run_.tasks.size(); ++i) {
            got.push_back(in_units(value(run_.tasks[i]), i < words_.size() ? words_[i] : ""));
        }
        return joined(got);
    }
    std::string average(const std::function<std::int64_t(const TaskResult&)>& value) {
        std::int64_t sum = 0;
        for (const TaskResult& task : run_.tasks) {
            sum += value(task);
        }
        return as_written(sum, unit_ * static_cast<std::int64_t>(run_.tasks.size()),
                          words_.empty() ? "" : words_[0]);
    }
    static std::int64_t signed_of(std::uint64_t n) { return static_cast<std::int64_t>(n); }
    static std::int64_t turnaround_of(const TaskResult& t) {
        return signed_of(t.ended_at - t.started_at);
    }
    static std::int64_t response_of(const TaskResult& t) {
        return signed_of(t.first_run - t.started_at);
    }
    static std::int64_t wait_of(const TaskResult& t) { return signed_of(t.waited); }

    /// `P1[0,4) P2[4,7)`, as far as is expected; of several CPUs by their beginnings.
    std::string schedule() {
        const bool is_prefix = !words_.empty() && words_.back() == "...";
        std::vector<std::string> got;
        for (const Slice* s : slices()) {
            if (is_prefix && got.size() + 1 == words_.size()) {
                got.emplace_back("...");
                break;
            }
            got.push_back(name_of(*s) + "[" + in_units(signed_of(s->start), "") + "," +
                          in_units(signed_of(s->end), "") + ")");
        }
        return joined(got);
    }
    /// Who has each quantum; as many as are expected.
    std::string order() {
        std::vector<std::string> got;
        const auto quantum = static_cast<std::uint64_t>(
            case_.inputs.quantum == Duration() ? unit_ : case_.inputs.quantum.count());
        for (const Slice* s : slices()) {
            for (std::uint64_t t = s->start; t < s->end && got.size() < words_.size();
                 t += quantum) {
                got.push_back(name_of(*s));
            }
        }
        return joined(got);
    }
    /// `count 8 A 2 B 1`: of the first 8 quanta A has 2 and B 1.
    std::string count() {
        const std::vector<std::string> asked = words_;
        if (asked.empty()) {
            return "";
        }
        words_.assign(std::stoul(asked[0]), "");
        const std::vector<std::string> given = words_of(order());
        words_ = asked;
        std::vector<std::string> got{asked[0]};
        for (std::size_t i = 1; i + 1 < asked.size(); i += 2) {
            got.push_back(asked[i]);
            got.push_back(std::to_string(std::ranges::count(given, asked[i])));
        }
        return joined(got);
    }
    std::string wait() { return of_each(wait_of); }
    std::string turnaround() { return of_each(turnaround_of); }
    std::string response() { return of_each(response_of); }
    std::string average_wait() { return average(wait_of); }
    std::string average_turnaround() { return average(turnaround_of); }
    std::string average_response() { return average(response_of); }
    std::string service() {
        return of_each([](const TaskResult& t) { return signed_of(t.service); });
    }
    /// From one task to another one.
    std::string switches() {
        const std::vector<const Slice*> all = slices();
        std::size_t n = 0;
        for (std::size_t i = 1; i < all.size(); ++i) {
            n += all[i]->task != all[i - 1]->task ? 1 : 0;
        }
        return std::to_string(n);
    }
    std::string preemptions() {
        std::uint64_t n = 0;
        for (const KindResult& kind : run_.kinds) {
            n += kind.preempted;
        }
        return std::to_string(n);
    }
    std::string missed() {
        std::uint64_t n = 0;
        for (const KindResult& kind : run_.kinds) {
            n += kind.missed;
        }
        return std::to_string(n);
    }
    /// `misses t2 5 10`: the first deadlines that t2 misses; as many as are expected.
    std::string misses() {
        std::vector<std::string> got{words_.empty() ? "" : words_[0]};
        for (const TaskResult& task : run_.tasks) {
            for (std::size_t i = 0; task.name == got[0] && i < task.misses.size(); ++i) {
                if (got.size() < words_.size()) {
                    got.push_back(in_units(signed_of(task.misses[i]), ""));
                }
            }
        }
        return joined(got);
    }
    std::string longest_response() {
        return of_each([](const TaskResult& t) { return signed_of(t.longest_response); });
    }
    std::string idle() { return in_units(signed_of(run_.idle), words_.empty() ? "" : words_[0]); }
    /// `share B 0 150 0.36`: of the CPU, between two times.
    std::string share() {
        if (words_.size() != 4) {
            return "share needs NAME FROM TO PART";
        }
        const auto from = static_cast<std::uint64_t>(std::stoll(words_[1]) * unit_);
        const auto to = static_cast<std::uint64_t>(std::stoll(words_[2]) * unit_);
        std::uint64_t had = 0;
        for (const Slice* s : slices()) {
            const std::uint64_t begin = std::max(s->start, from);
            const std::uint64_t end = std::min(s->end, to);
            had += name_of(*s) == words_[0] && end > begin ? end - begin : 0;
        }
        return words_[0] + " " + words_[1] + " " + words_[2] + " " +
               as_written(signed_of(had), signed_of(to - from), words_[3]);
    }
    std::string ends() {
        std::uint64_t last = 0;
        for (const TaskResult& task : run_.tasks) {
            last = std::max(last, task.ended_at);
        }
        return in_units(signed_of(last), "");
    }
    /// Of all tasks, after each slice: what equal shares since 0 would have given, less what it
    /// had; as far as is expected.
    std::string lags() {
        std::vector<std::string> got;
        std::vector<std::int64_t> had(run_.tasks.size());
        const auto n = static_cast<std::int64_t>(had.size());
        for (const Slice* s : slices()) {
            had[s->task] += signed_of(s->end - s->start);
            for (std::size_t i = 0; i < had.size() && got.size() < words_.size(); ++i) {
                got.push_back(
                    as_written(signed_of(s->end) - n * had[i], n * unit_, words_[got.size()]));
            }
        }
        return joined(got);
    }
    /// `lag_range A -0.5 0`: where A's lag was all the time.
    std::string lag_range() {
        for (const TaskResult& task : run_.tasks) {
            if (words_.size() == 3 && task.name == words_[0]) {
                return task.name + " " + in_units(task.least_lag, words_[1]) + " " +
                       in_units(task.most_lag, words_[2]);
            }
        }
        return "lag_range needs NAME LEAST MOST";
    }
    std::string load_average() {
        std::vector<std::string> got;
        for (std::size_t i = 0; i < run_.probes.size(); ++i) {
            got.push_back(as_written(run_.probes[i].load, 100, "0.00"));
        }
        return joined(got);
    }
    /// Of the first task.
    std::string recent_cpu() {
        std::vector<std::string> got;
        for (const Probe& probe : run_.probes) {
            got.push_back(as_written(probe.recent.empty() ? 0 : probe.recent[0], 100, "0.00"));
        }
        return joined(got);
    }

    const Case& case_;
    const RunResult& run_;
    std::int64_t unit_;
    std::vector<std::string> words_;
};

}  // namespace

CaseResult check_case(const Workload& workload, const Case& c) {
    CaseResult result;
    std::optional<RunResult> run = run_workload(c.policy, workload, c.inputs, most_slices);
    if (!run || !run->error.empty()) {
        result.findings.push_back({.what = "policy",
                                   .expected = c.policy,
                                   .got = run ? run->error : "no such policy",
                                   .line = 0});
        return result;
    }
    result.run = std::move(*run);
    Judge judge(workload, c, result.run);
    for (const Expectation& e : c.expectations) {
        result.findings.push_back(judge.judge(e));
    }
    return result;
}

std::vector<std::uint64_t> response_times(const Workload& workload) {
    const auto count = [](Duration d) { return static_cast<std::uint64_t>(d.count()); };
    std::vector<std::uint64_t> times;
    for (std::size_t i = 0; i < workload.kinds.size(); ++i) {
        const sched::Reservation& own = workload.kinds[i].parameters.reservation;
        std::uint64_t response = count(own.runtime);
        for (std::uint64_t before = 0; own.is_any() && response != before;) {
            before = response;
            response = count(own.runtime);
            for (std::size_t j = 0; j < workload.kinds.size(); ++j) {
                const sched::Reservation& other = workload.kinds[j].parameters.reservation;
                const bool above =
                    other.period < own.period || (other.period == own.period && j < i);
                if (j != i && other.is_any() && above) {
                    const std::uint64_t period = count(other.period);
                    response += (before + period - 1) / period * count(other.runtime);
                }
            }
            if (response > count(own.deadline)) {
                response = 0;
                break;
            }
        }
        times.push_back(own.is_any() ? response : 0);
    }
    return times;
}

}  // namespace kidney::lab

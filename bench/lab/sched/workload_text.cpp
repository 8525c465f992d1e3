/// The reader: one function for each rule of the grammar.
#include "bench/lab/sched/workload_text.hpp"

#include "bench/lab/sched/scanner.hpp"
#include "kidney/core/cpu_id.hpp"
#include "proc/priorities.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace kidney::lab {
namespace {

using Op = Step::Op;

class Reader {
public:
    explicit Reader(std::string_view text) : scan_(text) {}

    Workload read() {
        while (!scan_.is_at_end()) {
            if (scan_.accept("about")) {
                workload_.about = scan_.quoted("about");
            } else if (scan_.accept("source")) {
                workload_.source = scan_.quoted("source");
            } else if (scan_.accept("unit")) {
                workload_.unit = positive_time("unit");
                scan_.use_unit(workload_.unit);
            } else if (scan_.accept("semaphore")) {
                read_semaphore();
            } else if (scan_.accept("mutex")) {
                workload_.mutexes.push_back(fresh_name("mutex"));
            } else if (scan_.accept("task")) {
                read_task();
            } else if (scan_.accept("set")) {
                read_set();
            } else if (scan_.accept("case")) {
                read_case();
            } else if (!read_input(workload_.inputs)) {
                scan_.fail("a task or a setting is expected" + scan_.found());
            }
        }
        if (workload_.kinds.empty() && workload_.sets.empty()) {
            scan_.fail("a workload needs at least one task");
        }
        resolve_spawns();
        check_that_it_ends();
        return std::move(workload_);
    }

private:
    // --- Settings ---

    [[nodiscard]] std::uint64_t positive_time(const char* of_what) {
        const std::uint64_t time = scan_.time(of_what);
        if (time == 0) {
            scan_.fail_before(std::string(of_what) + " must not be zero");
        }
        return time;
    }
    [[nodiscard]] Duration positive_duration(const char* of_what) {
        return Duration::nanoseconds(static_cast<std::int64_t>(positive_time(of_what)));
    }
    [[nodiscard]] Duration duration(const char* of_what) {
        return Duration::nanoseconds(static_cast<std::int64_t>(scan_.time(of_what)));
    }
    /// False if there is none.
    bool read_input(Inputs& in) {
        if (scan_.accept("cpus")) {
            in.cpus = static_cast<std::uint32_t>(scan_.number("cpus", 1, max_cpus));
        } else if (scan_.accept("until")) {
            in.until = positive_duration("until");
        } else if (scan_.accept("tick")) {
            in.tick = positive_duration("tick");
        } else if (scan_.accept("quantum")) {
            in.quantum = positive_duration("quantum");
        } else if (scan_.accept("balancer")) {
            in.balancer = scan_.name("balancer");
        } else if (scan_.accept("clock")) {
            in.clock = Instant(scan_.time("clock"));
        } else if (scan_.accept("ties")) {
            read_ties(in);
        } else if (scan_.accept("switch_cost")) {
            in.switch_cost = duration("switch_cost");
        } else if (scan_.accept("tick_cost")) {
            in.tick_cost = duration("tick_cost");
        } else if (scan_.accept("interrupt_cost")) {
            in.interrupt_cost = duration("interrupt_cost");
        } else if (scan_.accept("migration_cost")) {
            in.migration_cost = duration("migration_cost");
        } else if (scan_.accept("interrupt_delay")) {
            in.interrupt_delay = duration("interrupt_delay");
        } else if (scan_.accept("free")) {
            in.switch_cost = in.tick_cost = in.interrupt_cost = in.migration_cost =
                in.interrupt_delay = Duration();
        } else {
            return read_rule(in);
        }
        return true;
    }
    /// Of one policy.
    bool read_rule(Inputs& in) {
        if (scan_.accept("mlfq_levels")) {
            in.mlfq_levels = static_cast<std::uint32_t>(scan_.number("mlfq_levels", 1, 8));
        } else if (scan_.accept("mlfq_allotment")) {
            in.mlfq_allotment = static_cast<std::uint32_t>(scan_.number("mlfq_allotment", 1, 1000));
        } else if (scan_.accept("mlfq_boost")) {
            in.mlfq_boost = duration("mlfq_boost");
        } else if (scan_.accept("mlfq_doubles")) {
            in.mlfq_doubles = scan_.number("mlfq_doubles", 0, 1) != 0;
        } else if (scan_.accept("mlfq_forgets")) {
            in.mlfq_forgets = scan_.number("mlfq_forgets", 0, 1) != 0;
        } else if (scan_.accept("eevdf_fresh")) {
            in.eevdf_fresh = scan_.number("eevdf_fresh", 0, 1) != 0;
        } else if (scan_.accept("cfs_latency")) {
            in.cfs_latency = positive_duration("cfs_latency");
        } else if (scan_.accept("draws")) {
            in.draws.clear();
            while (scan_.is_at_number()) {
                in.draws.push_back(static_cast<std::uint32_t>(scan_.number("draws", 0, 99)));
            }
        } else if (scan_.accept("probes")) {
            while (scan_.is_at_number()) {
                in.probes.emplace_back(scan_.time("probes"));
            }
        } else {
            return false;
        }
        return true;
    }
    void read_ties(Inputs& in) {
        if (scan_.accept("arrival")) {
            in.ties = TieRule::arrival_first;
        } else if (scan_.accept("preempted")) {
            in.ties = TieRule::preempted_first;
        } else {
            scan_.fail("ties go to 'arrival' or to 'preempted'" + scan_.found());
        }
    }
    [[nodiscard]] std::string fresh_name(const char* of_what) {
        std::string name = scan_.name(of_what);
        const auto is_taken = [&](const auto& other) { return other.name == name; };
        if (std::ranges::any_of(workload_.semaphores, is_taken) ||
            std::ranges::any_of(workload_.kinds, is_taken) ||
            std::ranges::any_of(workload_.sets, is_taken) ||
            std::ranges::find(workload_.mutexes, name) != workload_.mutexes.end()) {
            scan_.fail_before("there is a '" + name + "' already");
        }
        return name;
    }
    void read_semaphore() {
        Semaphore semaphore{fresh_name("semaphore"), 0};
        if (scan_.is_at_number()) {
            semaphore.initial =
                static_cast<std::uint32_t>(scan_.number("a semaphore", 0, 1'000'000));
        }
        workload_.semaphores.push_back(semaphore);
    }
    void read_case() {
        Case c;
        c.name = scan_.quoted("case");
        c.inputs = workload_.inputs;
        scan_.expect("{", "the name of a case");
        while (!scan_.accept("}")) {
            if (scan_.accept("policy")) {
                c.policy = scan_.name("policy");
            } else if (scan_.accept("expect")) {
                Expectation e;
                e.line = scan_.line();
                e.what = scan_.name("expect");
                e.text = e.line == scan_.line() ? scan_.rest_of_line() : "";
                c.expectations.push_back(std::move(e));
            } else if (!read_input(c.inputs)) {
                scan_.fail("a setting, 'policy', 'expect' or '}' is expected" + scan_.found());
            }
        }
        workload_.cases.push_back(std::move(c));
    }

    // --- Tasks ---

    void read_task() {
        TaskKind kind;
        kind.name = fresh_name("task");
        kind.start = Distribution{};
        while (!scan_.accept("{")) {
            if (scan_.accept("x")) {
                kind.count = static_cast<std::uint32_t>(scan_.number("x", 1, 100'000));
            } else if (scan_.accept("at")) {
                kind.start = read_time("at");
            } else if (scan_.accept("spawned")) {
                kind.start.reset();
            } else if (scan_.accept("priority")) {
                kind.parameters.priority = sched::Priority(static_cast<std::uint8_t>(
                    scan_.number("priority", 0, sched::Priority::levels - 1)));
            } else if (scan_.accept("nice")) {
                set_nice(kind.parameters, read_nice());
            } else if (scan_.accept("weight")) {
                kind.parameters.weight =
                    static_cast<std::uint32_t>(scan_.number("weight", 1, 1U << 24));
            } else if (scan_.accept("on")) {
                kind.parameters.allowed = read_cpus();
            } else if (scan_.accept("reserve")) {
                kind.parameters.reservation = read_reservation();
            } else if (scan_.is_at_end()) {
                scan_.fail("the program of task '" + kind.name + "' is missing: { ... }");
            } else {
                scan_.fail(
                    "of a task: x, at, spawned, priority, nice, weight, on, reserve, or its "
                    "program in { }" +
                    scan_.found());
            }
        }
        kind_ = &kind;
        read_steps(0);
        kind.steps.push_back({.op = Op::exit});
        workload_.kinds.push_back(std::move(kind));
    }
    void read_set() {
        PeriodicSet set;
        set.name = fresh_name("set");
        scan_.expect("x", "the name of a set");
        set.count = static_cast<std::uint32_t>(scan_.number("x", 1, 64));
        scan_.expect("utilisation", "the number of tasks");
        set.utilisation_per_mille = static_cast<std::uint32_t>(scan_.scaled("utilisation", 10));
        scan_.expect("%", "a utilisation");
        scan_.expect("periods", "a utilisation");
        set.shortest = positive_duration("periods");
        scan_.expect("to", "the shortest period");
        set.longest = positive_duration("periods");
        if (set.longest < set.shortest) {
            scan_.fail_before("the longest period is shorter than the shortest");
        }
        workload_.sets.push_back(set);
    }
    /// `0,2,3`
    [[nodiscard]] CpuSet read_cpus() {
        CpuSet cpus;
        do {
            cpus.insert(CpuId(static_cast<std::uint32_t>(scan_.number("on", 0, max_cpus - 1))));
        } while (scan_.accept(","));
        return cpus;
    }
    [[nodiscard]] int read_nice() {
        const bool negative = scan_.peek().starts_with("-");
        if (negative) {
            const std::string word(scan_.peek());
            for (int nice = 1; nice <= 20; ++nice) {
                if (scan_.accept("-" + std::to_string(nice))) {
                    return -nice;
                }
            }
            scan_.fail("nice must be a number from -20 to 19, not '" + word + "'");
        }
        return static_cast<int>(scan_.number("nice", 0, 19));
    }
    static void set_nice(sched::SchedulingParameters& p, int nice) {
        p.nice = static_cast<std::int8_t>(nice);
        p.weight = proc::weight_of({}, nice);
    }
    [[nodiscard]] sched::Reservation read_reservation() {
        sched::Reservation r;
        r.runtime = positive_duration("reserve");
        scan_.expect("every", "the runtime of a reservation");
        r.period = r.deadline = positive_duration("every");
        if (scan_.accept("within")) {
            r.deadline = positive_duration("within");
        }
        if (r.deadline > r.period || r.runtime > r.deadline) {
            scan_.fail_before("a reservation needs runtime <= deadline <= period");
        }
        return r;
    }
    [[nodiscard]] Distribution read_time(const char* of_what) {
        Distribution d;
        if (scan_.accept("uniform")) {
            d.kind = Distribution::Kind::uniform;
            scan_.expect("(", "uniform");
            d.low = scan_.time("uniform");
            scan_.expect(",", "the least");
            d.high = scan_.time("uniform");
            if (d.high < d.low) {
                scan_.fail_before("the most is less than the least");
            }
        } else if (scan_.accept("exponential")) {
            d.kind = Distribution::Kind::exponential;
            scan_.expect("(", "exponential");
            d.low = scan_.time("exponential");
        } else if (scan_.accept("pareto")) {
            d.kind = Distribution::Kind::pareto;
            scan_.expect("(", "pareto");
            d.low = positive_time("pareto");
            scan_.expect(",", "the least");
            d.shape = static_cast<std::uint32_t>(
                std::min<std::uint64_t>(scan_.scaled("the shape", 100), 100'000));
            scan_.expect(",", "the shape");
            d.high = scan_.time("pareto");
            if (d.high < d.low || d.shape == 0) {
                scan_.fail_before("pareto needs least <= most and a shape that is not zero");
            }
        } else {
            d.low = scan_.time(of_what);
            return d;
        }
        scan_.expect(")", "a distribution");
        return d;
    }

    // --- Programs ---

    /// Up to the closing brace.
    void read_steps(std::uint32_t depth) {
        while (!scan_.accept("}")) {
            if (scan_.is_at_end()) {
                scan_.fail("'}' is missing at the end of task '" + kind_->name + "'");
            }
            if (!read_loop(depth) && !read_timed() && !read_object() && !read_change()) {
                scan_.fail(
                    "of a program: compute, sleep, spin, wait, signal, broadcast, lock, unlock, "
                    "yield, "
                    "spawn, nice, priority, weight, exit, repeat, forever, every, or '}'" +
                    scan_.found());
            }
        }
    }
    [[nodiscard]] std::uint32_t here() const {
        return static_cast<std::uint32_t>(kind_->steps.size());
    }
    void add(Step step) { kind_->steps.push_back(step); }
    bool read_loop(std::uint32_t depth) {
        if (scan_.accept("forever")) {
            scan_.expect("{", "forever");
            const std::uint32_t begins = here();
            read_steps(depth);
            if (here() == begins) {
                scan_.fail_before("a loop with nothing in it");
            }
            add({.op = Op::jump, .target = begins});
        } else if (scan_.accept("repeat")) {
            if (depth == TaskKind::most_loops) {
                scan_.fail_before("more than 4 loops inside each other");
            }
            add({.op = Op::repeat,
                 .argument = depth,
                 .number = scan_.number("repeat", 1, 1'000'000'000)});
            scan_.expect("{", "repeat");
            const std::uint32_t begins = here();
            read_steps(depth + 1);
            add({.op = Op::again, .argument = depth, .target = begins});
        } else if (scan_.accept("every")) {
            Step release{.op = Op::release};
            release.time.low = positive_time("every");
            release.number = scan_.accept("within") ? positive_time("within") : release.time.low;
            scan_.expect("{", "every");
            const std::uint32_t begins = here();
            add(release);
            read_steps(depth);
            add({.op = Op::complete});
            add({.op = Op::jump, .target = begins});
        } else {
            return false;
        }
        return true;
    }
    bool read_timed() {
        if (scan_.accept("compute")) {
            add({.op = Op::compute, .time = read_time("compute")});
        } else if (scan_.accept("sleep")) {
            add({.op = Op::sleep, .time = read_time("sleep")});
        } else if (scan_.accept("spin")) {
            scan_.expect("until", "spin");
            Step step{.op = Op::spin, .number = 10'000'000};
            step.time.low = scan_.time("until");
            add(step);
        } else if (scan_.accept("yield")) {
            add({.op = Op::yield});
        } else if (scan_.accept("exit")) {
            add({.op = Op::exit});
        } else {
            return false;
        }
        return true;
    }
    bool read_object() {
        if (scan_.accept("wait")) {
            add({.op = Op::wait, .argument = semaphore()});
        } else if (scan_.accept("signal")) {
            Step step{.op = Op::signal, .argument = semaphore(), .number = 1};
            if (scan_.is_at_number()) {
                step.number = scan_.number("signal", 1, 1'000'000);
            }
            add(step);
        } else if (scan_.accept("broadcast")) {
            add({.op = Op::broadcast, .argument = semaphore()});
        } else if (scan_.accept("lock")) {
            add({.op = Op::lock, .argument = mutex()});
        } else if (scan_.accept("unlock")) {
            add({.op = Op::unlock, .argument = mutex()});
        } else {
            return false;
        }
        return true;
    }
    bool read_change() {
        if (scan_.accept("spawn")) {
            Step step{.op = Op::spawn, .number = 1};
            step.argument = static_cast<std::uint32_t>(spawned_.size());
            spawned_.push_back({scan_.name("spawn"), scan_.line()});
            if (scan_.is_at_number()) {
                step.number = scan_.number("spawn", 1, 100'000);
            }
            add(step);
        } else if (scan_.accept("nice")) {
            add({.op = Op::nice, .number = static_cast<std::uint64_t>(read_nice() + 20)});
        } else if (scan_.accept("priority")) {
            add({.op = Op::priority,
                 .number = scan_.number("priority", 0, sched::Priority::levels - 1)});
        } else if (scan_.accept("weight")) {
            add({.op = Op::weight, .number = scan_.number("weight", 1, 1U << 24)});
        } else {
            return false;
        }
        return true;
    }
    [[nodiscard]] std::uint32_t semaphore() {
        const std::string name = scan_.name("a semaphore");
        for (std::size_t i = 0; i < workload_.semaphores.size(); ++i) {
            if (workload_.semaphores[i].name == name) {
                return static_cast<std::uint32_t>(i);
            }
        }
        scan_.fail_before("no semaphore '" + name + "': a line 'semaphore " + name +
                          "' must stand before the task");
    }
    [[nodiscard]] std::uint32_t mutex() {
        const std::string name = scan_.name("a mutex");
        const auto found = std::ranges::find(workload_.mutexes, name);
        if (found == workload_.mutexes.end()) {
            scan_.fail_before("no mutex '" + name + "': a line 'mutex " + name +
                              "' must stand before the task");
        }
        return static_cast<std::uint32_t>(found - workload_.mutexes.begin());
    }
    void check_that_it_ends() const {
        const auto is_endless = [](const TaskKind& kind) {
            return std::ranges::any_of(kind.steps, [](const Step& s) { return s.op == Op::jump; });
        };
        const bool endless =
            !workload_.sets.empty() || std::ranges::any_of(workload_.kinds, is_endless);
        const bool has_end = workload_.cases.empty()
                                 ? workload_.inputs.until != Duration()
                                 : std::ranges::all_of(workload_.cases, [](const Case& c) {
                                       return c.inputs.until != Duration();
                                   });
        if (endless && !has_end) {
            scan_.fail("programs that go on for ever need a line 'until TIME'");
        }
    }
    /// Who is spawned may come later in the text.
    void resolve_spawns() {
        for (TaskKind& kind : workload_.kinds) {
            for (Step& step : kind.steps) {
                if (step.op == Op::spawn) {
                    const auto& [name, line] = spawned_[step.argument];
                    const auto found = std::ranges::find(workload_.kinds, name, &TaskKind::name);
                    if (found == workload_.kinds.end()) {
                        throw TextFault{line, 1, "spawn: no task '" + name + "'"};
                    }
                    step.argument = static_cast<std::uint32_t>(found - workload_.kinds.begin());
                }
            }
        }
    }

    Scanner scan_;
    Workload workload_;
    TaskKind* kind_ = nullptr;
    std::vector<std::pair<std::string, std::uint32_t>> spawned_;
};

}  // namespace

std::variant<Workload, TextFault> read_workload(std::string_view text) {
    try {
        return Reader(text).read();
    } catch (TextFault& fault) {
        return std::move(fault);
    }
}

}  // namespace kidney::lab

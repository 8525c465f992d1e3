/// `./kidney explore`: explores a scenario and tells the story of the schedule that fails.
///
///     explore                      the names of all scenarios, and what they are about
///     explore NAME [OPTION VALUE]...
///         --search S               depth-first, reduced, pct, random
///         --preemptions N          of depth-first: at most so many
///         --runs N                 at most so many schedules
///         --seed N, --depth N      of pct and random; of pct
///         --replay SCHEDULE        that one only
///
/// Exit status: 0 no failure, 1 a failure, 2 no such scenario or option.
#include "tests/scenarios/scenario.hpp"

#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kidney::scenarios {
namespace {

struct Options {
    std::string_view scenario;
    sim::ExploreOptions explore;
    std::optional<std::string_view> replay;
};

constexpr std::string_view search_names[] = {"depth-first", "reduced", "pct", "random"};

std::vector<const Entry*> all() {
    std::vector<const Entry*> entries;
    for (const Entry* e = Entry::first; e != nullptr; e = e->next) {
        entries.insert(entries.begin(), e);  // as they stand in the file
    }
    return entries;
}

template <class T>
bool parse(std::string_view text, T& to) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
    return error == std::errc() && end == text.data() + text.size();
}

bool set(Options& options, std::string_view option, std::string_view value) {
    if (option == "--search") {
        for (std::size_t i = 0; i < std::size(search_names); ++i) {
            if (value == search_names[i]) {
                options.explore.search = static_cast<sim::Search>(i);
                return true;
            }
        }
        return false;
    }
    if (option == "--replay") {
        options.replay = value;
        return true;
    }
    return (option == "--preemptions" && parse(value, options.explore.preemptions)) ||
           (option == "--runs" && parse(value, options.explore.max_schedules)) ||
           (option == "--seed" && parse(value, options.explore.seed)) ||
           (option == "--depth" && parse(value, options.explore.depth));
}

/// "depth first, at most 2 preemptions" and so on.
std::string how(const sim::ExploreOptions& options) {
    switch (options.search) {
        case sim::Search::depth_first:
            return "depth first, at most " + std::to_string(options.preemptions) + " preemptions";
        case sim::Search::reduced:
            return "one schedule of those that differ in the order of independent steps";
        case sim::Search::pct:
            return "priorities that change by chance, depth " + std::to_string(options.depth) +
                   ", seed " + std::to_string(options.seed);
        case sim::Search::random:
            break;
    }
    return "by chance, seed " + std::to_string(options.seed);
}

int tell(const Entry& entry, std::string_view schedule) {
    const std::string story = sim::explored::story(entry.program, schedule);
    std::fwrite(story.data(), 1, story.size(), stdout);
    return sim::explored::replay(entry.program, schedule).failure.empty() ? 0 : 1;
}

int explore(const Entry& entry, const sim::ExploreOptions& options) {
    std::printf("%.*s: %zu threads; %s\n", static_cast<int>(entry.name.size()), entry.name.data(),
                entry.program.threads, how(options).c_str());
    const sim::Exploration found = sim::explored::explore(entry.program, options);
    if (!found.failure.empty()) {
        const std::string least = sim::explored::minimise(entry.program, found.schedule);
        std::printf(
            "schedule %zu fails. The same with as few preemptions as were found; to see it again:"
            " --replay %s\n\n",
            found.schedules, least.empty() ? "''" : least.c_str());
        return tell(entry, least);
    }
    std::printf("%zu schedules, %s: no failure\n", found.schedules,
                found.complete ? "and there are no others" : "and there are others");
    if (found.redundant != 0) {
        std::printf("of these %zu turned out to be others over again\n", found.redundant);
    }
    if (options.search == sim::Search::pct) {
        std::printf(
            "a mistake of depth %zu in %zu steps was missed with a probability of at most"
            " %.2g\n",
            options.depth, found.steps, found.missed_at_most);
    }
    return 0;
}

int main(std::span<char*> arguments) {
    Options options;
    if (arguments.empty()) {
        for (const Entry* e : all()) {
            std::printf("%-24s %.*s\n", std::string(e->name).c_str(),
                        static_cast<int>(e->about.size()), e->about.data());
        }
        return 0;
    }
    options.scenario = arguments[0];
    for (std::size_t i = 1; i < arguments.size(); i += 2) {
        if (i + 1 == arguments.size() || !set(options, arguments[i], arguments[i + 1])) {
            std::fprintf(stderr, "explore: no such option or value: %s\n", arguments[i]);
            return 2;
        }
    }
    for (const Entry* e : all()) {
        if (e->name == options.scenario) {
            return options.replay ? tell(*e, *options.replay) : explore(*e, options.explore);
        }
    }
    std::fprintf(stderr, "explore: no scenario %s\n", arguments[0]);
    return 2;
}

}  // namespace
}  // namespace kidney::scenarios

int main(int count, char** arguments) {
    return kidney::scenarios::main(std::span(arguments + 1, static_cast<std::size_t>(count - 1)));
}

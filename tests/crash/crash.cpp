/// `./kidney crash`: sweeps over workloads and the states that a loss of power may leave of them.
///
///     crash FILE-SYSTEM [OPTION VALUE]...
///         --length N         workloads of 1 to N steps, all of them; default 2
///         --random N         and so many of three steps, by chance
///         --seed N           where chance begins
///         --nested N         the power goes again during recovery, so often (0 to 2); default:
///                            2 for workloads of one step, none for others
///         --part K --parts N only every N-th workload, beginning with the K-th
///         --json FILE        the counts, for --merge
///         --script FILE      the smallest failure, for --replay
///     crash --replay FILE
///
/// Exit status: 0 no failure, 1 a failure, 2 a wrong option or script.
#include "tests/crash/story.hpp"
#include "tests/crash/subjects/ext2.hpp"
#include "tests/crash/subjects/fat.hpp"
#include "tests/crash/subjects/kfs.hpp"
#include "tests/crash/subjects/vsfs.hpp"

#include <charconv>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kidney::crash {
namespace {

struct Options {
    std::string file_system, json, script, replay;
    std::uint32_t length = 2, nested = 3, part = 1, parts = 1;  ///< nested 3: by length
    std::uint64_t random = 0, seed = 1;
};

template <class T>
bool parse(std::string_view text, T& to) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
    return error == std::errc() && end == text.data() + text.size();
}

bool set(Options& o, std::string_view option, std::string_view value) {
    if (option == "--json" || option == "--script" || option == "--replay") {
        (option == "--json" ? o.json : option == "--script" ? o.script : o.replay) = value;
        return true;
    }
    return (option == "--length" && parse(value, o.length) && o.length >= 1 && o.length <= 3) ||
           (option == "--random" && parse(value, o.random)) ||
           (option == "--seed" && parse(value, o.seed) && o.seed != 0) ||
           (option == "--nested" && parse(value, o.nested) && o.nested <= 2) ||
           (option == "--part" && parse(value, o.part)) ||
           (option == "--parts" && parse(value, o.parts) && o.parts != 0);
}

/// The workloads of a sweep by number: those of each length, then some by chance.
class Plan {
public:
    explicit Plan(const Options& o) : options_(o) {
        for (std::uint32_t length = 1; length <= o.length; ++length) {
            lengths_.emplace_back(length);
        }
    }
    /// Calls `use(workload, its length)` for those of the part, until it returns false.
    template <class Use>
    void for_each(Use&& use) const {
        std::uint64_t number = 0;
        const auto is_mine = [&] { return number++ % options_.parts == options_.part - 1; };
        for (std::uint32_t i = 0; i < lengths_.size(); ++i) {
            for (std::uint64_t n = 0; n < lengths_[i].count(); ++n) {
                if (is_mine() && !use(lengths_[i].at(n), i + 1)) {
                    return;
                }
            }
        }
        const Sequences three(3);
        std::uint64_t state = options_.seed;
        for (std::uint64_t n = 0; n < options_.random; ++n) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if (is_mine() && !use(three.at(state % three.count()), 3)) {
                return;
            }
        }
    }

private:
    const Options& options_;
    std::vector<Sequences> lengths_;
};

void tell(const Options& o, const Counts& c, double seconds) {
    const double rate = seconds > 0 ? static_cast<double>(c.states()) / seconds : 0;
    std::printf("%s: %" PRIu64 " workloads (%" PRIu64 " that ask for the impossible left out)\n\n",
                o.file_system.c_str(), c.workloads, c.skipped);
    const std::pair<const char*, std::uint64_t> rows[] = {{"prefixes", c.prefix},
                                                          {"torn writes", c.torn},
                                                          {"reordered", c.reordered},
                                                          {"during recovery", c.recovery},
                                                          {"all", c.states()}};
    for (const auto& [name, count] : rows) {
        std::printf("  %-16s %10" PRIu64 " states\n", name, count);
    }
    std::printf("  %-16s %10.0f states a second, %.1f s\n\n", "", rate, seconds);
    for (std::size_t i = 0; i < fault_names.size(); ++i) {
        if (c.failures[i] != 0) {
            std::printf("  %10" PRIu64 " failures: %s\n", c.failures[i], fault_texts[i]);
        }
    }
    std::printf(c.failed_workloads == 0 ? "no failure\n" : "%" PRIu64 " workloads fail\n",
                c.failed_workloads);
}

bool write_json(const Options& o, const Counts& c) {
    std::ofstream file(o.json);
    file << "{\"file_system\": \"" << o.file_system << "\", \"length\": " << o.length
         << ", \"random\": " << o.random << ", \"seed\": " << o.seed << ", \"nested\": " << o.nested
         << ", \"shard\": [" << o.part << ", " << o.parts << "],\n \"workloads\": " << c.workloads
         << ", \"skipped\": " << c.skipped << ", \"failed_workloads\": " << c.failed_workloads
         << ",\n \"states\": {\"prefix\": " << c.prefix << ", \"torn\": " << c.torn
         << ", \"reordered\": " << c.reordered << ", \"recovery\": " << c.recovery
         << "},\n \"failures\": {";
    for (std::size_t i = 0; i < fault_names.size(); ++i) {
        file << (i == 0 ? "\"" : ", \"") << fault_names[i] << "\": " << c.failures[i];
    }
    file << "}}\n";
    return static_cast<bool>(file);
}

template <class Subject>
int sweep(Subject& subject, const Options& o) {
    // One machine for each depth of recovery; the counts are those of both.
    Machine<Subject> deep(subject, o.nested == 3 ? 2 : o.nested);
    Machine<Subject> flat(subject, o.nested == 3 ? 0 : o.nested);
    if (!deep.prepare() || !flat.prepare()) {
        std::fprintf(stderr, "crash: the file system for the workloads cannot be made\n");
        return 1;
    }
    std::optional<Failure> first;
    const auto begin = std::chrono::steady_clock::now();
    Plan(o).for_each([&](const Workload& workload, std::uint32_t length) {
        auto failure = (length == 1 ? deep : flat).try_all(workload, true);
        if (failure && !first) {
            first = std::move(failure);
        }
        return true;
    });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    Counts sum = deep.counts();
    const Counts& other = flat.counts();
    sum.workloads += other.workloads;
    sum.skipped += other.skipped;
    sum.failed_workloads += other.failed_workloads;
    sum.prefix += other.prefix;
    sum.torn += other.torn;
    sum.reordered += other.reordered;
    sum.recovery += other.recovery;
    for (std::size_t i = 0; i < sum.failures.size(); ++i) {
        sum.failures[i] += other.failures[i];
    }
    if (first) {
        const Failure least = deep.minimise(std::move(*first));
        std::printf("The smallest that was found:\n%s\n", deep.story(least).c_str());
        if (!o.script.empty()) {
            std::ofstream(o.script) << script_of(o.file_system, least);
            std::printf("to see it again: ./kidney crash --replay %s\n\n", o.script.c_str());
        }
    }
    tell(o, sum, took.count());
    if (!o.json.empty() && !write_json(o, sum)) {
        std::fprintf(stderr, "crash: %s cannot be written\n", o.json.c_str());
        return 1;
    }
    return sum.failed_workloads == 0 ? 0 : 1;
}

template <class Subject>
int replay(Subject& subject, const Failure& failure) {
    Machine<Subject> machine(subject, Machine<Subject>::max_nested);
    if (!machine.prepare()) {
        return 1;
    }
    const std::string story = machine.story(failure);
    std::fwrite(story.data(), 1, story.size(), stdout);
    return machine.try_one(failure.workload, failure.cuts) ? 1 : 0;
}

/// A log of 17 blocks holds one operation at a time, one of 33 several.
constexpr std::pair<std::string_view, std::uint32_t> vsfs_logs[] = {
    {"vsfs", 33}, {"vsfs-small-log", 17}, {"vsfs-without-log", 0}};

/// By the size of their blocks.
constexpr std::pair<std::string_view, std::uint32_t> ext2_blocks[] = {
    {"ext2", 1024}, {"ext2-2k", 2048}, {"ext2-4k", 4096}};

const std::pair<std::string_view, fs_test::FatFormat> fat_formats[] = {
    {"fat12", {12, 1, "256k", "-r 64"}},
    {"fat16", {16, 1, "2200k", "-r 64"}},
    {"fat32", {32, 1, "400k"}}};

/// Calls `use` with the file system of that name; -1: there is none.
template <class Use>
int with_subject(const std::string& name, Use&& use) {
    for (const auto& [known, log_blocks] : vsfs_logs) {
        if (name == known) {
            VsfsSubject subject(log_blocks);
            return use(subject);
        }
    }
    for (const auto& [known, block_size] : ext2_blocks) {
        if (name == known) {
            Ext2Subject subject(block_size);
            return use(subject);
        }
    }
    for (const auto& [known, format] : fat_formats) {
        if (name == known) {
            FatSubject subject(format);
            return use(subject);
        }
    }
    if (name == "kfs" || name == "kfs-homeward") {
        KfsSubject subject(name == "kfs-homeward");
        return use(subject);
    }
    return -1;
}

int read_script(const std::string& path, std::string& file_system, Failure& failure) {
    std::ifstream file(path);
    if (!file) {
        std::fprintf(stderr, "crash: %s: no such file\n", path.c_str());
        return 2;
    }
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
        if (line.empty() || line[0] == '#') {
            continue;
        }
        if (line.starts_with("file-system ")) {
            file_system = line.substr(12);
            continue;
        }
        const auto step =
            line.starts_with("do ") ? operation_of(std::string_view(line).substr(3)) : std::nullopt;
        const auto cut = cut_of(line);
        if (step) {
            failure.workload.push_back(*step);
        } else if (cut && failure.cuts.size() < 3) {
            failure.cuts.push_back(*cut);
        } else {
            std::fprintf(stderr, "crash: %s:%d: not a line of a script: %s\n", path.c_str(), number,
                         line.c_str());
            return 2;
        }
    }
    return 0;
}

int main(std::span<char*> arguments) {
    Options o;
    std::size_t i = 0;
    if (!arguments.empty() && arguments[0][0] != '-') {
        o.file_system = arguments[i++];
    }
    for (; i < arguments.size(); i += 2) {
        if (i + 1 == arguments.size() || !set(o, arguments[i], arguments[i + 1])) {
            std::fprintf(stderr, "crash: no such option or value: %s\n", arguments[i]);
            return 2;
        }
    }
    Failure failure;
    if (!o.replay.empty()) {
        if (const int status = read_script(o.replay, o.file_system, failure); status != 0) {
            return status;
        }
    }
    const int status = with_subject(o.file_system, [&](auto& subject) {
        return o.replay.empty() ? sweep(subject, o) : replay(subject, failure);
    });
    if (status < 0) {
        std::fprintf(
            stderr,
            "crash: no file system '%s'. There are: kfs, kfs-homeward, vsfs, vsfs-small-log, "
            "vsfs-without-log, ext2, ext2-2k, ext2-4k, fat12, fat16, fat32\n",
            o.file_system.c_str());
        return 2;
    }
    return status;
}

}  // namespace
}  // namespace kidney::crash

int main(int count, char** arguments) {
    return kidney::crash::main(std::span(arguments + 1, static_cast<std::size_t>(count - 1)));
}

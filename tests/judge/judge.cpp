// Judges a frame allocator by the laws of its contract. It links no policy: that is in a program of
// its own, the subject.
//
//   judge --subject PROGRAM [--via "COMMAND"] [--law F3] [--seeds N] [--largest-order K] [--maps
//   small|all]
//         [--json FILE] [--junit FILE] [--reproduce "COMMAND"] [-- ARGUMENTS OF THE SUBJECT]
//
// Exit status: 0 every law is kept, 1 a law is not, 2 there was nothing to judge.
#include "tests/judge/results.hpp"

#include <cstdlib>
#include <cstring>
#include <sstream>
#include <sys/resource.h>

namespace kidney {

void assertion_failed(const char* expression, const char* why, const char* file,
                      int line) noexcept {
    std::fprintf(stderr, "judge: %s:%d: %s: %s\n", file, line, expression, why);
    std::abort();
}

namespace judge {
namespace {

struct Options {
    std::vector<std::string> subject;
    std::vector<std::string> via;
    std::optional<Law> law;
    std::uint32_t seeds = 2;
    unsigned largest_order = 0;
    unsigned maps = laws::frames::all_maps;
    std::string json;
    std::string junit;
    std::string reproduce;  ///< {law} stands for the law
};

[[noreturn]] void refuse(const std::string& why) {
    std::fprintf(stderr, "judge: %s\n", why.c_str());
    std::exit(2);
}

Law law_named(const std::string& name) {
    for (std::size_t law = 0; law < law_count; ++law) {
        if (name == laws::frames::law_names[law]) {
            return static_cast<Law>(law);
        }
    }
    refuse("there is no law '" + name + "'. The laws are F1 to F8");
}

unsigned number(const std::string& text) {
    char* end = nullptr;
    const unsigned long value = std::strtoul(text.c_str(), &end, 10);
    if (text.empty() || *end != '\0' || value > 1000) {
        refuse("'" + text + "' is not a number up to 1000");
    }
    return static_cast<unsigned>(value);
}

Options parse(std::vector<std::string> words) {
    Options options;
    std::string command = words[0];
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string& option = words[i];
        if (option == "--") {
            options.subject.insert(options.subject.end(),
                                   words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
            break;
        }
        if (i + 1 == words.size()) {
            refuse("what does '" + option + "' mean? See the top of tests/judge/judge.cpp");
        }
        const std::string& value = words[++i];
        if (option == "--subject") {
            options.subject.insert(options.subject.begin(), value);
        } else if (option == "--via") {
            std::istringstream stream(value);
            for (std::string word; stream >> word;) {
                options.via.push_back(word);
            }
        } else if (option == "--law") {
            options.law = law_named(value);
        } else if (option == "--seeds") {
            options.seeds = number(value);
        } else if (option == "--maps" && (value == "small" || value == "all")) {
            options.maps = value == "all" ? laws::frames::all_maps : laws::frames::small_maps;
        } else if (option == "--largest-order") {
            options.largest_order = number(value);
        } else if (option == "--json") {
            options.json = value;
        } else if (option == "--junit") {
            options.junit = value;
        } else if (option == "--reproduce") {
            options.reproduce = value;
        } else {
            refuse("there is no option '" + option + "'");
        }
    }
    if (options.subject.empty() || options.seeds == 0) {
        refuse("needs --subject PROGRAM, and at least one seed");
    }
    if (options.reproduce.empty()) {
        options.reproduce = command + " --subject " + options.subject[0] + " --law {law} --seeds " +
                            std::to_string(options.seeds);
        for (std::size_t i = 1; i < options.subject.size(); ++i) {
            options.reproduce += (i == 1 ? " -- " : " ") + options.subject[i];
        }
    }
    return options;
}

std::string reproduce(const Options& options, Law law) {
    std::string text = options.reproduce;
    if (const std::size_t at = text.find("{law}"); at != std::string::npos) {
        text.replace(at, 5, laws::frames::law_names[static_cast<std::size_t>(law)]);
    }
    return text;
}

void write(const std::string& path, const Results& results,
           void (*format)(std::FILE*, const Results&)) {
    if (path.empty()) {
        return;
    }
    std::FILE* const file = std::fopen(path.c_str(), "w");
    if (file == nullptr) {
        refuse(path + ": " + std::strerror(errno));
    }
    format(file, results);
    if (std::fclose(file) != 0) {
        refuse(path + ": " + std::strerror(errno));
    }
}

int run(const Options& options) {
    SubjectProcess subject(options.subject, options.via);
    Results results;
    results.suite = "frame_allocator";
    results.complete = subject.introduce();
    results.subject = subject.name();
    std::array<Verdict, law_count> verdicts;
    if (results.complete) {
        verdicts = Judge(subject, options.seeds, options.maps).judge(options.law);
    }
    bool kept = results.complete;
    for (std::size_t law = 0; law < law_count; ++law) {
        if (options.law && *options.law != static_cast<Law>(law)) {
            continue;
        }
        Verdict& verdict = verdicts[law];
        if (!results.complete) {
            verdict.message = subject.last_words();
        } else if (static_cast<Law>(law) == Law::f4 && verdict.kind == Verdict::Kind::kept &&
                   subject.largest_order().value() < options.largest_order) {
            verdict.kind = Verdict::Kind::broken;
            verdict.message = "expected a policy that serves orders up to " +
                              std::to_string(options.largest_order) + ", its largest_order is " +
                              std::to_string(subject.largest_order().value());
        }
        kept = kept && verdict.kind == Verdict::Kind::kept;
        results.rows.push_back(
            {static_cast<Law>(law), std::move(verdict), reproduce(options, static_cast<Law>(law))});
    }
    write_text(stdout, results);
    write(options.json, results, &write_json);
    write(options.junit, results, &write_junit);
    return !results.complete ? 2 : kept ? 0 : 1;
}

}  // namespace
}  // namespace judge
}  // namespace kidney

int main(int count, char** words) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);  // for the subjects, which may crash a hundred times
    return kidney::judge::run(kidney::judge::parse({words, words + count}));
}

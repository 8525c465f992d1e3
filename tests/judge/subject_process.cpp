#include "tests/judge/subject_process.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string_view>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace kidney::judge {
namespace {

using laws::frames::Answer;

// A subject counts its own steps, and has made all that it may within ten seconds or so. These are
// for one that hinders that; a sandbox around it ends it earlier, and says why.
constexpr rlim_t cpu_seconds = 120;
constexpr int silent_milliseconds = 600'000;
constexpr std::size_t output_limit = std::size_t{1} << 28;
constexpr std::size_t longest_line = 4096;  // no answer is as long

void put(std::string& text, std::uint32_t number) {
    char digits[12];
    const auto end = std::to_chars(digits, digits + sizeof digits, number, 16).ptr;
    text.append(digits, end);
    text.push_back(' ');
}

void put(std::string& text, const OwnedPlan& owned, bool careful) {
    const laws::frames::Plan& plan = owned.head;
    text += 'P';
    for (const std::uint32_t n :
         {std::uint32_t{careful}, std::uint32_t{plan.instances}, std::uint32_t{plan.interleaved},
          plan.shift, plan.place, std::uint32_t{plan.pattern}, std::uint32_t{plan.lived_before},
          plan.spans[0].first.value(), plan.spans[0].count, plan.spans[1].first.value(),
          plan.spans[1].count, static_cast<std::uint32_t>(owned.steps.size())}) {
        put(text, n);
    }
    for (const laws::frames::Step& step : owned.steps) {
        put(text, static_cast<std::uint32_t>(step.op));
        put(text, step.instance);
        put(text, step.order);
        put(text, step.a);
        put(text, step.b);
    }
    text += '\n';
}

/// Sanitizers report and end the program; the slow search for source lines is asked for.
void set_environment(bool with_lines) {
    const std::string options =
        std::string(
            "detect_leaks=0:handle_abort=0:allocator_may_return_null=1:disable_coredump=1:"
            "symbolize=") +
        (with_lines ? "1" : "0");
    ::setenv("ASAN_OPTIONS", options.c_str(), 1);
    ::setenv("UBSAN_OPTIONS", "print_stacktrace=0", 1);
    constexpr const char* symbolizer = "/usr/bin/llvm-symbolizer-19";
    if (::access(symbolizer, X_OK) == 0) {
        ::setenv("ASAN_SYMBOLIZER_PATH", symbolizer, 0);
    }
}

/// Takes a hexadecimal word off the front of a line.
std::uint32_t take_number(std::string_view& line) {
    std::uint32_t value = 0;
    while (!line.empty() && line.front() == ' ') {
        line.remove_prefix(1);
    }
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value, 16);
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    return error == std::errc() ? value : 0;
}

/// One answer. False for a line that is none.
bool parse(std::string_view line, Run& run) {
    using Outcome = Answer::Outcome;
    Answer answer;
    const char kind = line.front();
    line.remove_prefix(1);
    switch (kind) {
        case 'd':
            break;
        case 'm':
            answer.size = take_number(line);
            break;
        case 's':
            answer.outcome = Outcome::served;
            answer.frame = FrameNumber(take_number(line));
            break;
        case 'r': {
            answer.outcome = Outcome::refused;
            const auto last = static_cast<std::uint32_t>(Errc::restart);
            answer.error = static_cast<Errc>(std::min(take_number(line), last));
            break;
        }
        case 't':
            answer.outcome = Outcome::trapped;
            run.complaint = line;
            line = {};
            break;
        case 'o':
            answer.outcome = Outcome::oversized;
            answer.size = take_number(line);
            break;
        case 'l':
            answer.outcome = Outcome::endless;
            run.steps = take_number(line);
            break;
        case 'w':
            answer.outcome = Outcome::worn_out;
            run.steps = take_number(line);
            break;
        default:
            return false;
    }
    answer.free_frames = take_number(line);
    const std::uint32_t canaries = take_number(line);
    answer.before_intact = (canaries & 1U) == 0;
    answer.behind_intact = (canaries & 2U) == 0;
    run.answers.push_back(answer);
    return true;
}

/// What of a sanitizer's report is worth a line: what, and where in the sources.
std::string essence(const std::string& errors) {
    std::string result;
    std::string place;
    std::size_t at = 0;
    while (at < errors.size()) {
        const std::size_t end = std::min(errors.find('\n', at), errors.size());
        const std::string_view line(errors.data() + at, end - at);
        at = end + 1;
        const std::size_t sanitizer = line.find("ERROR: ");
        const std::size_t undefined = line.find("runtime error: ");
        if (result.empty() && sanitizer != std::string_view::npos) {
            result = line.substr(sanitizer + 7);
            // The addresses that follow are different each time.
            result = result.substr(0, result.find(" on "));
            result = result.substr(0, result.find(" (pc "));
        } else if (result.empty() && undefined != std::string_view::npos) {
            result = line;
        } else if (place.empty() && line.find("    #") == 0 &&
                   line.find(".hpp:") != std::string_view::npos &&
                   line.find("tests/") == std::string_view::npos &&
                   line.find("/usr/") == std::string_view::npos) {
            place = line.substr(line.find(" in ") + 4);
        }
    }
    if (result.empty()) {
        result = errors.substr(0, std::min(errors.find('\n'), std::size_t{200}));
    }
    return place.empty() ? result : result + " in " + place;
}

/// How it ended, if the last answer says that. Whoever has ended it with that answer has said all.
bool set_end(Run& run) {
    if (run.answers.empty() || !laws::frames::has_no_end(run.answers.back())) {
        return false;
    }
    const bool endless = run.answers.back().outcome == Answer::Outcome::endless;
    run.end = endless ? Run::End::endless : Run::End::worn_out;
    return true;
}

}  // namespace

SubjectProcess::SubjectProcess(std::vector<std::string> command, std::vector<std::string> via)
    : command_(std::move(via)) {
    command_.insert(command_.end(), command.begin(), command.end());
}

SubjectProcess::Output SubjectProcess::start(const std::string& input, bool with_lines) {
    ++starts_;
    Output output;
    const int in = ::memfd_create("plans", MFD_CLOEXEC);
    int out[2];
    int err[2];
    if (in < 0 || ::write(in, input.data(), input.size()) != static_cast<ssize_t>(input.size()) ||
        ::lseek(in, 0, SEEK_SET) != 0 || ::pipe2(out, O_CLOEXEC) != 0 ||
        ::pipe2(err, O_CLOEXEC) != 0) {
        std::perror("judge");
        std::exit(2);
    }
    std::vector<char*> arguments;
    for (std::string& word : command_) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    // Not fork(): it would copy the page tables of all that we remember.
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, err[1], STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    set_environment(with_lines);
    pid_t child = -1;
    const int error =
        ::posix_spawnp(&child, arguments[0], &files, &attributes, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    ::close(in);
    ::close(out[1]);
    ::close(err[1]);
    if (error != 0) {
        ::close(out[0]);
        ::close(err[0]);
        output.end = std::string(arguments[0]) + ": " + std::strerror(error);
        return output;
    }
    const rlimit cpu{cpu_seconds, cpu_seconds + 1};
    ::prlimit(child, RLIMIT_CPU, &cpu, nullptr);
    pollfd from[] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
    std::string* const to[] = {&output.text, &output.errors};
    std::vector<char> buffer(1U << 16);
    for (unsigned open = 2; open != 0;) {
        const int ready = ::poll(from, 2, silent_milliseconds);
        if (ready < 0 && errno == EINTR) {
            continue;
        }
        if (ready <= 0) {
            output.too_late = true;
            break;
        }
        for (unsigned i = 0; i < 2; ++i) {
            if (from[i].revents == 0) {
                continue;
            }
            const ssize_t n = ::read(from[i].fd, buffer.data(), buffer.size());
            if (n <= 0) {
                from[i].fd = -1;
                --open;
                continue;
            }
            if (to[i]->size() < output_limit >> (i * 8)) {
                to[i]->append(buffer.data(), static_cast<std::size_t>(n));
            } else if (i == 0) {
                open = 0;  // a flood
                break;
            }
            if (i == 0 && output.text.size() - (output.text.rfind('\n') + 1) > longest_line) {
                open = 0;  // and what is no answer at all is seen at once
                break;
            }
        }
    }
    ::kill(-child, SIGKILL);  // and whatever it has started
    ::close(out[0]);
    ::close(err[0]);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) {
        const int signal = WTERMSIG(status);
        output.too_late = output.too_late || signal == SIGXCPU;
        output.end =
            std::string("signal ") + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
    } else if (WEXITSTATUS(status) != 0) {
        output.end = "exit status " + std::to_string(WEXITSTATUS(status));
    }
    return output;
}

bool SubjectProcess::introduce() {
    const Output output = start("", false);
    std::string_view text = output.text;
    if (text.empty() || text.front() != 'S' || text.find('\n') == std::string_view::npos) {
        death_ = "the subject does not say who it is; it ended with " +
                 (output.end.empty() ? "exit status 0" : output.end) + ". " +
                 essence(output.errors);
        return false;
    }
    text = text.substr(1, text.find('\n') - 1);
    largest_ = FrameOrder(static_cast<std::uint8_t>(std::min(take_number(text), 31U)));
    name_ = text.substr(std::min(text.find_first_not_of(' '), text.size()));
    return true;
}

std::size_t SubjectProcess::read(const std::string& text, std::vector<Run>& runs,
                                 std::size_t first) {
    std::size_t done = 0;
    bool open = false;
    for (std::size_t at = 0; at < text.size() && first + done < runs.size();) {
        const std::size_t end = text.find('\n', at);
        if (end == std::string::npos || end == at) {
            break;  // cut off in the middle of a line, or not our protocol
        }
        const std::string_view line(text.data() + at, end - at);
        at = end + 1;
        Run& run = runs[first + done];
        if (line == "P" && !open) {
            open = true;
            run = {};
        } else if (line.front() == 'E' && open) {
            std::string_view rest = line.substr(1);
            run.steps = take_number(rest);
            run.end = Run::End::complete;
            open = false;
            ++done;
        } else if (line.front() == 'S' && !open) {
            continue;
        } else if (!open || !parse(line, run)) {
            break;  // not our protocol
        }
    }
    return done;
}

std::vector<Run> SubjectProcess::play(const std::vector<OwnedPlan>& plans, unsigned deaths) {
    std::vector<Run> runs(plans.size());
    std::size_t at = 0;
    while (at < plans.size() && deaths != 0) {
        std::string input;
        for (std::size_t i = at; i < plans.size(); ++i) {
            put(input, plans[i], false);
        }
        const Output output = start(input, false);
        at += read(output.text, runs, at);
        if (at == plans.size()) {
            break;
        }
        Run& run = runs[at];
        if (!set_end(run)) {
            run = play_carefully(plans[at], false);
        }
        if (run.end == Run::End::worn_out) {
            break;
        }
        ++at;
        --deaths;
    }
    return runs;
}

Run SubjectProcess::play_carefully(const OwnedPlan& plan, bool with_lines) {
    std::string input;
    put(input, plan, true);
    const Output output = start(input, with_lines);
    std::vector<Run> runs(1);
    static_cast<void>(read(output.text, runs, 0));
    Run& run = runs[0];
    if (!set_end(run)) {
        run.end = output.too_late ? Run::End::endless : Run::End::died;
    }
    run.death = output.end.empty() ? "the program ended with exit status 0" : output.end;
    if (const std::string why = essence(output.errors);
        !output.end.empty() && why.find_first_not_of(' ') != std::string::npos) {
        run.death = why;
    }
    return std::move(run);
}

}  // namespace kidney::judge

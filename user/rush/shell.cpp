#include "user/rush/shell.hpp"

#include "user/rush/builtins.hpp"
#include "user/rush/redirect.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace rush {
namespace {

constexpr int not_found = 127;
constexpr int not_executable = 126;
constexpr int syntax_error = 2;

void handle_interrupt(int) {}

std::vector<std::string> expand_all(const std::vector<Word>& words, const Variables& variables) {
    std::vector<std::string> fields;
    for (const Word& word : words) {
        for (std::string& field : expand(word, variables)) {
            fields.push_back(std::move(field));
        }
    }
    return fields;
}

/// One line, without reading past it: what follows may be the input of a command. Nothing: end of
/// input.
std::optional<std::string> read_line(bool& interrupted) {
    std::string line;
    for (char c = 0;;) {
        const ssize_t count = read(STDIN_FILENO, &c, 1);
        if (count < 0 && errno == EINTR) {
            interrupted = true;
            return "";
        }
        if (count <= 0) {
            return line.empty() ? std::nullopt : std::optional(line);
        }
        line += c;
        if (c == '\n') {
            return line;
        }
    }
}

}  // namespace

Shell::Shell(std::vector<std::string> arguments, bool interactive)
    : arguments_(std::move(arguments)), interactive_(interactive), has_job_control_(false) {
    if (!interactive_) {
        return;
    }
    // Without SA_RESTART, so that Ctrl-C ends the read of a half-typed line.
    struct sigaction action{};
    action.sa_handler = handle_interrupt;
    sigaction(SIGINT, &action, nullptr);
    for (const int ignored : {SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU}) {
        std::signal(ignored, SIG_IGN);
    }
    has_job_control_ = tcgetpgrp(STDIN_FILENO) == getpgrp();
}

int Shell::run(std::string_view source) {
    const Parsed parsed = parse(source);
    if (!parsed.error.empty() || parsed.incomplete) {
        std::fprintf(stderr, "rush: %s\n",
                     parsed.error.empty() ? "unterminated quotation" : parsed.error.c_str());
        return last_status_ = syntax_error;
    }
    for (const Job& job : parsed.jobs) {
        if (exit_requested_) {
            break;
        }
        run_job(job);
    }
    return exit_requested_.value_or(last_status_);
}

int Shell::interact() {
    std::string text;
    while (!exit_requested_) {
        if (interactive_) {
            jobs_.poll();
            jobs_.report_done();
            char directory[4096];
            const char* shown = getcwd(directory, sizeof directory) != nullptr ? directory : "?";
            std::fprintf(stderr, text.empty() ? "rush:%s$ " : "> ", shown);
        }
        bool interrupted = false;
        const std::optional<std::string> line = read_line(interrupted);
        if (interrupted) {
            std::fputc('\n', stderr);
            text.clear();
            continue;
        }
        if (!line) {
            break;
        }
        text += *line;
        if (!parse(text).incomplete) {
            run(text);
            text.clear();
        }
    }
    if (!text.empty()) {
        run(text);
    }
    return exit_requested_.value_or(last_status_);
}

std::string Shell::value_of(std::string_view name) const {
    if (name == "?") {
        return std::to_string(last_status_);
    }
    if (name == "$") {
        return std::to_string(getpid());
    }
    if (name == "!") {
        return std::to_string(last_background_);
    }
    if (name == "#") {
        return std::to_string(arguments_.size() - 1);
    }
    if (name.size() == 1 && name[0] >= '0' && name[0] <= '9') {
        const auto index = static_cast<std::size_t>(name[0] - '0');
        return index < arguments_.size() ? arguments_[index] : "";
    }
    if (const auto at = variables_.find(name); at != variables_.end()) {
        return at->second;
    }
    const char* exported = std::getenv(std::string(name).c_str());
    return exported != nullptr ? exported : "";
}

void Shell::set_variable(const std::string& name, std::string value) {
    if (std::getenv(name.c_str()) != nullptr) {
        setenv(name.c_str(), value.c_str(), 1);
    } else {
        variables_[name] = std::move(value);
    }
}

void Shell::export_variable(const std::string& name) {
    setenv(name.c_str(), value_of(name).c_str(), 1);
    variables_.erase(name);
}

void Shell::unset_variable(const std::string& name) {
    variables_.erase(name);
    unsetenv(name.c_str());
}

void Shell::request_exit(int status) {
    exit_requested_ = status;
}

void Shell::run_job(const Job& job) {
    if (job.background) {
        start_in_background(job);
        return;
    }
    run_steps(job);
}

void Shell::run_steps(const Job& job) {
    for (const Step& step : job.steps) {
        using enum Step::Condition;
        const bool due =
            step.condition == always || (step.condition == after_success) == (last_status_ == 0);
        if (due && !exit_requested_) {
            last_status_ = run_pipeline(step.pipeline, job.text);
        }
    }
}

int Shell::run_pipeline(const Pipeline& pipeline, const std::string& text) {
    const auto judged = [&](int status) {
        return pipeline.negated ? static_cast<int>(status == 0) : status;
    };
    if (pipeline.commands.size() == 1) {
        if (const auto status = run_without_fork(pipeline.commands.front())) {
            return judged(*status);
        }
    }
    std::vector<pid_t> pids;
    pid_t group = 0;
    int input = -1;
    for (std::size_t i = 0; i < pipeline.commands.size(); ++i) {
        int ends[2] = {-1, -1};
        const bool is_last = i + 1 == pipeline.commands.size();
        if (!is_last && pipe2(ends, O_CLOEXEC) != 0) {
            complain("pipe");
            break;
        }
        const pid_t pid = start(pipeline.commands[i], input, ends[1], ends[0], group);
        if (pid > 0) {
            group = group == 0 ? pid : group;
            pids.push_back(pid);
        }
        if (input >= 0) {
            close(input);
        }
        if (!is_last) {
            close(ends[1]);
        }
        input = ends[0];
    }
    if (pids.empty()) {
        return judged(1);
    }
    return judged(
        wait_in_foreground(jobs_.add(has_job_control_ ? group : 0, std::move(pids), text)));
}

/// Built-in commands and plain assignments change this very process. Nothing: the command needs one
/// of its own.
std::optional<int> Shell::run_without_fork(const Command& command) {
    const std::vector<std::string> words = expand_all(command.words, *this);
    const Builtin* builtin = words.empty() ? nullptr : find_builtin(words.front());
    if (builtin == nullptr && !words.empty()) {
        return std::nullopt;
    }
    const SavedDescriptors saved(command.redirections);
    if (!redirect(command.redirections, *this)) {
        return 1;
    }
    for (const Assignment& assignment : command.assignments) {
        set_variable(assignment.name, expand_to_one(assignment.value, *this));
    }
    return builtin == nullptr ? 0 : builtin->run(*this, words);
}

/// Starts a command with the given pipe ends as its input and output (-1: as they are).
pid_t Shell::start(const Command& command, int input, int output, int unused, pid_t group) {
    std::fflush(stdout);
    const pid_t pid = fork();
    if (pid < 0) {
        complain("fork");
        return pid;
    }
    if (pid > 0) {
        if (has_job_control_) {
            setpgid(pid, group);  // in the child too: whoever comes first
        }
        return pid;
    }
    enter_child(group, true);
    if (unused >= 0) {
        close(unused);
    }
    if (input >= 0) {
        dup2(input, STDIN_FILENO);
        close(input);
    }
    if (output >= 0) {
        dup2(output, STDOUT_FILENO);
        close(output);
    }
    become(command);
}

/// In a new child: its place among the groups, and signals as a program expects them.
void Shell::enter_child(pid_t group, bool foreground) {
    jobs_.clear();
    if (has_job_control_) {
        setpgid(0, group);
        if (foreground) {
            tcsetpgrp(STDIN_FILENO, getpgrp());  // SIGTTOU is still ignored here
        }
    }
    if (interactive_) {
        for (const int signal : {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU}) {
            std::signal(signal, SIG_DFL);
        }
    }
    interactive_ = has_job_control_ = false;
}

void Shell::become(const Command& command) {
    if (!redirect(command.redirections, *this)) {
        _exit(1);
    }
    for (const Assignment& assignment : command.assignments) {
        setenv(assignment.name.c_str(), expand_to_one(assignment.value, *this).c_str(), 1);
    }
    const std::vector<std::string> words = expand_all(command.words, *this);
    if (words.empty()) {
        _exit(0);
    }
    if (const Builtin* builtin = find_builtin(words.front())) {
        const int status = builtin->run(*this, words);
        std::fflush(stdout);
        _exit(exit_requested_.value_or(status));
    }
    std::vector<char*> argv;
    for (const std::string& word : words) {
        argv.push_back(const_cast<char*>(word.c_str()));
    }
    argv.push_back(nullptr);
    execvp(argv.front(), argv.data());
    const int error = errno;
    complain(words.front());
    _exit(error == ENOENT ? not_found : not_executable);
}

void Shell::start_in_background(const Job& job) {
    std::fflush(stdout);
    const pid_t pid = fork();
    if (pid < 0) {
        complain("fork");
        last_status_ = 1;
        return;
    }
    if (pid == 0) {
        const bool had_job_control = has_job_control_;
        enter_child(0, false);
        if (!had_job_control) {
            // Nobody can bring it to the foreground, so it must not compete for the terminal.
            std::signal(SIGINT, SIG_IGN);
            if (const int null = open("/dev/null", O_RDONLY); null >= 0) {
                dup2(null, STDIN_FILENO);
                close(null);
            }
        }
        run_steps(job);
        std::fflush(stdout);
        _exit(exit_requested_.value_or(last_status_));
    }
    if (has_job_control_) {
        setpgid(pid, pid);
    }
    const RunningJob& running = jobs_.add(has_job_control_ ? pid : 0, {pid}, job.text);
    last_background_ = pid;
    last_status_ = 0;
    if (interactive_) {
        std::fprintf(stderr, "[%d] %d\n", running.number, pid);
    }
}

int Shell::wait_in_foreground(RunningJob& job) {
    if (job.group != 0) {
        tcsetpgrp(STDIN_FILENO, job.group);
    }
    while (!jobs_.wait(job)) {
        // Interrupted by a signal meant for the job; it decides what to do with it.
    }
    if (job.group != 0) {
        tcsetpgrp(STDIN_FILENO, getpgrp());
    }
    const int status = job.status;
    if (job.state() == RunningJob::State::stopped) {
        std::fprintf(stderr, "\n[%d] Stopped    %s\n", job.number, job.text.c_str());
        return exit_code(status);
    }
    jobs_.remove(job.number);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) {
        std::fputc('\n', stderr);
    } else if (WIFSIGNALED(status) && WTERMSIG(status) != SIGPIPE) {
        std::fprintf(stderr, "%s\n", strsignal(WTERMSIG(status)));
    }
    return exit_code(status);
}

void Shell::continue_job(RunningJob& job) {
    job.stopped = false;
    if (job.group != 0) {
        kill(-job.group, SIGCONT);
    }
}

}  // namespace rush

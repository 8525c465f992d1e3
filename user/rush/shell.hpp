#pragma once
/// The shell itself: variables, jobs, and the running of a parsed tree.

#include "user/rush/expand.hpp"
#include "user/rush/jobs.hpp"
#include "user/rush/parser.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rush {

class Shell final : public Variables {
public:
    /// `arguments` are $0, $1, ... An interactive shell prompts, controls jobs and survives Ctrl-C.
    Shell(std::vector<std::string> arguments, bool interactive);

    /// Runs a text. The status of the last command; 2 for a syntax error.
    int run(std::string_view source);
    /// Prompts and runs line after line until the end of the input or `exit`. The status to end
    /// with.
    int interact();

    // What the built-in commands need.
    std::string value_of(std::string_view name) const override;
    void set_variable(const std::string& name, std::string value);
    void export_variable(const std::string& name);
    void unset_variable(const std::string& name);
    void request_exit(int status);
    int last_status() const { return last_status_; }
    JobTable& jobs() { return jobs_; }
    /// Waits for a job in the foreground, the terminal being its own meanwhile. Its status.
    int wait_in_foreground(RunningJob& job);
    void continue_job(RunningJob& job);

private:
    void run_job(const Job& job);
    void run_steps(const Job& job);
    int run_pipeline(const Pipeline& pipeline, const std::string& text);
    std::optional<int> run_without_fork(const Command& command);
    pid_t start(const Command& command, int input, int output, int unused, pid_t group);
    void start_in_background(const Job& job);
    [[noreturn]] void become(const Command& command);
    void enter_child(pid_t group, bool foreground);

    std::vector<std::string> arguments_;
    std::map<std::string, std::string, std::less<>> variables_;  // those not in the environment
    JobTable jobs_;
    bool interactive_;
    bool has_job_control_;
    int last_status_ = 0;
    pid_t last_background_ = 0;
    std::optional<int> exit_requested_;
};

}  // namespace rush
